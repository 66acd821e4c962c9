"""Record batches in the form in which a broker stores them."""

from __future__ import annotations

import gzip
import struct
import zlib
from collections.abc import Callable, Iterable

import cramjam
import zstandard
from aiokafka import codec
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.record.legacy_records import LegacyRecordBatchBuilder
from aiokafka.record.util import calc_crc32c
from hypothesis import strategies as st

from streams.kafka.batches import Batches, Read, Unreadable
from streams.kafka.inflate import GZIP, LZ4, SNAPPY, ZSTD

CODECS: dict[str, tuple[int, Callable[[bytes], bytes]]] = {
    "plain": (0, bytes),
    "gzip": (GZIP, gzip.compress),
    "gzip of two members": (GZIP, lambda data: gzip.compress(data[:9]) + gzip.compress(data[9:])),
    "snappy as Java frames it": (SNAPPY, codec.snappy_encode),
    "snappy as librdkafka does": (
        SNAPPY,
        lambda data: codec.snappy_encode(data, xerial_compatible=False),
    ),
    "lz4": (LZ4, codec.lz4_encode),
    "lz4 with linked blocks and checksums": (LZ4, lambda data: bytes(cramjam.lz4.compress(data))),
    "zstd": (ZSTD, codec.zstd_encode),
    "zstd of unknown length": (
        ZSTD,
        lambda data: zstandard.ZstdCompressor(write_content_size=False).compress(data),
    ),
}


class Batch:
    """A record batch as a broker stores it: `kept` are the records that compaction has left of it,
    by their index.
    """

    def __init__(
        self,
        kept: list[tuple[int, bytes | None, bytes | None]],
        span: int,
        producer: int = -1,
        marker: str = "",
        codec: str = "plain",
        attributes: int = 0,
    ) -> None:
        self.kept, self.span, self.producer, self.marker, self.codec, self.attributes = (
            kept,
            span,
            producer,
            marker,
            codec,
            attributes,
        )

    def build(self, base: int) -> bytes:
        builder = DefaultRecordBatchBuilder(
            2,
            0,
            int(self.producer >= 0),
            self.producer,
            0 if self.producer >= 0 else -1,
            0,
            1 << 30,
        )
        if self.marker:
            builder.append(
                0,
                1000,
                b"\0\0\0\1" if self.marker == "commit" else b"\0\0\0\0",
                b"\0\0\0\0\0\0",
                [],
            )
        for place, key, value in self.kept:
            builder.append(place, 1000 + base + place, key, value, [])
        raw = bytearray(builder.build())
        raw[0:8] = base.to_bytes(8, "big")
        raw[23:27] = (self.span - 1).to_bytes(4, "big")  # last offset delta
        number, compress = CODECS[self.codec]
        raw[61:] = compress(bytes(raw[61:]))
        raw[22] |= number | self.attributes | (0x20 if self.marker else 0)  # control batch
        return sealed(raw)


def sealed(raw: bytearray) -> bytes:
    """With the length and the checksum that belong to it."""
    raw[8:12] = (len(raw) - 12).to_bytes(4, "big")
    raw[17:21] = calc_crc32c(bytes(raw[21:])).to_bytes(4, "big")
    return bytes(raw)


VALUES = st.none() | st.binary(max_size=8)


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


def message(magic: int, attributes: int, value: bytes, offset: int = 0) -> bytes:
    body = (
        struct.pack(">bb", magic, attributes)
        + (struct.pack(">q", 77) if magic else b"")
        + struct.pack(">i", -1)
    )
    body += struct.pack(">i", len(value)) + value
    return struct.pack(">qiI", offset, len(body) + 4, zlib.crc32(body)) + body
