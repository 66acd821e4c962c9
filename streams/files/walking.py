"""Walking through kept facts: an engine takes them in order of event time, and forgets what lies
behind the horizon on the way.

What is charted long after it happened is known from the start, so that nothing forgotten would have
become something else: of each assignment, the engine gets the last record alone, when it begins;
alarms that are labelled later are held until then. All else reaches back less than the horizon.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import compress

import numpy as np

from analyzer import TOPICS, Engine, Finished, Policy, Topic
from analyzer.arrays import Numbers
from streams.files.kept_facts import AT_ONCE, FIELDS, Sorted

IN_ORDER: tuple[Topic, ...] = ("assignments", "alarms", "responses", "labels")
assert set(IN_ORDER) == set(TOPICS)


class Walk:
    """An engine that goes through facts in order of event time."""

    def __init__(self, facts: Mapping[Topic, Sorted], engine: Engine) -> None:
        self.engine = engine
        self._facts = facts
        self._done = dict.fromkeys(facts, 0)

    def to(self, now: int | None, moves: bool = True) -> Finished:
        """Take in what happened up to `now` (ms; None: everything), and move time there (None: to
        the watermarks). Returns what `Engine.advance` does.

        `moves`: False moves time to the watermarks instead, but not beyond `now`.
        """
        for topic, facts in self._facts.items():
            begin = self._done[topic]
            end = len(facts) if now is None else int(np.searchsorted(facts.at, now, side="right"))
            for columns in facts.slices(begin, end):
                self.engine.take(topic, columns, None)
            self._done[topic] = max(begin, end)
        return self.engine.advance(now if moves else None)

    @property
    def taken(self) -> int:
        """How many facts were taken in so far."""
        return sum(self._done.values())


def complete(
    facts: Mapping[Topic, Sorted], policy: Policy, until: Mapping[str, int]
) -> tuple[Engine, dict[Topic, Sorted]]:
    """An engine for answers as of `until` (ms, by facility), and the facts that it is to walk
    through.
    """
    engine = Engine(policy, complete=True)
    labels = facts["labels"]
    for chunk in labels.chunks:
        facility, ids = chunk.column("facility"), chunk.column("alarm_id")
        for name in dict.fromkeys(facility):
            mine = np.fromiter(map(name.__eq__, facility), np.bool_, len(facility))
            engine.await_labels(name, list(compress(ids, mine.tolist())), chunk.at[mine])
    return engine, {**facts, "assignments": _last_records(facts["assignments"], until)}


def moments(facts: Mapping[Topic, Sorted], last: int) -> Iterator[int]:
    """Up to when (ms) to go at a time, before `last`: where facts are, however far apart."""
    times = np.sort(np.concatenate([one.at for one in facts.values()]))
    for moment in np.unique(times[AT_ONCE::AT_ONCE]).tolist():
        if moment < last:
            yield moment


def _last_records(assignments: Sorted, until: Mapping[str, int]) -> Sorted:
    """Of each assignment the last record up to `until`, as if charted when it begins, or before."""
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
        if moment > until.get(of, -1):
            continue
        before = last.get((of, name))
        if before is None or (at[before], event[before]) < (moment, event[place]):
            last[of, name] = place
    places = list(last.values())
    chosen = [[column[place] for place in places] for column in columns]
    begin = [start[place] for place in places]
    chosen[fields.index("at")] = np.minimum(at[places], begin).tolist() if places else []
    return Sorted.of("assignments", tuple(chosen))
