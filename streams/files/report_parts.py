"""Common parts of the pages for signing: document, tables, figures and the place to sign.

A page needs nothing beside it and loads nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from typing import Any

from streams.files.provenance import Provenance
from streams.formats.codec import to_json
from streams.formats.times import written

ROLES = (
    "Clinical lead (physician)",
    "Nursing lead of the unit",
    "Biomedical engineering",
    "Patient safety",
)
"""The roles that review a changed setting, each with a line to sign (our own choice)."""
LONGEST_FIGURE = 18
"""Characters; longer cells are text."""


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
.facts strong { display: block; }
.facts .open { border: 3px solid #8a6100; background: #fff6df; }
.facts .broken { border: 3px solid #b3261e; background: #fdeceb; color: #8c1d18; }
.note { border-left: 5px solid #D55E00; background: #fdf1e7; padding: 0.6rem 1rem; margin: 1rem 0; }
.approval td { height: 2.2rem; }
.made td, .made code { overflow-wrap: anywhere; }
.made td:first-child { white-space: nowrap; overflow-wrap: normal; }
.bad { border-left: 5px solid #b00020; background: #fdecea; padding: 0.6rem 1rem; margin: 1rem 0; }
figure { margin: 1rem 0; overflow-x: auto; }
figcaption { color: #444; font-size: 0.9rem; }
svg { max-width: 100%; height: auto; }
.quiet { color: #444; font-size: 0.9rem; }
@media print { body { margin: 0; max-width: none; } h2, figure, .approval { break-inside: avoid; } }
"""


def document(title: str, parts: Iterable[str], found: dict[str, Any], style: str = "") -> str:
    """The page. It carries `found`, for whoever wants to check a figure.

    `style` is added to the style that all pages share.
    """
    policy = "default-src 'none'; style-src 'unsafe-inline'"
    head = (
        '<meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
        f"<title>{escape(title)}</title><style>{_STYLE}{style}</style>"
    )
    return (
        f'<!DOCTYPE html>\n<html lang="en"><head>{head}</head>\n<body>\n'
        + "\n".join(parts)
        + f'\n<script type="application/json" id="answer">{_embedded(found)}</script>'
        + "\n</body></html>\n"
    )


def table(
    caption: str, head: Sequence[str], rows: Iterable[Sequence[Any]], marked: int | None = None
) -> str:
    """Columns of figures are aligned right, save words in them; the row `marked` stands out."""
    title = f"<caption>{escape(caption)}</caption>" if caption else ""
    rows = [[str(one) for one in row] for row in rows]
    numeric = [
        bool(column) and _of_figures(row[column] for row in rows) for column in range(len(head))
    ]
    top = (
        "".join(
            f"<th{_kind(right)}>{escape(one)}</th>"
            for one, right in zip(head, numeric, strict=True)
        )
        if any(head)
        else ""
    )
    body = "".join(
        ('<tr class="best">' if index == marked else "<tr>")
        + "".join(
            f"<td{_kind(right and _is_figure(one))}>{escape(one)}</td>"
            for one, right in zip(row, numeric, strict=True)
        )
        + "</tr>"
        for index, row in enumerate(rows)
    )
    return f"<table>{title}<thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>"


def _of_figures(cells: Iterable[str]) -> bool:
    """Whether a column holds figures: its cells are short, and one of them at least is a figure.

    >>> _of_figures(["12", "none"]), _of_figures(["none", ""]), _of_figures(["2026-03-01 to 31"])
    (True, False, True)
    """
    cells = list(cells)
    return all(len(one) <= LONGEST_FIGURE for one in cells) and any(map(_is_figure, cells))


def _is_figure(cell: str) -> bool:
    return any(map(str.isdigit, cell))


def _kind(right: bool) -> str:
    return ' class="n"' if right else ""


def figure(drawing: str, caption: str) -> str:
    return f"<figure>{drawing}<figcaption>{escape(caption)}</figcaption></figure>"


def sign_off(approval: dict[str, str]) -> Iterable[str]:
    """Where a page is signed; `approval` holds owner, review and change_control as far as known."""
    yield (
        "<h2>Approval</h2><p>For the hospital's own change control. This page changes nothing.</p>"
    )
    names = {
        "owner": "Owner of the change",
        "review": "To be reviewed on",
        "change_control": "Change-control number",
    }
    rows = [(label, approval.get(name, "")) for name, label in names.items()]
    rows.append(("Decision (approved / rejected / more evidence)", ""))
    yield '<div class="approval">' + table("", ("", ""), rows)
    head, lines = ("Reviewed as", "Name", "Signature", "Date"), [(one, "", "", "") for one in ROLES]
    yield table("", head, lines) + "</div>"


def made_with(made: Provenance) -> str:
    """All that is needed to make the page again, in words."""
    inputs = "; ".join(
        f"{one.name} ({'not hashed' if one.sha256 is None else f'SHA-256 {one.sha256}'})"
        for one in made.inputs
    )
    rows = [
        ("Program", f"alarm-fatigue {made.version}"),
        ("Written at", written(made.written_at)),
        ("Policy", f"fingerprint {made.policy}"),
        ("Command", made.command),
        *([("Input", inputs)] if inputs else []),
    ]
    settings = escape(to_json(made.settings).decode())
    return (
        '<h2>How this page was made</h2><div class="made">'
        + table("", ("", ""), rows)
        + f"<details><summary>Settings of the policy</summary><code>{settings}</code></details>"
        + "</div>"
    )


def _embedded(found: dict[str, Any]) -> str:
    """JSON that cannot close the element around it."""
    return to_json(found).decode().replace("<", "\\u003c")
