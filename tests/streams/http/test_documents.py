"""Answers are the structs that describe them, and stay what they were byte for byte."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from analyzer import ALARM_PRIORITIES, CLASSES, LOAD_BANDS, PATTERNS, SCOPES, STATES
from analyzer.model.policy import HOUR
from streams.health.health import REFUSED
from streams.http.documents import board, common, findings, unit, whatif
from tests.harness.site import START, FakeWorker, Site, simulated

OF = "facility=H01&unit=PICU"
ANSWERS = {
    "units": board.Units,
    f"unit?{OF}": unit.UnitHistory,
    f"clinicians?{OF}": board.Clinicians,
    "clinicians": common.Error,
    "findings?top=3": findings.Findings,
    f"whatif/types?{OF}": whatif.WhatIfTypes,
    f"whatif?{OF}&type=monitor/MDC_PULS_OXIM_SAT_O2/MDC_EVT_LO&delay=15&limit=85": whatif.WhatIf,
}
BEFORE = Path(__file__).parents[2] / "data" / "answers.jsonl"
SENTENCES = ("says", "relief_says", "caveats", "reasons", "entered", "error")


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with Site(FakeWorker(simulated(until=START + 3 * HOUR)), now=START / 1000) as served:
        yield served


@pytest.mark.parametrize(("path", "of"), ANSWERS.items(), ids=ANSWERS)
def test_an_answer_is_its_struct_byte_for_byte(site: Site, path: str, of: Any) -> None:
    body = site.get(f"/api/v1/{path}").body
    assert msgspec.json.encode(msgspec.json.decode(body, type=of)) + b"\n" == body


def without_sentences(found: Any) -> Any:
    """Sentences are for people, and may be put better."""
    if isinstance(found, list):
        return [without_sentences(one) for one in found]
    if not isinstance(found, dict):
        return found
    return {
        name: None if name in SENTENCES else without_sentences(one) for name, one in found.items()
    }


def test_answers_of_a_known_hospital_are_what_they_were(site: Site) -> None:
    """Names, their order, and every number; readers depend on the first and the last."""
    bodies = [site.get(f"/api/v1/{path}").json for path in ANSWERS]
    lines = [json.dumps(without_sentences(one), separators=(",", ":")) for one in bodies]
    assert lines == BEFORE.read_text().splitlines()


@pytest.mark.parametrize(
    ("of", "names"),
    [
        (common.Classes, CLASSES),
        (board.AlarmCounts, ("all", *ALARM_PRIORITIES)),
        (board.StateCounts, STATES),
        (board.BandCounts, LOAD_BANDS),
        (board.Nonactionable, (*SCOPES, "classes", "classified", "alarms")),
        (board.RecentAlarmEvents, ("accepted", *REFUSED)),
        (findings.Patterns, PATTERNS),
    ],
    ids=lambda one: getattr(one, "__name__", ""),
)
def test_a_count_for_each_of_the_analyzer_s_names(of: Any, names: tuple[str, ...]) -> None:
    assert of.__struct_encode_fields__ == names
