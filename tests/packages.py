"""The packages of the product: which modules there are, what each imports, and where that leads."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[1]
PRODUCT = ("analyzer", "streams")


def modules(*tops: str) -> dict[str, Path]:
    """Every module below these top-level folders, by dotted name."""
    found = {}
    for top in tops:
        for path in sorted((ROOT / top).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


@cache
def parsed(path: Path) -> ast.Module:
    """A source file as a tree; each is read once."""
    return ast.parse(path.read_text())


def imports(path: Path, known: Mapping[str, Path]) -> Iterator[str]:
    """The modules of `known` that a file imports, wherever in the file it does so.

    That includes imports inside functions and those behind `TYPE_CHECKING`.
    """
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in known)
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                if inner in known:
                    yield inner
                elif node.module in known:
                    yield node.module


def subpackage(module: str) -> str:
    """The package of a module, such as `analyzer.windows`; a module of the top level is its own.

    >>> subpackage("analyzer.windows.burden"), subpackage("analyzer.engine")
    ('analyzer.windows', 'analyzer.engine')
    """
    return ".".join(module.split(".")[:2])


def cycles(graph: Mapping[str, set[str]]) -> list[set[str]]:
    """The groups of nodes that lead back to themselves."""
    reach: dict[str, set[str]] = {}
    for node in graph:
        seen: set[str] = set()
        todo = list(graph[node])
        while todo:
            one = todo.pop()
            if one not in seen:
                seen.add(one)
                todo += graph.get(one, ())
        reach[node] = seen
    found: list[set[str]] = []
    for node in graph:
        group = {other for other in reach[node] if node in reach.get(other, ())}
        if len(group) > 1 and group not in found:
            found.append(group)
    return found
