"""Test settings that all tests share."""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, Phase, settings

# Fixtures of all tests:
from tests.harness.brokers import apache_kafka, embedded_broker  # noqa: F401
from tests.harness.kerberos import kerberos, kerberos_kafka  # noqa: F401
from tests.harness.secured import secured_kafka  # noqa: F401

# No deadline: how long an example takes says more of the machine than of the code. Explaining a
# failure traces every line of every example, on Python 3.11 for minutes.
settings.register_profile(
    "default",
    deadline=None,
    max_examples=int(os.environ.get("HYPOTHESIS_EXAMPLES", "100")),
    suppress_health_check=[HealthCheck.too_slow],
    phases=[phase for phase in Phase if phase is not Phase.explain],
)
settings.load_profile("default")

_STARTS_BROKERS = {"WorkerProcess", "new_apache_kafka"}
_BROKERS = {"apache_kafka", "embedded_broker", "secured_kafka", "kerberos_kafka"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give every test the marker of its tier: unit, broker, browser or chaos.

    A test that uses a broker, or whose module starts brokers or worker processes, is of the tier
    `broker`. A test that says its tier itself keeps it.
    """
    for item in items:
        item.add_marker(getattr(pytest.mark, _tier(item)))


def _tier(item: pytest.Item) -> str:
    for name in ("broker", "browser", "chaos"):
        if item.get_closest_marker(name) is not None:
            return name
    if "chaos" in item.path.parts:
        return "chaos"
    if "browser" in getattr(item, "fixturenames", ()):
        return "browser"
    used = set(getattr(item, "fixturenames", ())) | set(vars(getattr(item, "module", item)))
    return "broker" if used & (_BROKERS | _STARTS_BROKERS) else "unit"
