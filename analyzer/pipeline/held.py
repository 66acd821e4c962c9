"""Held: what a state holds of one facility, given back as facts.

An episode becomes a start and an end: the events in between are not held. The ids of records of
responses and labels are not held either, so theirs are made from what they say.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from analyzer.arrays import Numbers
from analyzer.model.episodes import PRIORITIES
from analyzer.model.facts import FACT_TYPES, Assignment, Topic, values_of
from analyzer.pipeline.classes import CLASSES
from analyzer.pipeline.pending import Columns
from analyzer.pipeline.responses import ACTIONS, NO_UNIT, UNNAMED
from analyzer.pipeline.state import State
from analyzer.pipeline.table import NO_VERDICT
from analyzer.times import NEVER, OPEN

_COPIED = (
    "static",
    "label",
    "recipients",
    "start",
    "end",
    "rank",
    "value",
    "limit",
    "verdict",
    "verdict_at",
    "response_at",
    "response_code",
)


@dataclass(frozen=True, slots=True)
class Held:
    """A copy: later changes of the state do not affect it, and another thread may turn it into
    facts.
    """

    facility: str
    now: int
    """The facility's time (ms)."""
    since: int
    """Older facts than this (ms) may have been dropped; no earlier than the first alarm."""
    ids: list[str]
    columns: dict[str, Numbers]
    """By name of the table's column, a row an episode."""
    responses: dict[int, list[tuple[int, int]]]
    """By index of an episode with several: (code, time)."""
    at_beds: list[tuple[str, str | None, int, int]]
    """Responses to beds: bed, unit or None, action, time."""
    roster: list[Assignment]
    statics: Sequence[tuple[int, str, str, str, str, str, str, str]]
    """The fields of `columns.statics.Static`."""
    labels: list[str | None]
    recipients: dict[int, tuple[str, ...]]

    @classmethod
    def of(cls, state: State, facility: str) -> Held | None:
        """None: the state holds no such facility."""
        number = state.facilities.get(facility)
        if number is None:
            return None
        table = state.table
        rows = table.of_facility(number)
        rows = rows[table.start[rows] != NEVER]
        places = {row: place for place, row in enumerate(rows.tolist())}
        several = {
            places[row]: list(of.within(-OPEN, OPEN))
            for row, of in table.responses.items()
            if row in places
        }
        units, names = state.statics.units.by_number, state.statics.bed_names.by_number
        at_beds = [
            (names[bed][1], None if unit == NO_UNIT else units[unit][1], code % UNNAMED, at)
            for bed in state.responses.bed_names()
            if names[bed][0] == number
            for unit, moments in state.responses.about(bed).items()
            for code, at in moments.within(-OPEN, OPEN)
        ]
        teams = np.unique(table.recipients[rows]).tolist()
        now = int(state.times.now[number])
        return cls(
            facility,
            now,
            now - state.policy.horizon,
            table.ids(rows),
            {name: getattr(table, name)[rows] for name in _COPIED},
            several,
            at_beds,
            [one for of, one in state.roster.valid() if of == number],
            list(state.statics.by_number),
            list(state.labels.by_number),
            {team: state.teams.names(team) for team in teams},
        )

    def facts(self) -> Iterator[tuple[Topic, Columns]]:
        """The facts as columns, by topic, in the order of the fields of their classes."""
        yield "alarms", _columns("alarms", list(self._alarms()))
        yield "responses", _columns("responses", list(self._responses()))
        yield "labels", _columns("labels", list(self._labels()))
        yield (
            "assignments",
            tuple(map(list, zip(*map(values_of, self.roster), strict=True)))
            or tuple([] for _ in FACT_TYPES["assignments"].__slots__),
        )

    def _alarms(self) -> Iterator[dict[str, Any]]:
        names = ("static", "label", "recipients", "start", "end", "rank", "value", "limit")
        columns = (self.columns[name].tolist() for name in names)
        for alarm, static, label, team, start, end, rank, value, limit in zip(
            self.ids, *columns, strict=True
        ):
            _, unit, bed, device, type_, source, code, kind = self.statics[static]
            common = {
                "alarm_id": alarm,
                "facility": self.facility,
                "unit": unit,
                "bed": bed,
                "device_id": device,
                "device_type": type_,
                "source": source,
                "code": code,
                "kind": kind,
                "label": self.labels[label],
                "priority": PRIORITIES[rank],
                "value": None if value != value else value,
                "limit": None if limit != limit else limit,
                "recipients": self.recipients[team] or None,
            }
            # an id that is used again has several episodes
            yield common | {"event_id": f"{alarm} {start}", "phase": "start", "at": start}
            if end < OPEN:
                yield common | {"event_id": f"{alarm} {start} end", "phase": "end", "at": end}

    def _responses(self) -> Iterator[dict[str, Any]]:
        columns = (self.columns[name].tolist() for name in ("response_at", "response_code"))
        for place, (at, code) in enumerate(zip(*columns, strict=True)):
            known = self.responses.get(place) or ([(code, at)] if at != NEVER else [])
            for code, at in known:
                action, alarm = ACTIONS[code % UNNAMED], self.ids[place]
                unit = None if code >= UNNAMED else self._unit(place)
                about = {"action": action, "alarm_id": alarm, "unit": unit, "at": at}
                yield about | {"event_id": f"{alarm} {action} {at}", "facility": self.facility}
        for bed, unit, code, at in self.at_beds:
            about = {"action": ACTIONS[code], "bed": bed, "unit": unit, "at": at}
            name = f"{bed} {unit or ''} {ACTIONS[code]} {at}"
            yield about | {"event_id": name, "facility": self.facility}

    def _unit(self, place: int) -> str:
        return self.statics[int(self.columns["static"][place])][1]

    def _labels(self) -> Iterator[dict[str, Any]]:
        columns = (self.columns[name].tolist() for name in ("verdict", "verdict_at"))
        for alarm, verdict, at in zip(self.ids, *columns, strict=True):
            if verdict != NO_VERDICT:
                about = {"verdict": CLASSES[verdict], "alarm_id": alarm, "at": at}
                yield about | {"event_id": f"{alarm} {at}", "facility": self.facility}


def _columns(topic: Topic, facts: list[dict[str, Any]]) -> Columns:
    return tuple([one.get(name) for one in facts] for name in FACT_TYPES[topic].__slots__)
