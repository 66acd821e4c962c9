"""Exposition: renders tables of samples in Prometheus' text formats, fast, and in small steps so
that other threads need not wait.

Labels, numbers and order are exactly those of the Prometheus library.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import chain, compress, groupby, repeat
from struct import pack
from typing import Any, TypeVar
from zlib import DEFLATED, MAX_WBITS, Z_SYNC_FLUSH, compressobj, crc32, decompressobj

from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.openmetrics.exposition import CONTENT_TYPE_LATEST
from prometheus_client.utils import floatToGoString

from streams.metrics.definitions import DEFINITIONS, PREFIX
from streams.metrics.tables import Table

T = TypeVar("T")

BLOCK_LINES = 2000
"""About 250 kB, rendered in steps of a fraction of a millisecond, between which other threads can
run.
"""


class Format(Enum):
    """The two text formats; the value is the content type."""

    TEXT = CONTENT_TYPE_PLAIN_0_0_4
    OPENMETRICS = CONTENT_TYPE_LATEST


END = {Format.TEXT: "", Format.OPENMETRICS: "# EOF\n"}


def accepts(header: str, name: str) -> bool:
    """Whether an Accept or Accept-Encoding header asks for `name`.

    >>> accepts("gzip, identity;q=0.5", "gzip"), accepts("gzip;q=0", "gzip")
    (True, False)
    """
    for one in header.lower().split(","):
        what, *parameters = (part.strip() for part in one.split(";"))
        if what == name:
            return not any(re.fullmatch(r"q=0(\.0*)?", parameter) for parameter in parameters)
    return False


def render(tables: Iterable[Table], format_: Format) -> Iterator[str]:
    """The text of `tables` in blocks. Tables of the same metric must follow each other."""
    for name, of_metric in groupby(tables, key=lambda table: table.name):
        definition = DEFINITIONS[name]
        full = (
            PREFIX
            + name
            + ("_total" if definition.kind == "counter" and format_ is Format.TEXT else "")
        )
        yield f"# HELP {full} {definition.help}\n# TYPE {full} {definition.kind}\n"
        for table in of_metric:
            yield from _lines(table)


def _lines(table: Table) -> Iterator[str]:
    """The lines of a table in blocks.

    A block is a list of constants with gaps that are filled column by column. This takes one loop
    in C for each column, instead of one in Python for each line.
    """
    gaps = sorted(table.labels)
    of_row = [
        piece
        for cell in table.cells
        for piece in _line(PREFIX + table.name + cell.suffix, gaps, dict(cell.labels))
    ]
    of_line = 2 * len(gaps) + 3
    write: Callable[[list[Any]], list[str]] = (
        _counts if table.values.dtype.kind == "i" else _numbers
    )
    step = max(BLOCK_LINES // max(len(table.cells), 1), 1)
    for begin in range(0, len(table.values), step):
        block = table.values[begin : begin + step]
        pieces = of_row * len(block)
        for gap, label in enumerate(gaps):
            column = _escaped(table.labels[label][begin : begin + step])
            pieces[2 * gap + 1 :: of_line] = _repeated(column, len(table.cells))
        numbers = write(block.ravel().tolist())
        pieces[of_line - 2 :: of_line] = numbers
        if "NaN" in numbers:
            yield "".join(compress(pieces, _repeated([text != "NaN" for text in numbers], of_line)))
        else:
            yield "".join(pieces)


def _repeated(values: Sequence[T], times: int) -> list[T]:
    """Each value repeated `times` times.

    >>> _repeated(["a", "b"], 2)
    ['a', 'a', 'b', 'b']
    """
    return list(chain.from_iterable(map(repeat, values, repeat(times))))


def _line(name: str, gaps: list[str], constant: dict[str, str]) -> list[str]:
    """A line in pieces. Every other piece is a gap: one for the value of each label in `gaps`, and
    the last one for the number.

    >>> _line("x", ["b"], {"a": "1", "c": "2"})
    ['x{a="1",b="', '', '",c="2"} ', '', '\\n']
    """
    pieces, text, before = [], name, "{"
    for label in sorted([*gaps, *constant]):
        text += f'{before}{label}="'
        if label in gaps:
            pieces += [text, ""]
            text = '"'
        else:
            text += f'{_escape(constant[label])}"'
        before = ","
    return [*pieces, f"{text} " if before == "{" else f"{text}}} ", "", "\n"]


def _escaped(values: Sequence[str]) -> Sequence[str]:
    together = "".join(values)
    return (
        [_escape(value) for value in values]
        if "\\" in together or '"' in together or "\n" in together
        else values
    )


def _escape(value: str) -> str:
    return value.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")


_COUNTS = {count: f"{count}.0" for count in range(1000)}
"""Nearly all numbers are small counts."""


def _counts(values: list[int]) -> list[str]:
    return [_COUNTS.get(value) or number(value) for value in values]


def _numbers(values: list[float]) -> list[str]:
    return [number(value) for value in values]


def number(value: float) -> str:
    """The number as Go writes it, which differs from Python from a million on."""
    if abs(value) < 1e6:
        return repr(float(value))
    return str(floatToGoString(value))  # type: ignore[no-untyped-call]


_GZIP_HEADER = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"
"""RFC 1952: deflate, no name, no time, unknown system."""


@dataclass(frozen=True, slots=True)
class Packed:
    """A text that is kept between scrapes, deflated to a fifteenth. Each response appends its own
    text.
    """

    pieces: list[bytes]
    checksum: int
    size: int

    def gzip(self, rest: bytes) -> Iterator[bytes]:
        """One gzip member that holds the text and `rest`."""
        deflate = _deflate()
        trailer = pack("<LL", crc32(rest, self.checksum), (self.size + len(rest)) & 0xFFFFFFFF)
        return chain(
            [_GZIP_HEADER], self.pieces, [deflate.compress(rest) + deflate.flush() + trailer]
        )

    def plain(self, rest: bytes) -> Iterator[bytes]:
        """The text and `rest`."""
        inflate = decompressobj(-MAX_WBITS)
        return chain((inflate.decompress(piece) for piece in self.pieces), [rest])


def packed(blocks: Iterable[str]) -> Packed:
    """Deflate block by block. Other threads can run while zlib works."""
    deflate, pieces, checksum, size = _deflate(), [], 0, 0
    for block in blocks:
        text = block.encode()
        checksum, size = crc32(text, checksum), size + len(text)
        pieces.append(deflate.compress(text))
    # ends on a whole byte, so that another deflated text can follow
    pieces.append(deflate.flush(Z_SYNC_FLUSH))
    return Packed([piece for piece in pieces if piece], checksum, size)


def _deflate() -> Any:
    # level 1: four times as fast as the usual 6 for a quarter more bytes
    return compressobj(1, DEFLATED, -MAX_WBITS)
