"""What real senders write otherwise than the standard does, and what it becomes."""

from __future__ import annotations

import pytest

from analyzer.hl7 import Outcome, Profile, messages, stripped
from analyzer.model import AlarmEvent, Response
from tests.analyzer.hl7.messages import PATIENT, alert, message, obr, outcomes, technical

PHASE = "OBX|2|ST|68481^MDC_ATTR_EVENT_PHASE^MDC|{}.3|{}"


def told(*data: bytes, profile: Profile | None = None) -> list[str]:
    """What messages became: kinds, phases and actions; without their patient they are the same."""
    found = [_one(one) for one in outcomes(*data, profile=profile)]
    if all(len(messages(one)) == 1 for one in data):
        kept = map(stripped, data)
        assert [_one(one) for one in outcomes(*kept, profile=profile)] == found
    return found


def _one(outcome: Outcome) -> str:
    words = [
        fact.phase if isinstance(fact, AlarmEvent) else getattr(fact, "action", "assigned")
        for fact in outcome.facts
    ]
    return " ".join([outcome.kind, *words])


def pair(own: str, last: str, parent: str) -> list[str]:
    end = {"state": "inactive", "onset": "20260301120100+0000", "time": "20260301120100+0000"}
    return told(alert(id_=own), alert("end", id_=last, parent=parent, **end))


@pytest.mark.parametrize(
    ("own", "last", "parent"),
    [
        ("{DF041F5C-A3C9-11E9-8D8A-0050B612AFEB}", "2", "^df041f5c-a3c9-11e9-8d8a-0050b612afeb"),
        ("DF041F5CA3C911E98D8A0050B612AFEB", "2", "^df041f5c-a3c9-11e9-8d8a-0050b612afeb"),
        ("7^PUMP^00AA11223344^EUI-64", "8", "^7&PUMP&00-aa-11-22-33-44&EUI64"),
        ("7^PUMP^0012^EUI-64", "8", "^7"),
        ("7^PUMP^0012^EUI-64", "8", "^7^PUMP^0012^EUI-64"),
        ("7^PUMP^0012^EUI-64", "8", r"^7\T\PUMP\T\0012\T\EUI-64"),
        ("7^PUMP^0012^EUI-64", "7^PUMP^0012", '""'),
    ],
)
def test_an_id_is_the_same_however_it_is_spelled(own: str, last: str, parent: str) -> None:
    assert pair(own, last, parent) == ["alarm start", "alarm end"]


def test_without_ids_alarms_of_two_beds_are_not_mixed_up() -> None:
    # neither has OBX-18 nor OBR-29; the end of bed 8 must not end the alarm of bed 7
    one = alert(device="", id_="a1")
    other = {"device": "", "id_": "a2", "place": "ICU^R1^B8", "state": "inactive"}
    assert told(one, alert("end", **other)) == ["alarm start", "unchanged"]


def test_an_end_that_names_no_event_at_all_matches_by_id() -> None:
    end = message(PATIENT, obr("2", "^q", "20260301120030+0000"), PHASE.format("1.0.0.0", "end"))
    start = technical("start", id_="q", onset="20260301120000+0000")
    assert told(start, end) == ["alarm start", "alarm end"]
    assert told(end) == ["rejected"]


def test_two_alarms_in_one_message_are_two_alarms() -> None:
    low = "OBX|1|ST|196670^MDC_EVT_LO^MDC|1.3.1.150456.1|Low SpO2"
    high = "OBX|1|ST|196648^MDC_EVT_HI^MDC|1.7.4.147842.1|High HR"
    phases = PHASE.format("1.3.1.150456", "start"), PHASE.format("1.7.4.147842", "start")
    place = "PV1||I|ICU^R1^B7"
    under_one = message(PATIENT, place, obr("q"), low, phases[0], high, phases[1])
    assert told(under_one) == ["alarm start start"]
    under_two = message(PATIENT, place, obr("q"), low, "OBR|2||r", high)
    assert told(under_two) == ["alarm start start"]
    same = message(PATIENT, place, obr("q"), low, high.replace("196648^MDC_EVT_HI", "^MDC_EVT_LO"))
    [outcome] = outcomes(same)
    assert len({fact.alarm_id for fact in outcome.facts if isinstance(fact, AlarmEvent)}) == 2


def test_of_several_alarms_the_one_that_is_wrong_is_rejected_and_the_others_count() -> None:
    wrong = "OBX|1|ST|0^MDC_EVT_" + "X" * 200 + "^MDC|1.7.4.147842.1|High HR"
    right = "OBX|1|ST|196670^MDC_EVT_LO^MDC|1.3.1.150456.1|Low SpO2"
    data = message(PATIENT, "PV1||I|ICU^R1^B7", obr("q"), right, "OBR|2||r", wrong)
    assert told(data) == ["rejected start"]


def test_a_batch_is_its_messages() -> None:
    head, tail = b"FHS|^~\\&|GW\rBHS|^~\\&|GW\r", b"BTS|2\rFTS|1\r"
    batch = head + alert() + alert(id_="another-long-id-2") + tail
    assert told(batch) == ["alarm start start"]
    assert messages(batch) == [
        alert().rstrip(b"\r"),
        alert(id_="another-long-id-2").rstrip(b"\r"),
    ]
    assert told(alert() + alert(id_="another-long-id-2")) == ["alarm start start"]
    assert [one.kind for one in outcomes(b"BHS|^~\\&|no MSH|\rBTS|0")] == ["rejected"]


@pytest.mark.parametrize(
    "word", ["AUDIO_PAUSED", "Audio paused", "audio-paused^x", "~audio-paused"]
)
def test_words_are_known_in_any_case_and_with_any_blanks(word: str) -> None:
    silenced = alert("continue", inactivation=word, time="20260301120030+0000")
    assert told(alert(), silenced) == ["alarm start", "response silence"]


def test_a_message_without_the_inactivation_facet_does_not_tell_that_it_is_enabled() -> None:
    def later(second: int, inactivation: str) -> bytes:
        return alert("continue", inactivation=inactivation, time=f"202603011200{second}+0000")

    found = told(alert(), later(10, "audio-off"), later(20, ""), later(30, "audio-off"))
    assert found == ["alarm start", "response silence", "unchanged", "unchanged"]


def test_an_acknowledgement_at_or_after_the_end_is_a_response() -> None:
    end = {"state": "inactive", "onset": "20260301120100+0000", "time": "20260301120100+0000"}
    ended = alert("end", inactivation="alert-acknowledged", **end)
    assert told(alert(), ended, ended) == ["alarm start", "alarm acknowledge end", "unchanged"]
    after = alert(
        "update",
        state="inactive",
        inactivation="alert-acknowledged",
        time="20260301120200+0000",
    ).replace(b"|||20260301120000+0000" + b"|" * 22, b"|||20260301120200+0000" + b"|" * 22)
    found = outcomes(alert(), alert("end", **end), after, after)
    assert [_one(one) for one in found[1:]] == [
        "alarm end",
        "response acknowledge",
        "unchanged",
    ]
    [response] = found[2].facts
    assert isinstance(response, Response)
    assert response.at == 1772366520000


@pytest.mark.parametrize(
    "text",
    [
        "20260301120000+00",
        "20260301120000+0000^S",
        "20260301120000.123456789012Z",
        "20260301120000UTC",
        "2026-03-01T12:00:00Z",
        "2026-03-01 13:00:00.000+01:00",
    ],
)
def test_times_in_other_forms(text: str) -> None:
    [outcome] = outcomes(alert(onset=text, time="20260301120500+0000"))
    [alarm] = outcome.facts
    assert isinstance(alarm, AlarmEvent)
    assert alarm.at // 1000 == 1772366400
    assert "unreadable_time" not in outcome.notes


@pytest.mark.parametrize(
    ("code", "value", "limits", "limit"),
    [
        ("MDC_EVT_LO", "88", "90\u201396", 90.0),
        ("MDC_EVT_LO", "88", "90^96", 90.0),
        ("MDC_EVT_LO", "88", "[90;96]", 90.0),
        ("MDC_EVT_LO", "88", "<90 >96 %", 90.0),
        ("MDC_EVT_LO", "-12", "(-10)-(-2)", -10.0),
        ("MDC_EVT_LO", "-12", "-10--2 mmHg", -10.0),
        ("MDC_EVT_LO", "88", "96-90", 90.0),
        ("MDC_EVT_LO", "88", "90-", 90.0),
        ("MDC_EVT_HI", "130", "90-", None),
        ("MDC_EVT_LO", "88", "SpO2 90", None),
        ("MDC_EVT_LO", "88", '""', None),
        ("MDCX_EVT_ABOVE_LIMIT", "130", "50-120", 120.0),
    ],
)
def test_limits_in_other_forms(code: str, value: str, limits: str, limit: float | None) -> None:
    [outcome] = outcomes(alert(code=f"0^{code}^MDC", value=value, limits=limits))
    [alarm] = outcome.facts
    assert isinstance(alarm, AlarmEvent)
    assert alarm.limit == limit


@pytest.mark.parametrize("flags", ["L~pm~sp", "L^~PM^~SP^", "SP^PM^L"])
def test_flags_in_other_forms(flags: str) -> None:
    data = alert(priority="", type_="").replace(
        b"|Low SpO2||||||F", f"|Low SpO2|||{flags}|||F".encode()
    )
    [outcome] = outcomes(data)
    assert "assumed_priority" not in outcome.notes


@pytest.mark.parametrize(
    ("charset", "codec", "text"),
    [
        ("WINDOWS-1250", "cp1250", "Saturacja \u0141\u00f3d\u017a"),
        ("CP1251", "cp1251", "\u0422\u0440\u0435\u0432\u043e\u0433\u0430"),
        ("KOI8-R", "koi8_r", "\u0422\u0440\u0435\u0432\u043e\u0433\u0430"),
        ("ISO IR144", "iso8859-5", "\u0422\u0440\u0435\u0432\u043e\u0433\u0430"),
        ("ISO IR100", "latin-1", "S\u00e4ttigung"),
        ("EUC-JP", "euc_jp", "\u8b66\u5831"),
        ("ISO-2022-JP", "iso2022_jp", "\u8b66\u5831"),
        ("8859/1~UNICODE UTF-8", "utf-8", "S\u00e4ttigung"),
    ],
)
def test_character_sets_by_other_names(charset: str, codec: str, text: str) -> None:
    [outcome] = outcomes(alert(text=text, charset=charset).decode().encode(codec))
    [alarm] = outcome.facts
    assert isinstance(alarm, AlarmEvent)
    assert (alarm.label, outcome.notes) == (text, ())


@pytest.mark.parametrize(
    ("text", "charset", "label"),
    [
        ("a\\XE4\\b", "8859/1", "a\u00e4b"),
        ("a\\XE4\\b", "UNICODE UTF-8", "a\u00e4b"),
        ("a\\X0D\\b\tc", "", "a b c"),
        ('""', "", None),
        ("HR^high", "", "HR high"),
        ("158776^MDC_HDIALY_BLD_PUMP_PRESS_VEN^MDC", "", None),
    ],
)
def test_labels_are_one_plain_line(text: str, charset: str, label: str | None) -> None:
    [outcome] = outcomes(alert(text=text, charset=charset))
    [alarm] = outcome.facts
    assert isinstance(alarm, AlarmEvent)
    assert alarm.label == label


def test_null_is_no_value() -> None:
    [outcome] = outcomes(alert(place='""^""^""', priority='""', device='""', type_='""'))
    assert {"no_bed", "no_unit", "no_device", "assumed_priority"} == set(outcome.notes)


def test_a_heartbeat_may_be_an_event_without_a_priority_of_an_alarm() -> None:
    active = "258047^MDC_EVT_ACTIVE^MDC"
    assert told(alert(code=active, text="", priority="PN")) == ["heartbeat"]
    assert told(alert(code=active, text="", priority="")) == ["heartbeat"]
    assert told(alert(code=active, text="", priority="PH")) == ["alarm start"]


def test_segments_may_be_indented_and_types_in_small_letters() -> None:
    data = alert(kind="oru^r40").replace(b"\rO", b"\r    O").replace(b"\rP", b"\r  P")
    assert told(data) == ["alarm start"]
    assert b"anary" not in stripped(data)


def test_a_segment_with_other_separators_continues_no_field() -> None:
    data = alert().replace(b"|", b"$") + PATIENT.encode() + b"\r"
    assert b"anary" not in stripped(data)
    assert b"anary" not in stripped(b"MSH$^~\\&$GW\r" + PATIENT.encode())


def answered(*participants: str, **header: str) -> bytes:
    sent = {"kind": "ORA^R41^ORA_R41", "sender": "AM", "time": "20260301120100+0000", **header}
    return message(
        "MSA|AA|1",
        obr("x9", "^a-very-long-alert-id-1", "20260301120030+0000"),
        *participants,
        **sent,
    )


def test_the_responder_is_the_person_who_accepted() -> None:
    data = answered(
        "PRT|1|AD|Delivered|AAP^Acknowledging|N-1||||||20260301120025+0000",
        "PRT|2|AD|Accepted as True Positive|AAP|N-2||||||20260301120040+0000",
        "PRT|3|AD|Call Back|AAP|N-3||||||20260301120050+0000",
    )
    facts = outcomes(alert(), data)[1].facts
    assert [(one.clinician, one.at) for one in facts if isinstance(one, Response)] == [
        ("N-2", 1772366440000),
        ("N-3", 1772366450000),
    ]


def test_an_answer_is_of_the_hospital_that_sent_the_alarm() -> None:
    data = answered("PRT|1|AD|Declined|AAP|N-2", facility="PAGERS", receiver="General")
    found = outcomes(alert(), data)[1]
    assert (found.facility, _one(found)) == ("General", "response decline")


def test_numbers_of_roles_within_a_message_identify_no_assignment() -> None:
    def adt(place: str, *roles: str) -> bytes:
        time = "20260301070000+0000"
        pv1 = f"PV1||I|{place}"
        return message(f"EVN|A01|{time}", PATIENT, pv1, *roles, kind="ADT^A01", time=time)

    one, two = (f"ROL|1|AD|RN^nurse|N-{n}|20260301070000+0000" for n in (1, 2))
    found = outcomes(adt("ICU^R1^B7", one), adt("ICU^R1^B8", two))
    ids = {getattr(fact, "assignment_id", None) for outcome in found for fact in outcome.facts}
    assert len(ids) == 2
    late = "ROL|1|AD|RN^nurse|N-1|20260301220000+0000|20260301060000+0000"
    assert "ends_before_it_begins" in outcomes(adt("ICU^R1^B7", late))[0].notes


def test_a_short_id_of_several_devices_or_sources_is_as_many_alarms() -> None:
    def of(phase: str, device: str, second: int, **more: str) -> bytes:
        time = f"202603011200{second}+0000"
        return alert(phase, id_="1", device=device, onset=time, time=time, **more)

    end = {"state": "inactive"}
    found = outcomes(
        of("start", "d1", 10),
        of("start", "d2", 20),
        of("continue", "d2", 25),
        of("end", "d1", 30, **end),
        of("end", "d2", 40, **end),
        of("end", "d2", 41, **end),
    )
    assert [_one(one) for one in found] == [
        "alarm start",
        "alarm start",
        "unchanged",
        "alarm end",
        "alarm end",
        "unchanged",
    ]
    first, second = ({fact.alarm_id for fact in found[n].facts} for n in (0, 1))  # type: ignore[union-attr]
    assert first != second
    assert {fact.alarm_id for fact in found[4].facts} == second  # type: ignore[union-attr]
    other = of("start", "d1", 20).replace(b"150456^MDC_PULS_OXIM_SAT_O2", b"150020^MDC_PRESS_BLD")
    assert told(of("start", "d1", 10), other) == ["alarm start", "alarm start"]
    early = of("end", "d2", 20, **end)  # whose start comes late
    assert told(of("start", "d1", 10), early, of("start", "d2", 15)) == [
        "alarm start",
        "unchanged",
        "alarm start end",
    ]
    nameless = of("end", "", 30, **end)  # does not tell which device, so its id alone counts
    assert told(of("start", "d1", 10), nameless) == ["alarm start", "alarm end"]
    unique = alert(id_="a-very-long-alert-id-1", device="d2", time="20260301120030+0000")
    assert told(alert(device="d1"), unique) == ["alarm start", "unchanged"]
