"""Archetypes: days of a calm unit in which one thing went wrong, with the truth about it.

They follow published cases: a crisis alarm that had been off since the night before, leads off that
were silenced and not mended, a telemetry battery that was dead while people came and went. Each is
what a feed would have given, and no more: silence is the lack of records. The truth is written
beside the files, so an analysis can be held to it.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from analyzer.model import HOUR, MINUTE, SECOND, Topic
from streams.simulator.alarms import simulate
from streams.simulator.hospital import shift_at, shift_start
from streams.simulator.perturbations import Record
from streams.simulator.scenarios import SCENARIOS
from streams.simulator.ward import DAY, Unit, Ward

SETTINGS = ("delay", "limit", "hold_off", "priority", "mend_device")
ROSTER = ("move_bed", "add_clinician", "ratio")
_LOAD = ("overload", "flood", "unanswered", "protected_time", "staffing")
_HEART = "MDC_ECG_HEART_RATE"
_START = Ward().start
_ARRIVES = 300  # ms after it was sent
# alarms per bed and day: a calm unit (our own), so that nothing else stands out
_RATE = 16.0
_RATE_OF_MANY_BEDS = 12.0
_MANY, _BEDS = 9, 12  # of the one assignment; more than 8 is beyond the default policy


@dataclass(frozen=True, slots=True)
class Truth:
    """The known truth about an archetype. `at` in ms.

    `first_factor` None: there is nothing to find. `bed` None: it concerns the whole unit.
    `preventing_levers`: each alone would have prevented the condition; `innocent_levers` would not
    have. `not_said`: kinds of factor that did not hold.
    """

    scenario: str
    seed: int
    at: int
    facility: str
    unit: str
    bed: str | None
    what: str
    first_factor: str | None
    preventing_levers: tuple[str, ...] = ()
    innocent_levers: tuple[str, ...] = ()
    not_said: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        return {
            name: list(value) if isinstance(value := getattr(self, name), tuple) else value
            for name in self.__slots__
        }


@dataclass(slots=True)
class _Scene:
    """A calm unit, and the moment and bed at which it goes wrong."""

    seed: int
    ward: Ward
    at: int
    bed: int
    dice: random.Random
    records: list[Record] = field(default_factory=list)

    @property
    def unit(self) -> Unit:
        return self.ward.layout[0]

    @property
    def bed_id(self) -> str:
        return self.unit.bed_id(self.bed)

    @property
    def monitor(self) -> str:
        return f"mon-{self.bed + 1:03d}"

    def before(self, shortest: float, longest: float) -> int:
        """A moment so many minutes before the one in question."""
        return self.at - round(self.dice.uniform(shortest, longest) * MINUTE)

    def add(self, topic: Topic, at: int, **fields: Any) -> None:
        value = {"event_id": f"truth-{len(self.records)}", "facility": "H01", "at": at}
        value |= {"unit": self.unit.name} | fields
        self.records.append(Record(topic, value, at + _ARRIVES))

    def raise_alarm(self, at: int, **fields: Any) -> None:
        """The start of an alarm of the bed's monitor."""
        common = {"bed": self.bed_id, "device_id": self.monitor, "device_type": "monitor"}
        self.add("alarms", at, phase="start", **(common | fields))

    def lose(self, is_lost: Callable[[dict[str, Any]], bool]) -> None:
        """Alarm events that were never sent, and the responses to alarms that nobody heard of."""
        gone = {
            str(one.value["alarm_id"])
            for one in self.records
            if one.topic == "alarms" and one.value["phase"] != "end" and is_lost(one.value)
        }
        known = {
            str(one.value["alarm_id"])
            for one in self.records
            if one.topic == "alarms" and one.value["phase"] != "end" and not is_lost(one.value)
        }
        gone -= known

        def stays(one: Record) -> bool:
            if one.topic == "alarms":
                return not is_lost(one.value) and str(one.value["alarm_id"]) not in gone
            return str(one.value["event_id"]).rpartition("-")[0] not in gone

        self.records = list(filter(stays, self.records))

    def truth(self, scenario: str, what: str, first: str | None, **more: Any) -> Truth:
        of_unit = more.pop("of_unit", False)
        bed = None if of_unit else self.bed_id
        return Truth(scenario, self.seed, self.at, "H01", self.unit.name, bed, what, first, **more)


def archetype(scenario: str, seed: int, start: int = _START) -> tuple[list[Record], Truth]:
    """The records of an archetype in order of delivery, and the truth about it.

    `start`: of simulated time (ms). Raises `ValueError` for an unknown scenario.
    """
    if scenario not in _SCENARIOS:
        raise ValueError(f"scenario: expected one of {', '.join(SCENARIOS)}")
    dice = random.Random(f"{scenario} {seed}")  # noqa: S311  # not for secrets
    telemetry = scenario in ("battery-dead", "leads-off-silenced")
    beds = _BEDS if scenario == "one-assignment" else dice.choice((8, 10, 12))
    days = dice.randint(9, 12)
    # in the last shift, some hours after it began
    begin = shift_start(shift_at(start + days * DAY))
    at = begin + round(dice.uniform(4, 11) * 60) * MINUTE
    ward = Ward(
        seed=seed,
        start=start,
        duration=at + HOUR - start,
        units=1,
        beds=beds,
        beds_per_nurse=3,
        profiles=("ward",) if telemetry else ("micu",),
        alarms_per_bed_day=_RATE_OF_MANY_BEDS if scenario == "one-assignment" else _RATE,
        adjudicated=0.0,
    )
    scene = _Scene(seed, ward, at, dice.randrange(beds), dice)
    scene.records = list(simulate(ward))
    truth = _SCENARIOS[scenario](scene)
    return sorted(scene.records, key=lambda one: one.due), truth


def _crisis_alarm_off(scene: _Scene) -> Truth:
    since = shift_start(shift_at(scene.at)) - round(scene.dice.uniform(1, 8) * HOUR)
    scene.raise_alarm(
        since,
        alarm_id="truth-off",
        kind="advisory",
        priority="info",
        source=_HEART,
        code="ALARMS_OFF",
        label="Heart rate and arrhythmia alarms off",
    )
    scene.lose(
        lambda value: (
            value["device_id"] == scene.monitor
            and value["source"] == _HEART
            and value["at"] > since
            and value["kind"] == "physiological"
        )
    )
    scene.add("responses", scene.at, action="attend", bed=scene.bed_id)
    return scene.truth(
        "crisis-alarm-off",
        "Heart-rate and arrhythmia alarms of the bed had been off since the shift before.",
        "silenced",
        innocent_levers=(*SETTINGS, *ROSTER),
        not_said=(*_LOAD, "feed_gap"),
    )


def _leads_off_silenced(scene: _Scene) -> Truth:
    since = scene.before(150, 200)
    scene.lose(
        lambda value: (
            value["device_id"] == scene.monitor
            and value["source"] == _HEART
            and value["at"] > since
        )
    )
    scene.raise_alarm(
        since,
        alarm_id="truth-leads",
        kind="technical",
        priority="medium",
        source=_HEART,
        code="MDC_EVT_LEADS_OFF",
        label="ECG leads off",
    )
    silenced = since + round(scene.dice.uniform(20, 120)) * SECOND
    scene.add("responses", silenced, action="silence", alarm_id="truth-leads")
    return scene.truth(
        "leads-off-silenced",
        "The ECG leads of the bed were off for hours; the alarm was silenced, and went on.",
        "silenced",
        innocent_levers=(*SETTINGS[:4], *ROSTER),
        not_said=(*_LOAD, "feed_gap"),
    )


def _battery_dead(scene: _Scene) -> Truth:
    since = scene.before(115, 150)
    low = since - scene.dice.randint(2, 20) * MINUTE
    scene.raise_alarm(
        low,
        alarm_id="truth-battery",
        kind="technical",
        priority="low",
        source="",
        code="MDC_EVT_BATT_LO",
        label="Battery low",
    )
    scene.lose(lambda value: value["device_id"] == scene.monitor and value["at"] > since)
    for number in range(scene.dice.randint(2, 4)):
        moment = since + round((number + scene.dice.random()) / 4 * (scene.at - since))
        scene.add("responses", moment, action="attend", bed=scene.bed_id)
    return scene.truth(
        "battery-dead",
        "The battery of the bed's monitor was dead for two hours; people came to the bed.",
        "signal_lost",
        innocent_levers=(*SETTINGS[:4], *ROSTER),
        not_said=(*_LOAD, "feed_gap"),
    )


def _one_assignment(scene: _Scene) -> Truth:
    begin = shift_start(shift_at(scene.at))
    nurses = sorted(
        {
            str(one.value["clinician"])
            for one in scene.records
            if one.topic == "assignments"
            and one.value["from"] == begin
            and one.value["role"] == "nurse"
        }
    )
    busy = scene.dice.choice(nurses)
    others = [one for one in nurses if one != busy]
    beds = [scene.unit.bed_id(bed) for bed in range(scene.unit.beds)]
    scene.dice.shuffle(beds)
    whose = dict.fromkeys(beds[:_MANY], busy) | {
        bed: others[number % len(others)] for number, bed in enumerate(beds[_MANY:])
    }

    def given(one: Record) -> Record | None:
        value = one.value
        if one.topic == "assignments" and value["role"] == "nurse" and value["from"] == begin:
            return one._replace(value=value | {"clinician": whose[str(value["bed"])]})
        return one

    kept = [changed for one in scene.records if (changed := given(one)) is not None]
    scene.records = _each_bed_once(kept, begin)
    return scene.truth(
        "one-assignment",
        f"One clinician had {_MANY} of {_BEDS} beds, and each colleague one.",
        "staffing",
        of_unit=True,
        preventing_levers=ROSTER,
        innocent_levers=SETTINGS,
        not_said=("silenced", "signal_lost", "feed_gap"),
    )


def _each_bed_once(records: Iterable[Record], begin: int) -> list[Record]:
    """Without the second of two assignments of a bed from the begin of a shift on, as both would
    now name the same clinician.
    """
    first: dict[str, object] = {}
    found = []
    for one in records:
        value = one.value
        if one.topic == "assignments" and value["role"] == "nurse" and value["from"] == begin:
            same = first.setdefault(str(value["bed"]), value["assignment_id"])
            if same != value["assignment_id"]:
                continue
        found.append(one)
    return found


def _quiet(scene: _Scene) -> Truth:
    return scene.truth(
        "quiet",
        "Nothing went wrong.",
        None,
        of_unit=True,
        innocent_levers=(*SETTINGS, *ROSTER),
        not_said=(*_LOAD, "silenced", "signal_lost", "feed_gap", "standing", "response_time"),
    )


def _feed_gap(scene: _Scene) -> Truth:
    end = scene.before(-15, 5)
    begin = min(end, scene.at) - scene.dice.randint(60, 85) * MINUTE
    scene.lose(lambda value: begin < value["at"] <= end)
    return scene.truth(
        "feed-gap",
        "Nothing came from the devices of the unit; whether they alarmed is not known.",
        "feed_gap",
        of_unit=True,
        innocent_levers=(*SETTINGS, *ROSTER),
        not_said=(*_LOAD, "silenced"),
    )


_SCENARIOS: dict[str, Callable[[_Scene], Truth]] = {
    "crisis-alarm-off": _crisis_alarm_off,
    "leads-off-silenced": _leads_off_silenced,
    "battery-dead": _battery_dead,
    "one-assignment": _one_assignment,
    "quiet": _quiet,
    "feed-gap": _feed_gap,
}
