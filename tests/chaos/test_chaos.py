"""Fault tests on real Kafka at doses that every run of the tests can afford; `make chaos` takes the
full ones (see `tests.chaos`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from streams.dev.broker import ApacheKafka
from tests.chaos.load import Mix, draw
from tests.chaos.reference import Reference, difference
from tests.chaos.scenarios import (
    Dose,
    Outcome,
    Scenario,
    aborts_between_joins,
    broker_outages,
    kills,
    run,
)
from tests.harness.brokers import new_apache_kafka

SMALL = Mix(hours=3)
SHUFFLED = Mix(hours=3, duplicates=0.5, shuffled=1.0, late=0.0, bad=0.0)
BAD = Mix(hours=3, bad=0.1)


@pytest.mark.parametrize(
    ("scenario", "dose"),
    [
        pytest.param(
            kills,
            Dose(seed=2, records=4_000, rate=1_000, faults=2, session="2s", mix=SHUFFLED),
            id="kills of shuffled records",
        ),
        pytest.param(
            aborts_between_joins,
            Dose(seed=4, records=3_000, rate=600, faults=1, session="2s", mix=BAD),
            id="joins with bad records",
        ),
    ],
)
def test_workers_and_records_suffer_and_no_number_changes(
    scenario: Scenario, dose: Dose, apache_kafka: ApacheKafka, tmp_path: Path
) -> None:
    assert_unharmed(run(scenario, dose, tmp_path, apache_kafka))


def assert_unharmed(outcome: Outcome) -> None:
    """Exact, and no worker had to end itself to get there."""
    assert (outcome.difference, outcome.ends) == (None, 0)


@pytest.fixture
def own_kafka() -> Iterator[ApacheKafka]:
    """One that may be killed."""
    broker = new_apache_kafka()
    try:
        yield broker
    finally:
        broker.close()


def test_the_broker_hangs_and_is_killed_and_no_number_changes(
    own_kafka: ApacheKafka, tmp_path: Path
) -> None:
    dose = Dose(seed=5, records=3_000, rate=1_000, faults=2, outage=3.0, session="2s", mix=SMALL)
    assert_unharmed(run(broker_outages, dose, tmp_path, own_kafka))


# --- the tests' own tools


def test_the_same_seed_gives_the_same_records_and_every_outcome() -> None:
    messages = draw(8, 6_000, BAD)
    assert messages == draw(8, 6_000, BAD)
    assert messages != draw(9, 6_000, BAD)
    assert [one.stamp for one in messages] == sorted(one.stamp for one in messages)
    outcomes = Counter(Reference(messages).outcomes)
    assert outcomes.keys() == {"accepted", "duplicate", "late", "malformed", "misrouted", "future"}
    bad = outcomes["malformed"] + outcomes["misrouted"] + outcomes["future"]
    assert 0.08 < bad / len(messages) < 0.12


def test_shuffling_inside_the_allowance_makes_nothing_late() -> None:
    messages = draw(8, 4_000, SHUFFLED)
    assert Counter(Reference(messages).outcomes).keys() == {"accepted", "duplicate"}


def test_the_truth_of_a_beginning_is_that_of_a_shorter_log() -> None:
    messages = draw(8, 3_000, SMALL)
    reference = Reference(messages)
    for count in (0, 1, len(messages) // 2, len(messages)):
        assert reference.truth(count) == Reference(messages[:count]).truth()


def test_one_number_off_is_a_difference_and_is_told() -> None:
    truth = {"a": 1.0, "b": 2.0}
    assert difference(dict(truth), truth, "burdens") is None
    assert (
        difference({"a": 1.0}, truth, "burdens")
        == "burdens: 1 missing, 0 too many, 0 different of 2; missing b = 2.0"
    )
    found = {"a": 1.0, "b": 2.0 + 2**-50, "c": 3.0}
    assert difference(found, truth, "burdens") == (
        "burdens: 0 missing, 1 too many, 1 different of 2; "
        "too many c = 3.0; b is 2.000000000000001 not 2.0"
    )
