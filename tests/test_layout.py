"""The layout is the architecture: imports run one way, and the domain is pure."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ANALYZER = sorted((ROOT / "analyzer").rglob("*.py"))
WORLDLY = {
    "time",
    "os",
    "io",
    "socket",
    "random",
    "secrets",
    "subprocess",
    "asyncio",
    "threading",
    "urllib",
    "http",
    "logging",
}


def imported(path: Path) -> Iterator[str]:
    """Top-level names of the packages a module imports."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "absolute imports say where a name lives"
            yield (node.module or "").split(".")[0]


@pytest.mark.parametrize("path", ANALYZER, ids=lambda path: path.name)
def test_the_analyzer_imports_itself_numpy_and_the_standard_library_only(path: Path) -> None:
    allowed = {"analyzer", "numpy"} | set(sys.stdlib_module_names) - WORLDLY
    assert set(imported(path)) <= allowed


@pytest.mark.parametrize("path", ANALYZER, ids=lambda path: path.name)
def test_the_analyzer_asks_no_clock(path: Path) -> None:
    assert "datetime" not in set(imported(path))


def test_no_module_of_the_product_imports_the_tests() -> None:
    for path in [*ANALYZER, *sorted((ROOT / "streams").rglob("*.py"))]:
        assert "tests" not in set(imported(path)), path


def test_modules_stay_small_enough_to_be_one_noun() -> None:
    for path in [*ANALYZER, *sorted((ROOT / "streams").rglob("*.py"))]:
        assert len(path.read_text().splitlines()) <= 450, path
