"""Where the broker is probed."""

from __future__ import annotations

import pytest

from streams.kafka.probe import host_and_port


@pytest.mark.parametrize(
    ("address", "place"),
    [
        ("kafka-1:19092", ("kafka-1", 19092)),
        (" kafka ", ("kafka", 9092)),
        ("[::1]:9093", ("::1", 9093)),
        ("[::1]", ("::1", 9092)),
    ],
)
def test_the_broker_is_asked_at_its_bootstrap_address(address: str, place: tuple[str, int]) -> None:
    assert host_and_port(address) == place
