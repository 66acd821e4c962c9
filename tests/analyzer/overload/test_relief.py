"""The rule by which moving a bed is advised: one test for each of its conditions, and a simulated
day whose suggestions are checked one by one.
"""

from __future__ import annotations

import gc
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import median_low

import msgspec
import pytest

from analyzer import Assignment, Engine, Policy
from analyzer.model.overload import ELEVATED, NORMAL, Relief
from analyzer.model.policy import HOUR, MINUTE, Level, Levels, OverloadPolicy, ReliefPolicy
from analyzer.overload.context import Context
from analyzer.overload.relief import Alarms, Ward
from streams.formats.codec import decode
from streams.simulator import Ward as SimulatedWard
from streams.simulator import simulate
from streams.simulator.ward import DAY

LEVELS = OverloadPolicy().levels("H", "ICU")
WHOLE_HOUR = [(-60 * MINUTE, 0)]


@dataclass(frozen=True)
class Person:
    """A clinician on duty, as `analyzer.overload.relief.Person`."""

    state: int
    role: str
    beds: int
    here: Mapping[str, Sequence[float]]
    elsewhere: Sequence[float]
    alarms: Alarms
    duty: Sequence[tuple[int, int]]
    levels: Mapping[str, Levels]


def every(minutes: float, unanswered: int = 0) -> Alarms:
    """Alarms at even distances, the latest right now."""
    step = int(minutes * MINUTE)
    return Alarms(tuple(range(0, -60 * MINUTE, -step)), unanswered)


def bunched(count: int) -> Alarms:
    """Alarms in the last hour, all of them right after the 15 min before the last 10: neither a
    flood now, nor time without a stretch of 5 min.
    """
    return Alarms(tuple(-25 * MINUTE - 1000 * number for number in range(count)))


def person(*beds: str, alarms: Alarms, state: int = NORMAL, acuity: float = 1.0) -> Person:
    return Person(
        state=state,
        role="nurse",
        beds=len(beds),
        here={bed: [acuity] for bed in beds},
        elsewhere=[],
        alarms=alarms,
        duty=WHOLE_HOUR,
        levels=LEVELS,
    )


def ward(people: dict[str, Person], of_beds: dict[str, tuple[str, Alarms]]) -> Ward:
    """`of_beds`: to whom the alarms of each bed are attributed, and the alarms."""
    alarms = {bed: {frozenset({who}): found} for bed, (who, found) in of_beds.items()}
    return Ward(people, alarms, LEVELS, OverloadPolicy(), ReliefPolicy())


def usual() -> Ward:
    """Ann has 41 alarms an hour, of which 19 from bed 12; bob has 9 and as many beds as usual."""
    return ward(
        {
            "ann": person("11", "12", alarms=bunched(41), state=ELEVATED),
            "bob": person("13", "14", alarms=every(7)),
            "cyd": person("15", "16", alarms=bunched(29)),
        },
        {"11": ("ann", bunched(22)), "12": ("ann", Alarms(bunched(41).starts[22:]))},
    )


MOVE = Relief("12", "ann", (41, 22), "bob", (9, 28), 3)


def with_(of: Ward, name: str, **changes: object) -> Ward:
    people = {**of.people, name: replace(of.people[name], **changes)}  # type: ignore[arg-type]
    return replace(of, people=people)


def test_a_bed_goes_to_the_colleague_who_stays_normal() -> None:
    assert usual().relief == MOVE
    assert usual().relief_of("ann") == MOVE
    assert MOVE.spared == 19


def test_relief_asks_no_clinician_who_is_elevated_or_overloaded() -> None:
    assert with_(usual(), "bob", state=ELEVATED).relief_of("ann") is None


def test_the_taker_stays_within_every_limit_to_enter_a_state() -> None:
    bob = usual().people["bob"]
    # 12 + 19 alarms in the hour: beyond 30
    twelve = Alarms(bob.alarms.starts + bunched(3).starts)
    assert with_(usual(), "bob", alarms=twelve).relief is None
    # 10 in 10 min is at the limit of a flood, 11 is beyond it; the bed adds one
    recent = usual().alarms["12"][frozenset({"ann"})]
    late = recent._replace(starts=(*recent.starts[1:], -1000))
    flooded = ward(
        dict(usual().people)
        | {
            "ann": replace(
                usual().people["ann"], alarms=Alarms((*bunched(41).starts[:22], *late.starts))
            )
        },
        {"11": ("ann", bunched(22)), "12": ("ann", late)},
    )
    assert with_(flooded, "bob", alarms=Alarms((-1000,) * 9)).relief is not None
    assert with_(flooded, "bob", alarms=Alarms((-1000,) * 10)).relief is None
    # 3 unanswered are at the limit, 4 beyond it; the bed adds none, then one
    waiting = with_(usual(), "bob", alarms=bob.alarms._replace(unanswered=3))
    assert waiting.relief == MOVE
    one_more = recent._replace(unanswered=1)
    ann = replace(usual().people["ann"], alarms=bunched(41)._replace(unanswered=1))
    sounding = replace(
        waiting,
        people={**waiting.people, "ann": ann},
        alarms={**waiting.alarms, "12": {frozenset({"ann"}): one_more}},
    )
    assert sounding.relief is None


def test_the_taker_keeps_time_without_alarms() -> None:
    """Bob has an alarm every 6 min, all of his time in pieces of 5 min; with those of the bed, one
    every 3 min, no piece is left.
    """
    between = Alarms(tuple(-3 * MINUTE - 6 * MINUTE * number for number in range(10)))
    of_bed = Alarms(between.starts + (between.starts[0],) * 5)
    ann = Alarms(bunched(26).starts + of_bed.starts)
    found = ward(
        {
            "ann": person("11", "12", alarms=ann, state=ELEVATED),
            "bob": person("13", "14", alarms=every(6)),
        },
        {"11": ("ann", bunched(26)), "12": ("ann", of_bed)},
    )
    assert found.relief is None
    # with less than half an hour of duty, there is no such measure
    assert with_(found, "bob", duty=[(-29 * MINUTE, 0)]).relief is not None


def test_the_policy_limits_the_beds_of_the_taker() -> None:
    limited = {**LEVELS, "beds": Levels(Level(2, 2))}
    assert replace(usual(), levels=limited).relief is None


def test_the_taker_gets_at_most_one_bed_more_than_is_usual() -> None:
    three = {"13": [1.0], "14": [1.0], "17": [1.0]}
    assert with_(usual(), "bob", here=three, beds=3).relief is None  # usual: 2
    # beds in other units count as well
    assert with_(usual(), "bob", beds=3, elsewhere=[1.0]).relief is None
    more = replace(usual(), rules=ReliefPolicy(beds_above_usual=2))
    assert with_(more, "bob", here=three, beds=3).relief == MOVE._replace(taker_beds=4)


def test_acuity_is_respected() -> None:
    """Nobody is given more acuity than somebody on duty has, or than usual beds would have."""
    # bob's three beds would have 2 + 3 = 5; anyone's highest is 4, and three usual beds have 3
    heavy = with_(usual(), "ann", here={"11": [1.0], "12": [3.0]})
    assert with_(heavy, "bob", here={"13": [1.0], "14": [1.0]}).relief is None
    # cyd has 6
    assert with_(heavy, "cyd", here={"15": [3.0], "16": [3.0]}).relief == MOVE


def test_only_a_colleague_of_the_same_role_is_asked() -> None:
    assert with_(usual(), "bob", role="charge").relief is None


def test_a_move_spares_enough() -> None:
    few = ward(
        dict(usual().people),
        {"11": ("ann", bunched(39)), "12": ("ann", Alarms(bunched(41).starts[39:]))},
    )
    # two alarms are too few, whatever they change
    assert few.relief is None
    three = ward(
        dict(with_(usual(), "ann", alarms=bunched(41)).people),
        {"11": ("ann", bunched(38)), "12": ("ann", Alarms(bunched(41).starts[38:]))},
    )
    assert three.relief is None  # 3 of 41: less than a fifth, and 38 remain
    # 3 of 27, with which ann is back within the limit to leave (24)
    back = ward(
        dict(with_(usual(), "ann", alarms=bunched(27)).people),
        {"11": ("ann", bunched(24)), "12": ("ann", Alarms(bunched(27).starts[24:]))},
    )
    assert back.relief == Relief("12", "ann", (27, 24), "bob", (9, 12), 3)


def test_the_giver_keeps_a_bed() -> None:
    assert with_(usual(), "ann", beds=1, here={"12": [1.0]}).relief is None


def test_all_alarms_of_the_bed_count_for_the_taker() -> None:
    """Those of the last hour that a predecessor got count, too, but not those that bob got."""
    shared = usual()
    other = {frozenset({"ann"}): Alarms(bunched(41).starts[22:]), frozenset({"dan"}): bunched(2)}
    both = replace(shared, alarms={**shared.alarms, "12": other})
    assert both.relief == MOVE._replace(taker_alarms=(9, 30))
    known = {frozenset({"ann", "bob"}): Alarms(bunched(41).starts[22:])}
    assert replace(shared, alarms={**shared.alarms, "12": known}).relief == MOVE._replace(
        taker_alarms=(9, 9)
    )


def test_the_most_strained_clinician_who_can_be_relieved_comes_first() -> None:
    both = with_(usual(), "cyd", state=2)
    assert both.strained == ["cyd", "ann"]
    assert both.relief == MOVE  # nothing is known of cyd's beds
    assert with_(usual(), "ann", state=NORMAL).relief == MOVE  # nobody strained: the busiest


# -- a simulated hospital

BUSY = SimulatedWard(
    seed=7,
    duration=DAY,
    units=4,
    beds=9,
    beds_per_nurse=3,
    profiles=("micu", "micu", "picu", "ward"),
    storms=1.0,
    chattering_sensors=2,
    understaffed_nights=0.5,
    late_charting=0.1,
)
LOOK = 10 * MINUTE


@dataclass(frozen=True)
class Suggestion:
    """A move, and what the figures of the same moment say of its taker."""

    move: Relief
    taker_state: int
    taker_alarms: int
    taker_beds: int
    usual_beds: int


def suggestions(hospital: SimulatedWard) -> list[Suggestion]:
    """What is advised in a simulated hospital, looked at every `LOOK`, for each unit in need."""
    engine, found, next_look = Engine(Policy()), [], hospital.start + LOOK
    charges: set[str] = set()
    for record in simulate(hospital):
        if record.due >= next_look:
            engine.advance(next_look)
            found += _now(engine, charges)
            next_look += LOOK
        fact = decode(record.topic, msgspec.json.encode(record.value))
        if isinstance(fact, Assignment) and fact.role == "charge":
            charges.add(fact.clinician)
        engine.apply(record.topic, fact, record.due)
    return found


def _now(engine: Engine, charges: set[str]) -> list[Suggestion]:
    reliefs, of = engine.status().reliefs, engine.measure().clinicians
    row_of = {name: row for row, name in enumerate(of.clinician)}
    alarms = of.alarms.sum(axis=-1)[:, list(Policy().windows).index("1h")]
    found = []
    for (_, unit), move in reliefs.items():
        if move is not None:
            row = row_of[move.taker]
            beds = [
                beds
                for name, own, beds in zip(of.clinician, of.unit, of.beds.tolist(), strict=True)
                if own == unit and beds and name not in charges
            ]
            found.append(
                Suggestion(
                    move,
                    int(of.overload[row]),
                    int(alarms[row]),
                    int(of.beds[row]),
                    median_low(beds),
                )
            )
    return found


@pytest.mark.slow
def test_every_suggestion_of_a_simulated_day_can_be_followed() -> None:
    found = suggestions(BUSY)
    assert len(found) > 20
    assert [one for one in found if one.move.spared <= 2] == []
    assert [one for one in found if one.move.taker_alarms[1] > 30] == []
    assert [one for one in found if one.move.taker_beds > one.usual_beds + 1] == []
    assert [one for one in found if one.taker_state != NORMAL] == []
    for one in found:
        move = one.move
        assert (move.taker_alarms[0], move.taker_beds - 1) == (one.taker_alarms, one.taker_beds)
        assert max(move.giver_alarms[1], move.taker_alarms[1]) < move.giver_alarms[0]


def test_what_advice_rests_on_is_freed_without_the_garbage_collector() -> None:
    """It holds the recent alarms and all assignments of a facility, and is made every minute."""
    gc.disable()
    try:
        engine, advised = Engine(Policy()), False
        for record in simulate(replace(BUSY, duration=3 * HOUR)):
            fact = decode(record.topic, msgspec.json.encode(record.value))
            engine.apply(record.topic, fact, record.due)
        for minute in range(60, 180, 30):
            engine.advance(BUSY.start + minute * MINUTE)
            advised |= any(engine.status().reliefs.values())
        left = [one for one in gc.get_objects() if isinstance(one, Context)]
    finally:
        gc.enable()
    assert advised
    assert left == []
