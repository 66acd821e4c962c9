"""Overload policies and staffed wards, for tests of overload states."""

from __future__ import annotations

from hypothesis import strategies as st

from analyzer import Assignment, Fact, Policy
from analyzer.model.policy import HOUR, MINUTE, Level, Levels, OverloadPolicy
from tests.harness.strategies import wards
from tests.harness.ward_values import BASE, FACILITY, PLACES

SENSITIVE = OverloadPolicy(
    every=10 * MINUTE,
    hold=10 * MINUTE,
    cool_down=20 * MINUTE,
    alarms_10m=Levels(overloaded=Level(3, 1)),
    alarms_1h=Levels(Level(1, 0), Level(5, 2)),
    protected_1h=Levels(Level(0.95, 0.97), Level(0.5, 0.9)),
    unanswered=Levels(Level(0, 0), Level(2, 1)),
    beds=Levels(elevated=Level(1, 1)),
    protected_duty=10 * MINUTE,
    units={
        "nicu": {"unanswered": Levels(Level(1, 0)), "beds": Levels()},
        "F/icu": {"alarms_10m": Levels(overloaded=Level(2, 2))},
    },
)
"""With it, small wards reach every state by every measure."""

PROMPT = OverloadPolicy(
    every=5 * MINUTE, hold=0, cool_down=0, alarms_1h=Levels(Level(2, 1)), beds=Levels(Level(4, 3))
)

POLICIES = [Policy(horizon=10 * 24 * HOUR, overload=one) for one in (SENSITIVE, PROMPT)]

DAY_SHIFT = [(unit, bed, who) for who in ("ann", "bob", "cyd") for unit, bed in PLACES]


@st.composite
def staffed(draw: st.DrawFn) -> list[Fact]:
    """A ward whose beds are assigned for most of the day, often to several clinicians."""
    facts = draw(wards())
    for number, (unit, bed, who) in enumerate(
        draw(st.lists(st.sampled_from(DAY_SHIFT), unique=True, max_size=8))
    ):
        start = BASE + draw(st.sampled_from([0, 0, 0, HOUR, 7 * MINUTE]))
        end = draw(st.sampled_from([None, start + 12 * HOUR, start + 3 * HOUR]))
        id_ = f"day-{number}"
        facts.append(
            Assignment(
                event_id=id_,
                assignment_id=id_,
                facility=FACILITY,
                unit=unit,
                bed=bed,
                clinician=who,
                start=start,
                end=end,
                at=start + draw(st.sampled_from([0, -HOUR, HOUR])),
            )
        )
    return facts
