"""Poison batches: codecs, sizes, transactions, and batches that are invalid."""

from __future__ import annotations

import gzip
import zlib

import zstandard
from kafka import KafkaProducer

from streams.kafka.state_version import checkpoint_topic
from tests.harness.produce import (
    Place,
    Refused,
    alarm,
    as_bytes,
    batch,
    batch_of,
    now_ms,
    produce,
    record,
    varint,
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
    """A value of 20 MB that gzip compresses to 20 kB: too long for `rejected`."""
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
    rest = b"\x00\x00\x00" + varint(-1) + varint(length)
    head = varint(len(rest) + length + 1) + rest
    zeros = bytes(1 << 20)
    deflate = zlib.compressobj(1, zlib.DEFLATED, 31)
    parts = [
        deflate.compress(head),
        *(deflate.compress(zeros) for _ in range(length >> 20)),
        deflate.compress(b"\x00"),
        deflate.flush(),
    ]
    send_whole(place, b"".join(parts), "gzip")
    frame = zstandard.ZstdCompressor(level=1).compressobj()
    parts = [
        frame.compress(head),
        *(frame.compress(zeros) for _ in range(length >> 20)),
        frame.compress(b"\x00"),
        frame.flush(),
    ]
    send_whole(place, b"".join(parts), "zstd")


def send_whole(place: Place, compressed: bytes, codec: str) -> None:
    try:
        produce(place.broker, "alarms", place.partition, [batch_of(compressed, 1, codec)])
    except Refused as refused:
        # corrupt, too large, invalid, unknown: the broker itself is careful
        if str(refused) not in ("2", "10", "87", "-1"):
            raise


def junk_in_the_checkpoint_topic(place: Place) -> None:
    """Foreign keys and values, and some that resemble ours."""
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
    """Records of an aborted transaction, followed by committed ones."""
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


def no_batch_at_all(place: Place) -> None:
    """A batch whose compressed part is cut, where the broker lets it pass."""
    whole = gzip.compress(record(0, place.key, as_bytes(alarm(place.facility, "cut"))))
    send_whole(place, whole[: len(whole) // 2], "gzip")
    send_whole(place, b"\x28\xb5\x2f\xfd" + b"\xff" * 20, "zstd")
