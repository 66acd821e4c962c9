"""Replaces clinicians by numbers, so that a page on a ward names nobody."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from analyzer.incident import Facts

Rename = Callable[[Any], Any]


def nameless(facts: Facts, pseudonym: Callable[[str], str], shows_beds: bool) -> Facts:
    """Number clinicians in the order of their pseudonyms, which has no meaning. Without
    `shows_beds`, beds, devices and alarms are numbered, too.
    """
    roster, alarms, responses = facts.assignments, facts.alarms, facts.responses
    people = {*roster["clinician"], *filter(None, responses["clinician"])}
    people.update(one for some in alarms["recipients"] for one in some or ())
    who = _numbered(sorted(people, key=pseudonym), "clinician ")
    columns: dict[str, dict[str, Rename]] = {
        "assignments": {"clinician": who},
        "responses": {"clinician": who},
        "alarms": {"recipients": lambda some: some and tuple(sorted(map(who, some)))},
        "labels": {},
    }
    if not shows_beds:
        beds = {*alarms["bed"], *roster["bed"], *filter(None, responses["bed"])}
        of = {
            "bed": _numbered(sorted(beds, key=pseudonym), ""),
            "device_id": _numbered(sorted(set(alarms["device_id"]), key=pseudonym), "device "),
            "alarm_id": _numbered(dict.fromkeys(alarms["alarm_id"]), "a"),
            "assignment_id": _numbered(dict.fromkeys(roster["assignment_id"]), "s"),
        }
        for topic, renamed in columns.items():
            renamed |= {name: one for name, one in of.items() if name in facts.tables[topic]}  # type: ignore[index]
            renamed["event_id"] = _numbered(facts.tables[topic]["event_id"], topic[0])  # type: ignore[index]
    return Facts(
        {
            topic: table
            | {name: list(map(one, table[name])) for name, one in columns[topic].items()}
            for topic, table in facts.tables.items()
        }
    )


def _numbered(names: Iterable[str], prefix: str) -> Rename:
    """The number of an id; None, and an id without a number, stay as they are."""
    numbers = {name: f"{prefix}{number}" for number, name in enumerate(names, 1)}
    return lambda name: numbers.get(name, name)
