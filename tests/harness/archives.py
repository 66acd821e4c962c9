"""Archives of an invented hospital, small and exact, for reports."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

from streams.archive import Archive, fact_rows, record_rows
from streams.formats.codec import decode_slice, to_json
from streams.formats.pseudonyms import period_of

HOUR = 3_600_000
DAY = 24 * HOUR
HORIZON = 26 * HOUR
ZONE = ZoneInfo("Europe/Berlin")
MONDAY = datetime(2026, 3, 16, tzinfo=ZONE)
"""The clocks change on the Sunday after next: 29 March 2026."""
TYPES = (
    ("monitor", "MDC_PULS_OXIM_SAT_O2", "MDC_EVT_LO", "physiological"),
    ("monitor", "MDC_ECG_HEART_RATE", "MDC_EVT_HI", "physiological"),
    ("monitor", "MDC_ECG_HEART_RATE", "MDC_EVT_LEADS_OFF", "technical"),
    ("pump", "", "MDC_EVT_BATT_LO", "advisory"),
)


@cache
def _written() -> TemporaryDirectory[str]:
    """Where the archives of this process are, until it ends."""
    return TemporaryDirectory(prefix="alarm-fatigue-places-")


def ms(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)


@dataclass(frozen=True, kw_only=True)
class Place:
    """A hospital: its units with the clinicians of a shift, and from which bed each has alarms."""

    facility: str = "H03"
    units: Mapping[str, int] = field(default_factory=lambda: {"MICU": 6, "SICU": 5})
    days: int = 21
    begin: datetime = MONDAY
    alarms_a_day: int = 120
    seed: int = 1
    roster: bool = True
    crews: int = 2
    """Crews take turns by day; each has a shift's clinicians for day and night."""
    silent: frozenset[tuple[str, int]] = frozenset()
    """(unit, day): days of which nothing was recorded."""
    gap: tuple[int, int] | None = None
    """The hours (from, to), counted from the beginning, of which nothing was recorded."""
    rekeyed: bool = False
    """A new key came into use at noon of the tenth day: clinicians have other names from then."""
    mute: range = range(0)
    """Days on which no response was recorded."""
    burst: str | None = None
    """A unit whose first clinician has 40 more alarms and a slow response every night."""
    weekly: bool = False
    """Clinicians have another name in each week (UTC), that of the row's date."""
    standing: bool = False
    """Each bed was given to a clinician three weeks before as well, without an end."""
    at_night: int | None = None
    """Clinicians of a unit in a night shift, who share the beds; None: as many as by day."""

    def episodes(self) -> Iterator[dict[str, Any]]:
        rng = np.random.default_rng(self.seed)
        for unit, nurses in self.units.items():
            for day in range(self.days):
                local = self.begin + timedelta(days=day)
                length = ms(local + timedelta(days=1)) - ms(local)
                starts = np.sort(rng.integers(0, length, self.alarms_a_day)).tolist()
                if self.burst == unit:
                    starts += [13 * HOUR + 30_000 * one for one in range(40)]
                if (unit, day) in self.silent:
                    continue
                for number, at in enumerate(starts):
                    if self.gap is not None:
                        hours = (ms(local) + at - ms(self.begin)) / HOUR
                        if self.gap[0] <= hours < self.gap[1]:
                            continue
                    yield self._episode(rng, unit, nurses, day, number, ms(local) + at)

    def _episode(
        self, rng: np.random.Generator, unit: str, nurses: int, day: int, number: int, at: int
    ) -> dict[str, Any]:
        device, source, code, kind = TYPES[int(rng.integers(0, len(TYPES)))]
        bed = int(rng.integers(0, nurses))
        lasts = int(rng.integers(1_000, 90_000))
        answered = int(rng.integers(1_000, 600_000)) if rng.random() < 0.6 else None
        physiological = ("actionable", "non_actionable", "non_actionable", "unknown")
        klass = (
            "technical"
            if kind == "technical"
            else physiological[int(rng.integers(0, len(physiological)))]
        )
        return {
            "id": f"{unit}-{day}-{number}",
            "facility": self.facility,
            "unit": unit,
            "bed": f"{unit}-{bed}",
            "alarm_id": f"{unit}-{day}-{number}",
            "device_id": f"mon-{unit}-{bed}",
            "device_type": device,
            "source": source,
            "code": code,
            "kind": kind,
            "label": None,
            "priority": ("high", "medium", "low", "info")[int(rng.integers(0, 4))],
            "start": at,
            "end": at + lasts,
            "value": 86.0,
            "limit": 90.0,
            "clinicians": [self.nurse(unit, bed, at)] if self.roster else [],
            "class": klass,
            "pseudonym_key": f"key{self._key(at)}",
            "basis": None,
            "first_response": None if answered is None or day in self.mute else at + answered,
        }

    def nurse(self, unit: str, bed: int, at: int) -> str:
        """Day shift from 07:00 to 19:00, local; crews take turns."""
        local = datetime.fromtimestamp(at / 1000, UTC).astimezone(self.begin.tzinfo)
        shift = (local - timedelta(hours=7)).replace(tzinfo=None)
        first = self.begin.replace(tzinfo=None)
        crew = (shift.date() - first.date()).days % self.crews
        part = "day" if shift.hour < 12 else "night"
        week = f"-{period_of(at, 'week')}" if self.weekly else ""
        if part == "night" and self.at_night is not None:
            bed %= self.at_night
        return f"{unit}-{crew}-{part}-{bed}{week}{'-new' * self._key(at)}"

    def _key(self, at: int) -> int:
        return int(self.rekeyed and at >= self.day(9) + 12 * HOUR)

    def assignments(self) -> Iterator[dict[str, Any]]:
        if not self.roster:
            return
        for unit, nurses in self.units.items():
            if self.standing:
                yield from self._standing(unit, nurses)
            for day in range(-1, self.days):
                for part, hour in (("day", 7), ("night", 19)):
                    local = self.begin + timedelta(days=day, hours=hour)
                    until = self.begin + timedelta(days=day + (hour == 19), hours=(hour + 12) % 24)
                    for bed in range(nurses):
                        yield {
                            "event_id": f"{unit}-{day}-{part}-{bed}",
                            "assignment_id": f"{unit}-{day}-{part}-{bed}",
                            "facility": self.facility,
                            "unit": unit,
                            "bed": f"{unit}-{bed}",
                            "clinician": self.nurse(unit, bed, ms(local)),
                            "from": ms(local),
                            "to": ms(until),
                            "at": ms(local),
                            "role": "nurse",
                            "acuity": 1.0 + bed % 2,
                        }

    def _standing(self, unit: str, nurses: int) -> Iterator[dict[str, Any]]:
        since = ms(self.begin - timedelta(days=21))
        for bed in range(nurses):
            yield {
                "event_id": f"{unit}-standing-{bed}",
                "assignment_id": f"{unit}-standing-{bed}",
                "facility": self.facility,
                "unit": unit,
                "bed": f"{unit}-{bed}",
                "clinician": self.nurse(unit, bed, since),
                "from": since,
                "to": None,
                "at": since,
                "role": "nurse",
                "acuity": 1.0,
            }

    def changes(self) -> Iterator[dict[str, Any]]:
        """Each first nurse of a unit is overloaded from 10:00 to 11:00 local."""
        if not self.roster:
            return
        for unit in self.units:
            for day in range(self.days):
                local = ms(self.begin + timedelta(days=day, hours=10))
                for at, old, new in (
                    (local, "normal", "overloaded"),
                    (local + HOUR, "overloaded", "normal"),
                ):
                    yield {
                        "id": f"{unit}-{at}",
                        "facility": self.facility,
                        "unit": unit,
                        "level": "clinician",
                        "clinician": self.nurse(unit, 0, local),
                        "at": at,
                        "from": old,
                        "to": new,
                        "withdrawn": False,
                        "reasons": [],
                        "top_types": [],
                        "relief": None,
                        "relief_text": None,
                        "corrected_at": None,
                        "corrected_by": [],
                        "corrects": None,
                    }

    def archived(self, folder: Path) -> Archive:
        """Write it into `folder`. Many tests ask for the same place, which is written once, and
        copied.
        """
        known = Path(_written().name, hashlib.sha256(repr(self).encode()).hexdigest())
        if not known.exists():
            self._write(known)
        shutil.copytree(known, folder, dirs_exist_ok=True)
        return Archive(folder)

    def _write(self, folder: Path) -> None:
        archive = Archive.create(folder, "week" if self.weekly else "none")
        for name, records in (("episodes", self.episodes()), ("overload", self.changes())):
            values = [to_json(one) for one in records]
            places = range(len(values))
            archive.write(record_rows(name, values, [1] * len(values), places), HORIZON)  # type: ignore[arg-type]
        facts = [to_json(one) for one in self.assignments()]
        if facts:
            columns = decode_slice("assignments", facts).columns
            archive.write(fact_rows("assignments", columns, lambda name: name), HORIZON)

    def day(self, number: int) -> int:
        """Local midnight of a day, in ms since 1970."""
        return ms(self.begin + timedelta(days=number))
