"""Alarms: a hospital's alarms, assignments, responses and labels, drawn from a seed. The same seed
and settings give the same bytes.

    for record in simulate(Ward(seed=7, duration=HOUR, chattering_sensors=2)):
        send(record.topic, record.value)  # when the clock shows record.due

Each alarm has a truth that no record states: whether it is actionable, and for an arrhythmia,
whether it is real. Staff respond to it after a delay that depends on their load, and reviewers may
label it. Two ids contain information for tests, which the analyzer must not use. The letter in an
`alarm_id` (`H01-a0000001`) is `a` for usual alarms, `s` in a storm and `c` for a chattering sensor.
The `event_id` of a response begins with the `alarm_id` that it answers, even if it names only a
bed.

Hours are drawn one by one, so memory holds about an hour of records and those not yet delivered.
"""

from __future__ import annotations

import heapq
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from math import cos, exp, log, pi
from statistics import NormalDist
from typing import NamedTuple

import numpy as np

from analyzer.model import HOUR, SECOND, Action
from streams.simulator import calibration as cal
from streams.simulator.calibration import ALARM_TYPES, PROFILES, ProfileName
from streams.simulator.changes import Changes, extreme
from streams.simulator.hospital import Draft, Floats, Ints, Roster, Shift, shift_at
from streams.simulator.perturbations import Chatter, Network, Record, Storms
from streams.simulator.ward import DAY, Ward

_GOLDEN = (5**0.5 - 1) / 2
_PREFIX = {"monitor": "mon", "ventilator": "vent", "infusion_pump": "pump"}
_REACTIONS = np.array(list(cal.REACTIONS))
_REACTION_SHARES = np.cumsum(list(cal.REACTIONS.values()))[:-1]  # the last takes the rest
_LOOSE_SENSOR = next(
    index for index, kind in enumerate(ALARM_TYPES) if kind.code == "MDC_EVT_SENSOR_DISCONN"
)
_INAUDIBLE = np.array([index for index, kind in enumerate(ALARM_TYPES) if kind.priority == "info"])
_FALSE = np.array([kind.false or 0.0 for kind in ALARM_TYPES])
_ARRHYTHMIA = np.array([kind.false is not None for kind in ALARM_TYPES])
_DEPTH = np.array([abs(kind.depth) for kind in ALARM_TYPES])


def simulate(ward: Ward) -> Iterator[Record]:
    """All records delivered in [`start`, `start` + `duration`), in order of `due`."""
    facilities = [_Facility(ward, number).records() for number in range(ward.facilities)]
    return heapq.merge(*facilities, key=_due)


def _due(record: Record) -> int:
    return record.due


class _Episode(NamedTuple):
    """One alarm and its truth, as drawn before it is known who must answer. Times in ms."""

    alarm_id: str
    bed: int
    type: int
    start: int
    duration: int
    real: bool
    actionable: bool
    answered: bool
    delay: float  # of the answer, as a multiple of the median
    reaction: Action  # if it is not actionable
    depth: float  # greatest excursion beyond the limit, in the unit of the source
    opens_with_update: bool
    never_ends: bool
    escalates: bool
    sent_to_charge: bool
    named: bool
    bed_only: bool
    consulted: bool
    acknowledged_first: bool
    adjudicated: bool
    label_delay: int


@dataclass(frozen=True, slots=True)
class _Mix:
    """For one profile, by alarm type: cumulative shares of the audible alarms, and the probability
    that a real alarm is actionable.
    """

    types: Floats
    if_real: Floats


@cache
def _mix(profile_name: ProfileName) -> _Mix:
    profile = PROFILES[profile_name]
    weights = {kind: np.zeros(len(ALARM_TYPES)) for kind in ("physiological", "technical")}
    for index, of in enumerate(ALARM_TYPES):
        if of.device in profile.devices and of.priority != "info":
            weights[of.kind][index] = of.weight
    clinical, technical = (each / each.sum() for each in weights.values())
    # A false arrhythmia is never actionable, so a real one is actionable more often. If even all
    # real ones are too few (asystole, ventricular fibrillation), other clinical alarms compensate.
    chance = np.minimum(profile.clinical_actionable, 1 - _FALSE)
    rhythm = clinical * _ARRHYTHMIA
    chance[~_ARRHYTHMIA] = (profile.clinical_actionable - rhythm @ chance) / (1 - rhythm.sum())
    if_real = np.where(technical > 0, profile.technical_actionable, chance / (1 - _FALSE))
    shares = clinical * (1 - cal.TECHNICAL_SHARE) + technical * cal.TECHNICAL_SHARE
    cumulated = np.cumsum(shares)
    # ends at exactly 1, so that every uniform draw finds a type
    return _Mix(cumulated / cumulated[-1], if_real)


def _patient_rate(quantile: float) -> float:
    """The quantile of patients' alarm rates, relative to the mean: lognormal, cut at MAX_RATE."""
    normal, sigma, cut = NormalDist(), cal.RATE_SIGMA, log(cal.MAX_RATE)
    # With X of median 1 and mean m: the mean of min(X, MAX_RATE x m), in units of m.
    mean = normal.cdf(cut / sigma - sigma / 2) + cal.MAX_RATE * normal.cdf(-cut / sigma - sigma / 2)
    return min(exp(sigma * normal.inv_cdf(quantile) - sigma**2 / 2), cal.MAX_RATE) / mean


class _Facility:
    """One hospital: patients come and go, alarms occur, staff answer."""

    def __init__(self, ward: Ward, number: int) -> None:
        self._ward = ward
        self._id = ward.facility_ids[number]
        patients, alarms, roster, storms, stormy, chatter, chattering, *network = (
            np.random.Generator(np.random.PCG64(seed))
            for seed in np.random.SeedSequence([ward.seed, number]).spawn(10)
        )
        self._roster = Roster(ward, number, roster)
        self._storms = Storms(ward, self._id, storms)
        self._chatter = Chatter(ward.chattering_sensors, ward.layout, chatter)
        self._network = Network(ward, *network)
        self._patients, self._alarms, self._stormy, self._chattering = (
            patients,
            alarms,
            stormy,
            chattering,
        )

        beds = [unit for unit in ward.layout for _ in range(unit.beds)]
        mixes = [_mix(unit.profile_name) for unit in beds]
        self._unit = [unit.name for unit in beds]
        self._bed = [unit.bed_id(bed) for bed, unit in enumerate(beds)]
        self._types = np.stack([mix.types for mix in mixes])
        self._if_real = np.stack([mix.if_real for mix in mixes])
        self._answered = np.array([unit.profile.answered for unit in beds])
        self._delay_median = np.array([unit.profile.delay_median for unit in beds])

        self._admitted = 0
        self._first_quantile = patients.random()
        self._rate = np.zeros(len(beds))
        self._acuity = np.zeros(len(beds))
        self._leaves = np.zeros(len(beds))
        for bed in range(len(beds)):
            self._admit(bed, ward.start)
        # they were admitted before the run began
        self._leaves -= patients.random(len(beds)) * (self._leaves - ward.start)

        self._changes = Changes(ward.changes)
        self._drawn = dict.fromkeys("asc", 0)
        self._busy: dict[tuple[int, int], int] = {}
        """When the last alarm of a bed and type ends: a device raises a condition once at a time.
        """
        self._seen = (np.empty(0, np.int64), np.empty(0, np.int64))
        """Nurse and start of the alarms that still count as exposure."""

    def records(self) -> Iterator[Record]:
        end = self._ward.start + self._ward.duration
        begin = self._ward.start
        pending: list[Record] = []
        shifts: dict[int, Shift] = {}
        while begin < end:
            # Shifts change on the hour, so each hour has one shift.
            until = begin // HOUR * HOUR + HOUR
            drafts: list[Draft] = []
            # The coming shift is charted ahead, so its roster is drawn an hour before it begins.
            for shift in sorted({shift_at(begin), shift_at(until)} - shifts.keys()):
                shifts[shift], charted = self._roster.draw(shift, self._acuity)
                drafts += charted
            for bed in np.flatnonzero(self._leaves <= begin).tolist():
                self._admit(bed, begin)
            drafts += self._hour(begin, until, shifts[shift_at(begin)])
            pending += self._network.deliver(drafts)
            pending.sort(key=_due)
            begin = until
            # Later draws happen at `begin` or later, so none of their records is due before.
            ready = bisect_left(pending, min(begin, end), key=_due)
            yield from pending[:ready]
            del pending[:ready]
            shifts = {shift: drawn for shift, drawn in shifts.items() if shift >= shift_at(begin)}

    def _admit(self, bed: int, now: int) -> None:
        """Admit a new patient to the bed.

        Steps of the golden ratio spread the quantiles of successive patients evenly, so that even a
        small hospital has the right share of patients with many alarms.
        """
        self._admitted += 1
        quantile = (self._first_quantile + self._admitted * _GOLDEN) % 1
        self._rate[bed] = _patient_rate(min(max(quantile, 1e-9), 1 - 1e-9))
        self._acuity[bed] = self._patients.choice(cal.ACUITIES, p=cal.ACUITY_SHARES)
        mu = log(cal.MEAN_STAY) - cal.STAY_SIGMA**2 / 2
        self._leaves[bed] = now + self._patients.lognormal(mu, cal.STAY_SIGMA)

    def _hour(self, begin: int, until: int, shift: Shift) -> list[Draft]:
        """All records of alarms that begin in [`begin`, `until`), at most an hour."""
        hours = (until - begin) / HOUR
        of_day = (begin + until) / 2 % DAY / HOUR
        usual = (
            self._ward.alarms_per_bed_day
            / 24
            * (1 + cal.DIURNAL_SWING * cos((of_day - 14) / 12 * pi))
        )
        beds = np.arange(len(self._bed))

        rng = self._alarms
        # A few patients cause half of the alarms. If their rates were independent, a small hospital
        # would often be far from the published average. So only shares are drawn.
        bed = np.repeat(beds, rng.poisson(usual * hours * self._rate / self._rate.mean()))
        start = begin + rng.random(len(bed)) * (until - begin)
        episodes = self._draw(rng, "a", bed, self._typed(rng, bed), start)
        quiet = np.repeat(beds, rng.poisson(cal.INAUDIBLE_PER_BED_HOUR * hours, len(beds)))
        start = begin + rng.random(len(quiet)) * (until - begin)
        episodes += self._draw(rng, "a", quiet, rng.choice(_INAUDIBLE, len(quiet)), start)

        bed, start = self._storms.onsets(begin, until, usual)
        episodes += self._draw(self._stormy, "s", bed, self._typed(self._stormy, bed), start)
        bed, start, duration = self._chatter.onsets(begin, until)
        episodes += self._draw(
            self._chattering, "c", bed, np.full(len(bed), _LOOSE_SENSOR), start, duration
        )

        episodes.sort(key=lambda episode: episode.start)
        drafts: list[Draft] = []
        for episode, median in zip(episodes, self._delays(episodes, shift), strict=True):
            line = (episode.bed, episode.type)
            start_at = max(episode.start, self._busy.get(line, 0))
            end_at = start_at + episode.duration
            self._busy[line] = end_at + SECOND
            unit = self._unit[episode.bed]
            sounded = self._changes.sounded(unit, episode.type, start_at, end_at, episode.depth)
            if sounded is None:
                continue
            start_at = sounded.at
            charge = shift.charge[episode.bed]
            drafts += self._signals(episode, sounded.limit, start_at, end_at, charge)
            if episode.answered:
                drafts += self._answers(
                    episode, start_at, end_at, episode.delay * median, shift.nurse[episode.bed]
                )
            if episode.adjudicated:
                drafts.append(self._label(episode, end_at + episode.label_delay))
        return drafts

    def _typed(self, rng: np.random.Generator, bed: Ints) -> Ints:
        """An audible alarm type for each alarm, by the mix of its bed."""
        types: Ints = np.sum(rng.random((len(bed), 1)) >= self._types[bed], axis=1)
        return types

    def _draw(
        self,
        rng: np.random.Generator,
        origin: str,
        bed: Ints,
        of_type: Ints,
        start: Floats,
        duration: Floats | None = None,
    ) -> list[_Episode]:
        """Episodes with these beds, types and starts.

        With `duration` (chattering sensors), they have these durations and are unanswered.
        """
        count = len(bed)
        chances = iter(rng.random((14, count)))
        real = next(chances) >= _FALSE[of_type]
        audible = ~np.isin(of_type, _INAUDIBLE) & (duration is None)
        actionable = audible & real & (next(chances) < self._if_real[bed, of_type])
        normal = rng.standard_normal((3, count))
        drawn = np.where(
            actionable,
            cal.ACTIONABLE_DURATION * np.exp(cal.ACTIONABLE_SIGMA * normal[0]),
            cal.DELAY_HALF * np.exp(cal.IDLE_SIGMA * normal[0]),
        ).clip(cal.SHORTEST, cal.LONGEST)
        first = self._drawn[origin] + 1
        self._drawn[origin] += count
        columns = (
            bed,
            of_type,
            start.astype(np.int64),
            (drawn if duration is None else duration).astype(np.int64),
            real,
            actionable,
            audible & (actionable | (next(chances) < self._answered[bed])),
            np.exp(cal.DELAY_SIGMA * normal[1]),
            _REACTIONS[np.searchsorted(_REACTION_SHARES, next(chances), side="right")],
            rng.exponential(_DEPTH[of_type]) * np.where(actionable, cal.ACTIONABLE_DEPTH, 1),
            next(chances) < cal.OPENS_WITH_UPDATE,
            audible & (next(chances) < cal.NEVER_ENDS),
            next(chances) < cal.ESCALATES,
            next(chances) < cal.SENT_TO_CHARGE,
            next(chances) < cal.NAMED,
            next(chances) < cal.BED_ONLY,
            next(chances) < cal.CONSULTED,
            next(chances) < cal.ACKNOWLEDGED_FIRST,
            _ARRHYTHMIA[of_type] & (next(chances) < self._ward.adjudicated),
            (cal.LABEL_DELAY * np.exp(cal.LABEL_DELAY_SIGMA * normal[2])).astype(np.int64),
        )
        ids = (f"{self._id}-{origin}{number:07d}" for number in range(first, first + count))
        return [
            _Episode(*row)
            for row in zip(ids, *(column.tolist() for column in columns), strict=True)
        ]

    def _delays(self, episodes: list[_Episode], shift: Shift) -> list[float]:
        """Median response delay (ms) to each of `episodes`, which are in order of start.

        The more alarms the nurse had recently, the longer it is.
        """
        beds = np.array([episode.bed for episode in episodes], np.int64)
        starts = np.array([episode.start for episode in episodes], np.int64)
        audible = ~np.isin(np.array([episode.type for episode in episodes], np.int64), _INAUDIBLE)
        nurses = shift.key[beds]
        keep = self._seen[1] >= shift.start - cal.EXPOSURE
        self._seen = (
            np.concatenate((self._seen[0][keep], nurses[audible])),
            np.concatenate((self._seen[1][keep], starts[audible])),
        )
        # One sorted array of (nurse, time): exposure is the distance between two positions in it.
        span = 4 * cal.SHIFT
        line = np.sort(self._seen[0] * span + self._seen[1] - shift.start + cal.SHIFT)
        position = nurses * span + starts - shift.start + cal.SHIFT
        exposure = np.searchsorted(line, position) - np.searchsorted(line, position - cal.EXPOSURE)
        slowing = np.array(cal.EXPOSURE_SLOWING)[
            np.searchsorted(cal.EXPOSURE_BANDS, exposure, side="right")
        ]
        tiring = cal.SLOWER_PER_HOUR ** ((starts - shift.start) / HOUR - cal.MIDDLE_OF_SHIFT)
        delays: list[float] = (self._delay_median[beds] * slowing * tiring).tolist()
        return delays

    def _signals(
        self, episode: _Episode, limit: float | None, start: int, end: int, charge: str
    ) -> Iterator[Draft]:
        """The records that the device sends."""
        of = ALARM_TYPES[episode.type]
        value: dict[str, object] = {
            "event_id": f"{episode.alarm_id}-0",
            "alarm_id": episode.alarm_id,
            "phase": "update" if episode.opens_with_update else "start",
            "at": start,
            "facility": self._id,
            "unit": self._unit[episode.bed],
            "bed": self._bed[episode.bed],
            "device_id": f"{_PREFIX[of.device]}-{episode.bed + 1:03d}",
            "device_type": of.device,
            "code": of.code,
            "source": of.source,
            "kind": of.kind,
            "priority": of.priority,
            "label": of.label,
        }
        if episode.sent_to_charge:
            value["recipients"] = [charge]
        updates = 0
        if of.limit is not None:
            updates = min((end - start - 1) // cal.UPDATE_EVERY, len(cal.COURSES) - 1)
            course = cal.COURSES[updates]
            readings = [extreme(of, episode.depth * share) for share in course]
            value |= {"value": max(0.0, readings[0]), "limit": limit}
        yield Draft(start, "alarms", value)
        for number in range(1, updates + 1):
            at = start + number * cal.UPDATE_EVERY
            value = value | {
                "event_id": f"{episode.alarm_id}-{number}",
                "phase": "update",
                "at": at,
                "value": max(0.0, readings[number]),
            }
            if episode.escalates:
                value["priority"] = "high"
            yield Draft(at, "alarms", value)
        if not episode.never_ends:
            value = value | {
                "event_id": f"{episode.alarm_id}-{updates + 1}",
                "phase": "end",
                "at": end,
            }
            value.pop("value", None)
            yield Draft(end, "alarms", value)

    def _answers(
        self, episode: _Episode, start: int, end: int, delay: float, nurse: str
    ) -> Iterator[Draft]:
        """The responses of staff, `delay` ms after the start; for actionable alarms, within the
        action window.
        """
        value: dict[str, object] = {
            "event_id": f"{episode.alarm_id}-r1",
            "facility": self._id,
            "unit": self._unit[episode.bed],
        }
        if episode.named:
            value["clinician"] = nurse
        if not episode.actionable:
            where = (
                {"bed": self._bed[episode.bed]}
                if episode.reaction == "attend" and episode.bed_only
                else {"alarm_id": episode.alarm_id}
            )
            at = start + int(delay) + SECOND
            yield Draft(at, "responses", value | {"at": at, "action": episode.reaction} | where)
            return
        # An actionable alarm is by definition answered within the action window (Bonafide 2015,
        # Goerges 2009), so long delays approach the end of the window and never exceed it.
        latest = end - start + cal.WINDOW
        at = start + int(latest * (1 - exp(-delay / latest)))
        value["alarm_id"] = episode.alarm_id
        if episode.acknowledged_first:
            half = (start + at) // 2
            yield Draft(half, "responses", value | {"at": half, "action": "acknowledge"})
        action: Action = "consult" if episode.consulted else "intervene"
        yield Draft(
            at,
            "responses",
            value | {"event_id": f"{episode.alarm_id}-r2", "at": at, "action": action},
        )

    def _label(self, episode: _Episode, at: int) -> Draft:
        """A reviewer's label.

        The reason distinguishes false alarms from real ones that needed no action.
        """
        value: dict[str, object] = {
            "event_id": f"{episode.alarm_id}-l",
            "facility": self._id,
            "alarm_id": episode.alarm_id,
            "verdict": "actionable" if episode.actionable else "non_actionable",
            "at": at,
            "reviewer": f"reviewer-{at % 4 + 1:02d}",
            "reason": "true_alarm" if episode.real else "false_alarm",
        }
        return Draft(at, "labels", value)
