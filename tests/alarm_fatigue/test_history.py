"""History: what the same files give on the command line."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import alarm_fatigue as af
from analyzer import Policy
from analyzer.model import HOUR
from streams.formats.control import Control
from tests.harness.files import NINE, Files, event
from tests.harness.workers import run

TINY = Path(__file__).parents[1] / "data" / "tiny"


@pytest.fixture(scope="module")
def history(shift: Files) -> af.History:
    return af.read(**shift.paths)


def plain(value: Any) -> Any:
    """As JSON says it."""
    return round(value.timestamp() * 1000) if isinstance(value, datetime) else value


def test_episodes_are_those_of_replay(shift: Files, history: af.History, tmp_path: Path) -> None:
    out = tmp_path / "episodes.jsonl"
    run("replay", *shift.arguments, "--pseudonyms", "off", "--episodes", str(out))
    wanted = [json.loads(line) for line in out.read_text().splitlines()]
    found = [
        {name: plain(value) for name, value in row.items()} for row in history.episodes().to_dicts()
    ]
    assert len(found) > 100
    assert found == [{name: row[name] for name in found[0]} for row in wanted]
    assert history.episodes().schema["start"] == pl.Datetime("ms", "UTC")


def test_the_tiny_recording_has_the_episodes_worked_out_by_hand() -> None:
    found = af.read(
        alarms=TINY / "alarms.jsonl",
        assignments=TINY / "assignments.jsonl",
        responses=str(TINY / "responses.jsonl"),
    ).episodes()
    wanted = [
        json.loads(line) for line in (TINY / "expected-episodes.jsonl").read_text().splitlines()
    ]
    columns = ["alarm_id", "class", "basis", "unit", "priority"]
    assert found.select(columns).to_dicts() == [
        {name: row[name] for name in columns} for row in wanted
    ]


def test_changes_are_those_of_replay(shift: Files, history: af.History, tmp_path: Path) -> None:
    out = tmp_path / "overload.jsonl"
    run("replay", *shift.arguments, "--pseudonyms", "off", "--overload", str(out))
    wanted = [json.loads(line) for line in out.read_text().splitlines()]
    rows = history.overload_changes().to_dicts()
    assert len(rows) > 3
    assert [{name: plain(value) for name, value in row.items()} for row in rows] == [
        {name: one[name] for name in rows[0]} for one in wanted
    ]


def test_findings_are_those_of_the_command(shift: Files, history: af.History) -> None:
    done = run("findings", *shift.arguments, "--json", "--top", "50")
    wanted = [
        (unit["unit"], one["rank"], one["code"], one["verdict"], one["says"])
        for unit in json.loads(done.out)["units"]
        for one in unit["findings"]
    ]
    columns = ["unit", "rank", "code", "verdict", "says"]
    assert history.findings().select(columns).rows() == wanted
    unit = wanted[-1][0]
    assert history.findings(unit=unit).select(columns).rows() == [
        one for one in wanted if one[0] == unit
    ]


def test_a_mistyped_unit_says_which_there_are(history: af.History) -> None:
    with pytest.raises(af.InputError, match="unit: MCU is not among the alarms; there are MICU"):
        history.findings(unit="MCU")


def test_facts_behind_the_watermark_of_their_own_facility_only(tmp_path: Path) -> None:
    """Another hospital's later alarms move nobody else's time."""
    path = tmp_path / "two.jsonl"
    of_one = [event("start", 0), event("end", 1000)]
    of_other = [event("start", 9 * HOUR, facility="G"), event("end", 10 * HOUR, facility="G")]
    path.write_bytes(b"\n".join(of_other + of_one))
    history = af.read(alarms=path)
    assert history.facilities == ["F", "G"]
    assert history.episodes().is_empty(), "the action windows are not over"
    at = history.burden(every="1h").select("facility", "at").rows()
    assert [one for one in at if one[0] == "F"] == [("F", datetime(2026, 3, 1, 9, tzinfo=UTC))]
    assert len([one for one in at if one[0] == "G"]) == 2


def test_a_control_record_forgets_what_stands_before_it(tmp_path: Path) -> None:
    reset = Control("reset", "F", "c1", NINE + HOUR)
    lines = [
        event("start", 0),
        event("end", 2 * HOUR),
        event("start", 1, alarm_id="b"),
        reset.encode(),
        event("end", 2, alarm_id="b"),
        event("start", 3 * HOUR, alarm_id="c"),
    ]
    path = tmp_path / "alarms.jsonl"
    path.write_bytes(b"\n".join(lines))
    out = tmp_path / "episodes.jsonl"
    run("replay", "--alarms", str(path), "--episodes", str(out))
    found = af.read(alarms=path)
    assert found.episodes()["alarm_id"].to_list() == ["b"]
    assert [json.loads(line)["alarm_id"] for line in out.read_text().splitlines()] == ["b"]
    assert found.rejected.is_empty()


def test_a_forgotten_clinician_is_in_no_fact_that_stands_before_the_command(
    tmp_path: Path,
) -> None:
    forget = Control("forget_clinician", "F", "c1", NINE, "ann").encode()
    named = {"recipients": ["ann", "bob"]}
    lines = {
        "alarms": [
            event("start", 0, **named),
            event("end", HOUR, **named),
            forget,
            event("start", 2 * HOUR, alarm_id="b", **named),
            event("end", 2 * HOUR + 1, alarm_id="b"),
            event("start", 3 * HOUR, alarm_id="later"),
        ],
        "assignments": [
            assigned("s1", "ann", NINE, at=NINE),
            assigned("s2", "ann", NINE, at=NINE),
            assigned("s2", "bob", NINE, at=NINE + 1),
            assigned("s3", "bob", NINE, at=NINE),
            assigned("s3", "ann", NINE, at=NINE + 1),
            forget,
        ],
    }
    paths = {}
    for name, some in lines.items():
        paths[name] = tmp_path / f"{name}.jsonl"
        paths[name].write_bytes(b"\n".join(some))
    out = tmp_path / "episodes.jsonl"
    arguments = [one for name, path in paths.items() for one in (f"--{name}", str(path))]
    run("replay", *arguments, "--pseudonyms", "off", "--episodes", str(out))
    found = af.read(**paths).episodes()  # type: ignore[arg-type]
    wanted = [["bob"], ["ann", "bob"]]
    assert found["clinicians"].to_list() == wanted
    assert [json.loads(line)["clinicians"] for line in out.read_text().splitlines()] == wanted


def assigned(name: str, clinician: str, begin: int, at: int) -> bytes:
    one = {"event_id": f"{name}-{at}", "assignment_id": name, "facility": "F", "unit": "icu"}
    one |= {"bed": "1", "clinician": clinician}
    return json.dumps(one | {"from": begin, "at": at}).encode()


def test_the_first_of_several_facts_with_one_event_id_counts(tmp_path: Path) -> None:
    path = tmp_path / "alarms.jsonl"
    again = event("start", 5000, event_id="start-0", alarm_id="b")
    path.write_bytes(b"\n".join([event("start", 0), again, event("end", HOUR)]))
    history = af.read(alarms=path)
    assert history.count == 2
    assert history.burden(every="1h")["alarms"].to_list() == [1, 0]


def test_clinicians_are_named_as_in_the_files_or_by_pseudonym(shift: Files, tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_text("5ec4e7" * 12 + "\n")
    key.chmod(0o600)
    names = {one.clinician for one in shift.facts if hasattr(one, "assignment_id")}
    shown = af.read(**shift.paths).burden(every="5h", by="clinician")["clinician"]
    assert set(shown) <= names
    hidden = af.read(**shift.paths, pseudonym_key=key)
    assert not names & set(hidden.burden(every="5h", by="clinician")["clinician"])
    assert not names & set(hidden.episodes()["clinicians"].explode())


@pytest.mark.parametrize(
    "policy",
    [Policy(fleeting=1000), {"fleeting": "1s"}, "policy: {fleeting: 1s}\n"],
    ids=["object", "mapping", "file"],
)
def test_a_policy_decides_classes(tmp_path: Path, policy: Any) -> None:
    path = tmp_path / "alarms.jsonl"
    lines = [event("start", 0), event("end", 5000), event("start", HOUR, alarm_id="b")]
    path.write_bytes(b"\n".join(lines))
    if isinstance(policy, str):
        file = tmp_path / "settings.yml"
        file.write_text(policy)
        policy = file
    assert af.read(alarms=path).episodes()["class"].to_list() == ["non_actionable"]
    assert af.read(alarms=path, policy=policy).episodes()["class"].to_list() == ["unknown"]


def test_an_invalid_policy_is_refused_with_the_reason() -> None:
    with pytest.raises(af.InputError, match="policy"):
        af.read(alarms=TINY / "alarms.jsonl", policy={"fleeting": "soon"})
