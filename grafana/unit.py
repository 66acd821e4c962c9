"""Unit: its load compared with published limits and with its staffing, the classes of its alarms,
and its assignments by pseudonym, never sorted by load.
"""

from __future__ import annotations

from grafana import asked
from grafana.asked import UNIT as HERE
from grafana.frame import (
    CHANGED,
    OVERLOAD,
    PAGED,
    TO_CLINICIAN,
    UNIT,
    Board,
    facility,
    to_types,
    unit,
)
from grafana.parts import (
    BEDS,
    BEDS_SOURCE,
    BLUE,
    GREEN,
    GREY,
    LOAD_AN_HOUR,
    LOAD_SOURCE,
    MORE,
    ORANGE,
    PROTECTED,
    PROTECTED_SOURCE,
    PURPLE,
    RATE_10M,
    RATE_SOURCE,
    SKY,
    SOME_ELEVATED,
    STATES,
    STATES_SOURCE,
    VERMILION,
    Column,
    Query,
    bars,
    curves,
    figure,
    grid,
    of_now,
    query,
)

_NOBODY = "No clinician is assigned to a bed of this unit; check the roster feed"
_NO_CLINICIANS = (
    "No clinician is on duty in this unit, or clinicians are not exported (metrics.clinicians)"
)
_FEW = "Too few classified alarms: fewer than 5 (policy.min_classified)"
_CLASSES = {
    "actionable": GREEN,
    "non_actionable": VERMILION,
    "technical": ORANGE,
    "pending": SKY,
    "unknown": GREY,
}


def board() -> Board:
    one = Board(
        UNIT,
        "Unit",
        "One unit: its load, its staffing, the classes of its alarms, and what could be changed.",
        [facility(), unit()],
        [OVERLOAD, PAGED, CHANGED],
    )
    one.line(
        4,
        (
            3,
            figure(
                "State",
                f"The load of the unit's average clinician on duty. {STATES_SOURCE}",
                of_now(asked.unit("overload_state", HERE)),
                steps=STATES,
                say=True,
            ),
        ),
        (
            3,
            figure(
                "Alarms in 10 min",
                f"Alarms of the last 10 min per clinician on duty. {RATE_SOURCE}",
                of_now(asked.per_clinician(HERE, "10m")),
                steps=RATE_10M,
                decimals=1,
                empty=_NOBODY,
            ),
        ),
        (
            3,
            figure(
                "Alarms in 1 h",
                f"Alarms of the last hour per clinician on duty. {LOAD_SOURCE}",
                of_now(asked.per_clinician(HERE, "1h")),
                steps=LOAD_AN_HOUR,
                decimals=1,
                empty=_NOBODY,
            ),
        ),
        (
            3,
            figure(
                "Protected time",
                f"Average of the clinicians on duty, last hour. {PROTECTED_SOURCE}",
                of_now(asked.protected(HERE)),
                unit="percentunit",
                steps=PROTECTED,
                decimals=0,
                empty="Nobody has been on duty for 5 min",
            ),
        ),
        (
            3,
            figure(
                "Beds per clinician",
                BEDS_SOURCE,
                of_now(asked.unit("beds_per_clinician", HERE)),
                steps=BEDS,
                decimals=1,
                empty=_NOBODY,
            ),
        ),
        (
            3,
            figure(
                "Open now",
                "Alarms that have not ended. Standing: open for over 1 h (our own). Stale: open "
                "for over 24 h (ISA-18.2: under 5 on any day).",
                of_now(asked.unit("open_alarms", HERE), "A", "open"),
                of_now(asked.unit("standing_alarms", HERE), "B", "standing"),
                of_now(asked.unit("stale_alarms", HERE), "C", "stale"),
            ),
        ),
        (
            3,
            figure(
                "Unassigned, 1 h",
                "Alarms of the last hour without an assigned clinician: the bed had no "
                "assignment at that time, or the roster is charted late.",
                of_now(asked.unit("unassigned_alarms", f'{HERE}, window="1h"')),
                steps=SOME_ELEVATED,
            ),
        ),
        (
            3,
            figure(
                "Change from last shift",
                "Alarms of the last 12 h compared with the 12 h before. Below zero is better.",
                of_now(asked.more_than_before(HERE)),
                unit="percentunit",
                decimals=0,
                steps=((None, GREEN, "fewer or as many"), (MORE, ORANGE, "more")),
                empty="No alarms 12 h ago to compare with",
            ),
        ),
    )
    one.heading("Causes, and what can be changed now")
    one.line(
        6,
        (
            8,
            grid(
                "Measures beyond their limits",
                "The measures that raised the unit's state, for the average clinician on duty: "
                "their values when the state last rose, and their limits (policy.overload). The "
                "state ends once no measure has been beyond its leave level for 10 min.",
                Column("Measure", label="measure", called=asked.MEASURES, width=160),
                Column("Rose at", asked.beyond("reason", HERE), decimals=2),
                Column("Limit", asked.beyond("limit", HERE), decimals=2),
                Column("Now", asked.at_present(HERE), decimals=2),
                sort=("Measure",),
                descending=False,
                empty="Normal: no measure is beyond its limit",
            ),
        ),
        (
            8,
            grid(
                "Who could take a bed",
                f"{asked.ROOM} Sorted by pseudonym.",
                Column(
                    "Clinician",
                    label="clinician",
                    link=("The assignment's board", TO_CLINICIAN),
                    width=170,
                ),
                Column("Beds now", asked.with_room(HERE)),
                sort=("Clinician",),
                descending=False,
                empty="No clinician here has room: ask for staff, or for help from another unit",
            ),
        ),
        (
            8,
            bars(
                "Most frequent alarm types, 1 h",
                "The five most frequent alarm types of the last hour: where to look first.",
                of_now(
                    f"sort_desc(topk(5, {asked.in_a_word(asked.of_type('alarms', HERE, '1h'))}))",
                    legend=asked.TYPE,
                ),
                above=True,
                empty="No alarm in 1 h",
            ).data_links([to_types()]),
        ),
    )
    one.heading("Load and staffing")
    one.line(
        9,
        (
            12,
            curves(
                "Alarms in 10 min per clinician, now and last shift",
                f"Alarms per clinician on duty. Dashed: 12 h earlier. {RATE_SOURCE}",
                query(asked.per_clinician(HERE, "10m"), "now", "A"),
                query(asked.per_clinician(HERE, "10m", asked.BEFORE), "12 h before", "B"),
                colours={"now": BLUE, "12 h before": GREY},
                dashed=["12 h before"],
                steps=RATE_10M,
                empty=_NOBODY,
            ),
        ),
        (
            12,
            curves(
                "Alarms in 1 h, beds and clinicians",
                "Load depends on alarms, beds and staff; this shows which of them changed. Right "
                f"axis: beds and clinicians. {BEDS_SOURCE}",
                query(asked.alarms(HERE, "1h"), "alarms in 1 h", "A"),
                query(asked.unit("beds", HERE), "beds", "B"),
                query(asked.unit("clinicians", HERE), "clinicians", "C"),
                colours={"alarms in 1 h": BLUE, "beds": PURPLE, "clinicians": GREEN},
                right={"beds": "none", "clinicians": "none"},
            ),
        ),
    )
    one.line(
        8,
        (
            8,
            curves(
                "Flood: share of clinicians' time",
                "Share of the last hour that the unit's average clinician spent in alarm flood. "
                "A flood begins above 10 new alarms in 10 min and ends below 5. The target is "
                "under 1 % of time (ISA-18.2-2016).",
                query(asked.average("flood_ratio", HERE, "1h"), "in flood"),
                unit="percentunit",
                colours={"in flood": VERMILION},
                steps=((None, GREEN, "on target"), (0.01, ORANGE, "above target")),
                empty=_NO_CLINICIANS,
            ),
        ),
        (
            8,
            curves(
                "Protected time, over time",
                f"Average of the clinicians on duty, over 1 h and 12 h. {PROTECTED_SOURCE}",
                query(asked.protected(HERE), "1 h", "A"),
                query(asked.protected(HERE, "12h"), "12 h", "B"),
                unit="percentunit",
                most=1,
                colours={"1 h": GREEN, "12 h": GREY},
                steps=PROTECTED,
                empty="Nobody has been on duty for 5 min",
            ),
        ),
        (
            8,
            curves(
                "Spread of load",
                "Gini coefficient of the last hour's alarms over clinicians on duty: 0 if all "
                "have equally many, towards 1 if one has all. Handing over a bed can even out "
                "the load (our own: no published limit).",
                query(asked.unit("load_spread", f'{HERE}, window="1h"'), "spread"),
                unit="percentunit",
                most=1,
                colours={"spread": BLUE},
                empty="Fewer than two clinicians on duty, or no alarms",
            ),
        ),
    )
    one.heading("Alarms by class")
    one.line(
        9,
        (
            8,
            curves(
                "Classes, alarms in 1 h",
                "Actionable: a clinician intervened or consulted (Bonafide 2015, 2017), or a "
                "reviewer said so. Non-actionable: no action was needed. Technical: about the "
                "device. Pending: not over, or ended within the last 5 min. Unknown: no feed "
                "reports what was done.",
                *_by_class(),
                colours=_CLASSES,
                stacked=True,
            ),
        ),
        (
            8,
            curves(
                "Non-actionable share of classified alarms",
                "Share of the classified alarms of 12 h, with and without technical ones "
                "(Bonafide 2015: 87 % in a PICU, 99 % on a ward). Known: the classified share of "
                "all alarms. The lower it is, the less the other two shares tell.",
                query(
                    asked.unit("nonactionable_ratio", f'{HERE}, window="12h", scope="all"'),
                    "non-actionable or technical",
                    "A",
                ),
                query(
                    asked.unit("nonactionable_ratio", f'{HERE}, window="12h", scope="clinical"'),
                    "non-actionable, clinical",
                    "B",
                ),
                query(asked.classified(HERE, "12h"), "known", "C"),
                unit="percentunit",
                most=1,
                colours={
                    "non-actionable or technical": ORANGE,
                    "non-actionable, clinical": VERMILION,
                    "known": GREY,
                },
                dashed=["known"],
                empty=_FEW,
            ),
        ),
        (
            8,
            curves(
                "First response",
                "Time from an alarm's start to the first response of any kind: median and 90th "
                "percentile over at least 30 min. Goerges 2009: median 17 s in an ICU. Bonafide "
                "2017: median 10.4 min.",
                _response(0.5, "median", "A"),
                _response(0.9, "90th percentile", "B"),
                _response(0.5, "median, high priority", "C", ', priority="high"'),
                unit="s",
                colours={
                    "median": SKY,
                    "90th percentile": ORANGE,
                    "median, high priority": VERMILION,
                },
                empty="No response to any alarm in this time, or no response feed",
            ),
        ),
    )
    one.line(
        9,
        (
            12,
            bars(
                "Most frequent alarm types, 12 h",
                "The ten most frequent types, as shares of the unit's alarms; see the board "
                "Alarm types. ISA-18.2: the ten most frequent should cause 1 to 5 % of the load, "
                "and each needs an action plan.",
                of_now(
                    f"sort_desc({asked.in_a_word(asked.of_type('share', HERE, '12h'))})",
                    legend=asked.TYPE,
                ),
                unit="percentunit",
                empty="No alarm in 12 h",
            ).data_links([to_types()]),
        ),
        (
            6,
            curves(
                "Chattering and fleeting, in 1 h",
                "Chattering: at least the third alarm of one device, source and code within 60 "
                "s. Fleeting: shorter than 15 s (policy.fleeting). ISA-18.2 aims at none of "
                "either. The usual remedy is a delay or deadband.",
                query(asked.unit("chattering_alarms", f'{HERE}, window="1h"'), "chattering", "A"),
                query(asked.unit("fleeting_alarms", f'{HERE}, window="1h"'), "fleeting", "B"),
                colours={"chattering": VERMILION, "fleeting": SKY},
            ),
        ),
        (
            6,
            bars(
                "Priorities, 12 h",
                "Share of alarms. ISA-18.2 aims at 80 % low, 15 % medium, 5 % high.",
                *(
                    of_now(
                        asked.unit("priority_share", f'{HERE}, window="12h", priority="{name}"'),
                        ref,
                        f"{name} (aim: {aim} %)",
                    )
                    for ref, name, aim in (("A", "low", 80), ("B", "medium", 15), ("C", "high", 5))
                ),
                unit="percentunit",
                most=1,
                empty="No alarm in 12 h",
            ),
        ),
    )
    one.heading("Assignments, sorted by pseudonym")
    one.line(
        9,
        (
            24,
            grid(
                "Assignments",
                "The current load of each assignment. A pseudonym links to its board. The table "
                "is never sorted by load: it compares beds and limits, not people. "
                f"{STATES_SOURCE} {PROTECTED_SOURCE} Exposure: non-actionable alarms of 120 min "
                "(Bonafide 2015); it is no proof of harm.",
                Column(
                    "Clinician",
                    label="clinician",
                    link=("The assignment's board", TO_CLINICIAN),
                    width=170,
                ),
                Column(
                    "State",
                    asked.on_duty(asked.clinician("overload_state", HERE), HERE),
                    steps=STATES,
                    say=True,
                ),
                Column("Beds", asked.on_duty(asked.clinician("beds", HERE), HERE), steps=BEDS),
                Column("Acuity", asked.on_duty(asked.clinician("acuity", HERE), HERE), decimals=1),
                Column(
                    "Alarms 1 h",
                    asked.on_duty(asked.alarms_of_clinicians(HERE, "1h"), HERE),
                    steps=LOAD_AN_HOUR,
                ),
                Column(
                    "Protected time",
                    asked.on_duty(asked.clinician("protected_ratio", f'{HERE}, window="1h"'), HERE),
                    "percentunit",
                    steps=PROTECTED,
                    decimals=0,
                ),
                Column(
                    "Overlapping 1 h",
                    asked.on_duty(
                        asked.clinician("overlapping_alarms", f'{HERE}, window="1h"'), HERE
                    ),
                ),
                Column(
                    "Exposure", asked.on_duty(asked.clinician("nonactionable_exposure", HERE), HERE)
                ),
                Column(
                    "Hours on duty",
                    asked.on_duty(asked.clinician("shift_hours", HERE), HERE),
                    "h",
                    decimals=1,
                ),
                sort=("Clinician",),
                descending=False,
                empty=_NO_CLINICIANS,
            ),
        ),
    )
    return one


def _by_class() -> list[Query]:
    return [
        query(asked.unit("classified_alarms", f'{HERE}, window="1h", class="{name}"'), name, ref)
        for ref, name in zip("ABCDE", _CLASSES, strict=True)
    ]


def _response(share: float, name: str, ref: str, more: str = "") -> Query:
    found = (
        "sum by (le) "
        f"(rate(alarm_fatigue_response_seconds_bucket{{{HERE}{more}}}[$__rate_interval]))"
    )
    return query(f"histogram_quantile({share}, {found})", name, ref, interval="30m")
