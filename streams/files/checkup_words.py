"""The first day's checklist in words."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from streams.formats.texts import printable
from streams.formats.times import written

_SHOWN = 8


def words(found: dict[str, Any]) -> Iterator[str]:
    """Lines for a terminal: `ok`, `look` where something is odd, `missing` where it is absent."""
    yield from _feed(found)
    yield from _roster(found)
    yield from _responses(found)
    yield from _clocks(found)
    yield from _names(found)
    yield ""
    unknown = found["unknown_figures"]
    if not unknown:
        yield "All figures can be computed."
        return
    yield "What these facts cannot tell:"
    for one in unknown:
        yield f"  - {one['figure']}: {one['because']}. Ask: {one['ask']}"


def _feed(found: dict[str, Any]) -> Iterator[str]:
    alarms = found["alarms"]
    if not alarms["count"]:
        yield "missing  alarms: there is none"
        return
    yield (
        f"ok       alarms: {alarms['count']:,} of {alarms['types']:,} types at {alarms['beds']:,} "
        f"beds in {alarms['units']:,} units, {written(alarms['from'])} to {written(alarms['to'])}"
    )
    yield _line(alarms["without_end"], "without an end", 0.05)
    if alarms["ends_without_start"]:
        yield f"look     ends: {alarms['ends_without_start']:,} belong to no alarm that began"
    gap = alarms["longest_gap_seconds"]
    if gap is not None and gap > 3600:
        yield f"look     gap: for {gap / 3600:.1f} h no alarm event at all; was the feed up?"
    technical = alarms["technical"]
    if technical["count"]:
        yield f"ok       technical: {_share(technical)} of the alarms"
    else:
        yield "missing  technical: no alarm is technical; which codes are?"
    if found["looks_technical"]:
        names = _some(found["looks_technical"])
        yield f"look     called physiological, but look technical: {names}"
    read = alarms["with_value_and_limit"]
    mark = "ok      " if 2 * read["count"] >= read["of"] else "missing "
    yield f"{mark} readings: value and limit in {_share(read)} of the physiological alarms"
    duplicates = found["duplicates"]
    if duplicates["same"]:
        yield f"look     duplicates: {duplicates['same']:,} facts came again, unchanged"
    if duplicates["other_content"]:
        yield (
            f"look     ids: {duplicates['other_content']:,} facts have an event_id that another "
            "one has; does each export or device number its events anew?"
        )
    if found["malformed"]:
        yield f"look     malformed: {found['malformed']:,} records are no facts"


def _roster(found: dict[str, Any]) -> Iterator[str]:
    roster, alarms = found["roster"], found["alarms"]
    if not roster["assignments"]:
        yield "missing  roster: there is none"
        return
    yield (
        f"ok       roster: {roster['assignments']:,} assignments of {roster['clinicians']:,} "
        "clinicians"
    )
    yield _line(alarms["unassigned"], "at beds that nobody had", 0.05)
    if roster["beds_without_roster"]:
        names = _some(roster["beds_without_roster"])
        yield f"look     beds with alarms, not in the roster: {names}"
    if roster["beds_without_alarms"]:
        names = _some(roster["beds_without_alarms"])
        yield f"look     beds of the roster without alarms: {names}"
    if roster["ends_before_it_begins"]:
        yield (
            "look     assignments that end before they begin: "
            f"{roster['ends_before_it_begins']:,}; does a night shift end on the next day?"
        )


def _responses(found: dict[str, Any]) -> Iterator[str]:
    responses = found["responses"]
    if not responses["count"]:
        yield "missing  responses: there is none"
    else:
        by = ", ".join(f"{count:,} {action}" for action, count in responses["by_action"].items())
        answered = _share(responses["alarms_with_response"])
        yield f"ok       responses: {by}; {answered} of the alarms have one"
        early = responses["before_the_alarm"]
        if early["count"]:
            yield (
                f"look     clocks: {_share(early)} of the responses come before their alarm; do "
                "two systems' clocks differ?"
            )
    if responses["units_without_interventions"]:
        names = _some(responses["units_without_interventions"])
        yield f"missing  interventions: none recorded in {names}"
    labels = found["labels"]
    if labels["of_unknown_alarms"]:
        yield f"look     labels: {labels['of_unknown_alarms']:,} are of alarms that are not there"


def _clocks(found: dict[str, Any]) -> Iterator[str]:
    if found["clocks"] is None:
        yield "unknown  clocks: files do not tell when a record arrived (--broker does)"
        return
    for topic, one in found["clocks"].items():
        median = one["median_seconds"]
        hours = round(median / 3600)
        if hours and abs(median - 3600 * hours) < 300:
            remark = f"look     clocks: {topic} is about {hours:+} h off; is its zone right?"
        elif one["ahead"]["count"]:
            remark = f"look     clocks: {topic}: {_share(one['ahead'])} lie in the future"
        elif one["late"]["count"]:
            remark = f"look     clocks: {topic}: {_share(one['late'])} arrive too late to count"
        else:
            remark = f"ok       clocks: {topic} arrives"
        yield f"{remark}; {median:,.1f} s after the event in the median"


def _names(found: dict[str, Any]) -> Iterator[str]:
    for some in found["odd_names"][:_SHOWN]:
        yield f"look     names: one place or several? {_some(some)}"


def _line(share: dict[str, int], what: str, most: float) -> str:
    mark = "ok      " if share["count"] <= most * share["of"] else "look    "
    return f"{mark} alarms {what}: {_share(share)}"


def _share(share: dict[str, int]) -> str:
    """
    >>> _share({"count": 1, "of": 3})
    '1 of 3 (33 %)'
    """
    percent = 100 * share["count"] / share["of"] if share["of"] else 0
    return f"{share['count']:,} of {share['of']:,} ({percent:.0f} %)"


def _some(names: list[str]) -> str:
    shown = ", ".join(map(printable, names[:_SHOWN]))
    return shown if len(names) <= _SHOWN else f"{shown} and {len(names) - _SHOWN:,} more"
