"""Patients: removes patient data from a message.

A list names the segments and fields that are kept; all others are removed. A kept text (such as an
alarm's label) is removed, too, if it contains a name or a number of the patient of the message.
"""

from __future__ import annotations

import re
from functools import lru_cache

from analyzer.hl7.codes import coded, facet_of
from analyzer.hl7.text import Segments, parse

_KEPT: dict[str, frozenset[int]] = {
    "EVN": frozenset({1, 2, 6}),
    "MSA": frozenset({1, 2}),
    "OBR": frozenset({1, 3, 4, 7, 29}),
    "OBX": frozenset({1, 2, 3, 4, 5, 7, 8, 11, 14, 18}),
    "PRT": frozenset({2, 3, 4, 5, 11}),
    "PV1": frozenset({1, 3}),
    "ROL": frozenset({1, 2, 3, 4, 5, 6}),
}
_KEPT_OF_MSH = frozenset({*range(1, 8), 9, 10, 11, 12, 13, 15, 16, 17, 18, 21})
_FREE = (7, 8)
"""Fields of OBX that may hold any text."""
_PERSONS = {"PRT": 5, "ROL": 4}
"""Fields that name a person; only the person's id is kept."""
_NAMES = {
    "PID": (2, 3, 4, 5, 6, 9, 11, 13, 14, 18, 19, 20, 21),
    "NK1": (2, 4, 5, 6),
    "PV1": (7, 8, 9, 17, 19, 50, 52),
    "PD1": (4,),
    "MRG": (1, 2, 3, 4, 7),
}
_SHORTEST = 4
"""Least characters of a name or number that is searched for; shorter ones occur in many words."""
_WORD = re.compile(r"[^\W_]+(?:[-'][^\W_]+)*")
_ALARM_WORDS = frozenset(
    {
        "alarm",
        "alert",
        "apnea",
        "artery",
        "away",
        "battery",
        "beat",
        "blood",
        "brady",
        "check",
        "connect",
        "cuff",
        "desat",
        "disconnected",
        "heart",
        "high",
        "lead",
        "leads",
        "left",
        "line",
        "loss",
        "noise",
        "occlusion",
        "pause",
        "press",
        "pressure",
        "pulse",
        "pump",
        "rate",
        "resp",
        "right",
        "sensor",
        "signal",
        "spo2",
        "temp",
        "time",
        "tachy",
        "urgent",
        "vent",
        "weak",
    }
)


def names_in(message: Segments) -> frozenset[str]:
    """The names and numbers of the patient and other persons in a message, in lower case."""
    said = [
        segment[number]
        for segment in message.others
        if segment[0] in _NAMES
        for number in _NAMES[segment[0]]
        if number < len(segment) and len(segment[number]) >= _SHORTEST
    ]
    return _words("\n".join(said)) if said else frozenset()


@lru_cache(maxsize=1 << 10)
def _words(text: str) -> frozenset[str]:
    found = _WORD.findall(text.casefold())
    return frozenset(one for one in found if len(one) >= _SHORTEST) - _ALARM_WORDS


def contains_name(text: str, names: frozenset[str]) -> bool:
    """Whether a text contains one of these names."""
    if not names:
        return False
    lower = text.casefold()
    return any(name in lower for name in names)


def stripped(data: bytes) -> bytes:
    """A message without patient data, in UTF-8 with CR after each segment.

    It gives the same facts as the message itself. Raises `NoMessage`.
    """
    message = parse(data)
    names = names_in(message)
    signs = message.signs
    msh = [
        field if number in _KEPT_OF_MSH else ""
        for number, field in enumerate(message.msh)
        if number
    ]
    if len(msh) > 17:
        msh[17] = "UNICODE UTF-8"
    lines = ["MSH" + signs.field + signs.field.join(msh[1:])]
    for segment in message.others:
        kept = _KEPT.get(segment[0])
        if kept is None:
            continue
        fields = [
            field if number in kept or not number else "" for number, field in enumerate(segment)
        ]
        if segment[0] == "OBX" and len(fields) > 5 and not _says_alarm(message, fields, names):
            fields[5] = ""
        if segment[0] == "OBX":
            for number in _FREE if names and len(fields) > _FREE[0] else ():
                if number < len(fields) and fields[number] and contains_name(fields[number], names):
                    fields[number] = ""
        elif segment[0] in _PERSONS and len(fields) > (person := _PERSONS[segment[0]]):
            fields[person] = signs.repetition.join(
                one.split(signs.component)[0] for one in fields[person].split(signs.repetition)
            )
        elif segment[0] == "PV1" and len(fields) > 3:
            fields[3] = signs.component.join(fields[3].split(signs.component)[:4])
        while fields and not fields[-1]:
            fields.pop()
        if len(fields) > 1:
            lines.append(signs.field.join(fields))
        elif segment[0] == "OBR":  # it begins a group
            lines.append("OBR" + signs.field)
    return ("\r".join(lines) + "\r").encode("utf-8", "replace")


def _says_alarm(message: Segments, fields: list[str], names: frozenset[str]) -> bool:
    """Whether OBX-5 is a facet of an alarm and names no patient."""
    number, name, _ = coded(fields[3], message.signs.component)
    last = fields[4].rpartition(".")[2] if len(fields) > 4 else ""
    facet = facet_of(number, name)
    if not facet and not (last.isdecimal() and 1 <= int(last[:3]) <= 9):
        return False
    return not contains_name(fields[5], names)
