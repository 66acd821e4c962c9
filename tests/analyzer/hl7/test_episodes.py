"""Several messages: which alarm each is about, and what it adds."""

from __future__ import annotations

import json

from analyzer.hl7 import Outcome, Profile, Translator
from analyzer.model import AlarmEvent, Fact, Response
from tests.analyzer.hl7.messages import alert, message, obr, outcomes, technical

START, END = "20260301120000+0000", "20260301120009+0000"


def facts(found: list[Outcome]) -> list[Fact]:
    return [fact for one in found for fact in one.facts]


def alarms(found: list[Outcome]) -> list[AlarmEvent]:
    return [fact for fact in facts(found) if isinstance(fact, AlarmEvent)]


def responses(found: list[Outcome]) -> list[Response]:
    return [fact for fact in facts(found) if isinstance(fact, Response)]


FIRST = technical("start", id_="7^PUMP^0012210000000000^EUI-64", onset=START)
LAST = technical(
    "end", id_="8^PUMP^0012210000000000^EUI-64", parent="^7&PUMP&0012210000000000&EUI64", onset=END
)


def test_an_end_that_names_its_start_in_another_spelling_ends_it() -> None:
    found = outcomes(FIRST, LAST, profile=Profile(priority="low"))
    start, end = alarms(found)
    assert (start.phase, end.phase, end.at - start.at) == ("start", "end", 9000)
    assert start.alarm_id == end.alarm_id
    assert (start.kind, start.code, start.priority) == (
        "technical",
        "MDC_EVT_FLUID_LINE_OCCL",
        "low",
    )
    assert start.source == "MDC_DEV_PUMP_INFUS_MDS"
    assert (start.device_id, start.device_type) == ("P6013", "infusion_pump")
    assert [("assumed_priority" in one.notes) for one in found] == [True, True]


def test_the_end_sent_first_gives_the_same() -> None:
    usual = facts(outcomes(FIRST, LAST))
    assert set(facts(outcomes(LAST, FIRST))) == set(usual)
    [waits, _] = outcomes(LAST, FIRST)
    assert waits.notes[-1] == "end_without_start"
    assert waits.facts == ()


def test_an_alarm_that_is_silenced_and_released_under_one_id() -> None:
    found = outcomes(
        alert("start", inactivation="enabled"),
        alert("continue", inactivation="audio-paused", time="20260301120010+0000"),
        alert("continue", inactivation="enabled", time="20260301120020+0000"),
    )
    assert [one.phase for one in alarms(found)] == ["start"]
    assert [one.action for one in responses(found)] == ["silence"]
    assert responses(found)[0].alarm_id == alarms(found)[0].alarm_id
    assert responses(found)[0].clinician is None


def test_inactivation_states_repeat_and_each_new_one_is_a_response() -> None:
    found = outcomes(
        alert("start"),
        alert("update", inactivation="audio-off~alert-acknowledged"),
        alert("update", inactivation="alarm-paused~alert-acknowledged"),
    )
    assert [one.action for one in responses(found)] == ["acknowledge", "silence", "pause"]


def test_keep_alives_add_nothing_and_values_once_a_minute() -> None:
    times = [
        f"2026030112{seconds // 60:02}{seconds % 60:02}+0000" for seconds in range(10, 180, 10)
    ]
    same = outcomes(alert("start"), *(alert("continue", time=one, onset=one) for one in times))
    assert len(facts(same)) == 1
    assert {one.kind for one in same[1:]} == {"unchanged"}
    falling = outcomes(
        alert("start"),
        *(
            alert("continue", time=one, onset=one, value=str(80 + abs(8 - number)))
            for number, one in enumerate(times)
        ),
        alert("end", state="inactive", time="20260301120300+0000", onset="20260301120300+0000"),
    )
    assert [one.phase for one in alarms(falling)] == ["start", "update", "update", "end"]
    assert min(one.value for one in alarms(falling) if one.value is not None) == 80.0


def test_a_rising_priority_is_told_at_once() -> None:
    found = outcomes(alert("start"), alert("escalate", priority="PH", time="20260301120005+0000"))
    assert [(one.phase, one.priority) for one in alarms(found)] == [
        ("start", "medium"),
        ("update", "high"),
    ]


def test_the_onset_repeated_in_an_end_is_not_its_time() -> None:
    found = outcomes(
        alert("start"), alert("end", state="inactive", onset="", time="20260301120030+0000")
    )
    start, end = alarms(found)
    assert end.at - start.at == 30_000
    repeated = alert("end", state="inactive", time="20260301120030+0000").replace(
        b"MDC_EVT_ALARM^MDC|||20260301120000", b"MDC_EVT_ALARM^MDC|||20260301120030"
    )
    start, end = alarms(outcomes(alert("start"), repeated))
    assert end.at - start.at == 30_000


def test_one_id_is_used_for_several_events_and_again() -> None:
    therapy = "the-whole-therapy-id-1"
    found = outcomes(
        alert("start", id_=therapy),
        technical("start", id_=therapy, onset=START),
        alert("end", id_=therapy, state="inactive", onset=END, time=END),
        alert("start", id_=therapy, onset=END, time=END),
    )
    assert [one.phase for one in alarms(found)] == ["start", "start", "end", "start"]
    assert len({one.alarm_id for one in alarms(found)}) == 3


def test_an_end_without_event_matches_the_only_open_alarm_of_its_id() -> None:
    nameless = technical("end", id_="x", parent="^a-very-long-alert-id-1", onset=END, event="")
    found = outcomes(alert("start"), nameless)
    assert [one.phase for one in alarms(found)] == ["start", "end"]
    both = outcomes(
        alert("start"), technical("start", id_="a-very-long-alert-id-1", onset=START), nameless
    )
    assert both[-1].kind == "rejected"


def test_a_sender_that_never_names_the_first_message() -> None:
    later = alert("continue", id_="another-very-long-id", time=END, onset=END)
    last = alert("end", id_="yet-another-long-id", state="inactive", time=END, onset=END)
    found = outcomes(alert("start"), later, last)
    assert [one.phase for one in alarms(found)] == ["start", "end"]
    assert "matched_by_source" in found[-1].notes
    found = outcomes(alert("start"), later, last, profile=Profile(identity="source"))
    assert [one.phase for one in alarms(found)] == ["start", "end"]


def test_a_latched_alarm_lasts_until_its_reset() -> None:
    found = outcomes(
        alert("start"),
        alert("end", state="latched", time=END, onset=END),
        alert("reset", state="inactive", time="20260301120100+0000", onset="20260301120100+0000"),
    )
    start, end = alarms(found)
    assert end.at - start.at == 60_000


def test_a_point_in_time_starts_and_ends() -> None:
    start, end = alarms(outcomes(alert("tpoint")))
    assert (start.phase, end.phase, end.at) == ("start", "end", start.at)


def test_without_a_phase_the_state_tells() -> None:
    found = outcomes(
        alert("", state="active"),
        alert("", state="active", time=END),
        alert("", state="off", time=END, onset=END),
    )
    assert [one.phase for one in alarms(found)] == ["start", "end"]


def test_messages_sent_again_add_nothing_new() -> None:
    once = [
        alert("start"),
        alert("continue", inactivation="audio-paused", time="20260301120005+0000"),
        alert("end", state="inactive", time=END, onset=END),
    ]
    usual = facts(outcomes(*once))
    for again in ([*once, *once], [one for one in once for _ in range(3)], [*once, once[0]]):
        assert set(facts(outcomes(*again))) == set(usual)
    translator = Translator()
    for one in [*once, once[0]]:
        translator.translate(one)
    assert translator.episodes.open == 0


def test_restored_rows_go_on_as_if_nothing_had_happened() -> None:
    data = [
        alert("start", id_=f"a-very-long-alert-id-{number:02}", place=f"ICU^^B{number}")
        for number in range(50)
    ]
    ends = [
        alert("end", id_=f"x-{number}", parent=f"^a-very-long-alert-id-{number:02}", onset=END)
        for number in range(50)
    ]
    whole = outcomes(*data, *ends)
    first = Translator()
    for one in data:
        first.translate(one)
    stored = [first.episodes.stored(key) for key in first.episodes.changed]
    second = Translator()
    second.episodes.restore(json.loads(json.dumps(stored)))
    assert second.episodes.open == 50
    assert facts([second.translate(one) for one in ends]) == facts(whole[50:])
    assert second.episodes.open == 0


def test_the_answer_of_a_person_belongs_to_the_alarm() -> None:
    def answered(word: str) -> bytes:
        return message(
            obr("a-very-long-alert-id-1"),
            f"PRT|1||{word}||N-12^Canarysson^Nurse||||||20260301120007+0000",
            kind="ORA^R41^ORA_R41",
            sender="AM",
            facility="Pagers",
            receiver="General",
        )

    for word, action in (("Acknowledged", "acknowledge"), ("Declined", "decline")):
        found = outcomes(alert("start"), answered(word))
        [response] = responses(found)
        assert (response.action, response.clinician) == (action, "N-12")
        assert response.alarm_id == alarms(found)[0].alarm_id
        assert response.at - alarms(found)[0].at == 7000
    assert responses(outcomes(alert("start"), answered("Delivered"))) == []
    [unknown] = outcomes(answered("Accepted"))
    assert (unknown.kind, unknown.notes) == ("dropped", ("unknown_alarm",))
