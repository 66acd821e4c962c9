"""Replay: the engine over files, without Kafka. Files are complete history: nothing in them is late
or in the future.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import IO

import numpy as np

from analyzer import (
    OUTCOMES,
    ChangeRecord,
    Columns,
    Engine,
    Finished,
    Outcome,
    Policy,
    Topic,
)
from streams.files.kept_facts import Kept, Sorted
from streams.files.lines import BadLine, line_batches
from streams.files.observing import Observer
from streams.files.walking import IN_ORDER, Sink, through, watermarks
from streams.formats.codec import decode_slice, to_json
from streams.formats.control import controls_among
from streams.formats.sinks import encode_change
from streams.metrics.burdens import everybody
from streams.metrics.exposition import END, Format, render
from streams.metrics.library import as_metrics
from streams.metrics.tables import Table, burden_tables, outcome_counts_table, watermark_table

_LINES_AT_ONCE = 1 << 14


class Intake:
    """Takes the lines of files, and counts them as the worker counts records."""

    def __init__(self, observers: Sequence[Observer] = ()) -> None:
        """`observers` get the facts, too."""
        self.outcome_counts: dict[tuple[Topic, Outcome], int] = {}
        self._kept = {topic: Kept(topic) for topic in IN_ORDER}
        self._observers = observers

    def read(
        self,
        files: Iterable[tuple[Topic, Path]],
        max_bytes: int,
        report: Callable[[BadLine], None],
        progress: Callable[[int], object] = lambda _: None,
    ) -> None:
        """Take every line of `files`. Malformed lines are counted and reported.

        `progress` is called with how many lines were taken. Raises `InputError`.
        """
        for topic, path in files:
            for some in line_batches(path, _LINES_AT_ONCE):
                numbers, values = zip(*some, strict=True)
                for index, detail in self._take(topic, values, max_bytes):
                    self.count(topic, "malformed")
                    report(BadLine(path, numbers[index], detail))
                progress(len(values))

    def count(self, topic: Topic, outcome: Outcome, times: int = 1) -> None:
        """Count lines. Callers do so for lines that are no facts."""
        if times:
            key = (topic, outcome)
            self.outcome_counts[key] = self.outcome_counts.get(key, 0) + times

    @property
    def accepted(self) -> int:
        """How many facts there are."""
        return sum(count for (_, of), count in self.outcome_counts.items() if of == "accepted")

    def _take(self, topic: Topic, values: Sequence[bytes], max_bytes: int) -> list[tuple[int, str]]:
        """Take values, and apply control records in their order. Returns the malformed values:
        index and detail.
        """
        decoded, begin = decode_slice(topic, values, max_bytes), 0
        controls = (
            list(controls_among(decoded.malformed, values, None)) if decoded.malformed else []
        )
        for index, control in controls:
            self._enter(topic, decode_slice(topic, values[begin:index], max_bytes).columns)
            self._kept[topic].control(
                control.control, control.facility, control.at, control.clinician
            )
            begin = index + 1
        if controls:
            self._enter(topic, decode_slice(topic, values[begin:], max_bytes).columns)
        else:
            self._enter(topic, decoded.columns)
        applied = {index for index, _ in controls}
        return [one for one in decoded.malformed if one[0] not in applied]

    def _enter(self, topic: Topic, columns: Columns) -> None:
        outcomes = self._kept[topic].take(columns)
        for number, count in enumerate(np.bincount(outcomes, minlength=len(OUTCOMES)).tolist()):
            self.count(topic, OUTCOMES[number], count)
        for one in self._observers:
            one.take(topic, columns, outcomes)

    def facts(self) -> dict[Topic, Sorted]:
        """All facts, in order of event time. They are no longer kept here."""
        return {topic: one.by_time() for topic, one in self._kept.items()}


class _Ignored:
    """Where nobody asks for what is finished on the way."""

    def take(self, found: Finished) -> None:
        pass

    def clear(self) -> None:
        pass


def replayed(
    intake: Intake,
    policy: Policy,
    now: int | None,
    sink: Sink | None = None,
    progress: Callable[[int], object] = lambda _: None,
) -> Engine:
    """An engine with all facts as of `now` (ms; None: each facility's watermark). `sink` gets the
    episodes finished until then. Facts after `now` are counted, but no more.
    """
    facts = intake.facts()
    engine = through(facts, policy, now, sink or _Ignored(), progress)
    for name, mark in watermarks(facts["alarms"]).items():
        engine.reaches(name, mark)
    engine.outcome_counts = dict(intake.outcome_counts)
    return engine


class Exposition:
    """The metrics of an engine's burdens, watermarks and counts, without those of a running worker.

    All clinicians are included, without a cap; or none if `clinicians` is False.
    """

    def __init__(
        self,
        engine: Engine,
        policy: Policy,
        pseudonym: Callable[[str], str],
        clinicians: bool = True,
    ) -> None:
        self._engine = engine
        self._min_classified = policy.min_classified
        self._pseudonym = pseudonym
        self._clinicians = clinicians

    def tables(self) -> Iterator[Table]:
        burdens = self._engine.measure()
        yield from burden_tables(
            burdens,
            everybody(burdens, self._pseudonym) if self._clinicians else None,
            self._min_classified,
        )
        yield outcome_counts_table(self._engine.outcome_counts)
        yield watermark_table(self._engine.watermarks())

    def openmetrics(self) -> bytes:
        return (
            "".join(render(self.tables(), Format.OPENMETRICS)) + END[Format.OPENMETRICS]
        ).encode()

    def json(self) -> bytes:
        """`{"metrics": [{"name", "type", "help", "samples": [{"name", "labels", "value"}]}]}` on
        one line.
        """
        families = [
            {
                "name": metric.name,
                "type": metric.type,
                "help": metric.documentation,
                "samples": [
                    {"name": one.name, "labels": one.labels, "value": one.value}
                    for one in metric.samples
                ],
            }
            for metric in as_metrics(self.tables())
        ]
        return to_json({"metrics": families}) + b"\n"


def write_changes(
    changes: Iterable[ChangeRecord], file: IO[bytes], pseudonym: Callable[[str], str]
) -> None:
    """Write changes of overload states as in the `overload` topic, one JSON object a line, by
    time.
    """
    for one in changes:
        file.write(encode_change(one, pseudonym) + b"\n")


def write_episodes(lines: Iterable[bytes], file: IO[bytes]) -> None:
    """Write final episodes as in the `episodes` topic, one JSON object a line."""
    for value in lines:
        file.write(value + b"\n")
