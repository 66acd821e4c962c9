"""What-if answers in JSON: the contract of `tune --json`, and the source of its summary and report.

    {"scope": {"facility", "unit", "type": TYPE, "priority": null: any},
     "span": {"from", "to"} in ms since 1970,
     "setting": SETTING,
     "proposal": null, or what a search proposes: [{"type": TYPE, "setting": SETTING}],
     "lost": LOSS of the actionable alarms that would not have sounded,
     "before" | "after" | "removed" | "delayed": COUNTS,
     "by": the number of removed alarms by lever,
     "not_evaluable", "at_limit": see `analyzer.whatif.levers.Fates`,
     "known": SHARE of the alarms whose class is actionable, non-actionable or technical,
     "among_removed": BOUNDED SHARE of the removed alarms, classified as actionable or
         non-actionable, that were actionable,
     "late": {"actionable": how many would have sounded late, "by_seconds": by how much at most},
     "sounding_seconds": {"before", "after"}: the sum over the alarms of the scope,
     "load": {"before" | "after": of all clinicians and all alarms of the facility and unit of the
         scope, see `analyzer.whatif.effects.Workload`, "duty": "roster", or from the "alarms"},
     "time_zone": that of the hours and days (IANA), or null: that of each facility,
     "units": [{"facility", "unit", "before": COUNTS, "after": COUNTS}],
     "hours": [{"hour": of the day, "before", "after"}],
     "days": [{"day", "before", "after", "whole": whether all of it was recorded}],
     "caveats": sentences,
     "malformed": the number of lines left out,
     "types": null, or of a search, those with the highest load first: [{"type": TYPE, "alarms",
         "technical", "high_priority": how many of them, "search": null (not tuned) or TRIAL}],
     "search": null, or {"settings": how many, "tolerance", "include_high": whether alarms of high
         priority were tuned, "chosen_until": ms, the end of the searched part, "before": COUNTS of
         it, "lost": LOSS there, "reason": why nothing is proposed, or null, "held_out": HELD_OUT}}

    TRIAL   {"settings": how many, "before": COUNTS, "reason": why nothing is recommended, or null,
             "pareto": [CANDIDATE] that keep the tolerance, "best": CANDIDATE or null,
             "held_out": HELD_OUT}
    HELD_OUT is null, or the test on the rest of the recording, {"before": COUNTS, "removed":
             COUNTS, "lost": LOSS, "promise"}
    SETTING {"limit", "delay_seconds", "holdoff_seconds", "beside": TYPE, "priority", "sent_from"}
    CANDIDATE {"setting": SETTING, "spared": removed alarms that are not known to have been
             actionable, "lost": LOSS, "late", "silenced_seconds"}
    TYPE    {"device_type", "source", "code", "name": what people call it}, or null
    COUNTS  {"alarms", "classes": {"actionable", ..., "unknown"}}
    SHARE   {"count", "of", "share"}; a BOUNDED one also has "upper", the one-sided upper bound at
            "confidence", and "effective": how many independent alarms tell as much as these; null:
            nothing is changed
    LOSS    BOUNDED SHARE with "tolerated", the share that may be lost, and "promise": its bound is
            within that ("kept"), the share itself is beyond it ("broken"), or neither ("open")

It never names a clinician, a bed, a patient or a device.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from math import isfinite
from typing import Any

import numpy as np

from analyzer.columns import AlarmType
from analyzer.model import HOUR
from analyzer.pipeline import CLASSES
from analyzer.stats import Risk
from analyzer.whatif import (
    TRAIN,
    Duty,
    DutySource,
    Fates,
    Grid,
    HeldOut,
    Recorded,
    Scope,
    Searched,
    Setting,
    Tolerance,
    Trial,
    Verdict,
    Workload,
    caveats_of_settings,
    count_by_class,
    duty_by_alarms,
    fates,
    joined,
    judge,
    kept,
    propose,
    split_at,
    try_each_type,
    tunable,
    workload_before_after,
)
from streams.files.alarm_words import short_name
from streams.files.breakdowns import breakdowns, counted
from streams.files.caveat_words import caveat_words
from streams.formats.calendars import UTC_CALENDARS, Calendars


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which settings to search, for how many types, within which tolerance, on which share of the
    recorded time.
    """

    grid_of: Callable[[Recorded], Grid]
    """The settings to try on the alarms of one type."""
    tolerance: Tolerance
    types: int
    include_high: bool = False
    train: float = TRAIN


def evaluated(
    recorded: Recorded,
    scope: Scope,
    setting: Setting,
    tolerance: Tolerance | None = None,
    duty: Duty | None = None,
    calendars: Calendars = UTC_CALENDARS,
) -> dict[str, Any]:
    """The effect of one setting.

    `duty` is that of a roster; None: it is inferred from the alarms. Raises `Refused`.
    """
    rows = scope.rows(recorded)
    found = fates(recorded, rows, setting)
    answer = _answer(recorded, scope, (setting,), found, tolerance or Tolerance(), duty, calendars)
    return answer | {"setting": setting_fields(setting)}


def searched(
    recorded: Recorded,
    scope: Scope,
    wanted: Wanted,
    duty: Duty | None = None,
    progress: Callable[[int], object] = lambda _: None,
    calendars: Calendars = UTC_CALENDARS,
) -> dict[str, Any]:
    """The joint effect of the best settings of the types, and how they were found.

    `progress` is called with the number of types done. Raises `Refused`.
    """
    rows, tolerance = scope.rows(recorded), wanted.tolerance
    mine = recorded.of(rows)
    high = wanted.include_high or scope.priority == "high"
    until = split_at(mine, wanted.train)
    tried = try_each_type(mine, wanted.types, wanted.grid_of, tolerance, until, high, progress)
    tuned = mine.of(np.flatnonzero(tunable(mine, high)))
    proposal = propose(tuned, tried, tolerance, until)
    found = joined(mine, proposal.parts, high)
    settings = [part.setting for part in proposal.parts]
    first = tuned.of(np.flatnonzero(tuned.start < until))
    of_one_type = scope.type is not None and len(settings) == 1
    return _answer(recorded, scope, settings, found, tolerance, duty, calendars) | {
        "setting": setting_fields(settings[0] if of_one_type else Setting()),
        "proposal": [
            {"type": type_fields(part.type), "setting": setting_fields(part.setting)}
            for part in proposal.parts
        ],
        "search": {
            "settings": sum(len(one.trial.searched.settings) for one in tried if one.trial),
            "tolerance": asdict(tolerance) | {"late": _seconds(tolerance.late)},
            "include_high": high,
            "chosen_until": round(until),
            "before": counted(count_by_class(first.klass)),
            "lost": loss_fields(proposal.lost, tolerance.lost),
            "reason": proposal.reason or None,
            "held_out": _held_out(proposal.held_out, tolerance),
        },
        "types": [
            {
                "type": type_fields(one.type),
                "alarms": one.alarms,
                "technical": one.technical,
                "high_priority": one.high,
                "search": None if one.trial is None else _trial(one.trial, tolerance),
            }
            for one in tried
        ],
    }


def _answer(
    recorded: Recorded,
    scope: Scope,
    settings: Sequence[Setting],
    found: Fates,
    tolerance: Tolerance,
    duty: Duty | None,
    calendars: Calendars,
) -> dict[str, Any]:
    """`found`: the fates of the alarms in scope; `settings`: what they come from."""
    rows = scope.rows(recorded)
    verdict = judge(recorded, rows, found, tolerance.confidence)
    source: DutySource = "alarms" if duty is None else "roster"
    # Only the clinicians, alarms and duty of the unit: a ward next door would dilute the effect.
    there = Scope(facility=scope.facility, unit=scope.unit).rows(recorded)
    place = recorded.of(there)
    before, after = workload_before_after(
        place, np.searchsorted(there, rows), found, duty_by_alarms(place) if duty is None else duty
    )
    begin, last = recorded.span
    caveats = caveats_of_settings(verdict, settings, source)
    return {
        "scope": scope_fields(scope),
        "span": {"from": begin, "to": last},
        "setting": setting_fields(Setting()),
        "proposal": None,
        **verdict_fields(verdict, found, tolerance.lost),
        "load": {"before": _workload(before), "after": _workload(after), "duty": source},
        **breakdowns(recorded, rows, found.sounds, calendars),
        "caveats": list(map(caveat_words, caveats)),
        "search": None,
        "types": None,
    }


def verdict_fields(verdict: Verdict, found: Fates, tolerated: float) -> dict[str, Any]:
    """The figures of a verdict on `found`; `tolerated`: the share of needed alarms that may be
    lost.
    """
    alarms, (sounded, would_sound) = verdict.alarms, verdict.sounding
    late = dict(zip(CLASSES, verdict.late.tolist(), strict=True))
    late_by = int(found.late_by.max(initial=-1))
    return {
        "lost": loss_fields(verdict.lost, tolerated),
        "before": counted(verdict.before),
        "after": counted(verdict.after),
        "removed": counted(verdict.removed),
        "delayed": counted(verdict.late),
        "by": dict(verdict.by_lever),
        "not_evaluable": verdict.not_evaluable,
        "at_limit": verdict.at_limit,
        "known": _share(alarms - verdict.unknown, alarms),
        "among_removed": risk_fields(verdict.among_removed),
        "late": {
            "actionable": late["actionable"],
            "by_seconds": _seconds(late_by) if late_by >= 0 else None,
        },
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
    if of is None:
        return None
    return dict(zip(("device_type", "source", "code"), of, strict=True)) | {"name": short_name(of)}


def type_of(fields: dict[str, str]) -> AlarmType:
    """The type from `type_fields`."""
    return fields["device_type"], fields["source"], fields["code"]


def risk_fields(risk: Risk) -> dict[str, Any]:
    """A share with its bound; `upper` is None if it is a share of no alarms."""
    upper = risk.upper
    return _share(risk.count, risk.of) | {
        "upper": None if upper is None else round(upper, 6),
        "confidence": risk.confidence,
        "effective": round(risk.effective, 1) if isfinite(risk.effective) else None,
    }


def loss_fields(risk: Risk, tolerated: float) -> dict[str, Any]:
    """`risk_fields`, and whether the share `tolerated` is kept."""
    return risk_fields(risk) | {"tolerated": tolerated, "promise": risk.promise(tolerated)}


def _trial(trial: Trial, tolerance: Tolerance) -> dict[str, Any]:
    found, best = trial.searched, trial.index
    within = set(kept(found, tolerance).tolist())
    return {
        "settings": len(found.settings),
        "before": counted(found.before),
        "reason": trial.reason or None,
        "pareto": [
            _candidate(found, index, tolerance)
            for index in found.pareto().tolist()
            if index in within
        ],
        "best": None if best is None else _candidate(found, best, tolerance),
        "held_out": _held_out(trial.held_out, tolerance),
    }


def _candidate(found: Searched, index: int, tolerance: Tolerance) -> dict[str, Any]:
    return {
        "setting": setting_fields(found.settings[index]),
        "spared": int(found.spared[index]),
        "lost": loss_fields(found.risk(index, tolerance.confidence), tolerance.lost),
        "late": int(found.late[index]),
        "silenced_seconds": int(found.silenced[index]) / 1000,
    }


def _held_out(found: HeldOut | None, tolerance: Tolerance) -> dict[str, Any] | None:
    if found is None:
        return None
    return {
        "before": counted(found.before),
        "removed": counted(found.removed),
        "lost": loss_fields(found.lost, tolerance.lost),
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


def _share(count: int, of: int) -> dict[str, Any]:
    return {"count": count, "of": of, "share": round(count / of, 6) if of else None}


def _seconds(milliseconds: int | None) -> float | None:
    return None if milliseconds is None else milliseconds / 1000
