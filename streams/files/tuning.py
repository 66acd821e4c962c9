"""What-if answers in JSON: the contract of `tune --json`, and the source of its summary and report.

    {"scope": {"facility", "unit", "type": TYPE, "priority": null: any},
     "span": {"from", "to"} in ms since 1970,
     "setting": SETTING,
     "before" | "after" | "removed" | "delayed": COUNTS,
     "by": the number of removed alarms by lever,
     "not_evaluable", "at_limit": see `analyzer.whatif.levers.Fates`,
     "known": SHARE of the alarms whose class is actionable, non-actionable or technical,
     "lost": BOUNDED SHARE of the actionable alarms that would not have sounded,
     "among_removed": BOUNDED SHARE of the removed alarms, classified as actionable or
         non-actionable, that were actionable,
     "late": {"actionable": how many would have sounded late, "by_seconds": by how much},
     "sounding_seconds": {"before", "after"}: the sum over the alarms of the scope,
     "load": {"before" | "after": of all clinicians and all alarms, see
         `analyzer.whatif.effects.Workload`, "duty": "roster", or inferred from "alarms"},
     "units": [{"facility", "unit", "before": COUNTS, "after": COUNTS}],
     "hours": [{"hour": of the day, UTC, "before", "after"}],
     "days": [{"day", "before", "after"}],
     "caveats": sentences,
     "malformed": the number of lines left out,
     "types": null or [{"type": TYPE, "alarms", "search": SEARCH}]: a search for each of the types
         with the highest load,
     "search": null or SEARCH}

    SEARCH  {"settings": how many, "tolerance", "chosen_until": ms, the end of the searched part,
             "before": COUNTS, "reason": why nothing is recommended, or null,
             "pareto": [CANDIDATE], "best": CANDIDATE or null, "held_out": null or the test on the
             rest, {"before": COUNTS, "removed": COUNTS, "lost": BOUNDED SHARE,
             "promise": "kept" | "open" | "broken"}}
    SETTING {"limit", "delay_seconds", "holdoff_seconds", "beside": TYPE, "priority", "sent_from"}
    CANDIDATE {"setting": SETTING, "spared": removed alarms that are not known to have been
             actionable, "lost": BOUNDED SHARE, "late", "silenced_seconds"}
    TYPE    {"device_type", "source", "code"}, or null
    COUNTS  {"alarms", "classes": {"actionable", ..., "unknown"}}
    SHARE   {"count", "of", "share"}; a BOUNDED one also has "upper", the one-sided upper bound at
            "confidence"

It never names a clinician, a bed, a patient or a device.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from analyzer.arrays import Flags, Numbers
from analyzer.columns import AlarmType
from analyzer.model import HOUR
from analyzer.pipeline import CLASSES
from analyzer.whatif import (
    CONFIDENCE,
    TRAIN,
    Duty,
    DutySource,
    Grid,
    HeldOut,
    Recorded,
    Risk,
    Scope,
    Searched,
    Setting,
    Tolerance,
    Trial,
    Verdict,
    Workload,
    by_day,
    by_hour,
    by_unit,
    caveats_of_setting,
    duty_by_alarms,
    fates,
    judge,
    try_settings,
    types_by_load,
    workload_before_after,
)
from streams.files.caveat_words import caveat_words

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which settings to search, within which tolerance, on which share of the recorded time."""

    grid: Grid
    tolerance: Tolerance
    train: float = TRAIN


def evaluated(
    recorded: Recorded,
    scope: Scope,
    setting: Setting,
    confidence: float = CONFIDENCE,
    duty: Duty | None = None,
) -> dict[str, Any]:
    """What one setting would have done.

    `duty` is that of a roster; None: it is inferred from the alarms. Raises `Refused`.
    """
    rows = scope.rows(recorded)
    found = fates(recorded, rows, setting)
    verdict = judge(recorded, rows, setting, found, confidence)
    source: DutySource = "alarms" if duty is None else "roster"
    before, after = workload_before_after(
        recorded, rows, setting, found, duty_by_alarms(recorded) if duty is None else duty
    )
    begin, last = recorded.span
    return {
        "scope": scope_fields(scope),
        "span": {"from": begin, "to": last},
        "setting": setting_fields(setting),
        **verdict_fields(verdict, setting),
        "load": {"before": _workload(before), "after": _workload(after), "duty": source},
        **_breakdowns(recorded, rows, found.sounds),
        "caveats": list(map(caveat_words, caveats_of_setting(verdict, setting, source))),
        "search": None,
        "types": None,
    }


def searched(
    recorded: Recorded,
    scope: Scope,
    wanted: Wanted,
    progress: Callable[[int], object] = lambda _: None,
) -> tuple[dict[str, Any], Setting]:
    """The section `search`, and the recommended setting (if none, one that changes nothing).

    Raises `Refused`.
    """
    alarms = recorded.of(scope.rows(recorded))
    trial = try_settings(alarms, wanted.grid, wanted.tolerance, wanted.train, progress)
    return _trial(trial, wanted.tolerance), trial.best or Setting()


def searched_each(
    recorded: Recorded,
    scope: Scope,
    count: int,
    grid_of: Callable[[Recorded], Grid],
    wanted: Wanted,
    progress: Callable[[int], object],
) -> list[dict[str, Any]]:
    """A search for each of the `count` alarm types with the highest load. Raises `Refused`."""
    ranked = types_by_load(recorded.of(scope.rows(recorded)))
    found = []
    for done, (number, load) in enumerate(ranked[:count], 1):
        if not load:
            break
        own = replace(scope, type=recorded.types[number])
        rows = own.rows(recorded)
        grid = grid_of(recorded.of(rows))
        section, _ = searched(recorded, own, replace(wanted, grid=grid))
        found.append({"type": type_fields(own.type), "alarms": len(rows), "search": section})
        progress(done)
    return found


def verdict_fields(verdict: Verdict, setting: Setting) -> dict[str, Any]:
    alarms, (sounded, would_sound) = verdict.alarms, verdict.sounding
    late = dict(zip(CLASSES, verdict.late.tolist(), strict=True))
    return {
        "before": counted(verdict.before),
        "after": counted(verdict.after),
        "removed": counted(verdict.removed),
        "delayed": counted(verdict.late),
        "by": dict(verdict.by_lever),
        "not_evaluable": verdict.not_evaluable,
        "at_limit": verdict.at_limit,
        "known": _share(alarms - verdict.unknown, alarms),
        "lost": risk_fields(verdict.lost),
        "among_removed": risk_fields(verdict.among_removed),
        "late": {"actionable": late["actionable"], "by_seconds": _seconds(setting.delay)},
        "sounding_seconds": {"before": sounded / 1000, "after": would_sound / 1000},
    }


def scope_fields(scope: Scope) -> dict[str, Any]:
    return {
        "facility": scope.facility,
        "unit": scope.unit,
        "type": type_fields(scope.type),
        "priority": scope.priority,
    }


def setting_fields(setting: Setting) -> dict[str, Any]:
    return {
        "limit": setting.limit,
        "delay_seconds": _seconds(setting.delay),
        "holdoff_seconds": _seconds(setting.holdoff),
        "beside": type_fields(setting.beside),
        "priority": setting.priority,
        "sent_from": setting.sent_from,
    }


def type_fields(of: AlarmType | None) -> dict[str, str] | None:
    return None if of is None else dict(zip(("device_type", "source", "code"), of, strict=True))


def counted(classes: Numbers) -> dict[str, Any]:
    """Counts by `CLASSES`, and their sum."""
    return {
        "alarms": int(classes.sum()),
        "classes": dict(zip(CLASSES, classes.tolist(), strict=True)),
    }


def risk_fields(risk: Risk) -> dict[str, Any]:
    """A share with its bound; `upper` is None if it is a share of no alarms."""
    upper = risk.upper
    return _share(risk.count, risk.of) | {
        "upper": None if upper is None else round(upper, 6),
        "confidence": risk.confidence,
    }


def _trial(trial: Trial, tolerance: Tolerance) -> dict[str, Any]:
    found, best = trial.searched, trial.choice.index
    confidence = tolerance.confidence
    return {
        "settings": len(found.settings),
        "tolerance": asdict(tolerance) | {"late": _seconds(tolerance.late)},
        "chosen_until": trial.until,
        "before": counted(found.before),
        "reason": trial.choice.reason or None,
        "pareto": [_candidate(found, index, confidence) for index in found.pareto().tolist()],
        "best": None if best is None else _candidate(found, best, confidence),
        "held_out": None if trial.held_out is None else _held_out(trial.held_out),
    }


def _candidate(found: Searched, index: int, confidence: float) -> dict[str, Any]:
    return {
        "setting": setting_fields(found.settings[index]),
        "spared": int(found.spared[index]),
        "lost": risk_fields(found.risk(index, confidence)),
        "late": int(found.late[index]),
        "silenced_seconds": int(found.silenced[index]) / 1000,
    }


def _held_out(found: HeldOut) -> dict[str, Any]:
    return {
        "before": counted(found.before),
        "removed": counted(found.removed),
        "lost": risk_fields(found.lost),
        "promise": found.promise,
    }


def _workload(load: Workload) -> dict[str, Any]:
    in_hours = {
        f"{name}_hours": round(getattr(load, name) / HOUR, 3)
        for name in ("duty", "sounding", "flood", "protected")
    }
    median, ninth, most = (None if one != one else one for one in load.per_hour)
    return (
        {"alarms": load.alarms}
        | in_hours
        | {
            "busy_intervals": _share(load.busy_intervals, load.intervals),
            "heavy_hours": _share(load.heavy_hours, load.hours),
            "alarms_an_hour": {"median": median, "ninth_decile": ninth, "most": most},
        }
    )


def _breakdowns(recorded: Recorded, rows: Numbers, sounds: Flags) -> dict[str, Any]:
    """The sections `units`, `hours` and `days`; without alarms, they are empty."""
    units = [
        {
            "facility": one.facility,
            "unit": one.unit,
            "before": counted(one.before),
            "after": counted(one.after),
        }
        for one in by_unit(recorded, rows, sounds)
    ]
    hours = (one.tolist() for one in by_hour(recorded, rows, sounds))
    days = (one.tolist() for one in by_day(recorded, rows, sounds))
    return {
        "units": units,
        "hours": [
            {"hour": hour, "before": before, "after": after}
            for hour, (before, after) in enumerate(zip(*hours, strict=True))
            if len(rows)
        ],
        "days": [
            {
                "day": (_EPOCH + timedelta(days=day)).date().isoformat(),
                "before": before,
                "after": after,
            }
            for day, before, after in zip(*days, strict=True)
        ],
    }


def _share(count: int, of: int) -> dict[str, Any]:
    return {"count": count, "of": of, "share": round(count / of, 6) if of else None}


def _seconds(milliseconds: int | None) -> float | None:
    return None if milliseconds is None else milliseconds / 1000
