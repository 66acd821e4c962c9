"""Ward: settings and layout of the simulated hospital. Times are in ms since 1970."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from analyzer.model import HOUR
from streams.simulator import calibration as cal
from streams.simulator.calibration import PROFILES, Profile, ProfileName

DAY = 24 * HOUR


@dataclass(frozen=True, slots=True, kw_only=True)
class Storm:
    """For `duration` ms from `start`, `unit` (None: all) of `facility` (None: all) has `factor`
    times its usual alarms.
    """

    start: int
    duration: int
    factor: float = 10.0
    unit: str | None = None
    facility: str | None = None

    def __post_init__(self) -> None:
        if self.duration <= 0:
            raise ValueError("duration: expected a storm to last")
        if not 1 <= self.factor <= 1000:
            raise ValueError("factor: expected 1 to 1000 times the usual rate")


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """From `start` (ms) on, alarms of one type in `unit`, of every facility, have another setting.

    The patients, and all other draws, are those of the ward without the change.
    """

    start: int
    unit: str
    type: tuple[str, str, str]
    """Device type, source and code."""
    delay: int | None = None
    """ms: a condition sounds only if it lasts longer, and this much later."""
    limit: float | None = None
    """A less sensitive one: a condition sounds only if its reading goes beyond it."""

    def __post_init__(self) -> None:
        if self.delay is None and self.limit is None:
            raise ValueError("changes: expected a delay, a limit or both")
        if self.delay is not None and self.delay < 0:
            raise ValueError("changes: expected a delay of zero or more")
        kinds = [one for one in cal.ALARM_TYPES if (one.device, one.source, one.code) == self.type]
        if not kinds:
            raise ValueError("changes: expected an alarm type that the simulator has")
        if self.limit is not None:
            usual, depth = kinds[0].limit, kinds[0].depth
            if usual is None or (self.limit - usual) * depth < 0:
                raise ValueError(f"changes: expected a limit less sensitive than {usual}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ward:
    """The settings of a simulation. The defaults are the 77 intensive-care beds of Drew 2014,
    undisturbed.

    `units` is the number per facility, `beds` the number per unit; units take `profiles` in turn.
    Shares are 0 to 1. Raises `ValueError` for values out of range.
    """

    seed: int = 1
    start: int = 1_772_348_400_000
    """ms; 2026-03-01T07:00Z."""
    duration: int = DAY
    facilities: int = 1
    units: int = 7
    beds: int = 11
    beds_per_nurse: int = 2
    profiles: tuple[ProfileName, ...] = ("micu",)
    alarms_per_bed_day: float = cal.AUDIBLE_PER_BED_DAY
    storms: float | tuple[Storm, ...] = 0.0
    """Unit-wide bursts: the mean number per unit and day, at random; or exactly these."""
    chattering_sensors: int = 0
    """Loose sensors per facility, which alarm several times a minute for five minutes of every
    hour.
    """
    understaffed_nights: float = 0.0
    """Share of the nights of each unit with half the nurses."""
    duplicates: float = 0.0
    """Share of records delivered twice."""
    late: float = 0.0
    """Share of alarm events and responses delivered 1 to 9 min late, within the default allowed
    lateness.
    """
    late_beyond: float = 0.0
    """Share of them delivered 15 to 60 min late, beyond it."""
    late_charting: float = 0.0
    """Share of assignments charted up to 60 min late with a wrong name, and then corrected."""
    adjudicated: float = 0.2
    """Share of arrhythmia alarms that are labelled later."""
    changes: tuple[Change, ...] = ()
    """Settings that change while it runs."""

    def __post_init__(self) -> None:
        for name, least in {
            "seed": 0,
            "start": 0,
            "duration": 1,
            "facilities": 1,
            "units": 1,
            "beds": 1,
            "beds_per_nurse": 1,
        }.items():
            if getattr(self, name) < least:
                raise ValueError(f"{name}: expected at least {least}")
        shares = (
            "understaffed_nights",
            "duplicates",
            "late",
            "late_beyond",
            "late_charting",
            "adjudicated",
        )
        for name in shares:
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name}: expected a share, 0 to 1")
        if self.late + self.late_beyond > 1:
            raise ValueError(
                "late, late_beyond: expected at most 1 together, because they exclude each other"
            )
        if not 0 < self.alarms_per_bed_day <= 10_000:
            raise ValueError("alarms_per_bed_day: expected more than 0, up to 10000")
        if not self.profiles or not set(self.profiles) <= set(PROFILES):
            raise ValueError(f"profiles: expected some of {', '.join(PROFILES)}")
        if not 0 <= self.chattering_sensors <= self.units * self.beds:
            raise ValueError("chattering_sensors: expected at most one a bed")
        names = {unit.name for unit in self.layout}
        for change in self.changes:
            if change.unit not in names:
                raise ValueError(f"changes: expected one of the units {', '.join(sorted(names))}")
        if isinstance(self.storms, tuple):
            units, facilities = {unit.name for unit in self.layout}, set(self.facility_ids)
            for storm in self.storms:
                if storm.unit not in {None, *units} or storm.facility not in {None, *facilities}:
                    raise ValueError(
                        "storms: expected a unit and a facility of this hospital, or none"
                    )
        elif not 0 <= self.storms <= 100:
            raise ValueError("storms: expected 0 to 100 per unit and day")

    @property
    def facility_ids(self) -> tuple[str, ...]:
        return tuple(f"H{number:02d}" for number in range(1, self.facilities + 1))

    @property
    def layout(self) -> tuple[Unit, ...]:
        """The units of any one facility: all facilities are built alike."""
        built: list[Unit] = []
        for index in range(self.units):
            profile = self.profiles[index % len(self.profiles)]
            names = PROFILES[profile].unit_names
            again, which = divmod(sum(unit.profile_name == profile for unit in built), len(names))
            name = f"{names[which]}-{again + 1}" if again else names[which]
            built.append(Unit(name, profile, index * self.beds, self.beds))
        return tuple(built)


class Unit(NamedTuple):
    """A unit and its beds, which are numbered through the facility from `first_bed`."""

    name: str
    profile_name: ProfileName
    first_bed: int
    beds: int

    @property
    def profile(self) -> Profile:
        return PROFILES[self.profile_name]

    def bed_id(self, bed: int) -> str:
        return f"{self.name}-{bed - self.first_bed + 1:02d}"
