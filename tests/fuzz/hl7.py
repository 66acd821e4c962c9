"""HL7: messages and frames of arbitrary bytes.

A message raises nothing, becomes the same facts without its patient, and lets no patient out.
Frames are the same in whatever pieces they arrive.
"""

from __future__ import annotations

from analyzer.hl7 import (
    FrameReader,
    NoMessage,
    TooLong,
    Translator,
    Verdict,
    acknowledgement,
    pieces,
    stripped,
)
from tests.fuzz.facts import CANARY

_VERDICTS: tuple[Verdict, ...] = ("kept", "again", "never")
_NOW = "20260301120000+0000"
_LONGEST = 512


def translate(data: bytes) -> None:
    """The first byte says how many messages follow from one sender's state: one, or one twice."""
    again, data = data[:1] > b"\x7f", data[1:].replace(CANARY.encode(), b"")
    if CANARY.lower().encode() in data.lower():
        return
    patient = b"\rPID|1|%b|%b||%b^%b\rNK1|1|%b\r" % ((CANARY.encode(),) * 5)
    translator = Translator()
    data += patient
    outcome = translator.translate(data)
    assert (outcome.kind == "rejected") == (outcome.refusal is not None)
    said = [repr(outcome)]
    if again and data.count(b"OBR") < 2 and b"ROL" not in data:
        known = {getattr(fact, "event_id", None) for fact in outcome.facts}
        more = translator.translate(data).facts
        assert all(getattr(fact, "event_id", None) in known for fact in more)
    acknowledgement(data, _VERDICTS[len(data) % 3], _NOW)
    episodes = translator.episodes
    said.append(repr([episodes.stored(key) for key in episodes.rows]))
    if len(data) % 4 == 0:
        for piece in pieces(data):
            assert piece.line > 0
    try:
        kept = stripped(data)
    except NoMessage as error:
        said.append(str(error))
    else:
        if len(data) % 4 == 1:
            assert stripped(kept) == kept
        if b"\x00" not in data[:4]:
            said.append(kept.decode())
    for one in said:
        assert CANARY.lower() not in one.lower()


def frames(data: bytes) -> None:
    """The first byte says how the rest is cut into pieces."""
    step, data = 1 + data[0] if data else 1, data[1:]
    whole, in_parts = FrameReader(_LONGEST), FrameReader(_LONGEST)
    found = _fed(whole, [data])
    assert found == _fed(in_parts, [data[at : at + step] for at in range(0, len(data), step)])
    for one in found:
        assert len(one) <= _LONGEST


def _fed(reader: FrameReader, parts: list[bytes]) -> list[bytes]:
    found: list[bytes] = []
    for part in parts:
        try:
            found += reader.feed(part)
        except TooLong as error:
            return found + error.args[1]
    return found + reader.idle()
