"""Small shifts whose metrics the oracle and the engine must agree on.

Times are seconds after an arbitrary time; `M` and `H` are minutes and hours.
"""

from __future__ import annotations

from typing import Any

from analyzer import Engine, Policy
from analyzer.model.facts import Fact
from analyzer.model.policy import HOUR, MINUTE
from tests.harness.engines import assert_same, feed, numbers
from tests.harness.facts import alarm, ms, sample
from tests.oracle import reference as naive

M, H = 60, 3600
POLICY = Policy(windows={"10m": 10 * MINUTE, "1h": HOUR, "2h": 2 * HOUR})


def shown(facts: list[Fact], now: float) -> Any:
    """The metrics of the facility at `now`, on which the oracle and the engine agree."""
    found = naive.metrics(facts, ms(now), POLICY)
    engine = Engine(POLICY)
    feed(engine, facts)
    engine.advance(ms(now))
    assert_same(numbers(engine, POLICY), found)
    return found


def of_ann(
    facts: list[Fact], now: float, name: str, unit: str = "icu", **labels: str
) -> float | None:
    return sample(shown(facts, now), f"clinician_{name}", clinician="ann", unit=unit, **labels)


def to_ann(*starts: float, lasting: float = 1) -> list[Fact]:
    """Alarms sent to ann by name, so that they are attributed to her on duty and off."""
    return [
        fact
        for number, start in enumerate(starts)
        for fact in alarm(f"{number}-{start}", start, start + lasting, bed="9", recipients=("ann",))
    ]
