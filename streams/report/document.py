"""A report in JSON.

    {"confidence": of the intervals,
     "fewest": the fewest clinicians in any group whose figures are shown,
     "hospitals": [{"facility", "time_zone",
       "span" | "before": {"from", "to": ms since 1970, "days"},
       "sections": [{"unit": null for the hospital, "alarms", "beds",
         "silent_days": dates of which the archive holds nothing, "silent_hours": on other days,
         "silent_days_before": how many days of the span before, "responses_recorded": bool,
         "cut_days": dates that the span cuts, left out as too few clinicians stand behind them,
         "figures": {KEY: {"value", "above", "below", "counts": what these two are, "before",
            "change": CHANGE, "why": why there is no value, "missing", "target",
            "definition": section of docs/semantics.md}},
         "heat_map": {"alarms" | "hours" of units: [weekday from Monday][hour], local},
         "types": [{"device_type", "source", "code", "name", "alarms", "share", "actionable",
            "non_actionable", "technical", "a_day", "a_day_before", "change": CHANGE}],
         "types_in_all",
         "shifts": {"hours" with anyone on duty, "shown": of these, "rows": [{"part", "hours",
            "clinicians", "beds_per_clinician", ...}]},
         "staffing": {"load" | "per_bed" | "response": SLOPE, "hours"}}],
       "to_fix": as `findings --json` gives its units,
       "changes": [{"at", "scope", "what", "change_control", "owner", "expected_removed_share",
         "days": {"before", "after"}, "alarms_a_day" | "actionable_a_day": {"before", "after"},
         "change": CHANGE}]}]}

CHANGE is {"value", "low", "high"} or null; SLOPE has also the hours and the range of its beds per
clinician. Ratios are shares from 0 to 1; times are in s. Nothing in it is about fewer than `fewest`
clinicians, nor is any difference of two reports (docs/report.md).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import msgspec

from analyzer import Policy
from analyzer.history import FEWEST, Change, Slope
from streams.files.alarm_words import short_name
from streams.files.extent import WHOLE
from streams.files.findings import document as findings_document
from streams.files.findings import written as written_findings
from streams.report.building import Hospital, Section
from streams.report.changes import Outcome
from streams.report.figures import Figure
from streams.report.patterns import TypeRow
from streams.report.words import cell_name

CONFIDENCE = 0.95


def document(hospitals: Sequence[Hospital], policy: Policy) -> dict[str, Any]:
    """The answer of `report --json`."""
    return {
        "confidence": CONFIDENCE,
        "fewest": min((one.fewest for one in hospitals), default=FEWEST),
        "hospitals": [_hospital(one, policy) for one in hospitals],
    }


def _hospital(one: Hospital, policy: Policy) -> dict[str, Any]:
    texts = list(written_findings(one.to_fix, WHOLE, policy))
    fix = msgspec.json.decode(findings_document(texts, WHOLE, policy))
    return {
        "facility": one.facility,
        "time_zone": str(one.calendar.zone),
        "span": one.grid.fields(),
        "before": one.before.fields() if one.has_before else None,
        "sections": [_section(some, one) for some in one.sections],
        "to_fix": fix["units"],
        "changes": [_change_made(some) for some in one.changes],
    }


def _section(one: Section, of: Hospital) -> dict[str, Any]:
    return {
        "unit": one.unit,
        "alarms": one.alarms,
        "beds": one.beds,
        "silent_days": list(one.silent_days),
        "silent_hours": one.silent_hours,
        "silent_days_before": one.silent_before,
        "responses_recorded": one.responded,
        "cut_days": list(one.cut_days),
        "figures": {figure.key: _figure(figure) for figure in one.figures},
        "heat_map": {"alarms": one.heat.alarms.tolist(), "hours": one.heat.hours.tolist()},
        "types": [_type(row) for row in one.types],
        "types_in_all": one.types_in_all,
        "shifts": {
            "hours": one.shifts.hours,
            "shown": one.shifts.shown,
            "rows": [
                {"part": cell_name(row, of.calendar)}
                | {name: value for name, value in asdict(row).items() if name != "cell"}
                for row in one.shifts.rows
            ],
        },
        "staffing": {
            "load": _slope(one.staffing.load),
            "per_bed": _slope(one.staffing.per_bed),
            "response": _slope(one.staffing.response),
            "hours": one.staffing.hours,
        },
    }


def _figure(one: Figure) -> dict[str, Any]:
    return {
        "value": one.value,
        "above": one.above,
        "below": one.below,
        "counts": one.n,
        "before": one.before,
        "change": _change(one.change),
        "why": one.why,
        "missing": one.missing,
        "target": one.target,
        "definition": f"semantics.md#{one.definition}",
    }


def _change(one: Change | None) -> dict[str, float | None] | None:
    return None if one is None else {"value": one.value, "low": one.low, "high": one.high}


def _slope(one: Slope | None) -> dict[str, float] | None:
    return None if one is None else asdict(one)


def _type(row: TypeRow) -> dict[str, Any]:
    device, source, code = row.type
    return {
        "device_type": device,
        "source": source,
        "code": code,
        "name": short_name(row.type),
        "alarms": row.alarms,
        "share": row.alarms / row.of,
        "actionable": row.actionable,
        "non_actionable": row.nonactionable,
        "technical": row.technical,
        "a_day": row.a_day,
        "a_day_before": row.a_day_before,
        "change": _change(row.change),
    }


def _change_made(one: Outcome) -> dict[str, Any]:
    return {
        "at": one.made.at,
        "scope": one.made.scope,
        "what": one.made.what,
        "change_control": one.made.change_control,
        "owner": one.made.owner,
        "expected_removed_share": one.made.expected,
        "days": {"before": one.days[0], "after": one.days[1]},
        "alarms_a_day": {"before": one.before, "after": one.after},
        "actionable_a_day": {"before": one.actionable_before, "after": one.actionable_after},
        "change": _change(one.change),
    }
