"""How far a recomputation is, in figures and in words."""

from __future__ import annotations

import pytest

from analyzer import TOPICS, Engine, Policy
from analyzer.model.policy import HOUR, MINUTE
from streams.health.health import Health
from streams.partitions.partition import Partition
from streams.partitions.recomputing import Pace, Progress, Recomputing

NOW = 1_772_348_400_000


def under_way() -> Recomputing:
    one = Recomputing(NOW, fresh=True, emitted={"alarms": 90, "labels": 4})
    one.note("alarms", 50, [NOW - 26 * HOUR, NOW - 25 * HOUR])
    one.note("labels", 0, [-1])
    one.ends_at(dict.fromkeys(TOPICS, 0) | {"alarms": 150, "labels": 3})
    return one


def test_the_share_is_that_of_the_records_from_the_first_that_was_read() -> None:
    one = under_way()
    assert one.share({"alarms": 50}) == 0
    assert one.share({"alarms": 100, "labels": 1}) == 51 / 103
    assert one.share({"alarms": 150, "labels": 3}) == 0.99, "only its end is 1"
    assert Recomputing(NOW).share({}) == 0
    assert one.span == 26 * HOUR


def test_it_is_silent_up_to_what_was_emitted_and_over_at_the_ends() -> None:
    one = under_way()
    assert one.emitted == {"alarms": 90, "labels": 3}, "the topic was created anew and is shorter"
    assert one.is_silent({"alarms": 89, "labels": 3})
    assert not one.is_silent({"alarms": 90, "labels": 3})
    assert not one.is_over({"alarms": 149, "labels": 3})
    assert one.is_over({"alarms": 150, "labels": 3})


def test_a_restart_resumes_from_the_stored_time_to_the_present() -> None:
    one = under_way()
    again = Recomputing.read(one.stored(), NOW + HOUR)
    assert again is not None
    assert (again.until, again.ends, again.span) == (NOW + HOUR, None, 27 * HOUR)
    assert again.stored() == one.stored()
    assert not again.is_over({"alarms": 150, "labels": 3}), "where the inputs end is asked again"
    assert Recomputing.read(None, NOW) is None


def test_words() -> None:
    def says(share: float, span: int | None, fresh: bool = True) -> str:
        return Progress((0,), share, span, fresh, None, None).says

    rest = "; figures are incomplete until then"
    assert says(0.999, 7 * 24 * HOUR) == f"recomputing the last 7 days: 99 % done{rest}"
    assert says(0.43, 26 * HOUR) == f"recomputing the last 26 hours: 43 % done{rest}"
    assert (
        says(0, 40 * MINUTE, fresh=False) == f"catching up on the last 40 minutes: 0 % done{rest}"
    )
    assert says(0.5, MINUTE) == f"recomputing the last minutes: 50 % done{rest}"
    assert says(0.5, None) == f"recomputing: 50 % done{rest}"


def test_the_end_is_expected_at_the_pace_so_far() -> None:
    pace = Pace()
    assert pace.expected(0.2, 1000) is None
    assert pace.expected(0.201, 1010) is None
    assert pace.expected(0.4, 1020) == 1080
    assert pace.expected(0.1, 1030) is None, "another partition has begun"
    assert pace.expected(0.5, 1040) == 1052.5


@pytest.mark.parametrize(("length", "left"), [(26 * HOUR, {}), (5 * MINUTE, {"late": 1})])
def test_records_of_days_ago_were_not_refused_in_the_last_10_minutes(
    length: int, left: dict[str, int]
) -> None:
    one = Recomputing(NOW, since=NOW - length, reached=NOW)
    partition = Partition(0, 1, Engine(Policy()), {}, str, 1 << 20, recomputing=one)
    partition.engine.recent.begin(NOW)
    partition.engine.recent.refused("alarms", "late", None)

    def refused() -> dict[str, int]:
        health = Health.of([partition], NOW / 1000, NOW / 1000, {}, 1, 120_000, {})
        return dict(health.refused(""))

    assert refused() == {}
    partition.recomputed()
    assert refused() == left
