"""Snapshot: the metrics of one facility from a worker's /metrics, as rows for the table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from streams.metrics.definitions import PREFIX


@dataclass(frozen=True, slots=True)
class UnitRow:
    """The numbers of one unit; alarms are counted by window.

    `nonactionable_12h` is None if too few alarms are classified.
    """

    unit: str
    beds: int
    clinicians: int
    alarms_10m: int
    alarms_1h: int
    alarms_12h: int
    nonactionable_12h: float | None
    open_alarms: int
    unassigned_1h: int
    state: int
    """Index into `STATES`."""
    says: str = ""
    """The state in the worker's words; empty if it did not answer."""

    @property
    def rate(self) -> float | None:
        """Alarms in 10 min per clinician on duty; None if nobody is on duty."""
        return self.alarms_10m / self.clinicians if self.clinicians else None


@dataclass(frozen=True, slots=True)
class ClinicianRow:
    """The numbers of one clinician, under the worker's pseudonym."""

    unit: str
    clinician: str
    beds: int
    acuity: float
    alarms_10m: int
    alarms_1h: int
    alarms_2h: int
    protected_1h: float | None
    """None: on duty for less than 5 min of the hour."""
    nonactionable_2h: float | None
    state: int


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One scrape.

    `watermark` is in seconds since the epoch. `records` (processed) and `lag` (unread) are those of
    the whole worker.
    """

    watermark: float | None
    records: int
    lag: int
    units: tuple[UnitRow, ...]
    clinicians: tuple[ClinicianRow, ...]
    """Clinicians with a bed, sorted by unit and pseudonym, never by load."""


def read(
    exposition: str, facility: str, says: Mapping[str, str] = MappingProxyType({})
) -> Snapshot:
    """The rows of `facility` in a worker's exposition (Prometheus' text format).

    `says`: by unit, its state in words (see `said`).
    """
    found = _Found(exposition, facility)
    units = [
        UnitRow(
            unit,
            int(found["unit_beds", unit]),
            int(found["unit_clinicians", unit]),
            int(found["unit_alarms", unit, "", "10m"]),
            int(found["unit_alarms", unit, "", "1h"]),
            int(found["unit_alarms", unit, "", "12h"]),
            found.get(("unit_nonactionable_ratio", unit, "", "12h")),
            int(found["unit_open_alarms", unit]),
            int(found["unit_unassigned_alarms", unit, "", "1h"]),
            int(found["unit_overload_state", unit]),
            says.get(unit, ""),
        )
        for unit, _ in found.holders("unit_open_alarms")
    ]
    clinicians = [
        ClinicianRow(
            *holder,
            int(found["clinician_beds", *holder]),
            found["clinician_acuity", *holder],
            int(found["clinician_alarms", *holder, "10m"]),
            int(found["clinician_alarms", *holder, "1h"]),
            int(found["clinician_alarms", *holder, "2h"]),
            found.get(("clinician_protected_ratio", *holder, "1h")),
            found.get(("clinician_nonactionable_ratio", *holder, "2h")),
            int(found["clinician_overload_state", *holder]),
        )
        for holder in found.holders("clinician_beds")
        if found["clinician_beds", *holder]
    ]
    watermark = found.get(("watermark_timestamp_seconds",))
    return Snapshot(
        watermark,
        int(found[("events_total",)]),
        int(found[("consumer_lag_records",)]),
        tuple(units),
        tuple(clinicians),
    )


def said(answer: Any, facility: str) -> dict[str, str]:
    """The states of the units of `facility` in words, from a worker's /api/v1/units."""
    return {
        unit["unit"]: unit["says"]
        for unit in answer.get("units", ())
        if unit["facility"] == facility
    }


class _Found:
    """Samples by name, unit, clinician and window, summed over all other labels; 0 if missing."""

    def __init__(self, exposition: str, facility: str) -> None:
        self._values: dict[tuple[str, ...], float] = {}
        for family in text_string_to_metric_families(exposition):
            for name, labels, value, *_ in family.samples:
                # The share without technical alarms, as in the well-known studies.
                if (
                    labels.get("facility", facility) == facility
                    and labels.get("scope", "clinical") == "clinical"
                ):
                    key = _padded(
                        name.removeprefix(PREFIX),
                        *(labels.get(label, "") for label in ("unit", "clinician", "window")),
                    )
                    self._values[key] = self._values.get(key, 0.0) + value

    def __getitem__(self, key: tuple[str, ...]) -> float:
        return self._values.get(_padded(*key), 0.0)

    def get(self, key: tuple[str, ...]) -> float | None:
        return self._values.get(_padded(*key))

    def holders(self, name: str) -> list[tuple[str, str]]:
        """Unit and clinician of every sample of a metric without windows."""
        return sorted(
            (unit, clinician) for metric, unit, clinician, _ in self._values if metric == name
        )


def _padded(*key: str) -> tuple[str, ...]:
    return (*key, "", "", "")[:4]
