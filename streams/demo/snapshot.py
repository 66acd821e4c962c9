"""Snapshot: what a worker's /metrics says of one facility, as rows. It knows metric names; it knows
nothing of how rows are shown.
"""

from __future__ import annotations

from dataclasses import dataclass

from prometheus_client.parser import text_string_to_metric_families

from streams.metrics.definitions import PREFIX


@dataclass(frozen=True, slots=True)
class UnitRow:
    """Counts of alarms by window, and what goes with them.

    A share that is None: too few classified alarms to say.
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
    """A place in `STATES`."""

    @property
    def rate(self) -> float | None:
        """Alarms per clinician on duty and 10 min; None: nobody is on duty."""
        return self.alarms_10m / self.clinicians if self.clinicians else None


@dataclass(frozen=True, slots=True)
class ClinicianRow:
    """The same of one clinician, under the pseudonym that the worker shows."""

    unit: str
    clinician: str
    beds: int
    acuity: float
    alarms_10m: int
    alarms_1h: int
    alarms_2h: int
    protected_1h: float | None
    """None: hardly any duty yet."""
    nonactionable_2h: float | None
    state: int


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One scrape.

    `watermark` in seconds since the epoch; `records` taken in and `lag` (not yet) are the whole
    worker's.
    """

    watermark: float | None
    records: int
    lag: int
    units: tuple[UnitRow, ...]
    clinicians: tuple[ClinicianRow, ...]
    """Those with beds now, by unit, then pseudonym: this is no ranking."""


def read(exposition: str, facility: str) -> Snapshot:
    """The rows of `facility` in a worker's exposition (Prometheus' text format)."""
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
        )
        for unit, _ in found.holders("unit_open_alarms")
    ]
    clinicians = [
        ClinicianRow(
            *who,
            int(found["clinician_beds", *who]),
            found["clinician_acuity", *who],
            int(found["clinician_alarms", *who, "10m"]),
            int(found["clinician_alarms", *who, "1h"]),
            int(found["clinician_alarms", *who, "2h"]),
            found.get(("clinician_protected_ratio", *who, "1h")),
            found.get(("clinician_nonactionable_ratio", *who, "2h")),
            int(found["clinician_overload_state", *who]),
        )
        for who in found.holders("clinician_beds")
        if found["clinician_beds", *who]
    ]
    watermark = found.get(("watermark_timestamp_seconds",))
    return Snapshot(
        watermark,
        int(found[("events_total",)]),
        int(found[("consumer_lag_records",)]),
        tuple(units),
        tuple(clinicians),
    )


class _Found:
    """Samples by name, unit, clinician and window, summed over all other labels; what is not there
    counts as 0.
    """

    def __init__(self, exposition: str, facility: str) -> None:
        self._values: dict[tuple[str, ...], float] = {}
        for family in text_string_to_metric_families(exposition):
            for name, labels, value, *_ in family.samples:
                # Technical alarms are left out of the share, as in the studies whose shares people
                # know.
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
