"""Brokers with empty topics, for the tests of the worker."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from streams.dev.broker import Broker, EmbeddedBroker
from tests.harness.workers import new_topics


@pytest.fixture(params=["embedded", "apache"])
def broker(request: pytest.FixtureRequest) -> Iterator[Broker]:
    """A broker with the service's topics, all empty."""
    if request.param == "embedded":
        request.getfixturevalue("embedded_broker")  # skips the test where it cannot run
        with EmbeddedBroker() as own:
            new_topics(own)
            yield own
    else:
        shared: Broker = request.getfixturevalue("apache_kafka")
        new_topics(shared)
        yield shared


@pytest.fixture
def own_broker(embedded_broker: EmbeddedBroker) -> Iterator[EmbeddedBroker]:
    """An embedded broker for tests that do not depend on the kind of broker."""
    with EmbeddedBroker() as broker:
        new_topics(broker)
        yield broker
