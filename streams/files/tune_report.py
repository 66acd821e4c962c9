"""The tuning report: one self-contained page that a biomedical engineer reads before signing.

It is made from the JSON of `streams.files.tuning`, which it embeds, so that figures can be checked.
"""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from typing import Any

from streams.files.alarm_words import type_name
from streams.files.loss_words import bound_words, harm, promise_words
from streams.files.provenance import Provenance
from streams.files.report_parts import document, figure, made_with, sign_off, table
from streams.files.tune_charts import pareto, svg, timeline
from streams.files.tune_words import (
    certainty,
    changes_words,
    held_out_words,
    load_rows,
    load_scope,
    scope_words,
    searched_words,
    setting_words,
    type_words,
)
from streams.files.tuning import type_of
from streams.formats.texts import printable
from streams.formats.times import written

MOST_ROWS = 40
"""Most rows of a table of settings; the others are in the embedded data."""


def page(found: dict[str, Any], made: Provenance, approval: dict[str, str]) -> str:
    """The HTML of an answer of `tune`.

    `approval`: owner, review date and change-control number, as far as known. Raises `NoCharts`.
    """
    title = f"What if: {scope_words(found)}"
    parts = [
        f"<h1>{escape(title)}</h1>",
        f"<p><b>{escape(changes_words(found))}</b></p>",
        f'<p class="quiet">{written(made.written_at)}, alarm-fatigue {escape(made.version)}. '
        f"{written(found['span']['from'])} to {written(found['span']['to'])}, "
        f"{found['before']['alarms']} alarms of this scope{_malformed(found)}. A forecast from "
        "recorded alarms; it changes no device.</p>",
    ]
    for part in (_headline, _search, _types, _timelines, _load, _evidence, _caveats):
        parts += part(found)
    parts += [*sign_off(approval), made_with(made)]
    return document(title, parts, found | {"made_with": made.fields()})


def _headline(found: dict[str, Any]) -> Iterable[str]:
    before, removed = found["before"]["alarms"], found["removed"]["alarms"]
    if not before:
        return
    seconds, lost = found["sounding_seconds"], found["lost"]
    share = f"{100 * removed / before:.0f} %"
    promise = lost["promise"] if lost["upper"] is not None else "open"
    hidden = "unknown" if lost["upper"] is None else f"{lost['count']} of {lost['of']}"
    yield '<div class="facts">'
    yield (
        f'<div class="{promise}"><b>{hidden}</b>alarms that were needed would be hidden '
        f"(upper bound {100 * lost['confidence']:g} %: {bound_words(lost['upper'])})"
        f"<strong>{escape(_promise(lost))}</strong></div>"
    )
    yield f"<div><b>{removed} of {before}</b>alarms would not have sounded ({share})</div>"
    yield (
        f"<div><b>{seconds['before'] / 3600:.1f} h &rarr; {seconds['after'] / 3600:.1f} h</b>of "
        "sounding in total</div></div>"
    )
    rest = "<br>".join(escape(line[0].upper() + line[1:]) + "." for line in certainty(found))
    yield f'<div class="note">{rest}</div>'


def _promise(lost: dict[str, Any]) -> str:
    if lost["upper"] is None:
        return "no alarm is known to have been needed"
    if lost["effective"] is None:
        return "nothing is changed"
    return promise_words(lost["promise"], lost["tolerated"])


def _search(found: dict[str, Any]) -> Iterable[str]:
    search = found["search"]
    if search is None:
        return
    yield "<h2>Proposal and test</h2>"
    asked = searched_words(search)
    yield f"<p>{escape(asked)}. The first part ends {written(search['chosen_until'])}.</p>"
    if not found["proposal"]:
        yield f'<div class="note"><b>Nothing is proposed:</b> {escape(search["reason"])}.</div>'
        return
    rows = [
        (type_name(type_of(one["type"])), setting_words(one["setting"]))
        for one in found["proposal"]
    ]
    yield table("Proposed together", ("alarm type", "setting"), rows)
    yield f"<p>On the part that was searched, it {escape(harm(search['lost']))}.</p>"
    tested = held_out_words(search["held_out"])
    yield f'<div class="note"><b>{escape(tested[0].upper() + tested[1:])}.</b></div>'


def _types(found: dict[str, Any]) -> Iterable[str]:
    if not found["types"]:
        return
    high = found["search"]["include_high"]
    yield "<h2>Each alarm type</h2>"
    rows = [
        (f"{type_name(type_of(one['type']))}, {one['alarms']} alarms", type_words(one, high))
        for one in found["types"]
    ]
    yield table("Highest load first", ("type", "result"), rows)
    for one in found["types"]:
        if one["search"] is not None and one["search"]["pareto"]:
            yield from _choices(one, drawn=len(found["types"]) == 1)


def _choices(one: dict[str, Any], drawn: bool) -> Iterable[str]:
    """The settings of a type that keep the tolerance, in a table, and `drawn` too."""
    search, name = one["search"], type_name(type_of(one["type"]))
    front, best = search["pareto"], search["best"]
    names = [setting_words(each["setting"]) for each in front]
    if drawn:
        yield figure(
            svg(pareto(search, names)),
            "The settings that keep the tolerance. No other one spares more alarms and hides fewer "
            "needed ones. A dot is the count; the line above it reaches the upper bound.",
        )
    rows = [
        (
            each["lost"]["count"],
            bound_words(each["lost"]["upper"]),
            each["spared"],
            each["late"],
            f"{each['silenced_seconds'] / 3600:.1f}",
            label,
        )
        for label, each in zip(names, front, strict=True)
    ]
    marked = (
        None
        if best is None
        else next(
            (index for index, each in enumerate(front) if each["setting"] == best["setting"]), None
        )
    )
    step = max(-(-len(front) // MOST_ROWS), 1)
    shown = [index for index in range(len(front)) if index % step == 0 or index == marked]
    head = (
        "needed hidden",
        "upper bound",
        "others silenced",
        "needed but later",
        "hours of silence",
        "setting",
    )
    some = f"; {len(shown)} of {len(front)}" if step > 1 else ""
    yield table(
        f"{name}: settings that keep the tolerance, on the part that was searched{some}",
        head,
        [rows[index] for index in shown],
        shown.index(marked) if marked is not None else None,
    )


def _timelines(found: dict[str, Any]) -> Iterable[str]:
    if not found["before"]["alarms"]:
        return
    zone = found["time_zone"] or "local time"
    yield "<h2>Before and after</h2>"
    if len(found["days"]) > 1:
        yield figure(
            svg(timeline(found["days"], "day", f"day ({zone})")),
            "Alarms by day, as recorded and as they would have been. Days that were not recorded "
            "whole are pale and marked with *.",
        )
    yield figure(
        svg(timeline(found["hours"], "hour", f"hour of the day ({zone})")),
        "Alarms by hour of the day.",
    )
    rows = [
        (
            f"{printable(one['facility'])} {printable(one['unit'])}",
            one["before"]["alarms"],
            one["after"]["alarms"],
            one["before"]["classes"]["actionable"],
            one["after"]["classes"]["actionable"],
        )
        for one in found["units"]
    ]
    yield table("By unit", ("unit", "alarms before", "after", "actionable before", "after"), rows)


def _load(found: dict[str, Any]) -> Iterable[str]:
    yield "<h2>Load on clinicians</h2>"
    hours = found["load"]["before"]["duty_hours"]
    if not hours:
        yield "<p>No alarm was assigned to a clinician: the load on clinicians is unknown.</p>"
        return
    yield table(
        f"{load_scope(found)[0].upper()}{load_scope(found)[1:]} together, all their alarms, over "
        f"{hours:.0f} hours of duty; persons are not distinguished",
        ("measure", "before", "after"),
        load_rows(found["load"]),
    )


def _evidence(found: dict[str, Any]) -> Iterable[str]:
    yield "<h2>Evidence</h2>"
    rows = [
        (
            name.replace("_", "-"),
            *(found[part]["classes"][name] for part in ("before", "removed", "after", "delayed")),
        )
        for name in found["before"]["classes"]
    ]
    yield table(
        "Alarms by class",
        ("class", "before", "would not have sounded", "still sounding", "of these delayed"),
        rows,
    )
    yield (
        "<p>An alarm was actionable if a clinician intervened or consulted at the bedside "
        "between its start and five minutes after its end (Bonafide 2015, 2017), or if a "
        "reviewer said so. If a unit has no evidence that interventions are recorded, its alarms "
        "are unknown, never non-actionable. Bounds are one-sided and exact (Clopper and "
        "Pearson 1934), with the alarms of one bed and day as one observation (Kish 1965), as "
        "alarms of one patient are alike. Technical alarms are avoidable at the source.</p>"
    )


def _caveats(found: dict[str, Any]) -> Iterable[str]:
    yield "<h2>Limits of these figures</h2><ul>"
    yield from (f"<li>{escape(one)}</li>" for one in found["caveats"])
    yield (
        "<li>Staff and patients react to a change: measure its effect afterwards (alarm-fatigue "
        "compare).</li></ul>"
    )


def _malformed(found: dict[str, Any]) -> str:
    return f"; {found['malformed']} malformed lines left out" if found.get("malformed") else ""
