"""Coded columns: the facts of one topic, with each repeated value stored once.

A unit, a bed or an alarm type is a number of two bytes: its index among the values of the column.
So numpy sorts, splits and joins facts, and no text is copied.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import zstandard

from analyzer import FACT_TYPES, Columns, Topic
from analyzer.arrays import Flags, Numbers

FIELDS: dict[Topic, tuple[str, ...]] = {
    topic: tuple(type_.__slots__) for topic, type_ in FACT_TYPES.items()
}
_OWN = frozenset({"event_id", "alarm_id", "assignment_id", "start", "end", "value"})
"""Fields whose values rarely repeat."""
_MOST = 1 << 16
"""Most values of one field that get numbers."""
_CODES = np.uint16
_Values = npt.NDArray[Any]
"""Indexes of values, or the values themselves as objects."""
_compress = zstandard.ZstdCompressor(level=1).compress
_decompress = zstandard.ZstdDecompressor().decompress
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder().decode


class Numbering(dict[Any, int]):
    """The values of a field in order of arrival; the index of a value is its number."""

    def __missing__(self, value: Any) -> int:
        number = len(self)
        self[value] = number
        return number

    def values_of(self, codes: _Values) -> list[Any]:
        """The values with these numbers."""
        if len(self._objects) != len(self):
            self.__dict__.pop("_objects")
        found: list[Any] = self._objects[codes].tolist()
        return found

    @cached_property
    def _objects(self) -> _Values:
        return np.fromiter(self, dtype=object, count=len(self))


@dataclass(slots=True)
class Coded:
    """Facts of one topic: for each field except `at`, numbers of values, or values."""

    columns: tuple[_Values, ...]
    at: Numbers
    """Event times (ms)."""
    of: Numbers
    """The facilities, by number."""

    def __len__(self) -> int:
        return len(self.at)

    def __getitem__(self, places: slice | Numbers | Flags) -> Coded:
        return Coded(
            tuple(column[places] if len(column) else column for column in self.columns),
            self.at[places],
            self.of[places],
        )


class Coding:
    """The code of one topic's facts: the values of each field."""

    def __init__(self, topic: Topic) -> None:
        self.topic: Topic = topic
        self.fields = FIELDS[topic]
        self.known = {name: Numbering() for name in self.fields if name not in _OWN}
        self._at = self.fields.index("at")

    @property
    def facilities(self) -> Numbering:
        """Numbers of facilities."""
        return self.known["facility"]

    def coded(self, columns: Columns) -> Coded:
        """Facts as columns, as from `decode_slice`."""
        count = len(columns[0])
        of = np.fromiter(
            map(self.facilities.__getitem__, columns[self.fields.index("facility")]),
            np.int64,
            count,
        )
        at = np.array(columns[self._at], dtype=np.int64)
        return Coded(tuple(map(self._coded, self.fields, columns)), at, of)

    def _coded(self, name: str, column: Sequence[Any]) -> _Values:
        if name == "at":
            return np.empty(0, dtype=_CODES)
        known = self.known.get(name)
        if known is not None and len(known) <= _MOST - len(column):
            if column[0] is None and column.count(None) == len(column):
                return np.full(len(column), known[None], dtype=_CODES)
            return np.fromiter(map(known.__getitem__, column), _CODES, len(column))
        return np.fromiter(column, dtype=object, count=len(column))

    def joined(self, parts: Sequence[Coded]) -> Coded:
        """Join parts (at least one) in order."""
        if len(parts) == 1:
            return parts[0]
        columns = []
        for name, some in zip(self.fields, zip(*(one.columns for one in parts), strict=True),
                              strict=True):  # fmt: skip
            if len({one.dtype for one in some}) > 1:
                some = tuple(
                    np.fromiter(self.values(name, one), dtype=object, count=len(one))
                    for one in some
                )
            columns.append(np.concatenate(some))
        return Coded(
            tuple(columns),
            np.concatenate([one.at for one in parts]),
            np.concatenate([one.of for one in parts]),
        )

    def values(self, name: str, column: _Values) -> list[Any]:
        """The values of a field, one for each fact."""
        if column.dtype == object:
            found: list[Any] = column.tolist()
            return found
        return self.known[name].values_of(column)

    def decoded(self, coded: Coded) -> Columns:
        """The facts as columns, as `Engine.take` takes them."""
        return tuple(
            coded.at.tolist() if name == "at" else self.values(name, column)
            for name, column in zip(self.fields, coded.columns, strict=True)
        )

    def packed(self, coded: Coded) -> bytes:
        """Pack the columns, without times and facilities, into some 20 bytes a fact."""
        return _compress(
            _encode(
                [
                    column.tolist() if column.dtype == object else column.tobytes()
                    for column in coded.columns
                ]
            )
        )

    def unpacked(self, packed: bytes, at: Numbers, of: Numbers) -> Coded:
        """The facts that `packed` gave."""
        columns = []
        for name, one in zip(self.fields, _decode(_decompress(packed)), strict=True):
            if isinstance(one, bytes):
                columns.append(np.frombuffer(one, dtype=_CODES))
                continue
            if name == "recipients":
                one = [None if some is None else tuple(some) for some in one]
            columns.append(np.fromiter(one, dtype=object, count=len(one)))
        return Coded(tuple(columns), at, of)
