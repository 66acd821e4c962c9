"""What no spelling of a message may change, and what no message may let out."""

from __future__ import annotations

import random
import re

from hypothesis import given
from hypothesis import strategies as st

from analyzer.hl7 import Outcome, Translator, acknowledgement, stripped
from analyzer.hl7.text import NoMessage
from tests.analyzer.hl7.messages import STORY, alert, message, outcomes

UUID = "df041f5c-a3c9-11e9-8d8a-0050b612afeb"
TOLD = (
    *STORY,
    alert("start", id_=f"{UUID}^GW^0012^EUI-64", onset="20260301121000+0000"),
    alert(
        "end",
        id_="9^GW^0012^EUI-64",
        parent=f"^{UUID}&GW&0012&EUI-64",
        state="inactive",
        onset="20260301121100+0000",
        time="20260301121100+0000",
    ),
)
"""The story, and an alarm whose id is a UUID."""
SYSTEMS = ("EUI-64", "EUI64", "EUI_64", "eui-64", "ISO", "")
FAMILIES = {
    "68480": "68164",
    "68481": "68165",
    "68482": "68166",
    "68483": "68167",
    "68484": "68168",
}
UNKNOWN = (
    "OBX|88|ST|67860^MDC_ATTR_CONFIRM_TIMEOUT^MDC|1.0.0.0.10|5",
    "OBX|89|ST|0^MDCX_PUMP_POWER_STATUS^MDC|21766848.1.0.3|PowerSource=AC",
    "OBX|90|NM|147842^MDC_ECG_HEART_RATE^MDC|1.7.4.147842|72",
    "OBX|91||69965^MDC_DEV_MON_PHYSIO_MULTI_PARAM_VMD^MDC|1.1.0.0|||||||X",
    "ZZZ|vendor|segment",
)
HEADS = ("MSH", "PID", "PV1", "OBR")


def facts(found: list[Outcome]) -> list[object]:
    return [(one.kind, one.facts) for one in found]


@given(seed=st.integers(0, 1 << 32))
def test_order_numbers_and_spellings_change_no_fact(seed: int) -> None:
    chance = random.Random(seed)
    told = [_retold(one, chance) for one in TOLD]
    assert facts(outcomes(*told)) == facts(outcomes(*TOLD))


def _respelled(obr: str, chance: random.Random) -> str:
    """The segment with its entity identifiers as other senders spell them."""
    fields = obr.split("|")
    for number, sign in ((3, "^"), (29, "&")):
        if number >= len(fields) or not fields[number]:
            continue
        of = fields[number].removeprefix("^") if sign == "&" else fields[number]
        parts = of.split(sign)
        if len(parts) > 3:
            parts[3] = chance.choice(SYSTEMS)
        if UUID in parts:
            spelled = chance.choice([UUID, UUID.upper(), f"urn:uuid:{UUID}"])
            parts[:2] = chance.choice([[spelled, "GW"], ["0", spelled], [spelled, "OTHER"]])
        one = sign.join(parts)
        # of EIP, the second part is the standard's; some senders fill the first alone
        fields[number] = one if sign == "^" or chance.random() < 0.3 else f"^{one}"
    return "|".join(fields)


def _retold(data: bytes, chance: random.Random) -> bytes:
    segments = data.decode().rstrip("\r").split("\r")
    head = [
        _respelled(one, chance) if one.startswith("OBR") else one
        for one in segments
        if one.startswith(HEADS)
    ]
    rest = [one for one in segments if not one.startswith(HEADS)]
    rest += chance.sample(UNKNOWN, chance.randrange(len(UNKNOWN) + 1))
    chance.shuffle(rest)
    for place, one in enumerate(rest):
        one = re.sub(r"^OBX\|\d+", f"OBX|{chance.randrange(999)}", one)
        if chance.random() < 0.5:
            for number, other in FAMILIES.items():
                one = one.replace(f"|{number}^", f"|{other}^")
        one = one.replace("^EUI-64", f"^{chance.choice(SYSTEMS)}")
        if chance.random() < 0.5:
            one = one.replace("MDC_ATTR_ALARM", "MDC_ATTR_ALERT")
        rest[place] = one
    end = chance.choice(["\r", "\n", "\r\n"])
    return (end.join([*head, *rest]) + end).encode()


def test_a_stripped_message_is_the_same_facts_and_holds_no_patient() -> None:
    kept = [stripped(one) for one in STORY]
    assert facts(outcomes(*kept)) == facts(outcomes(*STORY))
    assert [stripped(one) for one in kept] == kept
    for one in kept:
        assert b"anary" not in one.lower().replace(b"canary77", b"canary")


CANARY = "Zanzibarova"
FREE = (
    f"PID|1|Z4242424|Z4242424^^^H^MR||{CANARY}^Olga^^^^^L||19700101|F|||1 {CANARY} Street",
    f"PD1||||{CANARY}",
    f"NK1|1|{CANARY}^Kin|MTH|{CANARY} Street",
    f"PV1||I|ICU^R1^B7^General|||DOC^{CANARY}^Doc||||||||||||Z4242424|{CANARY}",
    f"NTE|1||{CANARY} is restless",
    f"OBX|70|ST|0^PATIENT_NAME^V|9.9.9.99|{CANARY}",
    f"OBX|71|TX|8251-1^Note^LN||{CANARY} seen by Olga",
    f"OBX|72|NM|0^LIMIT^V|9.9.9.99|7||see {CANARY}|{CANARY}",
    f"ZPD|{CANARY}|Z4242424",
    f"AL1|1||{CANARY}",
    f"DG1|1||{CANARY}",
    f"ACC|{CANARY}",
)


@given(
    segments=st.lists(st.sampled_from(FREE), min_size=1, unique=True),
    cut=st.integers(0, 4000),
    story=st.integers(0, len(STORY) - 1),
)
def test_no_name_of_a_patient_gets_into_any_output(
    segments: list[str], cut: int, story: int
) -> None:
    segments = [FREE[0], *segments]  # who it is must be said somewhere
    data = STORY[story].replace(b"Low SpO2", f"Low SpO2 {CANARY}".encode())
    data = data.rstrip(b"\r")[:cut] + b"\r" + "\r".join(segments).encode() + b"\r"
    translator = Translator()
    said = [repr(translator.translate(data))]
    try:
        said.append(stripped(data).decode())
    except NoMessage as error:
        said.append(str(error))
    said.append(repr(acknowledgement(data, "kept", "20260301120000")))
    said.append(repr([translator.episodes.stored(key) for key in translator.episodes.rows]))
    for one in said:
        assert CANARY.lower() not in one.lower()
        assert "Z4242424" not in one


def _damaged(data: bytes, place: int) -> bytes:
    return data[:place] + data[place + 3 :]


@given(
    data=st.binary(max_size=600) | st.builds(_damaged, st.sampled_from(STORY), st.integers(0, 900))
)
def test_nothing_raises(data: bytes) -> None:
    translator = Translator()
    outcome = translator.translate(data)
    assert (outcome.kind == "rejected") == (outcome.refusal is not None)
    acknowledgement(data, "again", "20260301120000")


def test_acknowledgements_follow_the_mode_of_the_sender() -> None:
    enhanced = message(kind="ORU^R40^ORU_R40", control="77")
    plain = enhanced.replace(b"|AL|NE|", b"|||")
    codes = {
        (mode, verdict): acknowledgement(data, verdict, "20260301120000").split(b"\r")[1]
        for mode, data in (("enhanced", enhanced), ("plain", plain))
        for verdict in ("kept", "again", "never")
    }
    assert codes == {
        ("enhanced", "kept"): b"MSA|CA|77",
        ("enhanced", "again"): b"MSA|CE|77",
        ("enhanced", "never"): b"MSA|CR|77",
        ("plain", "kept"): b"MSA|AA|77",
        ("plain", "again"): b"MSA|AE|77",
        ("plain", "never"): b"MSA|AR|77",
    }
    answer = acknowledgement(alert().replace(b"^~\\&", b"^~\\&#"), "kept", "20260301120000")
    assert answer.startswith(b"MSH|^~\\&#|AM||GW|General|20260301120000||ACK^R40^ACK|1|P|2.6")
    assert answer.endswith(b"\r")
