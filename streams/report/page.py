"""The committee's page: one self-contained HTML file for screen and paper.

It is made from the same structure as the JSON, which it carries along.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from typing import Any

from analyzer import Policy
from analyzer.history import LEAST_DAYS
from streams.files.alarm_words import short_name
from streams.files.findings import advice_words, seen_words
from streams.files.provenance import Provenance
from streams.files.report_parts import document, figure, made_with
from streams.formats.texts import printable
from streams.formats.times import written
from streams.report.building import BLOCK, TO_FIX, Hospital, Section
from streams.report.charts import bar, heat_map
from streams.report.figures import by_key
from streams.report.page_tables import figure_tables, table
from streams.report.style import STYLE
from streams.report.words import (
    CONFOUNDERS,
    DEFINITIONS,
    OWNERS,
    cell_name,
    change_words,
    number,
    percent,
    plural,
    seconds,
    shown,
    slope_words,
    span_words,
    trend,
)

_HEADLINE = (
    "alarms_per_bed_day.all",
    "nonactionable_ratio",
    "response_median.high",
    "clinician_overloaded",
)


def page(
    hospitals: Sequence[Hospital], policy: Policy, found: dict[str, Any], made: Provenance
) -> str:
    """The HTML; `found` is the same in JSON."""
    names = ", ".join(printable(one.facility) for one in hospitals)
    title = f"Alarm report: {names}, {span_words(hospitals[0].grid, hospitals[0].calendar)}"
    parts = [f"<h1>{escape(title)}</h1>"]
    for place, one in enumerate(hospitals):
        parts += _hospital(one, place, policy, many=len(hospitals) > 1)
    parts += _definitions(found["fewest"])
    parts.append(made_with(made))
    return document(title, parts, found | {"made_with": made.fields()}, STYLE)


def _hospital(one: Hospital, place: int, policy: Policy, many: bool) -> Iterator[str]:
    if many:
        yield f'<h2 class="hospital">{escape(printable(one.facility))}</h2>'
    before = (
        f", compared with {span_words(one.before, one.calendar)} (before)"
        if one.has_before
        else ". The archive holds nothing of the period before it, so there are no differences"
    )
    yield (
        f'<p class="quiet">{span_words(one.grid, one.calendar)}{before}. Times are local '
        f"({escape(str(one.calendar.zone))}). Load is a property of an assignment, not of a "
        f"person. No figure names or describes one: {_groups(one.fewest)}.</p>"
    )
    if len(one.sections) > 1:
        yield "<nav><ul>"
        for number_, section in enumerate(one.sections):
            yield f'<li><a href="#s{place}-{number_}">{escape(_name(section, one))}</a></li>'
        yield f'<li><a href="#fix{place}">What to fix next</a></li></ul></nav>'
    for number_, section in enumerate(one.sections):
        first = "" if number_ else ' class="first"'
        yield f'<section id="s{place}-{number_}"{first}><h2>{escape(_name(section, one))}</h2>'
        for part in (_headline, figure_tables, _when, _types, _staffing):
            yield from part(section, one)
        yield "</section>"
    follows = "" if len(one.sections) > 1 else ' class="follows"'
    yield f'<section id="fix{place}"{follows}>'
    yield from _to_fix(one, policy)
    yield from _changes(one)
    yield "</section>"


def _name(section: Section, of: Hospital) -> str:
    if section.unit is None:
        return f"{printable(of.facility)}: all units together"
    return f"{printable(of.facility)}: {printable(section.unit)}"


def _headline(section: Section, of: Hospital) -> Iterator[str]:
    known = by_key(section.figures)
    words = {
        "alarms_per_bed_day.all": "alarms per bed and day",
        "nonactionable_ratio": "non-actionable, of clinical alarms of known class",
        "response_median.high": "median time to a response, high priority",
        "clinician_overloaded": "of the time on duty in the state overloaded",
    }
    yield '<div class="facts">'
    for key in _HEADLINE:
        one = known[key]
        if one.value is None:
            rest = f"<small>{escape(one.why or '')}</small>"
        else:
            rest = f"<small>before: {escape(shown(one, one.before))}</small>"
            if one.before is None:
                rest = ""
        yield f"<div><b>{escape(shown(one, one.value))}</b>{escape(words[key])}{rest}</div>"
    yield "</div>"
    if section.silent_days:
        yield (
            f'<div class="note">The archive holds nothing of {len(section.silent_days)} of the '
            f"{len(of.grid.dates)} days ({_listed(section.silent_days)}). "
            f"{_left_out(len(section.silent_days))}, not counted as quiet.</div>"
        )
    if section.silent_before:
        yield (
            f'<div class="note">Of the period before, the archive holds nothing of '
            f"{section.silent_before} of {len(of.before.dates)} days. "
            f"{_left_out(section.silent_before)}.</div>"
        )
    if section.silent_hours:
        yield (
            '<div class="note">The archive holds nothing of '
            f"{plural(section.silent_hours, 'more hour')}, although so long a silence is "
            "implausible here: the feed was probably interrupted. "
            f"{_left_out(section.silent_hours)}, not counted as quiet.</div>"
        )
    if section.cut_days:
        yield (
            f'<div class="note">The report begins or ends within {_listed(section.cut_days)}, '
            f"when fewer than {of.fewest} clinicians were on duty in some hours. "
            f"{_left_out(len(section.cut_days))}. A report from midnight to midnight has all days."
            "</div>"
        )
    unknown = known["coverage"]
    if not section.responded:
        yield (
            '<div class="note">No response to any alarm is recorded. So only short alarms and '
            "reviewed ones have a class, and the non-actionable share is about these alone: it "
            "does not say that the others needed no action.</div>"
        )
    elif unknown.value is not None and unknown.value < 0.8:
        yield (
            f'<div class="note">Of {percent(1 - unknown.value)} of the clinical alarms it is '
            "unknown whether anybody needed to act, as interventions were not recorded. The "
            "non-actionable share is about the others only.</div>"
        )


def _left_out(count: int) -> str:
    return "It is left out" if count == 1 else "They are left out"


def _listed(days: Sequence[str]) -> str:
    return escape(", ".join(days[:10])) + (" ..." if len(days) > 10 else "")


def _when(section: Section, of: Hospital) -> Iterator[str]:
    yield "<h3>When the alarms come</h3>"
    if not section.heat.hours.any():
        yield f"<p>Not shown: fewer than {of.fewest} clinicians in each hour.</p>"
        return
    yield figure(
        heat_map(section.heat),
        f"Alarms in an hour{'' if section.unit else ' of one unit'}, by weekday and hour of the "
        f"day ({of.calendar.zone}): the mean of {plural(int(section.heat.hours.sum()), 'hour')}"
        f"{'' if section.unit else ' of units'}. A dash: no record, or fewer than {of.fewest} "
        "clinicians.",
    )


def _types(section: Section, of: Hospital) -> Iterator[str]:
    yield "<h3>The most frequent alarm types</h3>"
    most = max((row.alarms / row.of for row in section.types), default=0.0)
    rows = []
    for row in section.types:
        share = row.alarms / row.of
        known = row.actionable + row.nonactionable
        needed = (
            "technical"
            if row.technical and not known
            else (f"{percent(row.actionable / known)} of {known:,}" if known else "unknown")
        )
        code = escape(printable("/".join(row.type)))
        compared = f" a day<small>{escape(trend(row))}</small>" if of.has_before else ""
        rows.append(
            (
                row.change is not None and row.change.sure,
                [
                    f"{escape(short_name(row.type))}<small>{code}</small>",
                    f"{percent(share)} {bar(share, most)}",
                    f"{row.alarms:,}",
                    escape(needed),
                    f"{number(row.a_day)}{compared}",
                ],
            )
        )
    last = "trend (95 % interval)" if of.has_before else "a day"
    yield table(("type", "share of alarms", "alarms", "actionable", last), rows)
    together = sum(row.alarms for row in section.types) / max(section.alarms, 1)
    yield (
        f'<p class="quiet">These {len(section.types)} of {section.types_in_all} types make '
        f"{percent(together)} of {plural(section.alarms, 'alarm')}. Target: 1 to 5 % for the ten "
        "most frequent together, with a plan for each (ISA-18.2). Actionable: of the clinical "
        "alarms of known class.</p>"
    )


def _staffing(section: Section, of: Hospital) -> Iterator[str]:
    yield "<h3>Staffing beside load</h3>"
    found = section.shifts
    if not found.rows:
        if not found.hours:
            why = "there was no roster"
        else:
            why = f"in no hour were at least {of.fewest} clinicians on duty, each under one name"
        yield f"<p>By shift: not shown, as {why}.</p>"
    else:
        rows = [
            (
                False,
                [
                    escape(cell_name(row, of.calendar)),
                    number(row.clinicians),
                    number(row.beds_per_clinician),
                    number(row.acuity_per_clinician),
                    number(row.alarms_per_clinician_hour),
                    number(row.alarms_per_bed_hour),
                    f"{seconds(row.response_median)}<small>n = {row.responses:,}</small>",
                ],
            )
            for row in found.rows
        ]
        yield table(
            (
                "part of the week",
                "clinicians on duty",
                "beds each",
                "acuity each",
                "alarms an hour each",
                "alarms per bed and hour",
                "median response",
            ),
            rows,
        )
        if found.shown < found.hours:
            yield (
                f'<p class="quiet">Of {found.hours:,} hours with anyone on duty, {found.shown:,} '
                f"are counted: those with records, and with at least {of.fewest} clinicians under "
                "one name each.</p>"
            )
    one = section.staffing
    yield from (
        f"<p>{escape(line)}</p>" for line in slope_words(one.load, one.response, one.per_bed)
    )
    if one.load is not None:
        yield (
            '<p class="quiet">An association between hours of the same time of day, not proof of '
            "cause; 95 % intervals, which respect that neighbouring days are alike. It may also "
            f"come from {escape('; '.join(CONFOUNDERS))}.</p>"
        )


def _to_fix(one: Hospital, policy: Policy) -> Iterator[str]:
    yield "<h2>What to fix next</h2>"
    recent = len(one.grid.dates) > BLOCK
    span = f"the last {BLOCK} days" if recent else "this period"
    yield (
        f"<p>By unit, the {TO_FIX} alarm types with most non-actionable and technical alarms of "
        f"{span}. The owner is who can change the system; nobody who answers alarms is blamed.</p>"
    )
    for unit in one.to_fix:
        rows = []
        for found in unit.findings:
            owner = OWNERS.get(found.owner or "", "no change proposed")
            what, change = advice_words(found, policy)
            seen = "; ".join(filter(None, (seen_words(found, span), what)))
            code = escape(printable("/".join(found.type)))
            name = f"{escape(short_name(found.type))}<small>{code}</small>"
            cells = (printable(one) for one in (_sentence(seen), _sentence(change), owner))
            rows.append((False, [name, *map(escape, cells)]))
        yield f"<h3>{escape(printable(unit.unit))}</h3>"
        yield table(("type", "what was seen", "what to do", "owner"), rows, text=(0, 1, 2))


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."


def _changes(one: Hospital) -> Iterator[str]:
    yield "<h2>Changes made, and what came of them</h2>"
    if not one.changes:
        yield (
            "<p>No change record falls into these spans. Give the records of <code>alarm-fatigue "
            "tune apply</code> with <code>--changes</code>.</p>"
        )
        return
    rows = []
    for found in one.changes:
        made = found.made
        expected = "none" if made.expected is None else f"{percent(made.expected)} fewer"
        came = (
            "no whole day before or after it"
            if found.change is None
            else change_words(found.change, 1.0, "a day", "{:+,.1f}")
        )
        rows.append(
            (
                found.change is not None and found.change.sure,
                [
                    f"{escape(made.scope)}: {escape(made.what)}<small>{escape(written(made.at))}, "
                    f"{escape(printable(made.change_control))}</small>",
                    escape(expected),
                    f"{number(found.before)} &rarr; {number(found.after)}"
                    f"<small>{found.days[0]} and {found.days[1]} days</small>",
                    escape(came),
                    f"{number(found.actionable_before)} &rarr; {number(found.actionable_after)}",
                    escape(printable(made.owner)),
                ],
            )
        )
    yield table(
        (
            "change",
            "forecast",
            "alarms a day",
            "difference (95 % interval)",
            "actionable a day",
            "owner",
        ),
        rows,
    )
    yield (
        '<p class="quiet">Before and after, without control units: other things changed, too. '
        "<code>alarm-fatigue compare</code> has controls and a run chart.</p>"
    )


def _groups(fewest: int) -> str:
    """The note about small groups."""
    if fewest == 1:
        return "but hours of any number of clinicians count (privacy.smallest_group is 1)"
    return f"figures about people leave out hours with fewer than {fewest} clinicians"


def _definitions(fewest: int) -> Iterator[str]:
    yield "<h2>What the figures mean</h2><dl>"
    for anchor, text in DEFINITIONS.items():
        name = anchor.replace("-", " ").replace("non a", "non-a").capitalize()
        yield f'<dt id="{anchor}"><b>{name}</b></dt>'
        yield f"<dd>{escape(text)} In full: docs/semantics.md#{anchor}.</dd>"
    yield "</dl>"
    yield (
        "<p>A difference in bold is hardly chance: its 95 % interval does not contain 0. Of twenty "
        "differences that are chance alone, one is bold, too. Intervals take into account that "
        "beds differ (jackknife over beds) and that neighbouring days are alike (an autoregressive "
        f"process); with fewer than {LEAST_DAYS} days on one side they are unknown. Figures about "
        "people, and figures by hour or shift, are sums over hours of a unit behind which at least "
        f"{fewest} clinicians stand, so that no difference of two figures or reports tells "
        "anything about fewer.</p>"
    )
