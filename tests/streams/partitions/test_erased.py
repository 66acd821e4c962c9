"""A forgotten clinician is in no record that waits to be sent."""

from __future__ import annotations

import json

import pytest

from analyzer import Engine, Fact, Policy, Topic
from streams.formats.control import Control
from streams.formats.pseudonyms import Pseudonyms
from streams.kafka.outgoing import Outgoing
from streams.kafka.slices import Slice
from streams.partitions.checkpoint import Checkpoints, restore
from streams.partitions.partition import Partition
from tests.harness.engines import TOPIC_OF, feed
from tests.harness.facts import alarm, duty, ms
from tests.harness.policies import SENSITIVE

POLICY = Policy(overload=SENSITIVE)
SHOWN = Pseudonyms(b"k" * 32)
ANN, BOB = SHOWN("ann"), SHOWN("bob")


def loaded() -> Partition:
    """Two alarms are finished, and states have changed; nothing was sent yet."""
    facts: list[Fact] = [duty("ann", -600), duty("bob", -600, bed="2")]
    for number in range(40):
        facts += alarm(f"a{number}", 10 * number, 10 * number + 4, recipients=("bob",))
    engine = Engine(POLICY)
    feed(engine, facts)
    one = Partition(0, 1, engine, dict.fromkeys(set(TOPIC_OF.values()), 0), SHOWN, 1 << 20)
    one.advance(ms(4000))
    return one


def forget(one: Partition, clinician: str) -> None:
    command = Control("forget_clinician", "F", "c", ms(4000), clinician).encode()
    topics: tuple[Topic, ...] = ("assignments", "alarms", "responses", "labels")
    for topic in topics:
        at = one.next_offsets[topic]
        one.take_slice(Slice(topic, 0, [at], [ms(4000)], [b"F"], [command], at, at + 1))


def naming(records: list[Outgoing], name: str) -> list[Outgoing]:
    return [one for one in records if name.encode() in (one.value or b"")]


@pytest.mark.parametrize("after", ["nothing was planned", "sending failed", "a restart"])
def test_records_that_wait_are_sent_without_the_clinician(after: str) -> None:
    one = loaded()
    if after != "nothing was planned":
        plan = Checkpoints("w").plan(one)
        assert {record.topic for record in naming(plan.episodes, ANN)} == {"episodes", "overload"}
        one.outbox.put_back([Outgoing(*record[:3]) for record in plan.episodes])
        one.outbox.emitted()
        if after == "a restart":
            stored = {of: value for of, value in [*plan.shards, *plan.manifest] if value}
            found = restore(stored, POLICY)
            assert found is not None
            one = Partition(
                0, 1, found.engine, one.next_offsets, SHOWN, 1 << 20, restored=found.outbox
            )
            one.advance(ms(4000))
    forget(one, "ann")
    one.advance(ms(4001))
    sent = Checkpoints("x").plan(one).episodes
    assert naming(sent, ANN) == []
    episodes = [json.loads(record.value or b"") for record in sent if record.topic == "episodes"]
    last = {record["alarm_id"]: record["clinicians"] for record in episodes}
    assert last == {f"a{number}": [BOB] for number in range(40)}
    assert len({record["id"] for record in episodes}) == 40
    changes = [json.loads(record.value or b"") for record in sent if record.topic == "overload"]
    assert {change["clinician"] for change in changes} <= {None, BOB}
    assert changes
