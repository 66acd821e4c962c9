"""Protected time and hours on duty, with every expected number computed by hand."""

from __future__ import annotations

from typing import Any

import pytest

from analyzer.model.facts import Fact
from tests.harness.facts import duty, ms
from tests.harness.workloads import H, M, of_ann, shown, to_ann


@pytest.mark.parametrize(
    ("posts", "starts", "ratio"),
    [
        # an hour of duty in (0, 60 min], now = 60 min
        ([(0, None)], [], 1),
        ([(0, None)], [20 * M], 1),
        ([(0, None)], [20 * M, 24 * M], 56 / 60),
        ([(0, None)], [20 * M, 25 * M], 1),  # exactly five minutes are enough
        ([(0, None)], [20 * M, 25 * M - 0.001], (60 * M - (5 * M - 0.001)) / (60 * M)),
        ([(0, None)], [20 * M, 20 * M], 1),  # two at the same time cut once
        ([(0, None)], [56 * M], 56 / 60),
        ([(0, None)], [*range(4 * M, 60 * M, 4 * M)], 0),
        # a gap between two duties is not on duty, and an alarm in it, or at its edge, cuts nothing
        ([(0, 10 * M), (20 * M, 40 * M)], [15 * M], 1),
        ([(0, 10 * M), (20 * M, 40 * M)], [10 * M, 20 * M, 40 * M], 1),
        ([(0, 10 * M), (20 * M, 40 * M)], [7 * M, 30 * M], 27 / 30),
        (
            [(0, 4 * M), (20 * M, 40 * M)],
            [],
            20 / 24,
        ),  # four minutes of duty are too short to be protected
        ([(0, 4 * M), (20 * M, 24 * M)], [], 0),
        # adjacent and overlapping duties are joined; an alarm start at the joint splits them
        ([(0, 4 * M), (4 * M, 8 * M)], [], 1),
        ([(0, 4 * M), (4 * M, 8 * M)], [4 * M], 0),
        ([(0, 4 * M), (3 * M, 8 * M)], [4 * M], 0),
        ([(0, 10 * M), (2 * M, 5 * M)], [], 1),
        # clipped to the window: begun before it, or going on after now
        ([(-H, 10 * M)], [-M, 0, 4 * M], 6 / 10),
        ([(57 * M, 90 * M), (0, 2 * M)], [], 0),
        # too little duty for a ratio
        ([(56 * M, None)], [], None),
        ([(55 * M, None)], [], 1),
        ([(0, 5 * M - 0.001)], [], None),
        ([(61 * M, None)], [], None),
        ([(30 * M, 30 * M)], [], None),
    ],
)
def test_protected_time_in_an_hour(posts: Any, starts: list[float], ratio: float | None) -> None:
    facts: list[Fact] = [
        duty("ann", begin, end, at=ms(-2 * H), bed=str(bed))
        for bed, (begin, end) in enumerate(posts)
    ]
    # the last alarm is at the end, so that she has a row
    facts += [*to_ann(*starts, lasting=0), duty("ann", -2 * H, -H, bed="8"), *to_ann(60 * M)]
    whole = {
        label: value
        for (name, label), value in shown(facts, 60 * M).items()
        if name == "alarm_fatigue_clinician_protected_ratio"
    }
    found = [value for label, value in whole.items() if ("window", "1h") in label]
    if ratio is None:
        assert found == []
    else:
        assert found == [pytest.approx(ratio, rel=1e-12)]


def test_protected_time_follows_the_charts_that_count() -> None:
    """A voided duty does not count, a replaced one counts as in its last record, and one charted
    late counts from then on.
    """
    facts: list[Fact] = [
        duty("ann", 0, 60 * M, assignment_id="x", at=ms(1)),
        duty("ann", 0, 20 * M, assignment_id="x", at=ms(2)),
        duty("ann", 30 * M, 60 * M, assignment_id="v", at=ms(1), bed="2"),
        duty("ann", 30 * M, 30 * M, assignment_id="v", at=ms(2), bed="2"),
        duty("ann", 40 * M, 60 * M, at=ms(70 * M), bed="3"),
        *to_ann(2 * M, 44 * M, 59 * M),
    ]
    assert of_ann(facts, 60 * M, "protected_ratio", window="1h") == 18 / 20
    assert of_ann(facts, 70 * M, "protected_ratio", window="2h") == (18 + 15) / 40


@pytest.mark.parametrize(
    ("posts", "hours"),
    [
        ([(0, None)], 8),
        ([(8 * H, None)], 0),
        ([(0, 8 * H)], None),  # over just now
        ([(0, 8 * H + 0.001)], 8),
        ([(0, 4 * H), (4.5 * H, None)], 8),  # half an hour's break
        ([(0, 4 * H), (4.5 * H + 0.001, None)], 3.5),
        ([(0, 4 * H), (7 * H, 8 * H)], None),
        ([(0, 4 * H), (4 * H, 7.9 * H)], None),  # off duty, though only for minutes
        ([(0, 7 * H), (2 * H, 3 * H), (7 * H, None)], 8),
        ([(0, 1 * H), (1.5 * H, 2 * H), (2.5 * H, None)], 8),
        ([(0, 6 * H), (6 * H, 6 * H), (7 * H, None)], 1),  # an empty duty bridges no gap
        ([(-100 * H, None)], 108),
        ([(9 * H, None)], None),
    ],
)
def test_hours_of_the_present_duty(posts: Any, hours: float | None) -> None:
    facts: list[Fact] = [
        duty("ann", begin, end, at=ms(-200 * H), bed=str(bed))
        for bed, (begin, end) in enumerate(posts)
    ]
    found = [
        v
        for (name, _), v in shown([*facts, *to_ann(8 * H)], 8 * H).items()
        if name == "alarm_fatigue_clinician_shift_hours"
    ]
    assert found == ([] if hours is None else [pytest.approx(hours, abs=1e-6)])
