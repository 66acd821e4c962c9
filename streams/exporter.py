"""The exporter: reads the worker's state at each scrape, so that whoever is gone leaves no series behind."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Protocol

from prometheus_client import CollectorRegistry, Histogram, Metric

from analyzer import Outcome, Topic
from streams import __version__
from streams.metrics import DEFINITIONS, PREFIX, Family, burden_metrics, tally_metric, watermark_metric
from streams.partition import Partition

_DELAYS = (0.1, 0.5, 1, 2, 5, 15, 60, 300, 600, 3600)  # seconds: from prompt to past the allowed lateness


class Source(Protocol):
    """What the exporter asks of a worker."""

    @property
    def partitions(self) -> list[Partition]: ...

    def advance(self) -> None: ...

    def checkpoint_times(self) -> dict[int, float]: ...

    def lags(self) -> dict[tuple[str, int], int | None]: ...


class Exporter:
    """A Prometheus collector over one worker."""

    def __init__(self, source: Source, pseudonym: Callable[[str], str], min_classified: int) -> None:
        self._source = source
        self._pseudonym = pseudonym
        self._min_classified = min_classified
        delay = DEFINITIONS["event_delay_seconds"]
        self._delays = Histogram(PREFIX + "event_delay_seconds", delay.help, delay.labels, buckets=_DELAYS, registry=CollectorRegistry())

    def observe_delay(self, topic: Topic, at: int | None, now: float) -> None:
        """Note how long an accepted record took to get here; `now` in seconds, `at` its event time in ms."""
        if at is not None:
            self._delays.labels(topic).observe(max(now - at / 1000, 0))

    def collect(self) -> Iterator[Metric]:
        self._source.advance()
        partitions = self._source.partitions
        burdens = sorted((burden for one in partitions for burden in one.engine.measure()), key=lambda burden: burden.facility)
        yield from burden_metrics(burdens, self._pseudonym, self._min_classified)
        tally: dict[tuple[Topic, Outcome], int] = {}
        watermarks: dict[str, int] = {}
        for one in partitions:
            watermarks |= one.engine.watermarks()
            for key, count in one.engine.tally.items():
                tally[key] = tally.get(key, 0) + count
        yield tally_metric(tally)
        for metric in self._delays.collect():
            metric.samples = [one for one in metric.samples if not one.name.endswith("_created")]  # no metric of ours
            yield metric
        yield watermark_metric(watermarks)
        lag = Family("consumer_lag_records")
        for (topic, number), records in self._source.lags().items():
            if records is not None:
                lag.add(topic, str(number), to=records)
        yield lag.metric
        stored = Family("checkpoint_timestamp_seconds")
        for number, at in self._source.checkpoint_times().items():
            stored.add(str(number), to=at)
        yield stored.metric
        build = Family("build_info")
        build.add(__version__, to=1)
        yield build.metric
