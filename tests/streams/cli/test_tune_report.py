"""The report of `tune` as one HTML page, and the record of a decided change."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path

import pytest

from streams import __version__
from streams.settings import load
from tests.harness.recordings import bed_days, episode, written
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
        "--dated",
        "2026-04-01",
        "--json",
    )
    assert done.status == 0
    text = out.read_text()
    elements = _Page()
    elements.feed(text)
    assert elements.tags.count("svg") == 2
    assert not {"link", "iframe", "img", "object"} & set(elements.tags)
    assert [one for one in elements.addresses if not one.startswith("#")] == []
    assert "&lt;b&gt;biomed" in text
    assert "<b>biomed" not in text
    for word in (
        "Approval",
        "Change-control number",
        "Limits of these figures",
        "at 95 % confidence",
        "How this page was made",
    ):
        assert word in text
    carried = json.loads(elements.data)
    made = carried.pop("made_with")
    assert carried == json.loads(done.out)
    assert made["inputs"][0]["name"] == calibrated.name
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
        "--dated",
        "2026-04-01",
        "--json",
    )
    assert again.read_text() == out.read_text().replace("report.html", "again.html")


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
    assert "would hide an unknown number of needed alarms" in found["annotation"]["text"]
    assert found["expected"]["removed_share"] == 1.0
    assert run(*ask, "soon").status == 2
    answer.write_bytes(run("tune", "--episodes", written(tmp_path, episode(1)), "--json").out)
    done = run(*ask, "2026-06-30")
    assert (done.status, "no change" in done.err) == (2, True)
    for junk in ("{}", "[" * 3_000_000):
        answer.write_text(junk)
        assert run(*ask, "2026-06-30").err == "error: expected what tune --json prints\n"


def test_a_report_can_be_signed(tmp_path: Path) -> None:
    """It says what made it of what, marks days that were not recorded whole, and has lines for
    names and signatures.
    """
    day = 24 * 3_600_000
    episodes = [
        episode(0, alarm_id=f"a{one}", start=one * day // 2, end=one * day // 2 + 9)
        for one in range(1, 6)
    ]
    path, out = written(tmp_path, *episodes), tmp_path / "report.html"
    ask = ("tune", "--episodes", path, "--delay", "15", "--report", out)
    done = run(*ask, "--dated", "2026-04-01", "--json")
    assert done.status == 0, done.err
    text = out.read_text()
    assert "2026-04-01 00:00" in text
    assert hashlib.sha256(path.read_bytes()).hexdigest() in text
    assert f"alarm-fatigue {__version__}" in text
    assert load(None).policy.fingerprint in text
    assert "&quot;action_window&quot;:300000" in text
    for role in ("Clinical lead", "Nursing lead", "Biomedical engineering", "Patient safety"):
        assert role in text
    assert [one["whole"] for one in json.loads(done.out)["days"]] == [False, True, False]
    assert "1970-01-01 *" in text
    assert "1970-01-02 *" not in text
    run(*ask)
    assert f"{datetime.now(UTC).date()}" in out.read_text()
    assert run(*ask, "--dated", "soon").status == 2


@pytest.mark.parametrize(("delay", "word"), [("5", "open"), ("15", "broken")])
def test_a_loss_beyond_the_tolerance_is_marked_and_comes_first(
    tmp_path: Path, delay: str, word: str
) -> None:
    lasts = 10_000
    needed = [episode(1, end=60_000 + lasts, **{"class": "actionable"})]
    path, out = written(tmp_path, *needed, episode(2)), tmp_path / "report.html"
    run("tune", "--episodes", path, "--delay", delay, "--report", out)
    facts = out.read_text().split('<div class="facts">')[1]
    assert facts.startswith(f'\n<div class="{word}"><b>{int(word == "broken")} of 1</b>')


def test_a_proposal_of_several_types_becomes_a_record(tmp_path: Path) -> None:
    path = written(tmp_path, *bed_days(1_000), *bed_days(1_000, code="HI", value=None))
    answer = tmp_path / "answer.json"
    answer.write_bytes(run("tune", "--episodes", path, "--search", "--json").out)
    found = json.loads(
        run(
            *("tune", "apply", answer, "--owner", "biomed", "--change-control", "CC-7"),
            *("--at", "2026-04-01T07:00:00Z", "--review", "2026-06-30"),
        ).out
    )
    assert len(found["proposal"]) == 2
    assert "SpO2 low (monitor/SpO2/LO): delay" in found["annotation"]["text"]
