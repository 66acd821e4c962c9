"""Admission: which facts of one topic are accepted, by the facts of its topic and facility alone.

It refuses to know other topics. So outcomes are the same after a crash, and for any interleaving of
topics.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from analyzer.arrays import Checks, Marks, Numbers
from analyzer.columns.growing import Growing
from analyzer.columns.hashing import fingerprints
from analyzer.columns.packed import pack
from analyzer.columns.seen_ids import SeenIds
from analyzer.columns.segments import cumulative_maximum
from analyzer.columns.slots import UNKNOWN
from analyzer.model.facts import OUTCOMES, Topic
from analyzer.model.policy import Policy

ACCEPTED, DUPLICATE, MALFORMED, MISROUTED, FUTURE, LATE = range(len(OUTCOMES))

NOTHING_YET = -(1 << 61)
"""The watermark before the first accepted fact: earlier than any time, and safe to subtract a
duration from.
"""

Outcomes = npt.NDArray[np.int8]


class Admission(Growing):
    """The admission of one topic: the watermark of each facility (ms), and the accepted ids."""

    watermark: Numbers  # by facility

    def __init__(self, topic: Topic, policy: Policy) -> None:
        super().__init__(watermark=(np.int64, NOTHING_YET))
        # people chart late: these are late only once they lie behind the horizon
        self._patient = topic in ("assignments", "labels")
        self._policy = policy
        self.seen = SeenIds()

    def admit(
        self,
        facilities: Numbers,
        event_ids: Sequence[str],
        at: Numbers,
        stamps: Numbers | None,
        until: Numbers | None,
    ) -> tuple[Outcomes, Numbers]:
        """Decide on facts in the order in which they arrived, and remember those accepted.

        `at` are event times (ms) and `stamps` the timestamps of the Kafka records (ms). `stamps` is
        None for complete history, in which nothing is late or in the future. `until` are the ends
        of assignments (ms). Returns the outcomes, as indices of `OUTCOMES`, and the entries in
        `seen` of the accepted facts.
        """
        self.reserve(int(facilities.max()) + 1)
        packed = pack(event_ids)
        marks, checks = fingerprints(facilities, packed)
        probe = self.seen.probe(marks, checks)
        entries = probe.entries
        ordered = np.sort(marks)
        all_new = not (ordered[1:] == ordered[:-1]).any() and not (entries != UNKNOWN).any()
        if all_new:
            outcomes = self._check_new(facilities, at, stamps, until)
        else:
            outcomes = self._check_one_by_one(facilities, at, stamps, until, entries, marks, checks)
        chosen = np.flatnonzero(outcomes == ACCEPTED)
        if not len(chosen):
            return outcomes, chosen
        if len(chosen) < len(event_ids):
            event_ids = [event_ids[index] for index in chosen.tolist()]
            facilities, at, marks, checks = (
                facilities[chosen],
                at[chosen],
                marks[chosen],
                checks[chosen],
            )
            packed, probe = pack(event_ids), probe.of(chosen)
        np.maximum.at(self.watermark, facilities, at)
        if all_new:
            return outcomes, self.seen.add(facilities, packed, at, marks, checks, probe)
        return outcomes, self.seen.add_again(facilities, event_ids, at, marks, checks)

    def _check_new(
        self, facilities: Numbers, at: Numbers, stamps: Numbers | None, until: Numbers | None
    ) -> Outcomes:
        """The outcomes of facts that contain no duplicates."""
        outcomes = np.full(len(at), ACCEPTED, dtype=np.int8)
        if stamps is None:
            return outcomes
        future, stale = at > stamps + self._policy.max_ahead, self._stale(at, stamps)
        before = self.watermark[facilities]
        # Mostly, no fact is so far behind any other that it could be late.
        latest = np.array([max(int(at.max()), int(before.max()))])
        if not self._late(at, latest, None).any():
            outcomes[stale] = LATE
            outcomes[future] = FUTURE
            return outcomes
        # Late facts lie behind the watermark, so they need not be excluded from its running
        # maximum.
        reached = _reached_before(facilities, np.where(future | stale, NOTHING_YET, at), before)
        outcomes[stale | self._late(at, reached, until)] = LATE
        outcomes[future] = FUTURE
        return outcomes

    def _stale(self, at: Numbers, stamps: Numbers) -> npt.NDArray[np.bool_]:
        """Which facts are late by the timestamp of their own record, whatever the watermark is.

        So an unset clock cannot start the history of a facility.
        """
        if self._patient:
            return np.zeros(len(at), dtype=np.bool_)
        return np.asarray(at < stamps - self._policy.horizon, dtype=np.bool_)

    def _late(
        self, at: Numbers, watermark: Numbers, until: Numbers | None
    ) -> npt.NDArray[np.bool_]:
        late: npt.NDArray[np.bool_] = at < watermark - (
            self._policy.horizon if self._patient else self._policy.allowed_lateness
        )
        return late if until is None else late & (until <= watermark)

    def _check_one_by_one(
        self,
        facilities: Numbers,
        at: Numbers,
        stamps: Numbers | None,
        until: Numbers | None,
        entries: Numbers,
        marks: Marks,
        checks: Checks,
    ) -> Outcomes:
        """The outcomes of facts that may contain duplicates: each depends on those before it."""
        policy = self._policy
        lateness = policy.horizon if self._patient else policy.allowed_lateness
        watermarks = dict(
            zip(facilities.tolist(), self.watermark[facilities].tolist(), strict=True)
        )
        seen_at = self.seen.at[np.maximum(entries, 0)].tolist()
        accepted_at: dict[tuple[int, int], int] = {}  # in this slice
        outcomes = []
        stale = self._stale(at, at if stamps is None else stamps)
        for facility, moment, stamp, end, is_stale, entry, before, *mark in zip(
            facilities.tolist(),
            at.tolist(),
            at.tolist() if stamps is None else stamps.tolist(),
            at.tolist() if until is None else until.tolist(),
            stale.tolist(),
            entries.tolist(),
            seen_at,
            marks.tolist(),
            checks.tolist(),
            strict=True,
        ):
            id_, watermark = (mark[0], mark[1]), watermarks[facility]
            earlier = accepted_at.get(id_, before if entry != UNKNOWN else None)
            if earlier is not None and (stamps is None or earlier >= watermark - policy.horizon):
                outcomes.append(DUPLICATE)
            elif stamps is not None and moment > stamp + policy.max_ahead:
                outcomes.append(FUTURE)
            elif is_stale or (
                stamps is not None
                and moment < watermark - lateness
                and (until is None or end <= watermark)
            ):
                outcomes.append(LATE)
            else:
                outcomes.append(ACCEPTED)
                accepted_at[id_] = moment
                watermarks[facility] = max(watermark, moment)
        return np.array(outcomes, dtype=np.int8)

    def forget(self, at_least: Numbers | None = None) -> None:
        """Drop ids behind the horizon.

        `at_least` (ms, by facility) is a lower bound of the horizon, whatever the watermark is.
        """
        horizon = self.watermark - self._policy.horizon
        if at_least is not None:
            horizon[: len(at_least)] = np.maximum(horizon[: len(at_least)], at_least)
        self.seen.drop_before(horizon)

    def forget_after(self, facility: int, moment: int) -> bool:
        """Forget a facility's ids with a time after `moment` (ms) and move its watermark back.

        The watermark becomes the latest time that remains. Ids behind the horizon of the old
        watermark are dropped as well, as it must not matter whether they were evicted yet. Returns
        whether anything was after `moment`.
        """
        before = int(self.watermark[facility])
        if before <= moment:
            return False
        entries = self.seen.of(np.array([facility]))
        at = self.seen.at[entries]
        stays = (at <= moment) & (at >= before - self._policy.horizon)
        self.seen.erase(entries[~stays])
        self.watermark[facility] = at[stays].max(initial=NOTHING_YET)
        return True

    def drop(self, facilities: Numbers) -> None:
        """Forget the ids and watermarks of facilities (by number)."""
        self.seen.erase(self.seen.of(facilities))
        self.watermark[facilities] = NOTHING_YET


def _reached_before(facilities: Numbers, at: Numbers, watermark: Numbers) -> Numbers:
    """For each fact, the watermark of its facility before it: the greatest of `watermark` and of
    the `at` of earlier facts.
    """
    order = np.argsort(facilities, kind="stable")
    facilities, moments = facilities[order], np.maximum(at, watermark)[order]
    first = np.concatenate([[True], facilities[1:] != facilities[:-1]])
    running = cumulative_maximum(moments, facilities)
    reached: Numbers = np.empty_like(running)
    reached[order] = np.where(
        first, watermark[order], np.concatenate([watermark[:1], running[:-1]])
    )
    return reached
