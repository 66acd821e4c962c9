"""Markdown: the constructs that the reference pages use."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

GENERATED = "<!-- Written by `make reference` from the code. Changes made here are lost. -->"


def page(title: str, introduction: str, parts: Iterable[str]) -> str:
    return "\n\n".join([f"# {title}", GENERATED, introduction.strip(), *parts]) + "\n"


def code(text: str) -> str:
    """
    >>> code("web.port")
    '`web.port`'
    """
    return f"`{text}`"


def codes(texts: Iterable[str]) -> str:
    """
    >>> codes(["facility", "unit"])
    '`facility`, `unit`'
    """
    return ", ".join(map(code, texts))


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table. A `|` in a cell is escaped, because it would end the cell.

    >>> print(table(["name", "values"], [["clock", "wall | event"]]))
    | name | values |
    |---|---|
    | clock | wall \\| event |
    """
    lines = [head, ["---"] * len(head), *rows]
    plain = ["|".join(["", *lines[1], ""])]
    cells = ["| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines]
    return "\n".join([cells[0], *plain, *cells[2:]])


def sentence(text: str) -> str:
    """The text with a capital letter at its start and a full stop at its end.

    >>> sentence("off leaves out all series"), sentence("`to` is open.")
    ('Off leaves out all series.', '`to` is open.')
    """
    text = " ".join(text.split())
    return text[:1].upper() + text[1:] + ("" if text.endswith((".", ":")) else ".")
