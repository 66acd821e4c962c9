"""Completeness: refuses to answer from a state that is incomplete.

While a worker recomputes a partition, only some of its facts are there. Findings, what-ifs,
incidents and the figures of a unit would then be wrong, and nothing in them would show it. So they
are refused until the partition is complete, with the sentence that /ready gives.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from streams.health.health import Health
from streams.partitions.partition import Partition

RETRY_SECONDS = 10
BEGINS = "recomputing: it begins; figures are incomplete until it is done"
"""Said until the broker has told how much is to be read."""


class Incomplete(RuntimeError):
    """The facts asked about are being recomputed: one line with the progress."""


class Source(Protocol):
    """The part of a worker that is used."""

    @property
    def partitions(self) -> list[Partition]: ...

    def health(self) -> Health: ...


@dataclass(frozen=True, slots=True)
class Half:
    """A state of which some partitions are being recomputed. `says`: the progress."""

    says: str
    complete: frozenset[str]
    """The facilities known to the other partitions."""

    @classmethod
    def of(cls, source: Source) -> Half | None:
        """The present state; None: it is complete."""
        partitions = source.partitions
        if all(one.recomputing is None for one in partitions):
            return None
        progress = source.health().recomputing
        whole = (one.engine for one in partitions if one.recomputing is None)
        return cls(
            BEGINS if progress is None else progress.says,
            frozenset(name for one in whole for name in one.times()),
        )

    def expect(self, facility: str | None) -> None:
        """Raises `Incomplete` if a facility, or with None any, is not known to be complete: one
        that no complete partition knows may be one whose records have not been read yet.
        """
        if facility not in self.complete:
            raise Incomplete(self.says)


def expect_complete(source: Source, facility: str) -> None:
    """Raises `Incomplete`: see `Half.expect`."""
    half = Half.of(source)
    if half is not None:
        half.expect(facility)
