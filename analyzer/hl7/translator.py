"""Translator: turns messages into facts, or says why it cannot.

It keeps the state that earlier messages have built: the open alarms, and the assignments in force.
A message is applied as a whole or not at all. If it has several alarms, that holds for each alarm.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Literal, NamedTuple

from analyzer.hl7.alert import Alert, read_alerts
from analyzer.hl7.codes import EVENT, PHASE, coded, facet_of, is_heartbeat
from analyzer.hl7.episodes import Episodes
from analyzer.hl7.header import Header, header_of
from analyzer.hl7.profile import Profile, Profiles
from analyzer.hl7.recordings import messages
from analyzer.hl7.rows import Added
from analyzer.hl7.staff import Roster, answer
from analyzer.hl7.text import NoMessage, Segments, at, parse
from analyzer.model import AlarmEvent, Fact, FactError

Kind = Literal["alarm", "response", "assignment", "unchanged", "heartbeat", "dropped", "rejected"]
KINDS: tuple[Kind, ...] = (
    "alarm",
    "response",
    "assignment",
    "unchanged",
    "heartbeat",
    "dropped",
    "rejected",
)
"""The result of a message. `unchanged`: it only shows that an alarm still lasts. `dropped`: the
service does not use messages of this type.
"""
_OTHERWISE = "unnamed sender"
_LONGEST_NAME = 64


class Refusal(NamedTuple):
    """Why a message gives no fact: the field and what was expected, never the field's value."""

    field: str
    expected: str


class Outcome(NamedTuple):
    """The result of one message, the rule that applied, and the assumptions made (`notes`)."""

    kind: Kind
    rule: str
    facts: tuple[Fact, ...]
    notes: tuple[str, ...]
    sender: str
    """The sender's name for people and metrics: the profile's, else MSH-3.1 and MSH-4.1."""
    facility: str
    message_type: str
    sent: int | None
    """MSH-7 in ms since 1970."""
    unmapped: str | None = None
    """An event code that is in no nomenclature and no profile."""
    refusal: Refusal | None = None


class Translator:
    """Translates the messages of senders, each sender's in the order in which they were sent."""

    def __init__(self, profiles: Profiles | None = None) -> None:
        self.profiles = Profiles() if profiles is None else profiles
        self.episodes = Episodes()
        self.roster = Roster()
        self.clocks: dict[str, int] = {}
        """The latest MSH-7 of each sender (ms since 1970)."""
        self.changed_clocks: set[str] = set()

    def translate(self, data: bytes, port: int | None = None) -> Outcome:
        """Apply one message, or those of a batch. `port`: where it arrived, if known.

        It raises no exception.
        """
        several = messages(data)
        if len(several) == 1:
            return self._translate(several[0], port)
        return _joined([self._translate(one, port) for one in several])

    def _translate(self, data: bytes, port: int | None) -> Outcome:
        try:
            message = parse(data)
        except NoMessage as error:
            refusal = Refusal(error.field, error.expected)
            return Outcome(
                "rejected", "no message", (), (), _OTHERWISE, "", "", None, None, refusal
            )
        header = header_of(message)
        profile = self.profiles.of(header.application, header.facility, port)
        sender = f"{header.application}^{header.facility}"
        header.dated(profile, self.clocks.get(sender))
        shown = profile.name or shown_name(header)

        def outcome(
            kind: Kind,
            added: Added,
            unmapped: str | None = None,
            refusal: Refusal | None = None,
        ) -> Outcome:
            notes = (*message.notes, *added.notes)
            return Outcome(
                kind,
                added.rule,
                added.facts,
                notes,
                shown,
                facility,
                header.kind,
                header.sent,
                unmapped,
                refusal,
            )

        facility, assumed = facility_of(message, header, profile)
        try:
            if header.processing not in profile.accept:
                return outcome("dropped", Added("not production", (), ("processing_id",)))
            if header.sent is not None:
                self._note_clock(sender, header.sent)
            apply = _readers.get(header.type)
            if apply is None or not may_have_facts(header):
                return outcome("dropped", Added("no alarm message"))
            if not facility:
                raise NoMessage("MSH-4", "a facility; or name it in a profile")
            return apply(self, message, header, facility, sender, profile, assumed, outcome)
        except NoMessage as error:
            refusal = Refusal(error.field, error.expected)
        except FactError as error:
            refusal = Refusal(_FIELDS.get(error.field, error.field), error.expected)
        return outcome("rejected", Added("malformed"), None, refusal)

    # -- by message

    def _alert(
        self,
        message: Segments,
        header: Header,
        facility: str,
        sender: str,
        profile: Profile,
        assumed: tuple[str, ...],
        outcome: Callable[..., Outcome],
    ) -> Outcome:
        alerts = [
            alert
            for obr, group in _groups(message)
            for alert in read_alerts(message, obr, group, header, profile)
        ]
        if not alerts:
            raise NoMessage("OBX", "the facets of an alarm")
        results = [
            self._added(alert, facility, sender, profile, assumed, outcome) for alert in alerts
        ]
        return results[0] if len(results) == 1 else _joined(results)

    def _added(
        self,
        alert: Alert,
        facility: str,
        sender: str,
        profile: Profile,
        assumed: tuple[str, ...],
        outcome: Callable[..., Outcome],
    ) -> Outcome:
        """Apply one alarm of a message."""
        if alert.code in profile.heartbeats or is_heartbeat(
            alert.code, alert.label, alert.priority if alert.priority_given else None
        ):
            return outcome("heartbeat", Added("heartbeat"))
        try:
            added = self.episodes.add(alert, facility, sender)
        except FactError as error:
            refusal = Refusal(_FIELDS.get(error.field, error.field), error.expected)
            return outcome("rejected", Added("malformed"), None, refusal)
        self.episodes.prune(sender, self.clocks.get(sender, alert.sent))
        if added.rule in ("no event", "end without event"):
            expected = "an event code; or name its text under codes: in a profile"
            if added.rule == "end without event":
                expected = "an event code; no single alarm of this id is open"
            return outcome("rejected", added, None, Refusal("OBX-5", expected))
        kind: Kind = "unchanged"
        if added.facts:
            is_event = any(isinstance(one, AlarmEvent) for one in added.facts)
            kind = "alarm" if is_event else "response"
        added = added._replace(notes=(*assumed, *alert.notes, *added.notes))
        return outcome(kind, added, alert.unmapped)

    def _answer(
        self,
        message: Segments,
        header: Header,
        facility: str,
        sender: str,  # noqa: ARG002  # as the others
        profile: Profile,
        assumed: tuple[str, ...],  # noqa: ARG002
        outcome: Callable[..., Outcome],
    ) -> Outcome:
        added = answer(message, header, facility, profile, self.episodes)
        return outcome("response" if added.facts else "dropped", added)

    def _staff(
        self,
        message: Segments,
        header: Header,
        facility: str,
        sender: str,
        profile: Profile,
        assumed: tuple[str, ...],  # noqa: ARG002
        outcome: Callable[..., Outcome],
    ) -> Outcome:
        added = self.roster.add(message, header, facility, sender, profile)
        return outcome("assignment" if added.facts else "dropped", added)

    def _note_clock(self, sender: str, sent: int) -> None:
        if sent > self.clocks.get(sender, -1):
            self.clocks[sender] = sent
            self.changed_clocks.add(sender)


_Reader = Callable[..., Outcome]
_readers: dict[str, _Reader] = {
    "ORU": Translator._alert,
    "ORA": Translator._answer,
    "ADT": Translator._staff,
}
_FIELDS = {
    "unit": "PV1-3.1",
    "bed": "PV1-3.3",
    "facility": "MSH-4",
    "device_id": "OBX-18",
    "code": "OBX-3",
    "source": "OBX-3",
    "clinician": "ROL-4",
    "at": "OBX-14",
}
"""The field of a message from which a field of a fact comes."""


def facility_of(message: Segments, header: Header, profile: Profile) -> tuple[str, tuple[str, ...]]:
    """The facility of a message: the profile's, else MSH-4, else PV1-3.4, else MSH-3.

    A PCD-05 message goes back to the system that sent the alarm. So MSH-6, its receiving facility,
    names the hospital.

    >>> one = parse(b"MSH|^~\\\\&|GW|General")
    >>> facility_of(one, header_of(one), Profile())
    ('General', ())
    """
    if profile.facility is not None:
        return profile.facility, ()
    if header.type == "ORA" and header.receiving_facility:
        return header.receiving_facility, ()
    if header.facility:
        return header.facility, ()
    signs = message.signs
    for segment in message.others:
        if segment[0] == "PV1":
            parts = at(segment, 3).split(signs.repetition)[0].split(signs.component)
            place = parts[3].split(signs.sub)[0].strip() if len(parts) > 3 else ""
            if place:
                return place, ("assumed_facility",)
    return header.application, ("assumed_facility",)


def shown_name(header: Header) -> str:
    """The name of a sender without a profile."""
    name = " ".join(filter(None, (header.application, header.facility)))
    return name[:_LONGEST_NAME] if name and name.isprintable() else _OTHERWISE


def may_have_facts(header: Header) -> bool:
    """Whether messages of this type may become facts: alarms, answers to them, and staff."""
    if header.type == "ORU":
        return header.trigger == "R40" or header.structure == "ORU_R40"
    return header.type in _readers


def _groups(message: Segments) -> Iterator[tuple[list[str] | None, list[list[str]]]]:
    """Each OBR that has an alarm, with its OBX. A single group is taken as it is."""
    groups: list[tuple[list[str] | None, list[list[str]]]] = []
    for segment in message.others:
        if segment[0] == "OBR":
            groups.append((segment, []))
        elif segment[0] == "OBX":
            if not groups:
                groups.append((None, []))
            groups[-1][1].append(segment)
    if len(groups) == 1:
        yield groups[0]
        return
    for obr, group in groups:
        alarm = obr is not None and "MDC_EVT_AL" in at(obr, 4)
        if group and (alarm or any(_is_of_alarm(one, message) for one in group)):
            yield obr, group


def _is_of_alarm(obx: list[str], message: Segments) -> bool:
    number, name, _ = coded(at(obx, 3), message.signs.component)
    return facet_of(number, name) in (EVENT, PHASE)


def _joined(results: list[Outcome]) -> Outcome:
    """The outcome of several alarms: rejected if one of them is, with the facts of the others."""
    facts = tuple(fact for one in results for fact in one.facts)
    notes = tuple(note for one in results for note in one.notes)
    first = min(results, key=lambda one: (one.refusal is None, KINDS.index(one.kind)))
    return first._replace(facts=facts, notes=notes)


def parts(translator: Translator) -> dict[str, Any]:
    """Counts of the state of a translator, for people."""
    return {
        "open": translator.episodes.open,
        "waiting": translator.episodes.waiting,
        "assignments": len(translator.roster.open),
    }
