"""Tables on the committee's page, and those of its figures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from html import escape

from streams.report.building import Hospital, Section
from streams.report.figures import Figure, by_key
from streams.report.words import GROUPS, counted, difference, label, shown

BEFORE = ("before", "difference (95 % interval)")
"""Columns that a report without a span before does not have."""


def figure_tables(section: Section, of: Hospital) -> Iterator[str]:
    """A table for each group of figures, with a heading, and what is counted in it."""
    known = by_key(section.figures)
    for title, keys in GROUPS:
        some = [known[key] for key in keys]
        yield f"<h3>{escape(title)}</h3>"
        reasons = {one.why for one in some}
        if len(reasons) == 1 and some[0].why is not None:
            told = some[0].why.removeprefix("withheld: ")
            yield f"<p>Not shown: {escape(told)}.</p>"
            continue
        shared = [words for words, rows in Counter(one.n for one in some).items() if rows > 1]
        missing = {one.missing for one in some}
        said = some[0].missing if len(missing) == 1 else None
        sentences = [f"Counted: {'; '.join(shared)}."] if shared else []
        if said:
            sentences.append(f"{said[0].upper()}{said[1:]}.")
        if sentences:
            yield f'<p class="quiet">{escape(" ".join(sentences))}</p>'
        compared = BEFORE if of.has_before else ()
        rows = [_row(one, compared, one.n not in shared, said is None) for one in some]
        yield table(("figure", "this period", *compared, "counted"), rows, kind="even")
        if title == GROUPS[0][0] and any(one.change and one.change.low is not None for one in some):
            yield (
                '<p class="quiet">Few patients make most alarms (one in ten made 57 % of SpO2 '
                "alarms: Lansdowne 2016), and other patients lie in the beds now than before. So "
                "the intervals above are wide.</p>"
            )


def _row(
    one: Figure, compared: Sequence[str], says_n: bool, says_missing: bool
) -> tuple[bool, list[str]]:
    target = f"<small>target: {escape(one.target)}</small>" if one.target else ""
    cells = [f'<a href="#{one.definition}">{escape(label(one))}</a>{target}']
    value = escape(shown(one, one.value))
    if one.value is None:
        value = f"{value}<small>{escape(one.why or '')}</small>"
    cells.append(value)
    if compared:
        before = "" if one.before is None else escape(shown(one, one.before))
        cells += [before, escape(difference(one))]
    count = escape(counted(one))
    if says_n:
        count += f"<small>{escape(one.n)}</small>"
    if says_missing and one.missing:
        count += f"<small>{escape(one.missing)}</small>"
    cells.append(count)
    return one.change is not None and one.change.sure, cells


def table(
    head: Sequence[str],
    rows: Iterable[tuple[bool, Sequence[str]]],
    text: Sequence[int] = (0,),
    kind: str = "",
) -> str:
    """Cells are HTML; a row that is sure of its difference stands out."""
    top = "".join(f"<th>{escape(one)}</th>" for one in head)
    body = ""
    for sure, cells in rows:
        marked = ' class="sure"' if sure else ""
        body += (
            f"<tr{marked}>"
            + "".join(
                f'<td class="{_kind(place, head, text)}" data-head="{escape(head[place])}">{one}'
                "</td>"
                for place, one in enumerate(cells)
            )
            + "</tr>"
        )
    return (
        f'<div class="wide"><table class="{kind}"><thead><tr>{top}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


def _kind(place: int, head: Sequence[str], text: Sequence[int]) -> str:
    if place in text:
        return "text"
    return "change" if head[place].startswith("difference") else "plain"
