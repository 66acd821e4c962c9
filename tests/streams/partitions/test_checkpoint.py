"""Checkpoints over a simulated compacted topic: whatever crashes, lingers or is compacted, what is
restored is a state that was.

No Kafka here: a topic is a list of records, a worker a partition with its checkpoints, and time
what Hypothesis draws.
"""

from __future__ import annotations

import json
from dataclasses import asdict, replace

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from zstandard import ZstdCompressor, ZstdDecompressor

from analyzer import TOPICS, Policy
from analyzer.model.policy import HOUR
from streams.kafka.state_version import STATE_VERSION
from streams.partitions import checkpoint
from streams.partitions.checkpoint import CheckpointError, Checkpoints, Plan, restore
from streams.partitions.held import take_hold
from tests.harness.crashes import LINGERING, STEPS, Hospital, Log, act, parts_of, shuffled
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


@pytest.mark.slow
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


def size(plan: Plan) -> int:
    return sum(len(value or b"") for _, value in plan.shards)


@pytest.mark.slow
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


@pytest.mark.slow
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
        CheckpointError,
        match=f"stored state has version 99, this program reads version {STATE_VERSION}",
    ):
        restore(stored, POLICY)


@pytest.mark.parametrize("damage", [b"", b"nonsense", ZstdCompressor().compress(b"\xc1")])
def test_damaged_bytes_are_reported(damage: bytes) -> None:
    for key in stored_state():
        with pytest.raises(CheckpointError, match="stored state cannot be read"):
            restore(stored_state() | {key: damage}, POLICY)


def shards_of(plan: Plan) -> set[tuple[str, int]]:
    return {tuple(json.loads(key)[3:5]) for key, _ in plan.shards}


def test_a_partition_kept_through_a_rebalance_stores_only_what_changes() -> None:
    held, log = take_hold(None, {}, POLICY, new_partition), Log()
    parts = list(slices(long_source(), 300))

    def store() -> int:
        plan = held.checkpoints.plan(held.partition)
        for pair in plan.shards + plan.manifest + plan.deletions:
            log.append(*pair)
        return size(plan)

    for records in parts[:-1]:
        feed(held.partition, records)
        store()
    heard = log.end
    everything = size(held.checkpoints.renewed("v").plan(held.partition))
    assert take_hold(held, log.found(heard), POLICY, new_partition, unbroken=True) is held
    feed(held.partition, parts[-1])
    assert store() < everything / 3
    restored = new_partition(restore(log.found(), POLICY))
    restored.advance(None)
    assert numbers(restored) == numbers(held.partition)


def test_it_stores_everything_again_where_others_have_written() -> None:
    held = take_hold(None, {}, POLICY, new_partition)
    feed(held.partition, next(iter(slices(long_source(), 300))))
    before = held.checkpoints.plan(held.partition)
    theirs = {key: b"" for key in stored_state("0" * 12) if b"shard" in key}
    assert take_hold(held, theirs, POLICY, new_partition, unbroken=True) is held
    plan = held.checkpoints.plan(held.partition)
    assert shards_of(plan) == shards_of(before) - {("said", 0)}
    assert {key for key, _ in plan.deletions} >= set(theirs)


def test_deletions_that_were_not_sent_are_part_of_the_next_plan() -> None:
    partition, checkpoints = new_partition(), Checkpoints("w", found=stored_state("0" * 12))
    first, *others = slices(long_source(), 300)
    feed(partition, first)
    plan = checkpoints.plan(partition)
    assert plan.deletions
    checkpoints.not_deleted(plan)
    feed(partition, others[0])
    assert set(checkpoints.plan(partition).deletions) >= set(plan.deletions)
