"""The records of the sink topics `episodes` and `overload`."""

from __future__ import annotations

from binascii import hexlify
from collections.abc import Iterable
from hashlib import blake2b
from itertools import repeat
from typing import Any

import msgspec

from analyzer import STATES, ChangeRecord, Correction, EpisodeRecord, Finished, in_words
from streams.formats.advice import advice
from streams.formats.alarm_names import spoken_name
from streams.formats.pseudonyms import Pseudonyms, Shown, origin_of, shown_at

_encode = msgspec.json.Encoder().encode

_Episode = msgspec.defstruct(
    "_Episode",
    [*(name for name in EpisodeRecord.__slots__ if name != "class_"), "class_"],
    rename={"class_": "class"},
    gc=False,
)
_IN_ORDER = [EpisodeRecord.__slots__.index(name) for name in _Episode.__struct_fields__]
_CLINICIANS = EpisodeRecord.__slots__.index("clinicians")
_START = EpisodeRecord.__slots__.index("start")


def encode_episodes(episodes: Finished, pseudonym: Shown) -> list[bytes]:
    """The JSON objects of the topic `episodes`: times in ms since 1970, clinicians as pseudonyms
    of the period in which the alarm started.

    The first field is the `id`: a hash of the other fields (32 hex digits). It distinguishes a
    record that is sent again after a crash from a new version. The last two fields say how the
    pseudonyms were made, and do not count for the `id`.
    """
    columns = list(episodes.columns)
    teams, starts = columns[_CLINICIANS], columns[_START]
    origins: Iterable[bytes]
    if isinstance(pseudonym, Pseudonyms) and pseudonym.period != "none":
        columns[_CLINICIANS] = [
            sorted(map(pseudonym.at(start), team))
            for team, start in zip(teams, starts, strict=True)
        ]
        origins = [origin_of(pseudonym, start) for start in starts]
    else:
        of_one = shown_at(pseudonym, 0)
        shown = {team: sorted(map(of_one, team)) for team in set(teams)}
        columns[_CLINICIANS] = list(map(shown.__getitem__, teams))
        origins = repeat(origin_of(pseudonym, 0), len(teams))
    bodies = list(map(_encode, map(_Episode, *(columns[number] for number in _IN_ORDER))))
    return [
        b'{"id":"%b",%b,%b}' % (_id_of(body), body[1:-1], origin)
        for body, origin in zip(bodies, origins, strict=True)
    ]


def encode_change(one: ChangeRecord, pseudonym: Shown) -> bytes:
    """The JSON object of a change in the topic `overload`: times in ms since 1970, clinicians as
    pseudonyms, beds by name.

    The first field is the `id`, as for episodes; it leaves out the correction, which tells how the
    facts came in. Of several records with the same `facility`, `unit`, `clinician` and `at`, the
    last one counts. If it is `withdrawn`, the change is retracted. Reasons and relief are given as
    numbers and as text; `relief_text` also says where nobody can take a bed, and is null where the
    state falls.
    """
    change = one.change
    origin = origin_of(pseudonym, change.at)
    pseudonym = shown_at(pseudonym, change.at)
    of_unit, rising = (
        change.clinician is None,
        STATES.index(change.after) > STATES.index(change.before),
    )
    fields: dict[str, Any] = {
        "facility": change.facility,
        "unit": change.unit,
        "level": "unit" if of_unit else "clinician",
        "clinician": None if change.clinician is None else pseudonym(change.clinician),
        "at": change.at,
        "from": change.before,
        "to": change.after,
        "withdrawn": one.retracted,
        "reasons": [
            {
                "measure": why.measure,
                "value": why.value,
                "limit": why.limit,
                "state": why.state,
                "enter": why.enter,
                "leave": why.leave,
                "text": in_words(why, of_unit, rising),
            }
            for why in change.reasons
        ],
        "top_types": [
            {
                "device_type": device_type,
                "source": source,
                "code": code,
                "name": spoken_name(device_type, source, code),
                "alarms": count,
            }
            for (device_type, source, code), count in change.top_types
        ],
        "relief": None,
        "relief_text": advice(change.relief, pseudonym, with_bed=True) if rising else None,
    }
    if change.relief is not None:
        bed, giver, before, taker, taker_before, beds = change.relief
        fields["relief"] = {
            "bed": bed,
            "from": {
                "clinician": pseudonym(giver),
                "alarms_1h": before[0],
                "alarms_1h_after": before[1],
            },
            "to": {
                "clinician": pseudonym(taker),
                "alarms_1h": taker_before[0],
                "alarms_1h_after": taker_before[1],
                "beds_after": beds,
            },
            "text": advice(change.relief, pseudonym, with_bed=True),
        }
    body, corrected = _encode(fields), _encode(_corrected(one.correction))
    return b'{"id":"%b",%b,%b,%b}' % (_id_of(body), body[1:-1], corrected[1:-1], origin)


def without_clinician(topic: str, value: bytes, pseudonym: Shown, clinician: str) -> bytes | None:
    """A record of `episodes` or `overload` without a clinician, who is given by id; None if it is a
    change of that clinician's own state.
    """
    record = msgspec.json.decode(value)
    episode = topic == "episodes"
    shown = shown_at(pseudonym, record["start" if episode else "at"])(clinician)
    if json_text(shown) not in value:
        return value
    if episode:
        record["clinicians"] = [one for one in record["clinicians"] if one != shown]
    elif record["clinician"] == shown:
        return None
    else:
        record |= {"relief": None, "relief_text": None}
    origin = {name: record.pop(name) for name in ("pseudonym_key", "pseudonym_period")}
    corrected = {name: record.pop(name) for name in _corrected(None) if name in record}
    del record["id"]
    body, rest = _encode(record), _encode(corrected | origin)
    return b'{"id":"%b",%b,%b' % (_id_of(body), body[1:-1], rest[1:])


def json_text(text: str) -> bytes:
    """A text as it stands in a record."""
    return _encode(text)


def _corrected(correction: Correction | None) -> dict[str, Any]:
    """The fields that say whether a change was found, or retracted, later than its time."""
    if correction is None:
        return {"corrected_at": None, "corrected_by": [], "corrects": None}
    replaced = correction.replaces
    return {
        "corrected_at": correction.at,
        "corrected_by": correction.by,
        "corrects": None
        if replaced is None
        else {"from": replaced[0], "to": replaced[1], "at": replaced[2]},
    }


def _id_of(body: bytes) -> bytes:
    return hexlify(blake2b(body, digest_size=16).digest())
