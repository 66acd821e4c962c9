"""Test settings that all tests share."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, Phase, settings

from tests.harness.brokers import apache_kafka, embedded_broker  # noqa: F401  # fixtures of all tests

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
