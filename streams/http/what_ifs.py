"""What-ifs: the effect of another setting on a unit's finished alarms, for the workbench.

A worker imports this module at the first request, so that it starts faster.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from msgspec import convert

from analyzer.arrays import Flags, Floats
from analyzer.columns import AlarmType
from analyzer.model import HOUR
from analyzer.whatif import (
    HIGH,
    Caveat,
    Recorded,
    Refused,
    Scope,
    caveats_of_settings,
    count_by_class,
    fates,
    judge,
    room,
    sides,
    types_by_load,
)
from streams.files.breakdowns import counted
from streams.files.caveat_words import caveat_words
from streams.files.tune_words import says
from streams.files.tuning import (
    scope_fields,
    setting_fields,
    type_fields,
    verdict_fields,
)
from streams.http.answers import NotHere, QueryError
from streams.http.candidate import Candidate
from streams.http.documents.whatif import MOST_TYPES, Span, TypeRoom, WhatIf, WhatIfTypes


def what_if(recorded: Recorded, candidate: Candidate, tolerated: float) -> WhatIf:
    """Compute an answer. `tolerated`: the share of needed alarms that may be hidden.

    Raises `QueryError`, `NotHere`.
    """
    scope = Scope(
        facility=candidate.facility, unit=candidate.unit, type=_type_of(recorded, candidate.type)
    )
    rows = scope.rows(recorded)
    try:
        found = fates(recorded, rows, candidate.setting)
    except Refused as error:
        raise QueryError(error) from None
    verdict = judge(recorded, rows, found)
    span, figures = _span(recorded), verdict_fields(verdict, found, tolerated)
    caveats = [
        *caveats_of_settings(verdict, (candidate.setting,), duty=None),
        Caveat("short_recording", {"hours": span["hours"]}),
    ]
    fields = {
        "scope": scope_fields(scope),
        "span": span,
        "setting": setting_fields(candidate.setting),
        **figures,
        **_limits(recorded.of(rows)),
        "says": says(figures),
        "caveats": list(map(caveat_words, caveats)),
    }
    return convert(fields, WhatIf)


def types(recorded: Recorded, facility: str, unit: str) -> WhatIfTypes:
    """The alarm types of a unit, highest load first."""
    ranked = types_by_load(recorded)
    shown = []
    for number, _ in ranked[:MOST_TYPES]:
        of_type = recorded.types[number]
        alarms = recorded.of(Scope(type=of_type).rows(recorded))
        shown.append(
            {
                "type": type_fields(of_type),
                **counted(count_by_class(alarms.klass)),
                **_limits(alarms),
            }
        )
    return WhatIfTypes(
        facility=facility,
        unit=unit,
        span=convert(_span(recorded), Span),
        types=convert(shown, list[TypeRoom]),
        left_out=max(len(ranked) - MOST_TYPES, 0),
    )


def _type_of(recorded: Recorded, text: str) -> AlarmType:
    """The type by its joined names, each of which may contain a slash."""
    for number in np.unique(recorded.type).tolist():
        of: AlarmType = recorded.types[number]
        if "/".join(of) == text:
            return of
    raise NotHere("no such alarm type among the finished alarms of this unit")


def _span(recorded: Recorded) -> dict[str, Any]:
    begin, last = recorded.span
    return {"from": begin, "to": last, "hours": round((last - begin) / HOUR, 1)}


def _limits(alarms: Recorded) -> dict[str, Any]:
    """Alarms of high priority, the range of readings, the limits in force, and how far one can be
    moved.
    """
    low, high = sides(alarms)
    space = room(alarms)
    return {
        "high_priority": int((alarms.rank == HIGH).sum()),
        "readings": _range(alarms.value, ~alarms.technical & ~np.isnan(alarms.value)),
        "limits": {"low": _range(alarms.limit, low), "high": _range(alarms.limit, high)},
        "room": None if space is None else {"present": space.present, "furthest": space.furthest},
    }


def _range(values: Floats, which: Flags) -> dict[str, float] | None:
    return (
        {"least": float(values[which].min()), "most": float(values[which].max())}
        if which.any()
        else None
    )
