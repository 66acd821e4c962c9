"""Hospital overview: units in need of help, the causes, where a bed can move, the change from last
shift, and whether the data is current.
"""

from __future__ import annotations

from grafana import promql
from grafana.frame import (
    CHANGED,
    HOSPITAL,
    OVERLOAD_ANYWHERE,
    PAGED,
    TO_UNIT,
    Board,
    facility,
    to_unit_of_series,
)
from grafana.limits import (
    AGE,
    AGE_SOURCE,
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
    RATE_10M,
    RATE_SOURCE,
    RELIEF,
    SOME,
    SOME_ELEVATED,
    STATES,
    STATES_SOURCE,
)
from grafana.panels import curves, figure, strips
from grafana.promql import FACILITY
from grafana.queries import of_now, query
from grafana.tables import Column, grid

_STATE = promql.unit("overload_state", FACILITY)
_NOBODY = "No clinician is assigned to a bed here; check the roster feed"


def board() -> Board:
    one = Board(
        HOSPITAL,
        "Hospital overview",
        "Units by load, and which need help now. Loads describe units and assignments, never a "
        "person's performance.",
        [facility()],
        [OVERLOAD_ANYWHERE, PAGED, CHANGED],
    )
    one.line(
        4,
        (
            4,
            figure(
                "Units overloaded",
                f"Units that are overloaded now. {STATES_SOURCE}",
                of_now(f"sum({_STATE} == bool 2)"),
                steps=SOME,
            ),
        ),
        (
            4,
            figure(
                "Units elevated",
                f"Units that are elevated now. {STATES_SOURCE}",
                of_now(f"sum({_STATE} == bool 1)"),
                steps=SOME_ELEVATED,
            ),
        ),
        (
            4,
            figure(
                "Assignments overloaded",
                "Clinicians on duty whose assignment is overloaded. The state describes the "
                "assignment, not the person. The unit's board shows what can be changed.",
                of_now(
                    f"sum({promql.clinician('overload_state', FACILITY)} == bool 2 and "
                    f"{promql.clinician('beds', FACILITY)} > 0)"
                ),
                steps=SOME,
                empty="No clinician is on duty, or clinicians are not exported "
                "(metrics.clinicians)",
            ),
        ),
        (
            4,
            figure(
                "Beds per clinician",
                f"Assigned beds of the hospital per clinician on duty. {BEDS_SOURCE}",
                of_now(
                    f"sum({promql.unit('beds', FACILITY)}) / "
                    f"(sum({promql.unit('clinicians', FACILITY)}) > 0)"
                ),
                steps=BEDS,
                decimals=1,
                empty=_NOBODY,
            ),
        ),
        (
            4,
            figure(
                "Change from last shift",
                "Alarms of the last 12 h compared with the 12 h before. Below zero is better.",
                of_now(
                    f"sum({promql.alarms(FACILITY, '12h')}) / "
                    f"(sum({promql.alarms(FACILITY, '12h', promql.BEFORE)}) > 0) - 1"
                ),
                unit="percentunit",
                decimals=0,
                steps=((None, GREEN, "fewer or as many"), (MORE, ORANGE, "more")),
                empty="No alarms 12 h ago to compare with",
            ),
        ),
        (
            4,
            figure(
                "Age of the data",
                AGE_SOURCE,
                of_now(f"time() - max(alarm_fatigue_watermark_timestamp_seconds{{{FACILITY}}})"),
                unit="s",
                decimals=0,
                steps=AGE,
                empty="No alarm has arrived; see Pipeline health",
            ),
        ),
    )
    one.line(
        8,
        (
            24,
            grid(
                "Units in need of help",
                "One row per unit, the worst state first. A unit's name links to its board. "
                '"Each" means per clinician on duty. '
                f"{STATES_SOURCE} {LOAD_SOURCE} {PROTECTED_SOURCE} {BEDS_SOURCE} "
                "Non-actionable: share of the classified alarms of 12 h; empty if "
                "fewer than five are classified. Open: not ended yet. Unassigned: without an "
                "assigned clinician.",
                Column("Unit", label="unit", link=("The unit's board", TO_UNIT)),
                Column(
                    "State", promql.unit("overload_state", FACILITY), steps=STATES, as_word=True
                ),
                Column(
                    "Load band",
                    promql.per_clinician(FACILITY, "1h"),
                    steps=LOAD_AN_HOUR,
                    as_word=True,
                ),
                Column(
                    "Alarms in 1 h, each",
                    promql.per_clinician(FACILITY, "1h"),
                    decimals=1,
                    steps=LOAD_AN_HOUR,
                ),
                Column(
                    "Alarms in 10 min, each",
                    promql.per_clinician(FACILITY, "10m"),
                    decimals=1,
                    steps=RATE_10M,
                ),
                Column(
                    "Protected time",
                    promql.protected(FACILITY),
                    "percentunit",
                    steps=PROTECTED,
                    decimals=0,
                ),
                Column("Clinicians", promql.unit("clinicians", FACILITY)),
                Column(
                    "Beds per clinician",
                    promql.unit("beds_per_clinician", FACILITY),
                    steps=BEDS,
                    decimals=1,
                ),
                Column(
                    "Non-actionable",
                    promql.unit("nonactionable_ratio", f'{FACILITY}, window="12h", scope="all"'),
                    "percentunit",
                    decimals=0,
                ),
                Column("Open", promql.unit("open_alarms", FACILITY)),
                Column(
                    "Unassigned 1 h",
                    promql.unit("unassigned_alarms", f'{FACILITY}, window="1h"'),
                    steps=SOME_ELEVATED,
                ),
                Column(
                    "Change from last shift",
                    promql.change_from_before(FACILITY),
                    "percentunit",
                    decimals=0,
                ),
                sort=("State", "Alarms in 1 h, each"),
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
                query(promql.unit("overload_state", FACILITY), "{{unit}}"),
                steps=STATES,
            ).data_links([to_unit_of_series()]),
        ),
        (
            12,
            strips(
                "Load bands of units",
                f"Alarms of the last hour per clinician on duty. {LOAD_SOURCE}",
                query(promql.per_clinician(FACILITY, "1h"), "{{unit}}"),
                steps=LOAD_AN_HOUR,
                empty=_NOBODY,
            ).data_links([to_unit_of_series()]),
        ),
    )
    one.line(
        8,
        (
            8,
            grid(
                "Measures beyond their limits",
                "The measures that raised each unit's state, for the average clinician on duty: "
                "their values when the state last rose, and their limits (policy.overload). "
                "Units in the state normal are not listed.",
                Column("Unit", label="unit", link=("The unit's board", TO_UNIT)),
                Column("Measure", label="measure", called=promql.MEASURES, width=160),
                Column("Rose at", promql.beyond("reason", FACILITY), decimals=2),
                Column("Limit", promql.beyond("limit", FACILITY), decimals=2),
                Column("Now", promql.at_present(FACILITY), decimals=2),
                sort=("Unit",),
                descending=False,
                empty="Normal: no measure is beyond its limit",
            ),
        ),
        (
            8,
            curves(
                "Alarms in 10 min per clinician, now and last shift",
                "Alarms of the whole hospital per clinician on duty. Dashed: 12 h earlier. "
                f"{RATE_SOURCE}",
                query(_rate(""), "now", "A"),
                query(_rate(promql.BEFORE), "12 h before", "B"),
                colours={"now": BLUE, "12 h before": GREY},
                dashed=["12 h before"],
                steps=RATE_10M,
                empty=_NOBODY,
            ),
        ),
        (
            8,
            grid(
                "Relief by a colleague",
                "The units in which somebody's load is above normal, and whether moving one bed to "
                f"a colleague on duty there would help now. {promql.RELIEF}",
                Column("Unit", label="unit", link=("The unit's board", TO_UNIT)),
                Column(
                    "A bed can move",
                    promql.unit("relief_available", FACILITY),
                    steps=RELIEF,
                    as_word=True,
                ),
                Column("Spared per hour", promql.unit("relief_alarms", FACILITY)),
                Column("On duty", _of_strained("clinicians")),
                Column(
                    "Beds per clinician", _of_strained("beds_per_clinician"), decimals=1, steps=BEDS
                ),
                Column("State", _of_strained("overload_state"), steps=STATES, as_word=True),
                sort=("State",),
                empty="No need: all loads are normal",
            ),
        ),
    )
    return one


def _of_strained(metric: str) -> str:
    """A gauge of the units in which somebody needs relief."""
    return (
        f"{promql.unit(metric, FACILITY)} and on (facility, unit) "
        f"{promql.unit('relief_available', FACILITY)}"
    )


def _rate(offset: str) -> str:
    return (
        f"sum({promql.alarms(FACILITY, '10m', offset)}) / "
        f"(sum({promql.unit('clinicians', FACILITY, offset=offset)}) > 0)"
    )
