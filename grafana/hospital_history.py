"""History: the sections of the board Hospital overview about the past, and a row for each unit."""

from __future__ import annotations

from grafana import alerts, days, heatmaps, promql
from grafana.frame import TO_UNIT, Board, to_unit_of_series
from grafana.limits import (
    BLUE,
    CLASSES,
    GREEN,
    GREY,
    LOAD_AN_HOUR,
    LOAD_SOURCE,
    POLICY_SOURCE,
    PROTECTED_SOURCE,
    RATE_LINES,
    RATE_SOURCE,
    RELIEF,
    STATES,
    STATES_SOURCE,
    policy_lines,
    word,
)
from grafana.panels import curves, strips
from grafana.promql import UNITS as HERE
from grafana.queries import query
from grafana.tables import Column, grid

NOBODY = "No clinician is assigned to a bed here; check the roster feed"


def add_to(one: Board) -> None:
    one.line(
        8,
        (
            12,
            grid(
                "Measures behind the state",
                "The measures that raised each unit's state or hold it, for the average clinician "
                "on duty: the value when the state last rose, the value now, and the limits to "
                "enter and to leave the state (policy.overload). Units in the state normal are "
                "not listed.",
                Column("Facility", label="facility", width=70),
                Column("Unit", label="unit", links=[("The unit's board", TO_UNIT)], width=90),
                Column("Measure", label="measure", called=promql.MEASURES, width=130),
                Column("When it rose", promql.when_it_rose(HERE)),
                Column("Now", promql.at_present(HERE)),
                Column("Limit to enter", promql.limit_in_force("enter", HERE)),
                Column("Limit to leave", promql.limit_in_force("leave", HERE)),
                sort=("Unit",),
                descending=False,
                empty="Normal: no measure is beyond its limit",
            ),
        ),
        (
            12,
            grid(
                "Relief by a colleague",
                "The units in which somebody's load is above normal, and whether moving one bed to "
                f"a colleague on duty there would help now. {promql.RELIEF}",
                Column("Facility", label="facility"),
                Column("Unit", label="unit", links=[("The unit's board", TO_UNIT)]),
                Column(
                    "A bed can move",
                    promql.unit("relief_available", HERE),
                    steps=RELIEF,
                    as_word=True,
                    width=130,
                ),
                Column("Spared per hour", promql.unit("relief_alarms", HERE)),
                Column("On duty", _of_strained("clinicians")),
                Column("Beds per clinician", _of_strained("beds_per_clinician"), decimals=1),
                Column("State", _of_strained("overload_state"), steps=STATES, as_word=True),
                sort=("State",),
                empty="No need: all loads are normal",
            ),
        ),
    )
    one.line(
        6,
        (
            24,
            alerts.firing(
                "Alerts of the chosen facilities and units, and of the whole pipeline.",
                'facility=~"$facility|", unit=~"$unit|"',
            ),
        ),
    )
    one.heading("History")
    one.line(
        8,
        (
            12,
            strips(
                "States of units",
                f"One strip per unit; it links to the unit's board. {STATES_SOURCE}",
                query(promql.unit("overload_state", HERE), "{{facility}} {{unit}}"),
                steps=STATES,
            ).data_links([to_unit_of_series()]),
        ),
        (
            12,
            strips(
                "Load bands of units",
                f"Alarms of the last hour per clinician on duty. {LOAD_SOURCE}",
                query(promql.per_clinician(HERE, "1h"), "{{facility}} {{unit}}"),
                steps=LOAD_AN_HOUR,
                empty=NOBODY,
            ).data_links([to_unit_of_series()]),
        ),
    )
    one.beside(
        (
            9,
            heatmaps.week(
                "Alarms by weekday and hour",
                "Alarms that started in each hour, averaged over four weeks; as known at the end "
                "of the hour. If a row stands out, review the routines of that hour; if a column "
                "does, the staffing of that day.",
                promql.in_hour_from(HERE),
            ),
        ),
        (
            8,
            curves(
                "Alarms in 10 min per clinician",
                "Alarms of the chosen units per clinician on duty. Dashed: 12 h earlier. "
                f"{RATE_SOURCE}",
                query(_rate(""), "now", "A"),
                query(_rate(promql.BEFORE), "12 h before", "B"),
                colours={"now": BLUE, "12 h before": GREY},
                dashed=["12 h before"],
                lines=RATE_LINES,
                empty=NOBODY,
            ),
        ),
        (
            8,
            days.per_bed(HERE),
        ),
        (
            9,
            days.first_responses(HERE),
        ),
    )
    one.repeated(
        "$unit: load, protected time and classes",
        "unit",
        8,
        (
            8,
            curves(
                "$unit: alarms in 10 min",
                f"Per clinician on duty. {POLICY_SOURCE}",
                query(_rate(""), "alarms in 10 min"),
                colours={"alarms in 10 min": BLUE},
                lines=policy_lines("alarms_10m", HERE),
                empty=NOBODY,
            ),
        ),
        (
            8,
            curves(
                "$unit: protected time",
                f"Average of the clinicians on duty, last hour. {PROTECTED_SOURCE} {POLICY_SOURCE}",
                query(f"avg({promql.protected(HERE)})", "protected"),
                unit="percentunit",
                most=1,
                colours={"protected": GREEN},
                lines=policy_lines("protected_1h", HERE),
                empty="Nobody has been on duty for 5 min",
            ),
        ),
        (
            8,
            curves(
                "$unit: alarms in 1 h, by class",
                "The unit's board explains the classes.",
                *(
                    query(
                        f"sum({promql.unit('classified_alarms', _of_class(name))})",
                        word(name),
                        ref,
                    )
                    for ref, name in zip("ABCDE", CLASSES, strict=True)
                ),
                colours={word(name): colour for name, colour in CLASSES.items()},
                stacked=True,
            ),
        ),
    )


def _of_class(name: str) -> str:
    return f'{HERE}, window="1h", class="{name}"'


def _of_strained(metric: str) -> str:
    """A gauge of the units in which somebody needs relief."""
    return (
        f"{promql.unit(metric, HERE)} and on (facility, unit) "
        f"{promql.unit('relief_available', HERE)}"
    )


def _rate(offset: str) -> str:
    return (
        f"sum({promql.alarms(HERE, '10m', offset)}) / "
        f"(sum({promql.unit('clinicians', HERE, offset=offset)}) > 0)"
    )
