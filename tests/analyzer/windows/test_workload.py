"""Duty, floods, chatter and other measures of workload: small shifts, every expected number
computed by hand.

Each number is checked against the oracle and the engine. Times are seconds after an arbitrary
time; `M` and `H` are minutes and hours.
"""

from __future__ import annotations

from itertools import accumulate
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer import Engine, Policy
from analyzer.columns.statics import Static, Statics
from analyzer.model.facts import Fact
from analyzer.model.policy import HOUR, MINUTE
from analyzer.windows.flood import flood_ratio
from tests.harness.engines import assert_same, feed, numbers
from tests.harness.facts import alarm, duty, event, ms, response, sample, verdict
from tests.oracle import reference as naive

M, H = 60, 3600
POLICY = Policy(windows={"10m": 10 * MINUTE, "1h": HOUR, "2h": 2 * HOUR})


def shown(facts: list[Fact], now: float) -> Any:
    """The metrics of the facility at `now`, on which the oracle and the engine agree."""
    found = naive.metrics(facts, ms(now), POLICY)
    engine = Engine(POLICY)
    feed(engine, facts)
    engine.advance(ms(now))
    assert_same(numbers(engine, POLICY), found)
    return found


def of_ann(
    facts: list[Fact], now: float, name: str, unit: str = "icu", **labels: str
) -> float | None:
    return sample(shown(facts, now), f"clinician_{name}", clinician="ann", unit=unit, **labels)


def to_ann(*starts: float, lasting: float = 1) -> list[Fact]:
    """Alarms sent to ann by name, so that they are attributed to her on duty and off."""
    return [
        fact
        for number, start in enumerate(starts)
        for fact in alarm(f"{number}-{start}", start, start + lasting, bed="9", recipients=("ann",))
    ]


# --- protected time


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
        # touching and overlapping duties are joined; a start where they touch cuts
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


# --- floods


def test_a_flood_begins_with_the_eleventh_alarm_and_ends_when_fewer_than_five_are_left() -> None:
    """One alarm a minute from 1 to 11 min is no flood: at 11 min, the alarm of 1 min is 10 min old
    and no longer counts, so ten are left.

    One more alarm at 11 min makes eleven, and a flood. At 17 min, five count (8, 9, 10, 11, 11). At
    18 min, the alarm of 8 min no longer counts, four are left, and the flood ends. It lasts from 11
    to 18 min, 7 min of 60.
    """
    ticks = [one * M for one in range(1, 12)]
    assert of_ann(to_ann(*ticks), 60 * M, "flood_ratio", "", window="1h") == 0
    assert of_ann(to_ann(*ticks, 11 * M), 60 * M, "flood_ratio", "", window="1h") == pytest.approx(
        7 / 60
    )
    assert of_ann(to_ann(*ticks, 11 * M), 15 * M, "flood_ratio", "", window="10m") == pytest.approx(
        4 / 10
    )
    # the flood has only just begun
    assert of_ann(to_ann(*ticks, 11 * M), 11 * M, "flood_ratio", "", window="10m") == 0


def test_a_flood_lasts_between_its_thresholds() -> None:
    """Eleven alarms at 0, then five every ten minutes from 9 to 49 min: the count is never above
    ten again, and not below five before 59 min.
    """
    facts = to_ann(*[0.0] * 11, *(minute * M for minute in (9, 19, 29, 39, 49) for _ in range(5)))
    assert of_ann(facts, H, "flood_ratio", "", window="1h") == pytest.approx(59 / 60)
    fewer = to_ann(*[0.0] * 11, *(minute * M for minute in (9, 19, 29, 39, 49) for _ in range(4)))
    assert of_ann(fewer, H, "flood_ratio", "", window="1h") == pytest.approx(10 / 60)


def test_the_state_is_evaluated_from_an_hour_before_the_window() -> None:
    """Eleven alarms at 0 and five every ten minutes from 10 min on: n is 11 at 0 and always 5 from
    10 min on, so the flood never ends.

    At 70 min, the window of 10 min begins at 60 min, and its state is evaluated from 0 on, where n
    is 11: a flood. The same holds until just before 80 min, because n includes alarms less than 10
    min old. At 80 min, the state is evaluated from 10 min on, where n is 5, and no flood begins.
    """
    later = [minute * M for minute in range(10, 121, 10) for _ in range(5)]
    facts = to_ann(*[0.0] * 11, *later)
    assert of_ann(facts, 70 * M, "flood_ratio", "", window="10m") == 1
    assert of_ann(facts, 80 * M - 0.001, "flood_ratio", "", window="10m") == 1
    assert of_ann(facts, 80 * M, "flood_ratio", "", window="10m") == 0
    assert of_ann(facts, 80 * M, "flood_ratio", "", window="1h") == 1
    # ten are no flood; the flood half an hour earlier is over by then
    ten = to_ann(*[-30.0 * M] * 11, *[0.0] * 10, *later)
    assert of_ann(ten, 75 * M, "flood_ratio", "", window="10m") == 0


FLOOD_GAPS = st.sampled_from((0, 0, 1, 30, 60, 120, 120, 120, 120.001, 119.999, 150, 600)).map(
    lambda seconds: round(seconds * 1000)
)
RUNS = st.tuples(FLOOD_GAPS, st.sampled_from((1, 1, 4, 5, 10, 11, 12, 25, 30, 35)))
STARTS = st.lists(RUNS, max_size=6).map(
    lambda runs: [gap for gap, times in runs for _ in range(times)]
)


@given(st.lists(STARTS, min_size=1, max_size=3), st.sampled_from((0, 1, 60_000, 299_999, 600_000)))
def test_floods_of_several_clinicians_at_once_are_those_of_the_oracle(
    gaps: list[list[int]], since: int
) -> None:
    """Runs of alarms about as dense as the thresholds, long enough that the state an hour before a
    window matters.
    """
    windows = (10 * MINUTE, HOUR)
    ago = [[-since - one for one in accumulate(of_one)] for of_one in gaps]
    ago = [
        sorted(start for start in of_one if start > -windows[-1] - 70 * MINUTE) for of_one in ago
    ]
    start = np.array([one for of_one in ago for one in of_one], dtype=np.int64)
    who = np.repeat(np.arange(len(ago)), [len(of_one) for of_one in ago])
    found = flood_ratio(start, who, len(ago), windows)
    expected = [
        [naive._flood_length(of_one, -length - HOUR, -length, 0) / length for length in windows]
        for of_one in ago
    ]
    assert found.tolist() == expected


# --- chatter, fleeting, stale


def chattering(*alarms: list[Fact], now: float = 10 * M, **labels: str) -> float | None:
    return sample(
        shown([fact for one in alarms for fact in one], now),
        "unit_chattering_alarms",
        **({"unit": "icu", "window": "10m"} | labels),
    )


def test_the_third_of_a_minute_chatters_if_the_others_are_over() -> None:
    # the first is just within the minute
    assert chattering(alarm("a", 0.001, 10), alarm("b", 30, 40), alarm("c", 60.001, 70)) == 1
    assert chattering(alarm("a", 0.001, 10), alarm("b", 30, 40), alarm("c", 60.002, 70)) == 0
    # so are both of these
    assert chattering(alarm("a", 0.001, 10), alarm("b", 0.001, 10), alarm("c", 60.001, 70)) == 1
    # the second ends just then; the third may itself be open
    assert chattering(alarm("a", 1, 10), alarm("b", 20, 40), alarm("c", 40)) == 1
    assert chattering(alarm("a", 1, 10), alarm("b", 20, 40.001), alarm("c", 40)) == 0
    assert chattering(alarm("a", 1), alarm("b", 20, 30), alarm("c", 40, 50)) == 0
    assert (
        chattering(
            alarm("a", 1, 10),
            alarm("b", 20, 30),
            alarm("c", 40, 50),
            alarm("d", 55, 56),
            alarm("e", 58),
        )
        == 3
    )


def test_chatter_is_of_a_signal_wherever_the_device_stands() -> None:
    two = [*alarm("a", 1, 10), *alarm("b", 20, 30)]
    assert chattering(two, alarm("c", 40, device_id="m2")) == 0
    assert chattering(two, alarm("c", 40, source="MDC_PULS_OXIM_SAT_O2")) == 0
    assert chattering(two, alarm("c", 40, code="HI")) == 0
    assert chattering(two, alarm("c", 40, bed="2", device_type="ventilator")) == 1
    # the third alarm counts in its own unit
    assert chattering(two, alarm("c", 40, unit="nicu"), unit="nicu") == 1
    # events without an alarm priority, and advisories, do not count
    assert (
        chattering([*alarm("a", 1, 10, priority="info"), *alarm("b", 20, 30)], alarm("c", 40)) == 0
    )
    assert (
        chattering([*alarm("a", 1, 10, kind="advisory"), *alarm("b", 20, 30)], alarm("c", 40)) == 0
    )


def test_earlier_ones_may_lie_before_the_window() -> None:
    """Now = 640: the window begins at 40."""
    assert chattering(alarm("a", 1, 10), alarm("b", 20, 30), alarm("c", 40.001), now=640) == 1
    assert chattering(alarm("a", 1, 10), alarm("b", 20, 30), alarm("c", 40), now=640) == 0


def test_ids_decide_which_alarm_of_no_length_is_earlier() -> None:
    """All start at 5 s. Those of no length have ended before those with greater ids."""
    assert chattering(alarm("a", 5, 5), alarm("b", 5, 5), alarm("c", 5)) == 1
    assert chattering(alarm("c", 5, 5), alarm("b", 5, 5), alarm("a", 5)) == 0
    assert chattering(alarm("a", 5, 5), alarm("c", 5, 5), alarm("b", 5)) == 0
    assert chattering(*(alarm(name, 5, 5) for name in "dbca")) == 2
    assert (
        chattering(alarm("z", 1, 2), alarm("c", 5, 5), alarm("b", 5, 5)) == 1
    )  # c comes after z and b


def test_fleeting_alarms_are_short_whatever_became_of_them() -> None:
    """Under 15 s."""
    facts = [
        *alarm("a", 0.001, 15),
        *alarm("b", 0, 15),
        *alarm("c", 0.002, 5, kind="technical"),
        *alarm("d", 8),
        *alarm("e", 9, 9),
        response(1, alarm_id="a"),
        verdict("e", 9, "actionable"),
    ]
    assert sample(shown(facts, 10 * M), "unit_fleeting_alarms", unit="icu", window="1h") == 3


def test_open_alarms_stand_after_an_hour_and_are_stale_after_a_day() -> None:
    facts = [
        *alarm("a", 0),
        *alarm("b", 1),
        *alarm("c", 23 * H),
        *alarm("d", 23 * H + 0.001),
        *alarm("x", 0, priority="info"),
    ]
    now = shown(facts, 24 * H)
    assert sample(now, "unit_standing_alarms", unit="icu") == 2
    assert sample(now, "unit_stale_alarms", unit="icu") == 0
    later = shown(facts, 24 * H + 0.001)
    assert sample(later, "unit_standing_alarms", unit="icu") == 3
    assert sample(later, "unit_stale_alarms", unit="icu") == 1
    ended = shown([*facts, event("a", "end", 24 * H)], 24 * H + 1.001)
    assert sample(ended, "unit_stale_alarms", unit="icu") == 1


def test_a_stale_alarm_is_kept_past_the_horizon() -> None:
    engine = Engine(POLICY)
    feed(engine, alarm("a", 0))
    engine.advance(ms(0))
    feed(engine, alarm("b", 100 * H, 100 * H + 1))
    engine.advance(ms(100 * H + 1))
    feed(engine, alarm("c", 200 * H))
    engine.advance(ms(200 * H))
    found: Any = numbers(engine, POLICY)
    assert sample(found, "unit_stale_alarms", unit="icu") == 1
    assert sample(found, "unit_open_alarms", unit="icu") == 2


def test_signals_are_known_as_long_as_what_they_belong_to() -> None:
    statics = Statics()
    of_three = [
        Static(0, unit, "1", device, "monitor", "", "LO", "physiological")
        for unit, device in (("a", "x"), ("b", "y"), ("c", "y"))
    ]
    numbered = statics.number_all(of_three)
    assert statics.signal[numbered].tolist() == [0, 1, 1]
    statics.keep(np.array([1, 2], dtype=np.int32))
    again = statics.number_all([of_three[2], of_three[0], of_three[1]._replace(facility=1)])
    assert [statics.signals.things[number] for number in statics.signal[again].tolist()] == [
        (0, "y", "", "LO"),
        (0, "x", "", "LO"),
        (1, "y", "", "LO"),
    ]


# --- more of a clinician


@pytest.mark.parametrize(
    ("count", "band"),
    [
        (0, "recommended"),
        (5, "recommended"),
        (6, "manageable"),
        (12, "manageable"),
        (13, "over_demanding"),
        (60, "over_demanding"),
        (61, "unacceptable"),
    ],
)
def test_the_band_of_an_hour_s_alarms(count: int, band: str) -> None:
    """Another alarm began exactly an hour ago, and so does not count."""
    found = shown([duty("ann", 0), *to_ann(0, *range(1, count + 1))], H)
    bands = ("recommended", "manageable", "over_demanding", "unacceptable")
    assert [
        one
        for one in bands
        if sample(found, "clinician_load_band", clinician="ann", unit="icu", band=one) == 1
    ] == [band]
    assert (
        sum(
            sample(found, "clinician_load_band", clinician="ann", unit="icu", band=one) or 0
            for one in bands
        )
        == 1
    )


@pytest.mark.parametrize(
    ("count", "band"), [(0, "0-29"), (29, "0-29"), (30, "30-79"), (79, "30-79"), (80, "80+")]
)
def test_the_band_of_two_hours_exposure(count: int, band: str) -> None:
    """Alarms of a second each are fleeting, so non-actionable. Not counted: a technical alarm, two
    that were actionable, and one that began exactly two hours ago.
    """
    facts = [duty("ann", 0), *to_ann(0, *range(1, count + 3)), *alarm("t", 5, 6, kind="technical")]
    facts.append(verdict(f"{count + 2}-{count + 2}", 300, "actionable"))
    facts += [verdict(f"{count + 1}-{count + 1}", 300, "actionable")]
    found = shown(facts, 2 * H)
    assert sample(found, "clinician_nonactionable_exposure", clinician="ann", unit="icu") == count
    bands = ("0-29", "30-79", "80+")
    assert [
        sample(found, "clinician_exposure_band", clinician="ann", unit="icu", band=one)
        for one in bands
    ] == [float(one == band) for one in bands]


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
        ([*alarm("b", 0, 0), *alarm("a", 0, 9)], 1),  # whatever their ids
        ([*alarm("a", 0, 0), *alarm("b", 0, 0)], 0),  # neither goes on
        ([*alarm("a", -90 * M), *alarm("b", 30, 40)], 1),  # however long it has waited
        # the first two started before the window
        ([*alarm("a", -50 * M, -49 * M), *alarm("b", -50 * M, 5), *alarm("c", 4)], 1),
    ],
)
def test_alarms_that_call_while_another_waits(facts: list[Fact], count: int) -> None:
    """In the hour before 10 min, all at ann's bed."""
    assert of_ann([duty("ann", -2 * H), *facts], 10 * M, "overlapping_alarms", window="1h") == count


def test_alarms_of_others_do_not_overlap_hers() -> None:
    assert (
        of_ann(
            [duty("ann", 0), *alarm("a", 1), *alarm("b", 2, bed="2")],
            10 * M,
            "overlapping_alarms",
            window="1h",
        )
        == 0
    )


# --- more of a unit


def test_staffing_figures_divide_by_those_on_duty_now() -> None:
    """ann has beds 1 and 2, bob has bed 2 as well; cyd has left. Alarms: ann 3, bob 1, and one
    at a bed that nobody has.
    """
    facts: list[Fact] = [
        duty("ann", 0, acuity=2.0),
        duty("ann", 0, bed="2", acuity=0.5),
        duty("bob", 0, bed="2", acuity=None),
        duty("cyd", 0, 60, bed="3"),
        *alarm("a", 1),
        *alarm("b", 2),
        *alarm("c", 3, bed="2"),
        *alarm("d", 4, bed="7", priority="high"),
    ]
    found = shown(facts, 10 * M)
    assert sample(found, "unit_beds_per_clinician", unit="icu") == 1
    assert sample(found, "unit_acuity_per_clinician", unit="icu") == 1.75
    assert sample(found, "unit_alarms_per_bed", unit="icu", window="1h") == 2
    assert sample(found, "unit_load_spread", unit="icu", window="1h") == 0.25  # (3 - 1) / (2 * 4)
    assert sample(found, "unit_priority_share", unit="icu", window="1h", priority="high") == 0.25
    assert sample(found, "unit_priority_share", unit="icu", window="1h", priority="low") == 0


def test_without_anybody_or_any_alarm_there_is_nothing_to_divide() -> None:
    nobody = shown(alarm("a", 1), 10 * M)
    for name in ("unit_beds_per_clinician", "unit_acuity_per_clinician"):
        assert sample(nobody, name, unit="icu") is None
    assert sample(nobody, "unit_alarms_per_bed", unit="icu", window="1h") is None
    quiet = shown([duty("ann", 0), duty("bob", 0)], 10 * M)
    assert sample(quiet, "unit_load_spread", unit="icu", window="1h") is None
    assert sample(quiet, "unit_priority_share", unit="icu", window="1h", priority="low") is None
    assert sample(quiet, "unit_alarms_per_bed", unit="icu", window="1h") == 0
    alone = shown([duty("ann", 0), *alarm("a", 1)], 10 * M)
    assert sample(alone, "unit_load_spread", unit="icu", window="1h") is None


def test_a_type_s_share_and_its_ratio() -> None:
    """Six SpO2 alarms: four fleeting, one actionable, one technical; and four of another type."""
    facts = [fact for number in range(5) for fact in alarm(f"f{number}", number, number + 1)]
    facts += [verdict("f4", 9, "actionable"), *alarm("t", 7, kind="technical")]
    facts += [
        fact for number in range(4) for fact in alarm(f"o{number}", number, number + 1, code="HI")
    ]
    found = shown(facts, 10 * M)
    of_type = {"unit": "icu", "window": "1h", "device_type": "monitor", "source": "", "code": "LO"}
    assert sample(found, "unit_type_share", **of_type) == 0.6
    assert sample(found, "unit_type_nonactionable_ratio", **of_type, scope="all") == pytest.approx(
        5 / 6
    )
    assert sample(found, "unit_type_nonactionable_ratio", **of_type, scope="clinical") == 4 / 5
    # four are too few for a ratio
    assert (
        sample(found, "unit_type_nonactionable_ratio", **(of_type | {"code": "HI"}), scope="all")
        is None
    )


def test_a_horizon_too_short_for_floods_is_refused() -> None:
    with pytest.raises(ValueError, match="tell floods"):
        Policy(windows={"1h": HOUR}, cover=0, horizon=2 * HOUR)
    assert Policy(windows={"1h": HOUR}, cover=0, horizon=130 * MINUTE).lookback == 130 * MINUTE
