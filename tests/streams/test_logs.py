"""What comes again and again is written once a minute, with a count."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any

import pytest

from streams.logs import Quiet


@dataclass
class Clock:
    now: float = 0.0

    def __call__(self) -> float:
        return self.now


def record(
    message: Any, *args: object, name: str = "faust", level: int = logging.WARNING
) -> logging.LogRecord:
    return logging.LogRecord(name, level, __file__, 1, message, args, None)


def test_a_line_comes_at_once_and_again_after_a_minute_with_the_count_of_those_in_between() -> None:
    clock = Clock()
    quiet = Quiet(clock=clock)
    assert quiet.filter(record("lost %s", "a"))
    for second in range(1, 60):
        clock.now = second
        assert not quiet.filter(record("lost %s", "b"))
    assert quiet.filter(record("found %s", "b"))
    clock.now = 60
    again = record("lost %s", "c")
    assert quiet.filter(again)
    assert again.getMessage() == "lost c (59 more like this in between)"
    clock.now = 120
    alone = record("lost %s", "c")
    assert quiet.filter(alone)
    assert alone.getMessage() == "lost c"


def test_lines_that_differ_in_numbers_alone_are_of_one_kind() -> None:
    quiet = Quiet(clock=Clock())
    assert quiet.filter(record("<Task at 0x7f00> waited 3 s"))
    assert not quiet.filter(record("<Task at 0x7fa1> waited 14 s"))
    assert quiet.filter(record("<Task at 0x7f00> waited 3 s", name="mode"))
    assert quiet.filter(record("<Task at 0x7f00> waited 3 s", level=logging.ERROR))


def test_ten_log_lines_of_a_kind_are_written_and_the_next_counts_those_left_out() -> None:
    clock = Clock()
    quiet = Quiet(clock=clock)
    written = [
        quiet.filter(record({"event": "records are gone", "partition": one}, name="alarm_fatigue"))
        for one in range(30)
    ]
    assert sum(written) == 10
    assert all(written[:10])
    clock.now = 61
    last = record({"event": "records are gone", "partition": 31}, name="alarm_fatigue")
    assert quiet.filter(last)
    assert last.msg == {"event": "records are gone", "partition": 31, "suppressed": 20}


@pytest.mark.parametrize(
    ("message", "args"),
    [
        ("Unable connect to node with id %s: %s", (1, "refused")),
        ("Unable to update metadata from %s", ([1],)),
        ("Group Coordinator Request failed: %s", ("[Error 15] GroupCoordinatorNotAvailableError",)),
    ],
)
def test_the_clients_complaints_of_a_broker_that_is_away_are_for_debugging(
    message: str, args: tuple[object, ...]
) -> None:
    assert not Quiet().filter(record(message, *args, name="aiokafka"))
    assert Quiet(debugging=True).filter(record(message, *args, name="aiokafka"))


def test_that_something_is_not_allowed_is_always_written() -> None:
    assert Quiet().filter(
        record(
            "Group Coordinator Request failed: %s", "GroupAuthorizationFailedError", name="aiokafka"
        )
    )
