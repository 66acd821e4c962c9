"""The poison list: what devices, interfaces and strangers send that must not stop, blind or bloat a
worker.

Each poison is a function that sends something to a broker beside the records of other hospitals.
Batches are built here byte by byte, and sent by requests of our own: no client library would let
them pass, nor be as fast.
"""

from __future__ import annotations

import gzip
import json
import socket
import struct
import time
import zlib
from collections.abc import Callable, Iterable, Sequence
from io import BufferedReader
from typing import Any, NamedTuple

import zstandard
from aiokafka.codec import lz4_encode, snappy_encode
from kafka import KafkaProducer
from kafka.record.util import calc_crc32c

from streams.dev.broker import HOST, Broker
from streams.kafka.topics import checkpoint_topic

MINUTE = 60_000  # ms
GREATEST = 1.7976931348623157e308
CODECS = {"none": 0, "gzip": 1, "snappy": 2, "lz4": 3, "zstd": 4}
_NOT_YET = (3, 5, 6)
"""Unknown topic, no leader, another leader: of a topic that was made a moment ago."""
_LONG_BATCH = 4000
"""Records in one of our batches."""

# --- records
# -----------------------------------------------------------------------------------------------------------


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
    """Somebody's care for a bed from now on."""
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


# --- batches
# -----------------------------------------------------------------------------------------------------------


def _varint(number: int) -> bytes:
    number = (number << 1) ^ (number >> 63)
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def _record(offset: int, key: bytes | None, value: bytes | None) -> bytes:
    body = b"\x00\x00" + _varint(offset)
    for part in (key, value):
        body += _varint(-1) if part is None else _varint(len(part)) + part
    body += b"\x00"
    return _varint(len(body)) + body


def _compressed(records: bytes, codec: str) -> bytes:
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
    """A batch (magic 2) around the records' bytes as they are sent."""
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
    records = b"".join(_record(number, key, value) for number, (key, value) in enumerate(pairs))
    return batch_of(_compressed(records, codec), len(pairs), codec, stamp)


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
                if error not in _NOT_YET or time.monotonic() > patience:
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


# --- the list
# ----------------------------------------------------------------------------------------------------------


class Place(NamedTuple):
    """Where a poison goes: a facility of its own, and the partition that its key leads to."""

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
        """Values under the facility's key, in batches of bounded length; what the broker itself
        refuses has done no harm.
        """
        pairs = [(self.key, value) for value in values]
        batches = (
            batch(pairs[begin : begin + _LONG_BATCH], codec, stamp)
            for begin in range(0, len(pairs), _LONG_BATCH)
        )
        try:
            produce(self.broker, topic, self.partition, batches)
        except Refused as refused:
            if str(refused) != "32":  # INVALID_TIMESTAMP: the guard that the service sets itself
                raise


Poison = Callable[[Place], None]


def unset_clocks(place: Place) -> None:
    """Years 0001 (.NET's least time), 1970 and 1601, in all fields that hold times."""
    for topic, fields in (
        ("alarms", alarm(place.facility, "clock")),
        ("assignments", assignment(place.facility, "clock")),
    ):
        times = (
            0,
            "0001-01-01T00:00:00Z",
            "1601-01-01T00:00:00Z",
            "1970-01-01T00:00:00Z",
            -62_135_596_800_000,
        )
        place.send(
            topic,
            *(
                as_bytes(fields | {"event_id": f"c{number}", "at": time})
                for number, time in enumerate(times)
            ),
        )
    place.send(
        "assignments",
        as_bytes(assignment(place.facility, "from", **{"from": "0001-01-01T00:00:00Z"})),
    )
    place.send(
        "assignments",
        as_bytes(assignment(place.facility, "2000", **{"from": "2000-01-01T00:00:00Z"})),
    )
    place.send("alarms", as_bytes(alarm(place.facility, "2000", at="2000-01-01T00:00:00Z")))


def year_9999(place: Place) -> None:
    """The greatest time there is, as the end of an assignment, too."""
    last = "9999-12-31T23:59:59.999Z"
    place.send(
        "alarms",
        as_bytes(alarm(place.facility, "late", at=last)),
        as_bytes(alarm(place.facility, "ok")),
    )
    place.send(
        "assignments",
        as_bytes(assignment(place.facility, "end", to=last)),
        as_bytes(assignment(place.facility, "at", at=last)),
    )


def an_hour_ahead(place: Place) -> None:
    """59 min ahead, the record's own timestamp as well; then normal alarms of the same hospital."""
    ahead = now_ms() + 59 * MINUTE
    place.send("alarms", as_bytes(alarm(place.facility, "ahead", at=ahead)), stamp=ahead)
    place.send(
        "alarms", *(as_bytes(alarm(place.facility, f"after-{number}")) for number in range(50))
    )


def long_label(place: Place) -> None:
    """1 MiB, and what is left of a record's limit; of alarms that are final at once, so that they
    go out, too.
    """
    place.send(
        "alarms",
        *(
            as_bytes(alarm(place.facility, f"l{size}", label="x" * size))
            for size in (1 << 20, (1 << 20) - 400)
        ),
    )
    began = now_ms() - 8 * MINUTE
    for number, (label, kind) in enumerate(
        (("x", "technical"), ("é", "physiological"), ("\x00", "technical"))
    ):
        text = label * (((1 << 20) - 500) // len(json.dumps(label)[1:-1]))
        over = alarm(place.facility, f"over-{number}", at=began, label=text, kind=kind)
        place.send("alarms", as_bytes(over))
        place.send(
            "alarms",
            as_bytes(
                over
                | {
                    "event_id": f"over-{number}",
                    "phase": "end",
                    "at": began + 20_000,
                    "label": None,
                }
            ),
        )
    place.send(
        "alarms",
        as_bytes(
            alarm(
                place.facility,
                "l-end",
                label="x" * ((1 << 20) - 400),
                phase="end",
                at=now_ms() + 100,
            )
        ),
    )


def many_recipients(place: Place) -> None:
    """60,000 of them in 360 kB, and as many as a record may have."""
    place.send(
        "alarms",
        as_bytes(
            alarm(place.facility, "r", recipients=[f"{number:x}" for number in range(60_000)])
        ),
    )
    place.send(
        "alarms",
        as_bytes(
            alarm(place.facility, "r256", recipients=[f"{number:0128}" for number in range(256)])
        ),
    )
    began = now_ms() - 8 * MINUTE
    for number, many in enumerate((60_000, 256)):
        over = alarm(
            place.facility,
            f"over-{number}",
            at=began,
            recipients=[f"{clinician:x}" for clinician in range(many)],
        )
        place.send("alarms", as_bytes(over))
        place.send(
            "alarms",
            as_bytes(
                over
                | {
                    "event_id": f"over-{number}",
                    "phase": "end",
                    "at": began + 20_000,
                    "recipients": None,
                }
            ),
        )


def greatest_floats(place: Place) -> None:
    """In every field that holds a number; twice, so that their sum has no float."""
    place.send(
        "alarms",
        *(
            as_bytes(alarm(place.facility, f"f{number}", value=one, limit=-one))
            for number, one in enumerate((GREATEST, -GREATEST))
        ),
    )
    at = now_ms() + 500
    place.send(
        "alarms",
        *(
            as_bytes(
                alarm(
                    place.facility,
                    f"f{number}",
                    event_id=f"f{number}",
                    phase="end",
                    at=at,
                    value=-GREATEST,
                )
            )
            for number in range(2)
        ),
    )
    place.send(
        "assignments",
        *(
            as_bytes(assignment(place.facility, number, acuity=GREATEST, bed=str(number)))
            for number in range(2)
        ),
    )
    place.send(
        "assignments",
        as_bytes(assignment(place.facility, "inf")).replace(b'"unit"', b'"acuity":1e999,"unit"'),
    )


def every_codec(place: Place) -> None:
    """gzip, snappy, lz4, zstd, as clients of other languages use them by default."""
    for codec in ("gzip", "snappy", "lz4", "zstd"):
        place.send(
            "alarms",
            *(as_bytes(alarm(place.facility, f"{codec}-{number}")) for number in range(20)),
            codec=codec,
        )


def long_value_in_a_batch(place: Place) -> None:
    """20 MB that gzip makes 20 kB of: too long for `rejected`."""
    place.send(
        "alarms",
        as_bytes(alarm(place.facility, "before")),
        b"x" * 20_000_000,
        as_bytes(alarm(place.facility, "after")),
        codec="gzip",
    )


def inflating_batches(place: Place) -> None:
    """1 GiB in a batch of 1 MB (gzip) and of some kB (zstd)."""
    length = 1 << 30
    rest = b"\x00\x00\x00" + _varint(-1) + _varint(length)
    head = _varint(len(rest) + length + 1) + rest
    zeros = bytes(1 << 20)
    deflate = zlib.compressobj(1, zlib.DEFLATED, 31)
    parts = [
        deflate.compress(head),
        *(deflate.compress(zeros) for _ in range(length >> 20)),
        deflate.compress(b"\x00"),
        deflate.flush(),
    ]
    _send_whole(place, b"".join(parts), "gzip")
    frame = zstandard.ZstdCompressor(level=1).compressobj()
    parts = [
        frame.compress(head),
        *(frame.compress(zeros) for _ in range(length >> 20)),
        frame.compress(b"\x00"),
        frame.flush(),
    ]
    _send_whole(place, b"".join(parts), "zstd")


def _send_whole(place: Place, compressed: bytes, codec: str) -> None:
    try:
        produce(place.broker, "alarms", place.partition, [batch_of(compressed, 1, codec)])
    except Refused as refused:
        # corrupt, too large, invalid, unknown: the broker itself is careful
        if str(refused) not in ("2", "10", "87", "-1"):
            raise


def many_units(place: Place) -> None:
    """20,000 in one hospital."""
    place.send(
        "alarms",
        *(
            as_bytes(alarm(place.facility, f"u{number}", unit=f"unit-{number}"))
            for number in range(20_000)
        ),
    )


def junk_in_the_checkpoint_topic(place: Place) -> None:
    """Keys and values of somebody else's, and some that look like ours."""
    pairs: list[tuple[bytes | None, bytes | None]] = [
        (b"junk", b"junk"),
        (b"\xff\xfe", b"\x00"),
        (b'["manifest"]', b"x"),
        (b'["manifest","z"]', zstandard.compress(b"\x80")),
        (b'["manifest","y"]', b"no zstd"),
        (b"[]", b"x"),
        (b"1", b"x"),
        (b"null", b"x"),
        (b'["shard"]', b"x"),
        (b'{"a":1}', b""),
        (b"[" * 5000, b"x"),
    ]
    produce(place.broker, checkpoint_topic(place.group), place.partition, [batch(pairs)])


def aborted_transaction(place: Place) -> None:
    """What never happened, and after it something that did."""
    producer = KafkaProducer(
        bootstrap_servers=place.broker.address,
        transactional_id=f"poison-{place.facility}-{now_ms()}",
    )
    try:
        producer.init_transactions()
        producer.begin_transaction()
        for number in range(20):
            value = as_bytes(alarm(place.facility, f"never-{number}", unit="ABORTED"))
            producer.send("alarms", key=place.key, value=value, partition=place.partition)
        producer.flush()
        producer.abort_transaction()
        producer.begin_transaction()
        producer.send(
            "alarms",
            key=place.key,
            value=as_bytes(alarm(place.facility, "committed")),
            partition=place.partition,
        )
        producer.commit_transaction()
    finally:
        producer.close()


def strange_characters(place: Place) -> None:
    """In ids: control and format characters, line separators, lone surrogates, text that is none."""
    characters = (
        "\x00",
        "\n",
        "\x1b[2J",
        "\x7f",
        "\u200b",
        "\u202e",
        "\u2028",
        "\u2029",
        "\ufeff",
        '"',
        "\\",
        "{}",
        "é",
        "🏥",
    )
    for field in ("unit", "bed", "alarm_id", "code"):
        values = [
            as_bytes(alarm(place.facility, f"{field}-{number}", **{field: f"a{one}b"}))
            for number, one in enumerate(characters)
        ]
        place.send("alarms", *values)
    plain = as_bytes(alarm(place.facility, "surrogate", label="LABEL"))
    surrogates = (b"\\ud800", b"\\udfff", b"\\udc00\\ud800", b"\xed\xa0\x80", b"\xff\xfe")
    place.send(
        "alarms",
        *(plain.replace(b"ICU", one) for one in surrogates),
        *(plain.replace(b"LABEL", one) for one in surrogates),
    )
    responses = as_bytes(
        {
            "event_id": "r",
            "facility": place.facility,
            "at": now_ms(),
            "action": "attend",
            "bed": "BED",
        }
    )
    place.send("responses", *(responses.replace(b"BED", one) for one in surrogates))


def deep_nesting(place: Place) -> None:
    """100,000 brackets, as a value and in a field."""
    deep = b"[" * 100_000
    place.send(
        "alarms",
        deep,
        deep + b"]" * 100_000,
        b'{"a":' * 100_000,
        as_bytes(alarm(place.facility, "deep")).replace(b'"ICU"', deep),
    )
    place.send(
        "labels",
        as_bytes(alarm(place.facility, "deep")).replace(
            b'"unit"', b'"x":' + deep + b"]" * 100_000 + b',"unit"'
        ),
    )


def long_numbers(place: Place) -> None:
    """5 MB of digits, and as many as a record may have; exponents beyond all floats."""
    plain = as_bytes(alarm(place.facility, "number", value=7))
    for digits in (
        b"9" * 5_000_000,
        b"9" * 1_000_000,
        b"1e999999999",
        b"-1e-999999999",
        b"0." + b"1" * 1_000_000,
    ):
        place.send(
            "alarms",
            plain.replace(b'"value":7', b'"value":' + digits),
            plain.replace(b'"at":', b'"at":%b' % digits, 1),
        )


def nulls(place: Place) -> None:
    """No key, no value, neither."""
    for topic in ("alarms", "assignments", "responses", "labels"):
        pairs: list[tuple[bytes | None, bytes | None]] = [
            (None, None),
            (place.key, None),
            (None, as_bytes(alarm(place.facility, f"{topic}-null"))),
            (b"", b""),
            (b"\xff", b"null"),
        ]
        produce(place.broker, topic, place.partition, [batch(pairs)])


def recipients_in_turn(place: Place) -> None:
    """12,000 updates of one alarm, a new recipient each."""
    updates = (
        alarm(
            place.facility, "one", event_id=f"u{number}", phase="update", recipients=[f"c{number}"]
        )
        for number in range(12_000)
    )
    place.send("alarms", *map(as_bytes, updates))


def ends(place: Place) -> None:
    """100,000 ends of one alarm, the later first."""
    at = now_ms()
    place.send("alarms", as_bytes(alarm(place.facility, "one", at=at)))
    of_one = (
        alarm(place.facility, "one", event_id=f"n{number}", phase="end", at=at + 100_000 - number)
        for number in range(100_000)
    )
    place.send("alarms", *map(as_bytes, of_one))


def no_batch_at_all(place: Place) -> None:
    """A batch whose compressed part is cut, where the broker lets it pass."""
    whole = gzip.compress(_record(0, place.key, as_bytes(alarm(place.facility, "cut"))))
    _send_whole(place, whole[: len(whole) // 2], "gzip")
    _send_whole(place, b"\x28\xb5\x2f\xfd" + b"\xff" * 20, "zstd")


POISONS: tuple[Poison, ...] = (
    unset_clocks,
    year_9999,
    an_hour_ahead,
    long_label,
    many_recipients,
    greatest_floats,
    every_codec,
    long_value_in_a_batch,
    inflating_batches,
    many_units,
    junk_in_the_checkpoint_topic,
    aborted_transaction,
    strange_characters,
    deep_nesting,
    long_numbers,
    nulls,
    recipients_in_turn,
    ends,
    no_batch_at_all,
)
