"""A sample of `python -m tests.fuzz.blame`, and that it would find blame."""

from __future__ import annotations

import json

import pytest

from tests.fuzz import blame


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(0, 60, 5))
def test_no_report_blames_a_person_or_names_one(seed: int) -> None:
    assert blame.blame(seed) == []


@pytest.mark.slow
def test_the_sample_has_reports_with_factors_with_changes_and_with_neither() -> None:
    found = [json.loads(dict(blame.reports(seed))["json"]) for seed in range(0, 60, 5)]
    assert {bool(one["factors"]) for one in found} == {True, False}
    assert {bool(one["actions"]) for one in found} == {True, False}


@pytest.mark.parametrize("text", ["Das war menschliches Versagen.", "Dr. Okafor", "a mistake"])
def test_blame_and_names_are_found(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blame, "reports", lambda _: iter([("page", text)]))
    assert len(blame.blame(1)) == 1
