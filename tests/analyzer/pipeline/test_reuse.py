"""Alarm ids used again: which events, responses and labels are whose, in files and live, at any
pace and in any order.
"""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from analyzer import Engine, Fact, Policy
from analyzer.model.policy import MINUTE
from tests.harness.engines import TOPIC_OF, Stored, assert_same, feed, numbers, restore, store
from tests.harness.facts import alarm, event, ms, response, verdict
from tests.harness.reuse import SHORT, assert_told, in_time, records_of, reused
from tests.harness.strategies import deliveries
from tests.oracle import reference as naive
from tests.oracle.reference import episodes


@given(st.data())
def test_files_in_any_order_hold_every_episode(data: st.DataObject) -> None:
    facts = data.draw(reused())
    now = max(fact.at for fact in facts) + data.draw(st.sampled_from([0, 5 * MINUTE]))
    engine = Engine(SHORT)
    feed(engine, data.draw(deliveries(facts)))
    records = list(engine.advance(now))
    assert_told(records, records_of(facts, now, SHORT))
    assert_live(engine, facts, now)


def assert_live(engine: Engine, facts: list[Fact], now: int) -> None:
    """Response times are counters, and of what lies behind the horizon only alarms still open and
    assignments in force are held.
    """
    found, expected = numbers(engine, SHORT), naive.metrics(facts, now, SHORT)
    counters = "alarm_fatigue_response_seconds"
    assert_same(
        *(
            {key: value for key, value in some.items() if not key[0].startswith(counters)}
            for some in (found, expected)
        )
    )


@given(st.data())
def test_a_worker_at_any_pace_shows_what_files_show(data: st.DataObject) -> None:
    """Time advances after any record, state is stored and restored, and old episodes are forgotten
    or not.
    """
    facts = in_time(data.draw, data.draw(reused()))
    steps = data.draw(
        st.lists(
            st.sampled_from(["go on", "advance", "advance", "crash"]),
            min_size=len(facts),
            max_size=len(facts),
        )
    )
    engine, stored = Engine(SHORT), Stored()
    for fact, step in zip(facts, steps, strict=True):
        assert engine.apply(TOPIC_OF[type(fact)], fact, fact.at) == "accepted"
        if step == "advance":
            engine.advance(None)
        elif step == "crash":
            stored = store(engine, stored)
            engine = restore(stored, engine.outcome_counts, SHORT)
    now = max(fact.at for fact in facts)
    engine.advance(now)
    assert_live(engine, facts, now)


def held(facts: list[Fact], now: float) -> dict[str, tuple[int, int | None]]:
    return {key: (one.start, one.end) for key, one in episodes(facts, ms(now), Policy()).items()}


def test_events_more_than_the_horizon_after_the_end_begin_the_next_episode() -> None:
    """Horizon 26 h = 93,600 s after an end at 60."""
    last, next_ = 60 + 93_600, 60 + 93_600.001
    first: list[Fact] = alarm("a", 0, 60)
    assert held([*first, event("a", "start", last)], 10**6) == {"a": (ms(0), ms(60))}
    again = event("a", "start", next_)
    assert held([*first, again], 10**6) == {
        "a": (ms(0), ms(60)),
        f"a ({again.at})": (again.at, None),
    }
    # an open alarm goes on
    assert held([event("a", "start", 0), again], 10**6) == {"a": (ms(0), None)}
    assert held([*first, event("a", "end", next_)], 10**6) == {"a": (ms(0), ms(60))}


def test_an_end_without_a_start_waits_within_the_horizon() -> None:
    early = event("a", "end", 0, priority="high", recipients=("ann",))
    in_time, too_late = (
        [early, event("a", "start", at, priority="low")] for at in (93_600, 93_600.001)
    )
    assert [
        (one.priority, one.clinicians) for one in episodes(in_time, ms(10**6), Policy()).values()
    ] == [("high", {"ann"})]
    assert [
        (one.priority, one.clinicians) for one in episodes(too_late, ms(10**6), Policy()).values()
    ] == [("low", set())]


def test_responses_and_labels_mean_the_episode_of_their_time() -> None:
    facts: list[Fact] = [
        *alarm("a", 0, 60),
        *alarm("a", 100_000, 100_060),
        response(10, alarm_id="a", action="intervene"),
        response(100_010, alarm_id="a"),
        verdict("a", 90_000, "actionable"),
        verdict("a", 100_100, "non_actionable"),
        verdict("a", 10**6, "actionable"),
    ]
    found = episodes(facts, ms(2 * 10**6), Policy())
    first, second = found["a"], found[f"a ({ms(100_000)})"]
    assert (first.first_response, first.klass, first.basis) == (ms(10), "actionable", "label")
    assert (second.first_response, second.klass, second.basis) == (
        ms(100_010),
        "actionable",
        "label",
    )
    assert [len(one.labels) for one in (first, second)] == [1, 2]
    engine = Engine(Policy())
    feed(engine, facts)
    assert_told(list(engine.advance(ms(2 * 10**6))), records_of(facts, ms(2 * 10**6), Policy()))


def test_files_keep_all_alarms_of_ids_used_again_each_day() -> None:
    """Ten alarms every 27 h with the same ten ids: files keep them all, in any order of lines."""
    facts = [
        fact
        for day in range(30)
        for number in range(10)
        for fact in alarm(
            str(number), day * 27 * 3600 + number * 60, day * 27 * 3600 + number * 60 + 30
        )
    ]
    now = max(fact.at for fact in facts) + 5 * MINUTE
    for order in (facts, facts[::-1]):
        engine = Engine(Policy())
        feed(engine, order)
        assert len(engine.advance(now)) == 300
        assert {
            key: value
            for key, value in numbers(engine, Policy()).items()
            if value and key[0] == "alarm_fatigue_unit_alarms"
        } == {
            (
                "alarm_fatigue_unit_alarms",
                frozenset(
                    {("facility", "F"), ("unit", "icu"), ("window", window), ("priority", "medium")}
                ),
            ): 10
            for window in ("1h", "2h", "12h")
        } | {
            (
                "alarm_fatigue_unit_alarms",
                frozenset(
                    {("facility", "F"), ("unit", "icu"), ("window", "10m"), ("priority", "medium")}
                ),
            ): 5
        }
