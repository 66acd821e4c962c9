"""Alarms of a simulated ward, put together naively from its records."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from math import sqrt
from typing import Any

from analyzer.model.policy import SECOND
from streams.simulator import Record

EVERYTHING = {
    "storms": 4.0,
    "chattering_sensors": 1,
    "understaffed_nights": 0.5,
    "duplicates": 0.1,
    "late": 0.1,
    "late_beyond": 0.05,
    "late_charting": 0.3,
    "adjudicated": 0.5,
}


def of(records: Iterable[Record], topic: str) -> list[dict[str, Any]]:
    return [record.value for record in records if record.topic == topic]


def binomial(share: float, count: int) -> float:
    """Four standard errors of a share of `count` independent draws."""
    return 4 * sqrt(share * (1 - share) / count)


@dataclass
class Alarm:
    """An audible alarm, put together naively from its events; `answers` by their event ids,
    bed-only ones included.
    """

    events: list[dict[str, Any]]
    answers: list[dict[str, Any]]

    @property
    def first(self) -> dict[str, Any]:
        return min(self.events, key=lambda event: event["at"])

    @property
    def start(self) -> int:
        return int(self.first["at"])

    @property
    def seconds(self) -> float | None:
        ends = [event["at"] for event in self.events if event["phase"] == "end"]
        return (ends[0] - self.start) / SECOND if ends else None

    @property
    def acted_on(self) -> bool:
        return any(answer["action"] in {"intervene", "consult"} for answer in self.answers)


def alarms_in(records: Iterable[Record]) -> dict[str, Alarm]:
    alarms: dict[str, Alarm] = {}
    answers: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
    for topic, value, _ in records:
        if topic == "alarms" and value["priority"] != "info":
            alarms.setdefault(str(value["alarm_id"]), Alarm([], [])).events.append(value)
        elif topic == "responses":
            answers[str(value["event_id"]).rpartition("-")[0]].append(value)
    for alarm_id, alarm in alarms.items():
        alarm.answers = answers[alarm_id]
    # An answer may still be on its way when the run ends, and an end may be all that is left of an
    # update: keep what began.
    return {alarm_id: alarm for alarm_id, alarm in alarms.items() if alarm.first["phase"] != "end"}
