"""Engines for tests: fed in any order, stored and restored, compared number by number."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from math import isclose
from typing import Any

import msgspec

from analyzer import Engine, EpisodeRecord, Fact, Policy, ShardKey, Topic
from analyzer.model.facts import FACT_TYPES
from streams.metrics.library import burden_metrics, samples
from tests.harness.shifts import shifts
from tests.harness.strategies import wards

TOPIC_OF: dict[type, Topic] = {type_: topic for topic, type_ in FACT_TYPES.items()}

POLICY = Policy(horizon=10 * 86_400_000)
"""Remembers longer than any ward lasts: for tests that deliver facts in any order at all."""

Numbers = dict[tuple[str, frozenset[tuple[str, str]]], float]

Stored = dict[ShardKey, bytes]


def numbers(engine: Engine, policy: Policy = POLICY) -> Numbers:
    """The burdens on /metrics, without overload states and relief, which have a history: see
    test_tracker.
    """
    found = samples(burden_metrics(engine.measure(), str, policy.min_classified))
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for sample in found
        if "_overload_" not in sample.name and "_relief_" not in sample.name
    }


def assert_same(found: Numbers, expected: Numbers) -> None:
    assert found.keys() == expected.keys()
    for key, value in expected.items():
        assert isclose(found[key], value, rel_tol=1e-12, abs_tol=1e-12), key


def feed(engine: Engine, facts: list[Fact]) -> None:
    for fact in facts:
        engine.apply(TOPIC_OF[type(fact)], fact, None)


def by_id(records: Iterable[EpisodeRecord]) -> dict[str, EpisodeRecord]:
    """The latest episode of each alarm id."""
    return {record.alarm_id: record for record in records}


def store(engine: Engine, stored: Stored) -> Stored:
    """Store an incremental checkpoint: only changed parts are written over the stored ones."""
    stored = dict(stored)
    for key in engine.changed_shards():
        content = engine.dump(key)
        if content is None:
            stored.pop(key, None)
        else:
            stored[key] = msgspec.msgpack.encode(content)
    engine.stored()
    return stored


def restore(stored: Stored, tally: dict[Any, int], policy: Policy = POLICY) -> Engine:
    return Engine.load(
        policy, {key: msgspec.msgpack.decode(value) for key, value in stored.items()}, tally
    )


def later(fact: Fact, by: int) -> Fact:
    """The same fact of another ward, `by` ms later."""
    changes: dict[str, Any] = {"event_id": "later-" + fact.event_id, "at": fact.at + by}
    for name in ("alarm_id", "assignment_id"):
        if getattr(fact, name, None) is not None:
            changes[name] = "later-" + getattr(fact, name)
    for name in ("start", "end"):
        if getattr(fact, name, None) is not None:
            changes[name] = getattr(fact, name) + by
    return replace(fact, **changes)


WARDS = wards() | shifts()
