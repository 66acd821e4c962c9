"""Whole files: all facts of recorded files in an engine at once, in the order of lines."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from analyzer import Engine, Topic
from streams.formats.codec import decode_slice


def take_in(engine: Engine, files: Iterable[tuple[Topic, Path]]) -> int:
    """Have it take every line; returns how many were no facts, which are counted, too."""
    malformed = 0
    for topic, path in files:
        decoded = decode_slice(topic, path.read_bytes().splitlines())
        engine.take(topic, decoded.columns, None)
        if decoded.malformed:
            engine.count(topic, "malformed", len(decoded.malformed))
        malformed += len(decoded.malformed)
    return malformed
