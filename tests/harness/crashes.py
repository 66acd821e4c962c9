"""Workers that crash, linger and return while they store checkpoints, and their log."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import strategies as st

from analyzer import TOPICS, Topic
from analyzer.model.facts import Fact
from streams.kafka.outgoing import Outgoing
from streams.partitions import checkpoint
from streams.partitions.checkpoint import Plan
from streams.partitions.held import Held, take_hold
from streams.partitions.partition import Partition
from tests.harness.partitions import (
    POLICY,
    Source,
    Stored,
    new_partition,
    numbers,
    take,
)


@dataclass
class Log:
    """The compacted topic: (offset, key, value); compaction leaves the last of each key where it
    lies.
    """

    entries: list[tuple[int, bytes, bytes | None]] = field(default_factory=list)
    end: int = 0

    def append(self, key: bytes, value: bytes | None) -> None:
        self.entries.append((self.end, key, value))
        self.end += 1

    def compact(self, drop_tombstones: bool) -> None:
        last = {key: offset for offset, key, _ in self.entries}
        self.entries = [
            one
            for one in self.entries
            if one[0] == last[one[1]] and not (drop_tombstones and one[2] is None)
        ]

    def found(self, since: int = 0) -> Stored:
        """The state after a recovery that begins at offset `since`."""
        stored: Stored = {}
        for offset, key, value in self.entries:
            if offset >= since:
                if value is None:
                    stored.pop(key, None)
                else:
                    stored[key] = value
        return stored


@dataclass
class Storing:
    """A checkpoint on its way into the log, one record after the other."""

    plan: Plan
    until_stored: list[tuple[bytes, bytes | None]]
    confirmed: bool
    """The group took the commit that follows the manifest: the rest may be sent, however late."""
    episodes: list[Outgoing]
    deletions: list[tuple[bytes, bytes | None]]


class Worker:
    """One process: what it holds, where it reads, and the checkpoint that it is storing."""

    def __init__(self, hospital: Hospital) -> None:
        self._hospital = hospital
        self._held: Held | None = None
        self._heard = 0
        self._storing: Storing | None = None
        self._generation = -1

    def rebalance(self) -> None:
        """The partition is ours, says the group; since when others had it, nobody tells but the
        number of the generation.
        """
        log = self._hospital.log
        self._hospital.generation += 1
        unbroken = self._hospital.generation == self._generation + 1
        self._generation = self._hospital.generation
        found = log.found(since=self._heard if self._held else 0)
        before, self._heard = self._held, log.end
        self._held = take_hold(before, found, POLICY, new_partition, unbroken)
        if self._held is not before:
            partition = self._held.partition
            partition.advance(None)
            assert numbers(partition) == self._hospital.source.straight(partition.next_offsets)

    @property
    def partition(self) -> Partition:
        assert self._held is not None
        return self._held.partition

    @property
    def idle(self) -> bool:
        """Nothing is on its way into the log."""
        return self._storing is None

    def take(self, topic: Topic, count: int) -> None:
        begin = self.partition.next_offsets.get(topic, 0)
        take(self.partition, self._hospital.source.records[topic][begin : begin + count])

    def store(self, records: int | None = None) -> None:
        """Go on with storing (begin, if nothing is on its way) by so many produced records, or to
        the end.
        """
        assert self._held is not None
        if self._storing is None:
            plan = self._held.checkpoints.plan(self.partition)
            self._hospital.sent += self.partition.take_rejected()
            self._storing = Storing(
                plan,
                plan.shards + plan.manifest,
                False,
                plan.episodes,
                plan.deletions,
            )
        storing = self._storing
        while records is None or records > 0:
            if storing.until_stored:
                self._hospital.log.append(*storing.until_stored.pop(0))
            elif not storing.confirmed:
                storing.confirmed = self is self._hospital.owner
                if not storing.confirmed:
                    self.partition.outbox.put_back(storing.episodes)
                    self._held.checkpoints.not_deleted(storing.plan)
                    self._storing = None
                    return
            elif storing.episodes:
                self._hospital.sent.append(storing.episodes.pop(0))
            elif storing.deletions:
                self._hospital.log.append(*storing.deletions.pop(0))
            else:
                self._storing = None
                return
            records = None if records is None else records - 1


class Hospital:
    """The world around workers: the inputs, the checkpoint topic, what was sent, and whose turn it
    is.
    """

    def __init__(self, source: Source) -> None:
        self.source = source
        self.log = Log()
        self.sent: list[Any] = []
        self.generation = 0
        self.owner = Worker(self)
        self.owner.rebalance()
        self.zombies: list[Worker] = []

    def replace_owner(self, *, lingers: bool) -> None:
        if lingers:
            self.zombies.append(self.owner)
        self.owner = Worker(self)
        self.owner.rebalance()

    def bring_back(self, zombie: Worker) -> None:
        self.zombies.remove(zombie)
        self.zombies.append(self.owner)
        self.owner = zombie
        zombie.rebalance()

    def finish(self) -> None:
        """The owner takes in everything that is left, and stores it."""
        for topic in TOPICS:
            self.owner.take(topic, self.source.ends[topic])
        self.owner.partition.advance(None)
        self.owner.store()
        self.owner.store()
        assert {
            topic: self.owner.partition.next_offsets.get(topic, 0) for topic in TOPICS
        } == self.source.ends


TAKE = st.tuples(st.just("take"), st.sampled_from(TOPICS), st.integers(1, 20))
STORE = st.tuples(st.just("store"), st.sampled_from([None, None, 1, 2, 5]))
STEPS = st.one_of(
    TAKE,
    TAKE,
    STORE,
    STORE,
    st.tuples(st.just("advance")),
    st.tuples(st.just("compact"), st.booleans()),
    st.tuples(st.just("crash")),
)
WHICH = st.integers(0, 2)
LINGERING = st.one_of(
    TAKE,
    TAKE,
    STORE,
    STORE,
    st.tuples(st.just("lose")),
    st.tuples(st.just("stay")),
    st.tuples(st.just("zombie takes"), WHICH, st.sampled_from(TOPICS), st.integers(1, 20)),
    st.tuples(st.just("zombie stores"), WHICH, st.sampled_from([None, None, 1, 2, 5])),
    st.tuples(st.just("back"), WHICH),
    st.tuples(st.just("crash")),
)


def act(hospital: Hospital, step: tuple[Any, ...]) -> None:
    zombies, owner = hospital.zombies, hospital.owner
    match step:
        case "take", topic, count:
            owner.take(topic, count)
        case ("advance",):
            owner.partition.advance(None)
        case "store", records:
            owner.store(records)
        case "compact", drop_tombstones:
            hospital.log.compact(drop_tombstones)
        case ("crash",):
            hospital.replace_owner(lingers=False)
        case ("lose",):
            hospital.replace_owner(lingers=True)
        case ("stay",):
            owner.rebalance()
        case "zombie takes", which, topic, count if which < len(zombies):
            zombies[which].take(topic, count)
        case "zombie stores", which, records if which < len(zombies):
            zombies[which].store(records)
        case "back", which if which < len(zombies):
            hospital.bring_back(zombies[which])


@contextmanager
def parts_of(size: int) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(checkpoint, "PART_BYTES", size)
        yield


def shuffled(facts: list[Fact]) -> st.SearchStrategy[list[Fact]]:
    """Mostly in order, as devices report, with some out of it and some twice."""
    in_order = sorted(facts, key=lambda fact: fact.at)
    return st.one_of(
        st.just(in_order), st.permutations(facts), st.just([*in_order, *in_order[::3]])
    )
