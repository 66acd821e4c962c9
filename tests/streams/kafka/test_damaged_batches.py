"""Damaged bytes are passed over, never raise, and keep no whole record from being read."""

from __future__ import annotations

import gzip
import random
import re
import struct
import zlib

import pytest
from aiokafka.record.util import calc_crc32c
from hypothesis import given
from hypothesis import strategies as st

from streams.kafka.batches import SAMPLE_BYTES, Batches
from streams.kafka.inflate import GZIP, INFLATED_BYTES, LZ4, SNAPPY, ZSTD
from tests.harness.batches import (
    CODECS,
    Batch,
    log_of,
    message,
    old,
    plain,
    read_all,
    records_of,
    sealed,
    unreadable_of,
)


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
def test_an_unreadable_batch_is_skipped_and_its_neighbours_are_read(
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
def test_a_batch_with_an_impossible_length_ends_the_fetch_and_reading_resumes_after_it(
    length: int,
) -> None:
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


def test_a_batch_with_a_wrong_checksum_is_fetched_once_more() -> None:
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


def test_a_fetch_without_new_records_is_skipped() -> None:
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
def test_a_fetch_damaged_anywhere_is_read_to_its_end(
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
def test_reading_any_bytes_advances(data: bytes, position: int) -> None:
    found = read_all(data, position)
    assert not data or found[-1].next_offset > position
