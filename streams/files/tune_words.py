"""What-if answers in words, from the JSON of `streams.files.tuning`. The harm comes first."""

from __future__ import annotations

from typing import Any

from streams.files.alarm_words import type_name
from streams.files.loss_words import SOURCE_ADVICE, bound_words, harm
from streams.files.tuning import type_of
from streams.formats.texts import printable


def words(found: dict[str, Any]) -> list[str]:
    """An answer as lines for a terminal: the question, the harm, the benefit and the caveats."""
    before = found["before"]["alarms"]
    lines = [f"{scope_words(found)}: {before} alarms"]
    if not before:
        return [*lines, *_listed(found["caveats"])]
    if found["search"] is not None:
        lines += search_words(found)
        if not found["proposal"]:
            return [*lines, *_listed(found["caveats"])]
    several = found["search"] is not None and len(found["proposal"]) > 1
    lines.append("  if all of these were set:" if several else f"  if {changes_words(found)}:")
    lines += [f"    {line}" for line in says(found)]
    lines += _load(found)
    if len(found["units"]) > 1:
        lines.append("  by unit, alarms before -> after:")
        lines += [
            f"    {printable(one['facility'])} {printable(one['unit'])}: "
            f"{one['before']['alarms']} -> {one['after']['alarms']}"
            for one in found["units"]
        ]
    return [*lines, *_listed(found["caveats"])]


def says(found: dict[str, Any]) -> list[str]:
    """The harm, then the benefit, then how much of both is known."""
    return [harm(found["lost"]), *gain(found), *certainty(found)]


def gain(found: dict[str, Any]) -> list[str]:
    """The benefit: alarms that would not have sounded."""
    before, removed, seconds = (
        found["before"]["alarms"],
        found["removed"]["alarms"],
        found["sounding_seconds"],
    )
    classes = ", ".join(
        f"{count} {name.replace('_', '-')}"
        for name, count in found["removed"]["classes"].items()
        if count
    )
    return [
        f"would silence {removed} of {before} alarms ({_percent(removed, before)}): "
        f"{classes or 'none'}{_levers(found)}",
        f"sounding {_hours(seconds['before'])} -> {_hours(seconds['after'])}",
    ]


def certainty(found: dict[str, Any]) -> list[str]:
    """How certain the harm and the benefit are, and which data they rest on."""
    lines = []
    among = found["among_removed"]
    if among["upper"] is not None:
        lines.append(
            f"{among['count']} of {among['of']} silenced alarms that responses or reviews tell "
            f"about were needed (upper bound {100 * among['confidence']:g} %: "
            f"{bound_words(among['upper'])})"
        )
    late = found["late"]
    if late["by_seconds"] is not None:
        lines.append(
            f"{late['actionable']} more of the needed alarms would sound up to "
            f"{late['by_seconds']:g} s later"
        )
    known = found["known"]
    lines.append(
        f"class known for {known['count']} of {known['of']} alarms "
        f"({_percent(known['count'], known['of'])})"
    )
    return lines


def changes_words(found: dict[str, Any]) -> str:
    """The setting, or the proposal of several."""
    proposal = found["proposal"]
    if proposal is None or (len(proposal) == 1 and found["scope"]["type"] is not None):
        return setting_words(found["setting"])
    return "; ".join(part_words(part) for part in proposal) or "nothing changed"


def part_words(part: dict[str, Any]) -> str:
    return f"{type_name(type_of(part['type']))}: {setting_words(part['setting'])}"


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
        parts.append(f"silent with {type_name(type_of(setting['beside']))}")
    if setting["holdoff_seconds"] is not None:
        parts.append(f"hold-off {setting['holdoff_seconds']:g} s")
    if setting["priority"] is not None:
        parts.append(
            f"priority {setting['priority']}, sent to clinicians from {setting['sent_from']}"
        )
    return ", ".join(parts) or "nothing changed"


def search_words(found: dict[str, Any]) -> list[str]:
    """A search in words: its settings, its proposal, and its result for each type."""
    search = found["search"]
    lines = [f"  {searched_words(search)}"]
    if found["proposal"]:
        lines += ["  proposed together:", *(f"    {part_words(one)}" for one in found["proposal"])]
        lines.append(f"    on the part that was searched, it {harm(search['lost'])}")
        lines.append(f"    {held_out_words(search['held_out'])}")
    else:
        lines.append(f"  nothing is proposed: {search['reason']}")
    lines.append("  by type, highest load first:")
    return lines + [
        f"    {type_name(type_of(one['type']))}, {one['alarms']} alarms: "
        f"{type_words(one, search['include_high'])}"
        for one in found["types"]
    ]


def searched_words(search: dict[str, Any]) -> str:
    """The settings of a search, in words."""
    tolerance = search["tolerance"]
    late = "" if tolerance["late"] is None else f", none late by more than {tolerance['late']:g} s"
    high = "" if search["include_high"] else "; alarms of high priority left as they are"
    return (
        f"{search['settings']} settings tried on the first part of the recording, to hide at most "
        f"{100 * tolerance['lost']:g} % of the needed alarms at "
        f"{100 * tolerance['confidence']:g} % confidence{late}{high}"
    )


def type_words(one: dict[str, Any], include_high: bool) -> str:
    """The result of a search for one type, in words."""
    technical, trial = one["technical"], one["search"]
    if technical and 2 * technical >= one["alarms"]:
        return f"not tuned: {SOURCE_ADVICE}"
    if trial is None:
        return "not tuned: high priority (--include-high tunes it, too)"
    apart = one["high_priority"] if not include_high else 0
    rest = f" ({apart} of high priority left as they are)" if apart else ""
    best = trial["best"]
    if best is None:
        return f"no recommendation: {trial['reason']}{rest}"
    return (
        f"{setting_words(best['setting'])} {harm(best['lost'])}, and would silence "
        f"{best['spared']} others{rest}"
    )


def held_out_words(held: dict[str, Any]) -> str:
    """The test of a proposal on the rest of the recording."""
    return (
        f"on the rest, not used in the search, it {harm(held['lost'])}; "
        f"{held['removed']['alarms']} of {held['before']['alarms']} alarms silenced"
    )


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


def load_scope(found: dict[str, Any]) -> str:
    """Whose load the figures are about."""
    scope = found["scope"]
    named = [printable(scope[name]) for name in ("facility", "unit") if scope[name] is not None]
    return f"all clinicians of {' '.join(named)}" if named else "all clinicians"


def _load(found: dict[str, Any]) -> list[str]:
    load = found["load"]
    hours = load["before"]["duty_hours"]
    if not hours:
        return ["  no alarm was assigned to a clinician: the load on clinicians is unknown"]
    return [
        f"  {load_scope(found)} together, all their alarms, {hours:.0f} h of duty:",
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
        parts.append(type_name(type_of(scope["type"])))
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
