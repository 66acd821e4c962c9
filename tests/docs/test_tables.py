"""The example in docs/tables.md: its commands answer as the page says."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from streams.files.importing.sections import FIELDS_OF, Section
from streams.files.mapping import NAMES, Csv, Source, Table, load_mapping
from tests.harness.workers import run

PAGE = (Path(__file__).parents[2] / "docs" / "tables.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


def block(language: str) -> str:
    return blocks(language)[0]


@pytest.fixture
def example(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "export.csv").write_text(block("csv"))
    (tmp_path / "map.yml").write_text(block("yaml"))
    monkeypatch.chdir(tmp_path)


@pytest.mark.usefixtures("example")
@pytest.mark.parametrize("command", ["replay", "findings", "tune"])
def test_the_commands_of_the_page_run(command: str) -> None:
    [line] = [one for one in blocks("sh")[1].splitlines() if f" {command} " in one]
    done = run(*line.split()[1:])
    assert (done.status, done.err) == (0, "")


@pytest.mark.usefixtures("example")
def test_the_example_has_the_types_that_the_page_names() -> None:
    mapped = ("--episodes", "export.csv", "--mapping", "map.yml", "--delay", "1", "--json")
    for of in ("monitor/SpO2/low", "monitor//VTACH", "monitor//LEADS OFF"):
        assert json.loads(run("tune", *mapped, "--type", of).out)["before"]["alarms"] == 1
    classes = json.loads(run("tune", *mapped).out)["before"]["classes"]
    assert (classes["technical"], classes["unknown"]) == (1, 4)


def test_the_page_has_every_field_and_key() -> None:
    keys = {
        *(key for of in (Source, Csv, Section, Table) for key in of.model_fields),
        *(name for form in FIELDS_OF.values() for name in form[0]),
        *NAMES,
    }
    assert {one for one in keys if not re.search(rf"\b{one}\b", PAGE)} == set()


def test_every_mapping_of_the_page_can_be_read(tmp_path: Path) -> None:
    for number, text in enumerate(blocks("yaml")):
        (tmp_path / f"{number}.yml").write_text(text)
        assert load_mapping(tmp_path / f"{number}.yml").sections


@pytest.mark.usefixtures("example")
def test_the_example_is_imported_as_the_page_says() -> None:
    [line] = [one for one in blocks("sh")[1].splitlines() if " import " in one]
    done = run(*line.split()[1:])
    assert (done.status, done.err) == (0, "5 rows: 9 alarms, 2 responses; 0 rejected\n")


@pytest.mark.usefixtures("example")
def test_the_proposed_mapping_reads_the_example() -> None:
    Path("proposed.yml").write_bytes(run("import", "--guess", "export.csv").out)
    done = run("import", "--mapping", "proposed.yml", "export.csv", "--out", "facts")
    assert done.err == "5 rows: 9 alarms, 2 responses; 0 rejected\n"
