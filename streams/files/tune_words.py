"""What-if answers in words, from the JSON of `streams.files.tuning`."""

from __future__ import annotations

from typing import Any

from streams.files.findings import printable, type_name


def words(found: dict[str, Any]) -> list[str]:
    """An answer as lines for a terminal: the question, benefit, cost, certainty and caveats."""
    before = found["before"]["alarms"]
    lines = [f"{scope_words(found)}: {before} alarms"]
    if not before:
        return [*lines, *_listed(found["caveats"])]
    lines.append(f"  if {setting_words(found['setting'])}:")
    lines += [f"    {line}" for line in (*gain(found), *cost(found))]
    lines += _load(found["load"])
    if len(found["units"]) > 1:
        lines.append("  by unit, alarms before -> after:")
        lines += [
            f"    {printable(one['facility'])} {printable(one['unit'])}: "
            f"{one['before']['alarms']} -> {one['after']['alarms']}"
            for one in found["units"]
        ]
    if found["search"] is not None:
        lines += search_words(found["search"])
    for one in found["types"] or ():
        lines.append(
            f"  {type_name(tuple(one['type'].values()))}, {one['alarms']} alarms: "
            f"{_best(one['search'])}"
        )
    return [*lines, *_listed(found["caveats"])]


def _best(search: dict[str, Any]) -> str:
    best, held = search["best"], search["held_out"]
    if best is None:
        return f"no recommendation: {search['reason']}"
    return (
        f"{setting_words(best['setting'])} removes {best['spared']} alarms, actionable lost "
        f"{lost_words(best['lost'])}; {promise_words(held['promise'])}"
    )


def gain(found: dict[str, Any]) -> list[str]:
    """The benefit: alarms that would not have sounded."""
    before, removed, seconds = (
        found["before"]["alarms"],
        found["removed"]["alarms"],
        found["sounding_seconds"],
    )
    classes = ", ".join(
        f"{count} {name}" for name, count in found["removed"]["classes"].items() if count
    )
    return [
        f"{removed} would not have sounded ({_percent(removed, before)}){_levers(found)}",
        f"of these {classes or 'none'}",
        f"sounding {_hours(seconds['before'])} -> {_hours(seconds['after'])}",
    ]


def cost(found: dict[str, Any]) -> list[str]:
    """The cost: actionable alarms lost, with its bound."""
    lines = [f"actionable alarms lost: {lost_words(found['lost'])}"]
    among = found["among_removed"]
    if among["upper"] is not None:
        lines.append(
            "removed alarms that are classified by responses, of these actionable: "
            f"{lost_words(among)}"
        )
    late = found["late"]
    if late["by_seconds"] is not None:
        lines.append(f"actionable alarms delayed by {late['by_seconds']:g} s: {late['actionable']}")
    known = found["known"]
    lines.append(
        f"class known for {known['count']} of {known['of']} alarms "
        f"({_percent(known['count'], known['of'])})"
    )
    return lines


def lost_words(lost: dict[str, Any]) -> str:
    """
    >>> lost_words({"count": 0, "of": 299, "share": 0.0, "upper": 0.009969, "confidence": 0.95})
    '0 of 299; true share at most 1.00 %, at 95 % confidence (rule of three)'
    """
    if lost["upper"] is None:
        return "unknown, because no alarm is known to have been actionable"
    share = f" ({_percent(lost['count'], lost['of'])})" if lost["count"] else ""
    rule = " (rule of three)" if not lost["count"] else ""
    sure = (
        f"at most {100 * lost['upper']:.2f} %, at {100 * lost['confidence']:g} % confidence{rule}"
    )
    return f"{lost['count']} of {lost['of']}{share}; true share {sure}"


def setting_words(setting: dict[str, Any]) -> str:
    """
    >>> unchanged = dict.fromkeys(("holdoff_seconds", "beside", "priority", "sent_from"))
    >>> setting_words({"limit": 88.0, "delay_seconds": 15.0} | unchanged)
    'limit 88, delay 15 s'
    """
    parts = []
    if setting["limit"] is not None:
        parts.append(f"limit {setting['limit']:g}")
    if setting["delay_seconds"] is not None:
        parts.append(f"delay {setting['delay_seconds']:g} s")
    if setting["beside"] is not None:
        parts.append(f"silent with {type_name(tuple(setting['beside'].values()))}")
    if setting["holdoff_seconds"] is not None:
        parts.append(f"hold-off {setting['holdoff_seconds']:g} s")
    if setting["priority"] is not None:
        parts.append(
            f"priority {setting['priority']}, sent to clinicians from {setting['sent_from']}"
        )
    return ", ".join(parts) or "nothing changed"


def search_words(search: dict[str, Any]) -> list[str]:
    tolerance = search["tolerance"]
    late = "" if tolerance["late"] is None else f", none late by more than {tolerance['late']:g} s"
    asked = (
        f"at most {100 * tolerance['lost']:g} % of actionable alarms lost at "
        f"{100 * tolerance['confidence']:g} % confidence{late}"
    )
    lines = [
        f"  search of {search['settings']} settings on the first part of the recording, for "
        f"{asked}:"
    ]
    if search["best"] is None:
        lines.append(f"    no recommendation: {search['reason']}")
    else:
        best, held = search["best"], search["held_out"]
        lines.append(
            f"    recommended: {setting_words(best['setting'])}: removes {best['spared']} alarms, "
            f"actionable lost {lost_words(best['lost'])}"
        )
        lines.append(
            f"    on the rest, not used in the search: {held['removed']['alarms']} of "
            f"{held['before']['alarms']} removed, actionable lost {lost_words(held['lost'])}: "
            f"{promise_words(held['promise'])}"
        )
    lines.append("    best trade-offs (removed / actionable lost / setting):")
    front = search["pareto"]
    step = max(-(-len(front) // 12), 1)
    lines += [
        f"    {one['spared']:>8} {one['lost']['count']:>6}  {setting_words(one['setting'])}"
        for one in front[::step]
    ]
    return lines


def promise_words(promise: str) -> str:
    return {
        "kept": "the tolerance is kept there, too",
        "open": "too few alarms there to confirm the tolerance; none contradicts it",
        "broken": "the tolerance is NOT kept there",
    }[promise]


def load_rows(load: dict[str, Any]) -> list[tuple[str, str, str]]:
    """The load of all clinicians together: measure, before, after."""
    both = (load["before"], load["after"])
    shares = (
        ("hours with more than 30 alarms", "heavy_hours"),
        ("10-minute intervals with more than 10", "busy_intervals"),
    )
    rows = [
        (
            "alarms per hour: median / 90th percentile / most",
            [" / ".join(f"{one:g}" for one in of["alarms_an_hour"].values()) for of in both],
        )
    ]
    rows += [
        (name, [_percent(of[key]["count"], of[key]["of"]) for of in both]) for name, key in shares
    ]
    rows.append(("hours in flood", [f"{of['flood_hours']:.1f}" for of in both]))
    rows.append(
        (
            "protected share of duty",
            [f"{100 * of['protected_hours'] / of['duty_hours']:.0f} %" for of in both],
        )
    )
    return [(name, before, after) for name, (before, after) in rows]


def _load(load: dict[str, Any]) -> list[str]:
    hours = load["before"]["duty_hours"]
    if not hours:
        return ["  no alarm was assigned to a clinician: the load on clinicians is unknown"]
    heading = f"  all clinicians together, all alarms, {hours:.0f} h of duty:"
    return [
        heading,
        *(f"    {name}: {before} -> {after}" for name, before, after in load_rows(load)),
    ]


def _levers(found: dict[str, Any]) -> str:
    by = {name: count for name, count in found["by"].items() if count}
    return (
        f": {', '.join(f'{count} by {name}' for name, count in by.items())}" if len(by) > 1 else ""
    )


def scope_words(found: dict[str, Any]) -> str:
    scope = found["scope"]
    parts = [
        printable(str(scope[name])) for name in ("facility", "unit") if scope[name] is not None
    ]
    if scope["type"] is not None:
        parts.append(type_name(tuple(scope["type"].values())))
    if scope["priority"] is not None:
        parts.append(f"{scope['priority']} priority")
    return ", ".join(parts) or "all alarms"


def _listed(caveats: list[str]) -> list[str]:
    return ["  caveats:", *(f"    - {one}" for one in caveats)]


def _percent(count: float, of: float) -> str:
    if not of:
        return "unknown"
    return "< 1 %" if 0 < count / of < 0.01 else f"{100 * count / of:.0f} %"


def _hours(seconds: float) -> str:
    return f"{seconds / 3600:.1f} h"
