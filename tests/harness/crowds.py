"""Random alarms that follow each other closely, most of them with a verdict."""

from __future__ import annotations

from dataclasses import replace
from typing import cast

from hypothesis import strategies as st

from analyzer import Fact, FindingsPolicy, Policy
from analyzer.model.facts import AlarmEvent, Kind, Label, Priority, Verdict
from analyzer.model.policy import HOUR, MINUTE, SECOND
from tests.harness.ward_values import BASE, FACILITY

LENIENT = FindingsPolicy(
    min_classified=2, driving_share=0.1, sparing_share=0.3, slow_answer=MINUTE, hugging=0.06
)
POLICIES = st.builds(
    lambda findings: Policy(horizon=10 * 24 * HOUR, findings=findings),
    st.sampled_from(
        (
            FindingsPolicy(),
            LENIENT,
            replace(LENIENT, min_classified=0, driving_share=0.0, sparing_share=0.0),
            replace(
                LENIENT, duplicate_within=0, stale=3 * HOUR, standing=0, slow_answer=0, hugging=0.0
            ),
            replace(LENIENT, duplicate_within=2 * HOUR, stale=0, min_classified=5),
        )
    ),
)


TYPES: tuple[tuple[str, str, Kind], ...] = (
    ("SpO2", "LO", "physiological"),
    ("SpO2", "DESAT", "physiological"),
    ("HR", "HI", "physiological"),
    ("ECG", "LEADS_OFF", "technical"),
    ("ABP", "HI", "physiological"),
)
_CROWDED = st.tuples(
    st.sampled_from(
        (
            0,
            0,
            1,
            5 * SECOND - 1,
            5 * SECOND,
            5 * SECOND + 1,
            20 * SECOND,
            30 * SECOND,
            30 * SECOND + 1,
            MINUTE,
        )
    ),  # after the last
    # duration
    st.sampled_from((0, 0, 1, 5 * SECOND, 15 * SECOND - 1, 15 * SECOND, 30 * SECOND, MINUTE, None)),
    st.sampled_from((0, 0, 0, 1, 1, 2, 2, 4, 4, 3)),  # type
    st.sampled_from(("1", "1", "1", "2")),  # bed
    st.sampled_from(("mon-1", "mon-1", "mon-1", "mon-2")),
    st.sampled_from(("low", "medium", "medium", "high")),
    st.sampled_from((None, "non_actionable", "non_actionable", "non_actionable", "actionable")),
    st.sampled_from(
        ((None, None), (86.0, 90.0), (84.6, 90.0), (126.0, 120.0), (1.0, 0.0), (-94.5, -90.0))
    ),
)


@st.composite
def crowds(draw: st.DrawFn) -> list[Fact]:
    """Alarms in close succession at two beds, most with a verdict; ids are not in order of time."""
    facts: list[Fact] = []
    start = BASE
    for number, (gap, lasts, type_, bed, device, priority, verdict, (value, limit)) in enumerate(
        draw(st.lists(_CROWDED, min_size=3, max_size=25))
    ):
        start += gap
        source, code, kind = TYPES[type_]
        alarm_id = f"a{(number * 7) % 26:02d}"
        ward = {
            "facility": FACILITY,
            "unit": "icu",
            "bed": bed,
            "device_id": device,
            "device_type": "monitor",
            "source": source,
            "code": code,
        }
        event = AlarmEvent(
            event_id=f"{alarm_id}s",
            alarm_id=alarm_id,
            phase="start",
            at=start,
            kind=kind,
            priority=cast("Priority", priority),
            value=value,
            limit=limit,
            **ward,
        )
        facts.append(event)
        if lasts is not None:
            facts.append(
                replace(
                    event,
                    event_id=f"{alarm_id}e",
                    phase="end",
                    at=start + lasts,
                    value=None,
                    limit=None,
                )
            )
        if verdict is not None:
            facts.append(
                Label(
                    event_id=f"l{number}",
                    facility=FACILITY,
                    alarm_id=alarm_id,
                    verdict=cast("Verdict", verdict),
                    at=start,
                )
            )
    return facts
