"""Brokers for tests: one of each kind a session, started when the first test asks. A test uses
topics of its own.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from streams.dev.broker import ApacheKafka, BrokerError, EmbeddedBroker, prepare_jars
from tests.harness.needs import lacking, need


@pytest.fixture(scope="session")
def embedded_broker() -> Iterator[EmbeddedBroker]:
    try:
        broker = EmbeddedBroker()
        broker.start()
    except BrokerError as error:
        lacking(str(error))
    with broker:
        yield broker


@pytest.fixture(scope="session")
def apache_kafka() -> Iterator[ApacheKafka]:
    """Up for the whole session: a test that kills or pauses its broker starts its own."""
    with new_apache_kafka() as broker:
        yield broker


def new_apache_kafka() -> ApacheKafka:
    """A node of the test's own, not yet started; skips the test where Java or Maven are missing."""
    need("java")
    try:
        prepare_jars()
    except BrokerError as error:
        lacking(str(error))
    return ApacheKafka()
