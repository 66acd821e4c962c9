"""Perturbations of a simulated facility: storms, chattering sensors, and a network that repeats and
delays records.

Each has its own random generator, so that enabling one does not change the others or the rest of
the hospital. Times are milliseconds.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from analyzer.model import HOUR, MINUTE, SECOND, Topic
from streams.simulator import calibration as cal
from streams.simulator.hospital import Draft, Floats, Ints
from streams.simulator.ward import DAY, Storm, Unit, Ward

_STORM_LASTS = (5 * MINUTE, 15 * MINUTE)  # of storms that come at random (ours)
_SPELL = 5 * MINUTE  # of chattering, each hour (ours)
_CHATTER_PERIOD = 15 * SECOND  # four a minute, above the three of ISA-18.2
# short enough to end well before the next (ours)
_CHATTER_LASTS = (2 * SECOND, 8 * SECOND)
_WITHIN = (1 * MINUTE, 9 * MINUTE)  # late, but within the default allowed lateness of 10 min
# beyond the allowed lateness if anything newer has been delivered
_BEYOND = (15 * MINUTE, 60 * MINUTE)
_REPEATED = (0, 5 * MINUTE)  # from the first copy of a record to the second


class Record(NamedTuple):
    """A record that reaches `topic` at `due` (ms since the epoch). `value`: its JSON object, with
    times in ms.
    """

    topic: Topic
    value: dict[str, object]
    due: int


class Storms:
    """The storms of one facility."""

    def __init__(self, ward: Ward, facility: str, rng: np.random.Generator) -> None:
        self._rng = rng
        self._units = {unit.name: unit for unit in ward.layout}
        if isinstance(ward.storms, tuple):
            self._storms = [storm for storm in ward.storms if storm.facility in {None, facility}]
        else:
            self._storms = []
            for name in self._units:
                count = rng.poisson(ward.storms * ward.duration / DAY)
                starts = ward.start + rng.integers(ward.duration, size=count)
                lengths = rng.integers(*_STORM_LASTS, count)
                for start, duration in zip(starts.tolist(), lengths.tolist(), strict=True):
                    self._storms.append(Storm(start=start, duration=duration, unit=name))

    def onsets(self, begin: int, end: int, per_bed_hour: float) -> tuple[Ints, Floats]:
        """Beds and start times in [`begin`, `end`) of the alarms that storms add.

        `per_bed_hour`: the usual rate. All beds are equally likely, because the causes of storms (a
        power dip, a lost network) do not depend on the patient.
        """
        beds: list[Ints] = [np.empty(0, np.int64)]
        starts: list[Floats] = [np.empty(0)]
        for storm in self._storms:
            first, last = max(begin, storm.start), min(end, storm.start + storm.duration)
            if first >= last:
                continue
            for unit in [self._units[storm.unit]] if storm.unit else self._units.values():
                count = self._rng.poisson(
                    (storm.factor - 1) * per_bed_hour * unit.beds * (last - first) / HOUR
                )
                beds.append(self._rng.integers(unit.first_bed, unit.first_bed + unit.beds, count))
                starts.append(first + self._rng.random(count) * (last - first))
        return np.concatenate(beds), np.concatenate(starts)


class Chatter:
    """The chattering sensors of one facility, each at a different bed."""

    def __init__(self, sensors: int, units: Sequence[Unit], rng: np.random.Generator) -> None:
        self._rng = rng
        self._beds = rng.choice(sum(unit.beds for unit in units), sensors, replace=False).astype(
            np.int64
        )

    def onsets(self, begin: int, end: int) -> tuple[Ints, Floats, Floats]:
        """Beds, start times and durations (ms): one spell of each sensor in [`begin`, `end`), if it
        fits.
        """
        room = end - begin - _SPELL
        if room <= 0 or not len(self._beds):
            return np.empty(0, np.int64), np.empty(0), np.empty(0)
        times = np.arange(0, _SPELL, _CHATTER_PERIOD)
        shape = (len(self._beds), len(times))
        starts = (
            begin
            + self._rng.random((shape[0], 1)) * room
            + times
            + self._rng.uniform(0, SECOND, shape)
        )
        return (
            np.repeat(self._beds, shape[1]),
            starts.ravel(),
            self._rng.uniform(*_CHATTER_LASTS, shape[0] * shape[1]),
        )


class Network:
    """Delivers the records of a facility: usually at once, late or twice according to `ward`, never
    before `ward.start`.
    """

    def __init__(
        self,
        ward: Ward,
        latency: np.random.Generator,
        lateness: np.random.Generator,
        copies: np.random.Generator,
    ) -> None:
        self._ward, self._latency, self._lateness, self._copies = ward, latency, lateness, copies

    def deliver(self, drafts: Sequence[Draft]) -> list[Record]:
        count = len(drafts)
        latency = self._latency.exponential(cal.NETWORK_DELAY, count)
        kind, lateness = self._lateness.random((2, count))
        within, beyond = self._ward.late, self._ward.late + self._ward.late_beyond
        # Assignments and labels are charted late anyway, so only alarms and responses are delayed.
        prompt = np.array([draft.topic in {"alarms", "responses"} for draft in drafts], bool)
        delays = np.select(
            [prompt & (kind < within), prompt & (kind < beyond)],
            [
                _WITHIN[0] + lateness * (_WITHIN[1] - _WITHIN[0]),
                _BEYOND[0] + lateness * (_BEYOND[1] - _BEYOND[0]),
            ],
            latency,
        )
        start = self._ward.start
        records = [
            Record(draft.topic, draft.value, max(start, draft.at + delay))
            for draft, delay in zip(drafts, delays.astype(np.int64).tolist(), strict=True)
        ]
        again, after = self._copies.random((2, count))
        for index in np.flatnonzero(again < self._ward.duplicates).tolist():
            first = records[index]
            records.append(
                first._replace(
                    due=first.due + int(_REPEATED[0] + after[index] * (_REPEATED[1] - _REPEATED[0]))
                )
            )
        return records
