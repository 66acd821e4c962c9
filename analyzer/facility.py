"""A facility: all facts of one hospital joined, up to a moment `now` that only moves forward.

What it answers depends on the set of accepted facts and on `now`, never on their order: a fact touches the episodes it
bears on, each touched episode is derived anew from everything known of it, and windows are counted from the derived rows.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from hashlib import blake2b
from typing import Any

from analyzer.admission import TOPICS, Admission, Outcome
from analyzer.blocks import Blocks
from analyzer.burden import Burden, measure
from analyzer.classes import ACTIONABLE, BASES, CLASSES, NON_ACTIONABLE, classify
from analyzer.columns import NOT_JUDGED, Columns
from analyzer.episodes import OPEN, PRIORITIES, Class, Episode, EpisodeRecord, Observation, Static
from analyzer.facts import FACT_TYPES, AlarmEvent, Assignment, Fact, Label, Response, Topic, fact_of, values_of
from analyzer.histogram import ResponseTimes
from analyzer.policy import MINUTE, Policy
from analyzer.responses import BedResponses, Cover, heard
from analyzer.roster import Bed, Roster, holds

_VERDICTS = {"actionable": ACTIONABLE, "non_actionable": NON_ACTIONABLE}
_TIDY_EVERY = 10 * MINUTE  # the horizon need not be swept at each event: what it passed is in no window

ShardKey = tuple[str, int]
"""A part of the stored state: what it holds, and the number of its block."""


class Facility:
    """State of one facility. Facts with `at` > `now` wait until `now` has reached them."""

    def __init__(self, name: str, policy: Policy) -> None:
        self.name = name
        self._policy = policy
        self._gates = {topic: Admission(topic, policy) for topic in TOPICS}
        self.now: int | None = None
        self._tidied: int | None = None
        self._waiting: list[tuple[int, int, Topic, Fact]] = []  # a heap; the second figure keeps facts from being compared
        self._waited = 0
        self._waiting_changed = False
        self._head_changed = False
        self._old_cover_changed = False

        self._episodes: dict[str, Episode] = {}
        self._blocks: Blocks[Episode] = Blocks(128)
        self._by_bed: dict[str, set[Episode]] = {}  # existing episodes, by bed name: responses may name no unit
        self._statics: dict[Static, Static] = {}
        self._touched: set[Episode] = set()
        self._columns = Columns()

        self._roster = Roster()
        self._responses = BedResponses()
        self._cover = Cover()
        self._response_times = ResponseTimes()

    @property
    def watermark(self) -> int | None:
        """The greatest `at` of an accepted alarm event; None before the first."""
        return self._gates["alarms"].watermark

    @property
    def held(self) -> int:
        """Episodes in memory."""
        return len(self._episodes)

    # -- facts in

    def apply(self, topic: Topic, fact: Fact, stamped: int | None) -> Outcome:
        """Admit a fact (`stamped`: see `Admission.admit`), and take it in if it is accepted."""
        outcome = self._gates[topic].admit(fact, stamped)
        if outcome == "accepted":
            self._head_changed = True
            if self.now is not None and fact.at <= self.now:
                self._take_in(fact)
            else:
                heapq.heappush(self._waiting, (fact.at, self._waited, topic, fact))
                self._waited += 1
                self._waiting_changed = True
        return outcome

    def _take_in(self, fact: Fact) -> None:
        match fact:
            case AlarmEvent():
                self._take_event(fact)
            case Response():
                self._take_response(fact)
            case Assignment():
                for one in self._roster.put(fact):
                    self._touch_bed((one.unit, one.bed), one)
            case Label():
                episode = self._episode(fact.alarm_id)
                episode.judge(fact)
                self._touch(episode)

    def _take_event(self, event: AlarmEvent) -> None:
        episode = self._episode(event.alarm_id)
        before = episode.static
        episode.merge(event, self._statics)
        after = episode.static
        if after is not None and (before is None or before.bed != after.bed):
            if before is not None:
                self._leave_bed(episode, before)
            self._by_bed.setdefault(after.bed, set()).add(episode)
        self._touch(episode)

    def _take_response(self, response: Response) -> None:
        said = heard(response)
        if response.unit is not None:
            self._cover.add(response.unit, response.at)
        if response.alarm_id is not None:
            episode = self._episode(response.alarm_id)
            episode.hear(said)
            self._touch(episode)
        elif response.bed is not None:
            self._responses.add(response.bed, said)
            for episode in self._by_bed.get(response.bed, ()):
                if episode.start <= said.at <= episode.end + self._policy.action_window:
                    self._touched.add(episode)

    def _episode(self, alarm_id: str) -> Episode:
        episode = self._episodes.get(alarm_id)
        if episode is None:
            episode = self._episodes[alarm_id] = Episode(alarm_id)
            self._blocks.add(episode)
        return episode

    def _touch(self, episode: Episode) -> None:
        self._touched.add(episode)
        self._blocks.changed(episode)

    def _touch_bed(self, bed: Bed, during: Assignment) -> None:
        for episode in self._by_bed.get(bed[1], ()):
            if episode.static is not None and episode.static.unit == bed[0] and holds(during, episode.start):
                self._touched.add(episode)

    def _leave_bed(self, episode: Episode, static: Static) -> None:
        of_bed = self._by_bed[static.bed]
        of_bed.remove(episode)
        if not of_bed:
            del self._by_bed[static.bed]

    # -- what follows from them

    def _settle(self) -> None:
        """Derive every touched episode anew."""
        for episode in self._touched:
            if episode.exists:
                self._derive(episode)
        self._touched.clear()

    def _derive(self, episode: Episode, to_publish: bool = True) -> None:
        static, start = episode.static, episode.start
        assert static is not None
        episode.end = min((at for at in episode.ends if at >= start), default=OPEN)
        closing = episode.end + self._policy.action_window
        answers = episode.heard + self._responses.within(static.unit, static.bed, start, closing)
        episode.first_response = min((one.at for one in answers), default=None)
        episode.intervened = any(one.intervenes and start <= one.at <= closing for one in answers)
        episode.team = self._roster_team(static, start) | episode.recipients
        self._lend_cover(episode, static.unit, tuple(sorted(one.at for one in answers if one.unit is None)))
        verdict = NOT_JUDGED if episode.label is None else _VERDICTS[episode.label[2]]
        self._columns.write(episode, verdict, bool(answers), to_publish)

    def _roster_team(self, static: Static, start: int) -> frozenset[str]:
        return frozenset(self._roster.clinicians((static.unit, static.bed), start))

    def _lend_cover(self, episode: Episode, unit: str, moments: tuple[int, ...]) -> None:
        """A response that names no unit counts for the unit of each episode it belongs to."""
        if episode.cover != (unit, moments):
            if self._tidied is not None and any(at < self._tidied for at in episode.cover[1] + moments):
                self._old_cover_changed = True
            for at in episode.cover[1]:
                self._cover.remove(episode.cover[0], at)
            for at in moments:
                self._cover.add(unit, at)
            episode.cover = (unit, moments)

    # -- time

    def advance(self, now: int) -> list[EpisodeRecord]:
        """Move time to `now` (never back: a clock that steps back stands still) and finish what it finished.

        Returns, ordered by end and alarm id, the episodes whose record is new or differs from the one returned before.
        """
        if self.now is None or now > self.now:
            self.now = now
        while self._waiting and self._waiting[0][0] <= self.now:
            self._take_in(heapq.heappop(self._waiting)[3])
            self._waiting_changed = True
        self._settle()
        for unit, (first, last) in self._cover.changed.items():
            # Cover reaches from `cover` before an episode's closing to the closing.
            delay = self._policy.action_window
            self._columns.publish_again(unit, first - delay, last - delay + self._policy.cover)
        self._cover.changed.clear()
        records = self._publish(self.now)
        self._tidy()
        return records

    def _publish(self, now: int) -> list[EpisodeRecord]:
        changed = []
        episodes = self._columns.take_finished(now - self._policy.action_window)
        for episode, record in self._records(episodes, now):
            digest = _digest(record)
            if digest != episode.digest:
                episode.digest = digest
                self._blocks.changed(episode)
                self._observe(episode, record)
                changed.append(record)
        return sorted(changed, key=lambda record: (record.end, record.alarm_id))

    def _observe(self, episode: Episode, record: EpisodeRecord) -> None:
        """Enter the episode's response time, in the place of what it entered before."""
        observed = None
        if episode.is_alarm and record.first_response is not None:
            observed = Observation(record.unit, record.priority, max(record.first_response - record.start, 0))
        if observed != episode.observed:
            self._head_changed = True
            if episode.observed is not None:
                self._response_times.revert(episode.observed)
            if observed is not None:
                self._response_times.update(observed)
            episode.observed = observed

    def _records(self, episodes: list[Episode], now: int) -> Iterator[tuple[Episode, EpisodeRecord]]:
        rows = self._columns.rows(episodes)
        classes, rules = classify(rows, self._columns.units.things, self._cover, now, self._policy)
        for episode, class_, rule in zip(episodes, classes.tolist(), rules.tolist(), strict=True):
            yield episode, self._record(episode, CLASSES[class_], BASES[rule])

    def _record(self, episode: Episode, class_: Class, basis: str | None) -> EpisodeRecord:
        static = episode.static
        assert static is not None
        value, limit = episode.readings.extreme() if episode.readings else (None, None)
        return EpisodeRecord(
            facility=self.name, unit=static.unit, bed=static.bed, alarm_id=episode.alarm_id,
            device_id=static.device_id, device_type=static.device_type, source=static.source, code=static.code,
            kind=static.kind, label=static.label, priority=PRIORITIES[episode.rank], start=episode.start, end=episode.end,
            value=value, limit=limit, clinicians=tuple(sorted(episode.team)), class_=class_, basis=basis,
            first_response=episode.first_response,
        )  # fmt: skip

    def _tidy(self) -> None:
        """Let go of what the horizon has passed, on the slower of the two clocks."""
        if self.watermark is None or self.now is None:
            return
        horizon = min(self.now, self.watermark) - self._policy.horizon
        if self._tidied is not None and horizon < self._tidied + _TIDY_EVERY:
            return
        self._tidied, self._head_changed = horizon, True
        for gate in self._gates.values():
            gate.forget()
        for episode in list(self._episodes.values()):
            if episode.latest < horizon and (not episode.exists or episode.end < horizon):
                self._drop(episode)
        oldest_by_bed: dict[Bed, int] = {}
        oldest_by_name: dict[str, int] = {}
        for name, of_bed in self._by_bed.items():
            for episode in of_bed:
                assert episode.static is not None
                bed = (episode.static.unit, name)
                oldest_by_bed[bed] = min(episode.start, oldest_by_bed.get(bed, OPEN))
                oldest_by_name[name] = min(episode.start, oldest_by_name.get(name, OPEN))
        self._roster.drop_before(horizon, oldest_by_bed)
        self._responses.drop_before(horizon, oldest_by_name)
        # A held episode may have to be classified again, and its cover reaches back further than it does.
        self._cover.drop_before(horizon - self._policy.cover)
        self._old_cover_changed = True
        if self._columns.sparse:
            self._lay_columns_anew()

    def _drop(self, episode: Episode) -> None:
        del self._episodes[episode.alarm_id]
        self._blocks.remove(episode)
        if episode.static is not None:
            self._leave_bed(episode, episode.static)
            self._columns.erase(episode)

    def _lay_columns_anew(self) -> None:
        self._columns, self._statics = Columns(), {}
        for episode in self._episodes.values():
            if episode.static is not None:
                episode.static = self._statics.setdefault(episode.static, episode.static)
                episode.row = -1
                self._derive(episode, to_publish=episode.digest is None)

    # -- numbers out

    def measure(self) -> Burden | None:
        """The burden of clinicians and units at `now`; None while no time has come. Call `advance` first."""
        if self.now is None:
            return None
        rows = self._columns.alarms()
        classes, _ = classify(rows, self._columns.units.things, self._cover, self.now, self._policy)
        return measure(self.name, self.now, rows, classes, self._columns, self._roster, self._response_times, self._policy)

    # -- storage

    def changed_shards(self) -> Iterator[ShardKey]:
        """Which shards differ from when they were last stored; all of them, after `load`."""
        for episode in self._touched:  # what a fact of another shard will have published again
            self._blocks.changed(episode)
        yield from (("episodes", number) for number in sorted(self._blocks.dirty))
        yield from (("assignments", number) for number in sorted(self._roster.blocks.dirty))
        yield from (("responses", number) for number in sorted(self._responses.blocks.dirty))
        for topic, gate in self._gates.items():
            yield from ((f"ids-{topic}", number) for number in sorted(gate.seen.dirty))
        if self._waiting_changed:
            yield "waiting", 0
        if self._old_cover_changed:
            yield "cover", 0
        if self._head_changed:
            yield "head", 0

    def dump(self, key: ShardKey) -> Any:
        """One shard in plain values (lists, strings, numbers); None once it holds nothing."""
        name, number = key
        match name:
            case "episodes":
                held = sorted(self._blocks[number], key=lambda one: one.alarm_id)
                return [one.dump(published=one not in self._touched) for one in held] or None
            case "assignments":
                return self._roster.dump(number) or None
            case "responses":
                return self._responses.dump(number) or None
            case "waiting":
                return [(topic, values_of(fact)) for _, _, topic, fact in sorted(self._waiting, key=lambda one: one[:2])] or None
            case "head":
                marks = [self._gates[topic].watermark for topic in TOPICS]
                return [self._tidied, marks, self._response_times.dump(), self._cover.changed]
            case "cover":  # what the responses still held would not give again
                return None if self._tidied is None else self._cover.dump(self._tidied) or None
            case _:
                return self._gates[name.removeprefix("ids-")].seen.dump(number)  # type: ignore[index]  # a topic by then

    def stored(self) -> None:
        """Everything dumped since is safe: nothing counts as changed."""
        for dirty in (self._blocks.dirty, self._roster.blocks.dirty, self._responses.blocks.dirty):
            dirty.clear()
        for gate in self._gates.values():
            gate.seen.dirty.clear()
        self._waiting_changed = self._head_changed = self._old_cover_changed = False
        self._head_changed = False

    @classmethod
    def load(cls, name: str, policy: Policy, shards: dict[ShardKey, Any]) -> Facility:
        """The facility that dumped `shards`. It has no `now` until it is advanced."""
        self = cls(name, policy)
        self._waiting_changed = self._head_changed = self._old_cover_changed = True
        changed_cover: dict[str, tuple[int, int]] = {}
        for (kind, number), content in sorted(shards.items(), key=lambda item: item[0]):
            match kind:
                case "episodes":
                    for values in content:
                        self._restore_episode(number, Episode.load(values, self._statics))
                case "assignments":
                    self._roster.load(number, content)
                case "responses":
                    self._responses.load(number, content)
                case "waiting":
                    for topic, values in content:
                        fact = fact_of(FACT_TYPES[topic], values)
                        heapq.heappush(self._waiting, (fact.at, self._waited, topic, fact))
                        self._waited += 1
                case "head":
                    self._tidied, marks, times, changed = content
                    changed_cover = {unit: (first, last) for unit, (first, last) in changed.items()}
                    for topic, mark in zip(TOPICS, marks, strict=True):
                        self._gates[topic].watermark = mark
                    self._response_times = ResponseTimes.load(times)
                case "cover":
                    pass  # when the rest is there
                case _:
                    self._gates[kind.removeprefix("ids-")].seen.load(number, content)  # type: ignore[index]
        for said in self._responses:
            if said.unit is not None:
                self._cover.add(said.unit, said.at)
        for episode in self._episodes.values():
            for said in episode.heard:
                if said.unit is not None:
                    self._cover.add(said.unit, said.at)
            if episode.exists:
                self._derive(episode, to_publish=episode.digest is None)
        if self._tidied is not None:
            self._cover.load(shards.get(("cover", 0), []), self._tidied)
        self._cover.changed = changed_cover
        return self

    def _restore_episode(self, block: int, episode: Episode) -> None:
        self._episodes[episode.alarm_id] = episode
        self._blocks.restore(block, episode)
        if episode.static is not None:
            self._by_bed.setdefault(episode.static.bed, set()).add(episode)


def _digest(record: EpisodeRecord) -> int:
    return int.from_bytes(blake2b(repr(record).encode(), digest_size=7).digest(), "big")
