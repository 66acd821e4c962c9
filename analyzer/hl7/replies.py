"""Acknowledgements of HL7 v2: their code and their bytes.

A positive acknowledgement says that the message is stored. Malformed messages get it, too: a sender
would repeat them for ever, and send nothing else. A rejection means that this service never accepts
such a message.
"""

from __future__ import annotations

from typing import Literal

from analyzer.hl7.text import decode

Verdict = Literal["kept", "again", "never"]
"""`kept`: it is stored. `again`: the sender must send it again. `never`: it is not accepted."""
Mode = Literal["auto", "accept", "application"]
_CODES = {"kept": "A", "again": "E", "never": "R"}
_ENOUGH_FOR_MSH = 8192
_TYPES = frozenset({"ORU", "ORA", "ADT", "ACK", "MDM", "ORM", "ORR", "SIU", "MFN", "QRY"})


def acknowledgement(
    data: bytes, verdict: Verdict, now: str, mode: Mode = "auto", text: str = ""
) -> bytes:
    """The answer to a message, ended by CR and not yet framed.

    `now` is the time for MSH-7, in HL7's format. Mode `auto`: CA, CE, CR for senders in enhanced
    mode (MSH-15 is given), else AA, AE, AR. MSA-2 repeats MSH-10 unchanged. Separators and version
    are those of the message.

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
    """Whether a sender in enhanced mode wants no acknowledgement (MSH-15 is NE)."""
    head = data[:_ENOUGH_FOR_MSH].splitlines()[0] if data else b""
    fields = head.split(head[3:4]) if len(head) > 8 else []
    return (
        len(fields) > 15
        and fields[14].strip().upper() == b"NE"
        and (fields[15].strip().upper() in (b"", b"NE"))
    )
