"""Unit: its load compared with published limits and with its staffing, the classes of its alarms,
and its assignments by pseudonym, never sorted by load.
"""

from __future__ import annotations

from grafana import promql, unit_classes, unit_week
from grafana.frame import (
    TO_CLINICIAN,
    UNIT,
    Board,
    address,
    facility,
    to_incident,
    to_page,
    to_types,
    unit,
)
from grafana.limits import (
    BEDS_SOURCE,
    BLUE,
    GREEN,
    GREY,
    LOAD_AN_HOUR,
    LOAD_SOURCE,
    MORE,
    ORANGE,
    POLICY_SOURCE,
    PROTECTED_SOURCE,
    PURPLE,
    RATE_10M,
    RATE_SOURCE,
    RELIEF,
    SOME_ELEVATED,
    STATES,
    STATES_SOURCE,
    VERMILION,
    Line,
    policy_lines,
)
from grafana.marks import ALWAYS, OVERLOAD, PAGED
from grafana.panels import DATE, bars, curves, figure
from grafana.promql import UNIT as HERE
from grafana.queries import of_now, query
from grafana.tables import Column, grid
from streams.paging.tiers import ROLES

_NOBODY = "No clinician is assigned to a bed of this unit; check the roster feed"
_NO_CLINICIANS = (
    "No clinician is on duty in this unit, or clinicians are not exported (metrics.clinicians)"
)

_MOST_BEDS = Line(
    "beds: limit to enter",
    f"{promql.unit('clinicians', HERE)} * {promql.unit('beds_per_clinician_limit', HERE)}",
    PURPLE,
)


def board() -> Board:
    one = Board(
        UNIT,
        "Unit",
        "One unit: its load, its staffing, the classes of its alarms, and what could be changed.",
        [facility(), unit(), address("web")],
        [OVERLOAD, PAGED, *ALWAYS],
    )
    one.link(to_page())
    one.line(
        3,
        (
            4,
            figure(
                "State",
                f"The load of the unit's average clinician on duty. {STATES_SOURCE}",
                of_now(promql.unit("overload_state", HERE)),
                steps=STATES,
                as_word=True,
            ),
        ),
        (
            5,
            figure(
                "Since",
                "Since when the state holds.",
                of_now(promql.since(HERE)),
                unit=DATE,
                empty="The unit is normal",
            ),
        ),
        (
            5,
            figure(
                "Alarms in 10 min",
                f"Alarms of the last 10 min per clinician on duty. {RATE_SOURCE}",
                of_now(promql.per_clinician(HERE, "10m")),
                steps=RATE_10M,
                decimals=1,
                empty=_NOBODY,
            ),
        ),
        (
            5,
            figure(
                "Alarms in 1 h",
                f"Alarms of the last hour per clinician on duty. {LOAD_SOURCE}",
                of_now(promql.per_clinician(HERE, "1h")),
                steps=LOAD_AN_HOUR,
                decimals=1,
                empty=_NOBODY,
            ),
        ),
        (
            5,
            figure(
                "Protected time",
                "Average of the clinicians on duty over the last hour, and the limits below which "
                f"the unit is elevated and overloaded. {PROTECTED_SOURCE}",
                of_now(promql.protected(HERE), "A", "now"),
                of_now(
                    promql.policy_limit("protected_1h", "elevated", "enter", HERE), "B", "elevated"
                ),
                of_now(
                    promql.policy_limit("protected_1h", "overloaded", "enter", HERE),
                    "C",
                    "overloaded",
                ),
                unit="percentunit",
                decimals=0,
                empty="Nobody has been on duty for 5 min",
            ),
        ),
    )
    one.line(
        3,
        (
            6,
            figure(
                "Beds per clinician",
                f"Assigned beds per clinician on duty, and the limit. {BEDS_SOURCE}",
                of_now(promql.unit("beds_per_clinician", HERE), "A", "now"),
                of_now(promql.unit("beds_per_clinician_limit", HERE), "B", "limit"),
                decimals=1,
                empty=_NOBODY,
            ),
        ),
        (
            6,
            figure(
                "Open now",
                "Alarms that have not ended. Standing: open for over 1 h (our own). Stale: open "
                "for over 24 h (ISA-18.2: under 5 on any day).",
                of_now(promql.unit("open_alarms", HERE), "A", "open"),
                of_now(promql.unit("standing_alarms", HERE), "B", "standing"),
                of_now(promql.unit("stale_alarms", HERE), "C", "stale"),
            ),
        ),
        (
            6,
            figure(
                "Unassigned, 1 h",
                "Alarms of the last hour without an assigned clinician: the bed had no "
                "assignment at that time, or the roster is charted late.",
                of_now(promql.unit("unassigned_alarms", f'{HERE}, window="1h"')),
                steps=SOME_ELEVATED,
            ),
        ),
        (
            6,
            figure(
                "Against 12 h before",
                "Alarms of the last 12 h compared with the 12 h before. Below zero is better. "
                "The web page compares shifts.",
                of_now(promql.change_from_before(HERE)),
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
            10,
            grid(
                "Measures behind the state",
                "The measures that raised the unit's state or hold it, for the average clinician "
                "on duty: the value when the state last rose, the value now, and the limits to "
                "enter and to leave the state (policy.overload). The state ends once no measure "
                "has been beyond its limit to leave for the policy's cool-down.",
                Column("Measure", label="measure", called=promql.MEASURES, width=145),
                Column("When it rose", promql.when_it_rose(HERE)),
                Column("Now", promql.at_present(HERE)),
                Column("Limit to enter", promql.limit_in_force("enter", HERE)),
                Column("Limit to leave", promql.limit_in_force("leave", HERE)),
                sort=("Measure",),
                descending=False,
                empty="Normal: no measure is beyond its limit",
            ),
        ),
        (
            7,
            grid(
                "Relief by a colleague",
                f"Whether moving one bed to a colleague on duty would help now. {promql.RELIEF}",
                Column(
                    "A bed can move",
                    promql.unit("relief_available", HERE),
                    steps=RELIEF,
                    as_word=True,
                ),
                Column("Alarms spared per hour", promql.unit("relief_alarms", HERE)),
                Column("Colleague's alarms then", promql.unit("relief_taker_alarms", HERE)),
                sort=("A bed can move",),
                empty="No need: all loads are normal",
            ),
        ),
        (
            7,
            bars(
                "Most frequent alarm types, 1 h",
                "The five most frequent alarm types of the last hour: where to look first.",
                of_now(
                    f"sort_desc(topk(5, {promql.by_name('alarms', HERE, '1h')}))",
                    legend=promql.NAME,
                ),
                above=True,
                empty="No alarm in 1 h",
            ).data_links([to_types()]),
        ),
    )
    one.line(
        4,
        (
            24,
            grid(
                "Who has the page",
                "The role that has taken the page of this unit, and until when. The next tiers are "
                "not paged meanwhile. Needs alertmanager.url in the worker's settings.",
                Column("Role", label="role", called=ROLES),
                Column(
                    "Since",
                    _taken("page_taken_timestamp_seconds"),
                    DATE,
                ),
                Column(
                    "Until",
                    _taken("page_taken_until_timestamp_seconds"),
                    DATE,
                ),
                sort=("Role",),
                descending=False,
                empty="Nobody has taken a page of this unit, or it is not known",
            ),
        ),
    )
    one.heading("Load and staffing")
    one.line(
        9,
        (
            12,
            curves(
                "Alarms in 10 min per clinician",
                f"Alarms per clinician on duty. Grey: 12 h earlier. {POLICY_SOURCE} About two are "
                "the most that is manageable (ISA-18.2-2016).",
                query(promql.per_clinician(HERE, "10m"), "now", "A"),
                query(promql.per_clinician(HERE, "10m", promql.BEFORE), "12 h before", "B"),
                colours={"now": BLUE, "12 h before": GREY},
                lines=policy_lines("alarms_10m", HERE),
                empty=_NOBODY,
            ).data_links([to_incident()]),
        ),
        (
            12,
            curves(
                "Alarms in 1 h, beds and clinicians",
                "Load depends on alarms, beds and staff; this shows which of them changed. Right "
                f"axis: beds and clinicians. {BEDS_SOURCE}",
                query(promql.alarms(HERE, "1h"), "alarms in 1 h", "A"),
                query(promql.unit("beds", HERE), "beds", "B"),
                query(promql.unit("clinicians", HERE), "clinicians", "C"),
                colours={"alarms in 1 h": BLUE, "beds": PURPLE, "clinicians": GREEN},
                right={"beds": "none", "clinicians": "none", _MOST_BEDS.name: "none"},
                lines=(_MOST_BEDS,),
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
                query(promql.average("flood_ratio", HERE, "1h"), "in flood"),
                unit="percentunit",
                colours={"in flood": VERMILION},
                lines=(Line("target: under 1 %", "vector(0.01)", ORANGE),),
                empty=_NO_CLINICIANS,
            ).data_links([to_incident()]),
        ),
        (
            8,
            curves(
                "Protected time, over time",
                "Average of the clinicians on duty, over 1 h and 12 h; the limits are for 1 h. "
                f"{PROTECTED_SOURCE} {POLICY_SOURCE}",
                query(promql.protected(HERE), "1 h", "A"),
                query(promql.protected(HERE, "12h"), "12 h", "B"),
                unit="percentunit",
                most=1,
                colours={"1 h": GREEN, "12 h": GREY},
                lines=policy_lines("protected_1h", HERE),
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
                query(promql.unit("load_spread", f'{HERE}, window="1h"'), "spread"),
                unit="percentunit",
                most=1,
                colours={"spread": BLUE},
                empty="Fewer than two clinicians on duty, or no alarms",
            ),
        ),
    )
    unit_week.add_to(one)
    unit_classes.add_to(one)
    one.heading("Assignments, sorted by pseudonym")
    one.line(
        9,
        (
            24,
            grid(
                "Assignments",
                "The current load of each assignment. A pseudonym links to its board. The table "
                "is never sorted by load: it compares beds and limits, not people. "
                f"{STATES_SOURCE} {PROTECTED_SOURCE} Exposure: non-actionable alarms of the last "
                "120 min (Bonafide 2015); it is no proof of harm.",
                Column(
                    "Clinician",
                    label="clinician",
                    links=[("The assignment's board", TO_CLINICIAN)],
                    width=170,
                ),
                Column(
                    "State",
                    promql.of_assignments(promql.clinician("overload_state", HERE), HERE),
                    steps=STATES,
                    as_word=True,
                ),
                Column("Beds", promql.of_assignments(promql.clinician("beds", HERE), HERE)),
                Column(
                    "Acuity",
                    promql.of_assignments(promql.clinician("acuity", HERE), HERE),
                    decimals=1,
                ),
                Column(
                    "Alarms 1 h",
                    promql.of_assignments(promql.alarms_of_clinicians(HERE, "1h"), HERE),
                    steps=LOAD_AN_HOUR,
                ),
                Column(
                    "Protected time",
                    promql.of_assignments(
                        promql.clinician("protected_ratio", f'{HERE}, window="1h"'), HERE
                    ),
                    "percentunit",
                    decimals=0,
                ),
                Column(
                    "Overlapping 1 h",
                    promql.of_assignments(
                        promql.clinician("overlapping_alarms", f'{HERE}, window="1h"'), HERE
                    ),
                ),
                Column(
                    "Exposure",
                    promql.of_assignments(promql.clinician("nonactionable_exposure", HERE), HERE),
                ),
                Column(
                    "Hours on duty",
                    promql.of_assignments(promql.clinician("shift_hours", HERE), HERE),
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


def _taken(metric: str) -> str:
    """By role, a time in milliseconds, as Grafana shows dates."""
    return f"1000 * max by (facility, unit, role) (alarm_fatigue_{metric}{{{HERE}}})"
