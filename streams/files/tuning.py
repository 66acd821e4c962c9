"""What-if answers in JSON: the contract of `tune --json`, and what its summary and its report are
made from.

    {"scope": {"facility", "unit", "type": {"device_type", "source", "code"}, "priority": null where any is meant},
     "span": {"from", "to"} in ms,
     "setting": SETTING, "before" | "after" | "removed" | "delayed": {"alarms", "classes": {"actionable", ..., "unknown"}},
     "by": how many of those removed each lever removed, "not_evaluable", "at_limit": see `analyzer.whatif.levers`,
     "known": SHARE of the alarms whose class is known (actionable, non-actionable or technical),
     "lost": SHARE of the actionable alarms that would not have sounded, with "upper": its one-sided bound at "confidence",
     "among_removed": SHARE of the alarms removed whose class people decided (actionable or non-actionable) that were actionable, with
         "upper" and "confidence", "late": {"actionable": how many of these would have sounded late, "by_seconds": by how much},
     "sounding_seconds": {"before", "after"}: of the alarms of the scope, added up,
     "load": {"before" | "after": of all clinicians and all alarms together, see `analyzer.whatif.effects.Weight`, "duty": "roster" or
         "alarms" (inferred)},
     "units": [{"facility", "unit", "before", "after"}], "hours": [{"hour": of the day, UTC, "before", "after"}],
     "days": [{"day", "before", "after"}], "caveats": sentences, "malformed": lines left out,
     "types": null or [{"type", "alarms", "search"}]: a search of its own for each of the types with most load,
     "search": null or {"settings": how many, "tolerance", "chosen_until": ms, "reason": why none, "pareto": [CANDIDATE], "best": CANDIDATE
         or null, "held_out": {"before", "removed", "lost", "promise": "kept" | "open" | "broken"} or null}, on the first part of the time

SETTING is {"limit", "delay_seconds", "holdoff_seconds", "beside", "priority", "sent_from"},
CANDIDATE {"setting", "spared": alarms removed that are not known to have been actionable, "lost",
"late"}, SHARE {"count", "of", "share"}. Nothing in it names a clinician, a bed, a patient or a
device.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from analyzer.arrays import Numbers
from analyzer.columns import AlarmType
from analyzer.model import HOUR, PRIORITIES
from analyzer.pipeline import ACTIONABLE, CLASSES, NON_ACTIONABLE, PENDING, UNKNOWN
from analyzer.stats import upper_bound
from analyzer.whatif import (
    LEVERS,
    SOUNDS,
    Duty,
    Fates,
    Grid,
    Recorded,
    Scope,
    Searched,
    Setting,
    Tolerance,
    Weight,
    duty_by_alarms,
    fates,
    recommend,
    search,
    split,
    tally,
    weigh_both,
)

DAY = 24 * HOUR
CONFIDENCE = 0.95
TRAIN = 0.6
"""The share of the time that a setting is chosen on; the promise is tested on the rest."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What to search, by which promise."""

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

    `duty`: by a roster, None: by the alarms. Raises `Refused`.
    """
    rows = scope.rows(recorded)
    found = fates(recorded, rows, setting)
    begin, last = recorded.span
    return {
        "scope": scope_fields(scope),
        "span": {"from": begin, "to": last},
        "setting": described(setting),
        **judged(recorded, rows, setting, found, confidence),
        "load": _load(recorded, rows, setting, found, duty),
        "units": _units(recorded, rows, found),
        "hours": _hours(recorded, rows, found),
        "days": _days(recorded, rows, found),
        "caveats": caveats(recorded, rows, setting, found, duty is not None),
        "search": None,
        "types": None,
    }


def judged(
    recorded: Recorded,
    rows: Numbers,
    setting: Setting,
    found: Fates,
    confidence: float = CONFIDENCE,
) -> dict[str, Any]:
    """What becomes of alarms, by class: what it spares, what it costs, and how sure that is."""
    klass = recorded.klass[rows]
    before, after = tally(klass), tally(klass[found.sounds])
    late = after if setting.delay is not None else after * 0
    total = int(before.sum())
    return {
        "before": counted(before),
        "after": counted(after),
        "removed": counted(before - after),
        "delayed": counted(late),
        "by": {
            lever: int((found.fate == number).sum())
            for number, lever in enumerate(LEVERS, SOUNDS + 1)
        },
        "not_evaluable": found.not_evaluable,
        "at_limit": found.at_limit,
        "known": _share(total - int(before[UNKNOWN] + before[PENDING]), total),
        "lost": lost(int((before - after)[ACTIONABLE]), int(before[ACTIONABLE]), confidence),
        "among_removed": lost(
            int((before - after)[ACTIONABLE]),
            int((before - after)[[ACTIONABLE, NON_ACTIONABLE]].sum()),
            confidence,
        ),
        "late": {"actionable": int(late[ACTIONABLE]), "by_seconds": _seconds(setting.delay)},
        "sounding_seconds": _sounding(recorded, rows, setting, found),
    }


def searched(
    recorded: Recorded,
    scope: Scope,
    wanted: Wanted,
    progress: Callable[[int], object] = lambda _: None,
) -> tuple[dict[str, Any], Setting]:
    """The section `search`, and the setting it recommends (one that moves nothing, if none).

    Raises `Refused`.
    """
    alarms = recorded.of(scope.rows(recorded))
    first, rest = split(alarms, wanted.train)
    found = search(alarms.of(first), wanted.grid, progress)
    choice = recommend(found, wanted.tolerance)
    begin, last = alarms.span
    best = None if choice.index is None else found.settings[choice.index]
    confidence = wanted.tolerance.confidence
    section = {
        "settings": len(found.settings),
        "tolerance": asdict(wanted.tolerance) | {"late": _seconds(wanted.tolerance.late)},
        "chosen_until": round(begin + wanted.train * (last - begin)),
        "before": counted(found.before),
        "reason": choice.reason or None,
        "pareto": [_candidate(found, place, confidence) for place in found.pareto().tolist()],
        "best": None if choice.index is None else _candidate(found, choice.index, confidence),
        "held_out": None if best is None else _held_out(alarms.of(rest), best, wanted.tolerance),
    }
    return section, best or Setting()


def searched_each(
    recorded: Recorded,
    scope: Scope,
    count: int,
    grid_of: Callable[[Recorded], Grid],
    wanted: Wanted,
    progress: Callable[[int], object],
) -> list[dict[str, Any]]:
    """A search for each of the `count` alarm types with most alarms that are not known to have been
    actionable. Raises `Refused`.
    """
    rows = scope.rows(recorded)
    load = np.bincount(
        recorded.type[rows][recorded.klass[rows] != ACTIONABLE], minlength=len(recorded.types)
    ).tolist()
    order = sorted(
        (number for number, alarms in enumerate(load) if alarms),
        key=lambda number: (-load[number], recorded.types[number]),
    )
    found = []
    for done, number in enumerate(order[:count], 1):
        of_type = recorded.types[number]
        own = replace(scope, type=of_type)
        grid = grid_of(recorded.of(own.rows(recorded)))
        section, _ = searched(recorded, own, replace(wanted, grid=grid))
        found.append({"type": _type(of_type), "alarms": len(own.rows(recorded)), "search": section})
        progress(done)
    return found


def _candidate(found: Searched, place: int, confidence: float) -> dict[str, Any]:
    needed = int(found.before[ACTIONABLE])
    return {
        "setting": described(found.settings[place]),
        "spared": int(found.spared[place]),
        "lost": lost(int(found.lost[place]), needed, confidence),
        "late": int(found.late[place]),
        "silenced_seconds": int(found.silenced[place]) / 1000,
    }


def _held_out(alarms: Recorded, setting: Setting, tolerance: Tolerance) -> dict[str, Any]:
    """Whether the tolerance that was kept on one part of the recording is kept on the other.

    `open`: too few alarms to tell.
    """
    found = fates(alarms, np.arange(len(alarms)), setting)
    before, removed = tally(alarms.klass), tally(alarms.klass[~found.sounds])
    needed, gone = int(before[ACTIONABLE]), int(removed[ACTIONABLE])
    bound = upper_bound(gone, needed, tolerance.confidence)
    broken = needed and gone / needed > tolerance.lost
    promise = (
        "kept" if bound is not None and bound <= tolerance.lost else "broken" if broken else "open"
    )
    return {
        "before": counted(before),
        "removed": counted(removed),
        "lost": lost(gone, needed, tolerance.confidence),
        "promise": promise,
    }


def scope_fields(scope: Scope) -> dict[str, Any]:
    return {
        "facility": scope.facility,
        "unit": scope.unit,
        "type": _type(scope.type),
        "priority": scope.priority,
    }


def described(setting: Setting) -> dict[str, Any]:
    return {
        "limit": setting.limit,
        "delay_seconds": _seconds(setting.delay),
        "holdoff_seconds": _seconds(setting.holdoff),
        "beside": _type(setting.beside),
        "priority": setting.priority,
        "sent_from": setting.sent_from,
    }


def counted(classes: Numbers) -> dict[str, Any]:
    return {
        "alarms": int(classes.sum()),
        "classes": dict(zip(CLASSES, classes.tolist(), strict=True)),
    }


def lost(count: int, of: int, confidence: float) -> dict[str, Any]:
    """Actionable alarms lost; `upper` is None if there are no actionable alarms."""
    bound = upper_bound(count, of, confidence)
    return _share(count, of) | {
        "upper": None if bound is None else round(bound, 6),
        "confidence": confidence,
    }


def _sounding(
    recorded: Recorded, rows: Numbers, setting: Setting, found: Fates
) -> dict[str, float]:
    _, last = recorded.span
    lasted = np.minimum(recorded.end[rows], last) - recorded.start[rows]
    after = np.maximum(lasted[found.sounds] - (setting.delay or 0), 0)
    return {"before": int(lasted.sum()) / 1000, "after": int(after.sum()) / 1000}


def _load(
    recorded: Recorded, rows: Numbers, setting: Setting, found: Fates, duty: Duty | None
) -> dict[str, Any]:
    before, after = weigh_both(
        recorded, rows, setting, found, duty_by_alarms(recorded) if duty is None else duty
    )
    return {
        "before": _weight(before),
        "after": _weight(after),
        "duty": "alarms" if duty is None else "roster",
    }


def _weight(weight: Weight) -> dict[str, Any]:
    in_hours = {
        f"{name}_hours": round(getattr(weight, name) / HOUR, 3)
        for name in ("duty", "sounding", "flood", "protected")
    }
    median, ninth, most = (None if one != one else one for one in weight.per_hour)
    return (
        {"alarms": weight.alarms}
        | in_hours
        | {
            "busy_intervals": _share(weight.busy_intervals, weight.intervals),
            "heavy_hours": _share(weight.heavy_hours, weight.hours),
            "alarms_an_hour": {"median": median, "ninth_decile": ninth, "most": most},
        }
    )


def _units(recorded: Recorded, rows: Numbers, found: Fates) -> list[dict[str, Any]]:
    names = [(recorded.facilities[facility], unit) for facility, unit in recorded.units]
    key = recorded.unit[rows].astype(np.int64) * len(CLASSES) + recorded.klass[rows]
    size = len(names) * len(CLASSES)
    before, after = (
        np.bincount(some, minlength=size).reshape(-1, len(CLASSES))
        for some in (key, key[found.sounds])
    )
    return [
        {
            "facility": names[unit][0],
            "unit": names[unit][1],
            "before": counted(before[unit]),
            "after": counted(after[unit]),
        }
        for unit in sorted(range(len(names)), key=names.__getitem__)
        if before[unit].any()
    ]


def _hours(recorded: Recorded, rows: Numbers, found: Fates) -> list[dict[str, int]]:
    of_day = recorded.start[rows] // HOUR % 24
    before, after = (
        np.bincount(of_day, minlength=24).tolist(),
        np.bincount(of_day[found.sounds], minlength=24).tolist(),
    )
    return (
        [{"hour": hour, "before": before[hour], "after": after[hour]} for hour in range(24)]
        if len(rows)
        else []
    )


def _days(recorded: Recorded, rows: Numbers, found: Fates) -> list[dict[str, Any]]:
    if not len(rows):
        return []
    days = recorded.start[rows] // DAY
    known, place = np.unique(days, return_inverse=True)
    before = np.bincount(place, minlength=len(known)).tolist()
    after = np.bincount(place[found.sounds], minlength=len(known)).tolist()
    return [
        {
            "day": (_EPOCH + timedelta(days=day)).date().isoformat(),
            "before": before[number],
            "after": after[number],
        }
        for number, day in enumerate(known.tolist())
    ]


def caveats(
    recorded: Recorded, rows: Numbers, setting: Setting, found: Fates, rostered: bool
) -> list[str]:
    """The limits of the figures, in words."""
    klass, silent = recorded.klass[rows], ~found.sounds
    needed, total = int((klass == ACTIONABLE).sum()), len(rows)
    unsure = (klass == UNKNOWN) | (klass == PENDING)
    said = []
    if not total:
        return ["The recording contains no alarms of this scope."]
    if not needed:
        said.append(
            "No alarm is known to have been actionable, so the share of actionable alarms lost "
            "cannot be bounded."
        )
    if unsure.any():
        said.append(
            f"The class of {int(unsure.sum())} of {total} alarms is unknown; "
            f"{int((unsure & silent).sum())} of these would not have sounded, and none of them is "
            "counted as lost."
        )
    if int(unsure.sum()) == total:
        said.append(
            "No class is known at all: record responses, or review a sample, before you change "
            "anything."
        )
    elif needed and not (klass[~unsure] != ACTIONABLE).any():
        said.append("Every alarm of known class was actionable: none should be removed.")
    if found.not_evaluable or found.at_limit:
        said.append(
            f"{found.not_evaluable} alarms have no reading or limit, and {found.at_limit} have a "
            "reading equal to the limit: they are assumed to sound as before."
        )
    if setting.limit is not None:
        said.append(
            "With another limit, the remaining alarms would begin later and end earlier; only "
            "trend data can show by how much."
        )
    if setting.holdoff is not None:
        said.append(
            "Alarms merged into the previous one are counted as not sounding, and actionable "
            "ones as lost."
        )
    if setting.priority is not None:
        said.append(
            f"Alarms below {setting.sent_from} priority are assumed to sound only at the bed and "
            "to reach no clinician elsewhere."
        )
    high = int((recorded.rank[rows] == PRIORITIES.index("high")).sum())
    if high and int((recorded.rank[rows[silent]] == PRIORITIES.index("high")).sum()) + (
        setting.delay is not None
    ):
        said.append(
            f"{high} alarms of the scope have high priority: change nothing without a clinical "
            "review."
        )
    said.append(
        "The bound assumes independent alarms. Alarms of one patient are similar, so the true "
        "uncertainty is larger."
    )
    if not rostered:
        said.append(
            "Duty is inferred: a clinician counts as on duty in every clock hour with an alarm."
        )
    return said


def _share(count: int, of: int) -> dict[str, Any]:
    return {"count": count, "of": of, "share": round(count / of, 6) if of else None}


def _type(of: AlarmType | None) -> dict[str, str] | None:
    return None if of is None else dict(zip(("device_type", "source", "code"), of, strict=True))


def _seconds(milliseconds: int | None) -> float | None:
    return None if milliseconds is None else milliseconds / 1000
