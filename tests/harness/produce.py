"""Records and batches as no client library would send them, and a producer that sends them."""

from __future__ import annotations

import gzip
import json
import socket
import struct
import time
from collections.abc import Callable, Iterable, Sequence
from io import BufferedReader
from typing import Any, NamedTuple

import zstandard
from aiokafka.codec import lz4_encode, snappy_encode
from kafka.record.util import calc_crc32c

from streams.dev.broker import HOST, Broker

MINUTE = 60_000  # ms


CODECS = {"none": 0, "gzip": 1, "snappy": 2, "lz4": 3, "zstd": 4}
NOT_YET = (3, 5, 6)
"""Unknown topic, no leader, another leader: of a topic that was made a moment ago."""
LONG_BATCH = 4000
"""Records in one of our batches."""


def now_ms() -> int:
    return int(time.time() * 1000)


def alarm(facility: str, number: int | str, **changes: Any) -> dict[str, Any]:
    """The start of an alarm, now."""
    event = {
        "event_id": f"e{number}",
        "alarm_id": f"a{number}",
        "phase": "start",
        "at": now_ms(),
        "facility": facility,
        "unit": "ICU",
        "bed": "1",
        "device_id": "m1",
        "device_type": "monitor",
        "code": "MDC_EVT_LO",
        "kind": "physiological",
        "priority": "high",
    }
    return event | changes


def assignment(facility: str, number: int | str, **changes: Any) -> dict[str, Any]:
    """A clinician's assignment to a bed from now on."""
    at = now_ms()
    fields = {
        "event_id": f"s{number}",
        "assignment_id": f"s{number}",
        "facility": facility,
        "unit": "ICU",
        "bed": "1",
        "clinician": "ann",
        "from": at,
        "at": at,
    }
    return fields | changes


def as_bytes(fields: dict[str, Any]) -> bytes:
    return json.dumps(fields, separators=(",", ":")).encode()


def varint(number: int) -> bytes:
    number = (number << 1) ^ (number >> 63)
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def record(offset: int, key: bytes | None, value: bytes | None) -> bytes:
    body = b"\x00\x00" + varint(offset)
    for part in (key, value):
        body += varint(-1) if part is None else varint(len(part)) + part
    body += b"\x00"
    return varint(len(body)) + body


def compressed(records: bytes, codec: str) -> bytes:
    match codec:
        case "gzip":
            return gzip.compress(records, 1)
        case "snappy":
            return snappy_encode(records)
        case "lz4":
            return lz4_encode(records)
        case "zstd":
            return zstandard.compress(records, 1)
    return records


def batch_of(compressed: bytes, count: int, codec: str = "none", stamp: int | None = None) -> bytes:
    """A batch (magic 2) around the records' bytes, compressed or not."""
    stamp = now_ms() if stamp is None else stamp
    body = (
        struct.pack(">hiqqqhii", CODECS[codec], count - 1, stamp, stamp, -1, -1, -1, count)
        + compressed
    )
    return struct.pack(">qiibI", 0, len(body) + 9, -1, 2, calc_crc32c(body)) + body


def batch(
    pairs: Sequence[tuple[bytes | None, bytes | None]],
    codec: str = "none",
    stamp: int | None = None,
) -> bytes:
    """A batch of keys and values, all of one time."""
    records = b"".join(record(number, key, value) for number, (key, value) in enumerate(pairs))
    return batch_of(compressed(records, codec), len(pairs), codec, stamp)


class Refused(Exception):
    """The broker did not take a batch; the number is Kafka's error code."""


def produce(broker: Broker, topic: str, partition: int, batches: Iterable[bytes]) -> None:
    """Send batches to one partition, each acknowledged before the next. Raises `Refused`."""
    with (
        socket.create_connection((HOST, broker.port), timeout=60) as connection,
        connection.makefile("rb") as answers,
    ):
        for one in batches:
            patience = time.monotonic() + 20
            while error := _sent(connection, answers, topic.encode(), partition, one):
                if error not in NOT_YET or time.monotonic() > patience:
                    raise Refused(str(error))
                time.sleep(0.1)


def _sent(
    connection: socket.socket, answers: BufferedReader, topic: bytes, partition: int, one: bytes
) -> int:
    """Kafka's error code, 0 for none."""
    client = b"poison"
    head = struct.pack(">hhih", 0, 7, 1, len(client)) + client  # version 7: zstd
    body = struct.pack(">hhii", -1, -1, 60_000, 1) + struct.pack(">h", len(topic)) + topic
    body += struct.pack(">iii", 1, partition, len(one)) + one
    connection.sendall(struct.pack(">i", len(head) + len(body)) + head + body)
    answer = answers.read(struct.unpack(">i", answers.read(4))[0])
    return int(struct.unpack_from(">h", answer, 4 + 4 + 2 + len(topic) + 4 + 4)[0])


class Place(NamedTuple):
    """The target of a poison: a facility of its own, and the partition of its key."""

    broker: Broker
    facility: str
    partition: int
    group: str = "alarm-fatigue"

    @property
    def key(self) -> bytes:
        return self.facility.encode()

    def send(
        self, topic: str, *values: bytes | None, codec: str = "none", stamp: int | None = None
    ) -> None:
        """Send values under the facility's key, in batches of bounded length.

        A batch that the broker itself refuses does no harm.
        """
        pairs = [(self.key, value) for value in values]
        batches = (
            batch(pairs[begin : begin + LONG_BATCH], codec, stamp)
            for begin in range(0, len(pairs), LONG_BATCH)
        )
        try:
            produce(self.broker, topic, self.partition, batches)
        except Refused as refused:
            if str(refused) != "32":  # INVALID_TIMESTAMP: the guard that the service sets itself
                raise


Poison = Callable[[Place], None]
