"""Replay: the engine over files, without Kafka. Files are complete history: nothing in them is late
or in the future.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import IO

from analyzer import ChangeRecord, Columns, Engine, Finished, Policy, Topic
from streams.files.lines import BadLine, line_batches
from streams.files.observing import Observer
from streams.formats.codec import decode_slice, to_json
from streams.formats.control import controls_among
from streams.formats.sinks import encode_change, encode_episodes
from streams.metrics.burdens import everybody
from streams.metrics.exposition import END, Format, render
from streams.metrics.library import as_metrics
from streams.metrics.tables import Table, burden_tables, outcome_counts_table, watermark_table

_LINES_AT_ONCE = 4096


def read_into(
    engine: Engine,
    files: Iterable[tuple[Topic, Path]],
    max_bytes: int,
    report: Callable[[BadLine], None],
    observers: Sequence[Observer] = (),
    progress: Callable[[int], object] = lambda _: None,
) -> None:
    """Take every line of `files` into the engine. Malformed lines are counted and reported.

    `observers` get the facts, too; `progress` is called with how many lines were taken. Raises
    `InputError`.
    """
    for topic, path in files:
        for some in line_batches(path, _LINES_AT_ONCE):
            numbers, values = zip(*some, strict=True)
            for index, detail in _take(engine, topic, values, max_bytes, observers):
                engine.count(topic, "malformed")
                report(BadLine(path, numbers[index], detail))
            progress(len(values))


def _take(
    engine: Engine,
    topic: Topic,
    values: Sequence[bytes],
    max_bytes: int,
    observers: Sequence[Observer],
) -> list[tuple[int, str]]:
    """Take values, and apply control records in their order. Returns the malformed values: index
    and detail.
    """

    def take(columns: Columns) -> None:
        outcomes = engine.take(topic, columns, None)
        for one in observers:
            one.take(topic, columns, outcomes)

    decoded, begin = decode_slice(topic, values, max_bytes), 0
    controls = list(controls_among(decoded.malformed, values, None)) if decoded.malformed else []
    for index, control in controls:
        take(decode_slice(topic, values[begin:index], max_bytes).columns)
        engine.control(topic, control.control, control.facility, control.at, control.clinician)
        begin = index + 1
    if controls:
        take(decode_slice(topic, values[begin:], max_bytes).columns)
    else:
        take(decoded.columns)
    applied = {index for index, _ in controls}
    return [one for one in decoded.malformed if one[0] not in applied]


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


def write_episodes(episodes: Finished, file: IO[bytes], pseudonym: Callable[[str], str]) -> None:
    """Write final episodes as in the `episodes` topic, one JSON object a line."""
    for value in encode_episodes(episodes, pseudonym):
        file.write(value + b"\n")
