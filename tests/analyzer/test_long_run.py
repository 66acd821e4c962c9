"""Days of a simulated hospital, taken in bit by bit, with restarts: memory stays bounded and the
numbers stay those of a fresh start.
"""

from __future__ import annotations

import random

import msgspec
import pytest

from analyzer import Engine, EpisodeRecord, Fact, Policy, Topic
from analyzer.model.policy import HOUR
from streams.formats.codec import decode
from streams.simulator import Ward, simulate
from tests.harness.engines import Stored, assert_same, numbers, restore, store

POLICY = Policy()
DAYS = 4
WARD = Ward(
    seed=11,
    duration=DAYS * 24 * HOUR,
    units=2,
    beds=4,
    storms=1.0,
    chattering_sensors=1,
    understaffed_nights=0.5,
    duplicates=0.1,
    late=0.1,
    late_charting=0.5,
    adjudicated=0.5,
)


def facts() -> list[tuple[Topic, Fact]]:
    return [
        (record.topic, decode(record.topic, msgspec.json.encode(record.value)))
        for record in simulate(WARD)
    ]


def fresh(upto: list[tuple[Topic, Fact]], now: int) -> tuple[Engine, dict[str, EpisodeRecord]]:
    engine = Engine(POLICY)
    for topic, fact in upto:
        engine.apply(topic, fact, None)
    return engine, {record.alarm_id: record for record in engine.advance(now)}


@pytest.mark.slow
def test_days_in_small_steps_with_restarts_equal_a_fresh_start_each_day() -> None:
    dice = random.Random(5)
    everything, engine = facts(), Engine(POLICY)
    stored: Stored = {}
    published: dict[str, EpisodeRecord] = {}
    watermark, next_look, most_held, begun = 0, WARD.start + 24 * HOUR, 0, set()
    for place, (topic, fact) in enumerate(everything, 1):
        engine.apply(topic, fact, None)
        if topic != "alarms":
            continue
        watermark = max(watermark, fact.at)
        if place % 40 == 0:
            published |= {record.alarm_id: record for record in engine.advance(watermark)}
            most_held = max(most_held, engine.held)
        if dice.random() < 0.002:
            stored = store(engine, stored)
            engine = restore(stored, engine.outcome_counts, POLICY)
        if watermark >= next_look:
            next_look += 24 * HOUR
            begun.add(place)
            published |= {record.alarm_id: record for record in engine.advance(watermark)}
            reference, expected = fresh(everything[:place], watermark)
            assert_same(
                numbers(engine, POLICY),
                numbers(reference, POLICY),
            )
            assert published == expected
    assert len(begun) >= DAYS - 1, "the comparison took place"
    assert most_held < len(published) * 0.6, "old episodes were let go"
