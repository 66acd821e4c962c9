"""Bounded decompression for the four codecs of Kafka.

The codecs themselves inflate without limit: one batch of 1 MB can hold 1 GiB. Here the bound is
checked before memory is allocated (snappy, LZ4) or while the data are inflated (gzip, zstd).
"""

from __future__ import annotations

import zlib

import cramjam
import zstandard

INFLATED_BYTES = 32 << 20
"""Longest batch after decompression. Brokers accept 1 MiB by default and JSON alarms compress 10 to
30 times, so real batches are shorter. Batches of this size in four topics at the same time still
fit into 500 MB.
"""

GZIP, SNAPPY, LZ4, ZSTD = 1, 2, 3, 4
CODECS = {GZIP: "gzip", SNAPPY: "snappy", LZ4: "lz4", ZSTD: "zstd"}

_XERIAL = b"\x82SNAPPY\x00"
"""The start of the framing that Java's snappy writes: a header of 16 bytes, then blocks, each
preceded by its length (32 bits).
"""
_XERIAL_HEADER = 16
_LZ4_MAGIC = b"\x04\x22\x4d\x18"
_LZ4_BLOCK = {4: 64 << 10, 5: 256 << 10, 6: 1 << 20, 7: 4 << 20}
"""Longest block of an LZ4 frame after decompression, by the code in its header."""


class InflateError(ValueError):
    """Compressed data are damaged, or too long when inflated. `str()` is the reason, without any of
    the data.
    """


def inflate(
    codec: int, data: memoryview, head: bytes = b"", bound: int = INFLATED_BYTES
) -> bytearray:
    """`head`, followed by the inflated `data`. Raises `InflateError`."""
    try:
        match codec:
            case 1:
                return _gzip(data, head, bound)
            case 2:
                return _snappy(data, head, bound)
            case 3:
                return _lz4(data, head, bound)
            case 4:
                return _zstd(data, head, bound)
    except (zlib.error, cramjam.DecompressionError, zstandard.ZstdError) as error:
        raise InflateError(f"damaged {CODECS[codec]} data: {_one_line(error)}") from None
    raise InflateError(f"unknown compression codec {codec}")


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]


def _too_long(bound: int) -> InflateError:
    return InflateError(f"more than {bound} bytes when inflated")


def _gzip(data: memoryview, head: bytes, bound: int) -> bytearray:
    found, most = bytearray(head), len(head) + bound
    rest: bytes | memoryview = data
    while len(rest):  # a stream may have several members
        member = zlib.decompressobj(wbits=31)
        while not member.eof:
            if not len(rest):
                raise InflateError("damaged gzip data: incomplete")
            found += member.decompress(rest, most + 1 - len(found))
            if len(found) > most:
                raise _too_long(bound)
            rest = member.unused_data if member.eof else member.unconsumed_tail
    return found


def _snappy(data: memoryview, head: bytes, bound: int) -> bytearray:
    blocks = list(_xerial_blocks(data)) if bytes(data[: len(_XERIAL)]) == _XERIAL else [data]
    sizes = [cramjam.snappy.decompress_raw_len(block) for block in blocks]
    if sum(sizes) > bound:
        raise _too_long(bound)
    found, place = bytearray(len(head) + sum(sizes)), len(head)
    found[:place] = head
    with memoryview(found) as room:
        for block, size in zip(blocks, sizes, strict=True):
            if cramjam.snappy.decompress_raw_into(block, room[place : place + size]) != size:
                raise InflateError("damaged snappy data: a block of another length than it says")
            place += size
    return found


def _xerial_blocks(data: memoryview) -> list[memoryview]:
    blocks, place = [], _XERIAL_HEADER
    while place < len(data):
        begin = place + 4
        place = begin + int.from_bytes(data[place:begin], "big")
        if not begin < place <= len(data):
            raise InflateError("damaged snappy data: incomplete")
        blocks.append(data[begin:place])
    return blocks


def _lz4(data: memoryview, head: bytes, bound: int) -> bytearray:
    most = min(_lz4_bound(data), bound + 1)
    found = bytearray(len(head) + most)  # pages that are not written to take no memory
    found[: len(head)] = head
    try:
        with memoryview(found) as room:
            size = int(cramjam.lz4.decompress_into(data, room[len(head) :]))
    except cramjam.DecompressionError:
        if most > bound:
            raise _too_long(bound) from None
        raise
    if size > bound:
        raise _too_long(bound)
    del found[len(head) + size :]
    return found


def _lz4_bound(data: memoryview) -> int:
    """The greatest total length of the blocks of an LZ4 frame."""
    if bytes(data[:4]) != _LZ4_MAGIC or len(data) < 7:
        raise InflateError("damaged lz4 data: no frame")
    flags, longest = data[4], _LZ4_BLOCK.get(data[5] >> 4 & 7)
    if longest is None:
        raise InflateError("damaged lz4 data: unknown block size")
    place = 7 + (8 if flags & 0x08 else 0) + (4 if flags & 0x01 else 0)
    after_block = 4 if flags & 0x10 else 0
    blocks = 0
    while place + 4 <= len(data):
        size = int.from_bytes(data[place : place + 4], "little") & 0x7FFFFFFF
        if not size:
            break
        place += 4 + size + after_block
        blocks += 1
    return blocks * longest


def _zstd(data: memoryview, head: bytes, bound: int) -> bytearray:
    found, most = bytearray(head), len(head) + bound
    with zstandard.ZstdDecompressor().stream_reader(data, read_across_frames=True) as reader:
        while piece := reader.read(min(1 << 20, most + 1 - len(found))):
            found += piece
            if len(found) > most:
                raise _too_long(bound)
    return found
