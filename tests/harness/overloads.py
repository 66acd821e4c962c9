"""Changes of overload states: what a consumer holds of them, compared with the oracle."""

from __future__ import annotations

from math import isclose

from analyzer import Change, ChangeRecord, Engine
from tests.oracle.overload import StateChange

Changes = dict[tuple[int, str | None, str], Change]
"""The latest record by time, clinician and unit."""


def consume(changes: Changes, records: list[ChangeRecord]) -> None:
    """Update what a consumer holds who keeps the latest record of each subject and time."""
    for one in records:
        key = (one.change.at, one.change.clinician, one.change.unit)
        if one.retracted:
            del changes[key]
        else:
            changes[key] = one.change


def assert_changes(changes: Changes, expected: list[StateChange]) -> None:
    found = sorted(
        changes.values(),
        key=lambda one: (one.at, one.clinician is None, one.clinician or "", one.unit),
    )
    assert [(one.at, one.unit, one.clinician, one.before, one.after) for one in found] == [
        (one.at, one.unit, one.clinician, one.before, one.after) for one in expected
    ]
    for one, other in zip(found, expected, strict=True):
        assert [(why.measure, *why[2:]) for why in one.reasons] == [
            (why[0], *why[2:]) for why in other.reasons
        ], one
        assert all(
            isclose(why.value, reason[1], rel_tol=1e-12)
            for why, reason in zip(one.reasons, other.reasons, strict=True)
        ), one
        assert one.top_types == other.top_types
        assert (None if one.relief is None else tuple(one.relief)) == other.relief, one


def states(engine: Engine) -> dict[tuple[str, str], int]:
    burdens = engine.measure()
    of_clinicians = zip(
        burdens.clinicians.clinician, burdens.clinicians.overload.tolist(), strict=True
    )
    of_units = zip(burdens.units.unit, burdens.units.overload.tolist(), strict=True)
    return {("clinician", name): state for name, state in of_clinicians} | {
        ("unit", name): state for name, state in of_units
    }


def assert_states(engine: Engine, expected: list[StateChange]) -> None:
    """The exported states are those of the last changes."""
    last = {
        ("unit", one.unit) if one.clinician is None else ("clinician", one.clinician): one.after
        for one in expected
    }
    for subject, state in states(engine).items():
        assert ["normal", "elevated", "overloaded"][state] == last.get(subject, "normal"), subject
