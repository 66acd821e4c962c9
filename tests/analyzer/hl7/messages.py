"""Messages for the tests, as gateways send them."""

from __future__ import annotations

from analyzer.hl7 import Outcome, Profile, Profiles, Translator

PATIENT = "PID|||CANARY77^^^H^MR||Canarysson^Canaria^^^^^L||19700101|F"


def message(
    *segments: str,
    time: str = "20260301120000+0000",
    kind: str = "ORU^R40^ORU_R40",
    control: str = "1",
    processing: str = "P",
    sender: str = "GW",
    facility: str = "General",
    charset: str = "",
    end: str = "\r",
    receiver: str = "",
) -> bytes:
    """A message of a sender, in UTF-8, with the patient and the segments that are given."""
    msh = (
        f"MSH|^~\\&|{sender}|{facility}|AM|{receiver}|{time}||{kind}|{control}|{processing}|2.6|||"
        f"AL|NE||{charset}"
    )
    return (end.join([msh, *segments]) + end).encode()


def alert(
    phase: str = "start",
    *,
    state: str = "active",
    inactivation: str = "enabled",
    priority: str = "PM",
    type_: str = "SP",
    id_: str = "a-very-long-alert-id-1",
    parent: str = "",
    onset: str = "20260301120000+0000",
    code: str = "196670^MDC_EVT_LO^MDC",
    text: str = "Low SpO2",
    value: str = "88",
    limits: str = "90-100",
    place: str = "ICU^R1^B7^General",
    device: str = "mon-17^^0012^EUI-64",
    **header: str,
) -> bytes:
    """A physiological alarm with all facets; what is empty is left out."""
    source = "150456^MDC_PULS_OXIM_SAT_O2^MDC"
    facets = [
        f"OBX|1||69965^MDC_DEV_MON_PHYSIO_MULTI_PARAM_MDS^MDC|1.0.0.0|||||||X|||||||{device}",
        f"OBX|2|ST|{code}|1.3.1.150456.1|{text}||||||F|||{onset}",
        f"OBX|3|NM|{source}|1.3.1.150456.2|{value}||{limits}||||F",
    ]
    for number, arc, name, given in (
        (68481, 3, "MDC_ATTR_EVENT_PHASE", phase),
        (68482, 4, "MDC_ATTR_ALARM_STATE", state),
        (68483, 5, "MDC_ATTR_ALARM_INACTIVATION_STATE", inactivation),
        (68484, 6, "MDC_ATTR_ALARM_PRIORITY", priority),
        (68485, 7, "MDC_ATTR_ALERT_TYPE", type_),
    ):
        if given:
            facets.append(f"OBX|9|ST|{number}^{name}^MDC|1.3.1.150456.{arc}|{given}||||||F")
    pv1 = [f"PV1||I|{place}"] if place else []
    head = [PATIENT, *pv1, obr(id_, parent, onset)]
    return message(*head, *facets, **header)


def obr(id_: str, parent: str = "", time: str = "20260301120000+0000") -> str:
    return f"OBR|1||{id_}|196616^MDC_EVT_ALARM^MDC|||{time}" + "|" * 22 + parent


def technical(
    phase: str,
    *,
    id_: str,
    parent: str = "",
    onset: str,
    event: str = "196940^MDC_EVT_FLUID_LINE_OCCL^MDC^^^^^^Line occluded",
    **header: str,
) -> bytes:
    """A technical alarm of a pump, without a priority."""
    return message(
        PATIENT,
        "PV1||I|ICU^R1^B7^General",
        obr(id_, parent, onset),
        "OBX|1||69985^MDC_DEV_PUMP_INFUS_MDS^MDC|1.0.0.0|||||||X|||||||P6013^^0012^EUI-64",
        f"OBX|2|CWE|196616^MDC_EVT_ALARM^MDC|1.0.0.0.1|{event}|||ST|||F|||{onset}",
        "OBX|3|CWE|68480^MDC_ATTR_ALERT_SOURCE^MDC|1.0.0.0.2|69985^MDC_DEV_PUMP_INFUS_MDS^MDC",
        f"OBX|4|ST|68481^MDC_ATTR_EVENT_PHASE^MDC|1.0.0.0.3|{phase}",
        **header,
    )


def adt(*roles: str, trigger: str = "A01", time: str = "20260301070000+0000") -> bytes:
    """Roles at a bed; see `rol`."""
    return message(
        f"EVN|{trigger}|{time}",
        PATIENT,
        "PV1||I|ICU^R1^B7^General||||DOC1^Canarysson^Doctor",
        *roles,
        kind=f"ADT^{trigger}",
        time=time,
    )


def rol(
    action: str, person: str = "N-1", role: str = "RN^nurse", span: str = "20260301070000+0000|"
) -> str:
    """A person's role; `action` is AD, UP or DE, `span` begin and end."""
    return f"ROL|1|{action}|{role}|{person}^Canarysson^Nurse|{span}"


def outcomes(*data: bytes, profile: Profile | None = None) -> list[Outcome]:
    """What messages become, one after the other."""
    translator = Translator(Profiles(default=profile))
    return [translator.translate(one) for one in data]


STORY = (
    alert("start"),
    technical("start", id_="7^PUMP^0012210000000000^EUI-64", onset="20260301120003+0000"),
    alert("continue", inactivation="audio-paused", time="20260301120010+0000"),
    alert("escalate", priority="PH", value="71", time="20260301120015+0000"),
    technical(
        "end",
        id_="8^PUMP^0012210000000000^EUI-64",
        parent="^7&PUMP&0012210000000000&EUI64",
        onset="20260301120012+0000",
    ),
    alert("end", state="inactive", onset="20260301120130+0000", time="20260301120130+0000"),
    technical("start", id_="w", onset="20260301120200+0000", event="0^MDC_EVT_WATCHDOG^MDC"),
    alert("start", id_="a-very-long-alert-id-2", onset="20260301120300+0000"),
    alert(processing="T"),
)
"""Two alarms with a silence, a rise and two ends, a heartbeat, an open alarm, a test."""
