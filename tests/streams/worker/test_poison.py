"""The poison list on a real Apache Kafka: no record, batch or client stops, blinds or bloats a
worker for anybody else.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from aiokafka.record import MemoryRecords

from streams.dev.broker import ApacheKafka
from tests.chaos.live import Live, facility_on, partition_of, take_poisons
from tests.harness.poison import POISONS
from tests.harness.produce import CODECS, alarm, as_bytes, batch, produce
from tests.harness.workers import ends, new_topics

AT = 1_772_348_400_000


@pytest.mark.timeout(900)
def test_normal_alarms_are_counted_in_time_whatever_others_send(
    apache_kafka: ApacheKafka, tmp_path: Path
) -> None:
    with Live(apache_kafka, tmp_path) as live:
        take_poisons(live, POISONS)


def test_every_poison_has_a_name_and_says_what_it_is() -> None:
    names = [one.__name__ for one in POISONS]
    assert len(set(names)) == len(names) >= 19
    assert all(one.__doc__ for one in POISONS)


@pytest.mark.parametrize("codec", CODECS)
def test_batches_built_by_hand_are_what_brokers_take_and_clients_read(
    codec: str, apache_kafka: ApacheKafka
) -> None:
    new_topics(apache_kafka)
    pairs: Sequence[tuple[bytes | None, bytes | None]] = [
        (b"k", b"v"),
        (None, None),
        (b"", b"x" * 3000),
        (b"H", as_bytes(alarm("H", 1))),
    ]
    one = batch(pairs, codec, AT)
    produce(apache_kafka, "labels", 2, [one, one])
    assert ends(apache_kafka, ["labels"])["labels", 2] == 2 * len(pairs)
    found = list(MemoryRecords(one).next_batch())
    assert [(record.key, record.value, record.offset, record.timestamp) for record in found] == [
        (*pair, offset, AT) for offset, pair in enumerate(pairs)
    ]


def test_facilities_are_found_for_each_partition() -> None:
    assert [partition_of(facility_on(number, "P").encode(), 4) for number in range(4)] == [
        0,
        1,
        2,
        3,
    ]
    # from Kafka's own UtilsTest
    assert partition_of(b"21", 1000) == (-973_932_308 & 0x7FFFFFFF) % 1000
