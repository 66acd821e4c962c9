"""What a worker says about its own numbers: facts of the last minutes, and sentences that follow
from them.
"""

from __future__ import annotations

import pytest

from analyzer import Engine, Policy
from analyzer.pipeline.recent import DEVICE_TYPES, OTHER
from streams.health.health import Health
from streams.health.summary import currency
from streams.health.transactions import End, OpenTransactions
from streams.kafka.slices import Slice
from streams.partitions.partition import Partition
from tests.harness.health import event
from tests.harness.site import FakeWorker, Site, simulated

NOW = 1_772_350_200_000
MINUTE = 60_000


class Feed:
    """A partition, and records read into it one slice at a time, stamped when they are read."""

    def __init__(self, partitions: int = 1) -> None:
        self.partition = Partition(0, partitions, Engine(Policy()), {}, str, 1 << 20)
        self._offset = 0

    def read(self, values: list[bytes], now: int = NOW, key: bytes = b"HC") -> None:
        offsets = [*range(self._offset, self._offset + len(values))]
        self._offset += len(values)
        stamps = [now] * len(values)
        self.partition.take_slice(
            Slice(
                "alarms",
                0,
                offsets,
                stamps,
                [key] * len(values),
                [*values],
                offsets[0],
                self._offset,
            ),
            now,
        )

    def health(self, now: int = NOW, max_ahead: int | None = 2 * MINUTE) -> Health:
        counts = {"alarms": 1}
        return Health.of([self.partition], now / 1000, now / 1000, counts, 1, max_ahead, {})  # type: ignore[arg-type]


def clocks_off() -> Feed:
    """Twenty alarms at the right time, and three times twenty of devices whose clocks are wrong."""
    feed, number = Feed(), 0
    for minutes, device_type in (
        (0, "monitor"),
        (-11, "ventilator"),
        (-60, "infusion_pump"),
        (60, "bed_side"),
    ):
        feed.read(
            [event(number + one, NOW + minutes * MINUTE + one, device_type) for one in range(20)]
        )
        number += 20
    return feed


def test_three_quarters_of_a_hospital_refused_are_said_and_their_devices_named() -> None:
    health = clocks_off().health()
    since = "the 1 s since the worker started"
    assert [one.says for one in health.warned()] == [
        f"HC: 20 of 80 alarm events counted in {since}; 60 refused: 40 late, 20 from the future",
        "HC: devices of type bed_side are 60 min ahead: the change between summer and "
        "winter time was missed",
        "HC: devices of type infusion_pump are 60 min behind: the change between summer "
        "and winter time was missed, "
        "or events are stored and forwarded",
        "HC: devices of type ventilator are 11 min behind: their clock is wrong, or events "
        "are stored and forwarded",
    ]
    told = currency({"HC": 0.0}, None, health, 0)
    assert told.state == "incomplete"
    assert "60 refused: 40 late, 20 from the future" in told.says


def test_records_read_more_than_ten_minutes_ago_no_longer_count() -> None:
    feed = clocks_off()
    assert sum(feed.health(NOW + 9 * MINUTE).recent.values()) == 80
    assert not feed.health(NOW + 10 * MINUTE).recent
    assert not feed.health(NOW + 10 * MINUTE).offsets
    feed.read([event(1000, NOW + 10 * MINUTE)], NOW + 10 * MINUTE)
    assert feed.health(NOW + 10 * MINUTE).recent == {("HC", "alarms", "accepted"): 1}


def test_hourly_chunks_are_told_from_a_clock_that_is_off() -> None:
    feed = Feed()
    feed.read([event(number, NOW - number * MINUTE, "infusion_pump") for number in range(60)])
    (says,) = (one.says for one in feed.health().warned() if "infusion_pump" in one.says)
    assert "arrive unevenly, half of them more than 30 min after they happened" in says


def test_malformed_and_misrouted_records_count_for_the_facility_of_their_key_if_it_is_known() -> (
    None
):
    feed = Feed(partitions=4)
    feed.read([event(1, NOW)])
    feed.read([b"{", event(2, NOW, facility="HX")])
    feed.read([b"["], key=b"never heard of")
    recent = feed.health().recent
    assert recent == {
        ("HC", "alarms", "accepted"): 1,
        ("HC", "alarms", "malformed"): 1,
        ("HC", "alarms", "misrouted"): 1,
        ("", "alarms", "malformed"): 1,
    }


def test_device_types_are_bounded_and_the_others_are_one() -> None:
    feed = Feed()
    for kind in range(100):
        feed.read([event(kind * 10 + one, NOW, f"type-{kind:03}") for one in range(5)])
    types = [one.device_type for one in feed.health().offsets]
    assert len(types) == DEVICE_TYPES + 1
    assert OTHER in types


def test_a_watermark_ahead_of_the_clock_is_named_and_only_by_the_wall_clock() -> None:
    feed = Feed()
    feed.read([event(1, NOW + 50 * MINUTE)], NOW + 50 * MINUTE)
    health = feed.health()
    assert health.ahead == {"HC": 3000.0}
    assert health.not_ready is None
    assert health.warned()[0].says.startswith(
        "HC: an alarm event was dated 50 min ahead of the clock"
    )
    assert not feed.health(max_ahead=None).ahead


@pytest.mark.parametrize(
    ("health", "reason"),
    [
        (Health(now=100.0, answered_at=None), "the broker has not answered yet"),
        (Health(now=100.0, answered_at=85.0), None),
        (Health(now=100.0, answered_at=84.0), "the broker has not answered for 16 s"),
        (Health(now=1.0, answered_at=1.0, counts={"alarms": 4, "labels": 4}, partitions=4), None),
        (
            Health(now=1.0, answered_at=1.0, counts={"alarms": 8, "labels": 4}, partitions=4),
            "the inputs must have equally many partitions, but have: alarms 8, labels 4",
        ),
        (
            Health(now=1.0, answered_at=1.0, counts={"alarms": 8, "labels": 8}, partitions=4),
            "the inputs have 8 partitions, of which this group reads 4: start a new group",
        ),
    ],
)
def test_a_worker_is_ready_by_facts_alone(health: Health, reason: str | None) -> None:
    assert health.not_ready == reason
    worker = FakeWorker(simulated())
    worker.condition = health
    with Site(worker) as site:
        answer = site.get("/ready")
    assert (answer.status, answer.body.decode()) == (
        (503, f"{reason}\n") if reason else (200, "ready\n")
    )


def test_one_facility_ahead_leaves_the_worker_ready_and_is_named_by_it() -> None:
    worker = FakeWorker(simulated())
    worker.condition = Health(now=1.0, answered_at=1.0, ahead={"H01": 3000.0})
    with Site(worker) as site:
        answer = site.get("/ready")
    assert answer.status == 200
    assert answer.body.decode().startswith(
        "ready\nH01: an alarm event was dated 50 min ahead of the clock"
    )


def end(stable: int, uncommitted: int, next_offset: int | None = None) -> End:
    return End("alarms", 3, stable if next_offset is None else next_offset, stable, uncommitted)


def test_a_transaction_that_stays_open_is_timed_and_short_ones_are_not() -> None:
    seen = OpenTransactions()
    for second in range(60):  # a producer that commits all the time
        seen.update([end(stable=second, uncommitted=5)], float(second))
        assert seen.seconds() == {("alarms", 3): 0.0}
    for second in range(60, 100):
        seen.update([end(stable=60, uncommitted=second)], float(second))
    assert seen.seconds() == {("alarms", 3): 39.0}
    seen.update([end(stable=200, uncommitted=0)], 100.0)
    assert seen.seconds() == {("alarms", 3): 0.0}
    seen.update([], 101.0)
    assert seen.seconds() == {}


def test_a_worker_with_more_to_read_is_not_held_back_and_a_silent_broker_lets_no_time_pass() -> (
    None
):
    seen = OpenTransactions()
    for second in range(50):
        seen.update([end(stable=100, uncommitted=7, next_offset=60)], float(second))
    assert seen.seconds() == {("alarms", 3): 0.0}
    for answered in (50.0, 55.0, 55.0, 55.0):
        seen.update([end(stable=100, uncommitted=7)], answered)
    assert seen.seconds() == {("alarms", 3): 5.0}


def test_a_transaction_open_for_long_is_named_by_the_page_and_by_a_worker_that_stays_ready() -> (
    None
):
    held = {("alarms", 1): 31.0, ("alarms", 3): 180.0, ("labels", 0): 29.0}
    health = Health(now=1.0, answered_at=1.0, held_back=held)
    says = (
        "topic alarms: a producer's transaction has been open for 3 min (partition 3 and 1 more); "
        "records sent since then are counted only after it ends"
    )
    assert [one.says for one in health.warned()] == [says]
    told = currency({"H01": 0.0}, None, health, 4)
    assert (told.state, told.says) == ("incomplete", f"{says}; the broker answered 0 s ago")
    worker = FakeWorker(simulated())
    worker.condition = health
    with Site(worker) as site:
        answer = site.get("/ready")
    assert (answer.status, answer.body.decode()) == (200, f"ready\n{says}\n")


def test_records_behind_an_open_transaction_are_not_called_counted() -> None:
    worker = FakeWorker(simulated())
    worker.condition = Health(now=1.0, answered_at=1.0)
    worker.uncommitted = 4
    with Site(worker) as site:
        assert (
            "and 4 of its records wait to be counted"
            in site.get("/api/v1/units").json["currency"]["says"]
        )


def test_nothing_is_claimed_from_silence() -> None:
    for answered in (None, 980.0):
        health = Health(now=1000.0, answered_at=answered)
        assert "all records" not in currency({"H": 0.0}, health.not_ready, health, 0).says
    unknown = Health(now=1000.0, answered_at=1000.0)
    assert currency({"H": 0.0}, None, unknown, None).state == "behind"
    assert "3 of its records wait to be counted" in currency({"H": 0.0}, None, unknown, 3).says


def test_facilities_that_cannot_be_measured_are_said_in_words() -> None:
    health = Health(now=1.0, answered_at=1.0, unmeasured=1)
    assert [one.says for one in health.warned()] == [
        "the numbers of 1 facility could not be computed and are not shown"
    ]
    assert currency({"H01": 0.0}, None, health, 0).state == "incomplete"


def test_losses_are_stated_in_words() -> None:
    health = Health(
        now=1.0, answered_at=1.0, losses={"unreadable_batches": {"alarms": 2, "labels": 0}}
    )
    assert [one.says for one in health.warned()] == [
        "2 batches of records could not be read and were skipped (topic alarms)"
    ]
