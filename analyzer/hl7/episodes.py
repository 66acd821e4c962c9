"""Episodes: finds the alarm that an alert belongs to, and the facts that the alert adds.

The table has one row for each alarm of a sender that is open, that ended within the last hour, or
whose end came before its start. The facts of a message depend only on the messages before it, and
rows can be stored and restored at any point. Ids are digests of the messages' content, so a message
that is read twice gives the same ids.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, cast

from analyzer.hl7.alert import Alert
from analyzer.hl7.identity import LONG_ID
from analyzer.hl7.profile import UNKNOWN
from analyzer.hl7.rows import (
    BETWEEN,
    Added,
    Row,
    Type,
    digest,
    event_of,
    key_of,
    response_of,
    type_of,
)
from analyzer.model import (
    HOUR,
    MINUTE,
    PRIORITIES,
    Action,
    AlarmEvent,
    Fact,
    Priority,
)

KEPT_ENDED = HOUR
"""How long an ended alarm is kept (ms, by the sender's clock) so that repeats are recognised."""
KEPT_WAITING = 10 * MINUTE
"""How long an end waits for its start (ms): the lateness that workers allow by default."""
UPDATES_APART = MINUTE
"""At most one `update` in this time (ms), unless the priority rises."""
MOST_ROWS = 200_000
"""Most rows; beyond this, the rows without a message for longest are dropped. A large hospital has
some hundred open alarms.
"""


@dataclass(slots=True)
class Episodes:
    """The table of alarms. `changed` has the keys of rows that changed since they were stored."""

    rows: dict[str, Row] = field(default_factory=dict)
    changed: set[str] = field(default_factory=set)
    forgotten_ends: int = 0
    """Ends whose start never came."""
    _by_alert: dict[tuple[str, str], set[str]] = field(default_factory=dict)
    _open_types: dict[Type, set[str]] = field(default_factory=dict)
    _pruned: dict[str, int] = field(default_factory=dict)

    # -- what a message adds

    def add(self, alert: Alert, facility: str, sender: str) -> Added:
        """Apply one alert. Raises `FactError` if it makes no valid fact; nothing changes then."""
        at = alert.onset if alert.onset is not None else alert.sent
        key, notes = self._find(alert, facility, sender)
        row = self.rows.get(key)
        ends = _ends(alert)
        if not alert.code and row is None:
            return Added("end without event" if ends else "no event", (), ("no_code",))
        if alert.phase == "tpoint":
            return self._point(alert, facility, sender, key, row, at)
        if row is not None and row.end is not None and row.onset is not None:
            if ends or _repeats(alert, row, at):
                return self._after_end(alert, row)
            row = None  # the id is used for a new alarm
        if ends:
            if row is None:
                return self._wait(alert, facility, sender, key)
            if row.onset is None:
                return Added("repeated", (), ("repeated",))
            return self._end(alert, row, _changed_at(alert, row), notes)
        if row is not None and row.onset is not None:
            return self._update(alert, row, notes)
        return self._start(alert, facility, sender, key, row, at, notes)

    def _find(self, alert: Alert, facility: str, sender: str) -> tuple[str, tuple[str, ...]]:
        """The key of the alarm that an alert is about; a new key if the alarm is not known."""
        key = key_of(facility, sender, alert.alert_id, alert.code)
        row = self.rows.get(key)
        if alert.code and len(alert.alert_id.partition("^")[0]) < LONG_ID:
            name = BETWEEN.join((alert.alert_id, alert.device_id, alert.bed, alert.source))
            own = key_of(facility, sender, name, alert.code)
            if own in self.rows or (row and _is_another(row, alert)):
                alert.alert_id = name
                return own, ()
        if row is not None or alert.phase in ("start", "tpoint"):
            return key, ()
        if not alert.code:
            known = [
                one
                for one in self._by_alert.get((facility, alert.alert_id), ())
                if self.rows[one].is_open and self.rows[one].sender == sender
            ]
            return (known[0], ("matched_by_id",)) if len(known) == 1 else (key, ())
        place = (alert.unit, alert.bed)
        asked = (facility, sender, *place, alert.device_id, alert.source, alert.code)
        same = self._open_types.get(asked, ())
        if len(same) == 1:
            (one,) = same
            row = self.rows[one]
            if alert.parent:
                # some senders keep only the first part of the id of the first message
                if row.alert_id.partition("^")[0] == alert.alert_id:
                    return one, ("matched_by_id",)
            elif cast("int", row.onset) <= max(alert.sent, alert.made):
                # the sender gives each message an id of its own, and names no earlier one
                return one, ("matched_by_source",)
        return key, ()

    def _start(
        self,
        alert: Alert,
        facility: str,
        sender: str,
        key: str,
        waiting: Row | None,
        at: int,
        notes: tuple[str, ...],
    ) -> Added:
        row = self._row(alert, facility, sender, at)
        facts: list[Fact] = [event_of(row, "start", at, alert.value)]
        rule = "start"
        if alert.phase not in ("start", ""):
            rule, notes = "joined", (*notes, "joined")
        if waiting is not None:
            # by the sender's clock, the end was sent after this start
            end = waiting.updated if waiting.updated > at else waiting.seen
            if end >= at:
                row.end = end
                facts.append(event_of(row, "end", end, None))
                rule, notes = "start after its end", (*notes, "end_first")
            else:
                self.forgotten_ends += 1
        self._put(key, row)
        return Added(rule, tuple(facts), notes)

    def _point(
        self, alert: Alert, facility: str, sender: str, key: str, row: Row | None, at: int
    ) -> Added:
        if row is not None and row.is_open:
            return self._update(alert, row, ())
        if row is not None and row.onset is not None and _repeats(alert, row, at):
            return Added("repeated", (), ("repeated",))
        row = self._row(alert, facility, sender, at)
        row.end = at
        facts = (event_of(row, "start", at, alert.value), event_of(row, "end", at, None))
        self._put(key, row)
        return Added("point in time", facts)

    def _wait(self, alert: Alert, facility: str, sender: str, key: str) -> Added:
        row = self._row(alert, facility, sender, alert.sent)
        row.updated = alert.onset if alert.onset is not None else alert.sent
        row.onset, row.end = None, row.updated
        self._put(key, row)
        return Added("end waits for its start", (), ("end_without_start",))

    def _end(self, alert: Alert, row: Row, at: int, notes: tuple[str, ...]) -> Added:
        facts: list[Fact] = self._answered(alert, row, at)
        facts.append(event_of(row, "end", at, row.held))
        key = row.key
        self._unindex(key, row)
        row.end, row.held, row.updated = at, None, at
        self._put(key, row)
        return Added("end", tuple(facts), notes)

    def _after_end(self, alert: Alert, row: Row) -> Added:
        """Handle a message about an ended alarm: a late response to it, or a repetition."""
        late = alert.phase not in ("start", "tpoint") and alert.sent > cast("int", row.end)
        facts = self._answered(alert, row, alert.sent) if late else []
        return Added("response", tuple(facts)) if facts else Added("repeated", (), ("repeated",))

    def _answered(self, alert: Alert, row: Row, at: int) -> list[Fact]:
        """The responses that a change of the inactivation state shows."""
        known = row.inactivation
        if alert.inactivation in (None, known):
            return []
        row.inactivation = alert.inactivation
        self.changed.add(row.key)
        return [
            response_of(row, cast("Action", action), at)
            for action in alert.inactivation
            if action not in known
        ]

    def _update(self, alert: Alert, row: Row, notes: tuple[str, ...]) -> Added:
        at = _changed_at(alert, row)
        rises = alert.priority_given and _rank(alert.priority) > _rank(row.priority)
        falls = alert.priority_given and _rank(alert.priority) < _rank(row.priority)
        held = _extreme(row.held, alert.value, alert.limit or row.limit, alert.direction)
        differs = falls or held not in (None, row.value) or alert.limit not in (None, row.limit)
        facts = self._answered(alert, row, at)
        row.seen = max(row.seen, alert.sent, alert.made)
        if rises or (differs and at - row.updated >= UPDATES_APART):
            if alert.priority_given:
                row.priority = alert.priority
            row.value = held if held is not None else row.value
            row.limit = alert.limit if alert.limit is not None else row.limit
            facts.append(event_of(row, "update", at, row.value))
            row.updated, row.held = at, None
            self.changed.add(row.key)
        elif differs and held != row.held:
            row.held = held
            self.changed.add(row.key)
        rule = "update" if facts and isinstance(facts[-1], AlarmEvent) else "response"
        return Added(rule if facts else "no change", tuple(facts), notes)

    def _row(self, alert: Alert, facility: str, sender: str, at: int) -> Row:
        return Row(
            facility,
            sender,
            alert.alert_id,
            alert.code,
            digest(facility, sender, alert.alert_id, alert.code, at),
            at,
            None,
            alert.unit,
            alert.bed,
            alert.device_id,
            alert.device_type,
            alert.source,
            alert.kind,
            alert.priority,
            alert.label,
            alert.value,
            alert.limit,
            alert.inactivation or (),
            at,
            None,
            max(alert.sent, alert.made),
        )

    # -- queries

    def of_alert(self, facility: str, alert_id: str) -> list[Row]:
        """The alarms of an alert id: open ones first, each group in order of start."""
        found = [self.rows[key] for key in self._by_alert.get((facility, alert_id), ())]
        known = [one for one in found if one.onset is not None]
        return sorted(known, key=lambda one: (one.end is not None, one.onset, one.alarm_id))

    @property
    def open(self) -> int:
        return sum(len(keys) for keys in self._open_types.values())

    @property
    def waiting(self) -> int:
        """How many ends still wait for their start."""
        return sum(one.onset is None for one in self.rows.values())

    def prune(self, sender: str, now: int) -> None:
        """Once a minute of the sender's clock (`now`, ms), drop its rows that have expired."""
        if now - self._pruned.get(sender, now - MINUTE) < MINUTE:
            return
        self._pruned[sender] = now
        old = [
            key
            for key, row in self.rows.items()
            if row.sender == sender
            and row.end is not None
            and row.seen < now - (KEPT_WAITING if row.onset is None else KEPT_ENDED)
        ]
        for key in old:
            self.forgotten_ends += self.rows[key].onset is None
            self._drop(key)
        if len(self.rows) > MOST_ROWS:
            by_age = sorted(self.rows, key=lambda key: self.rows[key].seen)
            for key in by_age[: len(self.rows) - MOST_ROWS]:
                self._drop(key)

    # -- storage

    def stored(self, key: str) -> list[Any] | None:
        """A row as plain values; None if it was dropped."""
        row = self.rows.get(key)
        return None if row is None else [getattr(row, name) for name in Row.__slots__]

    def restore(self, rows: Iterable[list[Any]]) -> None:
        """Fill an empty table with rows that `stored` gave."""
        for values in rows:
            given = dict(zip(Row.__slots__, values, strict=True))
            given["inactivation"] = tuple(given["inactivation"])
            row = Row(**given)
            self._put(row.key, row)
        self.changed.clear()

    def _put(self, key: str, row: Row) -> None:
        before = self.rows.get(key)
        if before is not None and before is not row:
            self._unindex(key, before)
        self.rows[key] = row
        self.changed.add(key)
        self._by_alert.setdefault((row.facility, row.own_id), set()).add(key)
        if row.is_open:
            self._open_types.setdefault(type_of(row), set()).add(key)

    def _unindex(self, key: str, row: Row) -> None:
        same = self._open_types.get(type_of(row))
        if same is not None:
            same.discard(key)
            if not same:
                del self._open_types[type_of(row)]

    def _drop(self, key: str) -> None:
        row = self.rows.pop(key)
        self._unindex(key, row)
        same = self._by_alert[row.facility, row.own_id]
        same.discard(key)
        if not same:
            del self._by_alert[row.facility, row.own_id]
        self.changed.add(key)


def _is_another(row: Row, alert: Alert) -> bool:
    """Whether an alert with the id and event of `row` is about another device, bed or source.

    Some senders number alarms for each device, and some use one id for a whole therapy.
    """
    if alert.source and row.source and alert.source != row.source and not _ends(alert):
        return True  # an end may name its source otherwise
    application = row.sender.partition("^")[0]
    if "no_device" in alert.notes or row.device_id == application:
        return "no_bed" not in alert.notes and row.bed not in (alert.bed, UNKNOWN)
    return alert.device_id != row.device_id


def _ends(alert: Alert) -> bool:
    """Whether an alert ends its alarm. A latched alarm lasts until its reset."""
    if alert.phase == "reset":
        return True
    if alert.phase == "end":
        return alert.state != "latched"
    return alert.state == "inactive" and alert.phase not in ("start", "tpoint")


def _repeats(alert: Alert, row: Row, at: int) -> bool:
    """Whether an alert repeats an ended alarm. A new one may start as the last one ends."""
    end = cast("int", row.end)
    if alert.phase in ("start", "tpoint"):
        return at < end or at == row.onset
    return at <= end


def _changed_at(alert: Alert, row: Row) -> int:
    """When a known alarm changed: OBX-14, else when the message was made.

    OBX-14 counts only if it is later than the onset, because some senders repeat the onset there.
    """
    onset = cast("int", row.onset)
    if alert.onset is not None and alert.onset > onset:
        return alert.onset
    return alert.sent if alert.sent > onset else max(alert.made, onset)


def _rank(priority: Priority) -> int:
    return PRIORITIES.index(priority)


def _extreme(
    held: float | None, value: float | None, limit: float | None, direction: str
) -> float | None:
    """The reading that is further beyond the limit; the later one if there is no limit."""
    if held is None or value is None:
        return held if value is None else value
    low = direction == "low" or (not direction and limit is not None and value < limit)
    high = direction == "high" or (not direction and limit is not None and value > limit)
    return min(held, value) if low else max(held, value) if high else value
