"""Readings: what a monitor measured every second, in keeping with the alarms that it raised.

Each reading beyond the limit in force belongs to an alarm of the simulation or to an artefact, so
`tune trend` can be tried against a known truth.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from analyzer.model import HOUR, SECOND
from streams.simulator.calibration import ALARM_TYPES
from streams.simulator.hospital import Floats
from streams.simulator.perturbations import Record
from streams.simulator.ward import Ward

MOST = 20_000_000
"""Readings in a run: some 2 GB of JSON lines (our own)."""
ARTEFACTS_PER_HOUR = 2.0
"""Movements that push the reading beyond the limit, for 1 to 3 s (our own)."""
GAPS_PER_HOUR = 0.5
"""Stretches of 15 to 60 s without a reading, as of a loose probe (our own)."""
_MARGIN, _NOISE = 6.0, 1.0
_LATEST = 2 * 3600
"""Seconds by which a record may be late: see `perturbations`."""


class Reading(NamedTuple):
    """One reading of a bed. `at` in ms."""

    facility: str
    unit: str
    bed: str
    source: str
    at: int
    value: float


@dataclass(slots=True)
class _Excursion:
    start: int
    end: int | None = None
    extreme: list[tuple[int, float]] = field(default_factory=list)


class Monitors:
    """Hears a ward's alarms as they are without its changes, and makes the readings of `source`
    at the first `beds` beds of each unit in the first `hours`.

        monitors = Monitors(ward, "MDC_PULS_OXIM_SAT_O2", beds=2, hours=24)
        monitors.hear(simulate(replace(ward, changes=())))
        for reading in monitors.readings():
            ...

    Raises `ValueError` for a source without limits, or for too many readings.
    """

    def __init__(self, ward: Ward, source: str, beds: int, hours: float) -> None:
        if beds < 1 or not hours > 0:
            raise ValueError("readings: expected at least one bed, and more than zero hours")
        limits = [kind for kind in ALARM_TYPES if kind.source == source and kind.limit is not None]
        if not limits:
            some = sorted({kind.source for kind in ALARM_TYPES if kind.limit is not None})
            raise ValueError(f"readings: expected one of the sources {', '.join(some)}")
        self._source, self._begin = source, ward.start
        self._seconds = int(min(hours * HOUR, ward.duration)) // SECOND
        self._rng = np.random.Generator(np.random.PCG64([ward.seed, 1 << 20]))
        self._where = [
            (facility, unit.name, unit.bed_id(unit.first_bed + bed))
            for facility in ward.facility_ids
            for unit in ward.layout
            for bed in range(min(beds, unit.beds))
        ]
        if len(self._where) * self._seconds > MOST:
            raise ValueError(f"readings: expected at most {MOST}; choose fewer beds or hours")
        lows = [kind.limit for kind in limits if kind.depth < 0 and kind.limit is not None]
        highs = [kind.limit for kind in limits if kind.depth > 0 and kind.limit is not None]
        low, high = max(lows, default=None), min(highs, default=None)
        if low is not None and high is not None:
            self._normal = (low + high) / 2
        else:
            self._normal = low + _MARGIN if low is not None else (high or 0.0) - _MARGIN
        self._low, self._high = low, high
        self._excursions: dict[tuple[str, str, str], dict[str, _Excursion]] = {
            where: {} for where in self._where
        }

    def hear(self, records: Iterable[Record]) -> None:
        """Remember the alarms among these records, up to the end of the readings.

        They should be those of the ward without its changes, as patients do not change with a
        setting: what no longer sounds is measured all the same.
        """
        until = self._begin + (self._seconds + _LATEST) * SECOND
        for record in records:
            if record.due > until:
                break
            if record.topic == "alarms" and record.value.get("source") == self._source:
                self._hear(record.value)

    def _hear(self, value: dict[str, object]) -> None:
        where = str(value["facility"]), str(value["unit"]), str(value["bed"])
        if where not in self._excursions:
            return
        at, alarm_id = int(str(value["at"])), str(value["alarm_id"])
        found = self._excursions[where].setdefault(alarm_id, _Excursion(at))
        found.start = min(found.start, at)
        if value["phase"] == "end":
            found.end = at
        elif value.get("value") is not None:
            found.extreme.append((at, float(str(value["value"]))))

    def readings(self) -> Iterator[Reading]:
        """The readings, bed by bed and in order of time."""
        for where in self._where:
            values, heard = self._normal_course(), self._heard(where)
            self._disturb(values, heard)
            for second in np.flatnonzero(~np.isnan(values)).tolist():
                at = self._begin + second * SECOND
                yield Reading(*where, self._source, at, round(float(values[second]), 1))

    def _normal_course(self) -> Floats:
        """A reading each second that stays within the limits."""
        noise = self._rng.standard_normal(self._seconds) * _NOISE
        smooth = np.convolve(noise, np.ones(5) / 5, mode="same")
        return np.asarray(self._normal + np.clip(smooth, -_MARGIN / 2, _MARGIN / 2))

    def _heard(self, where: tuple[str, str, str]) -> list[tuple[int, int, list[tuple[int, float]]]]:
        """The alarms of a bed as first and last second, and readings from a second on."""
        found = []
        for one in self._excursions[where].values():
            if one.end is None or not one.extreme:
                continue
            # whole seconds inside [start, end), at least one of them
            first = -(-(one.start - self._begin) // SECOND)
            last = max(-(-(one.end - self._begin) // SECOND) - 1, first)
            if first >= 0 and last < self._seconds:
                steps = [((at - self._begin) // SECOND, value) for at, value in sorted(one.extreme)]
                found.append((first, last, steps))
        return sorted(found)

    def _disturb(
        self, values: Floats, heard: list[tuple[int, int, list[tuple[int, float]]]]
    ) -> None:
        """Write alarms, artefacts and gaps into the readings of a bed."""
        calm = np.ones(len(values), dtype=np.bool_)
        for first, last, _ in heard:
            calm[max(first - 15, 0) : last + 16] = False
        hours = len(values) * SECOND / HOUR
        for second in self._rng.integers(0, len(values), self._rng.poisson(GAPS_PER_HOUR * hours)):
            length = int(self._rng.integers(15, 61))
            if calm[second : second + length].all():
                values[second : second + length] = np.nan
        count = self._rng.poisson(ARTEFACTS_PER_HOUR * hours)
        for second in self._rng.integers(0, len(values), count):
            length = int(self._rng.integers(1, 4))
            if calm[second : second + length].all():
                values[second : second + length] = self._beyond()
        for first, last, steps in heard:
            for begin, value in steps:
                span = slice(max(begin, first), last + 1)
                values[span] = value

    def _beyond(self) -> float:
        """The reading during an artefact."""
        if self._low is not None:
            return self._low - 2
        assert self._high is not None
        return self._high + 2
