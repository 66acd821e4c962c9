"""The class of an alarm does not depend on what was evicted before it was classified anew."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from analyzer import Engine, EpisodeRecord, Fact
from analyzer.model.policy import MINUTE
from tests.harness.engines import TOPIC_OF, Stored, restore, store
from tests.harness.facts import alarm, duty, event, ms, response
from tests.harness.reuse import SHORT, records_of
from tests.oracle import reference as naive

HORIZON, COVER, WINDOW, LATENESS = (
    value / 1000
    for value in (SHORT.horizon, SHORT.cover, SHORT.action_window, SHORT.allowed_lateness)
)
END = 600.0


@st.composite
def mentioned_late(draw: st.DrawFn) -> list[Fact]:
    """An alarm that is mentioned until up to a horizon after its end and held for another one; a
    response that may give its unit coverage; and other alarms that keep time going.
    """
    closing = END + WINDOW
    facts: list[Fact] = alarm("late", 0, END, priority="medium")
    at = draw(st.sampled_from([0.0, closing - COVER - 0.001, closing - COVER, 300.0, closing]))
    if draw(st.booleans()):
        facts.append(response(at, unit="icu", bed="9"))
    else:  # of a unit only by the alarm that it belongs to
        facts += [*alarm("other", max(at - 1, 0), at + 20, bed="2"), response(at, bed="2")]
    for share in draw(st.lists(st.sampled_from([0.1, 0.5, 0.9, 0.99, 1.0]), max_size=3)):
        priority = draw(st.sampled_from(["medium", "high"]))
        facts.append(event("late", "update", END + share * HORIZON, priority=priority))
    for share in draw(st.lists(st.sampled_from([0.5, 1.1, 1.5, 1.9]), max_size=2)):
        charted = END + share * HORIZON  # who had the bed is charted late
        facts.append(duty(draw(st.sampled_from(["ann", "bob"])), 0, END, at=ms(charted)))
    step = draw(st.sampled_from([900.0, 1800.0]))
    last = END + 2 * HORIZON + LATENESS
    facts += [
        fact
        for number in range(int(last / step))
        for fact in alarm(f"n{number}", number * step, number * step + 20, unit="else", bed="3")
    ]
    return sorted(facts, key=lambda one: one.at)


def said(record: EpisodeRecord | naive.Episode) -> tuple[object, ...]:
    class_ = record.class_ if isinstance(record, EpisodeRecord) else record.klass
    return class_, record.basis, record.priority


@given(st.data())
def test_a_late_event_keeps_the_class_and_its_evidence(data: st.DataObject) -> None:
    facts = data.draw(mentioned_late())
    breaks = data.draw(st.sets(st.integers(0, len(facts) - 1), max_size=2))
    engine, stored = Engine(SHORT), Stored()
    told: dict[str, EpisodeRecord] = {}
    for number, fact in enumerate(facts):
        assert engine.apply(TOPIC_OF[type(fact)], fact, fact.at) == "accepted"
        told |= {one.alarm_id: one for one in engine.advance(None)}
        if number in breaks:
            stored = store(engine, stored)
            engine = restore(stored, engine.outcome_counts, SHORT)
    now = max(fact.at for fact in facts) + 5 * MINUTE
    told |= {one.alarm_id: one for one in engine.advance(now)}
    expected = records_of(facts, now, SHORT)[("late", ms(0))]
    assert said(told["late"]) == said(expected)
