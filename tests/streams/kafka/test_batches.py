"""Fetched bytes into records: what the client itself would return, whatever the codec; and of
damaged bytes never an exception.
"""

from __future__ import annotations

import gzip
import random
import re
import struct
import zlib
from collections.abc import Iterable

import pytest
from aiokafka import codec
from aiokafka.consumer.fetcher import READ_COMMITTED, READ_UNCOMMITTED
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.record.legacy_records import LegacyRecordBatchBuilder
from aiokafka.record.memory_records import MemoryRecords
from aiokafka.record.util import calc_crc32c
from aiokafka.structs import TopicPartition
from hypothesis import given
from hypothesis import strategies as st

from streams.kafka.batches import (
    SAMPLE_BYTES,
    SLICE_BYTES,
    SLICE_RECORDS,
    Batches,
    Read,
    Unreadable,
)
from streams.kafka.fetched import FetchedBytes, FetchedRecords
from streams.kafka.inflate import GZIP, INFLATED_BYTES, LZ4, SNAPPY, ZSTD, InflateError, inflate
from streams.kafka.records import BATCH_RECORDS, NO_TIMESTAMP
from streams.kafka.slices import Place
from tests.harness.batches import CODECS, Batch, sealed

PartitionRecords = FetchedRecords.__base__
"""The client's own reader."""
VALUES = st.none() | st.binary(max_size=8)


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


def log_of(parts: Iterable[Batch]) -> bytes:
    raw, base = b"", 0
    for one in parts:
        raw += one.build(base)
        base += one.span
    return raw


def read_all(data: bytes, position: int = 0, end: int | None = None) -> list[Read]:
    """A whole fetch, as it would become slices."""
    reader, found = Batches(data, position), []
    while not reader.done:
        found.append(reader.read(end))
        assert len(found) <= len(data) + 1
    return found


def records_of(found: list[Read]) -> list[tuple[int, int, bytes | None, bytes | None]]:
    return [
        one
        for read in found
        for one in zip(read.offsets, read.timestamps, read.keys, read.values, strict=True)
    ]


def unreadable_of(found: list[Read]) -> list[Unreadable]:
    return [one for read in found for one in read.unreadable]


def plain(count: int, size: int = 20) -> list[tuple[int, bytes | None, bytes | None]]:
    return [(place, b"k", b"%d" % place + b"." * size) for place in range(count)]


# --- what is whole


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


def test_what_was_sent_again_is_known_by_its_header() -> None:
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


def test_a_batch_that_compaction_has_emptied_is_passed() -> None:
    found = read_all(log_of([Batch([], 4), Batch(plain(1), 1), Batch([], 3)]))
    assert [(one.begin, one.next_offset, one.offsets, one.unreadable) for one in found] == [
        (0, 8, [4], [])
    ]


def test_a_fetch_may_end_in_the_middle_of_a_batch() -> None:
    raw = log_of([Batch(plain(3), 3), Batch(plain(3), 3)])
    for cut in (1, 30, 70):
        found = read_all(raw[:-cut])
        assert (found[-1].next_offset, unreadable_of(found)) == (3, [])


# --- old formats


def old(magic: int, codec: int, count: int, base: int = 0) -> bytes:
    builder = LegacyRecordBatchBuilder(magic, codec, 1 << 30)
    for place in range(count):
        builder.append(
            base + place if not (codec and magic) else place, 1000 + place, b"k", b"%d" % place
        )
    raw = bytearray(builder.build())
    if codec:  # a broker gives a compressed message the offset of its last record
        raw[:8] = (base + count - 1).to_bytes(8, "big")
    return bytes(raw)


@pytest.mark.parametrize("magic", [0, 1])
@pytest.mark.parametrize("codec", [0, GZIP, SNAPPY])
def test_messages_of_old_producers_are_read(magic: int, codec: int) -> None:
    found = read_all(old(magic, codec, 5, base=0 if magic == 0 else 40), 0 if magic == 0 else 40)
    first = 0 if magic == 0 else 40
    times = [1000 + place if magic else NO_TIMESTAMP for place in range(5)]
    assert records_of(found) == [
        (first + place, times[place], b"k", b"%d" % place) for place in range(5)
    ]
    assert unreadable_of(found) == []


def message(magic: int, attributes: int, value: bytes, offset: int = 0) -> bytes:
    body = (
        struct.pack(">bb", magic, attributes)
        + (struct.pack(">q", 77) if magic else b"")
        + struct.pack(">i", -1)
    )
    body += struct.pack(">i", len(value)) + value
    return struct.pack(">qiI", offset, len(body) + 4, zlib.crc32(body)) + body


def test_a_message_of_lz4_and_the_time_of_the_append_in_format_1() -> None:
    inner = message(1, 0, b"a", 0) + message(1, 0, b"b", 1)
    found = read_all(message(1, LZ4 | 0x08, codec.lz4_encode(inner), 9), 8)
    assert records_of(found) == [(8, 77, None, b"a"), (9, 77, None, b"b")]


HOSTILE = {
    "a bomb": message(1, GZIP, gzip.compress(bytes(INFLATED_BYTES + 1))),
    "a length of -12, at which the client hangs": message(
        1, GZIP, gzip.compress(struct.pack(">qi", 0, -12) + bytes(40))
    ),
    "a length of -100": message(1, GZIP, gzip.compress(struct.pack(">qi", 0, -100) + bytes(400))),
    "compressed twice": message(
        1, GZIP, gzip.compress(message(1, GZIP, gzip.compress(message(1, 0, b"x"))))
    ),
    "nothing inside": message(1, GZIP, gzip.compress(b"")),
    "offsets backwards": message(
        1, GZIP, gzip.compress(message(1, 0, b"a", 7) + message(1, 0, b"b", 3)), 0
    ),
    "a codec that nobody has": message(1, 6, b"?"),
    "lz4 of format 0": message(0, LZ4, b"?"),
    "too many": message(0, GZIP, gzip.compress(message(0, 0, b"") * (BATCH_RECORDS + 1))),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_messages_of_old_formats_are_unreadable(name: str) -> None:
    found = read_all(HOSTILE[name] + message(1, 0, b"next", 1))
    assert [one[3] for one in records_of(found)] == [b"next"]
    assert [(one.begin, one.next_offset) for one in unreadable_of(found)] == [(0, 1)]


# --- damage


def altered(at: int, form: str, value: int, codec: str = "plain") -> bytes:
    """Ten records whose header holds `value`, under the right checksum."""
    raw = bytearray(Batch(plain(10), 10, codec=codec).build(10))
    struct.pack_into(form, raw, at, value)
    raw[17:21] = calc_crc32c(bytes(raw[21:])).to_bytes(4, "big")
    return bytes(raw)


def bomb(codec: str) -> bytes:
    return Batch([(0, None, bytes(INFLATED_BYTES))], 10, codec=codec).build(10)


DAMAGED: dict[str, tuple[bytes, str]] = {
    "a wrong checksum": (
        bytes(one ^ (at == 80) for at, one in enumerate(Batch(plain(10), 10).build(10))),
        "wrong checksum",
    ),
    "codec 5": (altered(21, ">h", 5), "unknown compression codec 5"),
    "codec 7": (altered(21, ">h", 7), "unknown compression codec 7"),
    "gzip that is none": (altered(21, ">h", GZIP), "damaged gzip data"),
    "snappy that is none": (altered(21, ">h", SNAPPY), "damaged snappy data"),
    "lz4 that is none": (altered(21, ">h", LZ4), "damaged lz4 data"),
    "zstd that is none": (altered(21, ">h", ZSTD), "damaged zstd data"),
    "format 3": (altered(16, ">b", 3), "unknown format 3"),
    "format -1": (altered(16, ">b", -1), "unknown format 255"),
    "2**31 - 1 records": (
        altered(57, ">i", (1 << 31) - 1),
        "the batch declares 2147483647 records",
    ),
    "-1 records": (altered(57, ">i", -1), "the batch declares -1 records"),
    "an end before its begin": (altered(23, ">i", -3), "offsets that the partition does not have"),
    "an end beyond the partition's": (
        altered(23, ">i", 1 << 30),
        "offsets that the partition does not have",
    ),
    "a begin beyond the partition's": (
        altered(0, ">q", 1 << 60),
        "offsets that the partition does not have",
    ),
    "a negative begin": (altered(0, ">q", -5), "offsets that the partition does not have"),
    **{
        f"a bomb in {name}": (bomb(name), "bytes when inflated")
        for name in CODECS
        if name != "plain"
    },
}


@pytest.mark.parametrize("name", DAMAGED)
def test_a_batch_that_cannot_be_read_is_passed_over_and_what_surrounds_it_is_read(
    name: str,
) -> None:
    raw, reason = DAMAGED[name]
    found = read_all(
        Batch(plain(10), 10).build(0) + raw + Batch(plain(10), 10, codec="zstd").build(20), end=30
    )
    assert [one[0] for one in records_of(found)] == [*range(10), *range(20, 30)]
    [bad] = unreadable_of(found)
    assert (bad.begin, bad.next_offset, bad.size, bad.sample) == (
        10,
        20,
        len(raw),
        raw[:SAMPLE_BYTES],
    )
    assert reason in bad.reason
    assert found[-1].next_offset == 30


@pytest.mark.parametrize("name", DAMAGED)
def test_at_the_end_of_a_fetch_it_is_passed_over_by_what_its_header_says_or_an_offset_at_a_time(
    name: str,
) -> None:
    raw, _ = DAMAGED[name]
    found = read_all(Batch(plain(10), 10).build(0) + raw, end=30)
    [bad] = unreadable_of(found)
    assert bad.begin == 10
    assert bad.next_offset in ({11} if "begin" in name or "end" in name else {20})
    assert found[-1].next_offset == bad.next_offset


@pytest.mark.parametrize(
    ("count", "readable", "reason"),
    [
        (12, 10, "a record ends in the middle"),
        (4, 4, "the batch holds more than the records it declares"),
        (0, 0, "holds more"),
    ],
)
@pytest.mark.parametrize("codec", ["plain", "lz4"])
def test_where_a_batch_lies_about_its_records_those_there_are_are_read(
    codec: str, count: int, readable: int, reason: str
) -> None:
    raw = altered(57, ">i", count, codec)
    found = read_all(raw + Batch(plain(1), 1).build(20), 10)
    assert [one[0] for one in records_of(found)] == [*range(10, 10 + readable), 20]
    [bad] = unreadable_of(found)
    assert (bad.begin, bad.next_offset) == (10 + readable, 20)
    assert reason in bad.reason


@pytest.mark.parametrize(
    ("at", "byte", "reason"),
    [
        # the record's length
        (0, 0xFF, "longer than its batch|more than 64 bits|ends in the middle"),
        (4, 0x7F, "longer than its record|ends in the middle|more than"),  # the key's
        (6, 0x80, "longer than its record|ends in the middle|more than"),  # the value's
    ],
)
def test_records_before_the_damage_are_read(at: int, byte: int, reason: str) -> None:
    raw = bytearray(Batch(plain(10), 10).build(10))
    record = raw.index(b"3....") - 7
    raw[record + at] = byte
    found = read_all(sealed(raw) + Batch(plain(1), 1).build(20), 10)
    assert [one[0] for one in records_of(found)][:3] == [10, 11, 12]
    assert [one[0] for one in records_of(found)][-1] == 20
    [bad] = unreadable_of(found)
    assert bad.next_offset == 20
    assert re.search(reason, bad.reason), bad.reason


@pytest.mark.parametrize("length", [-(1 << 31), -12, -1, 0, 3, 4, 14, 40, 10_000, (1 << 31) - 1])
def test_a_length_that_is_none_ends_the_fetch_and_reading_goes_on_behind_it(length: int) -> None:
    raw = bytearray(Batch(plain(10), 10).build(10))
    raw[8:12] = length.to_bytes(4, "big", signed=True)
    found = read_all(bytes(raw), 10, end=20)
    assert records_of(found) == []
    assert unreadable_of(found)
    assert found[-1].next_offset > 10


def test_a_batch_just_written_beyond_the_high_watermark_is_fetched_again_and_not_skipped() -> None:
    """A broker notes the high watermark before it reads the records: a batch that is written in
    between comes with the older one.
    """
    data = Batch(plain(4), 4).build(0)
    first = Batches(data, 0, doubt=True)
    read = first.read(end=0)
    assert (read.offsets, read.unreadable, first.doubtful) == ([], [], True)
    again = Batches(data, first.position, doubt=True, suspect=first.position)
    read = again.read(end=4)
    assert (read.offsets, read.unreadable, again.doubtful) == ([0, 1, 2, 3], [], False)
    lying = Batches(data, 0, doubt=True, suspect=0)
    assert [one.reason for one in lying.read(end=0).unreadable] == [
        "the batch declares offsets that the partition does not have"
    ]


def test_a_wrong_checksum_is_doubted_once() -> None:
    """It may have happened on the way."""
    raw = bytearray(Batch(plain(2), 2).build(2))
    raw[-1] ^= 1
    data = Batch(plain(2), 2).build(0) + bytes(raw)
    first = Batches(data, 0, doubt=True)
    assert first.read().offsets == [0, 1]
    assert (first.doubtful, first.done, first.position) == (True, True, 2)
    again = Batches(bytes(raw), 2, doubt=True, suspect=2)
    assert [one.reason for one in again.read().unreadable] == ["wrong checksum"]
    assert (again.doubtful, again.done, again.position) == (False, True, 4)


def test_a_fetch_in_which_nothing_is_new_is_left_behind() -> None:
    found = read_all(Batch(plain(2), 2).build(0), 5, end=9)
    assert [(one.begin, one.next_offset) for one in unreadable_of(found)] == [(5, 6)]


BUILT = [
    log_of([Batch(plain(4), 4, codec=name), Batch(plain(2), 2, 5), Batch([], 1, 5, "abort")])
    for name in CODECS
] + [old(1, GZIP, 5), old(0, 0, 3), message(1, GZIP, gzip.compress(message(1, 0, b"a", 0)))]


@given(
    st.sampled_from(BUILT),
    st.integers(),
    st.integers(1, 6),
    st.booleans(),
    st.integers(0, 8),
    st.none() | st.integers(0, 10),
)
def test_whatever_the_bytes_reading_ends_and_goes_forward(
    data: bytes, seed: int, times: int, right_checksum: bool, position: int, end: int | None
) -> None:
    """Damage anywhere: each fetch is read to its end without an exception, in order and without a
    gap that is not named.
    """
    chance, raw = random.Random(seed), bytearray(data)
    for _ in range(times):
        match chance.randrange(4):
            case 0:
                raw[chance.randrange(len(raw))] = chance.randrange(256)
            case 1:
                del raw[
                    chance.randrange(len(raw)) : len(raw)
                    if chance.random() < 0.2
                    else None or chance.randrange(len(raw) + 1)
                ]
            case 2:
                raw[chance.randrange(min(70, len(raw)))] ^= 1 << chance.randrange(8)
            case 3:
                place = chance.randrange(len(raw))
                raw[place:place] = chance.randbytes(3)
        if len(raw) < 62:
            raw += chance.randbytes(62)
    if right_checksum:
        size = 12 + int.from_bytes(raw[8:12], "big")
        if 61 < size <= len(raw) and raw[16] == 2:
            raw[17:21] = calc_crc32c(bytes(raw[21:size])).to_bytes(4, "big")
        elif 26 < size <= len(raw):
            raw[12:16] = zlib.crc32(bytes(raw[16:size])).to_bytes(4, "big")
    reader = Batches(bytes(raw), position, [(5, 3)])
    at, turns = position, 0
    while not reader.done:
        one = reader.read(end)
        assert one.begin == at <= one.next_offset
        assert one.offsets == sorted(one.offsets)
        assert all(at <= offset < one.next_offset for offset in one.offsets)
        assert all(at <= bad.begin <= bad.next_offset <= one.next_offset for bad in one.unreadable)
        at, turns = one.next_offset, turns + 1
        assert turns < 1000
    assert at > position


@given(st.binary(max_size=200), st.integers(0, 5))
def test_any_bytes_at_all(data: bytes, position: int) -> None:
    found = read_all(data, position)
    assert not data or found[-1].next_offset > position


# --- inflating


@pytest.mark.parametrize("name", [name for name in CODECS if name != "plain"])
def test_a_codec_gives_what_was_compressed_up_to_the_bound_and_never_more(name: str) -> None:
    number, compress = CODECS[name]
    data = b"".join(b'{"event_id": "e%d"}' % count for count in range(5000))
    packed = memoryview(compress(data))
    assert inflate(number, packed, b"head", len(data)) == b"head" + data
    with pytest.raises(InflateError, match=f"more than {len(data) - 1} bytes when inflated"):
        inflate(number, packed, b"head", len(data) - 1)
