"""Checkpoints over a simulated compacted topic: whatever crashes, lingers or is compacted, what is
restored is a state that was.

No Kafka here: a topic is a list of records, a worker a partition with its checkpoints, and time
what Hypothesis draws.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from zstandard import ZstdCompressor, ZstdDecompressor

from analyzer import TOPICS, Policy, Topic
from analyzer.model.facts import Fact
from analyzer.model.policy import HOUR
from streams.kafka.outgoing import Outgoing
from streams.partitions import checkpoint
from streams.partitions.checkpoint import VERSION, CheckpointError, Checkpoints, Plan, restore
from streams.partitions.held import Held, take_hold
from streams.partitions.partition import Partition
from tests.harness.partitions import (
    MANIFEST,
    POLICY,
    Source,
    Stored,
    feed,
    latest_episodes,
    long_source,
    new_partition,
    numbers,
    slices,
    stored_state,
    take,
    whole,
)
from tests.harness.strategies import wards

FORGETFUL = Policy()


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
        """What recovery that begins at offset `since` keeps."""
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

    def rebalance(self) -> None:
        """The partition is ours, says the group; since when others had it, nobody tells."""
        log = self._hospital.log
        found = log.found(since=self._heard if self._held else 0)
        before, self._heard = self._held, log.end
        self._held = take_hold(before, found, POLICY, new_partition)
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
                plan.shards + plan.manifest, False, plan.episodes, plan.deletions
            )
        storing = self._storing
        while records is None or records > 0:
            if storing.until_stored:
                self._hospital.log.append(*storing.until_stored.pop(0))
            elif storing.episodes and not storing.confirmed:
                storing.confirmed = self is self._hospital.owner
                if not storing.confirmed:
                    self.partition.outbox.put_back(storing.episodes)
                    storing.episodes = []
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


@settings(max_examples=2 * settings.default.max_examples)
@given(st.data())
@pytest.mark.slow
def test_a_crash_between_any_two_records_restores_a_past_state_and_ends_with_the_same_numbers(
    data: st.DataObject,
) -> None:
    source = Source.of(data.draw(wards().flatmap(shuffled)))
    with parts_of(data.draw(st.sampled_from([40, 400_000]))):
        hospital = Hospital(source)
        for step in data.draw(st.lists(STEPS, min_size=10, max_size=30)):
            act(hospital, step)
        hospital.finish()
        assert numbers(hospital.owner.partition) == source.straight(source.ends)
        hospital.replace_owner(lingers=False)
    assert latest_episodes(hospital.sent) == latest_episodes(whole(source).outbox.emit().records)


def test_a_crash_after_each_record_of_a_checkpoint_loses_no_state_and_no_episode() -> None:
    """Every place to crash, one after the other: among shards, before and after the manifest, among
    episodes and deletions.
    """
    source = Source({topic: records[:150] for topic, records in long_source().records.items()})
    whole_outbox = latest_episodes(whole(source).outbox.emit().records)
    assert len(whole_outbox) > 20
    produced = 0
    while True:
        hospital = Hospital(source)
        for topic in TOPICS:
            hospital.owner.take(topic, 75)
        hospital.owner.partition.advance(None)
        hospital.owner.store()
        for topic in TOPICS:
            hospital.owner.take(topic, 75)
        hospital.owner.partition.advance(None)
        hospital.owner.store(produced)
        done = hospital.owner.idle
        hospital.replace_owner(lingers=False)
        hospital.finish()
        assert numbers(hospital.owner.partition) == source.straight(source.ends)
        assert latest_episodes(hospital.sent) == whole_outbox
        if done:
            break
        produced += 1
    assert produced > 30


@settings(max_examples=3 * settings.default.max_examples)
@given(st.data())
@pytest.mark.slow
def test_writers_that_linger_and_return_harm_no_state_but_their_own(data: st.DataObject) -> None:
    source = Source.of(data.draw(wards().flatmap(shuffled)))
    hospital = Hospital(source)
    for step in data.draw(st.lists(LINGERING, min_size=20, max_size=40)):
        act(hospital, step)
    hospital.finish()
    assert numbers(hospital.owner.partition) == source.straight(source.ends)
    final = latest_episodes(whole(source).outbox.emit().records)
    assert latest_episodes(hospital.sent) == final
    for zombie in list(hospital.zombies):
        zombie.store()
        zombie.store()
    assert latest_episodes(hospital.sent) == final
    hospital.replace_owner(lingers=False)
    hospital.finish()
    assert numbers(hospital.owner.partition) == source.straight(source.ends)
    assert latest_episodes(hospital.sent) == final


def into(topic: Stored, *lists: list[tuple[bytes, bytes | None]]) -> None:
    for key, value in (pair for pairs in lists for pair in pairs):
        if value is None:
            topic.pop(key, None)
        else:
            topic[key] = value


@pytest.mark.parametrize("written", [False, True], ids=["nothing written", "shards written"])
def test_refused_checkpoints_are_forgotten_but_for_the_last_and_hide_no_older_record(
    written: bool,
) -> None:
    source, topic = long_source(), stored_state("0" * 12)
    held = take_hold(None, topic, POLICY, new_partition)

    def plan_after(begin: int) -> Plan:
        for name in TOPICS:
            take(held.partition, source.records[name][begin : begin + 50])
        held.partition.advance(None)
        return held.checkpoints.plan(held.partition)

    for begin in (0, 100):  # before and after a checkpoint of its own
        sizes = []
        for _ in range(20):
            refused = plan_after(begin)
            sizes.append(len(refused.deletions))
            if written:
                into(topic, refused.shards)
            held.not_stored(refused, 0.0)
        assert len(set(sizes[2:])) == 1
        assert restore(topic, POLICY) is not None
        plan = plan_after(begin + 50)
        into(topic, plan.shards, plan.manifest, plan.deletions)
        state = {key for key, _ in plan.shards + plan.manifest}
        assert state == set(topic) or (written and state < set(topic))
        assert not set(topic) & {key for key, _ in refused.shards}
        assert {key for key in topic if b"manifest" in key} == {key for key, _ in plan.manifest}
        partition = new_partition(restore(topic, POLICY))
        partition.advance(None)
        assert numbers(partition) == numbers(held.partition)


@given(st.data())
def test_in_the_end_the_topic_holds_one_state_and_nothing_else(data: st.DataObject) -> None:
    """Whatever was left by those that crashed or lingered is deleted by a writer that found it."""
    source = Source.of(data.draw(wards().flatmap(shuffled)))
    hospital = Hospital(source)
    for step in data.draw(st.lists(LINGERING, min_size=10, max_size=30)):
        act(hospital, step)
    hospital.replace_owner(lingers=False)
    hospital.finish()
    straight = Checkpoints("straight")
    plan = straight.plan(hospital.owner.partition)
    manifest = [key for key in hospital.log.found() if json.loads(key)[0] == "manifest"]
    assert len(manifest) == 1
    content = msgspec.msgpack.decode(
        ZstdDecompressor().decompress(hospital.log.found()[manifest[0]])
    )
    assert len(hospital.log.found()) == 1 + sum(place[-1] for place in content["places"])
    assert not plan.shards  # everything was stored before


# --- bounds


def size(plan: Plan) -> int:
    return sum(len(value or b"") for _, value in plan.shards)


def test_a_long_run_with_a_crash_after_every_checkpoint_keeps_all_numbers() -> None:
    source, log = long_source(), Log()
    straight, crashing, checkpoints = (
        new_partition(policy=FORGETFUL),
        new_partition(policy=FORGETFUL),
        Checkpoints("0"),
    )
    for records in slices(source, 30):
        feed(straight, records)
        feed(crashing, records)
        plan = checkpoints.plan(crashing)
        for pair in plan.shards + plan.manifest + plan.deletions:
            log.append(*pair)
        held = take_hold(None, log.found(), FORGETFUL, new_partition)
        crashing, checkpoints = held.partition, held.checkpoints
        crashing.advance(None)
        assert numbers(crashing) == numbers(straight)
    assert sum(source.ends.values()) > 3000


def test_most_checkpoints_of_a_large_state_store_little_of_it() -> None:
    partition, checkpoints, sizes = new_partition(), Checkpoints("w"), []
    for records in slices(long_source(), 300):
        feed(partition, records)
        sizes.append(size(checkpoints.plan(partition)))
    assert sorted(sizes)[len(sizes) // 2] < size(checkpoints.renewed("v").plan(partition)) / 3


def test_large_shards_are_split_into_parts_that_brokers_take() -> None:
    partition = whole(long_source())
    with parts_of(1000):
        plan = Checkpoints("w").plan(partition)
    assert max(len(value or b"") for _, value in plan.shards) == 1000
    assert any(json.loads(key)[-1] > 2 for key, _ in plan.shards)
    stored = {key: value for key, value in plan.shards + plan.manifest if value is not None}
    restored = restore(stored, POLICY)
    assert restored is not None
    again = new_partition(restored)
    again.advance(None)
    assert numbers(again) == numbers(partition)
    assert checkpoint.PART_BYTES < 1_000_000 * 0.9


POLICIES = st.builds(
    replace,
    st.just(POLICY),
    action_window=st.sampled_from([0, 60_000, 300_000, 1_200_000]),
    fleeting=st.sampled_from([0, 15_000, 120_000]),
    cover=st.sampled_from([0, HOUR, 12 * HOUR, 20 * HOUR]),
    min_classified=st.sampled_from([0, 5]),
)


@given(st.data())
def test_a_state_of_another_policy_is_reclassified_and_gives_the_numbers_of_a_fresh_start(
    data: st.DataObject,
) -> None:
    source, policy = Source.of(data.draw(wards().flatmap(shuffled))), data.draw(POLICIES)
    before, fresh = whole(source), new_partition(policy=policy)
    plan = Checkpoints("w").plan(before)
    found = {key: value for key, value in plan.shards + plan.manifest if value is not None}
    restored = restore(found, policy)
    assert restored is not None
    assert set(restored.changed_policy) == {
        name for name, value in asdict(POLICY).items() if value != asdict(policy)[name]
    }
    after = new_partition(restored)
    after.advance(None)
    for records in slices(source, 1):
        feed(fresh, records)
    assert numbers(after) == numbers(fresh)
    said = latest_episodes([*plan.episodes, *Checkpoints("v", found).plan(after).episodes])
    final = latest_episodes(fresh.outbox.emit().records)
    assert {key: said.get(key) for key in final} == final


# --- errors


def test_nothing_stored_is_no_state() -> None:
    assert restore({}, POLICY) is None
    shards = {key: value for key, value in stored_state().items() if key != MANIFEST}
    assert restore(shards, POLICY) is None


def test_a_missing_shard_is_reported_and_nothing_half_restored() -> None:
    for missing in stored_state().keys() - {MANIFEST}:
        stored = stored_state()
        del stored[missing]
        with pytest.raises(CheckpointError, match="stored state is incomplete: start a new group"):
            restore(stored, POLICY)


def test_a_version_of_the_future_is_reported() -> None:
    stored = stored_state()
    manifest = msgspec.msgpack.decode(ZstdDecompressor().decompress(stored[MANIFEST])) | {
        "version": 99
    }
    stored[MANIFEST] = ZstdCompressor().compress(msgspec.msgpack.encode(manifest))
    with pytest.raises(
        CheckpointError, match=f"stored state has version 99, this program reads version {VERSION}"
    ):
        restore(stored, POLICY)


@pytest.mark.parametrize("damage", [b"", b"nonsense", ZstdCompressor().compress(b"\xc1")])
def test_damaged_bytes_are_reported(damage: bytes) -> None:
    for key in stored_state():
        with pytest.raises(CheckpointError, match="stored state cannot be read"):
            restore(stored_state() | {key: damage}, POLICY)
