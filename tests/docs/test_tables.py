"""The example in docs/tables.md: its commands answer as the page says."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from streams.files.mapping import NAMES, Csv, Source
from tests.harness.workers import run

PAGE = (Path(__file__).parents[2] / "docs" / "tables.md").read_text()


def block(language: str) -> str:
    found = re.search(rf"^```{language}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    assert found is not None
    return found[1]


@pytest.fixture
def example(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "export.csv").write_text(block("csv"))
    (tmp_path / "map.yml").write_text(block("yaml"))
    monkeypatch.chdir(tmp_path)


@pytest.mark.usefixtures("example")
@pytest.mark.parametrize("command", ["replay", "findings", "tune"])
def test_the_commands_of_the_page_run(command: str) -> None:
    [line] = [one for one in block("sh").splitlines() if f" {command} " in one]
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
    keys = {*Source.model_fields, *Csv.model_fields, *NAMES, "lasts", "absent", "texts"}
    assert {one for one in keys if not re.search(rf"\b{one}\b", PAGE)} == set()
