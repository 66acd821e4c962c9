"""Random wards for hypothesis, with times on, before and after the policy's bounds."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import strategies as st

from analyzer.model.facts import (
    Action,
    AlarmEvent,
    Assignment,
    Fact,
    Label,
    Phase,
    Priority,
    Response,
    Verdict,
)
from analyzer.model.policy import HOUR, MINUTE, SECOND, Policy
from tests.harness.ward_values import (
    ACTION,
    ACTIONS,
    BASE,
    CLINICIANS,
    COVER,
    FACILITY,
    FLEETING,
    PLACE,
    PLACES,
    POLICY,
    PRIORITIES,
    SLOT,
    SLOTS,
    TYPES,
    scrambled,
)

SHAPES: tuple[tuple[Phase, ...], ...] = (
    ("start", "end"),
    ("start",),
    ("update",),
    ("end",),
    ("update", "end"),
    ("start", "update", "end"),
    ("update", "start", "end"),
    ("end", "start"),
    ("start", "end", "end"),
    ("end", "start", "end"),
    ("start", "start", "end", "update"),
)


READINGS: tuple[tuple[float | None, float | None], ...] = (
    (None, None),
    (85.0, 90.0),
    (80.0, 90.0),
    (90.0, 90.0),
    (80.0, 85.0),
    (95.0, 90.0),
    (97.0, 92.0),
    (100.0, 92.0),
    (88.0, None),
    (97.0, None),
    (None, 90.0),
    (None, 85.0),
)


# dee has no assignment
RECIPIENTS: tuple[tuple[str, ...] | None, ...] = (None, None, None, (), ("ann",), ("cyd", "dee"))


VERDICTS: tuple[Verdict, ...] = ("actionable", "non_actionable")


EVENT_STEPS = (
    0,
    10 * SECOND,
    FLEETING - 1,
    FLEETING,
    FLEETING + 1,
    -10 * SECOND,
    MINUTE,
    ACTION,
    10 * MINUTE,
    SLOT,
    2 * HOUR,
    13 * HOUR,
)
ANSWER_STEPS = (
    0,
    1,
    -1,
    5 * SECOND,
    5 * SECOND + 1,
    15 * SECOND,
    MINUTE,
    ACTION - 1,
    ACTION,
    ACTION,
    ACTION,
    ACTION + 1,
    -MINUTE,
    HOUR,
    ACTION - COVER - 1,
    ACTION - COVER,
    ACTION - COVER,
    ACTION - COVER,
    ACTION - COVER + 1,
    COVER,
)
BURST_GAP = 20 * SECOND


# stands, stale; run-in
NOW_WAITS = (
    MINUTE,
    HOUR + 10 * MINUTE,
    2 * HOUR + 10 * MINUTE,
    13 * HOUR,
    13 * HOUR + 10 * MINUTE,
    24 * HOUR,
)


@dataclass(frozen=True)
class _Event:
    step: int
    priority: Priority
    reading: tuple[float | None, float | None]
    recipients: tuple[str, ...] | None
    conflict: str


@dataclass(frozen=True)
class _Alarm:
    slot: int
    place: int
    type: int
    shape: tuple[Phase, ...]
    events: list[_Event]  # the shorter of shape and events says how many happen
    burst: int  # so many episodes alike, a little apart; enough for ratios, floods and chatter


@dataclass(frozen=True)
class _Duty:
    assignment: int  # drawn from few, so that records correct each other
    place: int
    clinician: str
    slot: int
    nudge: int
    length: int | None
    recorded: int  # `at`, relative to `from`
    acuity: float | None


@dataclass(frozen=True)
class _Answer:
    anchor: int  # the alarm event that it refers to and is timed by
    after_end: bool  # count `end` events alone
    step: int
    target: str
    unit: str
    action: Action
    by: str | None


@dataclass(frozen=True)
class _Verdict:
    anchor: int
    step: int
    verdict: Verdict
    unknown: bool


_ANCHOR = st.sampled_from((0, 0, 0, 0, *range(1, 16)))  # so that facts meet at one alarm


_EVENT = st.builds(
    _Event,
    step=st.sampled_from(EVENT_STEPS),
    priority=st.sampled_from(PRIORITIES),
    reading=st.sampled_from(READINGS),
    recipients=st.sampled_from(RECIPIENTS),
    conflict=st.sampled_from(("", "", "", "place", "type", "device", "label")),
)
_ALARM = st.builds(
    _Alarm,
    slot=st.integers(0, SLOTS),
    place=PLACE,
    type=st.sampled_from((0, 0, 0, 1, 2, 3, 4)),
    shape=st.sampled_from(SHAPES + SHAPES[:1] * 4),
    events=st.lists(_EVENT, min_size=2, max_size=4),
    burst=st.sampled_from((1, 1, 1, 1, 1, 1, 2, 5, 12)),
)
_DUTY = st.builds(
    _Duty,
    assignment=st.integers(0, 4),
    place=PLACE,
    clinician=st.sampled_from(CLINICIANS[:1] + CLINICIANS),
    slot=st.integers(0, SLOTS),
    nudge=st.sampled_from((0, 0, 0, 1, -1)),
    length=st.sampled_from((8 * HOUR, None, 12 * HOUR, SLOT, 1, 0, -HOUR)),  # the last two void it
    recorded=st.sampled_from((0, -HOUR, SLOT, 3 * HOUR)),
    acuity=st.sampled_from((1.0, 0.0, 0.5, 2.0, None)),
)
_ANSWER = st.builds(
    _Answer,
    anchor=_ANCHOR,
    after_end=st.booleans(),
    step=st.sampled_from(ANSWER_STEPS),
    target=st.sampled_from(("alarm", "bed", "alarm and other bed", "unknown alarm")),
    unit=st.sampled_from(("", "own", "other")),
    action=st.sampled_from(ACTIONS),
    by=st.sampled_from((None, *CLINICIANS)),
)
_VERDICT = st.builds(
    _Verdict,
    anchor=_ANCHOR,
    step=st.sampled_from((0, 0, 1, -MINUTE, HOUR, 13 * HOUR)),
    verdict=st.sampled_from(VERDICTS),
    unknown=st.sampled_from((False, False, False, True)),
)


def wards() -> st.SearchStrategy[list[Fact]]:
    """The facts of one facility, in no order that means anything, each with an event_id of its own;
    usually 5 to 60.
    """
    return st.builds(
        _ward,
        st.lists(_ALARM, min_size=1, max_size=9),
        st.lists(_DUTY, max_size=7),
        st.lists(_ANSWER, max_size=7),
        st.lists(_VERDICT, max_size=3),
    )


def nows(facts: list[Fact], policy: Policy = POLICY) -> st.SearchStrategy[int]:
    """A `now` where something changes, or 1 ms off: a time in some fact, or when it leaves a window
    or ends a wait.
    """
    moments = [BASE]
    for fact in facts:
        moments.append(fact.at)
        if isinstance(fact, Assignment):
            moments.append(fact.start)
            if fact.end is not None:
                moments.append(fact.end)
    moment = st.sampled_from(sorted(moments))
    action = policy.action_window
    return st.builds(
        # two, so that much has happened already, mostly
        lambda one, other, wait, nudge: max(one, other) + wait + nudge,
        moment,
        moment,
        st.sampled_from((0, 0, 0, action, action, *policy.windows.values(), *NOW_WAITS)),
        st.sampled_from((0, 0, 1, -1)),
    )


def deliveries(facts: list[Fact]) -> st.SearchStrategy[list[Fact]]:
    """The same facts in any order, some of them more than once."""
    repeats = st.lists(st.sampled_from(facts), max_size=6) if facts else st.just([])
    return repeats.flatmap(lambda again: st.permutations(facts + again))


def _ward(
    alarms: list[_Alarm], duties: list[_Duty], answers: list[_Answer], verdicts: list[_Verdict]
) -> list[Fact]:
    """Turn the plans into facts.

    Answers and verdicts need something to refer to, so at least one alarm is expected.
    """
    events: list[AlarmEvent] = []
    for number, alarm in enumerate(alarms):
        for nth in range(alarm.burst):
            events += _alarm_events(
                alarm, f"a{number}.{nth}", BASE + alarm.slot * SLOT + nth * BURST_GAP
            )
    ends = [event for event in events if event.phase == "end"] or events
    facts: list[Fact] = [*events]
    facts += [_assignment(duty, f"d{scrambled(number)}") for number, duty in enumerate(duties)]
    for number, answer in enumerate(answers):
        anchors = ends if answer.after_end else events
        facts.append(
            _response(answer, anchors[answer.anchor % len(anchors)], f"r{scrambled(number)}")
        )
    facts += [
        _label(verdict, events[verdict.anchor % len(events)], f"l{scrambled(number)}")
        for number, verdict in enumerate(verdicts)
    ]
    return facts


def _alarm_events(alarm: _Alarm, alarm_id: str, start: int) -> list[AlarmEvent]:
    found = []
    for number, (phase, event) in enumerate(zip(alarm.shape, alarm.events, strict=False)):
        place = alarm.place + (event.conflict == "place")
        device_type, source, code, kind = TYPES[
            (alarm.type + (event.conflict == "type")) % len(TYPES)
        ]
        unit, bed = PLACES[place % len(PLACES)]
        found.append(
            AlarmEvent(
                event_id=f"{alarm_id}/{scrambled(number)}",
                alarm_id=alarm_id,
                phase=phase,
                at=start + event.step,
                facility=FACILITY,
                unit=unit,
                bed=bed,
                device_id="dev-2" if event.conflict == "device" else "dev-1",
                device_type=device_type,
                code=code,
                kind=kind,
                priority=event.priority,
                source=source,
                label="text" if event.conflict == "label" else None,
                value=event.reading[0],
                limit=event.reading[1],
                recipients=event.recipients,
            )
        )
    return found


def _assignment(duty: _Duty, event_id: str) -> Assignment:
    unit, bed = PLACES[duty.place]
    start = BASE + duty.slot * SLOT + duty.nudge
    return Assignment(
        event_id=event_id,
        assignment_id=f"duty-{duty.assignment}",
        facility=FACILITY,
        unit=unit,
        bed=bed,
        clinician=duty.clinician,
        start=start,
        end=None if duty.length is None else start + duty.length,
        at=start + duty.recorded,
        acuity=duty.acuity,
    )


def _response(answer: _Answer, anchor: AlarmEvent, event_id: str) -> Response:
    alarm_id = {"bed": None, "unknown alarm": "a-unknown"}.get(answer.target, anchor.alarm_id)
    bed = {"bed": anchor.bed, "alarm and other bed": "2" if anchor.bed == "1" else "1"}.get(
        answer.target
    )
    other_unit = "nicu" if anchor.unit == "icu" else "icu"
    return Response(
        event_id=event_id,
        facility=FACILITY,
        at=anchor.at + answer.step,
        action=answer.action,
        alarm_id=alarm_id,
        bed=bed,
        clinician=answer.by,
        unit={"": None, "own": anchor.unit, "other": other_unit}[answer.unit],
    )


def _label(verdict: _Verdict, anchor: AlarmEvent, event_id: str) -> Label:
    return Label(
        event_id=event_id,
        facility=FACILITY,
        alarm_id="a-unknown" if verdict.unknown else anchor.alarm_id,
        verdict=verdict.verdict,
        at=anchor.at + verdict.step,
    )
