"""A usual ward, which several tests of the simulator share."""

from __future__ import annotations

import pytest

from streams.simulator import Record, Ward, simulate
from streams.simulator.ward import DAY
from tests.harness.simulated import Alarm, alarms_in


@pytest.fixture(scope="module")
def usual_records() -> list[Record]:
    """Three undisturbed days of the 77 default beds, every arrhythmia adjudicated: about 43,000
    audible alarms.
    """
    return list(simulate(Ward(seed=11, duration=3 * DAY, adjudicated=1.0)))


@pytest.fixture(scope="module")
def usual(usual_records: list[Record]) -> dict[str, Alarm]:
    return alarms_in(usual_records)
