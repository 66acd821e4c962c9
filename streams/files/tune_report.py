"""The tuning report: one self-contained page that a biomedical engineer reads before signing.

It is made from the JSON of `streams.files.tuning`, which it embeds, so that figures can be checked.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from html import escape
from typing import Any

from streams.files.findings import printable, type_name
from streams.files.tune_charts import pareto, svg, timeline
from streams.files.tune_words import (
    cost,
    load_rows,
    lost_words,
    promise_words,
    scope_words,
    setting_words,
)
from streams.formats.codec import to_json

MOST_ROWS = 40
"""Most rows of a table of settings; the others are in the embedded data."""
LONGEST_FIGURE = 18
"""Characters; longer cells are text, and are aligned left."""
_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; color: #1a1a1a; max-width: 52rem; margin: 2rem auto;
  padding: 0 1rem; }
h1 { font-size: 1.5rem; line-height: 1.25; }
h2 { font-size: 1.15rem; margin-top: 2.2rem; border-bottom: 1px solid #ccc; }
table { border-collapse: collapse; width: 100%; font-size: 0.9rem;
  font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: 0.3rem 0.6rem; border-bottom: 1px solid #ddd;
  vertical-align: top; }
td.n, th.n { text-align: right; }
caption { text-align: left; color: #444; padding: 0.3rem 0; }
tr.best { background: #fdf1e7; font-weight: 600; }
.facts { display: grid; grid-template-columns: repeat(auto-fit, minmax(14rem, 1fr)); gap: 1rem;
  margin: 1rem 0; }
.facts div { border: 1px solid #bbb; border-radius: 6px; padding: 0.7rem 1rem; }
.facts b { display: block; font-size: 1.35rem; }
.note { border-left: 5px solid #D55E00; background: #fdf1e7; padding: 0.6rem 1rem; margin: 1rem 0; }
.approval td { height: 2.2rem; }
figure { margin: 1rem 0; overflow-x: auto; }
figcaption { color: #444; font-size: 0.9rem; }
svg { max-width: 100%; height: auto; }
.quiet { color: #444; font-size: 0.9rem; }
@media print { body { margin: 0; max-width: none; } h2, figure, .approval { break-inside: avoid; } }
"""


def page(found: dict[str, Any], source: str, approval: dict[str, str]) -> str:
    """The HTML of an answer of `tune`.

    `approval`: owner, review date and change-control number, as far as known. Raises `NoCharts`.
    """
    title = f"What if: {setting_words(found['setting'])} - {scope_words(found)}"
    parts = [
        f"<h1>{escape(title)}</h1>",
        f'<p class="quiet">{escape(source)}: {_moment(found["span"]["from"])} to '
        f"{_moment(found['span']['to'])}, {found['before']['alarms']} alarms of this scope"
        f"{_malformed(found)}. A forecast from recorded alarms; it changes no device.</p>",
    ]
    for part in (_headline, _search, _types, _timelines, _load, _evidence, _caveats):
        parts += part(found)
    parts += [
        *_approval(approval),
        f'<script type="application/json" id="answer">{_embedded(found)}</script>',
    ]
    policy = "default-src 'none'; style-src 'unsafe-inline'"
    head = (
        '<meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style>"
    )
    return (
        f'<!DOCTYPE html>\n<html lang="en"><head>{head}</head>\n<body>\n'
        + "\n".join(parts)
        + "\n</body></html>\n"
    )


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
        f"{_moment(search['chosen_until'])}, for {asked}.</p>"
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
    yield _figure(
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
    yield _table(
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
    yield _table(
        "Recommendation for each type",
        ("type", "recommended", "removed", "actionable lost", "on the rest"),
        rows,
    )


def _timelines(found: dict[str, Any]) -> Iterable[str]:
    if not found["before"]["alarms"]:
        return
    yield "<h2>Before and after</h2>"
    if len(found["days"]) > 1:
        yield _figure(
            svg(timeline(found["days"], "day", "day (UTC)")),
            "Alarms by day, as recorded and as they would have been.",
        )
    yield _figure(
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
    yield _table("By unit", ("unit", "alarms before", "after", "actionable before", "after"), rows)


def _load(found: dict[str, Any]) -> Iterable[str]:
    yield "<h2>Load on clinicians</h2>"
    hours = found["load"]["before"]["duty_hours"]
    if not hours:
        yield "<p>No alarm was assigned to a clinician: the load on clinicians is unknown.</p>"
        return
    yield _table(
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
    yield _table(
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


def _approval(approval: dict[str, str]) -> Iterable[str]:
    yield (
        "<h2>Approval</h2><p>For the hospital's own change control. This page changes nothing.</p>"
    )
    names = {
        "owner": "Owner of the change",
        "review": "To be reviewed on",
        "change_control": "Change-control number",
    }
    rows = [(label, approval.get(name, "")) for name, label in names.items()]
    rows += [
        (one, "")
        for one in (
            "Decision (approved / rejected / more evidence)",
            "Clinical review by, date",
            "Biomedical engineering, date",
        )
    ]
    yield '<div class="approval">' + _table("", ("", ""), rows) + "</div>"


def _table(
    caption: str, head: Sequence[str], rows: Iterable[Sequence[Any]], marked: int | None = None
) -> str:
    title = f"<caption>{escape(caption)}</caption>" if caption else ""
    rows = list(rows)
    kinds = [
        ' class="n"'
        if column and all(len(str(row[column])) <= LONGEST_FIGURE for row in rows)
        else ""
        for column in range(len(head))
    ]
    top = (
        "".join(f"<th{kind}>{escape(one)}</th>" for one, kind in zip(head, kinds, strict=True))
        if any(head)
        else ""
    )
    body = "".join(
        ('<tr class="best">' if index == marked else "<tr>")
        + "".join(
            f"<td{kind}>{escape(str(one))}</td>" for one, kind in zip(row, kinds, strict=True)
        )
        + "</tr>"
        for index, row in enumerate(rows)
    )
    return f"<table>{title}<thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>"


def _figure(drawing: str, caption: str) -> str:
    return f"<figure>{drawing}<figcaption>{escape(caption)}</figcaption></figure>"


def _malformed(found: dict[str, Any]) -> str:
    return f"; {found['malformed']} malformed lines left out" if found.get("malformed") else ""


def _moment(milliseconds: int) -> str:
    return (
        datetime.fromtimestamp(milliseconds / 1000, UTC)
        .isoformat(sep=" ", timespec="minutes")
        .replace("+00:00", " UTC")
    )


def _embedded(found: dict[str, Any]) -> str:
    """JSON that cannot close the element around it."""
    return to_json(found).decode().replace("<", "\\u003c")
