"""Unit: its load beside what is manageable, beside its staff, and what its alarms were; assignments
by pseudonym, in no order of load.
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

_NOBODY = "Nobody is assigned to a bed of this unit: is the roster sent?"
_NO_CLINICIANS = (
    "Nobody is on duty in this unit, or clinicians are not exported (metrics.clinicians)"
)
_FEW = "Fewer than 5 classified alarms (policy.min_classified): too few to say"
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
        "One unit: how much, for how many, what it was, and what could be changed.",
        [facility(), unit()],
        [OVERLOAD, PAGED, CHANGED],
    )
    one.line(
        4,
        (
            3,
            figure(
                "State",
                f"What the unit's average clinician on duty bears. {STATES_SOURCE}",
                of_now(asked.unit("overload_state", HERE)),
                steps=STATES,
                say=True,
            ),
        ),
        (
            3,
            figure(
                "Alarms in 10 min",
                f"Alarms of the last 10 min over clinicians on duty. {RATE_SOURCE}",
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
                f"Alarms of the last hour over clinicians on duty. {LOAD_SOURCE}",
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
                f"Of the last hour, the average of clinicians. {PROTECTED_SOURCE}",
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
                "Alarms that have not ended; standing: for over 1 h (our own); stale: for over 24 h (ISA-18.2: under 5 on any day).",
                of_now(asked.unit("open_alarms", HERE), "A", "open"),
                of_now(asked.unit("standing_alarms", HERE), "B", "standing"),
                of_now(asked.unit("stale_alarms", HERE), "C", "stale"),
            ),
        ),
        (
            3,
            figure(
                "Unassigned, 1 h",
                "Alarms of the last hour that were attributed to nobody: beds without an assignment at that time, or a roster charted "
                "late.",
                of_now(asked.unit("unassigned_alarms", f'{HERE}, window="1h"')),
                steps=SOME_ELEVATED,
            ),
        ),
        (
            3,
            figure(
                "More than last shift",
                "Alarms of the last 12 h against those of the 12 h before: below zero is better.",
                of_now(asked.more_than_before(HERE)),
                unit="percentunit",
                decimals=0,
                steps=((None, GREEN, "fewer or as many"), (MORE, ORANGE, "more")),
                empty="No alarms 12 h ago to compare with",
            ),
        ),
    )
    one.heading("Why, and what could be changed now")
    one.line(
        6,
        (
            8,
            grid(
                "Why: measures beyond their limits",
                "What raised the unit's state: measures of the average clinician on duty, as they were when the state last rose, and the "
                "limit of policy.overload. The state is left once none has been beyond its leave level for 10 min.",
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
                f"{asked.ROOM} In the order of pseudonyms.",
                Column(
                    "Clinician",
                    label="clinician",
                    link=("The assignment's board", TO_CLINICIAN),
                    width=170,
                ),
                Column("Beds now", asked.with_room(HERE)),
                sort=("Clinician",),
                descending=False,
                empty="Nobody here has room: ask for staff, or for another unit's help",
            ),
        ),
        (
            8,
            bars(
                "Most frequent alarm types, 1 h",
                "Where to look first: alarms of the last hour by type, at most five.",
                of_now(
                    f"sort_desc(topk(5, {asked.in_a_word(asked.of_type('alarms', HERE, '1h'))}))",
                    legend=asked.TYPE,
                ),
                above=True,
                empty="No alarm in 1 h",
            ).data_links([to_types()]),
        ),
    )
    one.heading("Load beside staffing")
    one.line(
        9,
        (
            12,
            curves(
                "Alarms in 10 min per clinician, and a shift ago",
                f"Over clinicians on duty; dashed: 12 h before. {RATE_SOURCE}",
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
                "Alarms an hour, beside beds and clinicians",
                f"Load is a matter of alarms, beds and people: which of them moved? Right axis: beds and clinicians. {BEDS_SOURCE}",
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
                "Share of the last hour that the average clinician of the unit was in alarm flood: begins above 10 new alarms in 10 min, "
                "ends below 5; the aim is under 1 % of time (ISA-18.2-2016).",
                query(asked.average("flood_ratio", HERE, "1h"), "in flood"),
                unit="percentunit",
                colours={"in flood": VERMILION},
                steps=((None, GREEN, "as aimed"), (0.01, ORANGE, "above the aim")),
                empty=_NO_CLINICIANS,
            ),
        ),
        (
            8,
            curves(
                "Protected time, over time",
                f"Of the last hour and of 12 h, the average of clinicians. {PROTECTED_SOURCE}",
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
                "How evenly the load fell",
                "Gini coefficient of the last hour's alarms over clinicians on duty: 0 alike, towards 1 all on one. What is uneven can "
                "be evened out by handing over a bed (our own: no published limit).",
                query(asked.unit("load_spread", f'{HERE}, window="1h"'), "spread"),
                unit="percentunit",
                most=1,
                colours={"spread": BLUE},
                empty="Fewer than two clinicians on duty, or no alarms",
            ),
        ),
    )
    one.heading("What the alarms were")
    one.line(
        9,
        (
            8,
            curves(
                "Classes, alarms in 1 h",
                "Actionable: somebody intervened or consulted (Bonafide 2015, 2017), or a review says so. Non-actionable: nobody needed "
                "to. Technical alarms are apart. Pending: not over, or within 5 min of its end. Unknown: no channel tells what was done.",
                *_by_class(),
                colours=_CLASSES,
                stacked=True,
            ),
        ),
        (
            8,
            curves(
                "Non-actionable, and how much is known",
                "Share of the classified alarms of 12 h that needed nobody, with technical ones and without (Bonafide 2015: 87 % in a "
                "PICU, 99 % on a ward); known: share of all alarms that is classified at all. A ratio is as good as that.",
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
                "From an alarm's start to the first response of any kind, of alarms that became final in at least 30 min: half, and nine "
                "of ten, were faster. Goerges 2009: median 17 s in an ICU; Bonafide 2017: median 10.4 min.",
                _response(0.5, "half", "A"),
                _response(0.9, "nine of ten", "B"),
                _response(0.5, "half, high priority", "C", ', priority="high"'),
                unit="s",
                colours={"half": SKY, "nine of ten": ORANGE, "half, high priority": VERMILION},
                empty="No response to any alarm in this time, or responses are not sent",
            ),
        ),
    )
    one.line(
        9,
        (
            12,
            bars(
                "Most frequent alarm types, 12 h",
                "Share of the unit's alarms, the ten most frequent types; more on the board Alarm types. ISA-18.2: the ten most frequent "
                "should make 1 to 5 % of the load, and have action plans.",
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
                "Chattering: at least the third within 60 s of one device, source and code. Fleeting: over sooner than 15 s "
                "(policy.fleeting). ISA-18.2 aims at none of either: a delay or deadband is the usual remedy.",
                query(asked.unit("chattering_alarms", f'{HERE}, window="1h"'), "chattering", "A"),
                query(asked.unit("fleeting_alarms", f'{HERE}, window="1h"'), "fleeting", "B"),
                colours={"chattering": VERMILION, "fleeting": SKY},
            ),
        ),
        (
            6,
            bars(
                "Priorities, 12 h",
                "Share of alarms; ISA-18.2 aims at 80 % low, 15 % medium, 5 % high. Where most are urgent, none is.",
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
    one.heading("Assignments: by pseudonym, in the order of pseudonyms")
    one.line(
        9,
        (
            24,
            grid(
                "Assignments",
                "What each assignment bears now; a pseudonym leads to its board. Never sorted by load: what is compared are beds and "
                f"limits, not people. {STATES_SOURCE} {PROTECTED_SOURCE} Exposure: non-actionable alarms of 120 min (Bonafide 2015), "
                "never proof of harm.",
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
    found = f"sum by (le) (rate(alarm_fatigue_response_seconds_bucket{{{HERE}{more}}}[$__rate_interval]))"
    return query(f"histogram_quantile({share}, {found})", name, ref, interval="30m")
