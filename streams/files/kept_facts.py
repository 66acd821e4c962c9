"""Kept facts: those of recorded files, packed, to be gone through in order of event time.

As Python objects, a fact takes some 1 kB; packed, some 20 bytes, which lie in a temporary file once
there are many. So a month of a hospital is read as a whole, whatever the order of its lines, and
given to the engine a slice at a time. Duplicates and control records take effect here as in
`Engine`: by the order of lines.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, compress
from typing import Any

import numpy as np

from analyzer import OUTCOMES, Columns, Command, EventIds, Topic
from analyzer.arrays import Flags, Levels, Numbers
from streams.files.coded import FIELDS, Coded, Coding
from streams.files.spool import Spool, Spooled

AT_ONCE = 1 << 14
"""Facts that are Python objects at one time."""
_ACCEPTED, _DUPLICATE = OUTCOMES.index("accepted"), OUTCOMES.index("duplicate")
_GROUPED: dict[Topic, str] = {"alarms": "alarm_id", "assignments": "assignment_id"}
"""Facts that a control record forgets together: see `analyzer.pipeline.control`."""
_NAMES: dict[Topic, str] = {
    "alarms": "recipients",
    "responses": "clinician",
    "labels": "reviewer",
}
"""Fields that a forgotten clinician is taken out of."""


@dataclass(slots=True)
class Chunk:
    """Facts of one topic: their fields packed, their times (ms) and facilities (by number)."""

    coding: Coding
    at: Numbers
    of: Numbers
    packed: Spooled

    @classmethod
    def put(cls, coding: Coding, coded: Coded, spool: Spool) -> Chunk:
        of = coded.of
        if len(of) and bool((of == of[0]).all()):
            of = np.broadcast_to(of[:1].copy(), of.shape)  # one number for all
        elif of.base is not None:
            of = of.copy()
        at = coded.at if coded.at.base is None else coded.at.copy()
        return cls(coding, at, of, spool.put(coding.packed(coded)))

    def __len__(self) -> int:
        return len(self.at)

    def coded(self) -> Coded:
        """The facts, for `Coding`."""
        return self.coding.unpacked(self.packed.read(), self.at, self.of)

    def columns(self) -> Columns:
        """The fields, as `Engine.take` takes them."""
        return self.coding.decoded(self.coded())

    def column(self, name: str) -> Sequence[Any]:
        """One field."""
        return self.coding.values(name, self.coded().columns[self.coding.fields.index(name)])


def _without(value: Any, clinician: str) -> Any:
    if isinstance(value, tuple):
        return tuple(one for one in value if one != clinician) or None
    return None if value == clinician else value


class Kept:
    """Takes the facts of one topic, in the order of their lines."""

    def __init__(self, topic: Topic, at_once: int = AT_ONCE) -> None:
        """`at_once`: so many facts are packed together where lines are not in order of time."""
        self.topic: Topic = topic
        self._coding = Coding(topic)
        self._spool = Spool()
        self._at_once = at_once
        self._chunks: list[Chunk] = []
        self._ids = EventIds()
        self._waiting: list[Coded] = []

    @property
    def facilities(self) -> dict[str, int]:
        """Number by name."""
        return self._coding.facilities

    def take(self, columns: Columns) -> Levels:
        """Facts as columns, as from `decode_slice`. Returns what `Engine.take` would."""
        if not columns or not len(columns[0]):
            return np.empty(0, dtype=np.int8)
        coded = self._coding.coded(columns)
        new = self._ids.add(coded.of, columns[0])
        self._waiting.append(coded if new.all() else coded[new])
        if sum(map(len, self._waiting)) >= 2 * self._at_once:
            self._pack(self._at_once)
        return np.where(new, _ACCEPTED, _DUPLICATE).astype(np.int8)

    def _pack(self, waiting: int) -> None:
        """Pack the facts that wait, the earliest first; so many of the latest go on waiting.

        Lines are often a little out of order, for which nothing packed need be unpacked then.
        """
        if not self._waiting:
            return
        coded = _by_time(self._coding.joined(self._waiting))
        begin, size = 0, self._at_once
        while begin < len(coded) and (not waiting or len(coded) - begin >= waiting + size):
            self._chunks.append(self._put(coded[begin : begin + size]))
            begin += size
        self._waiting = [coded[begin:]]

    def _put(self, coded: Coded) -> Chunk:
        return Chunk.put(self._coding, coded, self._spool)

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
        for chunk in self._chunks:
            self._ids.add(chunk.of, chunk.column("event_id"))

    def _forget(self, number: int, moment: int | None) -> None:
        gone = [
            (chunk.of == number) & ((chunk.at > moment) if moment is not None else True)
            for chunk in self._chunks
        ]
        if (together := _GROUPED.get(self.topic)) is not None:
            ids: set[str] = set()
            for chunk, mask in zip(self._chunks, gone, strict=True):
                if mask.any():
                    ids.update(compress(chunk.column(together), mask.tolist()))
            gone = []
            for chunk in self._chunks if ids else ():
                named = map(ids.__contains__, chunk.column(together))
                gone.append((chunk.of == number) & np.fromiter(named, np.bool_, len(chunk)))
        for place, mask in enumerate(gone):
            if mask.any():
                self._keep(place, ~mask)

    def _erase(self, number: int, clinician: str) -> None:
        if self.topic == "assignments":
            self._erase_assignments(number, clinician)
            return
        field = FIELDS[self.topic].index(_NAMES[self.topic])
        for place, chunk in enumerate(self._chunks):
            columns, own = list(chunk.columns()), (chunk.of == number).tolist()
            columns[field] = [
                _without(one, clinician) if mine else one
                for one, mine in zip(columns[field], own, strict=True)
            ]
            self._chunks[place] = self._put(self._coding.coded(tuple(columns)))

    def _erase_assignments(self, number: int, clinician: str) -> None:
        """Drop the clinician's records, and assignments whose latest record is one of them."""
        latest: dict[str, tuple[int, str, str]] = {}
        named = []
        for chunk in self._chunks:
            who = chunk.column("clinician")
            named.append(
                np.array([one == clinician for one in who], np.bool_) & (chunk.of == number)
            )
            ids, events = chunk.column("assignment_id"), chunk.column("event_id")
            for place in np.flatnonzero(chunk.of == number).tolist():
                one = int(chunk.at[place]), events[place], who[place]
                latest[ids[place]] = max(latest.get(ids[place], one), one)
        whole = {id_ for id_, (*_, who) in latest.items() if who == clinician}
        for place, mine in enumerate(named):
            chunk = self._chunks[place]
            ids = chunk.column("assignment_id")
            gone = mine | ((chunk.of == number) & [id_ in whole for id_ in ids])
            if gone.any():
                self._keep(place, ~gone)

    def by_time(self) -> Sorted:
        """All facts, in order of event time; those of one time in the order of their lines."""
        return self._sorted(False)[0]

    def by_facility(self) -> dict[str, Sorted]:
        """The facts of each facility, likewise."""
        return dict(zip(self.facilities, self._sorted(True), strict=True))

    def _keep(self, place: int, mask: Flags) -> None:
        self._chunks[place] = self._put(self._chunks[place].coded()[mask])

    def _sorted(self, apart: bool) -> list[Sorted]:
        """Sorted by facility (if `apart`) and time. The facts are no longer kept here."""
        self._pack(0)
        self._waiting, self._ids = [], EventIds()
        chunks, self._chunks = self._chunks, []
        count = len(self.facilities) if apart else 1
        if count < 2 and _are_in_order(chunks):
            return [Sorted(self.topic, chunks)] * count
        none = np.empty(0, dtype=np.int64)
        at = np.concatenate([*(one.at for one in chunks), none])
        numbers = (
            np.concatenate([*(one.of for one in chunks), none])
            if count > 1
            else np.zeros(len(at), dtype=np.int64)
        )
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
            known = np.unique(targets)
            if len(known) == 1:
                pieces[int(known[0])].append(chunk)
                continue
            coded = chunk.coded()
            for target in known.tolist():
                pieces[target].append(self._put(coded[np.flatnonzero(targets == target)]))
        arranged = []
        for number, some_pieces in enumerate(pieces):
            pieces[number] = []
            if len(some_pieces) == 1 and _are_in_order(some_pieces):
                arranged.append(some_pieces[0])
            else:
                coded = self._coding.joined([one.coded() for one in some_pieces])
                arranged.append(self._put(_by_time(coded)))
        bounds = np.cumsum(parts).tolist()
        return [
            Sorted(self.topic, arranged[first:last])
            for first, last in zip([0, *bounds[:-1]], bounds, strict=True)
        ]


def _are_in_order(chunks: Sequence[Chunk]) -> bool:
    latest = -(1 << 62)
    for chunk in chunks:
        at = chunk.at
        if len(at) and (int(at[0]) < latest or bool((at[1:] < at[:-1]).any())):
            return False
        latest = int(at[-1]) if len(at) else latest
    return True


def _by_time(coded: Coded) -> Coded:
    at = coded.at
    if bool((at[1:] >= at[:-1]).all()):
        return coded
    return coded[np.argsort(at, kind="stable")]


class Sorted:
    """Facts of one topic in order of event time."""

    def __init__(self, topic: Topic, chunks: Sequence[Chunk]) -> None:
        self.topic: Topic = topic
        self.chunks = chunks
        self._last: tuple[Chunk, Coded] | None = None
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
                yield chunk.coding.decoded(self._opened(chunk)[low:high])
            first += len(chunk)
            if first >= end:
                return

    def last(self) -> dict[str, int]:
        """The time of the last fact (ms), by facility."""
        latest: dict[int, int] = {}
        for chunk in self.chunks:
            if len(chunk) and chunk.of.strides == (0,):
                latest[int(chunk.of[0])] = int(chunk.at[-1])
            else:  # times are in order, so that the last one stays
                latest |= dict(zip(chunk.of.tolist(), chunk.at.tolist(), strict=True))
        names = list(self.chunks[0].coding.facilities) if self.chunks else []
        return {names[number]: moment for number, moment in latest.items()}

    def _opened(self, chunk: Chunk) -> Coded:
        """Its facts. Those of the last one are remembered, as it is often asked again."""
        if self._last is None or self._last[0] is not chunk:
            self._last = chunk, chunk.coded()
        return self._last[1]
