"""The version of the stored state, and the names that depend on it.

A program reads only state of its own version. So each version has a consumer group and a topic of
its own: a worker of a new version computes its state from the inputs, while the group and the state
of the old version stay as they are, for a way back.
"""

from __future__ import annotations

import re

STATE_VERSION = 5
"""Changes with the content of the stored state: see `streams.partitions.checkpoint`."""
PLAIN = 5
"""The version whose names are without a suffix; installations had it before names told versions."""

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
    """The version whose workers are in the consumer group `name`; None: it is no group of theirs.

    >>> version_of("icu", "icu-v6"), version_of("icu", "icu"), version_of("icu", "icu-archive")
    (6, 5, None)
    """
    found = re.fullmatch(rf"{re.escape(group)}(?:-v([1-9]\d{{0,2}}))?", name, re.ASCII)
    if found is None:
        return None
    version = PLAIN if found[1] is None else int(found[1])
    return version if state_group(group, version) == name else None


def version_of_topic(group: str, topic: str) -> int | None:
    """The version whose state is in `topic`; None: it holds none of this installation."""
    name, found, rest = topic.rpartition("-checkpoint-changelog")
    return version_of(group, name) if found and not rest else None


def first_edition(version: int, turn: int) -> int:
    """What the editions of a version's records exceed, in the `turn`-th change back to it or
    another version; 0 before any.

    Of two groups that emit at once, the newer version counts. After a change back, the older one
    does: its turn is later. All editions are below 2**53, so that every JSON reader holds them.
    """
    return turn * EDITIONS + (version - PLAIN) * _GENERATIONS


def turn_of(edition: int) -> int:
    """The turn in which an edition was given."""
    return edition // EDITIONS


def edition_noted(edition: int) -> str:
    """What a commit says of the greatest edition, in its metadata."""
    return f"{_EDITION}{edition}"


def edition_in(metadata: str | None) -> int:
    """What `edition_noted` says; 0 for any other text."""
    text = (metadata or "").removeprefix(_EDITION)
    return int(text) if metadata != text and text.isascii() and text.isdigit() else 0
