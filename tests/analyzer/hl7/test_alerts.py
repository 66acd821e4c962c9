"""One PCD-04 message: what it says, whoever sends it."""

from __future__ import annotations

import pytest

from analyzer.hl7 import Profile
from analyzer.model import AlarmEvent, Fact
from tests.analyzer.hl7.messages import PATIENT, alert, message, obr, outcomes, technical


def the_alarm(*facts: Fact) -> AlarmEvent:
    [fact] = facts
    assert isinstance(fact, AlarmEvent)
    return fact


def test_two_facets_alone_are_an_alarm() -> None:
    own = "a-very-long-alert-id-1"
    data = message(
        PATIENT,
        "PV1||I|ICU^^B7",
        obr(own, f"^{own}", "20120111150500-0600"),
        "OBX|1|ST|196670^MDC_EVT_LO^MDC|1.3.1.150456.1|Low SpO2|||L~PM~SP||||||20120111150457-0600",
        "OBX|2|NM|150456^MDC_PULS_OXIM_SAT_O2^MDC|1.3.1.150456.2|88|262688^MDC_DIM_PERCENT^MDC|90-96",
    )
    [outcome] = outcomes(data)
    alarm = the_alarm(*outcome.facts)
    assert alarm.phase == "start"
    assert alarm.at == 1326315897000  # 2012-01-11T21:04:57Z
    assert (alarm.kind, alarm.priority, alarm.value, alarm.limit) == (
        "physiological",
        "medium",
        88.0,
        90.0,
    )
    assert (alarm.source, alarm.code, alarm.label) == (
        "MDC_PULS_OXIM_SAT_O2",
        "MDC_EVT_LO",
        "Low SpO2",
    )
    assert (alarm.facility, alarm.unit, alarm.bed) == ("General", "ICU", "B7")


@pytest.mark.parametrize(
    ("code", "value", "limits", "limit"),
    [
        ("196670^MDC_EVT_LO^MDC", "98", ">98", 98.0),
        ("196670^MDC_EVT_LO^MDC", "-12", "-10--2", -10.0),
        ("196648^MDC_EVT_HI^MDC", "1", "-10--2", -2.0),
        ("196648^MDC_EVT_HI^MDC", "160", "50-120", 120.0),
        ("199684^MDC_EVT_ECG_ASYSTOLE^MDC", "0", "50-120", 50.0),
        ("199684^MDC_EVT_ECG_ASYSTOLE^MDC", "60", "50-120", None),
        ("196670^MDC_EVT_LO^MDC", "35,9", "36,5-38,2", 36.5),
        ("196670^MDC_EVT_LO^MDC", "88", "", None),
        ("196670^MDC_EVT_LO^MDC", "88", "see chart", None),
    ],
)
def test_the_direction_of_the_event_chooses_the_limit(
    code: str, value: str, limits: str, limit: float | None
) -> None:
    [outcome] = outcomes(alert(code=code, value=value, limits=limits))
    assert the_alarm(*outcome.facts).limit == limit


def test_private_codes_of_number_0_and_line_feeds_are_an_advisory() -> None:
    own = "56eb716f-ce7a-3b85-909c-a09d31fe324f^GW"
    data = message(
        "PID|||CANARY77||Canarysson^Canaria",
        "PV1||I|ICU^B1^B1^LAB",
        obr(own, own.replace("^GW", "") + "^" + own.replace("^GW", "")),
        "OBX|1||69965^MDC_DEV_MON_PHYSIO_MULTI_PARAM_MDS^MDC|1.0.0.0|||||||X|||||||",
        "OBX|2|ST|0^MDCX_EVT_ALERT_ADVISORY^MDC|1.0.0.0.1|Recheck BP|||A~PM~SA|||R|||||||GW-3",
        "OBX|3|ST|68164^MDC_ATTR_ALERT_SOURCE^MDC|1.0.0.0.2|GW-3|||A~PM~SA|||R",
        "OBX|4|ST|68165^MDC_ATTR_EVENT_PHASE^MDC|1.0.0.0.3|update|||A~PM~SA|||R",
        "OBX|5|ST|68166^MDC_ATTR_ALERT_STATE^MDC|1.0.0.0.4|active|||A~PM~SA|||R",
        "OBX|7|ST|68484^MDC_ATTR_ALARM_PRIORITY^MDC|1.0.0.0.6|advisory",
        end="\n",
    )
    [outcome] = outcomes(data)
    alarm = the_alarm(*outcome.facts)
    assert (alarm.kind, alarm.code, alarm.source) == ("advisory", "MDCX_EVT_ALERT_ADVISORY", "")
    assert (alarm.phase, alarm.device_id, alarm.device_type) == ("start", "GW-3", "monitor")
    assert outcome.unmapped == "MDCX_EVT_ALERT_ADVISORY"
    assert "joined" in outcome.notes


@pytest.mark.parametrize(
    ("word", "flags", "priority", "kind"),
    [
        ("PH", "", "high", "physiological"),
        ("PI", "", "info", "physiological"),
        ("PN", "", "info", "physiological"),
        ("", "SA~L~PL", "low", "advisory"),
        ("", "ST~PH", "high", "technical"),
        ("PU", "", "medium", "physiological"),
        ("20", "", "medium", "physiological"),
        ("crisis", "", "high", "physiological"),
    ],
)
def test_priority_and_type_stand_in_facets_or_in_obx_8(
    word: str, flags: str, priority: str, kind: str
) -> None:
    profile = Profile(priorities={"crisis": "high", **Profile().priorities})
    data = alert(priority=word, type_="").replace(b"Low SpO2||||||F", b"Low SpO2|||%b|||F")
    [outcome] = outcomes(data.replace(b"%b", flags.encode()), profile=profile)
    alarm = the_alarm(*outcome.facts)
    assert (alarm.priority, alarm.kind) == (priority, kind)
    assert ("assumed_priority" in outcome.notes) == (word in ("PU", "20"))


def test_a_number_alone_is_looked_up_and_a_profile_names_others() -> None:
    [known, unknown] = outcomes(alert(code="196650"), alert(code="262001", id_="another-long-id-2"))
    assert the_alarm(*known.facts).code == "MDC_EVT_HI_GT_LIM"
    assert (the_alarm(*unknown.facts).code, unknown.unmapped) == ("262001", "262001")
    [named] = outcomes(
        alert(code="7^PUMP STALL^99V"), profile=Profile(codes={"7": "MDC_EVT_STALL"})
    )
    assert the_alarm(*named.facts).code == "MDC_EVT_STALL"
    assert named.unmapped is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("20260124124738000+0800", 1769230058000),
        ("20260124124738.8010+0800", 1769230058801),
        ("20260124044738Z", 1769230058000),
        ("202601240447+0000", 1769230020000),
    ],
)
def test_times_are_read_as_senders_write_them(text: str, expected: int) -> None:
    [outcome] = outcomes(alert(onset=text))
    assert the_alarm(*outcome.facts).at == expected


def test_a_time_without_a_zone_takes_that_of_the_header_else_of_the_sender_else_is_rejected() -> (
    None
):
    [by_header] = outcomes(alert(onset="20260301120000", time="20260301120001+0100"))
    assert the_alarm(*by_header.facts).at == 1772362800000
    local = alert(onset="20260301120000", time="20260301120001")
    [by_sender] = outcomes(local, profile=Profile(zone=lambda moment: (moment - 7_200_000,)))
    assert the_alarm(*by_sender.facts).at == 1772359200000
    [rejected] = outcomes(local)
    assert rejected.kind == "rejected"
    assert rejected.refusal is not None
    assert rejected.refusal.field == "OBX-14"
    assert "zone" in rejected.refusal.expected


def test_an_hour_that_came_twice_is_read_in_the_order_of_the_messages() -> None:
    def berlin(local: int) -> tuple[int, ...]:
        twice = 1792893600000 <= local < 1792893600000 + 3_600_000  # 02:00 to 03:00 on 2026-10-25
        return (local - 7_200_000, local - 3_600_000) if twice else (local - 7_200_000,)

    first = alert(onset="20261025025900", time="20261025025901")
    second = alert(id_="another-long-id-2", onset="20261025020000", time="20261025020001")
    early, late = outcomes(first, second, profile=Profile(zone=berlin))
    assert the_alarm(*late.facts).at - the_alarm(*early.facts).at == 60_000


def test_the_onset_falls_back_to_obr_7_and_then_to_msh_7() -> None:
    data = alert(onset="").replace(
        b"MDC_EVT_ALARM^MDC|||", b"MDC_EVT_ALARM^MDC|||20260301115500+0000"
    )
    [by_obr] = outcomes(data)
    assert the_alarm(*by_obr.facts).at == 1772366100000
    [by_msh] = outcomes(alert(onset="", time="20260301120500+0000"))
    assert the_alarm(*by_msh.facts).at == 1772366700000


def test_without_pv1_the_place_comes_from_obx_18_or_is_unknown() -> None:
    [placed] = outcomes(alert(place="", device="~~WARD~FACILITY"))
    assert (the_alarm(*placed.facts).unit, the_alarm(*placed.facts).bed) == ("WARD", "unknown")
    [nowhere] = outcomes(alert(place=""))
    assert {"no_bed", "no_unit"} <= set(nowhere.notes)


def test_a_profile_spells_units_and_beds() -> None:
    profile = Profile(units={"ICU": "Intensive care"}, beds={"R1-B7": "7"}, bed_form="{room}-{bed}")
    [outcome] = outcomes(alert(), profile=profile)
    assert (the_alarm(*outcome.facts).unit, the_alarm(*outcome.facts).bed) == (
        "Intensive care",
        "7",
    )


@pytest.mark.parametrize("letter", ["D", "T"])
def test_messages_not_for_production_are_dropped_and_counted(letter: str) -> None:
    [outcome] = outcomes(alert(processing=letter))
    assert (outcome.kind, outcome.facts, outcome.notes) == ("dropped", (), ("processing_id",))


@pytest.mark.parametrize("kind", ["ORU^R01^ORU_R01", "MDM^T02", "ACK", ""])
def test_other_messages_are_dropped(kind: str) -> None:
    [outcome] = outcomes(alert(kind=kind))
    assert (outcome.kind, outcome.facts) == ("dropped", ())


def test_heartbeats_are_no_alarms() -> None:
    found = outcomes(
        technical("start", id_="w", onset="20260301120000+0000", event="0^MDC_EVT_WATCHDOG^MDC"),
        alert(code="258047^MDC_EVT_ACTIVE^MDC", text="Heartbeat", priority="PN"),
        alert(code="0^MDCX_VENDOR_ALIVE^MDC"),
        profile=Profile(heartbeats=frozenset({"MDCX_VENDOR_ALIVE"})),
    )
    assert [(one.kind, one.facts) for one in found] == [("heartbeat", ())] * 3


def test_separators_of_five_characters_and_escapes() -> None:
    data = alert(text="SpO2 \\T\\ pulse \\X41\\").replace(b"MSH|^~\\&|", b"MSH|^~\\&#|")
    [outcome] = outcomes(data)
    assert the_alarm(*outcome.facts).label == "SpO2 & pulse A"
    other = alert().replace(b"^", b"*").replace(b"|", b"$")
    [outcome] = outcomes(other)
    assert the_alarm(*outcome.facts).code == "MDC_EVT_LO"


@pytest.mark.parametrize(
    ("charset", "codec"),
    [
        ("8859/1", "latin-1"),
        ("UNICODE UTF-8", "utf-8"),
        ("", "utf-8"),
        ("", "cp1252"),
        ("8859/15", "iso8859-15"),
        ("UNICODE", "utf-16"),
    ],
)
def test_character_sets(charset: str, codec: str) -> None:
    data = alert(text="Sättigung tief", charset=charset).decode().encode(codec)
    [outcome] = outcomes(data)
    assert the_alarm(*outcome.facts).label == "Sättigung tief"
    assert ("charset_guessed" in outcome.notes) == (codec == "cp1252")


@pytest.mark.parametrize(
    ("charset", "codec"),
    [("ISO IR87", "iso2022_jp"), ("ISO IR14", "cp932"), ("GB 18030-2000", "gb18030")],
)
def test_character_sets_whose_bytes_look_like_separators(charset: str, codec: str) -> None:
    data = alert(text="\u8868\u793a\u7570\u5e38", charset=charset).decode().encode(codec)
    [outcome] = outcomes(data)
    assert the_alarm(*outcome.facts).label == "\u8868\u793a\u7570\u5e38"


@pytest.mark.parametrize("end", ["\r", "\n", "\r\n"])
def test_line_ends_also_inside_fields(end: str) -> None:
    [outcome] = outcomes(alert(end=end, text=f"Low{end}SpO2"))
    assert the_alarm(*outcome.facts).label == "Low SpO2"


@pytest.mark.parametrize(
    ("data", "field"),
    [
        (b"", "MSH"),
        (b"PID|1", "MSH"),
        (b"MSH|^~\\&|GW|G|||20260301120000+0000||ORU^R40^ORU_R40|1|P|2.6\rOBR|1||x\r", "OBX-3"),
        (alert(onset="yesterday", time="").replace(b"|||yesterday", b"|||"), "MSH-7"),
        (alert(device="x" * 200), "OBX-18"),
        (alert(onset="19700101000000+0000"), "OBX-14"),
    ],
)
def test_errors_about_malformed_facts_name_the_field_and_what_was_expected(
    data: bytes, field: str
) -> None:
    [outcome] = outcomes(data)
    assert outcome.kind == "rejected"
    assert outcome.refusal is not None
    assert outcome.refusal.field == field
