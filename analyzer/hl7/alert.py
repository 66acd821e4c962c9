"""Alerts: the alarms of one PCD-04 message, read facet by facet.

The order of the segments does not matter. A message is read with its sender's profile and without
any earlier message: `episodes` decides whether an alarm is new or known.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from analyzer.hl7 import codes
from analyzer.hl7.codes import HlPhase, classified, coded, facet_of
from analyzer.hl7.header import Header
from analyzer.hl7.identity import identity
from analyzer.hl7.meanings import flags_of, meanings
from analyzer.hl7.patient import contains_name, names_in
from analyzer.hl7.profile import Profile
from analyzer.hl7.readings import limit_of, number
from analyzer.hl7.stamps import A_STAMP, WrongTime
from analyzer.hl7.text import NoMessage, Segments, Signs, at, part, unescaped
from analyzer.model import Kind, Priority

_TOKEN = re.compile(r"[\w+./%-]{1,64}")
_ALARM = ("MDC_EVT_ALARM", "MDC_EVT_ALERT")
_FLAGS = {"L": "low", "LL": "low", "H": "high", "HH": "high"}


@dataclass(slots=True)
class Alert:
    """One message about one alarm. Times are in ms since 1970; `onset` is OBX-14, where given.

    `alert_id` is empty if the message names none; `code` is empty if it names no event.
    """

    alert_id: str
    parent: bool
    """Whether `alert_id` is that of an earlier message."""
    code: str
    source: str
    device_id: str
    device_type: str
    unit: str
    bed: str
    kind: Kind
    priority: Priority
    priority_given: bool
    phase: HlPhase
    state: str
    inactivation: tuple[str, ...] | None
    """Responses that the inactivation state shows, sorted; None: the message has no such state."""
    label: str | None
    value: float | None
    limit: float | None
    direction: str
    onset: int | None
    sent: int
    """OBR-7, else MSH-7."""
    made: int
    """MSH-7, else equal to `sent`."""
    notes: list[str]
    unmapped: str | None


def read_alerts(
    message: Segments,
    obr: list[str] | None,
    group: list[list[str]],
    header: Header,
    profile: Profile,
) -> list[Alert]:
    """Read the alarms of an OBR and its OBX: one for each event facet.

    Raises `NoMessage` if they cannot become facts.
    """
    component = message.signs.component
    events: list[tuple[int, str, list[str]]] = []
    facets: dict[int, list[tuple[str, list[str]]]] = {}
    mds = ""
    for obx in group:
        if len(obx) < 4:
            continue
        facet, prefix, arc = classified(obx[3], obx[4] if len(obx) > 4 else "", component)
        if facet == codes.EVENT:
            events.append((0 if arc == codes.EVENT else 1, prefix, obx))
        elif facet is not None:
            facets.setdefault(facet, []).append((prefix, obx))
        elif arc == codes.EVENT and prefix.count(".") >= 2:
            events.append((2, prefix, obx))
        elif arc is not None:
            facets.setdefault(arc, []).append((prefix, obx))
        elif "_MDS" in obx[3]:
            mds = max(mds, coded(obx[3], component)[1])
    if not events:
        if codes.PHASE not in facets and codes.STATE not in facets:
            raise NoMessage("OBX-3", "an event, in the facet whose OBX-4 ends with .1")
        prefix = min(facets.get(codes.PHASE) or facets[codes.STATE])[0]
        events.append((2, prefix, _NO_EVENT))
    if len(events) > 1:
        events.sort(key=lambda one: (one[0], one[2][4:5], one[2][3:]))
        own = {prefix: event for rank, prefix, event in events[::-1] if rank == 0}
        if len(own) > 1:
            found = [
                _read(message, obr, group, header, profile, facets, mds, *one)
                for one in sorted(own.items())
            ]
            if len({one.code for one in found}) < len(found):
                for alert, prefix in zip(found, sorted(own), strict=True):
                    # of one id and event, their places tell them apart, and no guess does
                    alert.alert_id, alert.parent = f"{alert.alert_id}^{prefix}", True
            return found
    return [_read(message, obr, group, header, profile, facets, mds, *events[0][1:])]


_NO_EVENT = ["OBX", "", "", "", ""]


def _read(
    message: Segments,
    obr: list[str] | None,
    group: list[list[str]],
    header: Header,
    profile: Profile,
    facets: dict[int, list[tuple[str, list[str]]]],
    mds: str,
    prefix: str,
    event: list[str],
) -> Alert:
    """The alarm of one event facet."""
    signs = message.signs
    shown = at(event, 5)
    code, kind, label, unmapped = _event(event[3], shown, signs, message.codec, profile)
    flags = flags_of(at(event, 8), signs) if len(event) > 8 else ()

    def said(facet: int) -> str:
        found = facets.get(facet)
        return "" if not found else at(_of_event(found, prefix), 5)

    meant = meanings(
        profile,
        signs,
        flags,
        kind,
        said(codes.TYPE),
        said(codes.PRIORITY),
        said(codes.PHASE),
        said(codes.STATE),
        said(codes.INACTIVATION),
    )
    notes = list(meant.notes)
    source, value, limits, source_flags = _source(facets.get(codes.SOURCE), prefix, message)
    source = profile.codes.get(source, source)
    direction = codes.direction_of(code) or next(
        (_FLAGS[one] for one in (*flags, *source_flags) if one in _FLAGS), ""
    )
    limit = limit_of(limits, direction, value) if limits else None
    if facets.get(codes.TEXT) and not label:
        label = unescaped(said(codes.TEXT), signs, message.codec).strip() or None
    names = names_in(message) if label is not None or source else frozenset()
    if label is not None:
        if not label.isprintable():
            label = " ".join(_CONTROLS.sub(" ", label).split()) or None
        if label is not None and contains_name(label, names):
            label = None
            notes.append("label_withheld")

    device = _device(event, facets.get(codes.SOURCE), group, message)
    if not device:
        device = header.application or "unknown"
        notes.append("no_device")
    if source == device or (source and contains_name(source, names)):
        source = ""
    unit, bed = _location(message, group, profile)
    if not bed:
        bed = profile.bed
        notes.append("no_bed")
    if not unit:
        unit = profile.unit
        notes.append("no_unit")

    onset, sent = _times(event, obr, header, notes)
    own_id, parent = ("", False) if obr is None else identity(obr, message, profile)
    if profile.identity == "source" or not own_id:
        if profile.identity != "source":
            notes.append("no_alert_id")
        own_id, parent = f"{device}^{source}", True
    return Alert(
        own_id,
        parent,
        code,
        source,
        device,
        codes.device_type_of(mds) or profile.device_type,
        unit,
        bed,
        meant.kind,
        meant.priority,
        meant.priority_given,
        meant.phase,
        meant.state,
        meant.inactivation,
        label,
        value,
        limit,
        direction,
        onset,
        sent,
        sent if header.sent is None else header.sent,
        notes,
        unmapped,
    )


_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f]")


def _of_event(found: list[tuple[str, list[str]]], prefix: str) -> list[str]:
    """Choose one of several facets of a kind: that of the event, else the smallest text.

    The order of the segments does not matter.
    """
    if len(found) == 1:
        return found[0][1]
    return min(found, key=lambda one: (one[0] != prefix, one[1][3:]))[1]


@lru_cache(maxsize=1 << 12)
def _event(
    identifier: str, shown: str, signs: Signs, codec: str, profile: Profile
) -> tuple[str, Kind, str | None, str | None]:
    """Code, kind by its form, label, and the code if no nomenclature or profile has it.

    `identifier` is OBX-3, `shown` OBX-5.
    """
    number_, name, words = coded(identifier, signs.component)
    value = shown.split(signs.repetition)[0]
    kind: Kind = "physiological"
    label = ""
    if name in _ALARM or (facet_of(number_, name) != codes.EVENT and _is_event(value, signs)):
        kind = "technical"
        number_, name, words = coded(value, signs.component)
        label = words
        if not label and not name.startswith("MDC") and not number_.isdecimal():
            label = number_ or name
    elif signs.component not in value:
        label = value
    else:  # a coded element, which is the source, or a text that was not escaped
        parts = [part(one) for one in value.split(signs.component)]
        if not any(one.startswith("MDC") for one in parts):
            label = words or " ".join(filter(None, parts))
    label = unescaped(label, signs, codec).strip()
    code = name if name.startswith("MDC") else (number_ or name)
    code = unescaped(code, signs, codec).strip()
    for one in (name, number_, label):
        if one and one in profile.codes:
            return profile.codes[one], kind, label or None, None
    unmapped = code if code and (not code.startswith("MDC_") or code.isdecimal()) else None
    return code, kind, label or None, unmapped


def _is_event(value: str, signs: Signs) -> bool:
    number_, name, _ = coded(value, signs.component)
    return facet_of(number_, name) == codes.EVENT and signs.component in value


def _source(
    found: list[tuple[str, list[str]]] | None, prefix: str, message: Segments
) -> tuple[str, float | None, str, tuple[str, ...]]:
    """The measured quantity, its value, its limits as written, and its flags."""
    if not found:
        return "", None, "", ()
    signs = message.signs
    obx = _of_event(found, prefix)
    number_, name, _ = coded(obx[3], signs.component)
    text = at(obx, 5).split(signs.repetition)[0]
    flags = flags_of(at(obx, 8), signs) if len(obx) > 8 else ()
    is_metric = facet_of(number_, name) is None
    if not is_metric and obx[2] != "NM":
        number_, name, _ = coded(text, signs.component)
        if name.startswith("MDC") or number_.isdecimal():
            return name or number_, None, at(obx, 7), flags
        plain = unescaped(number_ or name, signs, message.codec)
        return (plain if _TOKEN.fullmatch(plain) else ""), None, at(obx, 7), flags
    value = number(text.replace(signs.component, "") if obx[2] == "SN" else text)
    return (name or number_) if is_metric else "", value, at(obx, 7).strip(), flags


def _device(
    event: list[str],
    sources: list[tuple[str, list[str]]] | None,
    group: list[list[str]],
    message: Segments,
) -> str:
    """The device: OBX-18 of the event, of its source, of the whole device, else of any part."""
    signs = message.signs
    found = at(event, 18)
    if not found and sources:
        found = min((at(one, 18) for _, one in sources if at(one, 18)), default="")
    if not found:
        others = [(at(one, 4), at(one, 18)) for one in group if len(one) > 18 and one[18]]
        found = min(others, default=("", ""))[1]
    return _first_part(found, signs, message.codec).removeprefix("urn:uuid:")


@lru_cache(maxsize=1 << 12)
def _first_part(text: str, signs: Signs, codec: str) -> str:
    """The first part of a field that is not empty."""
    parts = (part(one) for one in text.split(signs.repetition)[0].split(signs.component))
    return unescaped(next(filter(None, parts), ""), signs, codec)


def _location(message: Segments, group: list[list[str]], profile: Profile) -> tuple[str, str]:
    """Unit and bed: PV1-3, else the repetitions of OBX-18 (device ~ bed ~ unit ~ facility)."""
    signs = message.signs
    for segment in message.others:
        if segment[0] == "PV1" and at(segment, 3):
            parts = unescaped_parts(segment[3], message)
            unit, room, bed = (*parts, "", "", "")[:3]
            if unit or room or bed:
                return profile.place(unit, room, bed)
    for obx in sorted(one[18] for one in group if len(one) > 18 and signs.repetition in one[18]):
        repeated = [
            unescaped(part(one.split(signs.component)[0]), signs, message.codec)
            for one in obx.split(signs.repetition)
        ]
        _, bed, unit = (*repeated, "", "")[:3]
        return profile.place(unit, "", bed)
    return "", ""


def unescaped_parts(text: str, message: Segments) -> tuple[str, ...]:
    """The components of a field's first repetition, each its first subcomponent."""
    return _parts(text, message.signs, message.codec)


@lru_cache(maxsize=1 << 12)
def _parts(text: str, signs: Signs, codec: str) -> tuple[str, ...]:
    return tuple(
        unescaped(part(one.split(signs.sub)[0]), signs, codec)
        for one in text.split(signs.repetition)[0].split(signs.component)
    )


def _times(
    event: list[str], obr: list[str] | None, header: Header, notes: list[str]
) -> tuple[int | None, int]:
    """OBX-14 of the event, and when the message was made: OBR-7, else MSH-7.

    Raises `NoMessage` if no time is left, or one has no zone.
    """
    onset = sent = None
    wrong: tuple[str, str] | None = None
    for field, text in (("OBX-14", at(event, 14)), ("OBR-7", "" if obr is None else at(obr, 7))):
        if not text:
            continue
        try:
            found = header.moment(text)
        except WrongTime as error:
            if error.expected != A_STAMP:
                raise NoMessage(field, error.expected) from None
            wrong = wrong or (field, error.expected)
            continue
        if field == "OBX-14":
            onset = found
        else:
            sent = found
    if sent is None:
        sent = header.sent if header.sent is not None else onset
    if sent is None:
        field, expected = wrong or ("MSH-7", header.wrong or A_STAMP)
        raise NoMessage(field, expected)
    if wrong is not None:
        notes.append("unreadable_time")
    return onset, sent
