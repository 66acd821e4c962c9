"""Overload policies and staffed wards, for tests of overload states."""

from __future__ import annotations

from hypothesis import strategies as st

from analyzer import AlarmEvent, Assignment, Fact, Policy, Response
from analyzer.model.policy import (
    HOUR,
    MINUTE,
    Level,
    Levels,
    OverloadPolicy,
    ReliefPolicy,
)
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

ROOMY = OverloadPolicy(
    every=5 * MINUTE,
    hold=0,
    cool_down=10 * MINUTE,
    alarms_1h=Levels(Level(3, 2)),
    protected_1h=Levels(Level(0.5, 0.6)),
    unanswered=Levels(Level(3, 1)),
    protected_duty=10 * MINUTE,
    units={"nicu": {"beds": Levels(elevated=Level(2, 2)), "protected_1h": Levels()}},
)
"""With it, a few alarms strain one clinician while another could take a bed."""

POLICIES = [
    *(Policy(horizon=10 * 24 * HOUR, overload=one) for one in (SENSITIVE, PROMPT)),
    Policy(horizon=10 * 24 * HOUR, overload=ROOMY, relief=ReliefPolicy(least_alarms=1)),
]

DAY_SHIFT = [(unit, bed, who) for who in ("ann", "bob", "cyd") for unit, bed in PLACES]


BUSY_BEDS = (("icu", "1"), ("icu", "1"), ("icu", "2"), ("icu", "3"), ("icu", "4"), ("nicu", "1"))
SHIFTS = (
    ("ann", "icu", "1"),
    ("ann", "icu", "2"),
    ("ann", "icu", "3"),
    ("bob", "icu", "4"),
    ("cyd", "icu", "5"),
    ("bob", "nicu", "1"),
    ("cyd", "icu", "2"),
    ("dee", "icu", "6"),
    ("dee", "nicu", "2"),
)


@st.composite
def uneven(draw: st.DrawFn) -> list[Fact]:
    """Wards in which most alarms come from the beds of ann, and others may have room for one of
    them.
    """
    facts: list[Fact] = []
    posts = draw(st.lists(st.sampled_from(SHIFTS), unique=True, min_size=4))
    for number, (who, unit, bed) in enumerate(posts):
        start = BASE + draw(st.sampled_from([0, 0, 0, 0, HOUR]))
        # perhaps charted again, with another acuity, role or end
        again = draw(st.sampled_from([1, 1, 1, 1, 2]))
        facts += [
            Assignment(
                event_id=f"s{number}-{record}",
                assignment_id=f"s{number}",
                facility=FACILITY,
                unit=unit,
                bed=bed,
                clinician=who,
                start=start,
                end=draw(st.sampled_from([None, None, None, BASE + 3 * HOUR])),
                at=start + record * HOUR,
                role=draw(st.sampled_from(["nurse", "nurse", "nurse", "nurse", None, "charge"])),
                acuity=draw(st.sampled_from([1.0, 1.0, 1.0, None, 0.5, 2.0, 0.1])),
            )
            for record in range(again)
        ]
    for number, ((unit, bed), minute, length, recipients, answer) in enumerate(
        draw(
            st.lists(
                st.tuples(
                    st.sampled_from(BUSY_BEDS),
                    st.integers(0, 36),
                    st.sampled_from([0, 1, 1, 30, None]),
                    st.sampled_from([None, None, None, ("bob",), ("ann", "cyd")]),
                    st.sampled_from([None, 1, 20]),
                ),
                min_size=6,
                max_size=24,
            )
        )
    ):
        start = BASE + HOUR + minute * 5 * MINUTE
        ends = [] if length is None else [("end", start + length * MINUTE)]
        for phase, at in [("start", start), *ends]:
            facts.append(
                AlarmEvent(
                    event_id=f"a{number}-{phase}",
                    alarm_id=f"a{number}",
                    phase=phase,  # type: ignore[arg-type]
                    at=at,
                    facility=FACILITY,
                    unit=unit,
                    bed=bed,
                    device_id=f"m{bed}",
                    device_type="monitor",
                    code="MDC_EVT_LO",
                    kind="physiological",
                    priority="medium",
                    recipients=recipients,
                )
            )
        if answer is not None:
            facts.append(
                Response(
                    event_id=f"r{number}",
                    facility=FACILITY,
                    at=start + answer * MINUTE,
                    action="attend",
                    alarm_id=f"a{number}",
                )
            )
    return facts


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
                role=draw(st.sampled_from(["nurse", "nurse", "nurse", None, "charge"])),
                acuity=draw(st.sampled_from([1.0, 1.0, None, 0.5, 2.0])),
            )
        )
    return facts
