"""Messages of the formats before batches are read as the client reads them."""

from __future__ import annotations

import gzip
import struct

import pytest
from aiokafka import codec

from streams.kafka.inflate import GZIP, INFLATED_BYTES, LZ4, SNAPPY
from streams.kafka.records import BATCH_RECORDS, NO_TIMESTAMP
from tests.harness.batches import message, old, read_all, records_of, unreadable_of


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


def test_a_format_1_message_in_lz4_is_read_with_its_append_time() -> None:
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
