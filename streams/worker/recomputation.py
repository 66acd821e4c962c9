"""Recomputation: ends the recomputing of each partition, and reports the worker's progress."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic

import structlog

from analyzer import TOPICS, Topic
from streams.kafka.state_version import STATE_VERSION
from streams.partitions.partition import Partition
from streams.partitions.recomputing import FAR_RECORDS, Pace, Progress, Recomputing, shown
from streams.worker.holder import Holder
from streams.worker.lag import Lag

LOG_SECONDS = 30.0
"""How often the progress is logged (s)."""

log = structlog.get_logger("alarm_fatigue")


class Recomputation:
    """Watches the partitions of `holder`. `clock` gives seconds since the epoch."""

    def __init__(self, holder: Holder, lag: Lag, clock: Callable[[], float]) -> None:
        self._holder = holder
        self._lag = lag
        self._clock = clock
        self._pace = Pace()
        self._begun: float | None = None
        self._logged: float | None = None

    def check(self) -> None:
        """End the recomputing of partitions that have reached the ends of their inputs."""
        under_way = [
            (partition, one)
            for partition in self._holder.partitions
            if (one := partition.recomputing) is not None
        ]
        if not under_way:
            return
        lags = self._lag.records()
        for partition, one in under_way:
            waiting = {topic: lags.get((topic, partition.number)) for topic in TOPICS}
            known = {topic: lag for topic, lag in waiting.items() if lag is not None}
            if len(known) == len(TOPICS):
                has_records = bool(partition.next_offsets) or any(known.values())
                if self._begun is None and one.fresh and has_records:
                    self._begun = monotonic()
                _check(partition, one, known)

    def progress(self) -> Progress | None:
        """The progress; None if nothing is recomputed, or the broker has not given the ends yet."""
        found = {
            partition.number: one
            for partition in self._holder.partitions
            if (one := partition.recomputing) is not None and one.ends is not None
        }
        if not found:
            return None
        offsets = {one.number: one.next_offsets for one in self._holder.partitions}
        share, number = min((one.share(offsets[number]), number) for number, one in found.items())
        spans = [one.span for one in found.values() if one.span is not None]
        return Progress(
            partitions=tuple(sorted(found)),
            share=share,
            span=max(spans, default=None),
            fresh=any(one.fresh for one in found.values()),
            reached=found[number].reached,
            expected=self._pace.expected(share, self._clock()),
        )

    def report(self) -> None:
        """Log the progress: at the beginning, from time to time, and at the end."""
        found, now = self.progress(), monotonic()
        if found is None:
            self._pace, self._logged = Pace(), None
            under_way = any(one.recomputing is not None for one in self._holder.partitions)
            if self._begun is not None and self._holder.recovered and not under_way:
                log.info(
                    "recomputed: the figures are complete",
                    state_version=STATE_VERSION,
                    seconds=round(now - self._begun),
                )
                self._begun = None
            return
        if self._logged is not None and now - self._logged < LOG_SECONDS:
            return
        self._logged = now
        self._begun = now if self._begun is None else self._begun
        log.info(
            found.says,
            state_version=STATE_VERSION,
            partitions=list(found.partitions),
            read_up_to=shown(None if found.reached is None else found.reached / 1000),
            expected_end=shown(found.expected),
        )


def _check(partition: Partition, one: Recomputing, waiting: dict[Topic, int]) -> None:
    """`waiting`: how many records of each topic have not been processed yet."""
    offsets = partition.next_offsets
    if one.ends is None:
        one.ends_at({topic: offsets.get(topic, 0) + waiting[topic] for topic in TOPICS})
        if not one.fresh and sum(waiting.values()) <= FAR_RECORDS:
            partition.recomputed()
            return
    if one.is_over(offsets):
        partition.recomputed()
