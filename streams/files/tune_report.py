"""The tuning report: one self-contained page that a biomedical engineer reads before signing.

It is made from the JSON of `streams.files.tuning`, which it embeds, so that figures can be checked.
"""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from typing import Any

from streams.files.findings import printable, type_name
from streams.files.report_parts import document, figure, sign_off, table
from streams.files.tune_charts import pareto, svg, timeline
from streams.files.tune_words import (
    cost,
    load_rows,
    lost_words,
    promise_words,
    scope_words,
    setting_words,
)
from streams.formats.times import written

MOST_ROWS = 40
"""Most rows of a table of settings; the others are in the embedded data."""


def page(found: dict[str, Any], source: str, approval: dict[str, str]) -> str:
    """The HTML of an answer of `tune`.

    `approval`: owner, review date and change-control number, as far as known. Raises `NoCharts`.
    """
    title = f"What if: {setting_words(found['setting'])} - {scope_words(found)}"
    parts = [
        f"<h1>{escape(title)}</h1>",
        f'<p class="quiet">{escape(source)}: {written(found["span"]["from"])} to '
        f"{written(found['span']['to'])}, {found['before']['alarms']} alarms of this scope"
        f"{_malformed(found)}. A forecast from recorded alarms; it changes no device.</p>",
    ]
    for part in (_headline, _search, _types, _timelines, _load, _evidence, _caveats):
        parts += part(found)
    parts += [
        *sign_off(approval),
    ]
    return document(title, parts, found)


def _headline(found: dict[str, Any]) -> Iterable[str]:
    before, removed = found["before"]["alarms"], found["removed"]["alarms"]
    if not before:
        return
    seconds = found["sounding_seconds"]
    share = f"{100 * removed / before:.0f} %"
    lost = found["lost"]
    at_most = "unknown" if lost["upper"] is None else f"at most {100 * lost['upper']:.2f} %"
    yield '<div class="facts">'
    yield f"<div><b>{removed} of {before}</b>alarms would not have sounded ({share})</div>"
    yield (
        f"<div><b>{lost['count']} of {lost['of']}</b>actionable alarms among them; true share "
        f"{at_most}</div>"
    )
    yield (
        f"<div><b>{seconds['before'] / 3600:.1f} h &rarr; {seconds['after'] / 3600:.1f} h</b>of "
        "sounding in total</div></div>"
    )
    yield (
        '<div class="note">'
        + "<br>".join(escape(line[0].upper() + line[1:]) + "." for line in cost(found))
        + "</div>"
    )


def _search(found: dict[str, Any]) -> Iterable[str]:
    search = found["search"]
    if search is None:
        return
    tolerance, best, held = search["tolerance"], search["best"], search["held_out"]
    late = "" if tolerance["late"] is None else f", none late by more than {tolerance['late']:g} s"
    asked = (
        f"at most {100 * tolerance['lost']:g} % of actionable alarms lost, at "
        f"{100 * tolerance['confidence']:g} % confidence{late}"
    )
    yield "<h2>Recommendation and test</h2>"
    yield (
        f"<p>{search['settings']} settings were tried on the alarms until "
        f"{written(search['chosen_until'])}, for {asked}.</p>"
    )
    if best is None:
        yield f'<div class="note"><b>No recommendation:</b> {escape(search["reason"])}.</div>'
    else:
        effect = (
            f"it removes {best['spared']} of these alarms; actionable lost "
            f"{lost_words(best['lost'])}"
        )
        yield (
            f"<p><b>Recommended: {escape(setting_words(best['setting']))}</b>; "
            f"{escape(effect)}.</p>"
        )
        tested = (
            "Tested on the later alarms, which were not used in the search: "
            f"{promise_words(held['promise'])}."
        )
        yield (
            f'<div class="note"><b>{escape(tested)}</b> '
            f"{held['removed']['alarms']} of {held['before']['alarms']} alarms removed; lost "
            f"{escape(lost_words(held['lost']))}.</div>"
        )
    front = search["pareto"]
    names = [setting_words(one["setting"]) for one in front]
    yield figure(
        svg(pareto(search, names)),
        "The best trade-offs: no other setting spares more alarms and loses fewer actionable ones. "
        "A dot is the count; the line above it reaches the upper bound of the true number lost.",
    )
    rows = [
        (
            name,
            one["spared"],
            one["lost"]["count"],
            "unknown" if one["lost"]["upper"] is None else f"{100 * one['lost']['upper']:.2f} %",
            one["late"],
            f"{one['silenced_seconds'] / 3600:.1f}",
        )
        for name, one in zip(names, front, strict=True)
    ]
    marked = (
        None
        if best is None
        else next(
            (index for index, one in enumerate(front) if one["setting"] == best["setting"]), None
        )
    )
    step = max(-(-len(front) // MOST_ROWS), 1)
    shown = [index for index in range(len(front)) if index % step == 0 or index == marked]
    head = (
        "setting",
        "removed",
        "actionable lost",
        "at most",
        "actionable delayed",
        "hours of silence",
    )
    some = f"; {len(shown)} of {len(front)}" if step > 1 else ""
    yield table(
        f"Best trade-offs, on the part of the recording that was searched{some}",
        head,
        [rows[index] for index in shown],
        shown.index(marked) if marked is not None else None,
    )


def _types(found: dict[str, Any]) -> Iterable[str]:
    if not found["types"]:
        return
    yield "<h2>Each alarm type separately</h2>"
    rows = []
    for one in found["types"]:
        best, held = one["search"]["best"], one["search"]["held_out"]
        recommended = (
            ("none: " + one["search"]["reason"], "", "", "")
            if best is None
            else (
                setting_words(best["setting"]),
                best["spared"],
                lost_words(best["lost"]),
                promise_words(held["promise"]),
            )
        )
        rows.append((type_name(tuple(one["type"].values())), *recommended))
    yield table(
        "Recommendation for each type",
        ("type", "recommended", "removed", "actionable lost", "on the rest"),
        rows,
    )


def _timelines(found: dict[str, Any]) -> Iterable[str]:
    if not found["before"]["alarms"]:
        return
    yield "<h2>Before and after</h2>"
    if len(found["days"]) > 1:
        yield figure(
            svg(timeline(found["days"], "day", "day (UTC)")),
            "Alarms by day, as recorded and as they would have been.",
        )
    yield figure(
        svg(timeline(found["hours"], "hour", "hour of the day (UTC)")), "Alarms by hour of the day."
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
        f"All clinicians together, all alarms, over {hours:.0f} hours of duty; persons are not "
        "distinguished",
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
        "are unknown, never non-actionable. Bounds are one-sided and exact for independent "
        "alarms (Clopper and Pearson 1934).</p>"
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
