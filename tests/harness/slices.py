"""Slices of made-up records."""

from __future__ import annotations

from collections.abc import Sequence

from analyzer import Topic
from streams.kafka.slices import Slice


def piece(topic: Topic, times: Sequence[int], begin: int = 0, partition: int = 0) -> Slice:
    """A slice without gaps, whose records have their own offsets for values."""
    offsets = list(range(begin, begin + len(times)))
    return Slice(
        topic,
        partition,
        offsets,
        list(times),
        [None] * len(times),
        [b"%d" % one for one in offsets],
        begin,
        begin + len(times),
    )
