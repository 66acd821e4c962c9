"""Clinician: one assignment's load, by pseudonym. It opens from a unit and compares no people."""

from __future__ import annotations

from grafana import promql
from grafana.frame import CLINICIAN, Board, Variable, from_address, to_unit
from grafana.limits import (
    BEDS_SOURCE,
    BLUE,
    CLASSES,
    GREEN,
    GREY,
    ORANGE,
    POLICY_SOURCE,
    PROTECTED_SOURCE,
    SKY,
    STATES,
    STATES_SOURCE,
    VERMILION,
    Steps,
    policy_lines,
    word,
)
from grafana.marks import ALWAYS, mark
from grafana.panels import HOURS, MINUTES, curves, figure, note, strips
from grafana.promql import CLINICIAN as HERE
from grafana.promql import UNIT
from grafana.queries import of_now, query

_EXPOSURE: Steps = ((None, GREEN, "0-29"), (30, SKY, "30-79"), (80, ORANGE, "80+"))
_EXPOSURE_SOURCE = (
    "Non-actionable alarms of the last 120 min, technical alarms excluded, in the bands of "
    "Bonafide 2015 (0-29, 30-79, 80 and more). It measures noise and is no proof of harm: "
    "Bonafide 2017 found no association."
)
_LOADS: Steps = (
    (None, GREEN, "recommended"),
    (1, SKY, "manageable"),
    (2, ORANGE, "over-demanding"),
    (3, VERMILION, "unacceptable"),
)
_GONE = "Open this board from a unit's assignments. If you did, this clinician is off duty"
_OFF = "Off duty"


def board() -> Board:
    variables: list[Variable] = [from_address(name) for name in ("facility", "unit", "clinician")]
    one = Board(
        CLINICIAN,
        "Clinician",
        "One assignment's load in the last 12 h, by pseudonym. It opens only from a unit.",
        variables,
        [
            mark(
                "Assignment overloaded",
                VERMILION,
                f"{_one('overload_state')} == 2",
                "overloaded",
            ),
            *ALWAYS,
        ],
        listed=False,
    )
    one.line(
        3,
        (
            24,
            note(
                "",
                "**An assignment, not a person.** The charge nurse and biomed can change beds, "
                "limits, delays and devices. They are notified; the clinician is never paged. "
                f"[Back to the unit]({to_unit()})",
            ),
        ),
    )
    one.line(
        4,
        (
            4,
            figure(
                "State",
                f"The state of the assignment. {STATES_SOURCE}",
                of_now(_one("overload_state")),
                steps=STATES,
                as_word=True,
                empty=_GONE,
            ),
        ),
        (
            4,
            figure(
                "Beds",
                f"Beds assigned now, and the limit of the unit. {BEDS_SOURCE}",
                of_now(_one("beds"), "A", "now"),
                of_now(promql.unit("beds_per_clinician_limit", UNIT), "B", "limit"),
                empty=_GONE,
            ),
        ),
        (
            4,
            figure(
                "Acuity",
                "Sum of the acuity of the current assignments, on the scale of the roster feed.",
                of_now(_one("acuity")),
                decimals=1,
                empty=_GONE,
            ),
        ),
        (
            4,
            figure(
                "Hours on duty",
                "Hours since the current duty began; gaps of up to 30 min are bridged. Responses "
                "took 15 % longer for each hour (Bonafide 2017), which calls for breaks and "
                "relief.",
                of_now(_one("shift_hours")),
                unit="h",
                decimals=1,
                empty=_OFF,
            ),
        ),
        (
            4,
            figure(
                "Protected time",
                "Share of the last hour, and the limit below which the state is elevated in this "
                f"unit. {PROTECTED_SOURCE}",
                of_now(_one("protected_ratio", ', window="1h"'), "A", "now"),
                of_now(
                    promql.policy_limit("protected_1h", "elevated", "enter", UNIT), "B", "elevated"
                ),
                unit="percentunit",
                decimals=0,
                empty="On duty for less than 5 min of the hour",
            ),
        ),
        (
            4,
            figure(
                "Exposure",
                _EXPOSURE_SOURCE,
                of_now(_one("nonactionable_exposure")),
                steps=_EXPOSURE,
                empty=_GONE,
            ),
        ),
    )
    one.line(
        9,
        (
            12,
            curves(
                "Alarms in 10 min",
                f"{POLICY_SOURCE} At most about 2 are manageable (ISA-18.2-2016).",
                query(
                    promql.within_shift(
                        f"sum by (facility, clinician) ({promql.alarms_of_clinicians(HERE, '10m')})"
                    ),
                    "alarms in 10 min",
                ),
                colours={"alarms in 10 min": BLUE},
                lines=policy_lines("alarms_10m", UNIT),
                empty=_GONE,
            ),
        ),
        (
            12,
            curves(
                "Alarms in 1 h, by class",
                "The unit's board explains the classes.",
                *(
                    query(
                        _one("classified_alarms", f', window="1h", class="{name}"'), word(name), ref
                    )
                    for ref, name in zip("ABCDE", CLASSES, strict=True)
                ),
                colours={word(name): colour for name, colour in CLASSES.items()},
                stacked=True,
                empty=_GONE,
            ),
        ),
    )
    one.line(
        8,
        (
            8,
            curves(
                "Protected time and flood",
                f"{PROTECTED_SOURCE} A flood begins above 10 new alarms in 10 min and ends below "
                "5 (ISA-18.2).",
                query(_one("protected_ratio", ', window="1h"'), "protected, 1 h", "A"),
                query(_one("flood_ratio", ', window="1h"'), "in flood, 1 h", "B"),
                unit="percentunit",
                most=1,
                colours={"protected, 1 h": GREEN, "in flood, 1 h": VERMILION},
                empty=_GONE,
            ),
        ),
        (
            8,
            curves(
                "Overlapping and sounding",
                "Overlapping: alarms that began while an earlier one still sounded without a "
                "response. Sounding: time within the hour with at least one alarm active (right "
                "axis).",
                query(_one("overlapping_alarms", ', window="1h"'), "overlapping, 1 h", "A"),
                query(_one("alarm_seconds", ', window="1h"') + " / 60", "sounding, 1 h", "B"),
                colours={"overlapping, 1 h": ORANGE, "sounding, 1 h": GREY},
                right={"sounding, 1 h": MINUTES},
                empty=_GONE,
            ),
        ),
        (
            8,
            curves(
                "Beds and hours on duty",
                "Assigned beds, and the hours since duty began (right axis).",
                query(_one("beds"), "beds", "A"),
                query(_one("shift_hours"), "hours on duty", "B"),
                colours={"beds": BLUE, "hours on duty": GREY},
                right={"hours on duty": HOURS},
                empty=_GONE,
            ),
        ),
    )
    one.line(
        6,
        (
            12,
            strips(
                "State, over time",
                STATES_SOURCE,
                query(_one("overload_state"), "state"),
                steps=STATES,
                empty=_GONE,
            ),
        ),
        (
            12,
            strips(
                "Load band, over time",
                "EEMUA-191 bands of the alarms of the last hour: under 6 is recommended, up to "
                "12 manageable, up to 60 over-demanding, more is unacceptable.",
                query(_band(), "load band"),
                steps=_LOADS,
                empty=_GONE,
            ),
        ),
    )
    return one


def _one(metric: str, more: str = "") -> str:
    gauge = f"alarm_fatigue_clinician_{metric}{{{HERE}{more}}}"
    return promql.within_shift(f"max by (facility, clinician) ({gauge})")


def _band() -> str:
    """The load band as a number from 0 (recommended) to 3 (unacceptable)."""
    found = f"alarm_fatigue_clinician_load_band{{{HERE}, "
    return promql.within_shift(
        " + ".join(
            f'{number} * max by (facility, clinician) ({found}band="{band}"}})'
            for number, band in ((1, "manageable"), (2, "over_demanding"), (3, "unacceptable"))
        )
    )
