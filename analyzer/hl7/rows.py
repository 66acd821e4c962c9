"""Rows: one alarm in the table of episodes, and the facts made from it."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b
from typing import NamedTuple

from analyzer.model import Action, AlarmEvent, Fact, Kind, Phase, Priority, Response

BETWEEN = "\x1e"
"""Separates a sender's id from the fields that distinguish alarms to which it gives the same id."""


@dataclass(slots=True)
class Row:
    """One alarm. Times are in ms since 1970. Until its start comes, `onset` is None."""

    facility: str
    sender: str
    alert_id: str
    code: str
    alarm_id: str
    onset: int | None
    end: int | None
    unit: str
    bed: str
    device_id: str
    device_type: str
    source: str
    kind: Kind
    priority: Priority
    label: str | None
    value: float | None
    limit: float | None
    inactivation: tuple[str, ...]
    updated: int
    """When its last event was."""
    held: float | None
    """The reading furthest beyond the limit that no event contains yet."""
    seen: int
    """When its last message was made."""

    @property
    def is_open(self) -> bool:
        return self.onset is not None and self.end is None

    @property
    def own_id(self) -> str:
        """The id that the sender gives, also to alarms of other devices or sources."""
        return self.alert_id.partition(BETWEEN)[0]

    @property
    def key(self) -> str:
        return key_of(self.facility, self.sender, self.alert_id, self.code)


class Added(NamedTuple):
    """The facts that a message adds, and the rule that applied."""

    rule: str
    facts: tuple[Fact, ...] = ()
    notes: tuple[str, ...] = ()


Type = tuple[str, ...]


def key_of(facility: str, sender: str, alert: str, code: str) -> str:
    return "\x1f".join((facility, sender, alert, code))


def digest(*parts: object) -> str:
    """An id of 32 hex digits."""
    text = "\x1f".join(["" if one is None else str(one) for one in parts])
    return blake2b(text.encode("utf-8", "replace"), digest_size=16).hexdigest()


def type_of(row: Row) -> Type:
    return row.facility, row.sender, row.unit, row.bed, row.device_id, row.source, row.code


def event_of(row: Row, phase: Phase, at: int, value: float | None) -> AlarmEvent:
    return AlarmEvent(
        event_id=digest(
            row.sender,
            row.alarm_id,
            phase,
            row.inactivation if phase == "update" else "",
            row.priority if phase != "end" else "",
            value,
            at,
        ),
        alarm_id=row.alarm_id,
        phase=phase,
        at=at,
        facility=row.facility,
        unit=row.unit,
        bed=row.bed,
        device_id=row.device_id,
        device_type=row.device_type,
        code=row.code,
        kind=row.kind,
        priority=row.priority,
        source=row.source,
        label=row.label,
        value=value,
        limit=row.limit if value is not None else None,
    )


def response_of(row: Row, action: Action, at: int) -> Response:
    return Response(
        event_id=digest(row.sender, row.alarm_id, "response", action, at),
        facility=row.facility,
        at=at,
        action=action,
        alarm_id=row.alarm_id,
        bed=row.bed,
        unit=row.unit,
    )
