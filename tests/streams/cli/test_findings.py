"""The command `findings`: its sentences, JSON, settings and errors."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer import FindingsPolicy, Policy
from analyzer.model import AlarmEvent, Fact
from analyzer.model.policy import HOUR, MINUTE, SECOND
from streams.files.findings import sentence
from streams.settings import load
from tests.harness.crowds import POLICIES, crowds
from tests.harness.findings import NOON, NOW, alarms, found_by, write
from tests.harness.workers import run


def test_figures_are_settings_and_impossible_ones_are_refused(tmp_path: Path) -> None:
    assert load().policy == Policy()
    config = tmp_path / "config.yaml"
    config.write_text("policy: {findings: {min_classified: 19, hugging: 0.02, standing: 2h}}")
    assert load(config).policy.findings == FindingsPolicy(
        min_classified=19, hugging=0.02, standing=2 * HOUR
    )
    done = run(
        "findings",
        *write(tmp_path, alarms("A", 19, 4_200)),
        "--config",
        config,
        "--at",
        str(NOW),
        "--json",
    )
    assert json.loads(done.out)["units"][0]["findings"][0]["verdict"] == "fleeting"
    config.write_text("policy: {findings: {hugging: 1.5}}")
    done = run("findings", *write(tmp_path, alarms("A", 19, 4_200)), "--config", config)
    assert (done.status, done.err) == (
        1,
        "error: policy.findings: hugging: expected a share between 0 and 1\n",
    )


TINY = Path(__file__).parents[2] / "data" / "tiny"


def test_findings_of_files_are_sentences_by_unit(tmp_path: Path) -> None:
    facts = (
        alarms("A", 20, 4_200, source="S", bed="2")
        + alarms("B", 12, MINUTE)
        + alarms("C", 1, SECOND, unit="nicu")
    )
    done = run("findings", *write(tmp_path, facts), "--at", str(NOW))
    assert done.status == 0
    assert done.out.decode().splitlines() == [
        "F icu, 2026-03-01T11:59:59Z to 2026-03-01T20:00:00Z: 32 alarms of 2 types, "
        "20 non-actionable (clinical), 0 technical: avoidable at the source",
        "  1. S: A (monitor/S/A): 20 alarms in 8 h, 62 % of the unit's, all at one bed; "
        "100 % (84-100 %) of 20 clinical alarms of known class were non-actionable; "
        "all 20 of these ended within 15 s -> not advised yet: an annunciation delay of "
        "5 s, which would have silenced 20 of 20; no alarm is known to have been needed, so "
        "nothing shows what it would hide: try it on more alarms (alarm-fatigue tune); "
        "owner: biomed",
        "  2. B (monitor//B): 12 alarms in 8 h, 38 % of the unit's, all at one bed; "
        "12 of unknown class; too few classified alarms (0 of 20 needed) -> no change",
        "",
        "F nicu, 2026-03-01T11:59:59Z to 2026-03-01T20:00:00Z: 1 alarm of 1 type, "
        "1 non-actionable (clinical), 0 technical: avoidable at the source",
        "  1. C (monitor//C): 1 alarm in 8 h, 100 % of the unit's, all at one bed; "
        "100 % (21-100 %) of 1 clinical alarms of known class were non-actionable; "
        "too few classified alarms (1 of 20 needed) -> no change",
    ]
    chosen = (
        run("findings", *write(tmp_path, facts), "--at", str(NOW), "--unit", "icu", "--top", "1")
        .out.decode()
        .splitlines()
    )
    assert len(chosen) == 3
    assert chosen[-1] == "  (1 type more)"
    wrong = run("findings", *write(tmp_path, facts), "--facility", "G")
    assert (wrong.status, wrong.out) == (2, b"")
    assert wrong.err == "error: --facility: G is not among the alarms; there is F\n"
    assert (
        run("findings", *write(tmp_path, facts), "--window", "10m", "--at", str(NOW)).out
        == b"no alarms\n"
    )


@given(st.data())
def test_every_finding_has_a_sentence_that_names_its_owner(data: st.DataObject) -> None:
    facts, policy = data.draw(crowds()), data.draw(POLICIES)
    for unit in found_by(facts, max(fact.at for fact in facts) + 5 * MINUTE, policy, HOUR):
        for found in unit.findings:
            said = sentence(found, "1h", policy)
            assert f"({'/'.join(found.type)}): " in said
            assert said.endswith(f"; owner: {found.owner}" if found.owner else " -> no change")


def test_json_is_the_same_bytes_in_whatever_order_the_lines_stand_and_names_nobody(
    tmp_path: Path,
) -> None:
    arguments = [f"--{topic}" for topic in ("alarms", "assignments", "responses")]
    paths = [TINY / f"{name.removeprefix('--')}.jsonl" for name in arguments]
    done = run("findings", "--json", *chain(*zip(arguments, paths, strict=True)))
    backwards = []
    for name, path in zip(arguments, paths, strict=True):
        (tmp_path / path.name).write_text(
            "".join(line + "\n" for line in path.read_text().splitlines()[::-1])
        )
        backwards += [name, str(tmp_path / path.name)]
    assert run("findings", "--json", *backwards).out == done.out
    [line] = done.out.splitlines()
    found = json.loads(line)
    assert [
        (unit["facility"], unit["unit"], unit["alarms"], unit["load"], unit["types"])
        for unit in found["units"]
    ] == [("H1", "ICU", 4, 2, 3)]
    assert [one["code"] for one in found["units"][0]["findings"]] == [
        "MDC_EVT_HI",
        "MDC_EVT_LEADS_OFF",
        "MDC_EVT_LO",
    ]
    hidden = {
        json.loads(line).get(name)
        for path in paths
        for line in path.read_text().splitlines()
        for name in ("clinician", "bed", "device_id", "label", "alarm_id", "event_id")
    } - {None, *(one["name"] for one in found["units"][0]["findings"])}
    assert len(hidden) > 10
    assert [
        word for word in hidden if f'"{word}"' in line.decode() or f" {word} " in line.decode()
    ] == []


def test_the_bundled_example_is_too_small_to_say_anything() -> None:
    found = json.loads(
        run(
            "findings",
            "--json",
            "--alarms",
            TINY / "alarms.jsonl",
            "--responses",
            TINY / "responses.jsonl",
        ).out
    )
    assert {one["verdict"] for unit in found["units"] for one in unit["findings"]} == {"too_few"}


@pytest.mark.parametrize(
    ("arguments", "status", "error"),
    [
        ([], 2, "expected --alarms FILE, --archive DIR, or --worker URL"),
        (["--alarms", "nowhere.jsonl"], 1, "nowhere.jsonl: no such file"),
        (
            ["--alarms", str(TINY / "alarms.jsonl"), "--window", "3h"],
            2,
            "--window: expected one of 10m, 1h, 2h, 12h",
        ),
        (
            ["--worker", "http://127.0.0.1:1", "--alarms", "-"],
            2,
            "--worker: cannot be combined with files, --at, --strict or --config",
        ),
        (
            ["--worker", "file:///etc/passwd"],
            2,
            "--worker: expected an address such as http://127.0.0.1:9464",
        ),
        (
            ["--worker", "http://127.0.0.1:1"],
            1,
            "http://127.0.0.1:1/api/v1/findings: [Errno 111] Connection refused",
        ),
    ],
)
def test_every_error_is_one_line_of_output(arguments: list[str], status: int, error: str) -> None:
    done = run("findings", *arguments)
    assert (done.status, done.out, done.err) == (status, b"", f"error: {error}\n")


def test_strict_ends_with_3_where_a_line_was_malformed() -> None:
    stdin = (TINY / "alarms.jsonl").read_bytes()
    clean, bad = (
        run("findings", "--alarms", "-", stdin=stdin),
        run("findings", "--alarms", "-", "--strict", stdin=stdin + b"{}"),
    )
    assert (bad.status, bad.out) == (3, clean.out)
    assert bad.err == "malformed: <stdin>:11: event_id: required, but missing\n"


def findings_of(*arguments: object) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(run("findings", "--json", *arguments).out)["units"]
    return found


def test_files_are_looked_at_whole_or_from_one_time_to_another(tmp_path: Path) -> None:
    """Thirty alarms, one a day: the horizon and the longest window are shorter by far."""
    month = alarms("A", 30, 4_200, every=24 * HOUR)
    paths = write(tmp_path, month)
    [unit] = findings_of(*paths)
    assert (unit["alarms"], unit["since"]) == (30, NOON - 1)
    said = run("findings", *paths).out.decode()
    assert "F icu, 2026-03-01T11:59:59Z to 2026-03-30T12:00:04Z: 30 alarms" in said
    assert "30 alarms in 29 days" in said
    tenth = NOON + 9 * 24 * HOUR
    assert findings_of(*paths, "--since", str(tenth - 1))[0]["alarms"] == 21
    assert findings_of(*paths, "--until", str(tenth))[0]["alarms"] == 10
    both = findings_of(*paths, "--since", str(NOON), "--until", str(tenth))
    assert both[0]["alarms"] == 9
    assert findings_of(*paths, "--window", "12h")[0]["alarms"] == 1
    for wrong in (
        ("--since", str(NOON), "--window", "12h"),
        ("--until", str(NOON), "--at", str(NOON)),
        ("--since", str(NOON), "--until", str(NOON)),
    ):
        assert run("findings", *paths, *wrong).status == 2


def test_an_alarm_id_used_again_after_the_horizon_is_another_alarm(tmp_path: Path) -> None:
    again = [
        replace(fact, alarm_id="same")
        for fact in alarms("A", 3, 4_200, every=27 * HOUR)
        if isinstance(fact, AlarmEvent)
    ]
    assert findings_of(*write(tmp_path, again))[0]["alarms"] == 3


def of_beds(count: int, needed_lasts: int) -> list[Fact]:
    """At each of `count` beds two short alarms that needed nobody and one that was needed."""
    facts: list[Fact] = []
    for number in range(count):
        where: dict[str, Any] = {"bed": str(number), "device_id": f"m{number}", "code": "A"}
        useless = {"verdict": "non_actionable"} | where
        facts += alarms(f"u{number}-", 2, 4_200, every=HOUR, **useless)
        facts += alarms(f"n{number}-", 1, needed_lasts, after=MINUTE, verdict="actionable", **where)
    return facts


@pytest.mark.parametrize(
    ("beds", "lasts", "advice", "says"),
    [
        (300, 10 * MINUTE, "kept", "-> an annunciation delay of 5 s"),
        (30, 10 * MINUTE, "open", "-> not advised yet: an annunciation delay of 5 s"),
        (300, 4_000, "broken", "-> not advised: an annunciation delay of 5 s"),
    ],
)
def test_findings_advise_what_tune_proposes_and_nothing_else(
    tmp_path: Path, beds: int, lasts: int, advice: str, says: str
) -> None:
    paths, out = write(tmp_path, of_beds(beds, lasts)), tmp_path / "episodes.jsonl"
    later = ("--at", str(NOON + 12 * HOUR))
    [unit] = findings_of(*paths, *later)
    [found] = unit["findings"]
    assert (found["advice"], says in found["says"]) == (advice, True)
    assert (found["remedy"] == "delay") == (advice != "broken")
    assert run("replay", *paths, *later, "--episodes", out).status == 0
    seconds = found["delay"]["seconds"]
    lost = json.loads(run("tune", "--episodes", out, "--delay", seconds, "--json").out)["lost"]
    assert (lost["promise"], lost["count"], lost["of"], round(lost["upper"], 4)) == (
        advice,
        found["hidden"]["count"],
        found["hidden"]["of"],
        found["hidden"]["upper"],
    )


def test_non_actionable_is_clinical_and_technical_is_avoidable_at_the_source(
    tmp_path: Path,
) -> None:
    facts = alarms("A", 20, 4_200) + alarms("B", 40, 4_200, kind="technical")
    [unit] = findings_of(*write(tmp_path, facts))
    assert (unit["load"], unit["technical"]) == (60, 40)
    technical, clinical = unit["findings"]
    assert (technical["nonactionable"]["of"], technical["technical"]["count"]) == (0, 40)
    assert (clinical["nonactionable"]["count"], clinical["technical"]["count"]) == (20, 0)
    assert "40 technical: avoidable at the source" in technical["says"]
    assert "mend them at the source" in technical["says"]
    assert "non-actionable" not in technical["says"]
