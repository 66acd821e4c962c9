"""Findings in JSON and in words: the same from files and from a worker, byte for byte.

    {"window": "12h", or "all" of whole files,
     "policy": {"min_classified": 20, ..., "fleeting_seconds": 15.0},
     "units": [{"facility", "unit",
       "at": the end of the window, ms since 1970,
       "since": its beginning,
       "alarms",
       "load": non-actionable or technical alarms,
       "technical": the technical ones of these, avoidable at the source,
       "types": number of types, including those left out,
       "suppressed": only of a worker's: why nothing is said of the unit; its counts are 0 then,
       "findings": [FINDING]}]}

FINDING is

    {"rank": by load, then alarms, then name,
     "device_type", "source", "code", "name": what people call it,
     "alarms": SHARE of the unit's,
     "load": SHARE of the unit's,
     "nonactionable": SHARE of the clinical alarms of known class,
     "technical": SHARE of the alarms,
     "priority": the highest in the window,
     "classes": {"actionable", "non_actionable", "technical", "pending", "unknown"},
     "sounding_seconds": total,
     "beds",
     "busiest_bed": SHARE of the alarms,
     "stale": alarms active for more than 24 h,
     "patterns": {PATTERN: {"alarms", "load", "actionable": how many of each show it,
       "shown_by": SHARE of the load; of `unanswered`: of the actionable alarms}},
     "met_with": {"device_type", "source", "code"} of the other type of a `duplicate`, or null,
     "gives_way": whether this type is the one to suppress,
     "delay": {"seconds", "load", "actionable": how many it would have removed}, or null,
     "hugging_distance": share of the limit within which three quarters of the hugging load lie,
       or null,
     "verdict": PATTERN, "stale", "mixed", "needed" or "too_few",
     "also": other patterns that may drive it,
     "advice": whether the remedy keeps the tolerance of needed alarms hidden, by the rule of
       `tune`: "kept" (advised), "open" (not shown), "broken" (not advised), null: it hides none,
     "hidden": how many needed alarms the remedy would hide, {"count", "of", "upper": the upper
       bound of the share at 95 % confidence}, or null,
     "remedy",
     "owner": null if no change is proposed,
     "clinical_review": whether one is needed first,
     "says": the finding as a sentence}

PATTERN is one of `analyzer.PATTERNS`. SHARE is {"count", "of", "share", "low", "high"}, with the
95 % interval by Wilson, to four places; null if there is nothing to count. It never names a
clinician, bed, patient or device, and quotes no text. `analyzer.findings.findings` defines the
terms.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec

from analyzer import CLASSES, PATTERNS, Finding, Policy, Share, UnitFindings
from analyzer.findings import Pattern
from analyzer.model import HOUR, MINUTE
from streams.files.alarm_words import short_name, type_name
from streams.files.extent import TOP, WHOLE
from streams.files.loss_words import bound_words
from streams.formats.codec import to_json
from streams.formats.texts import printable
from streams.formats.times import show_duration


@dataclass(frozen=True, slots=True)
class UnitText:
    """A unit's findings as they are sent."""

    facility: str
    unit: str
    head: dict[str, Any]
    findings: list[msgspec.Raw]


def written(units: Iterable[UnitFindings], window: str, policy: Policy) -> Iterator[UnitText]:
    """Units as JSON. `window`: its name, or `WHOLE`."""
    for unit in units:
        span = _spaced(window) if window != WHOLE else _length(unit.at - unit.since)
        head = {
            "facility": unit.facility,
            "unit": unit.unit,
            "at": unit.at,
            "since": unit.since,
            "alarms": unit.alarms,
            "load": unit.load,
            "technical": unit.technical,
            "types": unit.types,
        }
        findings = [
            msgspec.Raw(to_json({"rank": rank} | _finding(one, span, policy)))
            for rank, one in enumerate(unit.findings, 1)
        ]
        yield UnitText(unit.facility, unit.unit, head, findings)


def suppressed(unit: UnitText, why: str) -> UnitText:
    """A unit of which nothing is said but why, in one line."""
    head = {name: unit.head[name] for name in ("facility", "unit", "at", "since")}
    nothing = dict.fromkeys(("alarms", "load", "technical", "types"), 0)
    return UnitText(unit.facility, unit.unit, head | nothing | {"suppressed": why}, [])


def document(
    units: Sequence[UnitText],
    window: str,
    policy: Policy,
    facility: str | None = None,
    unit: str | None = None,
    top: int = TOP,
) -> bytes:
    """One JSON object on one line: the `top` findings of each requested unit, ordered by facility
    and unit.
    """
    chosen = [
        one.head | {"findings": one.findings[:top]}
        for one in sorted(units, key=lambda one: (one.facility, one.unit))
        if facility in (None, one.facility) and unit in (None, one.unit)
    ]
    return to_json({"window": window, "policy": _policy(policy), "units": chosen}) + b"\n"


def _policy(policy: Policy) -> dict[str, Any]:
    figures = asdict(policy.findings) | {"fleeting": policy.fleeting}
    durations = ("duplicate_within", "standing", "stale", "slow_answer", "fleeting")
    return {
        f"{name}_seconds" if name in durations else name: one / 1000 if name in durations else one
        for name, one in figures.items()
    }


def _share(share: Share) -> dict[str, Any]:
    bounds = (("share", share.value), ("low", share.low), ("high", share.high))
    return {"count": share.count, "of": share.of} | {
        name: None if one is None else round(one, 4) for name, one in bounds
    }


def _type(of: tuple[str, str, str]) -> dict[str, str]:
    return dict(zip(("device_type", "source", "code"), of, strict=True))


def _finding(one: Finding, span: str, policy: Policy) -> dict[str, Any]:
    patterns = {
        name: seen._asdict() | {"shown_by": _share(one.shown_by(name))}
        for name, seen in zip(PATTERNS, one.patterns, strict=True)
    }
    delay = one.delay and {
        "seconds": one.delay.length / 1000,
        "load": one.delay.load,
        "actionable": one.delay.actionable,
    }
    loss = one.loss
    return _type(one.type) | {
        "name": short_name(one.type),
        "alarms": _share(one.alarms),
        "load": _share(one.load),
        "nonactionable": _share(one.nonactionable),
        "technical": _share(one.technical),
        "priority": one.priority,
        "classes": dict(zip(CLASSES, one.classes, strict=True)),
        "sounding_seconds": one.sounding / 1000,
        "beds": one.beds,
        "busiest_bed": _share(one.busiest_bed),
        "stale": one.stale,
        "patterns": patterns,
        "met_with": one.met_with and _type(one.met_with),
        "gives_way": one.gives_way,
        "delay": delay,
        "hugging_distance": None
        if one.hugging_distance is None
        else round(one.hugging_distance, 4),
        "verdict": one.verdict,
        "also": one.also,
        "advice": one.advice,
        "hidden": loss
        and {
            "count": loss.count,
            "of": loss.of,
            "upper": None if loss.upper is None else round(loss.upper, 4),
        },
        "remedy": one.remedy,
        "owner": one.owner,
        "clinical_review": one.clinical,
        "says": sentence(one, span, policy),
    }


# -- words


def sentence(one: Finding, span: str, policy: Policy) -> str:
    """The finding in words: what was seen, with its interval, the proposed change, the owner.

    `span`: how long the window is, in words.
    """
    what, change = advice_words(one, policy)
    seen = "; ".join(filter(None, (seen_words(one, span), what)))
    owner = f"; owner: {one.owner}" if one.owner else ""
    return f"{type_name(one.type)}: {seen} -> {change}{owner}"


def seen_words(one: Finding, span: str) -> str:
    """How many alarms there were, and of which class."""
    seen = f"{_plural(one.alarms.count, 'alarm')} in {span}"
    if one.alarms.of and one.alarms.count:
        seen += f", {_percent(one.alarms.value)} of the unit's{_bed(one)}"
    if one.nonactionable.of:
        seen += (
            f"; {_sure(one.nonactionable)} of {one.nonactionable.of:,} clinical alarms of known "
            "class were non-actionable"
        )
    if one.technical.count:
        seen += f"; {one.technical.count:,} technical: avoidable at the source"
    if unknown := one.classes[CLASSES.index("unknown")]:
        seen += f"; {unknown:,} of unknown class"
    return seen


_ALSO: dict[Pattern, str] = {
    "technical": "technical",
    "duplicate": "together with another type",
    "chattering": "chattering",
    "hugging": "close to the limit",
    "fleeting": "fleeting",
    "standing": "standing",
    "unanswered": "unanswered",
}


def advice_words(one: Finding, policy: Policy) -> tuple[str, str]:
    """The pattern that drives the type (empty if the class has said it), and the change."""
    what, _, change = _change(one, policy).partition("-> ")
    also = ", ".join(
        f"{_percent(one.shown_by(pattern).value)} {_ALSO[pattern]}" for pattern in one.also
    )
    what = ", ".join(filter(None, (what.strip(), f"also {also}" if also else "")))
    review = "; high priority: not advised without a clinical review" if one.clinical else ""
    return what, f"{_advised(one, change)}{review if one.owner else ''}"


def _advised(one: Finding, change: str) -> str:
    """The change, whether it is advised, and what it would hide of the needed alarms."""
    if one.loss is None or one.advice is None:
        return change
    if not one.loss.of:
        harm = "no alarm is known to have been needed, so nothing shows what it would hide"
    else:
        harm = (
            f"it would have hidden {one.loss.count:,} of {one.loss.of:,} that were needed (upper "
            f"bound 95 %: {bound_words(one.loss.upper)})"
        )
    tolerated = f"the tolerance of {100 * one.tolerance:g} %"
    match one.advice:
        case "kept":
            return f"{change}; {harm}, within {tolerated}"
        case "open":
            return f"not advised yet: {change}; {harm}: try it on more alarms (alarm-fatigue tune)"
        case "broken":
            return f"not advised: {change}; {harm}, beyond {tolerated}: review the type instead"


def _change(one: Finding, policy: Policy) -> str:
    figures = policy.findings
    match one.verdict:
        case "technical":
            what = "" if one.shown_by("technical").value == 1 else f"{_of_load(one)} are technical "
            return (
                f"{what}-> mend them at the source: sensors, electrodes, cables, lines or "
                "batteries, their placement and replacement; a delay would hide the fault"
            )
        case "duplicate":
            assert one.met_with is not None
            other = type_name(one.met_with)
            return (
                f"{_of_load(one)} began within {_spaced(show_duration(figures.duplicate_within))} "
                f"of {other} at the same bed -> merge it with that type, or suppress it"
            )
        case "chattering":
            return (
                f"{_of_load(one)} were at least the third within a minute -> add a deadband or a "
                "hold-off"
            )
        case "hugging":
            reach = ""
            if one.hugging_distance is not None:
                reach = f" (three quarters of these lay within {100 * one.hugging_distance:.1f} %)"
            return (
                f"{_of_load(one)} stayed within {100 * figures.hugging:g} % of their limit{reach} "
                "-> change the default limit"
            )
        case "fleeting":
            assert one.delay is not None  # fleeting alarms have ended
            return (
                f"{_of_load(one)} ended within {_spaced(show_duration(policy.fleeting))} -> an "
                f"annunciation delay of {one.delay.length / 1000:g} s, which would have silenced "
                f"{one.delay.load:,} of {one.load.count:,}"
            )
        case "standing":
            lasting = _spaced(show_duration(figures.standing))
            return (
                f"{_of_load(one)} lasted longer than {lasting} -> add a rule that acknowledges or "
                "latches standing alarms"
            )
        case "stale":
            count = "is one" if one.stale == 1 else f"are {one.stale}"
            return (
                f"there {count} active for more than {_spaced(show_duration(figures.stale))} -> "
                "clear them, or take the device out of service"
            )
        case "unanswered":
            return (
                f"{_sure(one.shown_by('unanswered'))} of the actionable alarms had no response "
                f"for {_spaced(show_duration(figures.slow_answer))} -> review staffing: fewer "
                "beds per clinician, or another person to call"
            )
        case "mixed":
            return "no single pattern drives them -> review the type"
        case "needed":
            return "most were actionable -> no change"
        case "too_few":
            return (
                f"too few classified alarms ({one.nonactionable.of} of {figures.min_classified} "
                "needed) -> no change"
            )


def _of_load(one: Finding) -> str:
    # only asked of verdicts that are patterns
    share = one.shown_by(one.verdict)  # type: ignore[arg-type]
    return f"all {share.of:,} of these" if share.value == 1 else f"{_sure(share)} of these"


def _bed(one: Finding) -> str:
    if one.beds == 1:
        return ", all at one bed"
    return f", {_percent(one.busiest_bed.value)} of them at one bed" if one.at_one_bed else ""


def _sure(share: Share) -> str:
    """
    >>> _sure(Share(15, 148))
    '10 % (6-16 %)'
    """
    if share.value is None or share.low is None or share.high is None:
        return "unknown"
    return f"{_percent(share.value)} ({100 * share.low:.0f}-{_percent(share.high)})"


def _percent(share: float | None) -> str:
    if share is None:
        return "unknown"
    return "< 1 %" if 0 < share < 0.01 else f"{100 * share:.0f} %"


def _plural(count: int, word: str) -> str:
    return f"{count} {word}" if count == 1 else f"{count:,} {word}s"


def _spaced(duration: str) -> str:
    """
    >>> _spaced("12h")
    '12 h'
    """
    unit = duration.lstrip("0123456789")
    return f"{duration.removesuffix(unit)} {'min' if unit == 'm' else unit}"


def _length(milliseconds: int) -> str:
    """
    >>> _length(31 * 24 * HOUR), _length(8 * HOUR + 1), _length(90_000)
    ('31 days', '8 h', '2 min')
    """
    if milliseconds >= 48 * HOUR:
        return f"{milliseconds / (24 * HOUR):.0f} days"
    if milliseconds >= 2 * HOUR:
        return f"{milliseconds / HOUR:.0f} h"
    return f"{-(-milliseconds // MINUTE)} min"


def words(document: dict[str, Any]) -> Iterator[tuple[str, list[str]]]:
    """Lines for a terminal, from a decoded document: for each unit a heading and its findings."""
    for unit in document["units"]:
        window = document["window"]
        begin = f"{_moment(unit['since'])} to" if window == WHOLE else f"{_spaced(window)} until"
        heading = (
            f"{printable(unit['facility'])} {printable(unit['unit'])}, "
            f"{begin} {_moment(unit['at'])}: {_plural(unit['alarms'], 'alarm')} of "
            f"{_plural(unit['types'], 'type')}, {unit['load'] - unit['technical']} non-actionable "
            f"(clinical), {unit['technical']} technical: avoidable at the source"
        )
        if "suppressed" in unit:
            place = f"{printable(unit['facility'])} {printable(unit['unit'])}"
            yield f"{place}: {printable(unit['suppressed'])}", []
            continue
        lines = [f"{one['rank']}. {printable(one['says'])}" for one in unit["findings"]]
        if (more := unit["types"] - len(lines)) > 0:
            lines.append(f"({_plural(more, 'type')} more)")
        yield heading, lines


def _moment(milliseconds: int) -> str:
    at = datetime.fromtimestamp(milliseconds / 1000, UTC)
    return at.isoformat(timespec="seconds").replace("+00:00", "Z")
