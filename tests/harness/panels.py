"""Panels of the boards: what they show, given series, as promtool computes it."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

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


def of_another(worker: Mapping[str, str]) -> dict[str, str]:
    """The same series, as a second worker exports them."""
    return {f'{series[:-1]}, instance="w2"}}': values for series, values in worker.items()}


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


def sent(receiver: str) -> str:
    return f'alertmanager_notifications_total{{integration="webhook"{receiver and ", "}{receiver}}}'


FIRING = (
    'alertname="UnitOverloaded", severity="page", tier="charge_nurse", facility="H1", unit="ICU"'
)

ICU = '{facility="H1", unit="ICU"}'

WARD = '{facility="H1", unit="WARD"}'

RELIEF = "Relief by a colleague"


def labelled(series: str) -> str:
    """The series as Prometheus stores it, with the labels of the scrape unless it has its own."""
    job = "" if "job=" in series else ', job="alarm-fatigue"'
    return series[:-1] + ("" if "instance=" in series else ', instance="w1"') + job + "}"


def assert_shows(scenario: Scenario, tmp_path: Path) -> None:
    """The query of the panel, run by promtool, gives what the scenario says."""
    query = the_query(scenario.board, scenario.panel, scenario.series)
    samples = [{"labels": labels, "value": value} for labels, value in scenario.shows.items()]
    test: dict[str, Any] = {
        "interval": "1m",
        "input_series": [
            {"series": labelled(series), "values": values}
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


def named(code: str, name: str, device: str = "monitor", source: str = "SPO2") -> dict[str, str]:
    """The labels with which workers export the name of an alarm type."""
    labels = f'device_type="{device}", source="{source}", code="{code}", name="{name}"'
    return {f"alarm_fatigue_alarm_type_info{{{labels}}}": "1x20"}


def of_measure(name: str) -> str:
    return f'{{facility="H1", unit="ICU", measure="{name}"}}'


def limits_of(limits: Mapping[tuple[str, str], tuple[float, float]]) -> dict[str, str]:
    """The policy of ICU: by measure and state, the limits to enter and to leave."""
    return {
        f'alarm_fatigue_unit_policy_limit{{facility="H1", unit="ICU", measure="{measure}", '
        f'state="{state}", edge="{edge}"}}': f"{value}x20"
        for (measure, state), of in limits.items()
        for edge, value in zip(("enter", "leave"), of, strict=True)
    }


LIMITS = {
    ("alarms_10m", "elevated"): (6, 3),
    ("alarms_10m", "overloaded"): (12, 5),
    ("protected_1h", "overloaded"): (0.05, 0.15),
    ("beds", "overloaded"): (4, 4),
}
OVERLOADED = (
    of_unit(overload_state="2x20")
    | limits_of(LIMITS)
    | {
        f'alarm_fatigue_unit_overload_present{{facility="H1", unit="ICU", measure="{name}"}}': value
        for name, value in (("alarms_10m", "6x20"), ("protected_1h", "0.042x20"))
    }
)
