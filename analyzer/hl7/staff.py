"""Staff: who cares for which bed (ADT with ROL), and what people answered (ORA^R41, PCD-05)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from analyzer.hl7.alert import unescaped_parts
from analyzer.hl7.episodes import Episodes
from analyzer.hl7.header import Header
from analyzer.hl7.identity import identity
from analyzer.hl7.profile import Profile
from analyzer.hl7.rows import Added, digest
from analyzer.hl7.stamps import A_STAMP, WrongTime
from analyzer.hl7.text import NoMessage, Segments, at, unescaped
from analyzer.model import Action, Assignment, Fact, Response

ANSWERS: dict[str, Action | None] = {
    "accept": "acknowledge",
    "acknowledg": "acknowledge",
    "callback": "acknowledge",
    "call back": "acknowledge",
    "reject": "decline",
    "declin": "decline",
    "escalat": "escalate",
    "deliver": None,
    "read": None,
    "receiv": None,
    "queue": None,
    "sent": None,
    "undeliver": None,
    "timeout": None,
    "time out": None,
    "timed out": None,
    "expire": None,
    "fail": None,
    "cancel": None,
}
"""How statuses of PCD-05 begin, in small letters, such as `Accepted as True Positive`; None: no
person has answered.
"""
MOST_OPEN = 50_000
"""Open assignments that are known at once."""


class Open(NamedTuple):
    """An assignment without an end. `start` is in ms since 1970."""

    assignment_id: str
    start: int
    unit: str
    bed: str
    clinician: str
    role: str | None


@dataclass(slots=True)
class Roster:
    """The assignments in force, by what ROL identifies them with."""

    open: dict[str, Open] = field(default_factory=dict)
    changed: set[str] = field(default_factory=set)

    def add(
        self, message: Segments, header: Header, facility: str, sender: str, profile: Profile
    ) -> Added:
        """The assignments of the roles of an ADT. Raises `NoMessage`, `FactError`."""
        roles = [one for one in message.others if one[0] == "ROL"]
        if not roles:
            return Added("ADT without roles")
        if header.trigger == "A02":
            return Added("a transfer moves the patient, not the nurse")
        unit, bed = _place(message, profile)
        recorded = _recorded(message, header)
        facts: list[Fact] = []
        notes: list[str] = []
        changes: dict[str, Open | None] = {}
        where = unit, bed, recorded
        for number, rol in enumerate(roles, 1):
            if at(rol, 1) == str(number):
                rol = [rol[0], "", *rol[2:]]  # a number within the message identifies nothing
            found = self._role(
                rol, message, header, facility, sender, profile, where, changes, notes
            )
            facts.extend(found)
        if facts and not (unit and bed):
            raise NoMessage("PV1-3", "a unit and a bed, because ROL assigns someone to it")
        self._apply(changes)
        return Added("assignment" if facts else "no staff of the bed", tuple(facts), tuple(notes))

    def _role(
        self,
        rol: list[str],
        message: Segments,
        header: Header,
        facility: str,
        sender: str,
        profile: Profile,
        where: tuple[str, str, int],
        changes: dict[str, Open | None],
        notes: list[str],
    ) -> Iterator[Assignment]:
        signs, (unit, bed, recorded) = message.signs, where
        unit, bed = unit or "?", bed or "?"
        action = at(rol, 2).strip().upper()
        roles = [*unescaped_parts(at(rol, 3), message), "", ""]
        role = profile.role(roles[0], roles[1])
        if role is None:
            notes.append("other_role")
            return
        person = at(rol, 4).split(signs.repetition)[0].split(signs.component)[0].split(signs.sub)[0]
        person = unescaped(person.strip(), signs, message.codec)
        if not person:
            raise NoMessage("ROL-4", "the id of a person")
        if action not in ("AD", "UP", "DE", "CO"):
            if action in ("LI", "UN", "UC", "NC"):
                notes.append("role_unchanged")
                return
            raise NoMessage("ROL-2", "AD, UP or DE")
        begin, end = _moment(rol, 5, header), _moment(rol, 6, header)
        instance = "^".join(unescaped_parts(at(rol, 1), message)).strip("^")
        key = "\x1f".join((facility, sender, instance or f"{unit}^{bed}^{person}^{role}"))
        known = changes[key] if key in changes else self.open.get(key)
        if action == "DE":
            if known is None and begin is None:
                notes.append("unknown_assignment")
                return
            end = end if end is not None else recorded
        elif action == "AD" and known is not None and begin not in (None, known.start):
            # added again without having been deleted: the earlier one ends here
            yield _assignment(known, known.start, begin, recorded, facility, "DE")
            known = None
        start = begin if begin is not None else (known.start if known is not None else recorded)
        one = known
        if one is None:
            name = digest(facility, sender, key, start)
            one = Open(name, start, unit, bed, person, role)
        elif action != "DE":
            one = one._replace(start=start, unit=unit, bed=bed, clinician=person, role=role)
        changes[key] = None if end is not None else one
        if end is not None and end <= start:
            notes.append("ends_before_it_begins")
        yield _assignment(one, start, end, recorded, facility, action)

    def _apply(self, changes: dict[str, Open | None]) -> None:
        for key, one in changes.items():
            self.changed.add(key)
            if one is None:
                self.open.pop(key, None)
            else:
                self.open[key] = one
        while len(self.open) > MOST_OPEN:
            oldest = min(self.open, key=lambda key: self.open[key].start)
            del self.open[oldest]
            self.changed.add(oldest)

    def stored(self, key: str) -> list[Any] | None:
        """An assignment as plain values; None if it has ended."""
        one = self.open.get(key)
        return None if one is None else list(one)

    def restore(self, rows: Iterable[tuple[str, list[Any]]]) -> None:
        """Rows as `stored` gave them, into an empty table."""
        self.open = {key: Open(*values) for key, values in rows}
        self.changed.clear()


def answer(
    message: Segments, header: Header, facility: str, profile: Profile, episodes: Episodes
) -> Added:
    """The response of a status report (PCD-05). Raises `NoMessage`, `FactError`."""
    obr = next((one for one in message.others if one[0] == "OBR"), None)
    if obr is None:
        return Added("acknowledgement")
    said = [_said(one, message, header) for one in message.others if one[0] in ("PRT", "OBX")]
    known = [one for one in said if one[0] is not None]
    if not known:
        raise NoMessage("PRT-3", "a status such as Accepted, Declined or Delivered")
    # a status may stand in an OBX whose person is in a PRT
    person = next((one[1] for one in said if one[1]), None)
    answers = [(action, who or person, at_) for action, who, at_ in known if action]
    if not answers:
        return Added("delivery status")
    others = [one[2] for one in said if one[2] is not None]
    sent = next(iter([*others, *filter(None, (_moment(obr, 7, header), header.sent))]), None)
    if sent is None:
        raise NoMessage("MSH-7", header.wrong or A_STAMP)
    alert, _ = identity(obr, message, profile)
    rows = episodes.of_alert(facility, alert) if alert else []
    unit, bed = _place(message, profile)
    open_ones = [one for one in rows if one.is_open]
    chosen = (open_ones or rows)[-1:]
    if not chosen and not bed:
        return Added("answer to an unknown alarm", (), ("unknown_alarm",))
    row = chosen[0] if chosen else None
    facts = [
        Response(
            event_id=digest(
                facility, "answer", alert, action, who, at_ if at_ is not None else sent
            ),
            facility=facility,
            at=at_ if at_ is not None else sent,
            action=action,
            alarm_id=None if row is None else row.alarm_id,
            bed=(bed or None) if row is None else row.bed,
            unit=(unit or None) if row is None else row.unit,
            clinician=who or None,
        )
        for action, who, at_ in answers
    ]
    return Added("answer", tuple(dict.fromkeys(facts)))


def _said(
    segment: list[str], message: Segments, header: Header
) -> tuple[Action | Literal[""] | None, str | None, int | None]:
    """The action in a PRT or OBX (empty: not the action of a person; None: no status), the person,
    and the time (ms).
    """
    signs, is_prt = message.signs, segment[0] == "PRT"
    words = [
        word.strip().lower()
        for number in ((3, 4, 2) if is_prt else (5,))
        for word in at(segment, number)
        .replace(signs.repetition, signs.component)
        .split(signs.component)
    ]
    known = (ANSWERS[stem] or "" for word in words for stem in ANSWERS if word.startswith(stem))
    action: Action | Literal[""] | None = next(known, None)
    if not is_prt:
        return action, None, None
    who = next(iter(unescaped_parts(at(segment, 5), message)), None) or None
    return action, who, _moment(segment, 11, header)


def _assignment(
    one: Open, start: int, end: int | None, recorded: int, facility: str, action: str
) -> Assignment:
    return Assignment(
        event_id=digest(one.assignment_id, action, start, end, recorded),
        assignment_id=one.assignment_id,
        facility=facility,
        unit=one.unit,
        bed=one.bed,
        clinician=one.clinician,
        start=start,
        end=end,
        at=recorded,
        role=one.role,
    )


def _place(message: Segments, profile: Profile) -> tuple[str, str]:
    for segment in message.others:
        if segment[0] == "PV1" and at(segment, 3):
            unit, room, bed = (*unescaped_parts(segment[3], message), "", "", "")[:3]
            return profile.place(unit, room, bed)
    return "", ""


def _recorded(message: Segments, header: Header) -> int:
    """When it was recorded: EVN-2, else EVN-6, else MSH-7."""
    for segment in message.others:
        if segment[0] == "EVN":
            for number in (2, 6):
                found = _moment(segment, number, header)
                if found is not None:
                    return found
    if header.sent is None:
        raise NoMessage("MSH-7", header.wrong or A_STAMP)
    return header.sent


def _moment(segment: list[str], number: int, header: Header) -> int | None:
    text = at(segment, number)
    if not text or text == '""':
        return None
    try:
        return header.moment(text)
    except WrongTime as error:
        raise NoMessage(f"{segment[0]}-{number}", error.expected) from None
