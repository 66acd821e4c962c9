"""The engine: the facilities of one partition. The worker, `replay` and `tune` call only this."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from analyzer.arrays import Marks, Numbers, distinct, integers
from analyzer.columns.facilities import VACANT
from analyzer.columns.hashing import fingerprints
from analyzer.columns.packed import pack
from analyzer.findings.evidence import Evidence
from analyzer.findings.forgotten import Forgotten
from analyzer.model.facts import FACT_TYPES, OUTCOMES, TOPICS, Fact, Outcome, Topic, values_of
from analyzer.model.overload import ChangeRecord
from analyzer.model.policy import Policy
from analyzer.overload.loads import UnitLoads, loads_between
from analyzer.overload.shifts import ShiftsAt
from analyzer.overload.status import Status, unit_present, unit_reliefs
from analyzer.overload.tracker import evaluate, evaluate_before
from analyzer.pipeline import shards as storage
from analyzer.pipeline.admission import ACCEPTED, NOTHING_YET, Outcomes
from analyzer.pipeline.compaction import compact
from analyzer.pipeline.control import Command, control
from analyzer.pipeline.departed import drop_departed
from analyzer.pipeline.derive import derive, reclassify
from analyzer.pipeline.finalising import finalise, finished
from analyzer.pipeline.finished import Finished
from analyzer.pipeline.fold import FOLDS
from analyzer.pipeline.held import Held
from analyzer.pipeline.holdings import Holdings, holdings
from analyzer.pipeline.pending import Batch, Columns
from analyzer.pipeline.recent import Recent
from analyzer.pipeline.retention import evict
from analyzer.pipeline.shards import ShardKey
from analyzer.pipeline.state import State
from analyzer.windows.burden import Burdens
from analyzer.windows.groups import groups
from analyzer.windows.snapshot import Snapshot

if TYPE_CHECKING:
    from analyzer.whatif.episode_table import Recorded

_INDICES: dict[Topic, dict[str, int]] = {
    topic: {name: index for index, name in enumerate(type_.__slots__)}
    for topic, type_ in FACT_TYPES.items()
}


class Engine:
    """Facts in, finished episodes and burdens out.
    `outcome_counts` counts records by topic and outcome.

    >>> from analyzer.model.facts import AlarmEvent
    >>> engine = Engine(Policy())
    >>> event = AlarmEvent(
    ...     event_id="e1", alarm_id="a1", phase="start", at=0, facility="H", unit="ICU", bed="1",
    ...     device_id="m1", device_type="monitor", code="MDC_EVT_LO", kind="physiological",
    ...     priority="high")
    >>> engine.apply("alarms", event, stamped=None)
    'accepted'
    >>> len(engine.advance(None))
    0
    >>> engine.measure().units.open_alarms.tolist()
    [1]
    """

    def __init__(
        self, policy: Policy, *, evicts: bool = True, complete: bool = False, kept_longer: int = 0
    ) -> None:
        """`evicts`: whether it forgets what lies behind the horizon; otherwise memory grows with
        the recording, for findings about all of it.

        `complete`: the facts are complete history and come in order of event time, with few steps
        of time between them. It forgets what lies behind the horizon, and notes what findings about
        all of it rest on: see `await_labels` and `reached_back`. `kept_longer` (ms): it forgets so
        much later.
        """
        self._state = State(policy)
        self._state.kept_longer = kept_longer
        self._state.is_complete = complete
        self._evicts = evicts
        self._forgotten = Forgotten() if complete else None
        self.outcome_counts: dict[tuple[Topic, Outcome], int] = {}
        self.controls: dict[Command, int] = {}
        """Control records applied, by command."""
        self.policy = policy
        self.version = 0
        """Changes whenever measurements may have changed."""
        self.recent = Recent(self._state.facilities)
        """The outcomes of the records of the last minutes; in memory only."""

    def apply(self, topic: Topic, fact: Fact, stamped: int | None) -> Outcome:
        """Admit one fact.

        `stamped`: the timestamp of the Kafka record (ms), or None for complete history.
        """
        columns = tuple([value] for value in values_of(fact))
        return OUTCOMES[int(self.take(topic, columns, None if stamped is None else [stamped])[0])]

    def take(self, topic: Topic, columns: Columns, stamps: Sequence[int] | None) -> Outcomes:
        """Admit facts of one topic, in the order given.

        `columns` has a sequence for each field, in the order of the class of the fact. `stamps` are
        the timestamps of the Kafka records (ms), or None for complete history. Returns the
        outcomes, as indices of `OUTCOMES`. Accepted facts take effect with the next `advance`.
        """
        state, index_of = self._state, _INDICES[topic]
        if not columns[0]:
            return np.empty(0, dtype=np.int8)
        facilities = integers(map(state.facilities.__getitem__, columns[index_of["facility"]]))
        state.grow()
        at = integers(columns[index_of["at"]])
        until = None
        if topic == "assignments":
            until = integers(
                -NOTHING_YET if end is None else end for end in columns[index_of["end"]]
            )
        stamped = None if stamps is None else integers(stamps)
        outcomes, entries = state.admission[topic].admit(facilities, columns[0], at, stamped, until)
        self.recent.count_outcomes(topic, facilities, outcomes)
        if topic == "alarms" and stamped is not None:
            of_facility, of_type = columns[index_of["facility"]], columns[index_of["device_type"]]
            self.recent.clocks(of_facility, of_type, at, stamped)
        accepted = outcomes == ACCEPTED
        batch = Batch(columns, facilities, at, np.full(len(at), -1))
        batch.entries[accepted] = entries
        state.head_changed |= bool(len(entries))
        state.pending.add(topic, batch if len(entries) == len(at) else batch.chosen(accepted))
        for outcome, count in enumerate(np.bincount(outcomes, minlength=len(OUTCOMES)).tolist()):
            if count:
                self.count(topic, OUTCOMES[outcome], count)
        return outcomes

    def count(self, topic: Topic, outcome: Outcome, times: int = 1) -> None:
        """Count records. Callers do so for records that are no facts."""
        key = (topic, outcome)
        self.outcome_counts[key] = self.outcome_counts.get(key, 0) + times

    def advance(self, now: int | None) -> Finished:
        """Move the time of every facility to `now` (ms); None: to its own watermark.

        Time never moves back: while a clock is behind, it stands still. Returns the final episodes
        whose record is new or has changed, ordered by facility, end and alarm id.
        """
        state = self._state
        state.grow()
        count = len(state.facilities.by_number)
        self._rewind(now)
        before = state.times.now[:count].copy()
        state.times.now[:count] = np.maximum(before, state.watermark() if now is None else now)
        if len(state.pending) or (state.times.now[:count] != before).any():
            self.version += 1
        for topic, fold in FOLDS.items():
            state.overload.taking_in = topic
            affected = [
                fold(state, batch)
                for batch in state.pending.take(topic, state.times.now, self.policy.horizon)
            ]
            if affected:
                rows = distinct(np.concatenate(affected))
                derive(state, rows)
                state.table.changed(rows)
        state.overload.taking_in = None
        reclassify(state)
        records = finalise(state)
        if (
            self._evicts and evict(state, evaluate_before, leaving=self._forgotten)
        ) or state.facilities.dropped:
            compact(state)
        return records

    def await_labels(self, facility: str, alarm_ids: Sequence[str], at: Numbers) -> None:
        """Say of complete history which alarms it will label, and when (ms): they are held until
        then.
        """
        state = self._state
        number = state.facilities[facility]
        state.grow()
        marks, _ = fingerprints(np.full(len(alarm_ids), number), pack(alarm_ids))
        marks, at = np.append(state.awaited[0], marks), np.append(state.awaited[1], at)
        order = np.lexsort((at, marks))
        last = np.append(np.diff(marks[order]) != 0, True)[: len(order)]
        state.awaited = marks[order][last], at[order][last]

    @property
    def reached_back(self) -> int:
        """How far (ms) facts of complete history have changed loads before what is held, as when an
        alarm that was open for days gets another recipient at last. Overload states then need an
        engine with facts `kept_longer`.
        """
        return self._state.reached_back

    def reaches(self, facility: str, watermark: int) -> None:
        """Say of complete history up to when (ms) it goes, although later facts are not taken."""
        state = self._state
        number = state.facilities[facility]
        state.grow()
        marks = state.admission["alarms"].watermark
        marks[number] = max(int(marks[number]), watermark)

    def begin_at(self, moment: int) -> None:
        """Say that older facts than `moment` (ms) were left out: overload states are evaluated from
        an hour after it on, and are normal before.
        """
        self._state.grow()
        count = len(self._state.facilities.by_number)
        self._state.times.evicted_until[:count] = moment

    def _rewind(self, now: int | None) -> None:
        """Move event time back where the watermark was reset. The wall clock is not affected."""
        state = self._state
        for number in state.rewound if now is None else ():
            mark = int(state.watermark()[number])
            state.times.now[number] = mark
            horizon = max(mark - self.policy.horizon, NOTHING_YET)
            state.times.evicted_until[number] = min(int(state.times.evicted_until[number]), horizon)
            state.overload.rewind(number, mark)
            state.head_changed = True
        state.rewound.clear()

    def control(
        self,
        topic: Topic,
        command: Command,
        facility: str,
        at: int,
        clinician: str | None = None,
    ) -> None:
        """Apply a control record at its position among the facts: see `pipeline.control`."""
        if control(self._state, topic, command, facility, at, clinician):
            self.recent.drop(facility)
        self.controls[command] = self.controls.get(command, 0) + 1
        self.version += 1

    def drop_departed(self, now: int) -> list[str]:
        """Drop facilities that have sent nothing for long, by the wall clock `now` (ms).

        Returns their names: see `analyzer.pipeline.departed`.
        """
        dropped = drop_departed(self._state, now, evaluate_before)
        self.version += bool(dropped)
        return dropped

    def still_current(self, rows: Numbers, digests: Marks) -> npt.NDArray[np.bool_]:
        """Which records, of those returned as `Finished`, the state still holds unchanged."""
        same: npt.NDArray[np.bool_] = self._state.table.digest[rows] == digests
        return same

    def records_at(self, rows: Numbers) -> Finished:
        """The records that the state holds at these rows."""
        return finished(self._state, rows)

    def alarms(self, facility: str) -> Finished:
        """All alarms that the state holds of a facility, also those that are not final.

        The `end` of an open alarm is `OPEN`; its class, and that of one that ended a moment ago, is
        the present one.
        """
        state = self._state
        number = state.facilities.get(facility, -1)
        rows = state.table.alarms()
        return finished(state, rows[state.table.facility[rows] == number])

    def holdings(self, facility: str, clinician: str | None = None) -> Holdings:
        """How much is held of a facility, or of one clinician there."""
        return holdings(self._state, facility, clinician)

    def emit_again(self, rows: Numbers) -> None:
        """Have `advance` return the records of these rows again when they are final, even if they
        are unchanged.
        """
        table = self._state.table
        table.digest[rows] = 0
        table.to_finalise[rows] = True
        table.changed(rows)

    def emit_again_before(self, before: int, most: int) -> int | None:
        """Have `advance` return again, of the final records that ended before `before` (ms), the
        `most` latest. Returns when the first of these ended; None: no more are left.
        """
        table = self._state.table
        rows = table.rows()
        rows = rows[(table.digest[rows] != 0) & (table.end[rows] < before)]
        ends = np.sort(table.end[rows])
        first = int(ends[-most]) if len(ends) > most else None
        self.emit_again(rows if first is None else rows[table.end[rows] >= first])
        return first

    def evaluate(self) -> bool:
        """Evaluate the overload states up to the current time. Returns whether there are changes
        to emit.
        """
        evaluate(self._state)
        return self._state.overload.has_pending

    def emit_changes(self) -> list[ChangeRecord]:
        """Changes of overload states that were not emitted before, and retractions of those that
        were and no longer hold.
        """
        evaluate(self._state)
        return self._state.overload.emit()

    def snapshot(self) -> Snapshot:
        """A copy of what burdens are measured from, as of the current time.

        It can be measured later, and in another thread.
        """
        evaluate(self._state)
        state = self._state
        return Snapshot.of(state, unit_reliefs(state), unit_present(state))

    def status(
        self,
        facility: str | None = None,
        shifts: ShiftsAt | None = None,
        beside: Snapshot | None = None,
    ) -> Status:
        """States, reasons and reliefs for a page, as of now, for all facilities or for one.

        `shifts` gives the shifts to compare; None: no shifts are compared. `beside`: a snapshot of
        the same moment; its reliefs are reused.
        """
        evaluate(self._state)
        reliefs = unit_reliefs(self._state) if beside is None else beside.reliefs
        return Status.of(self._state, reliefs, facility, shifts)

    def measure(self) -> Burdens:
        """The burdens of all clinicians and units, as of the current time."""
        return self.snapshot().measure()

    def measure_people(self) -> Burdens:
        """The burdens of clinicians, as of the current time, without what only units have: their
        relief, and what decides when their states are left.
        """
        evaluate(self._state)
        return Snapshot.of(self._state, {}, {}).measure()

    def loads(self, facility: str, begin: int, end: int) -> UnitLoads | None:
        """The measures of a facility's clinicians and units at each tick in (begin, end] (ms).

        None: the facility is not known, or there is no tick.
        """
        return loads_between(self._state, facility, begin, end)

    def evidence(self, window: int) -> Evidence:
        """A copy of what findings about the last `window` (ms) rest on, as of the current time."""
        return Evidence.of(self._state, window, self._forgotten)

    def evidence_since(self, moment: int | None) -> list[Evidence]:
        """By facility, what findings from `moment` (ms; None: the first alarm) on rest on."""
        return Evidence.since(self._state, moment, self._forgotten)

    def groups(self) -> dict[tuple[str, str], list[int]]:
        """How many clinicians stand behind each hour of a unit, by facility and unit, the latest
        hour first (`analyzer.windows.groups`).
        """
        return groups(self._state)

    def copied(self, facility: str) -> Held | None:
        """A copy of what is held of a facility, to be turned into facts again; None: it is not
        known.
        """
        return Held.of(self._state, facility)

    def recall(self, facility: str, unit: str) -> Recorded | None:
        """A copy of the final alarms of a unit, for what-ifs; None if it had no alarm."""
        from analyzer.whatif.recall import recall  # a worker starts without it

        return recall(self._state, facility, unit)

    @property
    def facilities(self) -> list[str]:
        """The names of the known facilities, sorted."""
        return sorted(self._state.facilities)

    def times(self) -> dict[str, int]:
        """The current time of each known facility (ms), by name."""
        names = self._state.facilities.by_number
        moments = zip(names, self._state.times.now[: len(names)].tolist(), strict=True)
        return {name: now for name, now in sorted(moments) if name != VACANT}

    def watermarks(self) -> dict[str, int]:
        """The watermark of each facility that has one (ms), by name."""
        marks = zip(self._state.facilities.by_number, self._state.watermark().tolist(), strict=True)
        return {name: mark for name, mark in sorted(marks) if mark != NOTHING_YET}

    def latest_times(self) -> dict[str, int]:
        """The latest time of an accepted fact of any topic (ms), by name of the facility."""
        latest = np.max([self._state.watermark(topic) for topic in TOPICS], axis=0).tolist()
        marks = zip(self._state.facilities.by_number, latest, strict=True)
        return {name: mark for name, mark in sorted(marks) if mark != NOTHING_YET}

    @property
    def forgotten_open(self) -> int:
        """Open alarms evicted because of `Policy.max_open_alarms` since the engine was loaded."""
        return self._state.forgotten_open

    @property
    def names(self) -> int:
        """The number of names in memory: facilities, units, beds, alarm types, people and texts."""
        state = self._state
        texts = len(state.labels) + len(state.statics.by_number) + len(state.statics.signals)
        people = len(state.teams.clinicians) + len(state.teams.all)
        return len(state.facilities.by_number) + state.statics.names + texts + people

    @property
    def recipients_dropped(self) -> int:
        """Recipients that did not count: see `roster.MOST_RECIPIENTS`."""
        return self._state.recipients_dropped

    @property
    def held(self) -> int:
        """Episodes in memory."""
        return self._state.table.held

    # -- storage

    def changed_shards(self) -> Iterator[ShardKey]:
        """The shards that differ from what is stored; after `load`, all of them."""
        return storage.changed_shards(self._state)

    def dump(self, key: ShardKey) -> Any:
        """A shard in plain values; None if it is empty."""
        return storage.dump(self._state, key)

    def stored(self) -> None:
        """Mark everything as stored."""
        storage.stored(self._state)

    @classmethod
    def load(
        cls,
        policy: Policy,
        shards: Mapping[ShardKey, Any],
        outcome_counts: Mapping[tuple[Topic, Outcome], int],
        reclassify: bool = False,
    ) -> Engine:
        """The engine that dumped `shards`. It has no current time until `advance`.

        `reclassify`: classify all final episodes again, as the policy has changed.
        """
        self = cls(policy)
        self._state = storage.load(policy, shards, reclassify)
        self.recent = Recent(self._state.facilities)
        self.outcome_counts = dict(outcome_counts)
        return self
