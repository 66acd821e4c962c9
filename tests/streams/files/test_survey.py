"""What is said about facts that are well formed and yet look wrong."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.harness.workers import Done, run

NINE = 1_772_355_600_000  # 2026-03-01T09:00:00Z


@pytest.fixture(autouse=True)
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


def event(number: int, phase: str, after: int, **changes: Any) -> dict[str, Any]:
    """`after`: seconds since nine."""
    return {
        "event_id": f"{phase}-{number}-{after}",
        "alarm_id": f"a{number}",
        "phase": phase,
        "at": NINE + 1000 * after,
        "facility": "H1",
        "unit": "ICU",
        "bed": "1",
        "device_id": "m1",
        "device_type": "monitor",
        "code": "LO",
        "kind": "physiological",
        "priority": "high",
    } | changes


def post(start: int, end: int | None, number: int = 1) -> dict[str, Any]:
    """Hours after nine."""
    return {
        "event_id": f"p{number}",
        "assignment_id": f"as{number}",
        "facility": "H1",
        "unit": "ICU",
        "bed": "1",
        "clinician": "ann",
        "at": NINE,
        "from": NINE + 3_600_000 * start,
        "to": None if end is None else NINE + 3_600_000 * end,
    }


def told(
    folder: Path, alarms: list[dict[str, Any]], roster: list[dict[str, Any]] | None = None
) -> list[str]:
    """What `replay` and `findings` say on standard error; they say the same."""
    files: list[str | Path] = []
    for name, facts in (("alarms", alarms), ("assignments", roster or [])):
        path = folder / f"{name}.jsonl"
        path.write_text("".join(json.dumps(one) + "\n" for one in facts))
        files += [f"--{name}", path] if facts else []
    replayed, found = run("replay", *files), run("findings", *files)
    assert (replayed.status, found.status) == (0, 0)
    assert replayed.err == found.err
    return replayed.err.splitlines()


def pairs(count: int, lasting: int = 20) -> list[dict[str, Any]]:
    return [
        one
        for number in range(count)
        for one in (
            event(number, "start", 60 * number),
            event(number, "end", 60 * number + lasting),
        )
    ]


def test_sound_facts_are_passed_over_in_silence(tmp_path: Path) -> None:
    assert told(tmp_path, pairs(10), [post(0, 8), post(8, None, 2), post(3, 3, 3)]) == []


def test_a_line_that_came_twice_is_no_contradiction(tmp_path: Path) -> None:
    again = [dict(reversed(one.items())) for one in pairs(3)]
    assert told(tmp_path, [*pairs(3), *again]) == []


def test_ends_before_their_start_are_counted(tmp_path: Path) -> None:
    [line] = told(tmp_path, [*pairs(10, -3), event(50, "start", 0), event(50, "end", 9)])
    assert line == (
        "warning: 10 ends before their start do not count: do the clocks of two systems differ?"
    )
    [line] = told(tmp_path, [event(1, "end", 0), event(1, "start", 3)])
    assert line.startswith("warning: 1 end before its start does not count")


def test_an_end_counts_as_early_only_before_the_earliest_start(tmp_path: Path) -> None:
    facts = [event(1, "start", 9), event(1, "end", 5), event(1, "update", 3)]
    assert told(tmp_path, facts) == []


def test_a_feed_without_ends_is_named(tmp_path: Path) -> None:
    starts = [one for one in pairs(60) if one["phase"] == "start"]
    assert told(tmp_path, starts) == [
        "warning: none of 60 alarms ever ended: does the feed send ends?"
    ]


def test_a_few_open_alarms_and_open_advisories_are_not_suspicious(tmp_path: Path) -> None:
    few = [event(number, "start", number) for number in range(4)]
    advisories = [event(9 + number, "start", number, kind="advisory") for number in range(60)]
    infos = [event(99 + number, "start", number, priority="info") for number in range(60)]
    assert told(tmp_path, [*few, *advisories, *infos]) == []


def test_ends_without_any_start_are_counted(tmp_path: Path) -> None:
    [line] = told(tmp_path, [*pairs(2), event(7, "end", 5), event(8, "end", 6)])
    assert line.startswith("warning: 2 ends of alarms that never started")


def test_event_ids_that_are_used_anew_are_counted(tmp_path: Path) -> None:
    second = [
        one | {"alarm_id": f"b{one['alarm_id']}", "at": one["at"] + 3_600_000} for one in pairs(5)
    ]
    [line] = told(tmp_path, [*pairs(5), *second])
    assert line.startswith("warning: 10 lines repeat an event_id with other content")


def test_the_same_event_id_at_two_hospitals_is_no_contradiction(tmp_path: Path) -> None:
    assert told(tmp_path, [*pairs(3), *[one | {"facility": "H2"} for one in pairs(3)]]) == []


def test_an_assignment_that_ends_before_it_begins_is_counted(tmp_path: Path) -> None:
    [line] = told(tmp_path, pairs(3), [post(0, 8), post(13, -3, 2)])
    assert line.startswith("warning: 1 assignment ends before it begins and counts for nobody")
    [line] = told(tmp_path, pairs(3), [post(13, -3, 2), post(14, -2, 3)])
    assert line.startswith("warning: 2 assignments end before they begin and count for nobody")


# --- malformed lines


def replayed(lines: list[str], *more: str) -> Done:
    return run("replay", "--alarms", "-", *more, stdin="\n".join(lines).encode())


def test_each_of_99_bad_lines_is_reported(tmp_path: Path) -> None:
    good = [json.dumps(one) for one in pairs(1)]
    done = replayed([*good, *["oops"] * 99])
    assert done.status == 0
    assert done.err.splitlines() == [
        f"malformed: <stdin>:{number}: value: expected JSON" for number in range(3, 102)
    ]


def test_the_first_bad_lines_are_shown_and_the_others_counted_by_reason(tmp_path: Path) -> None:
    good = [json.dumps(one) for one in pairs(1)]
    done = replayed([*good, *["oops"] * 60, "{}", *["oops"] * 40, *["{}"] * 7], "--strict")
    assert done.status == 3
    assert done.err.splitlines() == [
        *(f"malformed: <stdin>:{number}: value: expected JSON" for number in range(3, 23)),
        "malformed: and 88 more, by reason:",
        "malformed: <stdin>: 80 lines: value: expected JSON (lines 23-62, 64-103)",
        "malformed: <stdin>: 8 lines: event_id: required, but missing (lines 63, 104-110)",
    ]


@pytest.mark.parametrize("command", ["replay --alarms", "findings --alarms", "tune --episodes"])
@pytest.mark.parametrize("count", [1, 3000])
def test_where_no_line_can_be_used_the_status_is_3(
    command: str, count: int, tmp_path: Path
) -> None:
    path = tmp_path / "file.jsonl"
    path.write_text("oops\n" * count)
    done = run(*command.split(), path)
    said = done.err.splitlines()
    assert done.status == 3
    assert said[0] == f"malformed: {path}:1: value: expected JSON"
    assert said[-1].startswith(f"error: none of {count:,} line")
    assert len(said) <= 23


@pytest.mark.parametrize("command", ["replay --alarms", "findings --alarms"])
def test_an_empty_file_is_no_failure(command: str, tmp_path: Path) -> None:
    path = tmp_path / "file.jsonl"
    path.write_text("\n")
    assert run(*command.split(), path).status == 0
