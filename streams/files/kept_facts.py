"""Kept facts: those of recorded files, packed, to be gone through in order of event time.

As Python objects, a fact takes some 1 kB; packed, some 30 bytes. So a month of a hospital is read
as a whole, whatever the order of its lines, and given to the engine a slice at a time. Duplicates
and control records take effect here as in `Engine`: by the order of lines.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, compress
from typing import Any

import msgspec
import numpy as np
import zstandard

from analyzer import FACT_TYPES, OUTCOMES, Columns, Command, EventIds, Topic
from analyzer.arrays import Flags, Levels, Numbers

AT_ONCE = 1 << 14
"""Facts that are Python objects at one time."""
FIELDS: dict[Topic, tuple[str, ...]] = {
    topic: tuple(type_.__slots__) for topic, type_ in FACT_TYPES.items()
}
_ACCEPTED, _DUPLICATE = OUTCOMES.index("accepted"), OUTCOMES.index("duplicate")
_GROUPED: dict[Topic, str] = {"alarms": "alarm_id", "assignments": "assignment_id"}
"""Facts that a control record forgets together: see `analyzer.pipeline.control`."""
_NAMES: dict[Topic, str] = {
    "alarms": "recipients",
    "responses": "clinician",
    "labels": "reviewer",
}
"""Fields that a forgotten clinician is taken out of."""
_EACH = frozenset({"event_id", "alarm_id", "assignment_id", "start", "end", "value", "limit"})
"""Fields that most facts have for themselves."""
_FEW = 256
"""A column of so few texts is packed as one byte each."""
_compress = zstandard.ZstdCompressor(level=1).compress
_decompress = zstandard.ZstdDecompressor().decompress
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder().decode


@dataclass(slots=True)
class Chunk:
    """Facts of one topic: their fields packed, and their times (ms)."""

    topic: Topic
    at: Numbers
    packed: bytes

    @classmethod
    def of(cls, topic: Topic, columns: Columns, at: Numbers) -> Chunk:
        some = [_packed(name, column) for name, column in zip(FIELDS[topic], columns, strict=True)]
        return cls(topic, at, _compress(_encode(some)))

    def __len__(self) -> int:
        return len(self.at)

    def columns(self) -> Columns:
        """The fields, as `Engine.take` takes them."""
        parts = _decode(_decompress(self.packed))
        return tuple(
            self._unpacked(name, one) for name, one in zip(FIELDS[self.topic], parts, strict=True)
        )

    def column(self, name: str) -> Sequence[Any]:
        """One field."""
        parts = _decode(_decompress(self.packed))
        return self._unpacked(name, parts[FIELDS[self.topic].index(name)])

    def _unpacked(self, name: str, packed: Any) -> list[Any]:
        if name == "at":
            times: list[int] = self.at.tolist()
            return times
        values: list[Any] = packed[0]
        places: bytes | None = packed[1]
        if places is None:
            found = values * (len(self.at) if len(values) == 1 < len(self.at) else 1)
        else:
            found = list(map(values.__getitem__, places))
        if name == "recipients":
            return [None if one is None else tuple(one) for one in found]
        return found

    def chosen(self, mask: Flags) -> Chunk:
        """The facts of a mask."""
        return Chunk.of(self.topic, _chosen(self.columns(), mask), self.at[mask])


def _packed(name: str, column: Sequence[Any]) -> Any:
    """[values, a byte for each fact that says which], or if all are told, [values, None]; of one
    value for all facts, that alone.
    """
    if name == "at":
        return None
    if column.count(None) == len(column):
        return [[None], None]
    if name in _EACH:
        return [column, None]
    values = list(dict.fromkeys(column))
    if len(values) == 1:
        return [values, None]
    if len(values) > _FEW or 4 * len(values) > len(column):
        return [column, None]
    place = dict(zip(values, range(len(values)), strict=True))
    return [values, bytes(map(place.__getitem__, column))]


def _without(value: Any, clinician: str) -> Any:
    if isinstance(value, tuple):
        return tuple(one for one in value if one != clinician) or None
    return None if value == clinician else value


class Kept:
    """Takes the facts of one topic, in the order of their lines."""

    def __init__(self, topic: Topic, at_once: int = AT_ONCE) -> None:
        """`at_once`: so many facts are packed together where lines are not in order of time."""
        self.topic: Topic = topic
        self.facilities: dict[str, int] = {}
        """Number by name."""
        self._at_once = at_once
        self._chunks: list[Chunk] = []
        self._of: list[Numbers] = []
        """By chunk: the facilities."""
        self._ids = EventIds()
        self._waiting: list[tuple[Columns, Numbers, Numbers]] = []

    def take(self, columns: Columns) -> Levels:
        """Facts as columns, as from `decode_slice`. Returns what `Engine.take` would."""
        if not columns or not len(columns[0]):
            return np.empty(0, dtype=np.int8)
        names, fields = self.facilities, FIELDS[self.topic]
        facility = columns[fields.index("facility")]
        for name in dict.fromkeys(facility):
            names.setdefault(name, len(names))
        of = np.fromiter(map(names.__getitem__, facility), np.int64, len(facility))
        at = np.array(columns[fields.index("at")], dtype=np.int64)
        new = self._ids.add(of, columns[0])
        if new.all():
            self._waiting.append((columns, at, of))
        else:
            self._waiting.append((_chosen(columns, new), at[new], of[new]))
        if sum(len(at) for _, at, _ in self._waiting) >= 2 * self._at_once:
            self._pack(self._at_once)
        return np.where(new, _ACCEPTED, _DUPLICATE).astype(np.int8)

    def _pack(self, waiting: int) -> None:
        """Pack the facts that wait, the earliest first; so many of the latest go on waiting.

        Lines are often a little out of order, for which nothing packed need be unpacked then.
        """
        if not self._waiting:
            return
        columns: Columns = tuple(
            list(chain.from_iterable(parts))
            for parts in zip(*(one[0] for one in self._waiting), strict=True)
        )
        at, of = (np.concatenate([one[place] for one in self._waiting]) for place in (1, 2))
        if bool((at[1:] < at[:-1]).any()):
            order = np.argsort(at, kind="stable")
            at, of = at[order], of[order]
            columns = _picked(columns, order)
        begin, size = 0, self._at_once
        while begin < len(at) and (not waiting or len(at) - begin >= waiting + size):
            some = slice(begin, begin + size)
            part = tuple(column[some] for column in columns)
            self._chunks.append(Chunk.of(self.topic, part, at[some].copy()))
            self._of.append(of[some].copy())
            begin += size
        rest = slice(begin, None)
        self._waiting = [(tuple(column[rest] for column in columns), at[rest], of[rest])]

    def control(
        self, command: Command, facility: str, at: int, clinician: str | None = None
    ) -> None:
        """Forget the facts of a facility after `at` (ms), with `forget` all of them, or with
        `forget_clinician` what they say of a clinician (see `analyzer.pipeline.erasure`).
        """
        self._pack(0)
        number = self.facilities.get(facility, -1)
        if command != "forget_clinician":
            self._forget(number, at if command == "reset" else None)
        elif clinician is not None:
            self._erase(number, clinician)
        self._ids = EventIds()
        for chunk, of in zip(self._chunks, self._of, strict=True):
            self._ids.add(of, chunk.column("event_id"))

    def _forget(self, number: int, moment: int | None) -> None:
        gone = [
            (of == number) & ((chunk.at > moment) if moment is not None else True)
            for chunk, of in zip(self._chunks, self._of, strict=True)
        ]
        if (together := _GROUPED.get(self.topic)) is not None:
            ids: set[str] = set()
            for chunk, mask in zip(self._chunks, gone, strict=True):
                if mask.any():
                    ids.update(compress(chunk.column(together), mask.tolist()))
            gone = []
            for chunk, of in zip(self._chunks, self._of, strict=True) if ids else ():
                named = map(ids.__contains__, chunk.column(together))
                gone.append((of == number) & np.fromiter(named, np.bool_, len(of)))
        for place, mask in enumerate(gone):
            if mask.any():
                self._keep(place, ~mask)

    def _erase(self, number: int, clinician: str) -> None:
        if self.topic == "assignments":
            self._erase_assignments(number, clinician)
            return
        field = FIELDS[self.topic].index(_NAMES[self.topic])
        for place, (chunk, of) in enumerate(zip(self._chunks, self._of, strict=True)):
            columns, own = list(chunk.columns()), (of == number).tolist()
            columns[field] = [
                _without(one, clinician) if mine else one
                for one, mine in zip(columns[field], own, strict=True)
            ]
            self._chunks[place] = Chunk.of(self.topic, tuple(columns), chunk.at)

    def _erase_assignments(self, number: int, clinician: str) -> None:
        """Drop the clinician's records, and assignments whose latest record is one of them."""
        latest: dict[str, tuple[int, str, str]] = {}
        named = []
        for chunk, of in zip(self._chunks, self._of, strict=True):
            who = chunk.column("clinician")
            named.append(np.array([one == clinician for one in who], np.bool_) & (of == number))
            ids, events = chunk.column("assignment_id"), chunk.column("event_id")
            for place in np.flatnonzero(of == number).tolist():
                one = int(chunk.at[place]), events[place], who[place]
                latest[ids[place]] = max(latest.get(ids[place], one), one)
        whole = {id_ for id_, (*_, who) in latest.items() if who == clinician}
        for place, mine in enumerate(named):
            ids = self._chunks[place].column("assignment_id")
            gone = mine | ((self._of[place] == number) & [id_ in whole for id_ in ids])
            if gone.any():
                self._keep(place, ~gone)

    def by_time(self) -> Sorted:
        """All facts, in order of event time; those of one time in the order of their lines."""
        return self._sorted(self._of, False)[0]

    def by_facility(self) -> dict[str, Sorted]:
        """The facts of each facility, likewise."""
        return dict(zip(self.facilities, self._sorted(self._of, True), strict=True))

    def _keep(self, place: int, mask: Flags) -> None:
        self._chunks[place] = self._chunks[place].chosen(mask)
        self._of[place] = self._of[place][mask]

    def _sorted(self, of: list[Numbers], apart: bool) -> list[Sorted]:
        """Sorted by facility (if `apart`) and time. The facts are no longer kept here."""
        self._pack(0)
        chunks, self._chunks = self._chunks, []
        numbers = np.concatenate([*of, np.empty(0, dtype=np.int64)])
        self._of, self._ids = [], EventIds()
        count = len(self.facilities) if apart else 1
        if count < 2:
            numbers = np.zeros_like(numbers)
        at = np.concatenate([*(one.at for one in chunks), np.empty(0, dtype=np.int64)])
        if count < 2 and bool((at[1:] >= at[:-1]).all()):
            return [Sorted(self.topic, chunks)] * count
        order = np.lexsort((at, numbers))
        sizes = np.bincount(numbers, minlength=count)
        # of each fact, the new chunk to go to
        within = np.arange(len(order)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
        parts = -(-sizes // self._at_once)
        goes = np.empty(len(order), dtype=np.int64)
        goes[order] = np.repeat(np.cumsum(parts) - parts, sizes) + within // self._at_once
        pieces: list[list[Chunk]] = [[] for _ in range(int(parts.sum()))]
        begin = 0
        while chunks:
            chunk = chunks.pop(0)
            targets = goes[begin : begin + len(chunk)]
            begin += len(chunk)
            columns, known = chunk.columns(), np.unique(targets)
            if len(known) == 1:
                pieces[int(known[0])].append(chunk)
                continue
            for target in known.tolist():
                some = np.flatnonzero(targets == target)
                part = Chunk.of(self.topic, _picked(columns, some), chunk.at[some])
                pieces[target].append(part)
        arranged = []
        for number, some_pieces in enumerate(pieces):
            pieces[number] = []
            arranged.append(_joined(some_pieces))
        bounds = np.cumsum(parts).tolist()
        return [
            Sorted(self.topic, arranged[first:last])
            for first, last in zip([0, *bounds[:-1]], bounds, strict=True)
        ]


def _joined(pieces: list[Chunk]) -> Chunk:
    """One chunk, in order of time."""
    at = np.concatenate([one.at for one in pieces])
    if len(pieces) == 1 and bool((at[1:] >= at[:-1]).all()):
        return pieces[0]
    order = np.argsort(at, kind="stable")
    parts = zip(*(one.columns() for one in pieces), strict=True)
    columns = tuple(list(chain.from_iterable(some)) for some in parts)
    return Chunk.of(pieces[0].topic, _picked(columns, order), at[order])


def _picked(columns: Columns, places: Numbers) -> Columns:
    chosen = places.tolist()
    return tuple(list(map(column.__getitem__, chosen)) for column in columns)


def _chosen(columns: Columns, mask: Flags) -> Columns:
    selected = mask.tolist()
    return tuple(list(compress(column, selected)) for column in columns)


class Sorted:
    """Facts of one topic in order of event time."""

    def __init__(self, topic: Topic, chunks: Sequence[Chunk]) -> None:
        self.topic: Topic = topic
        self.chunks = chunks
        self._last: tuple[Chunk, Columns] | None = None
        self.at: Numbers = np.concatenate(
            [*(one.at for one in chunks), np.empty(0, dtype=np.int64)]
        )
        begin = 0
        for one in chunks:
            one.at = self.at[begin : begin + len(one)]  # each time is kept once
            begin += len(one)

    @classmethod
    def of(cls, topic: Topic, columns: Columns) -> Sorted:
        """From few facts, in any order."""
        kept = Kept(topic)
        kept.take(columns)
        return kept.by_time()

    def __len__(self) -> int:
        return len(self.at)

    def columns(self) -> Columns:
        """All facts, where they are few."""
        found = [one.columns() for one in self.chunks]
        if not found:
            return tuple([] for _ in FIELDS[self.topic])
        return tuple(list(chain.from_iterable(parts)) for parts in zip(*found, strict=True))

    def slices(self, begin: int, end: int) -> Iterator[Columns]:
        """The facts from one place to another, as they are packed together."""
        first = 0
        for chunk in self.chunks:
            low, high = max(begin - first, 0), min(end - first, len(chunk))
            if low < high:
                columns = self._opened(chunk)
                whole = high - low == len(chunk)
                yield columns if whole else tuple(column[low:high] for column in columns)
            first += len(chunk)
            if first >= end:
                return

    def _opened(self, chunk: Chunk) -> Columns:
        """Its columns. Those of the last one are remembered, as it is often asked again."""
        if self._last is None or self._last[0] is not chunk:
            self._last = chunk, chunk.columns()
        return self._last[1]
