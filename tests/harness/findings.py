"""Facts of made-up alarms as objects and as files, and the findings of an engine fed with them."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from analyzer import FACT_TYPES, Engine, Fact, Finding, Policy, UnitFindings
from analyzer.model.facts import AlarmEvent, Label
from analyzer.model.policy import HOUR, MINUTE
from tests.harness.engines import feed


def found_by(facts: list[Fact], now: int, policy: Policy, window: int) -> list[UnitFindings]:
    engine = Engine(policy)
    feed(engine, facts)
    engine.advance(now)
    return engine.evidence(window).findings()


NOON = 1_772_366_400_000  # 2026-03-01T12:00:00Z
NOW = NOON + 8 * HOUR


def alarms(
    name: str, count: int, lasts: int | None, every: int = 5 * MINUTE, after: int = 0, **fields: Any
) -> list[Fact]:
    """`count` alarms from noon on, one `every` ms, each `after` ms past the full minute."""
    verdict = fields.pop("verdict", None)
    facts: list[Fact] = []
    for number in range(count):
        usual: dict[str, Any] = {
            "event_id": f"{name}{number}s",
            "alarm_id": f"{name}{number}",
            "phase": "start",
            "at": NOON + number * every + after,
            "facility": "F",
            "unit": "icu",
            "bed": "1",
            "device_id": "m1",
            "device_type": "monitor",
            "source": "",
            "code": name,
            "kind": "physiological",
            "priority": "medium",
        }
        event = AlarmEvent(**(usual | fields))
        facts.append(event)
        if lasts is not None:
            facts.append(
                replace(
                    event,
                    event_id=f"{name}{number}e",
                    phase="end",
                    at=event.at + lasts,
                    value=None,
                    limit=None,
                )
            )
        if verdict is not None:
            facts.append(
                Label(
                    event_id=f"{name}{number}l",
                    facility="F",
                    alarm_id=event.alarm_id,
                    verdict=verdict,
                    at=event.at,
                )
            )
    return facts


def finding_of(facts: list[Fact], code: str = "A", policy: Policy | None = None) -> Finding:
    [unit] = found_by(facts, NOW, policy or Policy(), 12 * HOUR)
    [found] = [one for one in unit.findings if one.type[2] == code]
    return found


def write(folder: Path, facts: list[Fact]) -> list[str]:
    """Write facts to files; returns the arguments of a command."""
    arguments = []
    for topic, type_ in FACT_TYPES.items():
        lines = [json.dumps(asdict(fact)) + "\n" for fact in facts if isinstance(fact, type_)]
        if lines:
            (folder / f"{topic}.jsonl").write_text("".join(lines))
            arguments += [f"--{topic}", str(folder / f"{topic}.jsonl")]
    return arguments
