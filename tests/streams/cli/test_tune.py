"""The command `tune`: what it reads, answers and refuses."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from analyzer.model.policy import HOUR
from tests.harness.recordings import episode, written
from tests.harness.workers import run


@pytest.mark.parametrize(("holdoff", "merged"), [("29.999", 0), ("30", 1), ("45", 2)])
def test_an_alarm_that_returns_within_the_hold_off_continues(
    tmp_path: Path, holdoff: str, merged: int
) -> None:
    """Over at 20 s and back 30 s later; over again at 60 s, and back 45 s later. Another device has
    a quiet of its own.
    """
    rows = [
        episode(number, start=start * 1000, end=end * 1000, device_id=device)
        for number, (start, end, device) in enumerate(
            [(0, 20, "m1"), (50, 60, "m1"), (105, 110, "m1"), (61, 62, "m2")]
        )
    ]
    ask = ("tune", "--episodes", written(tmp_path, *rows), "--json")
    assert json.loads(run(*ask, "--holdoff", holdoff).out)["by"]["holdoff"] == merged


def test_delay_and_limit_as_the_contract_has_them(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        episode(1),
        episode(2, end=120_000 + 14_000, value=89.0),
        episode(3, end=None),
        episode(4, value=None),
        episode(5, kind="technical", value=89.9, **{"class": "technical"}),
        episode(6, value=89.0, **{"class": "actionable"}),
        episode(7, unit="nicu"),
        episode(8, priority="info"),
    )
    done = run(
        "tune",
        "--episodes",
        path,
        "--unit",
        "icu",
        "--type",
        "monitor/SpO2/LO",
        "--delay",
        "14",
        "--limit",
        "88",
        "--json",
    )
    assert done.status == 0
    found = json.loads(done.out)
    assert found["before"]["alarms"] == 6
    assert found["removed"] == {
        "alarms": 2,
        "classes": {
            "actionable": 1,
            "non_actionable": 1,
            "technical": 0,
            "pending": 0,
            "unknown": 0,
        },
    }
    assert (found["after"]["alarms"], found["delayed"]["alarms"], found["not_evaluable"]) == (
        4,
        4,
        1,
    )
    assert found["lost"] == {
        "count": 1,
        "of": 1,
        "share": 1.0,
        "upper": 1.0,
        "confidence": 0.95,
        "effective": 1.0,
        "tolerated": 0.01,
        "promise": "broken",
    }


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--limit", "88"], "--limit: needs --type"),
        (["--type", "monitor/SpO2/LO", "--limit", "90.1"], "more sensitive than 90"),
        (["--type", "SpO2"], "--type: expected DEVICE_TYPE/SOURCE/CODE"),
        (["--delay", "-1"], "--delay: expected 0 to 604800 s"),
        (["--delay", "1e9999999"], "--delay: expected a number"),
        (["--type", "monitor/SpO2/LO", "--limit", "1e400"], "--limit: expected a number"),
        (["--delay", "soon"], "--delay: expected a number"),
        (["--type", "monitor/SpO2/LO", "--limit", "nan"], "--limit: expected a number"),
    ],
)
def test_an_unanswerable_question_is_refused_with_the_reason(
    tmp_path: Path, arguments: list[str], says: str
) -> None:
    done = run("tune", "--episodes", written(tmp_path, episode(1)), *arguments, "--json")
    assert (done.status, done.out) == (2, b"")
    assert says in done.err


def test_a_more_sensitive_limit_of_any_chosen_alarm_is_refused_on_either_side(
    tmp_path: Path,
) -> None:
    path = written(
        tmp_path,
        episode(1),
        episode(2, limit=85.0, value=80.0),
        episode(3, unit="nicu", limit=80.0, value=70.0),
    )
    ask = ("tune", "--episodes", path, "--type", "monitor/SpO2/LO", "--json")
    assert run(*ask, "--unit", "icu", "--limit", "85").status == 0
    assert run(*ask, "--unit", "icu", "--limit", "85.5").status == 2
    assert run(*ask, "--limit", "85").status == 2


def test_malformed_lines_are_reported_with_file_line_and_field_and_skipped(tmp_path: Path) -> None:
    path = written(tmp_path, episode(1))
    bad: list[Any] = [
        "not json",
        [],
        {name: one for name, one in episode(2).items() if name != "start"},
        episode(3, **{"class": "perhaps"}),
        episode(4, start="noon"),
        episode(5, end=0),
        episode(6, unit=""),
        episode(7, value="low"),
        episode(8, clinicians="n1"),
        episode(9, start=10**18),
    ]
    with path.open("ab") as file:
        file.write(b"\n\xff\n")
        for one in bad:
            file.write(
                one.encode() + b"\n" if isinstance(one, str) else json.dumps(one).encode() + b"\n"
            )
        file.write(json.dumps(episode(10)).encode())
    done = run("tune", "--episodes", path, "--delay", "30", "--json")
    assert done.status == 0
    assert json.loads(done.out)["before"]["alarms"] == 2
    assert json.loads(done.out)["malformed"] == 11
    a_time = "an RFC 3339 time with an offset, or integer milliseconds since 1970"
    assert done.err.splitlines() == [
        f"malformed: {path}:{line}: {says}"
        for line, says in (
            (3, "value: expected JSON"),
            (4, "value: expected JSON"),
            (5, "value: expected a JSON object"),
            (6, "start: required, but missing"),
            (7, "class: expected one of actionable, non_actionable, technical, pending, unknown"),
            (8, f"start: expected {a_time}"),
            (9, "end: expected no earlier than start"),
            (10, "unit: expected 1 to 128 characters"),
            (11, "value: expected a number"),
            (12, "clinicians: expected a list of clinician ids"),
            (13, "start: expected a time from 1970 to 2100"),
        )
    ]
    assert run("tune", "--episodes", path, "--delay", "30", "--json", "--strict").status == 3


def test_pending_and_unknown_alarms_are_not_known(tmp_path: Path) -> None:
    classes = ("actionable", "technical", "pending", "unknown", "non_actionable")
    rows = [episode(number, **{"class": klass}) for number, klass in enumerate(classes)]
    found = json.loads(
        run("tune", "--episodes", written(tmp_path, *rows), "--delay", "20", "--json").out
    )
    assert found["known"] == {"count": 3, "of": 5, "share": 0.6}
    assert "The class of 2 of 5 alarms is unknown" in " ".join(found["caveats"])


def test_times_are_read_as_text_too(tmp_path: Path) -> None:
    path = written(
        tmp_path, episode(1, start="2026-03-01T07:00:00.250+01:00", end="2026-03-01T06:00:14.250Z")
    )
    assert (
        json.loads(run("tune", "--episodes", path, "--delay", "14", "--json").out)["removed"][
            "alarms"
        ]
        == 1
    )
    assert (
        json.loads(run("tune", "--episodes", path, "--delay", "13.999", "--json").out)["removed"][
            "alarms"
        ]
        == 0
    )


def test_an_empty_file_and_a_scope_without_alarms_count_nothing(tmp_path: Path) -> None:
    for episodes, more in (([], ()), ([episode(1)], ("--priority", "low"))):
        done = run(
            "tune", "--episodes", written(tmp_path, *episodes), "--delay", "14", *more, "--json"
        )
        assert done.status == 0
        found = json.loads(done.out)
        assert {found[name]["alarms"] for name in ("before", "after", "removed", "delayed")} == {0}
        assert found["lost"] == {
            "count": 0,
            "of": 0,
            "share": None,
            "upper": None,
            "confidence": 0.95,
            "effective": 0.0,
            "tolerated": 0.01,
            "promise": "open",
        }


def test_help_gives_an_example_and_names_what_stands_below() -> None:
    said = " ".join(run("tune", "--help").out.decode().split())
    assert "Example: alarm-fatigue tune --episodes" in said
    assert "apply" in said
    assert "trend" in said


def test_a_missing_file_is_one_error_line(tmp_path: Path) -> None:
    done = run("tune", "--episodes", tmp_path / "none.jsonl", "--json")
    assert (done.status, done.err) == (1, f"error: {tmp_path / 'none.jsonl'}: no such file\n")
    assert run("tune", "--json").status == 2


def test_a_roster_tells_duty_better_than_alarms_do(tmp_path: Path) -> None:
    """One alarm in eight hours of duty, of which the later record of the assignment took four."""
    day = 1_772_323_200_000  # 2026-03-01T00:00:00Z
    ours = [
        episode(number, start=day + hour * HOUR, end=day + hour * HOUR + 20_000)
        for number, hour in ((1, 4), (2, 9))
    ]
    path, roster = written(tmp_path, *ours), tmp_path / "a.jsonl"
    fact = {
        "event_id": "e1",
        "assignment_id": "s1",
        "facility": "H",
        "unit": "icu",
        "bed": "1",
        "clinician": "n1",
        "from": day + 4 * HOUR,
        "to": day + 8 * HOUR,
        "at": day + 1,
    }
    lines = [
        fact,
        fact | {"event_id": "e0", "to": day + 12 * HOUR, "at": day},
        fact | {"event_id": "e3", "assignment_id": "s2", "clinician": "n9"},
    ]
    roster.write_text("".join(json.dumps(one) + "\n" for one in [*lines, {}]))
    ask = ("tune", "--episodes", path, "--delay", "30", "--json")
    done = run(*ask, "--assignments", roster)
    load = json.loads(done.out)["load"]
    assert done.err == f"malformed: {roster}:4: event_id: required, but missing\n"
    assert (load["duty"], load["before"]["duty_hours"]) == ("roster", 4.0)
    assert json.loads(run(*ask).out)["load"]["before"]["duty_hours"] == 2.0
    roster.write_text(json.dumps(lines[2]))
    assert "no clinician in it had any of these alarms" in run(*ask, "--assignments", roster).err


def test_reviewed_alarms_among_the_removed_give_the_bound_if_none_was_actionable(
    tmp_path: Path,
) -> None:
    path = written(
        tmp_path,
        *(
            episode(
                number,
                bed=str(number),
                **{"class": "unknown" if number > 300 else "non_actionable"},
            )
            for number in range(1, 400)
        ),
    )
    found = json.loads(run("tune", "--episodes", path, "--delay", "20", "--json").out)
    assert found["lost"]["upper"] is None
    assert found["among_removed"] == {
        "count": 0,
        "of": 300,
        "share": 0.0,
        "upper": 0.009936,
        "confidence": 0.95,
        "effective": 300.0,
    }


def said_of(*arguments: object) -> list[str]:
    return run("tune", *arguments).out.decode().splitlines()


def nine_needed(folder: Path) -> Path:
    """Nine needed alarms, each at a bed of its own; five of them and all 30 others last 10 s."""
    needed = [
        episode(
            number,
            bed=str(number),
            end=number * 60_000 + (10_000 if number <= 5 else 50_000),
            **{"class": "actionable"},
        )
        for number in range(1, 10)
    ]
    others = [episode(number, end=number * 60_000 + 10_000) for number in range(10, 40)]
    return written(folder, *needed, *others)


def test_the_harm_comes_first_and_says_whether_it_is_beyond_the_tolerance(tmp_path: Path) -> None:
    path = nine_needed(tmp_path)
    said = said_of("--episodes", path, "--delay", "15")
    assert said[2:4] == [
        "    would hide 5 of 9 alarms that were needed (upper bound 95 %: 83.1 %): "
        "BEYOND the tolerance of 1 %",
        "    would silence 35 of 39 alarms (90 %): 5 actionable, 30 non-actionable",
    ]
    said = said_of("--episodes", path, "--delay", "5")
    assert said[2].startswith(
        "    would hide 0 of 9 alarms that were needed (upper bound 95 %: 28.3 %): "
        "NOT SHOWN to be within the tolerance of 1 %"
    )
    said = said_of("--episodes", path, "--delay", "5", "--tolerance", "30")
    assert said[2].endswith("within the tolerance of 30 %")


def test_the_tolerance_is_that_of_the_policy_unless_another_is_asked_for(tmp_path: Path) -> None:
    config = tmp_path / "settings.yaml"
    config.write_text("policy: {findings: {tolerance: 0.3}}")
    said = said_of("--episodes", nine_needed(tmp_path), "--delay", "5", "--config", config)
    assert said[2].endswith("within the tolerance of 30 %")


def test_nothing_changed_hides_nothing(tmp_path: Path) -> None:
    path = nine_needed(tmp_path)
    found = json.loads(run("tune", "--episodes", path, "--json").out)["lost"]
    assert (found["count"], found["upper"], found["promise"]) == (0, 0.0, "kept")
    assert said_of("--episodes", path)[2] == (
        "    hides none of 9 alarms that were needed, as nothing is changed"
    )


def test_the_load_is_that_of_the_clinicians_and_alarms_of_the_unit(tmp_path: Path) -> None:
    ours = [episode(number) for number in range(1, 4)]
    theirs = [episode(number, unit="ward", clinicians=["n2"]) for number in range(10, 60)]
    path = written(tmp_path, *ours, *theirs)
    ask = ("--episodes", path, "--unit", "icu", "--delay", "30")
    load = json.loads(run("tune", *ask, "--json").out)["load"]
    assert (load["before"]["alarms"], load["after"]["alarms"]) == (3, 0)
    assert load["before"]["duty_hours"] == 1.0
    assert "  all clinicians of icu together, all their alarms, 1 h of duty:" in said_of(*ask)


def test_a_type_with_a_slash_is_the_one_that_was_recorded(tmp_path: Path) -> None:
    slashed = {"source": "", "code": "CO2 LOW/HIGH"}
    path = written(tmp_path, episode(1, **slashed), episode(2))
    ask = ("tune", "--episodes", path, "--delay", "30", "--json", "--type")
    found = json.loads(run(*ask, "monitor//CO2 LOW/HIGH").out)
    assert (found["removed"]["alarms"], found["scope"]["type"]["code"]) == (1, "CO2 LOW/HIGH")
    done = run(*ask, "monitor/CO2/HIGH")
    assert (done.status, done.out) == (2, b"")
    assert done.err == (
        "error: --type: monitor/CO2/HIGH is not among the alarms; there are "
        "monitor//CO2 LOW/HIGH, monitor/SpO2/LO\n"
    )


def test_alarms_are_called_what_people_call_them_beside_their_code(tmp_path: Path) -> None:
    refid = {"source": "MDC_PULS_OXIM_SAT_O2", "code": "MDC_EVT_LO"}
    path = written(tmp_path, episode(1, **refid))
    of_type = "monitor/MDC_PULS_OXIM_SAT_O2/MDC_EVT_LO"
    assert said_of("--episodes", path, "--type", of_type)[0] == f"SpO2 low ({of_type}): 1 alarms"
    found = json.loads(run("tune", "--episodes", path, "--type", of_type, "--json").out)
    assert found["scope"]["type"]["name"] == "SpO2 low"
