"""`replay` runs every example in docs/semantics.md, and exports the numbers on the page."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from streams.cli.main import app

PAGE = Path(__file__).parents[2] / "docs" / "semantics.md"
DAY = "2026-03-01T"
EXAMPLE = re.compile(r"^```yaml example\n(.*?)^```$", re.MULTILINE | re.DOTALL)

DEFAULTS: dict[str, dict[str, Any]] = {
    "alarms": {
        "facility": "H1",
        "unit": "ICU",
        "bed": "1",
        "device_id": "mon-1",
        "device_type": "monitor",
        "code": "MDC_EVT_LO",
        "kind": "physiological",
        "priority": "medium",
    },
    "assignments": {
        "assignment_id": "s1",
        "facility": "H1",
        "unit": "ICU",
        "bed": "1",
        "clinician": "anna",
        "at": f"{DAY}05:00:00Z",
    },
    "responses": {"facility": "H1"},
    "labels": {"facility": "H1"},
}


def examples() -> Iterator[Any]:
    text = PAGE.read_text()
    for found in EXAMPLE.finditer(text):
        line = text[: found.start()].count("\n") + 1
        yield pytest.param(yaml.safe_load(found[1]), id=f"line {line}")


def moment(value: Any) -> Any:
    return (
        f"{DAY}{value}Z"
        if isinstance(value, str) and re.fullmatch(r"\d\d:\d\d:\d\d", value)
        else value
    )


def facts(topic: str, listed: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for number, short in enumerate(listed):
        for copy in range(short.get("repeat", 1)):
            fact = DEFAULTS[topic] | {"event_id": f"{topic}-{number}-{copy}"}
            fact |= {name: moment(value) for name, value in short.items() if name != "repeat"}
            yield {
                name: value.replace("{n}", str(copy)) if isinstance(value, str) else value
                for name, value in fact.items()
            }


def labels_of(line: str) -> tuple[str, frozenset[str]]:
    name, _, labels = line.partition("{")
    pairs = frozenset(re.findall(r'\w+="[^"]*"', labels))
    return name, pairs


def matching(exposition: str, wanted: str) -> list[float]:
    """The values of all series with the name of `wanted` whose labels include its labels."""
    name, pairs = labels_of(wanted)
    found = []
    for line in exposition.splitlines():
        series, _, value = line.rpartition(" ")
        series_name, series_pairs = labels_of(series)
        if series_name == f"alarm_fatigue_{name}" and pairs <= series_pairs:
            found.append(float(value))
    return found


@pytest.mark.parametrize("example", list(examples()))
def test_example(example: dict[str, Any], tmp_path: Path) -> None:
    arguments = ["replay", "--pseudonyms", "off", "--at", moment(example["now"])]
    for topic in DEFAULTS:
        if listed := example.get(topic):
            file = tmp_path / f"{topic}.jsonl"
            file.write_text("".join(json.dumps(fact) + "\n" for fact in facts(topic, listed)))
            arguments += [f"--{topic}", str(file)]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    for line in example["shows"]:
        wanted, _, value = line.rpartition(" ")
        assert matching(result.stdout, wanted) == [float(value)], wanted
    for wanted in example.get("absent", ()):
        assert matching(result.stdout, wanted) == [], wanted


def test_the_page_has_an_example_for_most_rules() -> None:
    assert len(EXAMPLE.findall(PAGE.read_text())) >= 20
