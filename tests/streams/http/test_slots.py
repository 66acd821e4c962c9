"""Which connection gives way when all slots are taken."""

from __future__ import annotations

from typing import Any

import pytest

from streams.http.bounded_site import (
    RESERVED_CONNECTIONS,
    Connection,
    Slot,
    Slots,
    address_of,
    most_connections,
)
from streams.settings import SettingsError, load
from tests.harness.site import Site
from tests.harness.sockets import worker


class FakeConnection:
    """As much of a connection as slots look at."""

    def __init__(self, requests: int, busy: bool) -> None:
        self.requests, self.busy = requests, busy


def entered(slots: Slots, address: str, requests: int = 0, busy: bool = False) -> Slot:
    slot, _ = slots.enter(address)
    assert slot is not None
    slot.connection = FakeConnection(requests, busy)  # type: ignore[assignment]
    return slot


def test_the_oldest_without_a_request_goes_first_then_the_oldest_idle() -> None:
    slots = Slots(10, 3)
    scraper = entered(slots, "a", requests=5)
    first, second = entered(slots, "a"), entered(slots, "a")
    assert slots.enter("a")[1] is first
    assert slots.enter("a")[1] is second
    other = Slots(10, 2)
    busy, idle = entered(other, "a", requests=1, busy=True), entered(other, "a", requests=1)
    assert other.enter("a")[1] is idle
    assert busy in other.everyone()
    assert scraper in slots.everyone()


def test_of_all_addresses_the_one_with_the_most_connections_pays() -> None:
    slots = Slots(4, 4)
    entered(slots, "quiet")
    crowd = [entered(slots, "loud") for _ in range(3)]
    slot, victim = slots.enter("new")
    assert slot is not None
    assert victim is crowd[0]


def test_where_all_are_busy_a_reserve_answers_probes_and_is_bounded() -> None:
    slots = Slots(8, 8)
    for number in range(8):
        entered(slots, str(number), requests=1, busy=True)
    reserve = [slots.enter("new")[0] for _ in range(RESERVED_CONNECTIONS)]
    assert all(one is not None and one.probes_only for one in reserve)
    slot, victim = slots.enter("new")
    assert slot is not None
    assert victim is reserve[0]
    assert len(slots) == 8 + RESERVED_CONNECTIONS
    for one in slots.everyone():
        one.connection = FakeConnection(1, busy=True)  # type: ignore[assignment]
    assert slots.enter("new") == (None, None)


def test_the_reserve_answers_no_page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        Connection, "probes_only", property(lambda _: True, lambda *_: None), raising=False
    )
    with Site(worker()) as full:
        assert [full.get(path).status for path in ("/healthz", "/ready", "/metrics", "/")] == [
            200,
            200,
            503,
            503,
        ]


@pytest.mark.parametrize(
    ("wanted", "descriptors", "most"),
    [(256, 1024, 256), (1000, 1024, 880), (256, 64, 8), (256, 200, 56), (256, 1 << 20, 256)],
)
def test_descriptors_are_kept_for_kafka(wanted: int, descriptors: int, most: int) -> None:
    assert most_connections(wanted, descriptors) == most


def test_addresses_are_counted_as_one_client_has_them() -> None:
    assert address_of(("10.0.0.7", 1)) == address_of(("::ffff:10.0.0.7", 2, 0, 0)) == "10.0.0.7"
    assert (
        address_of(("2001:db8::1", 1, 0, 0))
        == address_of(("2001:db8::ffff:0:2", 1, 0, 0))
        == "2001:db8::"
    )
    assert address_of(("fe80::1%eth0", 1, 0, 2)) == "fe80::"
    assert address_of("") == ""


@pytest.mark.parametrize(
    ("settings", "error"),
    [
        (
            {"header_timeout": "0s"},
            "web: header_timeout, idle_timeout: expected 100ms to 10m, and 1s to 1h",
        ),
        ({"max_connections": 1}, "web.max_connections: .*"),
        ({"max_connections_per_address": 0}, "web.max_connections_per_address: .*"),
    ],
)
def test_bounds_that_cannot_be_are_refused(settings: dict[str, Any], error: str) -> None:
    with pytest.raises(SettingsError, match=f"^{error}$"):
        load(None, web=settings)
