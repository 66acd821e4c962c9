"""Acknowledgements of HL7 v2: which code, and the bytes of it.

A positive one says that a message is kept for good, also where it is malformed: a sender would
repeat that one for ever, and the line would stand. A rejection is for what is never taken here.
"""

from __future__ import annotations

from typing import Literal

from analyzer.hl7.text import decode

Verdict = Literal["kept", "again", "never"]
"""The message is kept; it is to be sent again; it is not taken here."""
Mode = Literal["auto", "accept", "application"]
_CODES = {"kept": "A", "again": "E", "never": "R"}
_ENOUGH_FOR_MSH = 8192
_TYPES = frozenset({"ORU", "ORA", "ADT", "ACK", "MDM", "ORM", "ORR", "SIU", "MFN", "QRY"})


def acknowledgement(
    data: bytes, verdict: Verdict, now: str, mode: Mode = "auto", text: str = ""
) -> bytes:
    """The answer to a message, ended by CR and not yet framed.

    `now` is the time of MSH-7, as HL7 writes it. `auto`: CA, CE, CR for senders of the enhanced
    mode (MSH-15 is given), else AA, AE, AR. MSH-10 is echoed, in MSA-2 as it came; separators and
    version are those of the message.

    >>> received = b"MSH|^~\\\\&#|A|B|C|D|||ORU^R40|7|P|2.6\\r"
    >>> acknowledgement(received, "kept", "20260301").split(b"\\r")[1]
    b'MSA|AA|7'
    """
    head = decode(data[:_ENOUGH_FOR_MSH])[0].lstrip("\x0b\r\n\t ")
    head = head.split("\r")[0].split("\n")[0]
    if head[:3] != "MSH" or len(head) < 8:
        head = "MSH|^~\\&|||||||||"
    sign = head[3]
    fields = head.split(sign)
    fields += [""] * (22 - len(fields))
    marks = fields[1] if 2 <= len(fields[1]) <= 5 else "^~\\&"
    kind = fields[8].split(marks[0])
    trigger = kind[1] if len(kind) > 1 else ""
    accepts = mode == "accept" or (mode == "auto" and bool(fields[14].strip()))
    code = ("C" if accepts else "A") + _CODES[verdict]
    mine = ["MSH", marks, fields[4], fields[5], fields[2], fields[3], now, ""]
    mine += [marks[0].join(filter(None, ("ACK", trigger, "ACK" if trigger else "")))]
    mine += [fields[9] or "0", fields[10] or "P", fields[11] or "2.6"]
    if fields[17]:
        mine += ["", "", "", "", "", fields[17]]
    msa = ["MSA", code, fields[9], *([text] if text else [])]
    return (sign.join(mine) + "\r" + sign.join(msa) + "\r").encode("utf-8", "replace")


def wants_no_answer(data: bytes) -> bool:
    """Whether a sender of the enhanced mode asks for no acknowledgement (MSH-15 is NE)."""
    head = data[:_ENOUGH_FOR_MSH].splitlines()[0] if data else b""
    fields = head.split(head[3:4]) if len(head) > 8 else []
    return (
        len(fields) > 15
        and fields[14].strip().upper() == b"NE"
        and (fields[15].strip().upper() in (b"", b"NE"))
    )
