"""Findings equal the naive oracle, whatever the order of facts, the policy and the window."""

from __future__ import annotations

from dataclasses import replace
from itertools import zip_longest

from hypothesis import given, settings
from hypothesis import strategies as st

from analyzer import PATTERNS, Engine, Fact, Policy, Share, UnitFindings
from analyzer.model.facts import AlarmEvent
from analyzer.model.policy import HOUR, MINUTE
from tests.harness.crowds import POLICIES, crowds
from tests.harness.engines import feed, restore, store
from tests.harness.findings import found_by
from tests.harness.strategies import deliveries, nows, wards
from tests.harness.ward_values import FACILITY
from tests.oracle import findings as naive


def assert_same(found: list[UnitFindings], expected: dict[str, list[naive.Finding]]) -> None:
    assert [one.unit for one in found] == list(expected)
    for unit in found:
        theirs = expected[unit.unit]
        assert unit.types == len(theirs)
        assert [one.type for one in unit.findings] == [one.type for one in theirs]
        for one, other in zip(unit.findings, theirs, strict=True):
            assert one.alarms == Share(other.alarms, other.unit_alarms)
            assert one.load == Share(other.load, other.unit_load)
            assert one.busiest_bed == Share(other.busiest_bed, other.alarms)
            assert {
                name: (seen.alarms, seen.load, seen.actionable)
                for name, seen in zip(PATTERNS, one.patterns, strict=True)
            } == (other.patterns)
            assert (None if one.delay is None else tuple(one.delay)) == other.delay
            assert (None if one.loss is None else one.loss.count) == other.hidden
            for name in (
                "classes",
                "priority",
                "sounding",
                "beds",
                "stale",
                "met_with",
                "gives_way",
                "hugging_distance",
                "drivers",
                "verdict",
                "effective",
            ):
                assert getattr(one, name) == getattr(other, name), name


@given(st.data())
def test_any_order_and_any_duplicates_give_the_naive_findings(data: st.DataObject) -> None:
    facts, policy = data.draw(wards()), data.draw(POLICIES)
    now, window = (
        data.draw(nows(facts, policy)),
        data.draw(st.sampled_from(list(policy.windows.values()))),
    )
    assert_same(
        found_by(data.draw(deliveries(facts)), now, policy, window),
        naive.findings(facts, now, policy, window),
    )


@settings(max_examples=3 * settings.default.max_examples)
@given(crowds(), POLICIES, st.data())
def test_crowded_beds_give_the_naive_findings(
    facts: list[Fact], policy: Policy, data: st.DataObject
) -> None:
    """At the end of it all or later, or when the window begins in the middle of it."""
    window = data.draw(st.sampled_from((MINUTE, 10 * MINUTE, HOUR)))
    last = max(fact.at for fact in facts)
    later = st.sampled_from((0, 1, 5 * MINUTE, 10 * MINUTE, 11 * MINUTE)).map(
        lambda wait: last + wait
    )
    amidst = st.tuples(
        st.sampled_from(sorted(fact.at for fact in facts)), st.sampled_from((-1, 0))
    ).map(lambda one: sum(one) + window)
    now = max(last, data.draw(st.one_of(later, amidst)))
    assert_same(found_by(facts, now, policy, window), naive.findings(facts, now, policy, window))


@given(st.data())
def test_a_restored_state_gives_the_same_findings(data: st.DataObject) -> None:
    facts, policy = data.draw(st.one_of(wards(), crowds())), data.draw(POLICIES)
    now = data.draw(nows(facts, policy))
    engine = Engine(policy)
    feed(engine, facts)
    engine.advance(now)
    again = restore(store(engine, {}), {}, policy)
    again.advance(now)
    assert again.evidence(HOUR).findings() == engine.evidence(HOUR).findings()


@given(crowds(), crowds(), POLICIES)
def test_facilities_have_nothing_to_do_with_each_other(
    ours: list[Fact], theirs: list[Fact], policy: Policy
) -> None:
    """Each at its own watermark; units, beds, devices and alarms are called alike."""
    theirs = [replace(fact, facility="A", at=fact.at + 7 * MINUTE) for fact in theirs]
    engine = Engine(policy)
    feed(engine, [fact for pair in zip_longest(ours, theirs) for fact in pair if fact is not None])
    engine.advance(None)
    found = engine.evidence(10 * MINUTE).findings()
    for facility, facts in ((FACILITY, ours), ("A", theirs)):
        now = max(fact.at for fact in facts if isinstance(fact, AlarmEvent))
        assert_same(
            [unit for unit in found if unit.facility == facility],
            naive.findings(facts, now, policy, 10 * MINUTE),
        )
        assert {unit.at for unit in found if unit.facility == facility} <= {now}
    assert [unit.facility for unit in found] == sorted(unit.facility for unit in found)
