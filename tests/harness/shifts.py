"""Random busy shifts for hypothesis: bursts of alarms at posts that change."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate

from hypothesis import strategies as st

from analyzer.model.facts import AlarmEvent, Assignment, Fact, Response
from analyzer.model.policy import HOUR, MINUTE, SECOND
from tests.harness.ward_values import (
    ACTIONS,
    BASE,
    FACILITY,
    FLEETING,
    PLACE,
    PLACES,
    PRIORITIES,
    TYPES,
    scrambled,
)

STEP = 5 * MINUTE  # so that hand-overs, starts, pieces of duty and the edges of floods coincide
STEPS = 30


@dataclass(frozen=True)
class _Burst:
    step: int
    nudge: int
    gap: int
    count: int
    tail: int  # so many more, `tail_gap` after each other, that keep a flood alive or do not quite
    tail_gap: int
    length: int | None
    place: int
    type: int
    same_device: bool
    recipients: tuple[str, ...] | None
    answered: tuple[int, ...]  # ms after the start, of the first of them, in rotation


@dataclass(frozen=True)
class _Post:
    assignment: int
    place: int
    clinician: str
    step: int
    nudge: int
    steps: int | None
    recorded: int


_BURST = st.builds(
    _Burst,
    step=st.integers(0, STEPS),
    nudge=st.sampled_from((0, 0, 0, 1, -1)),
    gap=st.sampled_from(
        (
            0,
            1,
            20 * SECOND,
            30 * SECOND,
            30 * SECOND + 1,
            MINUTE,
            MINUTE,
            2 * MINUTE,
            2 * MINUTE + 1,
            STEP,
            2 * STEP,
        )
    ),
    count=st.sampled_from((1, 2, 3, 3, 4, 5, 6, 10, 11, 12, 22, 65)),
    tail=st.sampled_from((0, 0, 0, 4, 6, 12)),
    tail_gap=st.sampled_from(
        (2 * MINUTE, 2 * MINUTE, 2 * MINUTE + 1, 2 * MINUTE - 1, MINUTE, STEP)
    ),
    length=st.sampled_from(
        (0, 0, 1, 10 * SECOND, FLEETING, 30 * SECOND, MINUTE, 3 * MINUTE, HOUR, None)
    ),
    place=PLACE,
    type=st.sampled_from((0, 0, 0, 1, 3)),
    same_device=st.sampled_from((True, True, False)),
    recipients=st.sampled_from((None, None, ("ann",), ("cyd", "dee"))),
    answered=st.lists(st.sampled_from((0, 1, 10 * SECOND, MINUTE, -1, STEP)), max_size=3).map(
        tuple
    ),
)
_POST = st.builds(
    _Post,
    assignment=st.integers(0, 6),
    place=PLACE,
    clinician=st.sampled_from(("ann", "bob")),
    step=st.integers(0, STEPS),
    nudge=st.sampled_from((0, 0, 0, 1, -1)),
    steps=st.sampled_from((1, 1, 2, 6, 6, 7, 12, 24, None, None, 0, -1)),
    recorded=st.sampled_from((0, -HOUR, STEP, 2 * HOUR)),
)


def shifts() -> st.SearchStrategy[list[Fact]]:
    """Like `wards`, for statistics by the minute: floods, chatter, duty, breaks, overlapping
    alarms.
    """
    return st.builds(
        _shift, st.lists(_BURST, min_size=1, max_size=5), st.lists(_POST, min_size=1, max_size=8)
    )


def _shift(bursts: list[_Burst], posts: list[_Post]) -> list[Fact]:
    facts: list[Fact] = []
    for number, burst in enumerate(bursts):
        device_type, source, code, kind = TYPES[burst.type]
        unit, bed = PLACES[burst.place]
        gaps = [burst.gap] * burst.count + [burst.tail_gap] * burst.tail
        for nth, start in enumerate(
            accumulate(gaps[:-1], initial=BASE + burst.step * STEP + burst.nudge)
        ):
            alarm_id = f"b{number}.{scrambled(nth % 10)}.{nth}"
            for phase, at in (
                ("start", start),
                ("end", None if burst.length is None else start + burst.length),
            ):
                if at is not None:
                    facts.append(
                        AlarmEvent(
                            event_id=f"{alarm_id}/{phase}",
                            alarm_id=alarm_id,
                            phase=phase,
                            at=at,
                            facility=FACILITY,
                            unit=unit,
                            bed=bed,
                            device_id="dev-1" if burst.same_device else f"dev-{burst.place}",
                            device_type=device_type,
                            code=code,
                            kind=kind,
                            priority=PRIORITIES[nth % 3],
                            source=source,
                            recipients=burst.recipients,
                        )
                    )
            if nth < len(burst.answered):
                facts.append(
                    Response(
                        event_id=f"r{alarm_id}",
                        facility=FACILITY,
                        at=start + burst.answered[nth],
                        action=ACTIONS[nth],
                        alarm_id=alarm_id,
                    )
                )
    for number, post in enumerate(posts):
        unit, bed = PLACES[post.place]
        start = BASE + post.step * STEP + post.nudge
        facts.append(
            Assignment(
                event_id=f"p{scrambled(number)}",
                assignment_id=f"post-{post.assignment}",
                facility=FACILITY,
                unit=unit,
                bed=bed,
                clinician=post.clinician,
                start=start,
                end=None if post.steps is None else start + post.steps * STEP,
                at=start + post.recorded,
            )
        )
    return facts
