"""What `publish` sends: a file in any order, so that no worker refuses any of it as late."""

from __future__ import annotations

import gzip
import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer import Engine, Policy
from streams.files.ordered import Ordered
from streams.files.publish import Message, from_files
from streams.formats.codec import decode
from tests.harness.workers import run

NINE = 1_772_355_600_000  # 2026-03-01T09:00:00Z
LATER = NINE + 10**10


def event(number: int, phase: str, minute: float) -> bytes:
    fields: dict[str, Any] = {
        "event_id": f"{phase}-{number}",
        "alarm_id": f"a{number}",
        "phase": phase,
        "at": NINE + round(60_000 * minute),
        "facility": "H1",
        "unit": "ICU",
        "bed": str(number % 3),
        "device_id": "m1",
        "device_type": "monitor",
        "code": "LO",
        "kind": "physiological",
        "priority": "high",
    }
    return json.dumps(fields).encode()


EVENTS = [
    line
    for number in range(60)
    for line in (event(number, "start", 5 * number), event(number, "end", 5 * number + 0.3))
]
"""Five hours."""
ORDERS: dict[str, Callable[[list[bytes]], list[bytes]]] = {
    "as it happened": lambda lines: lines,
    "newest first": lambda lines: lines[::-1],
    "by bed": lambda lines: sorted(lines, key=lambda line: json.loads(line)["bed"]),
    "shuffled": lambda lines: random.Random(1).sample(lines, len(lines)),
}


def messages(path: Path) -> list[Message]:
    return list(from_files([Ordered.read("alarms", path)], LATER))


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("compressed", [False, True])
def test_a_worker_accepts_every_line_of_a_file_in_any_order(
    order: str, compressed: bool, tmp_path: Path
) -> None:
    path = tmp_path / "alarms.jsonl"
    text = b"\n".join(ORDERS[order](EVENTS))
    path.write_bytes(gzip.compress(text) if compressed else text)
    engine = Engine(Policy())
    outcomes = [
        engine.apply("alarms", decode("alarms", one.value), one.timestamp) for one in messages(path)
    ]
    assert outcomes == ["accepted"] * len(EVENTS)
    assert [one.value for one in messages(path)] == EVENTS


@given(
    lines=st.lists(
        st.one_of(
            st.just(b"oops"),
            st.tuples(st.integers(0, 9), st.integers(0, 9)).map(
                lambda pair: event(pair[0], "start", pair[1])
            ),
        ),
        max_size=12,
    )
)
def test_each_line_goes_once_by_time_and_a_bad_one_after_its_predecessor(
    lines: list[bytes], tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("ordered") / "alarms.jsonl"
    path.write_bytes(b"\n".join(lines))
    due, latest = [], -1
    for line in lines:
        latest = latest if line == b"oops" else json.loads(line)["at"]
        due.append(latest)
    naive = [line for _, line in sorted(zip(due, lines, strict=True), key=lambda pair: pair[0])]
    ordered = Ordered.read("alarms", path)
    assert (list(ordered), ordered.count) == (naive, len(lines))
    assert [one.value for one in from_files([ordered], LATER)] == naive
    assert (ordered.displaced == 0) == (due == sorted(due))


@pytest.mark.broker
def test_a_file_that_is_newest_first_is_sent_sorted_and_says_so(
    embedded_broker: Any, tmp_path: Path
) -> None:
    from tests.harness.workers import new_topics, read

    new_topics(embedded_broker, partitions=1)
    path = tmp_path / "alarms.jsonl"
    path.write_bytes(b"\n".join(EVENTS[::-1]))
    command = ("publish", "--broker", embedded_broker.address, "--fast", "--alarms")
    done = run(*command, path)
    assert done.status == 0
    assert f"note: {path} is not in order of event time (119 of 120 lines" in done.err
    assert [one.value for one in read(embedded_broker, "alarms")] == EVENTS
    new_topics(embedded_broker, partitions=1)
    done = run(*command, "-", stdin=b"\n".join(EVENTS[::-1]))
    assert "note: <stdin> is not in order of event time" in done.err
    assert [one.value for one in read(embedded_broker, "alarms")] == EVENTS
