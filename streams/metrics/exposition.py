"""Exposition: renders tables of samples in Prometheus' text formats, fast, and in small steps so
that other threads need not wait.

Labels, numbers and order are exactly those of the Prometheus library.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import chain, compress, groupby
from struct import pack
from typing import Any
from zlib import DEFLATED, MAX_WBITS, Z_SYNC_FLUSH, compressobj, crc32, decompressobj

import numpy as np
import numpy.typing as npt
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.openmetrics.exposition import CONTENT_TYPE_LATEST
from prometheus_client.utils import floatToGoString

from streams.metrics.definitions import DEFINITIONS, PREFIX
from streams.metrics.tables import Table

Numbers = npt.NDArray[np.int64] | npt.NDArray[np.float64]

BLOCK_LINES = 1000
"""About 120 kB, rendered in steps of a fraction of a millisecond, between which other threads can
run.
"""


class Format(Enum):
    """The two text formats; the value is the content type."""

    TEXT = CONTENT_TYPE_PLAIN_0_0_4
    OPENMETRICS = CONTENT_TYPE_LATEST


MILLION = 1e6
"""From here on, Go writes numbers in another way than Python."""
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
    in C for each column, instead of one in Python for each line. Labels that stand next to each
    other share a gap.
    """
    gaps = _gaps(table)
    of_row = [
        piece
        for cell in table.cells
        for piece in _line(PREFIX + table.name + cell.suffix, gaps, dict(cell.labels))
    ]
    in_row, of_line = len(of_row), 2 * len(gaps) + 2
    write: Callable[[Numbers], list[str]] = _counts if table.values.dtype.kind == "i" else _numbers
    step = max(BLOCK_LINES // max(len(table.cells), 1), 1)
    for begin in range(0, len(table.values), step):
        block = table.values[begin : begin + step]
        pieces = of_row * len(block)
        for place, gap in enumerate(gaps):
            column = _joined(gap, table.labels, begin, begin + step)
            for first in range(2 * place + 1, in_row, of_line):
                pieces[first::in_row] = column
        pieces[of_line - 1 :: of_line] = write(block.ravel())
        if (absent := np.isnan(block.ravel())).any():
            pieces = list(compress(pieces, np.repeat(~absent, of_line).tobytes()))
        if pieces:
            pieces[0] = pieces[0][1:]
            pieces.append("\n")
            yield "".join(pieces)


def _joined(
    gap: tuple[str, ...], labels: Mapping[str, Sequence[str]], begin: int, end: int
) -> Sequence[str]:
    """The texts that rows put into a gap of one or more labels."""
    columns = [_escaped(labels[name][begin:end]) for name in gap]
    if len(gap) == 1:
        return columns[0]
    form = "{}" + "".join(f'",{name}="{{}}' for name in gap[1:])
    return list(map(form.format, *columns))


def _gaps(table: Table) -> list[tuple[str, ...]]:
    """The labels of the rows, in order, in runs without a label of the cells between them."""
    fixed = {label for cell in table.cells for label, _ in cell.labels}
    runs = groupby(sorted({*table.labels, *fixed}), key=fixed.__contains__)
    return [tuple(run) for is_fixed, run in runs if not is_fixed]


def _line(name: str, gaps: list[tuple[str, ...]], constant: dict[str, str]) -> list[str]:
    """A line in pieces. Every other piece is a gap: one for each run of labels in `gaps`, and the
    last one for the number. It begins with the end of the line before it, which saves a piece.

    >>> _line("x", [("b",)], {"a": "1", "c": "2"})
    ['\\nx{a="1",b="', '', '",c="2"} ', '']
    >>> _line("x", [("a", "b")], {})
    ['\\nx{a="', '', '"} ', '']
    """
    first_of = {gap[0] for gap in gaps}
    pieces, text, before = list[str](), f"\n{name}", "{"
    for label in sorted([*first_of, *constant]):
        text += f'{before}{label}="'
        if label in first_of:
            pieces += [text, ""]
            text = '"'
        else:
            text += f'{_escape(constant[label])}"'
        before = ","
    return [*pieces, f"{text} " if before == "{" else f"{text}}} ", ""]


def _escaped(values: Sequence[str]) -> Sequence[str]:
    together = "".join(values)
    return (
        [_escape(value) for value in values]
        if "\\" in together or '"' in together or "\n" in together
        else values
    )


def _escape(value: str) -> str:
    return value.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")


_COUNTS = [f"{count}.0" for count in range(1000)]
"""Nearly all numbers are small counts."""


def _counts(values: Numbers) -> list[str]:
    if len(values) and values.min() >= 0 and values.max() < len(_COUNTS):
        return list(map(_COUNTS.__getitem__, values.tolist()))
    return list(map(number, values.tolist()))


def _numbers(values: Numbers) -> list[str]:
    if not (np.abs(values) >= MILLION).any():  # lines with NaN are left out
        return list(map(repr, values.tolist()))
    return list(map(number, values.tolist()))


def number(value: float) -> str:
    """The number as Go writes it, which differs from Python from a million on."""
    if abs(value) < MILLION:
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
