"""A partition: what it takes in, what it refuses and how that is told, and that half a slice never
becomes a state.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from analyzer import OUTCOMES, Columns, Engine, Policy, Topic
from streams.kafka.outgoing import Outgoing, with_headers
from streams.kafka.slices import Slice
from streams.partitions.checkpoint import Checkpoints, restore
from streams.partitions.outbox import GENERATION_HEADER, StoredOutbox
from streams.partitions.partition import Partition, Poisoned

POLICY = Policy()
AT = 1_772_348_400_000


def alarm(number: int, **changes: Any) -> bytes:
    event = {
        "event_id": f"e{number}",
        "alarm_id": f"a{number}",
        "phase": "start",
        "at": AT,
        "facility": "H01",
        "unit": "ICU",
        "bed": "1",
        "device_id": "m1",
        "device_type": "monitor",
        "code": "MDC_EVT_LO",
        "kind": "physiological",
        "priority": "high",
    }
    return json.dumps(event | changes).encode()


def slice_of(
    topic: Topic, begin: int, *values: bytes | None, key: bytes = b"H01", gap: int = 0
) -> Slice:
    """Records at consecutive offsets, then a gap."""
    count = len(values)
    return Slice(
        topic,
        0,
        list(range(begin, begin + count)),
        [AT] * count,
        [key] * count,
        list(values),
        begin,
        begin + count + gap,
    )


def partition(
    next_offsets: dict[Topic, int] | None = None, engine: Engine | None = None, partitions: int = 1
) -> Partition:
    return Partition(3, partitions, engine or Engine(POLICY), next_offsets or {}, str, 1 << 20)


class FailingEngine(Engine):
    """Fails in the middle of a slice, when it has taken it in half."""

    def take(self, topic: Topic, columns: Columns, stamps: Any) -> Any:
        super().take(topic, columns, stamps)
        raise RuntimeError("half way")


class FailingLater(Engine):
    """Fails when time passes, with what arrived folded in half."""

    def advance(self, now: int | None) -> Any:
        super().advance(now)
        raise RuntimeError("half way")


def test_after_a_failure_within_a_slice_nothing_is_stored_or_counted_as_taken_in() -> None:
    one = partition({"alarms": 7}, FailingEngine(POLICY))
    with pytest.raises(RuntimeError, match="half way"):
        one.take_slice(slice_of("alarms", 7, alarm(1), alarm(2)))
    assert one.next_offsets == {"alarms": 7}
    with pytest.raises(Poisoned, match="partition 3: the engine failed"):
        Checkpoints("w").plan(one)


def test_after_a_failure_while_time_passes_nothing_is_stored() -> None:
    one = partition(engine=FailingLater(POLICY))
    one.take_slice(slice_of("alarms", 0, alarm(1)))
    with pytest.raises(RuntimeError, match="half way"):
        one.advance(None)
    with pytest.raises(Poisoned):
        Checkpoints("w").plan(one)


def test_episodes_that_a_crash_kept_from_being_sent_are_a_reason_to_store_again() -> None:
    """Else they would wait for the next record, which may be long in coming."""
    stored = StoredOutbox(records=[Outgoing("episodes", b"H01", b"{}")])
    assert Partition(0, 1, Engine(POLICY), {}, str, 1 << 20, stored).changed
    assert not partition().changed


def test_episodes_emitted_again_after_a_restart_make_no_checkpoint_due_at_once() -> None:
    """Thousands of them would have the whole state written before the first correct numbers are
    shown.
    """
    stored = StoredOutbox(records=[Outgoing("episodes", b"H01", b"{}")] * 3)
    one = Partition(0, 1, Engine(POLICY), {}, str, 1 << 20, stored)
    assert one.outbox.new_episodes == 0
    values = [
        alarm(1),
        alarm(1, event_id="x", phase="end", at=AT + 1000),
        alarm(2, at=AT + 600_000),
    ]
    one.take_slice(Slice("alarms", 0, [0, 1, 2], [AT + 600_000] * 3, [b"H01"] * 3, values, 0, 3))
    one.advance(None)
    assert one.outbox.new_episodes == 1
    assert len(one.outbox.emit().records) == 4
    assert one.outbox.new_episodes == 0
    one.outbox.put_back([Outgoing("episodes", b"H01", b"{}")])
    assert one.outbox.new_episodes == 1


def test_episodes_put_back_come_first_with_the_next_checkpoint_and_are_stored_whole() -> None:
    one = partition()
    values = [
        alarm(1),
        alarm(1, event_id="x", phase="end", at=AT + 1000),
        alarm(2, at=AT + 600_000),
    ]
    one.take_slice(Slice("alarms", 0, [0, 1, 2], [AT + 600_000] * 3, [b"H01"] * 3, values, 0, 3))
    one.advance(None)
    episodes, (rows, whole) = one.outbox.emit()
    assert (len(episodes), len(rows), whole) == (1, 1, [])
    one.outbox.put_back(episodes)
    assert one.changed
    again = with_headers(episodes, [(GENERATION_HEADER, b"2")])
    assert one.outbox.emit() == (again, [[], episodes])
    assert one.outbox.emit() == ([], None)


def test_records_taken_in_before_are_known_by_their_offset() -> None:
    one = partition({"alarms": 7})
    assert one.take_slice(slice_of("alarms", 5, alarm(1), alarm(2))).accepted_at.tolist() == []
    assert one.next_offsets == {"alarms": 7}
    assert one.take_slice(
        slice_of("alarms", 6, alarm(2), alarm(3, at=AT + 1), alarm(4))
    ).accepted_at.tolist() == [AT + 1, AT]
    assert (
        one.take_slice(slice_of("alarms", 6, alarm(2), alarm(3), alarm(4))).accepted_at.tolist()
        == []
    )
    assert one.next_offsets == {"alarms": 9}
    assert one.engine.outcome_counts == {("alarms", "accepted"): 2}


def test_an_offset_gap_after_the_last_record_counts_as_read() -> None:
    one = partition()
    one.take_slice(slice_of("alarms", 0, alarm(1), gap=5))
    one.take_slice(slice_of("labels", 4, gap=2))
    assert one.next_offsets == {"alarms": 6, "labels": 6}


def test_a_rejected_record_moves_the_offset_and_changes_no_state_beside_the_count() -> None:
    one = partition()
    one.take_slice(slice_of("labels", 4, b"{"))
    assert one.next_offsets == {"labels": 5}
    [rejected] = one.take_rejected()
    assert (rejected.topic, rejected.key, rejected.value) == ("rejected", b"H01", b"{")
    assert dict(rejected.headers) == {
        "reason": b"malformed",
        "detail": b"value: expected JSON",
        "topic": b"labels",
        "partition": b"3",
        "offset": b"4",
    }
    assert one.engine.held == 0


def test_one_bad_record_spoils_none_of_the_others_and_each_is_told_with_its_own_offset() -> None:
    one = partition(partitions=4)
    values = [
        alarm(0),
        b"[]",
        alarm(1, facility="H02"),
        alarm(0),
        alarm(2, at=AT + 10 * 60_000),
        None,
        alarm(3),
        alarm(4, at=AT - 11 * 60_000),
    ]
    taken = one.take_slice(slice_of("alarms", 10, *values))
    assert taken.accepted_at.tolist() == [AT, AT]
    told = {
        int(dict(record.headers)["offset"]): dict(record.headers)["reason"].decode()
        for record in one.take_rejected()
    }
    assert told == {11: "malformed", 12: "misrouted", 14: "future", 15: "malformed", 17: "late"}
    expected = {
        "accepted": 2,
        "duplicate": 1,
        "malformed": 2,
        "misrouted": 1,
        "future": 1,
        "late": 1,
    }
    assert {
        outcome: one.engine.outcome_counts.get(("alarms", outcome), 0) for outcome in OUTCOMES
    } == expected
    assert one.next_offsets == {"alarms": 18}


def test_the_first_alarm_of_a_new_facility_is_late_if_its_timestamp_is_beyond_the_horizon() -> None:
    one, horizon = partition(), POLICY.horizon
    one.take_slice(
        slice_of("alarms", 0, alarm(0, at=AT - horizon - 1), alarm(1, at=AT - horizon), alarm(2))
    )
    [rejected] = one.take_rejected()
    assert dict(rejected.headers)["reason"] == b"late"
    assert dict(rejected.headers)["detail"].endswith(
        b"nor the horizon before the record's timestamp"
    )
    assert one.engine.outcome_counts == {("alarms", "accepted"): 2, ("alarms", "late"): 1}


def test_every_bound_is_one_malformed_record_that_names_the_field() -> None:
    one = partition()
    one.take_slice(
        slice_of(
            "alarms",
            0,
            alarm(0, at=0),
            alarm(1, at="0001-01-01T00:00:00Z"),
            alarm(2, at=AT // 1000),
            alarm(3, bed="a\u200b"),
            alarm(4, recipients=[f"n{number}" for number in range(257)]),
            alarm(5, at=10**30),
            alarm(6),
        )
    )
    headers = [dict(record.headers) for record in one.take_rejected()]
    assert {header["reason"] for header in headers} == {b"malformed"}
    assert [header["detail"].decode() for header in headers] == [
        "at: expected a time from 2000 to 2100",
        "at: expected a time from 2000 to 2100",
        "at: expected milliseconds since 1970, found what looks like seconds",
        "bed: expected no control, format or line-separator characters",
        "recipients: expected at most 256 clinician ids",
        "at: expected a time from 2000 to 2100",
    ]
    assert one.engine.outcome_counts == {("alarms", "accepted"): 1, ("alarms", "malformed"): 6}


def test_texts_that_were_cut_are_counted_by_topic() -> None:
    one = partition()
    one.take_slice(
        slice_of(
            "alarms",
            0,
            alarm(0, label="x" * 2000),
            alarm(1, label="x" * 1024),
            alarm(2, label="y" * 1025),
        )
    )
    assert one.truncated == {"alarms": 2, "assignments": 0, "responses": 0, "labels": 0}
    assert one.take_rejected() == []


def control(command: str, at: int, facility: str = "H01") -> bytes:
    return json.dumps(
        {"control": command, "facility": facility, "event_id": "c1", "at": at}
    ).encode()


def test_a_control_record_is_obeyed_in_its_place_and_counted_apart() -> None:
    """An alarm 58 min ahead is forgotten; what came before the command was late, and what comes
    after it is not.
    """
    one, ahead = partition(), AT + 58 * 60_000
    values = [
        alarm(1),
        alarm(2, at=ahead),
        alarm(3, at=AT + 1),
        control("reset", AT + 2),
        alarm(4, at=AT + 3),
        b"{",
    ]
    stamps = [AT, ahead, *[AT + 4] * 4]
    taken = one.take_slice(
        Slice("alarms", 0, [5, 6, 7, 8, 9, 10], stamps, [b"H01"] * 6, list(values), 5, 11)
    )
    assert taken.accepted_at.tolist() == [AT, ahead, AT + 3]
    assert one.engine.outcome_counts == {
        ("alarms", "accepted"): 3,
        ("alarms", "late"): 1,
        ("alarms", "malformed"): 1,
    }
    assert one.engine.controls == {"reset": 1}
    assert one.engine.watermarks() == {"H01": AT + 3}
    assert one.next_offsets == {"alarms": 11}
    rejected = [
        (dict(sent.headers)["offset"], dict(sent.headers)["reason"]) for sent in one.take_rejected()
    ]
    assert rejected == [(b"7", b"late"), (b"10", b"malformed")]
    one.advance(AT + 10)
    assert one.engine.held == 2


def test_a_record_that_only_resembles_a_command_is_malformed() -> None:
    one = partition()
    other = control("reset", AT, facility="H02")
    values = [
        alarm(1),
        other,
        control("erase", AT),
        b'{"control": "reset", "facility": "H01"}',
        control("forget", 10**20),
    ]
    one.take_slice(slice_of("alarms", 0, *values))
    assert one.engine.outcome_counts == {("alarms", "accepted"): 1, ("alarms", "malformed"): 4}
    assert one.engine.controls == {}


def test_the_count_of_commands_survives_a_restart() -> None:
    one = partition()
    one.take_slice(slice_of("labels", 0, control("forget", AT)))
    plan = Checkpoints("w").plan(one)
    stored = {key: value for key, value in [*plan.shards, *plan.manifest] if value is not None}
    restored = restore(stored, POLICY)
    assert restored is not None
    assert restored.engine.controls == {"forget": 1}
    assert restored.next_offsets == {"labels": 1}
