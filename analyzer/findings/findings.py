"""Findings: what to fix. By unit, the alarm types by non-actionable load, the pattern that drives
each type, and the class of remedy.

A finding proposes a change of the system, and its owner. It contains units and alarm types, but no
clinicians, beds, patients or texts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

from analyzer.columns.statics import AlarmType
from analyzer.model.facts import Priority
from analyzer.model.policy import FindingsPolicy
from analyzer.pipeline.classes import ACTIONABLE, NON_ACTIONABLE, TECHNICAL
from analyzer.stats import Promise, Risk
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
"""The more specific first: of two patterns that are equally frequent, it drives the type.

technical    a technical alarm: leads off, sensor disconnected, battery
duplicate    one of the type that most often coincides began at the same bed within 5 s
chattering   as `alarm_fatigue_unit_chattering_alarms`: the third within a minute, or a later one
hugging      the most extreme reading is within 5 % of the limit
fleeting     shorter than 15 s
standing     longer than an hour, even if it has not ended
unanswered   actionable, without a response for 10 min, in a unit whose staff respond to alarms
"""

Verdict = Literal[Pattern, "stale", "mixed", "needed", "too_few"]
"""The main cause of the alarms of a type. `stale`: no pattern, but alarms active for more than 24
h; `mixed`: nothing; `needed`: nothing, and most of its alarms are actionable; `too_few`: too few
are classified.
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
"""The class of remedy for a pattern, and its owner, who is never the one who answers the alarms."""


HIDING: tuple[Pattern, ...] = ("duplicate", "chattering", "hugging", "fleeting")
"""The patterns whose remedy keeps alarms from sounding."""


class Seen(NamedTuple):
    """How many alarms of a type show a pattern: of all, of the non-actionable load, and of the
    actionable ones.
    """

    alarms: int
    load: int
    actionable: int


class Delay(NamedTuple):
    """An annunciation delay (whole seconds, in ms) that would have removed three quarters of the
    ended load of the type, at most `Policy.fleeting`; and how many alarms it would have removed of
    the load, and of the actionable ones.
    """

    length: int
    load: int
    actionable: int


@dataclass(frozen=True, slots=True)
class Finding:
    """One alarm type of one unit. Counts are of alarms that started in the window.

    Durations are in ms. The load is the non-actionable and technical alarms. A share of nothing is
    unknown, not 0.
    """

    type: AlarmType
    alarms: Share
    """Share of the alarms of the unit."""
    classes: tuple[int, ...]
    """By `CLASSES`."""
    load: Share
    """Share of the load of the unit."""
    priority: Priority | None
    """The highest in the window."""
    sounding: int
    """Their total duration."""
    beds: int
    """The number of beds that it came from."""
    busiest_bed: Share
    """The share of its alarms at the bed with most of them."""
    stale: int
    """Alarms active for more than 24 h at their end, or at the end of the window; whenever they
    started.
    """
    patterns: tuple[Seen, ...]
    """By `PATTERNS`."""
    met_with: AlarmType | None
    """The other type that its load most often coincides with; of equals, the first by name."""
    gives_way: bool
    """Whether this type, and not `met_with`, is the one to suppress: it has the lower priority,
    then fewer actionable alarms, then less load, then the later name.
    """
    delay: Delay | None
    """None if no alarm of the load has ended."""
    hugging_distance: float | None
    """The third quartile of the distance from the limit (a share of it), of the hugging load; None
    without any.
    """
    drivers: tuple[Pattern, ...]
    """All patterns that could drive the type, the most frequent first."""
    verdict: Verdict
    effective: float
    """How many independent alarms tell as much as the actionable ones: see `stats.risk`."""
    tolerance: float
    """The share of the actionable alarms that a remedy may hide."""

    @property
    def nonactionable(self) -> Share:
        """Non-actionable share of the clinical alarms of known class."""
        count = self.classes[NON_ACTIONABLE]
        return Share(count, count + self.classes[ACTIONABLE])

    @property
    def technical(self) -> Share:
        """Technical share of the alarms: avoidable at the source."""
        return Share(self.classes[TECHNICAL], self.alarms.count)

    @property
    def loss(self) -> Risk | None:
        """The actionable alarms that the remedy of the pattern would hide; None: it hides none.

        A deadband, another limit or a merge is taken to hide all that show the pattern.
        """
        if self.verdict not in HIDING:
            return None
        if self.verdict == "fleeting":
            assert self.delay is not None  # fleeting alarms have ended
            hidden = self.delay.actionable
        else:
            hidden = self.patterns[PATTERNS.index(self.verdict)].actionable
        return Risk(hidden, self.classes[ACTIONABLE], self.effective)

    @property
    def advice(self) -> Promise | None:
        """By the rule of `tune`: `kept`, the remedy is advised; `open`, it is not shown to be
        within the tolerance; `broken`, it is not advised. None: the remedy hides no alarm.
        """
        return None if self.loss is None else self.loss.promise(self.tolerance)

    @property
    def also(self) -> list[Pattern]:
        """The other patterns that could drive the type."""
        return [pattern for pattern in self.drivers if pattern != self.verdict]

    @property
    def at_one_bed(self) -> bool:
        """Whether most of its alarms come from one bed, by the lower bound of the share."""
        return self.busiest_bed.low is not None and self.busiest_bed.low > 0.5

    def shown_by(self, pattern: Pattern) -> Share:
        """Share of the load that shows a pattern (`unanswered`: share of the actionable alarms)."""
        seen = self.patterns[PATTERNS.index(pattern)]
        return (
            Share(seen.actionable, self.classes[ACTIONABLE])
            if pattern == "unanswered"
            else Share(seen.load, self.load.count)
        )

    @property
    def clinical(self) -> bool:
        """Whether the remedy would delay or remove an alarm of high priority.

        That requires a clinical review, as high priority calls for an immediate response (IEC
        60601-1-8).
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
        return "review" if self.advice == "broken" else REMEDIES[self.verdict][0]

    @property
    def owner(self) -> Owner | None:
        return "unit leadership" if self.advice == "broken" else REMEDIES[self.verdict][1]


@dataclass(frozen=True, slots=True)
class UnitFindings:
    """The alarm types of a unit by load, then by alarms (most first), then by name.

    `types` is the number of all types, including those that are left out.
    """

    facility: str
    unit: str
    at: int
    """The end of the window, ms since 1970."""
    since: int
    """Its beginning."""
    alarms: int
    load: int
    technical: int
    """How many alarms of the load are technical."""
    types: int
    findings: list[Finding]


def drivers(
    classes: tuple[int, ...], patterns: tuple[Seen, ...], gives_way: bool, policy: FindingsPolicy
) -> tuple[Pattern, ...]:
    """The patterns that at least `driving_share` of the load and few actionable alarms show.

    The most frequent comes first.
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
    # of equals, the more specific first
    return tuple(pattern for pattern, _ in sorted(found, key=lambda one: -one[1]))


def verdict(
    classes: tuple[int, ...],
    patterns: tuple[Seen, ...],
    drivers: tuple[Pattern, ...],
    stale: int,
    policy: FindingsPolicy,
) -> Verdict:
    """The main cause of the alarms of a type."""
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
    """Whether the lower confidence bound of a share is at least this."""
    return share.low is not None and share.low >= least
