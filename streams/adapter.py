"""Temporary: the burdens of facilities one by one, put into the columns that the exporter reads. Goes with `analyzer.Burden`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from analyzer import ALARM_PRIORITIES, CLASSES, Burden, Burdens, ClinicianBurdens, Engine, Policy, UnitBurdens


@dataclass(frozen=True, slots=True)
class Snapshot:
    """An engine at a moment. `version` changes whenever anything that /metrics shows of the engine may have changed."""

    version: int
    burdens: Burdens

    def measure(self) -> Burdens:
        return self.burdens


def snapshot(engine: Engine) -> Snapshot:
    take: Any = getattr(engine, "snapshot", None)
    if take is not None:
        taken: Snapshot = take()
        return taken
    found = engine.measure()
    version = hash((tuple(sorted(engine.tally.items())), tuple((one.facility, one.now) for one in found)))
    return Snapshot(version, columns(found))


def columns(found: Sequence[Burden]) -> Burdens:
    windows = found[0].windows if found else tuple(Policy().windows)  # of nobody: any will do
    people = [(burden.facility, one) for burden in found for one in burden.clinicians]
    units = [(burden.facility, one) for burden in found for one in burden.units]
    n = len(windows)
    return Burdens(
        windows=windows,
        clinicians=ClinicianBurdens(
            [facility for facility, _ in people],
            [one.unit for _, one in people],
            [one.clinician for _, one in people],
            np.array([one.alarms for _, one in people], dtype=np.int64).reshape(len(people), n, len(ALARM_PRIORITIES)),
            np.array([one.classified for _, one in people], dtype=np.int64).reshape(len(people), n, len(CLASSES)),
            np.array([one.alarm_milliseconds for _, one in people], dtype=np.int64).reshape(len(people), n),
            np.array([one.beds for _, one in people], dtype=np.int64),
            np.array([one.acuity for _, one in people], dtype=np.float64),
        ),
        units=UnitBurdens(
            [facility for facility, _ in units],
            [one.unit for _, one in units],
            np.array([one.alarms for _, one in units], dtype=np.int64).reshape(len(units), n, len(ALARM_PRIORITIES)),
            np.array([one.classified for _, one in units], dtype=np.int64).reshape(len(units), n, len(CLASSES)),
            np.array([one.unassigned for _, one in units], dtype=np.int64).reshape(len(units), n),
            np.array([one.open_alarms for _, one in units], dtype=np.int64),
            np.array([one.clinicians for _, one in units], dtype=np.int64),
            np.array([one.beds for _, one in units], dtype=np.int64),
            [one.types for _, one in units],
        ),
        response_times=[(burden.facility, *one) for burden in found for one in burden.response_times],
    )
