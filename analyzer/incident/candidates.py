"""Candidates: the single changes that are tried on a condition, from the smallest dose of each
lever.

Settings are tried on the alarm types and the devices with most alarms within an hour of the
condition. Beds are reassigned `AHEAD` before it, or when the shift begins.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from analyzer.incident import levers
from analyzer.incident.alarms import type_of
from analyzer.incident.answer import Lever
from analyzer.incident.conditions import clinicians_on_duty
from analyzer.incident.facts import Facts
from analyzer.incident.figures import History
from analyzer.model.episodes import EpisodeRecord
from analyzer.model.policy import HOUR, MINUTE, SECOND

AHEAD = 90 * MINUTE
"""How long before the condition beds are reassigned (ms): the hour that a measure counts, and the
cool-down, are over when the condition begins.
"""
_TYPES, _DEVICES = 4, 2
"""Most alarm types and devices that are tried; it bounds the work (our own)."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """One change: its dose, and what differs with it."""

    dose: Mapping[str, Any]
    hidden: tuple[str, ...] = ()
    """The ids of the alarms that it hides."""
    beds: Mapping[str, str] = field(default_factory=dict)
    """The new clinician of each bed."""
    delayed: tuple[EpisodeRecord, ...] = ()
    """The alarms that sound `delay` (ms) late; the shorter ones among them are hidden."""
    delay: int = 0
    refused: str = ""


@dataclass(frozen=True, slots=True)
class Place:
    """The condition on which a change is tried: the facts, its moment within the window (ms), and
    its clinician (None: the unit).
    """

    base: History
    moment: int
    clinician: str | None

    @property
    def near(self) -> tuple[int, int]:
        """The time whose alarms caused the condition, or would have caused it a little later."""
        return self.moment - HOUR, min(self.moment + HOUR, self.base.question.at)

    def on_duty(self) -> dict[str, list[str]]:
        return clinicians_on_duty(self.base.facts, self.base.question.unit, self.moment)

    def moved(self, beds: Mapping[str, str], facts: Facts) -> Facts:
        """The facts with beds assigned to others."""
        since = self.moment - AHEAD
        return levers.moved(facts, self.base.question.unit, beds, since, self.moment)

    def alarms_of(self, clinician: str) -> int:
        return sum(clinician in one.clinicians for one in self.base.alarms.between(*self.near))

    def alarms_at(self, bed: str) -> int:
        return sum(one.bed == bed for one in self.base.alarms.between(*self.near))

    def types(self) -> Iterator[tuple[str, list[EpisodeRecord]]]:
        """The most frequent alarm types near the condition, with their alarms in all facts."""
        alarms, at = self.base.alarms, self.base.question.at
        for wanted in levers.most(alarms, type_of, *self.near, _TYPES):
            yield "/".join(wanted), levers.of_type(alarms, wanted, 0, at)


def candidates(lever: Lever, place: Place) -> Iterator[Candidate]:
    """The candidates of a lever, the smallest dose first."""
    return _TRIED[lever](place)


def _delays(place: Place) -> Iterator[Candidate]:
    chosen = list(place.types())
    for delay in levers.DELAYS:
        for wanted, alarms in chosen:
            hidden = [one.alarm_id for one in alarms if one.end - one.start <= delay]
            dose = {"type": wanted, "seconds": delay // SECOND}
            yield Candidate(dose, tuple(hidden), delayed=tuple(alarms), delay=delay)


def _limits(place: Place) -> Iterator[Candidate]:
    for wanted, alarms in place.types():
        clinical = [one for one in alarms if one.kind != "technical"]
        for limit in levers.limits_to_try(clinical):
            hidden = levers.beyond(clinical, limit)
            dose = {"type": wanted, "limit": limit}
            if hidden is None:
                refused = "more sensitive than a limit that was in force"
                yield Candidate(dose, refused=refused)
            else:
                yield Candidate(dose, tuple(hidden))


def _hold_offs(place: Place) -> Iterator[Candidate]:
    for wanted, alarms in place.types():
        for hold_off in levers.HOLD_OFFS:
            if hidden := levers.held_off(alarms, hold_off):
                yield Candidate({"type": wanted, "seconds": hold_off // SECOND}, tuple(hidden))


def _priorities(place: Place) -> Iterator[Candidate]:
    """Low-priority alarms of a type sound only at the bed."""
    for wanted, alarms in place.types():
        if hidden := [one.alarm_id for one in alarms if one.priority == "low"]:
            yield Candidate({"type": wanted, "priority": "info"}, tuple(hidden))


def _devices(place: Place) -> Iterator[Candidate]:
    """One device without its technical alarms."""

    def technical(one: EpisodeRecord) -> str | None:
        return one.device_id if one.kind == "technical" and one.device_id else None

    alarms = place.base.alarms
    for device in levers.most(alarms, technical, *place.near, _DEVICES):
        hidden = [one.alarm_id for one in alarms.records if technical(one) == device]
        yield Candidate({"device_id": device}, tuple(hidden))


def _beds(place: Place) -> Iterator[Candidate]:
    """A colleague on duty takes over one bed of the clinician."""
    on_duty, giver = place.on_duty(), place.clinician
    own = on_duty.get(giver, []) if giver is not None else []
    if len(own) < 2:
        return
    colleagues = sorted(
        (name for name in on_duty if name != giver),
        key=lambda name: (place.alarms_of(name), len(on_duty[name]), name),
    )
    busiest = sorted(own, key=lambda bed: (-place.alarms_at(bed), bed))
    for taker in colleagues[:3]:
        for bed in busiest[:3]:
            yield Candidate({"bed": bed, "from": giver, "to": taker}, beds={bed: taker})


def _staff(place: Place) -> Iterator[Candidate]:
    """One or two more clinicians take over beds from those with most alarms."""
    on_duty = place.on_duty()
    for count in (1, 2):
        if beds := _shared_out(place, on_duty, count):
            yield Candidate({"clinicians": count, "beds": sorted(beds)}, beds=beds)


def _shared_out(place: Place, on_duty: Mapping[str, list[str]], count: int) -> dict[str, str]:
    """The beds that `count` more clinicians take over, so that none has more than the average."""
    total = sum(map(len, on_duty.values()))
    share = max(1, total // (len(on_duty) + count))
    free = [
        bed
        for name in sorted(on_duty, key=lambda one: (-place.alarms_of(one), one))
        for bed in sorted(on_duty[name], key=lambda bed: (-place.alarms_at(bed), bed))[
            : max(0, len(on_duty[name]) - share)
        ]
    ][: share * count]
    return {bed: _added(number // share) for number, bed in enumerate(free)}


def _added(number: int) -> str:
    return levers.ADDED if not number else f"{levers.ADDED} ({number + 1})"


def _ratio(place: Place) -> Iterator[Candidate]:
    """Each clinician keeps at most the limit of beds; the other beds go to the one with fewest."""
    question, on_duty = place.base.question, place.on_duty()
    levels = place.base.policy.overload.levels(question.facility, question.unit)
    level = levels["beds"].elevated
    if level is None or all(len(beds) <= level.enter for beds in on_duty.values()):
        return
    most = int(level.enter)
    counts = {name: min(len(beds), most) for name, beds in on_duty.items()}
    spare = [bed for name in sorted(on_duty) for bed in on_duty[name][most:]]
    moves: dict[str, str] = {}
    added = 0
    for bed in spare:
        taker = min(counts, key=lambda one: (counts[one], one))
        if counts[taker] >= most:
            taker = _added(added)
            added += 1
            counts[taker] = 0
        counts[taker] += 1
        moves[bed] = taker
    yield Candidate({"beds_per_clinician": most, "clinicians_added": added}, beds=moves)


_TRIED: dict[Lever, Callable[[Place], Iterator[Candidate]]] = {
    "mend_device": _devices,
    "delay": _delays,
    "limit": _limits,
    "hold_off": _hold_offs,
    "priority": _priorities,
    "ratio": _ratio,
    "add_clinician": _staff,
    "move_bed": _beds,
}
LEVERS: tuple[Lever, ...] = tuple(_TRIED)
"""The levers whose effect the engine computes."""
