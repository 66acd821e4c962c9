"""Findings: what to fix. Per unit, the alarm types by non-actionable load, the pattern that drives
each, and the class of remedy.

A finding names a change of the system that somebody owns. It knows units and alarm types: no
clinician, bed, patient or text.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

from analyzer.columns.statics import AlarmType
from analyzer.model.facts import Priority
from analyzer.model.policy import FindingsPolicy
from analyzer.pipeline.classes import ACTIONABLE, NON_ACTIONABLE, TECHNICAL
from analyzer.stats.shares import Share

Pattern = Literal[
    "technical", "duplicate", "chattering", "hugging", "fleeting", "standing", "unanswered"
]
PATTERNS: tuple[Pattern, ...] = (
    "technical",
    "duplicate",
    "chattering",
    "hugging",
    "fleeting",
    "standing",
    "unanswered",
)
"""The more telling first: of two that are met alike often, it drives.

technical    of that kind, as leads off, a sensor disconnected, a battery
duplicate    the type most often met with began at the same bed, too, within 5 s
chattering   as `alarm_fatigue_unit_chattering_alarms`: the third within a minute, and on
hugging      the reading furthest beyond the limit is within 5 % of it
fleeting     over in less than 15 s
standing     lasting, so far or until its end, for more than an hour
unanswered   needed, and had no response for 10 min, though somebody of the unit responds to alarms
"""

Verdict = Literal[Pattern, "stale", "mixed", "needed", "too_few"]
"""What drives a type. `stale`: no pattern does, but there are alarms active for more than 24 h;
`mixed`: nothing does; `needed`: nothing does, and most of its alarms needed somebody; `too_few`:
too few classified to say.
"""

Remedy = Literal[
    "sensor",
    "merge",
    "deadband",
    "limit",
    "delay",
    "standing_rule",
    "release",
    "staffing",
    "review",
    "none",
]
Owner = Literal["biomed", "clinical engineering", "unit leadership"]

REMEDIES: Mapping[Verdict, tuple[Remedy, Owner | None]] = {
    "technical": ("sensor", "biomed"),
    "duplicate": ("merge", "clinical engineering"),
    "chattering": ("deadband", "biomed"),
    "hugging": ("limit", "unit leadership"),  # Welch 2011: SpO2 90 -> 88 %, -63 %
    "fleeting": ("delay", "biomed"),  # Goerges 2009: 14 s, -50 %; Welch 2011: 15 s, -60 %
    "standing": ("standing_rule", "clinical engineering"),
    "stale": ("release", "biomed"),  # ISA-18.2
    "unanswered": ("staffing", "unit leadership"),  # Bonafide 2017: 1:1 assignment, 3.5 of 10.4 min
    "mixed": ("review", "unit leadership"),
    "needed": ("none", None),
    "too_few": ("none", None),
}
"""The class of remedy that a pattern calls for, and who owns it: never whoever answers the alarms.
"""


class Seen(NamedTuple):
    """How many of a type's alarms show a pattern: of all, of those that needed nobody, and of those
    that were needed.
    """

    alarms: int
    load: int
    actionable: int


class Delay(NamedTuple):
    """An annunciation delay (whole seconds, in ms) that would have spared three quarters of the
    type's ended alarms that needed nobody, but no longer than `fleeting`: and how many it would
    have spared of these, and of those that were needed.
    """

    length: int
    load: int
    actionable: int


@dataclass(frozen=True, slots=True)
class Finding:
    """One alarm type of one unit. Counts are of alarms that started in the window; durations in ms.

    Load: alarms that needed nobody, non-actionable or technical. A share of nothing is unknown,
    never 0.
    """

    type: AlarmType
    alarms: Share
    """Of the unit's."""
    classes: tuple[int, ...]
    """By `CLASSES`."""
    load: Share
    """Of the unit's."""
    priority: Priority | None
    """The highest in the window."""
    sounding: int
    """How long they have sounded, added up."""
    beds: int
    """How many beds it came from."""
    busiest_bed: Share
    """How many of its alarms came from one of them."""
    stale: int
    """Active for more than 24 h, at the end of the window or until an end in it; started whenever.
    """
    patterns: tuple[Seen, ...]
    """By `PATTERNS`."""
    met_with: AlarmType | None
    """The other type that its alarms that needed nobody most often met with; then the first by
    name.
    """
    gives_way: bool
    """Whether this type, not that one, is the one to suppress: it has the lower `priority`; then
    fewer alarms that were needed; then less load; then the later name.
    """
    delay: Delay | None
    """None where no alarm that needed nobody has ended."""
    hugging_distance: float | None
    """Three quarters of the hugging alarms that needed nobody lay no further from their limits (a
    share of it); None without any.
    """
    drivers: tuple[Pattern, ...]
    """Every pattern that would drive the type if there were no other, the most shown first."""
    verdict: Verdict

    @property
    def nonactionable(self) -> Share:
        """Non-actionable share of the classified alarms."""
        return Share(self.load.count, self.load.count + self.classes[ACTIONABLE])

    def shown_by(self, pattern: Pattern) -> Share:
        """Share of the alarms that needed nobody (`unanswered`: of those that were needed) that
        show a pattern.
        """
        seen = self.patterns[PATTERNS.index(pattern)]
        return (
            Share(seen.actionable, self.classes[ACTIONABLE])
            if pattern == "unanswered"
            else Share(seen.load, self.load.count)
        )

    @property
    def clinical(self) -> bool:
        """Whether what it calls for would let an alarm of high priority sound later, or not at all:
        nothing to be done without a clinical review, however often the alarm was in vain (IEC
        60601-1-8: high priority asks for an immediate response).
        """
        return self.priority == "high" and self.remedy in (
            "delay",
            "deadband",
            "limit",
            "merge",
            "standing_rule",
        )

    @property
    def remedy(self) -> Remedy:
        return REMEDIES[self.verdict][0]

    @property
    def owner(self) -> Owner | None:
        return REMEDIES[self.verdict][1]


@dataclass(frozen=True, slots=True)
class UnitFindings:
    """A unit's alarm types, most non-actionable load first, then most alarms, then by name; `types`
    counts those left out, too.
    """

    facility: str
    unit: str
    at: int
    """The end of the window, ms since 1970."""
    alarms: int
    load: int
    types: int
    findings: list[Finding]


def drivers(
    classes: tuple[int, ...], patterns: tuple[Seen, ...], gives_way: bool, policy: FindingsPolicy
) -> tuple[Pattern, ...]:
    """The patterns that at least `driving_share` of the useless alarms show, and hardly any of the
    needed ones; most shown first.
    """
    actionable, load = classes[ACTIONABLE], classes[NON_ACTIONABLE] + classes[TECHNICAL]
    if actionable + load < policy.min_classified:
        return ()

    def drives(pattern: Pattern, seen: Seen) -> bool:
        if not seen.load or (pattern == "duplicate" and not gives_way):
            return False
        spares = Share(seen.load, seen.load + seen.actionable)
        return reaches(Share(seen.load, load), policy.driving_share) and reaches(
            spares, policy.sparing_share
        )

    found = [
        (pattern, seen.load)
        for pattern, seen in zip(PATTERNS, patterns, strict=True)
        if drives(pattern, seen)
    ]
    # of equals, the more telling first
    return tuple(pattern for pattern, _ in sorted(found, key=lambda one: -one[1]))


def verdict(
    classes: tuple[int, ...],
    patterns: tuple[Seen, ...],
    drivers: tuple[Pattern, ...],
    stale: int,
    policy: FindingsPolicy,
) -> Verdict:
    """What drives a type."""
    actionable, load = classes[ACTIONABLE], classes[NON_ACTIONABLE] + classes[TECHNICAL]
    if drivers:
        return drivers[0]
    if stale:
        return "stale"
    late = patterns[PATTERNS.index("unanswered")].actionable
    if (
        late
        and actionable >= policy.min_classified
        and reaches(Share(late, actionable), policy.driving_share)
    ):
        return "unanswered"
    if actionable + load < policy.min_classified:
        return "too_few"
    most = Share(load, actionable + load).high
    return "needed" if most is not None and most < 0.5 else "mixed"


def reaches(share: Share, least: float) -> bool:
    """Whether a share is that large, and not by chance."""
    return share.low is not None and share.low >= least
