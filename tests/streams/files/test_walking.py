"""Walking through kept facts: what is forgotten on the way changes no number."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from analyzer import (
    TOPICS,
    AlarmEvent,
    Assignment,
    Engine,
    EpisodeRecord,
    Fact,
    Finished,
    Label,
    Topic,
)
from analyzer.model.facts import values_of
from analyzer.model.policy import HOUR, MINUTE
from streams.files.finished_lines import FinishedLines
from streams.files.kept_facts import Kept, Sorted
from streams.files.walking import through
from streams.formats.sinks import encode_episodes
from tests.harness.engines import TOPIC_OF, assert_same, feed, numbers
from tests.harness.facts import alarm, verdict
from tests.harness.reuse import SHORT, assert_told, records_of, reused
from tests.harness.strategies import deliveries, wards


@st.composite
def charted_late(draw: st.DrawFn) -> list[Fact]:
    """A ward in which labels and assignments may be recorded long after."""
    facts = draw(st.one_of(wards(), reused()))
    waits = draw(
        st.lists(
            st.sampled_from([0, 0, 3 * HOUR, 20 * HOUR]),
            min_size=len(facts),
            max_size=len(facts),
        )
    )
    return [
        replace(fact, at=fact.at + wait) if isinstance(fact, (Label, Assignment)) else fact
        for fact, wait in zip(facts, waits, strict=True)
    ]


def kept(delivered: Sequence[Fact]) -> dict[Topic, Sorted]:
    found = {topic: Kept(topic, at_once=4) for topic in TOPICS}
    for topic in TOPICS:
        rows = [values_of(one) for one in delivered if TOPIC_OF[type(one)] == topic]
        for begin in range(0, len(rows), 3):
            found[topic].take(tuple(map(list, zip(*rows[begin : begin + 3], strict=True))))
    return {topic: one.by_time() for topic, one in found.items()}


class Told:
    """The last record of each episode."""

    def __init__(self) -> None:
        self.records: dict[tuple[str, int], EpisodeRecord] = {}

    def clear(self) -> None:
        self.records.clear()

    def take(self, found: Finished) -> None:
        self.records |= {(one.alarm_id, one.start): one for one in found}


@given(st.data())
def test_forgetting_on_the_way_changes_no_number(data: st.DataObject) -> None:
    facts = data.draw(charted_late())
    last = max(one.at for one in facts if isinstance(one, AlarmEvent)) + data.draw(
        st.sampled_from([0, 5 * MINUTE, 9 * HOUR])
    )
    delivered = data.draw(deliveries(facts))
    told = Told()
    engine = through(kept(delivered), SHORT, last, told, at_once=2)
    assert_told(list(told.records.values()), records_of(facts, last, SHORT))
    whole = Engine(SHORT, evicts=False)
    feed(whole, delivered)
    finished = encode_episodes(whole.advance(last), str)
    lines = FinishedLines(str)
    through(kept(delivered), SHORT, last, lines, at_once=3)
    assert list(lines) == finished
    assert engine.emit_changes() == whole.emit_changes()
    assert_same(numbers(engine, SHORT), numbers(whole, SHORT))
    assert [one.findings() for one in engine.evidence_since(None)] == [
        one.findings() for one in whole.evidence_since(None)
    ]


def alarms_of_days(days: int) -> list[Fact]:
    """An alarm of a minute every ten minutes."""
    return [
        fact
        for number in range(days * 144)
        for fact in alarm(f"a{number}", number * 600, number * 600 + 60)
    ]


class Steps:
    """How many steps there were, and how often it began anew."""

    def __init__(self) -> None:
        self.steps = self.anew = 0

    def take(self, found: Finished) -> None:
        self.steps += 1

    def clear(self) -> None:
        self.anew += 1


def test_held_memory_does_not_grow_with_the_recording() -> None:
    held = []
    for days in (1, 4):
        facts, told = alarms_of_days(days), Told()
        engine = through(kept(facts), SHORT, None, told, at_once=8)
        assert len(told.records) == days * 144 - 1, "the last is not final"
        held.append(engine.held)
    assert held[0] == held[1] < 30


def test_an_alarm_labelled_days_later_is_held_and_no_other() -> None:
    facts = [*alarms_of_days(3), verdict("a5", 2.9 * 86_400, "actionable")]
    told = Told()
    engine = through(kept(facts), SHORT, None, told, at_once=8)
    [labelled] = [one for one in told.records.values() if one.basis == "label"]
    assert labelled.alarm_id == "a5"
    assert engine.held < 30


def test_one_stray_record_decades_before_costs_one_step() -> None:
    near = alarms_of_days(1)
    stray = [replace(one, event_id=f"s{one.event_id}", alarm_id="s") for one in near[:2]]
    steps = []
    for years in (1, 20):
        moved = [replace(one, at=one.at - years * 365 * 86_400_000) for one in stray]
        sink = Steps()
        through(kept([*near, *moved]), SHORT, None, sink, at_once=8)
        steps.append(sink.steps)
    assert steps[0] == steps[1] <= len(near) // 8 + 2


def test_an_alarm_open_for_long_that_gets_a_recipient_makes_it_go_again() -> None:
    """She was overloaded from the start, as is known only at the end."""
    standing = [
        replace(one, recipients=("ann",) if one.phase == "end" else None)
        for number in range(9)
        for one in alarm(f"b{number}", number, 5 * 3600)
        if isinstance(one, AlarmEvent)
    ]
    late = [*alarms_of_days(1), *standing]
    told = Steps()
    engine = through(kept(late), SHORT, None, told, at_once=2)
    whole = Engine(SHORT, evicts=False)
    feed(whole, list(late))
    whole.advance(None)
    wanted = whole.emit_changes()
    assert [one.change.clinician for one in wanted if one.change.clinician], "she was overloaded"
    assert engine.emit_changes() == wanted
    assert told.anew == 1
