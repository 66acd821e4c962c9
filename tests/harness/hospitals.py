"""A hospital for scenarios around nine in the morning, and alarm storms."""

from __future__ import annotations

import json

from analyzer import AlarmEvent, Assignment, Change, Engine, Policy, Response
from analyzer.model.policy import HOUR, MINUTE, SECOND, OverloadPolicy

NINE = 1_772_355_600_000  # 2026-03-01T09:00:00Z


class Hospital:
    """An engine, and the facts of one facility that it was given (also as JSON lines, by topic)."""

    def __init__(self, policy: OverloadPolicy | None = None) -> None:
        self.engine = Engine(Policy() if policy is None else Policy(overload=policy))
        self._count = 0
        self.now = 0
        """The time of the last `run` (ms)."""
        self.lines: dict[str, list[str]] = {"alarms": [], "assignments": [], "responses": []}

    def assign(
        self,
        clinician: str,
        *beds: str,
        unit: str = "ICU",
        start: int = NINE - 2 * HOUR,
        end: int | None = None,
        assignment: str | None = None,
        recorded: int | None = None,
    ) -> None:
        """A later record of the same `assignment` replaces an earlier one."""
        for bed in beds:
            self._apply(
                "assignments",
                Assignment(
                    event_id=self._id(),
                    assignment_id=assignment or self._id(),
                    facility="H",
                    unit=unit,
                    bed=bed,
                    clinician=clinician,
                    start=start,
                    end=end,
                    at=start if recorded is None else recorded,
                ),
            )

    def alarm(
        self,
        at: int,
        bed: str = "1",
        seconds: float = 20,
        unit: str = "ICU",
        code: str = "MDC_EVT_LO",
    ) -> str:
        """An alarm that ends after some seconds; returns its id."""
        alarm_id = self._id()
        for phase, moment in (("start", at), ("end", at + int(seconds * SECOND))):
            self._apply(
                "alarms",
                AlarmEvent(
                    event_id=self._id(),
                    alarm_id=alarm_id,
                    phase=phase,
                    at=moment,
                    facility="H",
                    unit=unit,
                    bed=bed,
                    device_id="m" + bed,  # type: ignore[arg-type]
                    device_type="monitor",
                    code=code,
                    kind="physiological",
                    priority="medium",
                ),
            )
        return alarm_id

    def respond(self, alarm_id: str, at: int) -> None:
        self._apply(
            "responses",
            Response(event_id=self._id(), facility="H", at=at, action="attend", alarm_id=alarm_id),
        )

    def _id(self) -> str:
        self._count += 1
        return f"e{self._count}"

    def _apply(self, topic: str, fact: AlarmEvent | Assignment | Response) -> None:
        self.engine.apply(topic, fact, None)  # type: ignore[arg-type]
        fields = {
            {"start": "from", "end": "to"}.get(name, name): getattr(fact, name)
            for name in type(fact).__slots__
        }
        self.lines[topic].append(
            json.dumps({name: value for name, value in fields.items() if value is not None})
        )

    def run(self, until: int) -> list[Change]:
        """The changes emitted once time is `until`."""
        self.now = until
        self.engine.advance(until)
        return [one.change for one in self.engine.emit_changes()]

    def run_live(self, until: int) -> list[Change]:
        """The same, advancing in steps of 5 s."""
        changes: list[Change] = []
        for now in range(NINE - HOUR, until + 1, 5 * SECOND):
            changes += self.run(now)
        return changes


def storm(hospital: Hospital, begin: int, minutes: int, every: int, bed: str = "1") -> None:
    """Alarms of one bed, one `every` ms."""
    for at in range(begin, begin + minutes * MINUTE, every):
        hospital.alarm(at, bed)


def three_beds_storm(hospital: Hospital) -> None:
    """30 alarms in 10 min from three beds: too many for one clinician, and few enough at each bed
    that a colleague can take one.
    """
    for number, bed in enumerate(("1", "2", "4")):
        storm(hospital, NINE + number * 20 * SECOND, minutes=10, every=MINUTE, bed=bed)


def troubled() -> Hospital:
    """A unit with an overloaded clinician and one who could help, and a quiet unit."""
    hospital = Hospital()
    hospital.assign("ann", "1", "2", "4", start=NINE - 24 * HOUR)
    hospital.assign("bob", "3")
    hospital.assign("eve", "9", unit="CCU")
    hospital.alarm(NINE - 25 * HOUR)
    for number in range(30):
        hospital.alarm(NINE - 3 * HOUR + number * 2 * MINUTE, seconds=5)
    three_beds_storm(hospital)
    hospital.alarm(NINE, bed="9", unit="CCU")
    hospital.run(NINE + 10 * MINUTE)
    return hospital
