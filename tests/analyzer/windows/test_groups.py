"""How many clinicians stand behind each hour of a unit, against the naive count."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from analyzer import Engine, Policy
from analyzer.model import AlarmEvent, Assignment
from analyzer.model.policy import HOUR, MINUTE

NOW = 1_772_348_400_000
HOURS = 26


def duty(number: int, clinician: str, unit: str, begin: int, end: int | None) -> Assignment:
    return Assignment(
        event_id=f"s{number}",
        assignment_id=f"s{number}",
        facility="H1",
        unit=unit,
        bed=f"{unit}-1",
        clinician=clinician,
        start=begin,
        end=end,
        at=begin,
    )


def alarm(number: int, unit: str, at: int, recipients: tuple[str, ...] = ()) -> AlarmEvent:
    return AlarmEvent(
        event_id=f"a{number}",
        alarm_id=f"a{number}",
        phase="start",
        at=at,
        facility="H1",
        unit=unit,
        bed=f"{unit}-1",
        device_id="d",
        device_type="monitor",
        code="c",
        source="",
        kind="physiological",
        priority="low",
        recipients=recipients,
    )


def counted(duties: list[Assignment], alarms: list[AlarmEvent], now: int) -> dict[str, list[int]]:
    """By unit, the clinicians of each hour, as the definition says."""
    found: dict[str, list[int]] = {}
    for unit in {one.unit for one in (*duties, *alarms)}:
        hours = []
        for hour in range(HOURS):
            begin, end = now - (hour + 1) * HOUR, now - hour * HOUR  # (begin, end]
            touching = [
                one
                for one in duties
                if one.unit == unit
                and one.start <= end
                and (one.end is None or one.end - 1 > begin)
            ]
            here = {one.clinician for one in touching}
            people = {
                one.clinician
                for one in touching
                if min(end + 1, end + 1 if one.end is None else one.end) - max(one.start, begin + 1)
                >= HOUR // 2
            }
            attributed: set[str] = set()
            for one in alarms:
                if one.unit == unit and begin < one.at <= end:
                    attributed |= set(one.recipients or ())
                    attributed |= {
                        who.clinician
                        for who in duties
                        if who.bed == one.bed
                        and who.start <= one.at
                        and (who.end is None or one.at < who.end)
                    }
            behind = people | (attributed - here)
            hours.append(len(behind) or bool(here | attributed))
        if any(hours):
            found[unit] = hours
    return found


UNITS, PEOPLE = st.sampled_from(["A", "B"]), st.sampled_from("abcdef")
AGES = st.integers(0, 25 * 60).map(lambda minutes: minutes * MINUTE)


@settings(deadline=None)
@given(
    st.lists(st.tuples(PEOPLE, UNITS, AGES, st.integers(1, 800)), max_size=8),
    st.lists(st.tuples(UNITS, AGES, st.sets(PEOPLE, max_size=2)), max_size=12),
)
def test_behind_an_hour_stand_those_on_duty_for_half_of_it_and_others_with_an_alarm(
    spans: list[tuple[str, str, int, int]], starts: list[tuple[str, int, set[str]]]
) -> None:
    duties = [
        duty(number, who, unit, NOW - age, NOW - age + minutes * MINUTE if minutes < 700 else None)
        for number, (who, unit, age, minutes) in enumerate(spans)
    ]
    alarms = [
        alarm(number, unit, NOW - age, tuple(sorted(who)))
        for number, (unit, age, who) in enumerate(starts)
    ]
    alarms.append(alarm(1000, "A", NOW))
    engine = Engine(Policy())
    for topic, facts in (("assignments", duties), ("alarms", sorted(alarms, key=lambda a: a.at))):
        for fact in facts:
            engine.apply(topic, fact, None)  # type: ignore[arg-type]
    engine.advance(NOW)
    found = {unit: hours for (_, unit), hours in engine.groups().items()}
    assert found == counted(duties, alarms, NOW)


def test_colleagues_who_come_at_the_end_of_an_hour_do_not_hide_who_was_alone_before() -> None:
    engine = Engine(Policy())
    engine.apply("assignments", duty(0, "night", "A", NOW - 10 * HOUR, NOW - 4 * HOUR), None)
    for number in range(1, 7):
        begin = NOW - 4 * HOUR - 20 * MINUTE
        engine.apply("assignments", duty(number, f"day{number}", "A", begin, None), None)
    for number, age in enumerate((4 * HOUR + MINUTE, 4 * HOUR, 0)):
        engine.apply("alarms", alarm(number, "A", NOW - age), None)
    engine.advance(NOW)
    assert engine.groups()["H1", "A"][:10] == [6] * 4 + [1] * 6


def test_an_hour_without_known_clinicians_is_no_small_group() -> None:
    engine = Engine(Policy())
    assert engine.groups() == {}
    engine.apply("alarms", alarm(1, "A", NOW), None)
    engine.advance(NOW)
    assert engine.groups() == {}
