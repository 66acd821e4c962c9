"""The version of the stored state, and the names that depend on it.

A program can read only state of its own version. So each version has its own consumer group and
topic. A worker of a new version computes its state from the inputs. The group and the state of the
old version stay unchanged, so that you can roll back.
"""

from __future__ import annotations

import re

STATE_VERSION = 5
"""Increases when the content of the stored state changes: see `streams.partitions.checkpoint`."""
PLAIN = 5
"""The version whose names have no suffix: installations had it before names contained a version."""

_EDITION = "edition "
_GENERATIONS = 1 << 36
"""More checkpoints than a partition can have: one a second for 2,000 years."""
_VERSIONS = 1 << 8
EDITIONS = _GENERATIONS * _VERSIONS
"""Editions of one turn (see `first_edition`)."""


def state_group(group: str, version: int | None = None) -> str:
    """The consumer group of the workers of a version, by default this program's.

    >>> state_group("icu", 5), state_group("icu", 6)
    ('icu', 'icu-v6')
    """
    version = STATE_VERSION if version is None else version
    return group if version == PLAIN else f"{group}-v{version}"


def checkpoint_topic(group: str, version: int | None = None) -> str:
    """The compacted topic with the state of a version; the name is Faust's for the changelog of the
    table `checkpoint`.

    >>> checkpoint_topic("icu", 6)
    'icu-v6-checkpoint-changelog'
    """
    return f"{state_group(group, version)}-checkpoint-changelog"


def version_of(group: str, name: str) -> int | None:
    """The version whose workers use the consumer group `name`; None if it is another group.

    >>> version_of("icu", "icu-v6"), version_of("icu", "icu"), version_of("icu", "icu-archive")
    (6, 5, None)
    """
    found = re.fullmatch(rf"{re.escape(group)}(?:-v([1-9]\d{{0,2}}))?", name, re.ASCII)
    if found is None:
        return None
    version = PLAIN if found[1] is None else int(found[1])
    return version if state_group(group, version) == name else None


def version_of_topic(group: str, topic: str) -> int | None:
    """The version whose state is in `topic`; None if it has no state of this installation."""
    name, found, rest = topic.rpartition("-checkpoint-changelog")
    return version_of(group, name) if found and not rest else None


def first_edition(version: int, turn: int) -> int:
    """The lower bound of the editions of a version's records in the `turn`-th roll back; turn 0 is
    before any.

    If two groups emit at the same time, the records of the newer version count. After a roll back,
    those of the older version count, because its turn is later. All editions are below 2**53, which
    every JSON reader can represent.
    """
    return turn * EDITIONS + (version - PLAIN) * _GENERATIONS


def turn_of(edition: int) -> int:
    """The turn to which an edition belongs."""
    return edition // EDITIONS


def edition_noted(edition: int) -> str:
    """The metadata of a commit, which contains the greatest edition."""
    return f"{_EDITION}{edition}"


def edition_in(metadata: str | None) -> int:
    """Read the metadata that `edition_noted` made; 0 for any other text."""
    text = (metadata or "").removeprefix(_EDITION)
    return int(text) if metadata != text and text.isascii() and text.isdigit() else 0
