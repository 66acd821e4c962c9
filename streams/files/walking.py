"""Walking through kept facts: an engine takes them in order of event time, and forgets what lies
behind the horizon on the way.

What is charted long after it happened is known from the start, so that nothing forgotten would have
become something else: of each assignment, the engine gets the last record alone, when it begins;
alarms that are labelled later are held until then. Hardly anything else reaches back farther than
the horizon, and where it does, the engine goes again and forgets later.

So memory holds 8 bytes of each fact, some 50 bytes of each alarm, the alarms of the last
hours, and those that wait for a label.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import compress
from typing import Protocol

import numpy as np

from analyzer import TOPICS, Engine, Finished, Policy, Topic
from analyzer.arrays import Numbers
from analyzer.model import HOUR
from streams.files.coded import FIELDS
from streams.files.kept_facts import Sorted

IN_ORDER: tuple[Topic, ...] = ("assignments", "alarms", "responses", "labels")
assert set(IN_ORDER) == set(TOPICS)
_STEP = 1 << 15
"""Facts taken in between two moves of time."""


class Walk:
    """An engine that goes through facts in order of event time."""

    def __init__(self, facts: Mapping[Topic, Sorted], engine: Engine) -> None:
        self.engine = engine
        self._facts = facts
        self._done = dict.fromkeys(facts, 0)

    def take(self, until: int | None) -> int:
        """Take in what happened up to `until` (ms; None: everything). Returns how many facts that
        was.
        """
        count = 0
        for topic, facts in self._facts.items():
            begin = self._done[topic]
            end = len(facts)
            if until is not None:
                end = max(int(np.searchsorted(facts.at, until, side="right")), begin)
            for columns in facts.slices(begin, end):
                self.engine.take(topic, columns, None)
            self._done[topic] = end
            count += end - begin
        return count

    def to(self, now: int | None) -> Finished:
        """Take in what happened up to `now` (ms; None: everything), and move time there (None: to
        the watermarks). Returns what `Engine.advance` does.
        """
        self.take(now)
        return self.engine.advance(now)


class Sink(Protocol):
    """Gets what is finished, step by step."""

    def take(self, found: Finished) -> None: ...

    def clear(self) -> None:
        """Forget all: it is told again."""


def through(
    facts: Mapping[Topic, Sorted],
    policy: Policy,
    now: int | None,
    sink: Sink,
    progress: Callable[[int], object] = lambda _: None,
    at_once: int = _STEP,
) -> Engine:
    """An engine that has gone through all facts, as of `now` (ms; None: the watermarks). `sink`
    gets what is finished on the way.

    Where facts reach back farther than what it held, it goes again, and forgets later. `progress`
    is called with how many facts more were taken in.
    """
    longer, told = 0, 0
    times = _steps(facts, now, at_once)
    until = watermarks(facts["alarms"]) if now is None else {}
    while True:
        engine = Engine(policy, complete=True, kept_longer=longer)
        walk, taken = Walk(_prepared(facts, engine, until, now), engine), 0
        for moment in times:
            taken += walk.take(moment)
            sink.take(engine.advance(None))
            progress(max(taken - told, 0))
            told = max(taken, told)
            if engine.reached_back:
                break
        else:
            progress(max(taken + walk.take(now) - told, 0))
            sink.take(engine.advance(now))
            engine.evaluate()
            if not engine.reached_back:
                return engine
        sink.clear()
        longer = max(2 * longer, longer + engine.reached_back + HOUR)


def watermarks(alarms: Sorted) -> dict[str, int]:
    """The time of the last alarm event (ms), by facility."""
    return alarms.last()


def _steps(facts: Mapping[Topic, Sorted], now: int | None, at_once: int) -> list[int]:
    """The times (ms) up to which to advance, step by step. Stretches without facts get no steps."""
    times = np.sort(np.concatenate([one.at for one in facts.values()]))
    if now is not None:
        times = times[: np.searchsorted(times, now, side="right")]
    steps: list[int] = np.unique(times[at_once::at_once]).tolist()
    return steps


def _prepared(
    facts: Mapping[Topic, Sorted], engine: Engine, until: Mapping[str, int], now: int | None
) -> dict[Topic, Sorted]:
    """The facts that the engine is to walk through; it is told of the labels among them."""
    for chunk in facts["labels"].chunks:
        facility, ids = chunk.column("facility"), chunk.column("alarm_id")
        for name in dict.fromkeys(facility):
            mine = np.fromiter(map(name.__eq__, facility), np.bool_, len(facility))
            engine.await_labels(name, list(compress(ids, mine.tolist())), chunk.at[mine])
    return {**facts, "assignments": _last_records(facts["assignments"], until, now)}


def _last_records(assignments: Sorted, until: Mapping[str, int], now: int | None) -> Sorted:
    """The last valid record of each assignment, as if it had been charted by the time it begins."""
    columns = assignments.columns()
    if not len(assignments):
        return assignments
    fields = FIELDS["assignments"]
    id_, facility, event, start = (
        columns[fields.index(name)] for name in ("assignment_id", "facility", "event_id", "start")
    )
    at: Numbers = assignments.at
    last: dict[tuple[str, str], int] = {}
    for place, (of, name, moment) in enumerate(zip(facility, id_, at.tolist(), strict=True)):
        if moment > (until.get(of, -1) if now is None else now):
            continue
        before = last.get((of, name))
        if before is None or (at[before], event[before]) < (moment, event[place]):
            last[of, name] = place
    places = list(last.values())
    chosen = [[column[place] for place in places] for column in columns]
    begin = [start[place] for place in places]
    chosen[fields.index("at")] = np.minimum(at[places], begin).tolist() if places else []
    return Sorted.of("assignments", tuple(chosen))
