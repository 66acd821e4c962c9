"""The states of a unit over 24 hours: those of the oracle at every minute, without gaps."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer import STATES, TREND_HOURS, Engine
from analyzer.model.policy import HOUR, MINUTE
from analyzer.overload import Phase, phases
from tests.harness.engines import Stored, feed, restore, store
from tests.harness.hospitals import NINE, Hospital, storm
from tests.harness.policies import POLICIES, staffed
from tests.harness.strategies import deliveries, nows
from tests.oracle import overload as oracle

DAY = 24 * HOUR
NORMAL, ELEVATED, OVERLOADED = range(3)


@given(st.data())
def test_every_minute_has_the_state_of_the_oracle(data: st.DataObject) -> None:
    policy, facts = data.draw(st.sampled_from(POLICIES)), data.draw(staffed())
    now = data.draw(nows(facts))
    engine = Engine(policy)
    feed(engine, data.draw(deliveries(facts)))
    engine.advance(now)
    again = restore(store(engine, Stored()), {}, policy)
    again.advance(now)
    status = engine.status()
    changes = oracle.changes(facts, now, policy)
    for restored in (status, again.status()):
        assert restored.unit_changes == status.unit_changes
    for facility, unit in {*status.trends, *status.unit_changes}:
        since = status.known_since.get(facility)
        found = phases(status.unit_changes.get((facility, unit), ()), now, since)
        assert [one.end for one in found[:-1]] == [one.begin for one in found[1:]]
        for one in found:
            for at in range(one.begin, one.end, MINUTE):
                assert STATES[one.state] == oracle.state_at(changes, unit, at)


@pytest.mark.parametrize(
    ("changes", "known_since", "expected"),
    [
        ((), None, []),
        ((), DAY, []),
        ((), 0, [(NORMAL, 0, DAY)]),
        ((), DAY - HOUR, [(NORMAL, DAY - HOUR, DAY)]),
        (((-HOUR, OVERLOADED),), -2 * HOUR, [(OVERLOADED, 0, DAY)]),
        (((-HOUR, OVERLOADED), (0, NORMAL)), -2 * HOUR, [(NORMAL, 0, DAY)]),
        (
            ((HOUR, ELEVATED), (2 * HOUR, OVERLOADED), (DAY, NORMAL)),
            0,
            [(NORMAL, 0, HOUR), (ELEVATED, HOUR, 2 * HOUR), (OVERLOADED, 2 * HOUR, DAY)],
        ),
    ],
)
def test_phases_fill_what_is_known_of_24_hours(
    changes: list[tuple[int, int]], known_since: int | None, expected: list[Phase]
) -> None:
    assert phases(changes, DAY, known_since) == expected


def test_the_state_of_24_hours_ago_follows_from_a_change_before() -> None:
    hospital = Hospital()
    hospital.assign("ann", "1")
    for day in range(3):
        storm(hospital, NINE + day * DAY, minutes=20, every=20 * 1000)
        hospital.run(NINE + day * DAY + HOUR)
    now = NINE + 2 * DAY + HOUR
    status = hospital.engine.status()
    changes = status.unit_changes["H", "ICU"]
    assert len(changes) <= 6, "of the last 26 hours only"
    found = phases(changes, now, status.known_since["H"])
    assert found[0].begin == now - TREND_HOURS * HOUR
    assert [one.state for one in found] == [OVERLOADED, ELEVATED, NORMAL, OVERLOADED]
    assert found[-1].end == now
