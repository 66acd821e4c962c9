"""Gallery: runs the scripts of docs/gallery, and writes a page of each with what it shows.

A script begins with its title and what it is about. Each of its cells begins with `# %%` and a
text; its output, and the value of its last expression, follow on the page. `python -m
reference.gallery` writes the pages anew.
"""

from __future__ import annotations

import ast
import contextlib
import io
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from reference.markdown import GENERATED

FOLDER = Path(__file__).parent.parent / "docs" / "gallery"
ORDER = ("first_look", "nonactionable", "delay", "before_after")
_CELL = re.compile(r"^# %% ?", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Shown:
    """A page, and its pictures (SVG) by name."""

    text: str
    pictures: dict[str, str]


def shown(name: str) -> Shown:
    """Run a script and write down what it shows."""
    head, *cells = _CELL.split((FOLDER / f"{name}.py").read_text())
    title, about = (ast.get_docstring(ast.parse(head)) or "").split("\n\n", 1)
    parts, pictures = [f"# {title}", GENERATED, about.strip()], dict[str, str]()
    names: dict[str, Any] = {}
    with contextlib.chdir(FOLDER), pl.Config(tbl_width_chars=100, tbl_cols=12, fmt_str_lengths=40):
        for cell in cells:
            text, code = _split(cell)
            parts += [text, f"```python\n{code}\n```"]
            printed, value = _run(code, names)
            if _is_chart(value):
                file = f"{name}-{len(pictures) + 1}.svg"
                pictures[file] = _svg(value)
                parts.append(f"![{text.split('.')[0]}](pictures/{file})")
            elif value is not None:
                printed += f"{value!r}\n"
            if printed:
                parts.append(f"```text\n{printed.rstrip()}\n```")
    parts.append(f"The script is `docs/gallery/{name}.py`; it runs in its folder.")
    return Shown("\n\n".join(parts) + "\n", pictures)


def _split(cell: str) -> tuple[str, str]:
    """The text of a cell, and its code."""
    lines = cell.strip().splitlines()
    text = [lines[0]]
    while lines[len(text)].startswith("# "):
        text.append(lines[len(text)].removeprefix("# "))
    return " ".join(text), "\n".join(lines[len(text) :]).strip()


def _run(code: str, names: dict[str, Any]) -> tuple[str, Any]:
    """What code prints, and the value of its last expression."""
    tree, value = ast.parse(code), None
    last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        exec(compile(tree, "<cell>", "exec"), names)  # noqa: S102  # our own scripts
        if isinstance(last, ast.Expr):
            value = eval(compile(ast.Expression(last.value), "<cell>", "eval"), names)  # noqa: S307
    return printed.getvalue(), value


def _is_chart(value: Any) -> bool:
    return type(value).__module__.startswith("altair.")


def _svg(chart: Any) -> str:
    import vl_convert

    return str(vl_convert.vegalite_to_svg(chart.to_json()))


def pages() -> Iterator[tuple[str, Shown]]:
    for name in ORDER:
        yield name, shown(name)


def main() -> None:
    os.environ.setdefault("POLARS_MAX_THREADS", "1")
    (FOLDER / "pictures").mkdir(exist_ok=True)
    for name, page in pages():
        (FOLDER / f"{name}.md").write_text(page.text)
        for file, picture in page.pictures.items():
            (FOLDER / "pictures" / file).write_text(picture)


if __name__ == "__main__":
    main()
