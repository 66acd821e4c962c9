"""Hospital overview: units in need of help, the causes, where a bed can move, the change from last
shift, and whether the data is current.
"""

from __future__ import annotations

from grafana import hospital_history, promql
from grafana.frame import HOSPITAL, TO_PAGE_OF_ROW, TO_UNIT, Board, address, facility, unit
from grafana.hospital_history import NOBODY
from grafana.limits import (
    AGE,
    AGE_SOURCE,
    BEDS_SOURCE,
    GREEN,
    LOAD_AN_HOUR,
    LOAD_SOURCE,
    MORE,
    ORANGE,
    PROTECTED_SOURCE,
    RATE_10M,
    SOME,
    SOME_ELEVATED,
    STATES,
    STATES_SOURCE,
)
from grafana.marks import ALWAYS, OVERLOAD, PAGED
from grafana.panels import DATE, figure
from grafana.promql import FACILITY
from grafana.promql import UNITS as HERE
from grafana.queries import of_now
from grafana.tables import Column, grid

_STATE = promql.unit("overload_state", HERE)


def board() -> Board:
    one = Board(
        HOSPITAL,
        "Hospital overview",
        "Units by load, and which need help now. Loads describe units and assignments, never a "
        "person's performance.",
        [facility(several=True), unit(several=True), address("runbooks"), address("web")],
        [OVERLOAD, PAGED, *ALWAYS],
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
            5,
            figure(
                "Assignments overloaded",
                "Clinicians on duty whose assignment is overloaded. The state describes the "
                "assignment, not the person. The unit's board shows what can be changed.",
                of_now(f"sum({promql.overloaded_clinicians(HERE)})"),
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
                    f"sum({promql.unit('beds', HERE)}) / "
                    f"(sum({promql.unit('clinicians', HERE)}) > 0)"
                ),
                decimals=1,
                empty=NOBODY,
            ),
        ),
        (
            4,
            figure(
                "Against 12 h before",
                "Alarms of the last 12 h compared with the 12 h before. Below zero is better. "
                "The web page compares shifts.",
                of_now(
                    f"sum({promql.alarms(HERE, '12h')}) / "
                    f"(sum({promql.alarms(HERE, '12h', promql.BEFORE)}) > 0) - 1"
                ),
                unit="percentunit",
                decimals=0,
                steps=((None, GREEN, "fewer or as many"), (MORE, ORANGE, "more")),
                empty="No alarms 12 h ago to compare with",
            ),
        ),
        (
            3,
            figure(
                "Data age",
                f"{AGE_SOURCE} If several facilities are chosen, the oldest is shown.",
                of_now(
                    "time() - min(max by (facility) "
                    f"(alarm_fatigue_watermark_timestamp_seconds{{{FACILITY}}}))"
                ),
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
                "One row per unit, the worst state first. A unit's name links to its board and "
                'page. "Each" means per clinician on duty. '
                f"{STATES_SOURCE} {LOAD_SOURCE} {PROTECTED_SOURCE} {BEDS_SOURCE} "
                "Non-actionable: share of the classified alarms of 12 h, without technical "
                "ones; empty if fewer than five are classified. Open: not ended yet. No one "
                "assigned: alarms without an assigned clinician.",
                Column("Facility", label="facility", width=70),
                Column(
                    "Unit",
                    label="unit",
                    links=[
                        ("The unit's board", TO_UNIT),
                        ("The unit on the web page", TO_PAGE_OF_ROW),
                    ],
                    width=105,
                ),
                Column(
                    "State",
                    promql.unit("overload_state", HERE),
                    steps=STATES,
                    as_word=True,
                    width=95,
                ),
                Column("Since", promql.since(HERE), DATE, width=140),
                Column(
                    "Load band",
                    promql.per_clinician(HERE, "1h"),
                    steps=LOAD_AN_HOUR,
                    as_word=True,
                    width=125,
                ),
                Column(
                    "Alarms in 1 h, each",
                    promql.per_clinician(HERE, "1h"),
                    decimals=1,
                    steps=LOAD_AN_HOUR,
                ),
                Column(
                    "Alarms in 10 min, each",
                    promql.per_clinician(HERE, "10m"),
                    decimals=1,
                    steps=RATE_10M,
                ),
                Column(
                    "Protected time",
                    promql.protected(HERE),
                    "percentunit",
                    decimals=0,
                ),
                Column("Clinicians", promql.unit("clinicians", HERE)),
                Column(
                    "Beds per clinician",
                    promql.unit("beds_per_clinician", HERE),
                    decimals=1,
                ),
                Column(
                    "Non-actionable, clinical",
                    promql.nonactionable(HERE, "12h"),
                    "percentunit",
                    decimals=0,
                    width=95,
                ),
                Column("Open", promql.unit("open_alarms", HERE)),
                Column(
                    "No one assigned, 1 h",
                    promql.unit("unassigned_alarms", f'{HERE}, window="1h"'),
                    steps=SOME_ELEVATED,
                ),
                sort=("State", "Alarms in 1 h, each"),
            ),
        ),
    )
    hospital_history.add_to(one)
    return one
