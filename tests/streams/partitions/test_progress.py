"""The stall detector tells a worker that makes no progress from one that has nothing to do."""

from __future__ import annotations

from typing import Any

import pytest

from streams.partitions.progress import StallDetector, Standing

WELL = Standing(settled=True, restored=0, partitions=4, waiting=0, taken_in=10, answered=1.0)


def judged(*seen: tuple[float, Standing]) -> list[str | None]:
    watch = StallDetector(limit=60.0)
    return [watch.check(one, now) for now, one in seen]


def changed(**fields: Any) -> Standing:
    values = {name: getattr(WELL, name) for name in WELL.__slots__}
    return Standing(**(values | fields))


def test_a_worker_that_moves_or_has_nothing_to_do_is_left_alone() -> None:
    answered = [(float(second), changed(answered=second)) for second in range(0, 300, 30)]
    busy = [(300.0 + second, changed(waiting=5, taken_in=second)) for second in range(0, 300, 30)]
    restoring = [
        (600.0 + second, changed(settled=False, restored=second)) for second in range(0, 300, 30)
    ]
    spare = [(900.0 + second, changed(partitions=0, answered=None)) for second in range(0, 300, 30)]
    assert judged(*answered, *busy, *restoring, *spare) == [None] * 40


@pytest.mark.parametrize(
    ("still", "told"),
    [
        (changed(waiting=3), "records wait, and none is taken in"),
        (WELL, "no fetch is answered"),
        (changed(settled=False), "partitions or their state have not come"),
    ],
)
def test_a_worker_that_stands_still_is_told_from_the_limit_on_and_not_before(
    still: Standing, told: str
) -> None:
    assert judged((0.0, still), (60.0, still), (60.1, still)) == [None, None, told]


def test_each_kind_of_standing_still_is_counted_from_its_own_beginning() -> None:
    seen = [
        (0.0, changed(settled=False)),
        (50.0, changed(waiting=1)),
        (100.0, changed(waiting=1)),
        (111.0, changed(waiting=1)),
    ]
    assert judged(*seen) == [None, None, None, "records wait, and none is taken in"]


def test_a_stall_caused_by_the_broker_does_not_end_the_worker() -> None:
    watch = StallDetector(limit=60.0)
    assert [watch.check(WELL, now) for now in (0.0, 61.0)] == [None, "no fetch is answered"]
    watch.reset()
    assert [watch.check(WELL, now) for now in (62.0, 122.0, 123.0)] == [
        None,
        None,
        "no fetch is answered",
    ]
