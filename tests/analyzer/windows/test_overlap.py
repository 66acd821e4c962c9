"""Alarms that begin while another one of the same clinician waits."""

from __future__ import annotations

import pytest

from analyzer.model.facts import Fact
from tests.harness.facts import alarm, duty, response
from tests.harness.workloads import H, M, of_ann


@pytest.mark.parametrize(
    ("facts", "count"),
    [
        ([*alarm("a", 0, 60), *alarm("b", 30, 40)], 1),
        ([*alarm("a", 0, 30), *alarm("b", 30, 40)], 0),
        ([*alarm("a", 0), *alarm("b", 30, 40), *alarm("c", 50)], 2),
        # answered at the same time
        ([*alarm("a", 0), *alarm("b", 30), response(30, alarm_id="a")], 0),
        ([*alarm("a", 0), *alarm("b", 30), response(30.001, alarm_id="a")], 1),
        ([*alarm("a", 0), *alarm("b", 30), response(-9, alarm_id="a")], 0),
        ([*alarm("a", 0, 60), *alarm("b", 30, 40), *alarm("c", 50, priority="info")], 1),
        # at the same time: one of them is the first
        ([*alarm("a", 0, 9), *alarm("b", 0, 9), *alarm("c", 0, 9)], 2),
        ([*alarm("a", 0, 0), *alarm("b", 0, 9)], 1),
        ([*alarm("b", 0, 0), *alarm("a", 0, 9)], 1),  # for any ids
        ([*alarm("a", 0, 0), *alarm("b", 0, 0)], 0),  # neither goes on
        ([*alarm("a", -90 * M), *alarm("b", 30, 40)], 1),  # however long it has waited
        # the first two started before the window
        ([*alarm("a", -50 * M, -49 * M), *alarm("b", -50 * M, 5), *alarm("c", 4)], 1),
    ],
)
def test_alarms_that_begin_while_another_is_unanswered_are_counted(
    facts: list[Fact], count: int
) -> None:
    """In the hour before 10 min, all at ann's bed."""
    assert of_ann([duty("ann", -2 * H), *facts], 10 * M, "overlapping_alarms", window="1h") == count


def test_alarms_of_others_do_not_add_to_a_clinicians_exposure() -> None:
    assert (
        of_ann(
            [duty("ann", 0), *alarm("a", 1), *alarm("b", 2, bed="2")],
            10 * M,
            "overlapping_alarms",
            window="1h",
        )
        == 0
    )
