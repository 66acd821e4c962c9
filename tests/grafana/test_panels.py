"""Values of panels for given series and variables. Each scenario is a promtool unit test."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.harness.boards import the_query
from tests.harness.needs import need

HOSPITAL, UNIT, CLINICIAN, TYPES, PIPELINE = (
    f"alarm-fatigue-{name}" for name in ("hospital", "unit", "clinician", "types", "pipeline")
)
VARIABLES = {"facility": "H1", "unit": "ICU", "clinician": "a1", "window": "12h"}
WORKER = 'instance="w1", job="alarm-fatigue"'


@dataclass(frozen=True)
class Scenario:
    """One query and its result.

    `given`: values per minute by series, in promtool's notation, all from worker w1; `shows`:
    values by labels, or empty for no result. `later`: until when series are known, if they are
    known after `at`.
    """

    expects: str
    board: str
    panel: str
    given: Mapping[str, str]
    shows: Mapping[str, float]
    series: str | None = None
    at: str = "10m"
    later: str = ""
    variables: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.board.removeprefix('alarm-fatigue-')}: {self.panel}: {self.expects}"


def unit_alarms(
    window: str, low: str, high: str, unit: str = "ICU", facility: str = "H1"
) -> dict[str, str]:
    labels = f'facility="{facility}", unit="{unit}", window="{window}"'
    return {
        f'alarm_fatigue_unit_alarms{{{labels}, priority="{name}"}}': values
        for name, values in (("low", low), ("high", high))
    }


def of_unit(unit: str = "ICU", **values: str) -> dict[str, str]:
    return {
        f'alarm_fatigue_unit_{name}{{facility="H1", unit="{unit}"}}': value
        for name, value in values.items()
    }


def assignment(clinician: str, state: str, beds: str, alarms: str) -> dict[str, str]:
    labels = f'facility="H1", unit="ICU", clinician="{clinician}"'
    return {
        f"alarm_fatigue_clinician_overload_state{{{labels}}}": state,
        f"alarm_fatigue_clinician_beds{{{labels}}}": beds,
        f'alarm_fatigue_clinician_alarms{{{labels}, window="1h", priority="low"}}': alarms,
    }


def of_type(code: str, alarms: str, ratio: str | None, unit: str = "ICU") -> dict[str, str]:
    labels = (
        f'facility="H1", unit="{unit}", window="12h", '
        f'device_type="monitor", source="SPO2", code="{code}"'
    )
    found = {f"alarm_fatigue_unit_type_alarms{{{labels}}}": alarms}
    return (
        found
        if ratio is None
        else found
        | {f'alarm_fatigue_unit_type_nonactionable_ratio{{{labels}, scope="clinical"}}': ratio}
    )


def _sent(receiver: str) -> str:
    return f'alertmanager_notifications_total{{integration="webhook"{receiver and ", "}{receiver}}}'


FIRING = (
    'alertname="UnitOverloaded", severity="page", tier="charge_nurse", facility="H1", unit="ICU"'
)
ICU = '{facility="H1", unit="ICU"}'
WARD = '{facility="H1", unit="WARD"}'
RELIEF = "Relief by a colleague"
SCENARIOS = [
    Scenario(
        "units in the state, and no others",
        HOSPITAL,
        "Units overloaded",
        of_unit(overload_state="2x20")
        | of_unit("WARD", overload_state="2x20")
        | of_unit("ER", overload_state="1x20"),
        {"{}": 2},
        variables={"unit": ".*"},
    ),
    Scenario(
        "none is 0, not nothing",
        HOSPITAL,
        "Units overloaded",
        of_unit(overload_state="0x20"),
        {"{}": 0},
    ),
    Scenario("without data there is no 0", HOSPITAL, "Units overloaded", {}, {}),
    Scenario(
        "another facility does not count",
        HOSPITAL,
        "Units overloaded",
        {'alarm_fatigue_unit_overload_state{facility="H2", unit="ICU"}': "2x20"},
        {},
    ),
    Scenario(
        "clinicians on duty alone",
        HOSPITAL,
        "Assignments overloaded",
        assignment("a1", "2x20", "3x20", "9x20")
        | assignment("b2", "2x20", "0x20", "9x20")
        | assignment("c3", "1x20", "3x20", "9x20"),
        {"{}": 1},
    ),
    Scenario(
        "all priorities, over the clinicians on duty",
        HOSPITAL,
        "Units in need of help",
        unit_alarms("1h", "40x20", "8x20") | of_unit(clinicians="4x20"),
        {ICU: 12},
        "Alarms in 1 h, each",
    ),
    Scenario(
        "with nobody on duty there is no rate",
        HOSPITAL,
        "Units in need of help",
        unit_alarms("1h", "40x20", "8x20") | of_unit(clinicians="0x20"),
        {},
        "Alarms in 1 h, each",
    ),
    Scenario(
        "a quarter fewer than the shift before",
        HOSPITAL,
        "Against last shift",
        unit_alarms("12h", "100x720 75x60", "0x780"),
        {"{}": -0.25},
        at="12h30m",
    ),
    Scenario(
        "nothing to compare with yet",
        HOSPITAL,
        "Against last shift",
        unit_alarms("12h", "100x60", "0x60"),
        {},
    ),
    Scenario(
        "behind by the age of the latest alarm",
        HOSPITAL,
        "Data age",
        {'alarm_fatigue_watermark_timestamp_seconds{facility="H1"}': "540x20"},
        {"{}": 60},
    ),
    Scenario(
        "units in need of relief, and what a move spares",
        HOSPITAL,
        RELIEF,
        of_unit(relief_available="1x20", relief_alarms="19x20")
        | of_unit("WARD", relief_available="0x20")
        | of_unit("ER", clinicians="3x20"),
        {ICU: 19},
        "Spared per hour",
    ),
    Scenario(
        "nobody can take a bed: 0, not nothing",
        HOSPITAL,
        RELIEF,
        of_unit(relief_available="0x20") | of_unit("ER", clinicians="3x20"),
        {ICU: 0},
        "A bed can move",
    ),
    Scenario(
        "of no other units",
        HOSPITAL,
        RELIEF,
        of_unit(relief_available="0x20", clinicians="2x20") | of_unit("WARD", clinicians="3x20"),
        {ICU: 2},
        "On duty",
    ),
    Scenario(
        "the unit's own",
        UNIT,
        RELIEF,
        of_unit(relief_available="1x20", relief_taker_alarms="28x20")
        | of_unit("WARD", relief_available="1x20", relief_taker_alarms="5x20"),
        {ICU: 28},
        "Colleague's alarms then",
    ),
    Scenario(
        "a rate of 6 in 10 min",
        UNIT,
        "Alarms in 10 min",
        unit_alarms("10m", "10x20", "2x20") | of_unit(clinicians="2x20"),
        {ICU: 6},
    ),
    Scenario(
        "the unit's own",
        UNIT,
        "Alarms in 10 min",
        unit_alarms("10m", "10x20", "2x20", unit="WARD") | of_unit("WARD", clinicians="2x20"),
        {},
    ),
    Scenario(
        "what is known, of all classes",
        UNIT,
        "Non-actionable share (clinical)",
        {
            f'alarm_fatigue_unit_classified_alarms{{facility="H1", unit="ICU", '
            f'window="12h", class="{name}"}}': values
            for name, values in (
                ("actionable", "1x20"),
                ("non_actionable", "5x20"),
                ("technical", "2x20"),
                ("pending", "2x20"),
                ("unknown", "6x20"),
            )
        },
        {ICU: 0.5},
        "known",
    ),
    Scenario(
        "half of ten responses came within half a minute",
        UNIT,
        "First response",
        {
            f'alarm_fatigue_response_seconds_bucket{{facility="H1", unit="ICU", '
            f'priority="low", le="{le}"}}': f"0+{step}x60"
            for le, step in (("15.0", 0), ("30.0", 5), ("60.0", 10), ("+Inf", 10))
        },
        {"{}": 0.5},
        "median",
        at="30m",
    ),
    Scenario(
        "the average of clinicians on duty",
        UNIT,
        "Protected time",
        {
            f'alarm_fatigue_clinician_protected_ratio{{facility="H1", unit="ICU", '
            f'clinician="{name}", window="1h"}}': values
            for name, values in (("a1", "0.5x20"), ("b2", "0.25x20"), ("c3", "1x20"))
        }
        | assignment("a1", "0x20", "2x20", "1x20")
        | assignment("b2", "0x20", "2x20", "1x20")
        | assignment("c3", "0x20", "0x20", "1x20"),
        {ICU: 0.375},
    ),
    Scenario(
        "two workers export one unit for a moment",
        UNIT,
        "Beds per clinician",
        {
            f'alarm_fatigue_unit_beds_per_clinician{{facility="H1", unit="ICU", '
            f'instance="{name}"}}': "3x20"
            for name in ("w1", "w2")
        },
        {ICU: 3},
    ),
    Scenario(
        "measures as they are now, of those that raised the state",
        UNIT,
        "Measures beyond their limits",
        unit_alarms("10m", "10x20", "2x20")
        | unit_alarms("1h", "40x20", "0x20")
        | of_unit(clinicians="2x20", beds_per_clinician="9x20")
        | {
            'alarm_fatigue_unit_overload_reason{facility="H1", unit="ICU", '
            'measure="alarms_10m"}': "11x20"
        },
        {'{facility="H1", unit="ICU", measure="alarms_10m"}': 6},
        "Now",
    ),
    Scenario(
        "those on duty alone",
        UNIT,
        "Assignments",
        assignment("a1", "0x20", "2x20", "7x20") | assignment("b2", "0x20", "0x20", "9x20"),
        {'{facility="H1", unit="ICU", clinician="a1"}': 7},
        "Alarms 1 h",
    ),
    Scenario(
        "one clinician, wherever they are assigned",
        CLINICIAN,
        "Beds",
        assignment("a1", "0x20", "2x20", "1x20") | assignment("b2", "0x20", "9x20", "1x20"),
        {'{facility="H1", clinician="a1"}': 2},
    ),
    Scenario(
        "nobody without a link",
        CLINICIAN,
        "Beds",
        assignment("a1", "0x20", "2x20", "1x20"),
        {},
        variables={"clinician": ""},
    ),
    Scenario(
        "over-demanding is 2",
        CLINICIAN,
        "Load band, over time",
        {
            f'alarm_fatigue_clinician_load_band{{facility="H1", unit="ICU", '
            f'clinician="a1", band="{band}"}}': values
            for band, values in (
                ("recommended", "0x20"),
                ("manageable", "0x20"),
                ("over_demanding", "1x20"),
                ("unacceptable", "0x20"),
            )
        },
        {'{facility="H1", clinician="a1"}': 2},
    ),
    Scenario(
        "the most non-actionable, not the most frequent",
        TYPES,
        "Fix first (clinical)",
        of_type("HI", "100x20", "0.1x20") | of_type("LO", "50x20", "0.9x20"),
        {
            '{facility="H1", unit="ICU", device_type="monitor", source="SPO2", '
            'code="LO", type="monitor SPO2 LO"}': 45
        },
    ),
    Scenario(
        "names without the prefixes that all have",
        UNIT,
        "Most frequent alarm types, 1 h",
        {
            'alarm_fatigue_unit_type_alarms{facility="H1", unit="ICU", '
            'window="1h", device_type="pump", source="MDC_PULS", code="MDC_EVT_LO"}': "3x20"
        },
        {
            '{facility="H1", unit="ICU", device_type="pump", source="MDC_PULS", '
            'code="MDC_EVT_LO", type="pump PULS LO"}': 3
        },
    ),
    Scenario("too few classified", TYPES, "Fix first (clinical)", of_type("HI", "4x20", None), {}),
    Scenario(
        "types of all chosen units, together",
        TYPES,
        "Pareto: alarms by type",
        of_type("HI", "10x20", None) | of_type("HI", "5x20", None, unit="WARD"),
        {'{device_type="monitor", source="SPO2", code="HI", type="monitor SPO2 HI"}': 15},
        "Alarms",
        variables={"unit": "ICU|WARD"},
    ),
    Scenario(
        "shares are of all alarms, including types that are not exported",
        TYPES,
        "Pareto: alarms by type",
        of_type("HI", "10x20", None)
        | of_type("LO", "5x20", None)
        | unit_alarms("12h", "15x20", "5x20"),
        {
            '{device_type="monitor", source="SPO2", code="HI", type="monitor SPO2 HI"}': 0.5,
            '{device_type="monitor", source="SPO2", code="LO", type="monitor SPO2 LO"}': 0.25,
        },
        "Value #B",
    ),
    Scenario(
        "an hour's alarms at its beginning, those of the next hour and no others",
        HOSPITAL,
        "Alarms by weekday and hour",
        unit_alarms("1h", "5x119 7 9x60", "1x180")
        | unit_alarms("1h", "2x180", "0x180", facility="H2"),
        {"{}": 10},
        "Value #A",
        at="1h",
        later="3h",
        variables={"facility": ".*", "unit": ".*"},
    ),
    Scenario(
        "a day's alarms at its beginning, over the beds of that day",
        UNIT,
        "Alarms per bed and day",
        unit_alarms("12h", "0x719 30 0x718 70 900x720", "0x2160") | of_unit(beds="20x1440 99x720"),
        {"{}": 5},
        at="0m",
        later="36h",
    ),
    Scenario(
        "nothing of a day that is not over",
        UNIT,
        "Alarms per bed and day",
        unit_alarms("12h", "30x600", "0x600") | of_unit(beds="10x600"),
        {},
        at="0m",
        later="36h",
    ),
    Scenario(
        "the beds of all chosen units count, in all chosen facilities",
        HOSPITAL,
        "Alarms per bed and day",
        unit_alarms("12h", "40x1440", "0x1440")
        | unit_alarms("12h", "40x1440", "0x1440", unit="WARD", facility="H2")
        | of_unit(beds="10x1440")
        | {'alarm_fatigue_unit_beds{facility="H2", unit="WARD"}': "30x1440"},
        {"{}": 4},
        at="0m",
        later="36h",
        variables={"facility": ".*", "unit": ".*"},
    ),
    Scenario(
        "all facilities together",
        HOSPITAL,
        "Units overloaded",
        of_unit(overload_state="2x20")
        | {'alarm_fatigue_unit_overload_state{facility="H2", unit="ICU"}': "2x20"},
        {"{}": 2},
        variables={"facility": ".*", "unit": ".*"},
    ),
    Scenario(
        "units of one name in two facilities are two rows",
        HOSPITAL,
        "Units in need of help",
        unit_alarms("1h", "40x20", "8x20")
        | unit_alarms("1h", "6x20", "0x20", facility="H2")
        | of_unit(clinicians="4x20")
        | {'alarm_fatigue_unit_clinicians{facility="H2", unit="ICU"}': "3x20"},
        {ICU: 12, '{facility="H2", unit="ICU"}': 2},
        "Alarms in 1 h, each",
        variables={"facility": ".*", "unit": ".*"},
    ),
    Scenario(
        "the oldest of several facilities",
        HOSPITAL,
        "Data age",
        {
            'alarm_fatigue_watermark_timestamp_seconds{facility="H1"}': "590x20",
            'alarm_fatigue_watermark_timestamp_seconds{facility="H2"}': "300x20",
        },
        {"{}": 300},
        variables={"facility": ".*", "unit": ".*"},
    ),
    Scenario(
        "technical alarms of all that are classified",
        UNIT,
        "Non-actionable share (clinical)",
        {
            f'alarm_fatigue_unit_classified_alarms{{facility="H1", unit="ICU", '
            f'window="12h", class="{name}"}}': values
            for name, values in (
                ("actionable", "1x20"),
                ("non_actionable", "4x20"),
                ("technical", "5x20"),
                ("unknown", "90x20"),
            )
        },
        {ICU: 0.5},
        "technical: avoidable at the source",
    ),
    Scenario(
        "shares in percent, without needless decimals",
        HOSPITAL,
        "Measures beyond their limits",
        {
            f'alarm_fatigue_unit_overload_reason{ICU[:-1]}, measure="{measure}"}}': f"{value}x20"
            for measure, value in (
                ("alarms_1h", 40),
                ("alarms_10m", 11.333),
                ("protected_1h", 0.034),
            )
        },
        {
            '{facility="H1", unit="ICU", measure="alarms_1h"}': 40,
            '{facility="H1", unit="ICU", measure="alarms_10m"}': 11.3,
            '{facility="H1", unit="ICU", measure="protected_1h"}': 3.4,
        },
        "When it rose",
    ),
    Scenario(
        "since when an alert's condition holds, in milliseconds",
        HOSPITAL,
        "Firing now",
        {
            f'ALERTS{{{FIRING}, alertstate="firing"}}': "1x20",
            f"ALERTS_FOR_STATE{{{FIRING}}}": "120x20",
            'ALERTS_FOR_STATE{alertname="UnitFlood", facility="H1", unit="ICU"}': "60x20",
        },
        {f"{{{FIRING}}}": 120_000},
    ),
    Scenario(
        "the beds at which these clinicians would be elevated",
        UNIT,
        "Alarms in 1 h, beds and clinicians",
        of_unit(clinicians="3x20", beds_per_clinician_limit="8x20"),
        {ICU: 24},
        "beds: limit to enter",
    ),
    Scenario(
        "the chosen units alone",
        TYPES,
        "Chatter by unit",
        unit_alarms("12h", "10x20", "1x20") | unit_alarms("12h", "7x20", "0x20", unit="WARD"),
        {WARD: 7},
        "Alarms",
        variables={"unit": "WARD"},
    ),
    Scenario(
        "late records, a second",
        PIPELINE,
        "Rejected records",
        {
            'alarm_fatigue_events_total{topic="alarms", outcome="late"}': "0+30x20",
            'alarm_fatigue_events_total{topic="labels", outcome="late"}': "0+30x20",
        },
        {"{}": 1},
        "late",
    ),
    Scenario(
        "pages that went out, without heartbeats",
        PIPELINE,
        "Pages and tickets sent",
        {
            _sent('receiver_name="charge-nurse"'): "0+1x20",
            _sent('receiver_name="dead-mans-switch"'): "0+60x20",
        },
        {"{}": 5},
        "sent",
    ),
    Scenario(
        "receivers without names are not called pages",
        PIPELINE,
        "Pages and tickets sent",
        {_sent(""): "0+61x20"},
        {},
        "sent",
    ),
    Scenario(
        "what has heartbeats in it says so",
        PIPELINE,
        "Pages and tickets sent",
        {_sent(""): "0+61x20"},
        {"{}": 305},
        "sent, with heartbeats",
    ),
    Scenario(
        "the broker's last answer",
        PIPELINE,
        "Last broker answer",
        {'alarm_fatigue_broker_answered_timestamp_seconds{version=""}': "0+60x5 300x20"},
        {"{}": 300},
    ),
    Scenario(
        "unread partitions",
        PIPELINE,
        "Unread partitions",
        {
            'alarm_fatigue_unread_partitions{topic="alarms"}': "4x20",
            'alarm_fatigue_unread_partitions{topic="labels"}': "0x20",
        },
        {"{}": 4},
    ),
    Scenario(
        "a watermark ahead",
        PIPELINE,
        "Watermark ahead",
        {
            'alarm_fatigue_watermark_ahead_seconds{facility="H1"}': "3000x20",
            'alarm_fatigue_watermark_ahead_seconds{facility="H2"}': "9x20",
        },
        {"{}": 3000},
    ),
    Scenario(
        "batches that cannot be read, a second",
        PIPELINE,
        "Lost or cut records",
        {'alarm_fatigue_unreadable_batches_total{topic="alarms"}': "0+60x20"},
        {"{}": 1},
        "unreadable",
    ),
    Scenario(
        "no alert is 0", PIPELINE, "Alerts firing", {'up{job="prometheus"}': "1x20"}, {"{}": 0}
    ),
    Scenario(
        "another policy is marked",
        UNIT,
        "annotation",
        {
            'alarm_fatigue_build_info{version="1", policy="aaaa"}': "1x20 _x20",
            'alarm_fatigue_build_info{version="1", policy="bbbb"}': "_x20 1x20",
        },
        {'{version="1", policy="bbbb"}': 1},
        "Worker's settings changed",
        at="25m",
    ),
    Scenario(
        "a policy that stays is not",
        UNIT,
        "annotation",
        {'alarm_fatigue_build_info{version="1", policy="aaaa"}': "1x40"},
        {},
        "Worker's settings changed",
        at="25m",
    ),
    Scenario(
        "the first worker ever is no change",
        UNIT,
        "annotation",
        {'alarm_fatigue_build_info{version="1", policy="aaaa"}': "1x40"},
        {},
        "Worker's settings changed",
        at="5m",
    ),
]


def _labelled(series: str) -> str:
    """The series as Prometheus stores it, with the labels of the scrape unless it has its own."""
    job = "" if "job=" in series else ', job="alarm-fatigue"'
    return series[:-1] + ("" if "instance=" in series else ', instance="w1"') + job + "}"


@pytest.mark.parametrize("scenario", SCENARIOS, ids=str)
def test_a_panel_shows_what_it_should(scenario: Scenario, tmp_path: Path) -> None:
    query = the_query(scenario.board, scenario.panel, scenario.series)
    samples = [{"labels": labels, "value": value} for labels, value in scenario.shows.items()]
    test: dict[str, Any] = {
        "interval": "1m",
        "input_series": [
            {"series": _labelled(series), "values": values}
            for series, values in scenario.given.items()
        ],
        "promql_expr_test": [
            {
                "expr": query.filled(**VARIABLES | scenario.variables),
                "eval_time": scenario.at,
                "exp_samples": samples,
            }
        ],
    }
    if scenario.later:  # promtool loads series until the last time that it is asked for
        test["promql_expr_test"].append(
            {
                "expr": "vector(1)",
                "eval_time": scenario.later,
                "exp_samples": [{"labels": "{}", "value": 1}],
            }
        )
    path = tmp_path / "scenario.yml"
    path.write_text(
        yaml.safe_dump({"rule_files": [], "evaluation_interval": "1m", "tests": [test]})
    )
    done = subprocess.run(
        [need("promtool"), "test", "rules", path], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
