"""The exporter: reads the worker's state at each scrape, so that whoever is gone leaves no series behind."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
from prometheus_client import Metric

from analyzer import Outcome, Topic
from streams import __version__
from streams.metrics import Family, burden_metrics, tally_metric, watermark_metric
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
        self._delays: dict[Topic, tuple[Any, float]] = {}
        """By topic: observations a bucket (a delay as long as a bound is within it), and their sum in seconds."""

    def observe_delays(self, topic: Topic, accepted_at: npt.NDArray[np.int64], now: float) -> None:
        """Note how long accepted records took to get here; `now` in seconds, `accepted_at` their event times in ms."""
        if not len(accepted_at):
            return
        delays = np.maximum(now - accepted_at / 1000, 0)
        counts = np.bincount(np.searchsorted(_DELAYS, delays), minlength=len(_DELAYS) + 1)
        seen, total = self._delays.get(topic, (0, 0.0))
        self._delays[topic] = seen + counts, total + float(delays.sum())

    def collect(self) -> Iterator[Metric]:
        self._source.advance()
        partitions = self._source.partitions
        yield from burden_metrics([one.engine.measure() for one in partitions], self._pseudonym, self._min_classified)
        tally: dict[tuple[Topic, Outcome], int] = {}
        watermarks: dict[str, int] = {}
        for one in partitions:
            watermarks |= one.engine.watermarks()
            for key, count in one.engine.tally.items():
                tally[key] = tally.get(key, 0) + count
        yield tally_metric(tally)
        delay = Family("event_delay_seconds")
        for observed, (counts, total) in sorted(self._delays.items()):
            delay.add_histogram(observed, buckets=_DELAYS, cumulative=np.cumsum(counts).tolist(), total=total)
        yield delay.metric
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
