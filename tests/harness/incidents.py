"""A small ward of some days, quiet by default, to which a test adds what went wrong."""

from __future__ import annotations

import random
from collections.abc import Iterable
from typing import Any

from analyzer import FACT_TYPES, AlarmEvent, Assignment, Fact, Response, Topic
from analyzer.incident import Facts
from analyzer.model.facts import values_of
from analyzer.model.policy import HOUR, MINUTE, SECOND
from streams.formats.codec import decode_slice, to_json
from streams.simulator import Record

AT = 1_772_719_200_000  # 2026-03-05T14:00:00Z, a Thursday
DAYS = 9
BEDS = ("1", "2", "3", "4", "5", "6")
STAFF = {"ann": ("1", "2", "3"), "ben": ("4", "5", "6")}


def alarm(name: str, start: int, seconds: float | None = 20, **fields: Any) -> list[AlarmEvent]:
    """An alarm's start, and its end if it has one."""
    common: dict[str, Any] = {
        "alarm_id": name,
        "facility": "H",
        "unit": "ICU",
        "bed": "1",
        "device_id": f"mon-{fields.get('bed', '1')}",
        "device_type": "monitor",
        "code": "MDC_EVT_LO",
        "source": "MDC_PULS_OXIM_SAT_O2",
        "kind": "physiological",
        "priority": "medium",
        "value": 86.0,
        "limit": 90.0,
    } | fields
    found = [AlarmEvent(event_id=f"{name}-s", phase="start", at=start, **common)]
    if seconds is not None:
        end = start + round(seconds * SECOND)
        found.append(AlarmEvent(event_id=f"{name}-e", phase="end", at=end, **common))
    return found


def response(name: str, at: int, action: Any = "attend", **fields: Any) -> Response:
    return Response(event_id=name, facility="H", at=at, action=action, **fields)


def assignment(name: str, clinician: str, bed: str, start: int, **fields: Any) -> Assignment:
    return Assignment(
        event_id=name,
        assignment_id=name,
        facility="H",
        unit="ICU",
        bed=bed,
        clinician=clinician,
        start=start,
        at=start,
        **fields,
    )


def quiet_ward(seed: int = 1) -> list[Fact]:
    """An alarm at each bed about every 40 min, each answered after a minute."""
    dice, found = random.Random(seed), list[Fact]()
    begin = AT - DAYS * 24 * HOUR
    for clinician, beds in STAFF.items():
        found += [assignment(f"a{bed}", clinician, bed, begin) for bed in beds]
    for bed in BEDS:
        moment, number = begin, 0
        while (moment := moment + round(dice.uniform(20, 60) * MINUTE)) < AT:
            name, number = f"{bed}-{number}", number + 1
            found += alarm(name, moment, dice.uniform(5, 90), bed=bed)
            if moment + MINUTE <= AT:
                found.append(response(f"r-{name}", moment + MINUTE, "attend", alarm_id=name))
    return found


def facts_of(some: Iterable[Fact]) -> Facts:
    topics: dict[type, Topic] = {type_: topic for topic, type_ in FACT_TYPES.items()}
    return Facts.of((topics[type(one)], tuple([value] for value in values_of(one))) for one in some)


def facts_in(records: Iterable[Record]) -> Facts:
    """The facts of simulated records, as a decoder takes them."""
    values: dict[Topic, list[bytes | None]] = {topic: [] for topic in FACT_TYPES}
    for one in records:
        values[one.topic].append(to_json(one.value))
    return Facts.of((topic, decode_slice(topic, some).columns) for topic, some in values.items())
