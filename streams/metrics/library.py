"""Tables of samples as objects of the Prometheus library. Slow compared to
`streams.metrics.exposition`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import groupby, repeat

from prometheus_client import Metric
from prometheus_client.samples import Sample

from analyzer import Burdens, Outcome, Topic
from streams.metrics.burdens import everybody
from streams.metrics.definitions import DEFINITIONS, PREFIX
from streams.metrics.tables import Table, burden_tables, outcome_counts_table, watermark_table


def as_metrics(tables: Iterable[Table]) -> Iterator[Metric]:
    """One metric for all tables of the same name."""
    for name, group in groupby(tables, key=lambda table: table.name):
        metric = Metric(PREFIX + name, DEFINITIONS[name].help, DEFINITIONS[name].kind)
        for table in group:
            rows = zip(*table.labels.values(), strict=True) if table.labels else repeat(())
            for row, values in zip(rows, table.values.tolist(), strict=False):
                for cell, value in zip(table.cells, values, strict=True):
                    if value == value:  # not NaN
                        labels = dict(zip(table.labels, row, strict=True)) | dict(cell.labels)
                        metric.samples.append(Sample(PREFIX + name + cell.suffix, labels, value))
        yield metric


def burden_metrics(
    burdens: Burdens, pseudonym: Callable[[str], str], min_classified: int
) -> Iterator[Metric]:
    """All metrics of one partition's burdens."""
    return as_metrics(burden_tables(burdens, everybody(burdens, pseudonym), min_classified))


def outcome_counts_metric(counts: Mapping[tuple[Topic, Outcome], int]) -> Metric:
    return next(as_metrics([outcome_counts_table(counts)]))


def watermark_metric(watermarks: Mapping[str, int]) -> Metric:
    return next(as_metrics([watermark_table(watermarks)]))


def samples(metrics: Iterable[Metric]) -> Iterator[Sample]:
    for metric in metrics:
        yield from metric.samples
