"""Fitting: cuts output records to the size limit of their topic, so that one long record cannot
block the others.

A record of `rejected` keeps the first bytes of its key and value and gets the headers `truncated`
(`true`) and `original_size` (bytes of key and value). A record of `episodes` or `overload` loses
free text first and then entries of its lists, and gets the field `truncated`: true. It keeps its
`id`, `facility` and numbers.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from streams.kafka.outgoing import Outgoing
from streams.kafka.slices import TRUNCATED

KAFKA_DEFAULT_BYTES = 1_048_588
"""Kafka's default of `max.message.bytes` (1 MiB and 12 bytes)."""
BATCH_OVERHEAD = 96
"""Bytes of a batch of one record without key, value and headers: 61 for the batch's header, up to
35 for the record's lengths and deltas (Kafka's message format, version 2).
"""
_HEADER_OVERHEAD = 10  # bytes: two lengths as varints
_TEXT_KEPT = 64  # characters of a free text in a record that is too long
_ROOM = 1024  # bytes for headers and the batch around a record
_MAYBE_LONG = 1 << 16  # no topic has a lower limit; shorter records are not measured


def size(one: Outgoing) -> int:
    """The most bytes that a batch with this record alone can have."""
    headers = sum(len(name.encode()) + len(value) + _HEADER_OVERHEAD for name, value in one.headers)
    return BATCH_OVERHEAD + len(one.key or b"") + len(one.value or b"") + headers


class Limits:
    """The longest batch, in bytes, that each topic accepts (`max.message.bytes`), as far
    as known.
    """

    def __init__(self, planned: Mapping[str, int], largest: int) -> None:
        """`planned` are limits to assume where none is known; `largest` is the client's
        own limit.
        """
        self._planned = dict(planned)
        self._largest = largest
        self._known: dict[str, int] = {}
        self.surely_fits = KAFKA_DEFAULT_BYTES - _ROOM
        """Bytes of key and value up to which records need not be measured."""

    def update(self, found: Mapping[str, int]) -> None:
        """Use the limits that the broker reports."""
        self._known |= found
        self.surely_fits = min([_MAYBE_LONG, *self._known.values()]) - _ROOM

    def lower(self, topic: str, refused: int) -> None:
        """Record that the broker refused a batch of `refused` bytes as too long."""
        known = KAFKA_DEFAULT_BYTES if refused > KAFKA_DEFAULT_BYTES else refused * 3 // 4
        self.update({topic: min(self.of(topic), max(known, 1024))})

    def of(self, topic: str) -> int:
        planned = self._planned.get(topic, KAFKA_DEFAULT_BYTES)
        return min(self._known.get(topic, planned), self._largest)


def fitted(one: Outgoing, limit: int) -> Outgoing | None:
    """The record within `limit` bytes, cut if needed; None if nothing useful would be left."""
    if size(one) <= limit:
        return one
    return _cut_fields(one, limit) if _is_object(one) else _cut_bytes(one, limit)


def _is_object(one: Outgoing) -> bool:
    return not any(name == "reason" for name, _ in one.headers)


def _cut_bytes(one: Outgoing, limit: int) -> Outgoing | None:
    original = len(one.key or b"") + len(one.value or b"")
    headers = [*one.headers, (TRUNCATED, b"true"), ("original_size", b"%d" % original)]
    bare = Outgoing(one.topic, None, None, headers)
    room = limit - size(bare)
    if room < 0:
        return None
    key = None if one.key is None else one.key[: max(room // 4, room - len(one.value or b""))]
    value = None if one.value is None else one.value[: room - len(key or b"")]
    return Outgoing(one.topic, key, value, headers)


def _cut_fields(one: Outgoing, limit: int) -> Outgoing | None:
    try:
        fields: dict[str, Any] = msgspec.json.decode(one.value or b"", type=dict)
    except msgspec.DecodeError:
        return None
    fields[TRUNCATED] = True
    for name in ("label", "relief", "relief_text", "reasons", "top_types"):
        _shorten(fields, name)
    record = _encoded(one, fields)
    lists = [
        name
        for name in ("clinicians", "top_types", "reasons")
        if isinstance(fields.get(name), list)
    ]
    for name in lists:
        while size(record) > limit and fields[name]:
            fields[name] = fields[name][: len(fields[name]) // 2]
            record = _encoded(one, fields)
    return record if size(record) <= limit else None


def _shorten(fields: Any, name: Any) -> None:
    """Cut texts in a field, at any depth."""
    value = fields[name] if isinstance(fields, list) else fields.get(name)
    if isinstance(value, str):
        fields[name] = value[:_TEXT_KEPT]
    elif isinstance(value, dict):
        for inner in value:
            _shorten(value, inner)
    elif isinstance(value, list):
        for index in range(len(value)):
            _shorten(value, index)


def _encoded(one: Outgoing, fields: dict[str, Any]) -> Outgoing:
    return one._replace(value=msgspec.json.encode(fields))
