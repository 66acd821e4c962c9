"""Finished lines: the records of finished episodes, as JSON, from a walk through months.

The engine tells them as they become final, and again where a label came later. They are kept
packed, and come out in the order of `replay --episodes`, the last record of each.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from heapq import merge
from itertools import groupby

import msgspec
import numpy as np
import zstandard

from analyzer import EpisodeRecord, Finished
from analyzer.arrays import Numbers
from streams.formats.sinks import encode_episodes

_NEVER = -(1 << 62)
_FACILITY, _START, _END, _ALARM_ID = (
    EpisodeRecord.__slots__.index(name) for name in ("facility", "start", "end", "alarm_id")
)
_compress = zstandard.ZstdCompressor(level=1).compress
_decompress = zstandard.ZstdDecompressor().decompress
_Key = msgspec.defstruct("_Key", [("end", int), ("alarm_id", str)], gc=False)
_key = msgspec.json.Decoder(_Key).decode


class FinishedLines:
    """Takes what `Engine.advance` returns, as time goes on; iterating gives the lines."""

    def __init__(self, pseudonym: Callable[[str], str]) -> None:
        self._pseudonym = pseudonym
        self.clear()

    def clear(self) -> None:
        """Forget all."""
        self._blocks: dict[str, list[tuple[bytes, Numbers, Numbers]]] = {}
        """By facility, in order of ends: lines, and the row and start of each."""
        self._later: dict[str, dict[tuple[int, int], bytes]] = {}
        """By facility: later records, by row and start."""
        self._start = np.empty(0, dtype=np.int64)
        """By row: the start of the last episode in it. A row is used again for a later one."""

    def take(self, found: Finished) -> None:
        """The records of a step."""
        if not len(found):
            return
        rows, facilities = found.rows, found.columns[_FACILITY]
        starts = np.array(found.columns[_START], dtype=np.int64)
        self._reserve(int(rows.max()) + 1)
        lines = encode_episodes(found, self._pseudonym)
        again = self._start[rows] == starts
        self._start[rows] = starts
        for place in np.flatnonzero(again).tolist():
            key = int(rows[place]), int(starts[place])
            self._later.setdefault(facilities[place], {})[key] = lines[place]
        first = np.flatnonzero(~again).tolist()
        for name, places in groupby(first, key=facilities.__getitem__):
            some = list(places)
            packed = _compress(b"\n".join([lines[place] for place in some]))
            self._blocks.setdefault(name, []).append((packed, rows[some], starts[some]))

    def __iter__(self) -> Iterator[bytes]:
        for name in sorted(self._blocks):
            later = self._later.get(name, {})
            if not later:
                yield from self._first(name, later)
            else:
                in_order = sorted(later.values(), key=_order)
                yield from merge(self._first(name, later), in_order, key=_order)

    def _first(self, name: str, later: dict[tuple[int, int], bytes]) -> Iterator[bytes]:
        """The first records, without those that were told again."""
        for packed, rows, starts in self._blocks[name]:
            lines = _decompress(packed).split(b"\n")
            if later:
                keys = zip(rows.tolist(), starts.tolist(), strict=True)
                yield from (line for line, key in zip(lines, keys, strict=True) if key not in later)
            else:
                yield from lines

    def _reserve(self, size: int) -> None:
        more = size - len(self._start)
        if more > 0:
            self._start = np.append(self._start, np.full(more + size // 8, _NEVER))


def _order(line: bytes) -> tuple[int, str]:
    found = _key(line)
    return found.end, found.alarm_id  # type: ignore[attr-defined]
