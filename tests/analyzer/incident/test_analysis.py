"""What an analysis says about a moment, and what it must not say."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from analyzer import AlarmEvent, Fact, Policy
from analyzer.incident import NOTHING, Blaming, Incident, Question, analyse, check, texts
from analyzer.model.policy import HOUR, MINUTE, SECOND
from tests.harness.incidents import AT, BEDS, STAFF, alarm, facts_of, quiet_ward, response

POLICY = Policy()


def asked(some: list[Fact], at: int = AT, bed: str | None = None) -> Incident:
    question = Question(at=at, facility="H", unit="ICU", bed=bed)
    return analyse(facts_of(some), question, POLICY)


def kinds(found: Incident) -> list[str]:
    return [one.kind for one in found.factors]


def flood(start: int, count: int = 40, bed: str = "1", seconds: float = 12) -> list[Fact]:
    """`count` short alarms of one bed, every 45 s, that need nobody."""
    found: list[Fact] = []
    for number in range(count):
        found += alarm(f"flood{number}", start + number * 45 * SECOND, seconds, bed=bed)
    return found


@pytest.fixture(scope="module")
def flooded() -> Incident:
    return asked(quiet_ward() + flood(AT - 35 * MINUTE))


def test_a_quiet_hour_has_no_factor_and_no_action() -> None:
    for hours in (0, 3, 7, 26):
        found = asked(quiet_ward(), AT - hours * HOUR)
        assert (found.summary, found.factors, found.actions) == (NOTHING, (), ())
        assert found.not_factors


def test_the_answer_does_not_depend_on_the_order_of_facts_or_on_duplicates() -> None:
    facts = quiet_ward() + flood(AT - 35 * MINUTE)
    first = asked(facts)
    for seed in range(3):
        dice = random.Random(seed)
        again = facts + dice.sample(facts, 50)
        dice.shuffle(again)
        assert asked(again) == first


def test_facts_after_the_moment_do_not_count() -> None:
    later = alarm("later", AT + 1, bed="2")
    assert asked(quiet_ward() + list(later)) == asked(quiet_ward())


def test_a_flood_is_a_factor_with_its_baseline(flooded: Incident) -> None:
    assert {"overload", "flood"} <= set(kinds(flooded))
    [one] = [factor for factor in flooded.factors if factor.kind == "flood"]
    assert one.baseline is not None
    assert one.baseline.n >= 8
    assert one.baseline.percentile == 100.0
    assert one.limit == POLICY.overload.alarms_10m.overloaded.enter  # type: ignore[union-attr]
    starts = [
        fact.at
        for fact in quiet_ward() + flood(AT - 35 * MINUTE)
        if isinstance(fact, AlarmEvent) and fact.phase == "start" and fact.bed in STAFF["ann"]
    ]
    ticks = range(AT - HOUR + MINUTE, AT + 1, MINUTE)
    assert one.value == max(
        sum(tick - 10 * MINUTE < start <= tick for start in starts) for tick in ticks
    )


def test_a_delay_longer_than_the_alarms_prevents_the_flood_and_a_shorter_one_does_not(
    flooded: Incident,
) -> None:
    first = next(one for one in flooded.counterfactuals if one.lever == "delay")
    assert first.verdict == "prevented"
    assert first.dose == {"type": "monitor/MDC_PULS_OXIM_SAT_O2/MDC_EVT_LO", "seconds": 15}
    assert any("delay of 15 s" in one.change for one in flooded.actions)


def test_moving_a_bed_does_not_prevent_a_flood_that_one_bed_makes(flooded: Incident) -> None:
    verdicts = {
        one.verdict
        for one in flooded.counterfactuals
        if one.lever == "move_bed" and one.condition["clinician"] == "ann"
    }
    assert verdicts
    assert verdicts <= {"moved", "delayed"}


def test_without_a_roster_no_load_per_clinician_is_given() -> None:
    facts = [one for one in quiet_ward() if type(one).__name__ != "Assignment"]
    found = asked(facts + flood(AT - 35 * MINUTE))
    assert not found.completeness.assignments.recorded
    assert set(kinds(found)) == set()
    assert found.counterfactuals == ()
    unsaid = {one.kind: one for one in found.not_factors if one.value is None}
    assert {"overload", "flood", "staffing", "protected_time"} <= set(unsaid)
    assert "no assignments were recorded" in unsaid["flood"].statement
    assert all(minute.unit["clinicians"] is None for minute in found.conditions)


def test_without_responses_no_claim_is_made_about_answers() -> None:
    facts = [one for one in quiet_ward() if type(one).__name__ != "Response"]
    found = asked(facts)
    assert not found.completeness.responses.recorded
    unsaid = {one.kind for one in found.not_factors if one.value is None}
    assert {"unanswered", "response_time", "silenced"} <= unsaid
    last = found.conditions[-1].unit
    assert last["nonactionable_ratio_clinical_12h"] is None
    assert last["alarms_12h"] > 0


def test_a_gap_of_the_feed_is_a_factor_and_its_minutes_have_no_figures() -> None:
    begin, end = AT - 50 * MINUTE, AT - 5 * MINUTE
    seconds = [one for bed in BEDS for one in _steady(bed)]
    facts = [one for one in quiet_ward() + seconds if not begin < one.at <= end]
    found = asked(facts)
    assert kinds(found)[0] == "feed_gap"
    [gap] = found.completeness.alarms.gaps
    assert begin - 5 * MINUTE < gap[0] <= begin
    assert end <= gap[1] < end + 5 * MINUTE
    by_minute = {one.at: one.unit for one in found.conditions}
    inside = gap[0] // MINUTE * MINUTE + 5 * MINUTE
    assert by_minute[inside]["alarms_1h"] is None
    assert by_minute[AT // MINUTE * MINUTE]["alarms_1h"] is not None
    assert any("page clinical engineering" in one.change for one in found.actions)
    unsaid = {one.kind: one for one in found.not_factors if one.value is None}
    assert {"flood", "overload", "unanswered", "silenced", "signal_lost"} <= set(unsaid)
    assert "nothing was received for 4" in unsaid["flood"].statement
    assert " 0 alarms" not in unsaid["flood"].statement


def _steady(bed: str) -> list[Fact]:
    """A short technical alarm of low priority every 10 min, as some pumps send them."""
    found: list[Fact] = []
    for number in range(6 * 48):
        start = AT - number * 10 * MINUTE - int(bed) * 97 * SECOND
        found += alarm(
            f"p{bed}-{number}",
            start,
            3,
            bed=bed,
            kind="technical",
            priority="low",
            device_id=f"pump-{bed}",
        )
    return found


def test_leads_off_that_were_silenced_and_not_mended_are_the_first_factors() -> None:
    off = alarm(
        "off",
        AT - 3 * HOUR,
        None,
        bed="4",
        kind="technical",
        source="MDC_ECG_HEART_RATE",
        code="MDC_EVT_LEADS_OFF",
    )
    quietened = response("q", AT - 3 * HOUR + 30 * SECOND, "silence", alarm_id="off")
    base = [
        one
        for one in quiet_ward()
        if not (getattr(one, "bed", None) == "4" and one.at > AT - 3 * HOUR)
        and not (getattr(one, "alarm_id", None) or "").startswith("4-")
    ]
    found = asked([*base, *off, quietened], bed="4")
    assert kinds(found)[:2] == ["silenced", "signal_lost"]
    assert found.factors[0].value == pytest.approx(179.5)
    assert found.actions[0].strength == "stronger"
    ids = {one for entry in found.timeline for one in entry.ids}
    assert ids <= {"off", "q"} | ids


def test_a_device_that_went_dark_is_a_lost_signal() -> None:
    dark = AT - 2 * HOUR
    busy: list[Fact] = []
    for number in range(200):
        busy += alarm(f"b{number}", dark - number * 6 * MINUTE, 10, bed="5")
    low = alarm(
        "battery",
        dark,
        5,
        bed="5",
        kind="technical",
        code="MDC_EVT_BATT_LO",
        source="",
        priority="low",
    )
    base = [
        one
        for one in quiet_ward()
        if not (getattr(one, "bed", None) == "5" and one.at > dark)
        or type(one).__name__ == "Assignment"
    ]
    found = asked([*base, *busy, *low], bed="5")
    assert kinds(found)[0] == "signal_lost"
    assert "Battery low" in found.factors[0].statement
    assert found.factors[0].value == pytest.approx(120, abs=1)


def test_conditions_are_those_of_replay_at_each_minute(flooded: Incident) -> None:
    facts = facts_of(quiet_ward() + flood(AT - 35 * MINUTE))
    for minute in (flooded.conditions[10], flooded.conditions[-1]):
        engine = facts.engine(POLICY)
        engine.advance(minute.at)
        burdens = engine.measure()
        row = burdens.clinicians.clinician.index("ann")
        window = burdens.windows.index("1h")
        mine = minute.clinicians["ann"]
        assert mine["alarms_1h"] == burdens.clinicians.alarms[row, window].sum()
        assert mine["protected_ratio_1h"] == burdens.clinicians.protected_ratio[row, window]
        assert mine["overload_state"] == burdens.clinicians.overload[row]
    assert [one.at for one in flooded.conditions] == list(range(AT - HOUR + MINUTE, AT + 1, MINUTE))


def test_no_sentence_blames_a_person(flooded: Incident) -> None:
    check(texts(flooded))
    with pytest.raises(Blaming):
        check(["The nurse should have looked."])


def test_an_alarm_whose_name_is_a_banned_word_is_named() -> None:
    off = alarm("off", AT - HOUR, None, bed="4", kind="technical", source="", code="REMINDER")
    quietened = response("q", AT - HOUR + 30 * SECOND, "silence", alarm_id="off")
    found = asked([*quiet_ward(), *off, quietened], bed="4")
    assert "reminder" in found.factors[0].statement.lower()


def unsaid(found: Incident) -> set[str]:
    return {one.kind for one in found.not_factors if one.value is None}


def test_no_claim_is_made_about_a_moment_before_the_first_fact() -> None:
    found = asked(quiet_ward(), AT - 100 * 24 * HOUR)
    why = "no alarms of this unit were recorded up to this moment"
    assert found.summary == f"Not assessable: {why}."
    assert (found.factors, found.actions) == ((), ())
    assert "feed_gap" in unsaid(found)


def test_the_time_before_the_records_begin_is_not_taken_for_calm() -> None:
    first = min(one.at for one in quiet_ward() if isinstance(one, AlarmEvent))
    found = asked(quiet_ward(), first + 15 * MINUTE)
    assert found.completeness.alarms.gaps == ((first - 45 * MINUTE, first),)
    assert {"silenced", "signal_lost", "flood", "feed_gap"} <= unsaid(found)
    assert found.summary.startswith("No system condition beyond baseline in what was recorded.")


def test_time_about_which_the_records_cannot_tell_is_not_called_a_gap_of_the_feed() -> None:
    elsewhere = [*alarm("o1", AT - 9 * HOUR, unit="MICU"), *alarm("o2", AT - MINUTE, unit="MICU")]
    found = asked([*elsewhere, *alarm("a1", AT - 30 * MINUTE, None)])
    assert [(one.kind, one.at, one.text) for one in found.timeline] == [
        (
            "not_recorded",
            AT - HOUR,
            "not known whether the feed worked: too few alarms of the unit in the day before",
        ),
        ("alarm", AT - 30 * MINUTE, "SpO2 low at bed 1 (medium priority, 86 with limit 90)"),
    ]
    first = min(one.at for one in quiet_ward() if isinstance(one, AlarmEvent))
    found = asked(quiet_ward(), first + 15 * MINUTE)
    assert [one.until for one in found.timeline if one.kind == "not_recorded"] == [first]
    assert "gap" not in {one.kind for one in found.timeline}


def test_a_rare_figure_that_does_not_stand_out_is_not_called_usual() -> None:
    # overloaded for 4 min, of the 10 that stand out
    some = [alarm(f"f{n}", AT - 7 * MINUTE + n * 6 * SECOND, 3) for n in range(12)]
    found = asked([*quiet_ward(), *(fact for one in some for fact in one)])
    [strain] = [one for one in found.not_factors if one.kind == "overload"]
    assert strain.value is not None
    assert 0 < strain.value < 10
    assert strain.statement.endswith(" of this unit, but too little to stand out.")


@pytest.mark.parametrize("after", [2 * HOUR, 26 * HOUR, 300 * 24 * HOUR])
def test_no_claim_is_made_about_a_moment_after_the_last_fact(after: int) -> None:
    found = asked(quiet_ward(), AT + after)
    assert found.summary.startswith("Not assessable: ")
    assert (found.factors, found.actions) == ((), ())
    assert {"silenced", "signal_lost", "feed_gap", "flood"} <= unsaid(found)
    assert all(one.unit["alarms_1h"] is None for one in found.conditions)


def test_a_gap_up_to_the_moment_is_one_of_the_feed_if_the_recording_goes_on() -> None:
    begin = AT - 50 * MINUTE
    facts = [*quiet_ward(), *(one for bed in BEDS for one in _steady(bed))]
    before = [one for one in facts if one.at <= begin]
    assert "feed_gap" not in kinds(asked(before))
    assert kinds(asked(before + alarm("later", AT + MINUTE)))[:1] == ["feed_gap"]
    question = Question(at=AT, facility="H", unit="ICU")
    live = analyse(facts_of(before), question, POLICY, goes_on=True)
    assert kinds(live)[:1] == ["feed_gap"]


def test_no_claim_is_made_about_a_bed_without_alarms() -> None:
    found = asked(quiet_ward(), bed="7")
    assert {"silenced", "signal_lost", "recent_change"} <= unsaid(found)
    assert "bed 7, of which no alarm was recorded" in found.completeness.alarms.not_assessable


def test_an_hourly_event_at_a_bed_is_no_factor() -> None:
    """Leads fall off for a quarter of an hour in each hour, also in the one in question."""
    off: list[Fact] = []
    for hour in range(9 * 24):
        start = AT - hour * HOUR - 20 * MINUTE
        off += alarm(f"o{hour}", start, 900, bed="2", kind="technical", code="MDC_EVT_LEADS_OFF")
    found = asked(quiet_ward() + off, bed="2")
    assert "signal_lost" not in kinds(found)
    [one] = [one for one in found.not_factors if one.kind == "signal_lost"]
    assert one.baseline is not None
    assert (one.value, one.baseline.median) == (15.0, 15.0)


def test_stretches_of_twelve_hours_are_counted_once_a_day() -> None:
    question = Question(at=AT, facility="H", unit="ICU", window=12 * HOUR)
    found = analyse(facts_of(quiet_ward()), question, POLICY)
    counts = {one.baseline.n for one in found.not_factors if one.baseline is not None}
    assert counts
    assert max(counts) <= 9


def test_an_id_that_is_used_again_is_another_alarm() -> None:
    """The one before, three days ago, was silenced; this one was not."""
    leads = {"bed": "4", "kind": "technical", "source": "", "code": "MDC_EVT_LEADS_OFF"}
    before = alarm("1", AT - 72 * HOUR, 60, **leads)
    again = [
        replace(one, event_id=f"{one.event_id}2") for one in alarm("1", AT - HOUR, None, **leads)
    ]
    quietened = response("q", AT - 72 * HOUR + 30 * SECOND, "silence", alarm_id="1")
    found = asked([*quiet_ward(), *before, *again, quietened], bed="4")
    assert kinds(found) == ["signal_lost"]
    assert found.factors[0].value == 60.0


def test_each_line_of_the_timeline_that_was_counted_has_its_records(flooded: Incident) -> None:
    known = {
        one.alarm_id for one in quiet_ward() + flood(AT - 35 * MINUTE) if type(one) is AlarmEvent
    }
    changes = [one for one in flooded.timeline if one.kind == "overload"]
    assert changes
    assert all(one.ids and set(one.ids) <= known for one in changes)


def test_the_words_of_a_name_do_not_blind_the_guard() -> None:
    with pytest.raises(Blaming):
        check(["Staff should have looked."], {"s", "e"})


@pytest.mark.parametrize("window", [MINUTE - 1, 24 * HOUR + 1])
def test_a_window_of_less_than_a_minute_or_more_than_a_day_is_refused(window: int) -> None:
    with pytest.raises(ValueError, match="window: expected 1 min to 24 h"):
        Question(at=AT, facility="H", unit="ICU", window=window)
