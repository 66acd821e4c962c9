"""Fetched bytes become the records that the client itself would return, whatever the codec."""

from __future__ import annotations

import gc
import weakref

import pytest
from aiokafka.consumer.fetcher import READ_COMMITTED, READ_UNCOMMITTED
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.record.memory_records import MemoryRecords
from aiokafka.structs import TopicPartition
from hypothesis import given
from hypothesis import strategies as st

from streams.kafka.batches import SLICE_BYTES, SLICE_RECORDS
from streams.kafka.fetched import FetchedBytes, FetchedRecords
from streams.kafka.slices import Place
from tests.harness.batches import (
    CODECS,
    VALUES,
    Batch,
    log_of,
    plain,
    read_all,
    records_of,
    sealed,
    unreadable_of,
)

PartitionRecords = FetchedRecords.__base__
"""The client's own reader."""


@st.composite
def batches(draw: st.DrawFn) -> Batch:
    span = draw(st.integers(1, 6))
    kept = sorted(draw(st.sets(st.integers(0, span - 1))))
    records = [(place, draw(VALUES), draw(VALUES)) for place in kept]
    return Batch(
        records,
        span,
        draw(st.sampled_from([-1, -1, 5, 6])),
        codec=draw(st.sampled_from([*CODECS] if records else ["plain"])),
    )


MARKERS = st.builds(
    lambda producer, marker: Batch([], 1, producer, marker),
    st.sampled_from([5, 6]),
    st.sampled_from(["commit", "abort"]),
)


@given(
    st.lists(batches() | MARKERS, min_size=1, max_size=8),
    st.integers(0, 6),
    st.lists(st.tuples(st.sampled_from([5, 6]), st.integers(0, 20)), max_size=3),
)
def test_a_slice_holds_what_the_client_itself_would_return(
    parts: list[Batch], begin: int, aborted: list[tuple[int, int]]
) -> None:
    """Every codec, gaps of compaction, control batches, aborted transactions, and positions within
    a batch.
    """
    begin, raw, place = min(begin, parts[0].span - 1), log_of(parts), TopicPartition("alarms", 2)
    theirs = PartitionRecords(
        place, MemoryRecords(raw), aborted[:], begin, None, None, True, READ_COMMITTED
    )
    expected = [(one.offset, one.timestamp, one.key, one.value) for one in theirs]
    ours = FetchedRecords(place, FetchedBytes(raw), aborted[:], begin)
    one = ours.read_slice(end=sum(part.span for part in parts), epoch=3)
    assert list(zip(one.offsets, one.timestamps, one.keys, one.values, strict=True)) == expected
    assert (one.begin, one.next_offset, ours.next_fetch_offset) == (
        begin,
        theirs.next_fetch_offset,
        theirs.next_fetch_offset,
    )
    assert one.next_offset == sum(part.span for part in parts)
    assert (one.place, one.epoch, one.moved, one.unreadable, ours.done) == (
        Place("alarms", 2),
        3,
        False,
        (),
        True,
    )


@given(st.lists(batches() | MARKERS, min_size=1, max_size=8))
def test_a_changelog_is_read_record_by_record_transactions_or_not_and_every_offset_is_seen_to_pass(
    parts: list[Batch],
) -> None:
    raw, place = log_of(parts), TopicPartition("changelog", 1)
    theirs = PartitionRecords(
        place, MemoryRecords(raw), None, 0, None, None, True, READ_UNCOMMITTED
    )
    ours = FetchedRecords(place, FetchedBytes(raw), None, 0)
    found = list(ours)
    assert [
        one for one in found if (one.timestamp, one.key, one.value) != (-1, None, None)
    ] == list(theirs)
    assert found[-1].offset == ours.next_fetch_offset - 1 == theirs.next_fetch_offset - 1


def test_a_fetch_read_as_slices_is_freed_without_the_garbage_collector() -> None:
    """Else the bytes of many fetches, 1 MB each, would wait for it."""
    part = Batch([(0, b"key", b"value")], 1)
    one = FetchedRecords(TopicPartition("alarms", 0), FetchedBytes(log_of([part])), None, 0)
    left = weakref.ref(one)
    gc.disable()
    try:
        one.read_slice(end=1)
        del one
        assert left() is None
    finally:
        gc.enable()


def test_a_record_sent_again_is_recognised_by_its_header() -> None:
    builder = DefaultRecordBatchBuilder(2, 0, 0, -1, -1, -1, 1 << 20)
    builder.append(0, 1, b"k", b"v", [])
    builder.append(1, 1, b"k", b"v", [("replayed", b"2")])
    one = FetchedRecords(
        TopicPartition("alarms", 2), FetchedBytes(sealed(bytearray(builder.build()))), None, 0
    ).read_slice()
    assert one.replayed == {1: 2}


def test_a_long_fetch_becomes_several_slices_that_join() -> None:
    found = read_all(log_of([Batch(plain(1000), 1000) for _ in range(10)]))
    assert [len(one.offsets) for one in found] == [5000, 5000]
    assert all(len(one.offsets) >= SLICE_RECORDS for one in found)
    assert [(one.begin, one.next_offset) for one in found] == [(0, 5000), (5000, 10_000)]


@pytest.mark.parametrize("codec", CODECS)
def test_a_batch_of_many_records_or_bytes_becomes_several_slices_whatever_its_codec(
    codec: str,
) -> None:
    for kept in (plain(3 * SLICE_RECORDS), plain(40, SLICE_BYTES // 10)):
        found = read_all(Batch(kept, len(kept), codec=codec).build(7), 7 + 5)
        assert records_of(found) == [
            (7 + place, 1007 + place, key, value) for place, key, value in kept[5:]
        ]
        assert len(found) >= 2
        assert all(len(one.offsets) <= 2 * SLICE_RECORDS for one in found)
        assert unreadable_of(found) == []
        assert [one.next_offset for one in found] == [
            *[one.begin for one in found[1:]],
            7 + len(kept),
        ]
        assert all(
            sum(len(value or b"") for value in one.values) <= 2 * SLICE_BYTES for one in found
        )


def test_a_value_of_20_mb_in_a_small_batch_is_read() -> None:
    found = read_all(
        Batch([(0, None, bytes(20 << 20)), (1, None, b"next")], 2, codec="gzip").build(0)
    )
    assert [len(value or b"") for one in found for value in one.values] == [20 << 20, 4]


def test_records_have_the_time_of_the_append_where_the_broker_set_it() -> None:
    raw = bytearray(Batch(plain(2), 2, codec="lz4", attributes=0x08).build(0))
    raw[35:43] = (5555).to_bytes(8, "big")  # greatest timestamp
    assert [one[1] for one in records_of(read_all(sealed(raw)))] == [5555, 5555]


@pytest.mark.parametrize(("stamp", "read"), [(-1, -1), (-(1 << 62), -1), ((1 << 62), 1 << 53)])
def test_absent_and_absurd_timestamps_stay_within_what_can_be_added_to(
    stamp: int, read: int
) -> None:
    raw = bytearray(Batch([(0, None, b"x")], 1).build(0))
    raw[27:35] = stamp.to_bytes(8, "big", signed=True)  # first timestamp
    assert [one[1] for one in records_of(read_all(sealed(raw)))] == [read]


def test_headers_that_are_no_text_do_not_matter() -> None:
    builder = DefaultRecordBatchBuilder(2, 0, 0, -1, -1, -1, 1 << 20)
    builder.append(0, 1, b"k", b"v", [("id", b"\xff\0\xfe"), ("none", None)])
    builder.append(1, 2, None, b"w", [("xx", b"")])
    raw = bytearray(builder.build())
    place = raw.index(b"xx")
    raw[place : place + 2] = b"\xff\xfe"
    found = read_all(sealed(raw))
    assert records_of(found) == [(0, 1, b"k", b"v"), (1, 2, None, b"w")]
    assert found[0].headers == {
        0: [("id", b"\xff\0\xfe"), ("none", None)],
        1: [("\ufffd\ufffd", b"")],
    }


def test_a_batch_emptied_by_compaction_is_skipped() -> None:
    found = read_all(log_of([Batch([], 4), Batch(plain(1), 1), Batch([], 3)]))
    assert [(one.begin, one.next_offset, one.offsets, one.unreadable) for one in found] == [
        (0, 8, [4], [])
    ]


def test_a_fetch_may_end_in_the_middle_of_a_batch() -> None:
    raw = log_of([Batch(plain(3), 3), Batch(plain(3), 3)])
    for cut in (1, 30, 70):
        found = read_all(raw[:-cut])
        assert (found[-1].next_offset, unreadable_of(found)) == (3, [])
