"""The report of `tune` as one HTML page, and the record of a decided change."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from pathlib import Path

import pytest

from tests.harness.recordings import episode, written
from tests.harness.workers import run
from tests.oracle import whatif as naive


def test_the_report_is_one_page_that_needs_and_names_nothing_else(
    calibrated: Path, tmp_path: Path
) -> None:
    out = tmp_path / "report.html"
    done = run(
        "tune",
        "--episodes",
        calibrated,
        "--search",
        "--tolerance",
        "5",
        "--report",
        out,
        "--owner",
        "<b>biomed</b>",
        "--json",
    )
    assert done.status == 0
    text = out.read_text()
    elements = _Page()
    elements.feed(text)
    assert elements.tags.count("svg") == 3
    assert not {"link", "iframe", "img", "object"} & set(elements.tags)
    assert [one for one in elements.addresses if not one.startswith("#")] == []
    assert "&lt;b&gt;biomed" in text
    assert "<b>biomed" not in text
    for word in (
        "Approval",
        "Change-control number",
        "Limits of these figures",
        "at 95 % confidence",
    ):
        assert word in text
    carried = json.loads(elements.data)
    assert carried == json.loads(done.out)
    shown = "".join(elements.texts)
    assert "nurse-" not in text
    assert "MICU-" not in shown
    again = tmp_path / "again.html"
    run(
        "tune",
        "--episodes",
        calibrated,
        "--search",
        "--tolerance",
        "5",
        "--report",
        again,
        "--owner",
        "<b>biomed</b>",
        "--json",
    )
    assert again.read_bytes() == out.read_bytes()


class _Page(HTMLParser):
    """What a page is made of."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.addresses: list[str] = []
        self.texts: list[str] = []
        self.data = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.addresses += [
            value or "" for name, value in attrs if name in ("src", "href", "xlink:href", "action")
        ]

    def handle_data(self, data: str) -> None:
        if self.tags[-1:] == ["script"]:
            self.data = data
            self.tags.append("")
        else:
            self.texts.append(data)


@pytest.mark.parametrize(
    "episodes",
    [
        [],
        [episode(1)],
        [episode(1, **{"class": "unknown"})],
        [episode(1, unit="<script>", clinicians=[])],
    ],
)
def test_reports_of_little_or_nothing_are_written_too(
    tmp_path: Path, episodes: list[naive.Episode]
) -> None:
    out = tmp_path / "report.html"
    done = run("tune", "--episodes", written(tmp_path, *episodes), "--search", "--report", out)
    assert done.status == 0, done.err
    assert "<script>" not in out.read_text().replace('<script type="application/json"', "")


def test_a_decided_change_becomes_a_record_with_an_annotation(tmp_path: Path) -> None:
    answer = tmp_path / "answer.json"
    answer.write_bytes(
        run(
            "tune",
            "--episodes",
            written(tmp_path, episode(1)),
            "--unit",
            "icu",
            "--delay",
            "30",
            "--json",
        ).out
    )
    ask = (
        "tune",
        "apply",
        answer,
        "--owner",
        "biomed",
        "--change-control",
        "CC-7",
        "--at",
        "2026-04-01T07:00:00Z",
        "--review",
    )
    found = json.loads(run(*ask, "2026-06-30").out)
    assert (found["at"], found["annotation"]["time"]) == (1_775_026_800_000, 1_775_026_800_000)
    assert found["setting"]["delay_seconds"] == 30
    assert "unit:icu" in found["annotation"]["tags"]
    assert "actionable lost unknown" in found["annotation"]["text"]
    assert found["expected"]["removed_share"] == 1.0
    assert run(*ask, "soon").status == 2
    answer.write_bytes(run("tune", "--episodes", written(tmp_path, episode(1)), "--json").out)
    done = run(*ask, "2026-06-30")
    assert (done.status, "no change" in done.err) == (2, True)
    for junk in ("{}", "[" * 3_000_000):
        answer.write_text(junk)
        assert run(*ask, "2026-06-30").err == "error: expected what tune --json prints\n"
