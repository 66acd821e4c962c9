"""The layout is the architecture: imports run one way, and the domain is pure."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.packages import PRODUCT, cycles, imports, modules, parsed, subpackage

ROOT = Path(__file__).parents[1]
ANALYZER = sorted((ROOT / "analyzer").rglob("*.py"))
LIBRARY = sorted((ROOT / "alarm_fatigue").rglob("*.py"))
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
    for node in ast.walk(parsed(path)):
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
    for path in [*ANALYZER, *sorted((ROOT / "streams").rglob("*.py")), *LIBRARY]:
        assert "tests" not in set(imported(path)), path


def test_the_library_stands_on_the_rest_which_does_not_know_it() -> None:
    for path in [*ANALYZER, *sorted((ROOT / "streams").rglob("*.py"))]:
        assert "alarm_fatigue" not in set(imported(path)), path


def test_modules_stay_small_enough_to_be_one_noun() -> None:
    for top in ("analyzer", "streams", "alarm_fatigue", "grafana", "reference", "bench", "tests"):
        for path in (ROOT / top).rglob("*.py"):
            assert len(path.read_text().splitlines()) <= 450, path


LEVELS = {
    "analyzer": [
        {"arrays", "times"},
        {"columns", "stats"},
        {"model"},
        {"pipeline", "hl7"},
        {"windows"},
        {"overload", "findings", "history"},
        {"whatif"},
        {"engine"},
        {"incident", "front"},
    ],
    "streams": [
        {"container", "extras", "logs", "formats", "service_manager"},
        {"policy_settings", "setting_table", "paging_settings", "kafka_settings"},
        {"access_settings", "audit_settings"},
        {"setting_origins", "web_settings"},
        {"settings"},
        {"pseudonyms", "kafka", "access", "audit"},
        {"dev", "partitions"},
        {"health", "paging"},
        {"metrics"},
        {"files", "archive"},
        {"incidents", "report"},
        {"http", "simulator", "hl7"},
        {"worker"},
        {"demo"},
        {"cli"},
    ],
}
"""The subpackages of each package by level, the lowest first; each imports lower levels only."""


@pytest.mark.parametrize("top", PRODUCT)
def test_subpackages_import_from_lower_levels_only(top: str) -> None:
    level = {name: number for number, names in enumerate(LEVELS[top]) for name in names}
    known = modules(top)
    for module, path in known.items():
        for target in imports(path, known):
            if "." in module and "." in target and subpackage(module) != subpackage(target):
                mine, other = (subpackage(one).split(".")[1] for one in (module, target))
                assert level[other] < level[mine], f"{module} imports {target}"


@pytest.mark.parametrize("top", PRODUCT)
def test_no_modules_import_each_other_in_a_circle(top: str) -> None:
    known = modules(top)
    graph = {module: set(imports(path, known)) - {module} for module, path in known.items()}
    packages = {module for module, path in known.items() if path.name == "__init__.py"}
    inner = {module: graph[module] - packages for module in known if module not in packages}
    assert cycles(inner) == []


def test_a_circle_is_found_behind_type_checking() -> None:
    graph = {"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}}
    assert cycles(graph) == [{"a", "b", "c"}]


MEASURED = {("bench.measure", "analyzer.windows.snapshot")}
"""A benchmark times the functions inside this module, so it must reach into it."""


def test_others_use_the_front_of_the_analyzer() -> None:
    known = modules("analyzer")
    fronts = {
        module
        for module, path in known.items()
        if path.name == "__init__.py" or module.count(".") == 1
    }
    past = [
        f"{module} imports {target}"
        for module, path in modules(
            "streams", "alarm_fatigue", "bench", "grafana", "reference"
        ).items()
        for target in imports(path, known)
        if target not in fronts and (module, target) not in MEASURED
    ]
    assert past == []


def test_no_test_file_imports_another_one() -> None:
    known = modules("tests")
    for module, path in known.items():
        for target in imports(path, known):
            assert not target.rpartition(".")[2].startswith("test_"), f"{module} imports {target}"
