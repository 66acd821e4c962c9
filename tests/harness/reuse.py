"""Wards whose alarm ids are used again, and the records of their episodes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import strategies as st

from analyzer import EpisodeRecord, Fact, Policy
from analyzer.model.policy import HOUR, MINUTE
from tests.harness.strategies import wards
from tests.oracle import reference as naive

SHORT = Policy(
    windows={"10m": 10 * MINUTE, "1h": HOUR},
    cover=40 * MINUTE,
    action_window=5 * MINUTE,
    allowed_lateness=MINUTE,
    horizon=2 * HOUR + 10 * MINUTE,
)
"""Forgets soon, so that a ward of a day uses its ids many times."""


@st.composite
def reused(draw: st.DrawFn) -> list[Fact]:
    """A ward whose alarms share few ids."""
    ids = draw(st.lists(st.sampled_from(["a", "b", "c"]), min_size=16, max_size=16))
    facts: list[Fact] = []
    for fact in draw(wards()):
        alarm_id = getattr(fact, "alarm_id", None)
        facts.append(
            fact
            if alarm_id is None
            else replace(fact, alarm_id=ids[int("".join(filter(str.isdigit, "0" + alarm_id))) % 16])
        )  # type: ignore[call-arg, arg-type]
    return facts


def in_time(draw: Any, facts: list[Fact]) -> list[Fact]:
    """Facts in the order of delivery: by time, within the allowed lateness; assignments and labels
    later.
    """
    delays = draw(
        st.lists(
            st.sampled_from([0, 0, 1, 30_000, MINUTE]), min_size=len(facts), max_size=len(facts)
        )
    )
    order = sorted(zip(facts, delays, strict=True), key=lambda pair: pair[0].at + pair[1])
    return [fact for fact, _ in order]


def records_of(facts: list[Fact], now: int, policy: Policy) -> dict[tuple[str, int], naive.Episode]:
    return {
        (one.alarm_id, one.start): one
        for one in naive.episodes(facts, now, policy).values()
        if one.final
    }


def assert_told(found: list[EpisodeRecord], expected: dict[tuple[str, int], naive.Episode]) -> None:
    told = {(one.alarm_id, one.start): one for one in found}
    assert len(told) == len(found)
    assert told.keys() == expected.keys()
    for key, one in expected.items():
        record = told[key]
        names = [
            name
            for name in EpisodeRecord.__slots__
            if name not in ("facility", "class_", "clinicians")
        ]
        assert {name: getattr(record, name) for name in names} == {
            name: getattr(one, name) for name in names
        }, key
        assert (record.class_, set(record.clinicians)) == (one.klass, one.clinicians), key
