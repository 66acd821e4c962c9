"""What a person reads of a comparison: silence is no success, and a report can be signed."""

from __future__ import annotations

import json
from collections.abc import Collection
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from analyzer.whatif import DAY
from streams import __version__
from streams.settings import load
from tests.harness.recordings import episode, written
from tests.harness.workers import run

AT = 1_772_344_800_000


def ward(
    rename: dict[tuple[str, str], tuple[str, str]], silent: Collection[tuple[str, str]] = ()
) -> list[dict[str, Any]]:
    """20 days of three units with two alarm types, 20 alarms a day each; from the change on, some
    have another name (unit, code), or are silent.
    """
    rng, rows = np.random.default_rng(8), []
    for unit in ("MICU", "SICU", "CCU"):
        for code in ("LO", "HI"):
            for day in range(-10, 10):
                for start in sorted(rng.integers(0, DAY, 20).tolist()):
                    if day >= 0 and (unit, code) in silent:
                        continue
                    called = rename.get((unit, code), (unit, code)) if day >= 0 else (unit, code)
                    one = episode(
                        1,
                        alarm_id=str(len(rows)),
                        unit=called[0],
                        bed=str(rng.integers(8)),
                        source="SpO2",
                        code=called[1],
                        start=AT + day * DAY + start,
                        end=AT + day * DAY + start + 9_000,
                        **{"class": "actionable" if start % 9 == 0 else "non_actionable"},
                    )
                    rows.append(one)
    return rows


BOTH = [("MICU", "LO"), ("MICU", "HI")]
LOW = ("--type", "monitor/SpO2/LO")
SILENCES: dict[str, tuple[list[dict[str, Any]], tuple[str, ...], str]] = {
    "feed_stopped": (ward({}, BOTH), (), "MICU has no alarm at all after 2026-03-01 0"),
    "unit_renamed": (
        ward({one: ("MICU 2", one[1]) for one in BOTH}),
        (),
        "and MICU 2 begins then: the unit may have a new name",
    ),
    "code_renamed": (
        ward({BOTH[0]: ("MICU", "LO2")}),
        LOW,
        "and SpO2: LO2 (monitor/SpO2/LO2) begins then: the alarm may have a new name",
    ),
    "type_stopped": (ward({}, BOTH[:1]), LOW, "while its other alarms go on"),
}
"""What a person would take for 100 % fewer alarms: a recording, a choice, and what is right."""


@pytest.mark.parametrize("kind", SILENCES)
def test_silence_is_no_success(tmp_path: Path, kind: str) -> None:
    rows, choice, said = SILENCES[kind]
    path = written(tmp_path, *rows)
    command = ("compare", "--episodes", path, "--at", str(AT), "--unit", "MICU", *choice)
    done = run(*command)
    text = done.out.decode()
    assert done.status == 0
    assert "no verdict:" in text
    assert said in text
    assert "-100 %" not in text
    assert "actionable alarms a day" in text
    found = json.loads(run(*command, "--json").out)
    assert (found["verdict"], [one["kind"] for one in found["no_verdict"]]) == (None, [kind])
    assert found["alarms_a_day"]["changed"]["ratio"]["value"] is None
    assert found["controls"] == ["CCU", "SICU"]
    new = [("MICU 2", "began")] if kind == "unit_renamed" else []
    assert [(one["unit"], one["kind"]) for one in found["controls_excluded"]] == new


def test_the_new_name_of_a_unit_has_no_verdict_either(tmp_path: Path) -> None:
    path = written(tmp_path, *SILENCES["unit_renamed"][0])
    text = run("compare", "--episodes", path, "--at", str(AT), "--unit", "MICU 2").out.decode()
    assert "MICU has no alarm at all after" in text
    assert "no control: MICU, as its alarms end at" in text


def test_a_report_says_what_it_was_made_with_and_shows_each_day(tmp_path: Path) -> None:
    path, out = written(tmp_path, *ward({})), tmp_path / "report.html"
    command = ("compare", "--episodes", path, "--at", str(AT), "--unit", "MICU")
    done = run(*command, "--report", out)
    assert done.status == 0, done.err
    assert "as large by chance in" in done.out.decode()
    page = out.read_text()
    for expected in (
        "Before and after: MICU",
        "What must not get worse",
        "without response for 10 min",
        "<svg",
        ">change</text>",
        ">median 40</text>",
        ">part of a day</text>",
        "Swed and Eisenhart",
        f"SHA-256 {sha256(Path(path).read_bytes()).hexdigest()}",
        f"fingerprint {load(None).policy.fingerprint}",
        f"alarm-fatigue {__version__}",
    ):
        assert expected in page, expected
    assert str(tmp_path) not in page
    answer = page.partition('id="answer">')[2].partition("</script>")[0]
    assert json.loads(answer)["made_with"]["inputs"][0]["name"] == Path(path).name


def test_a_report_of_silence_shows_no_interval(tmp_path: Path) -> None:
    path, out = written(tmp_path, *SILENCES["feed_stopped"][0]), tmp_path / "report.html"
    command = ("compare", "--episodes", path, "--at", str(AT), "--unit", "MICU")
    assert run(*command, "--report", out).status == 0
    page = out.read_text()
    assert "No verdict." in page
    assert ">missing day</text>" in page
    assert "% interval -" not in page


def test_a_shift_after_the_change_is_named_with_its_days(tmp_path: Path) -> None:
    rows = [one for one in ward({}) if one["start"] < AT or int(one["alarm_id"]) % 2]
    path = written(tmp_path, *rows)
    text = run("compare", "--episodes", path, "--at", str(AT), "--unit", "MICU").out.decode()
    assert "shift: 9 days in a row below the median, from 2026-03-01 to 2026-03-09" in text


def test_a_choice_without_alarms_names_the_units(tmp_path: Path) -> None:
    path = written(tmp_path, *ward({}))
    done = run("compare", "--episodes", path, "--at", str(AT), "--unit", "MIUC")
    assert (done.status, done.out) == (2, b"")
    assert done.err == ("error: --unit: MIUC is not among the alarms; there are MICU, SICU, CCU\n")
