"""/api/v1/units and /api/v1/clinicians: how units and clinicians stand, and how current that is."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from analyzer import EXPOSURE_BANDS, LOAD_BANDS
from streams.http.documents.common import (
    Amount,
    Classes,
    Count,
    Line,
    Ratio,
    RefreshSeconds,
    WindowNames,
    one_of,
)
from streams.http.documents.relief import MaybeRelief, Pseudonym, ReliefPossible, ReliefSays
from streams.http.documents.states import (
    CorrectedAt,
    Entered,
    Legend,
    Limit,
    Reasons,
    Rose,
    Rules,
    Says,
    Since,
    State,
    Strain,
)
from streams.http.documents.taken import MaybeTaken, Takings

MOST_UNITS = 500
"""No answer holds more: each is some 4 kB, a tenth of that as sent."""
MOST_CLINICIANS = 500
MOST_STRAINED = 10

WorkedOutAt = Annotated[
    int, Meta(description="When this was worked out, by the worker's clock (ms since 1970)")
]
LeftOut = Annotated[Count, Meta(description="How many more there are")]
LoadBand = Annotated[str, one_of(LOAD_BANDS, "Band of alarms per hour (EEMUA-191)")]
ExposureBand = Annotated[str, one_of(EXPOSURE_BANDS, "Band of that exposure (Bonafide 2015)")]


class Nonactionable(Struct, frozen=True):
    """How many alarms needed no action, and how many alarms that share is based on."""

    all: Annotated[
        Ratio | None,
        Meta(
            description="(non_actionable + technical) / classified; "
            "null: too few alarms are classified"
        ),
    ]
    clinical: Annotated[
        Ratio | None,
        Meta(
            description="non_actionable / (actionable + non_actionable); "
            "null: too few alarms are classified"
        ),
    ]
    classes: Annotated[Classes, Meta(description="Alarms by class")]
    classified: Annotated[
        Count,
        Meta(
            description="actionable + non_actionable + technical: what the share of scope `all` "
            "is based on"
        ),
    ]
    alarms: Annotated[Count, Meta(description="All alarms, classified or not")]


FEW = "; a value is null if too few clinicians stand behind it (`privacy.smallest_group`)"


class Shift(Struct, frozen=True):
    """A part of a shift of which every alarm is known."""

    begin: Annotated[int, Meta(description="Its first moment (ms since 1970)")]
    end: Annotated[int, Meta(description="The moment after it (ms since 1970)")]
    hours: Annotated[Amount, Meta(description="How long it is; 0: it cannot be compared yet")]
    alarms: Annotated[Count, Meta(description="Alarms that started in it")]


class Shifts(Struct, frozen=True):
    """The present shift so far, and the same hours of the shift before, by the facility's calendar
    (`calendar` in the settings).

    Both parts are equally long; they begin later than their shifts if not every alarm since then
    is known.
    """

    before: Shift
    last: Shift
    says: Annotated[
        str,
        Meta(
            description="The same in words, in local time",
            examples=[
                "12.4 alarms per hour since 07:00, 10.1 in the same hours of the shift before "
                "(19:00 to 22:20)"
            ],
        ),
    ]


class Warned(Struct, frozen=True):
    """One reason why numbers are incomplete or wrong."""

    facility: Annotated[str | None, Meta(description="null: it concerns all facilities")]
    says: Line


class RecentAlarmEvents(Struct, frozen=True):
    """Alarm events read in the last 10 min, by outcome."""

    accepted: Count
    late: Count
    future: Count
    malformed: Count
    misrouted: Count


class FacilityCurrency(Struct, frozen=True):
    """How current the numbers of one facility are."""

    facility: str
    time_zone: Annotated[
        str,
        Meta(description="IANA name; times in words are local times of it", examples=["UTC"]),
    ]
    shifts: Annotated[
        list[str],
        Meta(description="Local times at which its shifts begin", examples=[["07:00", "19:00"]]),
    ]
    watermark: Annotated[
        int,
        Meta(description="Latest event time accepted from its alarms (ms since 1970)"),
    ]
    quiet_seconds: Annotated[
        Amount,
        Meta(
            description="Age of that event time; by the event clock, how long ago the watermark "
            "was last seen to move"
        ),
    ]
    old: Annotated[bool, Meta(description="It has sent no alarm event for 10 min")]
    says: Annotated[str | None, Meta(description="The same in words; null: it is not old")]
    recent_alarm_events: Annotated[
        RecentAlarmEvents | None,
        Meta(description="null: the reader may not see the whole facility"),
    ]


class Currency(Struct, frozen=True):
    """Whether the numbers are current and complete."""

    state: Annotated[
        str,
        one_of(
            ("current", "incomplete", "behind", "old", "empty"),
            "behind: the broker does not answer, records wait, or the worker is not ready; "
            "incomplete: see `warnings`; old: no facility has sent an alarm event for 10 min; "
            "empty: no alarm event has arrived yet",
        ),
    ]
    says: Annotated[str, Meta(description="The same in one line")]
    clock: Annotated[
        str,
        one_of(
            ("wall", "event"),
            "What the present is: the time of the wall clock, or the watermark of each facility "
            "(for a recorded hospital)",
        ),
    ]
    waiting_records: Annotated[
        Count | None,
        Meta(description="Records not yet processed; null: the broker has not reported yet"),
    ]
    waiting_seconds: Annotated[Amount, Meta(description="Age of the next record to be processed")]
    broker_answered_at: Annotated[
        int | None,
        Meta(description="When the broker last answered (ms since 1970); null: not yet"),
    ]
    warnings: Annotated[
        list[Warned],
        Meta(
            description="Why numbers are incomplete or wrong: refused events, wrong clocks, "
            "records that could not be read or delivered"
        ),
    ]
    facilities: Annotated[
        list[FacilityCurrency],
        Meta(description="The facilities of the partitions that this worker holds"),
    ]


class AlarmCounts(Struct, frozen=True):
    """Alarms by priority."""

    all: Count
    low: Count
    medium: Count
    high: Count


class StateCounts(Struct, frozen=True):
    """Clinicians by state."""

    normal: Count
    elevated: Count
    overloaded: Count


class BandCounts(Struct, frozen=True):
    """Clinicians by band of alarms per hour (EEMUA-191)."""

    recommended: Count
    manageable: Count
    over_demanding: Count
    unacceptable: Count


class Staffing(Struct, frozen=True):
    """The clinicians on duty in a unit now: their number, and their average load."""

    clinicians: Annotated[Count, Meta(description="On duty now")]
    beds: Annotated[Count, Meta(description="Assigned now")]
    beds_per_clinician: Annotated[float | None, Meta(description="null: no one is on duty")]
    acuity_per_clinician: Annotated[float | None, Meta(description="null: no one is on duty")]
    states: Annotated[
        StateCounts, Meta(description="Clinicians on duty whose unit this is, by state")
    ]
    load_bands: Annotated[
        BandCounts,
        Meta(description="The same clinicians by band of alarms per hour (EEMUA-191)"),
    ]


class Trend(Struct, frozen=True):
    """How many alarms started when."""

    minutes: Annotated[
        list[Count],
        Meta(
            min_length=70,
            max_length=70,
            description="Alarms that started in each of the last 70 minutes, oldest first: "
            "the last ten are the window 10m, the last sixty the window 1h",
        ),
    ]
    hours: Annotated[
        list[Count | None],
        Meta(
            min_length=24,
            max_length=24,
            description="Alarms that started in each of the last 24 hours; null: the hour is "
            "before the first alarm that is known, or too few clinicians stand behind it",
        ),
    ]
    shifts: Annotated[Shifts, Meta(description="This shift so far, and the one before")]


class Unit(Struct, frozen=True):
    """One unit now."""

    facility: str
    unit: str
    state: State
    since: Since
    rose: Rose
    entered: Entered
    reasons: Reasons
    corrected_at: CorrectedAt
    says: Says
    limits: Annotated[list[Limit], Meta(description="The limits in force in this unit")]
    own_limits: Annotated[
        list[Legend],
        Meta(description="The same in words; empty: they are those of `rules`"),
    ]
    relief: MaybeRelief
    relief_says: ReliefSays
    relief_possible: ReliefPossible
    strained: Annotated[
        list[Strain],
        Meta(
            max_length=MOST_STRAINED,
            description="Up to ten clinicians on duty whose load is above normal: the worst state "
            "first, then the one that has lasted longest",
        ),
    ]
    alarms: Annotated[
        dict[str, AlarmCounts | None],
        Meta(
            description="Alarms that started in the window (`alarm_fatigue_unit_alarms`), by window"
            + FEW
        ),
    ]
    nonactionable: Annotated[
        dict[str, Nonactionable | None],
        Meta(
            description="`alarm_fatigue_unit_nonactionable_ratio` and what it is based on, "
            "by window" + FEW
        ),
    ]
    open_alarms: Annotated[Count, Meta(description="Alarms that have not ended")]
    standing_alarms: Annotated[Count, Meta(description="Alarms open for more than 1 h")]
    stale_alarms: Annotated[
        Count,
        Meta(description="Alarms open for more than 24 h (ISA-18.2: fewer than 5 on any day)"),
    ]
    unassigned_alarms: Annotated[
        dict[str, Count | None],
        Meta(description="Alarms attributed to no clinician, by window" + FEW),
    ]
    chattering_alarms: Annotated[
        dict[str, Count | None],
        Meta(
            description="Alarms that are at least the third of the same signal within 60 s, "
            "by window" + FEW
        ),
    ]
    staffing: Staffing
    trend: Trend
    suppressed: Annotated[
        list[str],
        Meta(
            description="What is not shown, because too few clinicians stand behind it: names of "
            "windows, `hours` (some of `trend.hours`), `shifts`"
        ),
    ] = []
    taken: MaybeTaken = None


class Units(Struct, frozen=True):
    """The units of a worker."""

    at: WorkedOutAt
    refresh_seconds: RefreshSeconds
    windows: WindowNames
    currency: Currency
    rules: Rules
    units: Annotated[
        list[Unit],
        Meta(
            max_length=MOST_UNITS,
            description="The units that need help first come first: by state, then by how many "
            "clinicians are overloaded or elevated, then by alarms in 10 min per clinician on "
            "duty, then by name",
        ),
    ]
    left_out: LeftOut
    takings: Takings = "off"


OWN = "; that of a window of 12 h or more is null unless `privacy.smallest_group` is 1"


class Clinician(Struct, frozen=True):
    """One clinician now, by pseudonym."""

    clinician: Pseudonym
    on_duty: Annotated[bool, Meta(description="Whether a bed is assigned to the clinician now")]
    state: State
    since: Since
    rose: Rose
    entered: Entered
    reasons: Reasons
    corrected_at: CorrectedAt
    says: Says
    relief: MaybeRelief
    relief_says: ReliefSays
    beds: Annotated[Count, Meta(description="Assigned now")]
    acuity: Annotated[Amount, Meta(description="Sum over the beds assigned now")]
    shift_hours: Annotated[
        float | None,
        Meta(description="Hours since the present period of duty began; null: off duty"),
    ]
    alarms: Annotated[
        dict[str, Count | None],
        Meta(description="Alarms attributed to the clinician, by window" + OWN),
    ]
    alarm_seconds: Annotated[
        dict[str, Amount | None],
        Meta(description="Time during which at least one of these alarms was on, by window" + OWN),
    ]
    protected_ratio: Annotated[
        dict[str, Annotated[Ratio | None, Meta(description="null: under 5 min of duty")]],
        Meta(
            description="Share of the time on duty in alarm-free periods of 5 min or more, "
            "by window"
        ),
    ]
    flood_ratio: Annotated[
        dict[str, Ratio | None],
        Meta(description="Share of the window in alarm flood (ISA-18.2)" + OWN),
    ]
    overlapping_alarms: Annotated[
        dict[str, Count | None],
        Meta(description="Alarms that began while an earlier one was unanswered, by window" + OWN),
    ]
    nonactionable: Annotated[
        dict[str, Nonactionable | None],
        Meta(
            description="`alarm_fatigue_clinician_nonactionable_ratio` and what it is based on, "
            "by window" + OWN
        ),
    ]
    load_band: LoadBand
    nonactionable_exposure: Annotated[
        Count,
        Meta(
            description="Non-actionable alarms in the last 120 min (Bonafide 2015): a measure of "
            "exposure, not proof of harm"
        ),
    ]
    exposure_band: ExposureBand


class Clinicians(Struct, frozen=True):
    """The clinicians of one unit."""

    facility: str
    unit: str
    at: WorkedOutAt
    clinicians: Annotated[
        list[Clinician],
        Meta(
            max_length=MOST_CLINICIANS,
            description="The clinicians whose series are exported, in the order of their "
            "pseudonyms: this is not a ranking",
        ),
    ]
    left_out: LeftOut
