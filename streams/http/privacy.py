"""Privacy: figures about few clinicians are not shown on views longer than a shift.

A reader could subtract one figure from another: a window from a longer one, hours from their sum,
a view from the one an hour later. So the rule is about hours, and every longer figure keeps to it.
An hour that is over is shown only if enough clinicians stand behind it, or none that is known. A
longer figure is shown only if all its hours are. Then every difference of figures is made of such
hours. The last hours are open, since the live view shows them anyway: as many as the longest window
that is shorter than 12 h has.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from msgspec.structs import replace

from analyzer import Policy
from analyzer.model import HOUR
from streams.http.documents.board import Clinician, Shifts, Unit
from streams.http.documents.unit import Phase

LONG = 12 * HOUR
"""Windows from this length on are views longer than a shift: the longest usual shift is 12 h."""
BY_WINDOW = ("alarms", "nonactionable", "unassigned_alarms", "chattering_alarms")
BY_WINDOW_OF_CLINICIANS = (
    "alarms",
    "alarm_seconds",
    "protected_ratio",
    "flood_ratio",
    "overlapping_alarms",
    "nonactionable",
)


@dataclass(frozen=True, slots=True)
class Privacy:
    """`least`: the smallest group whose figures are shown; 1: every figure is."""

    least: int
    live: int
    """The last hours, which are always shown."""
    long: tuple[str, ...]
    """The names of the windows that are longer than a shift."""
    lengths: Mapping[str, int]
    """The lengths of all windows (ms), by name."""

    @classmethod
    def of(cls, least: int, policy: Policy) -> Privacy:
        short = [length for length in policy.windows.values() if length < LONG]
        return cls(
            least,
            -(-max(short, default=0) // HOUR),
            tuple(name for name, length in policy.windows.items() if length >= LONG),
            policy.windows,
        )

    @property
    def says(self) -> str:
        return f"not shown: fewer than {self.least} clinicians in some hours"

    def is_small(self, group: int) -> bool:
        return 0 < group < self.least

    def shows(self, groups: Sequence[int], length: int, live: bool = True) -> bool:
        """Whether a figure of the last `length` (ms) may be shown. `live`: whether the last hours
        are shown in any case.
        """
        first = self.live if live else 0
        return not any(map(self.is_small, groups[first : -(-length // HOUR)]))

    def shows_findings(self, groups: Sequence[int], window: str) -> bool:
        """Whether findings may be shown: they tell how fast alarms were answered, so that in no
        hour may one person alone stand behind them, even in a short window.
        """
        length = self.lengths[window]
        if length >= LONG:
            return self.shows(groups, length, live=False)
        return self.least <= 1 or 1 not in groups[: -(-length // HOUR)]

    def unit(self, unit: Unit, groups: Sequence[int], now: int) -> Unit:
        """The unit without the figures that may not be shown. `now`: the facility's time (ms)."""
        if not any(map(self.is_small, groups)):
            return unit
        hidden = {window for window in self.long if not self.shows(groups, self.lengths[window])}
        fields: dict[str, Any] = {
            name: {
                window: None if window in hidden else value
                for window, value in getattr(unit, name).items()
            }
            for name in BY_WINDOW
        }
        trend = unit.trend
        small = [place >= self.live and self.is_small(group) for place, group in enumerate(groups)]
        # `hours` has the oldest first, groups have the latest first
        hours = [
            None if hide else count
            for hide, count in zip(reversed(small[: len(trend.hours)]), trend.hours, strict=True)
        ]
        since = min(trend.shifts.before.begin, trend.shifts.last.begin)
        whole = self.shows(groups, now - since) and len(groups) * HOUR >= now - since
        shifts = trend.shifts if whole else self._no_shifts(trend.shifts)
        suppressed = [window for window in self.long if window in hidden]
        suppressed += ["hours"] if any(small[: len(trend.hours)]) else []
        suppressed += [] if whole else ["shifts"]
        return replace(
            unit,
            **fields,
            trend=replace(trend, hours=hours, shifts=shifts),
            suppressed=suppressed,
        )

    def _no_shifts(self, shifts: Shifts) -> Shifts:
        nothing = {"hours": 0.0, "alarms": 0}
        return Shifts(
            before=replace(shifts.before, **nothing),
            last=replace(shifts.last, **nothing),
            says=self.says,
        )

    def states(self, phases: list[Phase], groups: Sequence[int], now: int) -> list[Phase]:
        """The states of a unit, no longer back than enough clinicians stand behind them."""
        small = [
            place
            for place, group in enumerate(groups)
            if place >= self.live and self.is_small(group)
        ]
        if not small:
            return phases
        since = now - small[0] * HOUR
        return [replace(one, begin=max(one.begin, since)) for one in phases if one.until > since]

    def clinician(self, one: Clinician) -> Clinician:
        """A clinician without the figures of windows longer than a shift: nobody is a group."""
        if self.least <= 1 or not self.long:
            return one
        fields: dict[str, Any] = {
            name: {
                window: None if window in self.long else value
                for window, value in getattr(one, name).items()
            }
            for name in BY_WINDOW_OF_CLINICIANS
        }
        return replace(one, **fields)
