"""Burdens at random, and their metrics as text and as objects of the Prometheus library."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from hypothesis import strategies as st
from prometheus_client import Metric

from analyzer import (
    ALARM_PRIORITIES,
    CLASSES,
    EXPOSURE_BANDS,
    LOAD_BANDS,
    MEASURES,
    RESPONSE_BUCKETS,
    STATES,
    Burdens,
    ClinicianBurdens,
    UnitBurdens,
)
from streams.metrics.burdens import everybody
from streams.metrics.exposition import END, Format, render
from streams.metrics.library import as_metrics
from streams.metrics.tables import burden_tables

names = st.text(
    st.characters(exclude_categories=["Cs"]) | st.sampled_from('"\\\n,{}= #'), max_size=6
)
counts = st.integers(0, 30) | st.integers(0, 1 << 50)
amounts = st.floats(0, 1e300)


def arrays(draw: st.DrawFn, *shape: int) -> Any:
    size = int(np.prod(shape))
    return np.array(draw(st.lists(counts, min_size=size, max_size=size)), dtype=np.int64).reshape(
        shape
    )


def measures(draw: st.DrawFn, *shape: int) -> Any:
    """Measures, some of them absent."""
    size = int(np.prod(shape))
    return np.array(
        draw(st.lists(amounts | st.just(np.nan), min_size=size, max_size=size)), dtype=np.float64
    ).reshape(shape)


def places(draw: st.DrawFn, states: Sequence[str], *shape: int) -> Any:
    size = int(np.prod(shape))
    return np.array(
        draw(st.lists(st.integers(0, len(states) - 1), min_size=size, max_size=size)), dtype=np.intp
    ).reshape(shape)


@st.composite
def burdens(draw: st.DrawFn, facilities: st.SearchStrategy[str] = names) -> Burdens:
    windows = tuple(draw(st.lists(st.sampled_from(["10m", "1h", "2h"]), max_size=2, unique=True)))
    n = len(windows)
    people = sorted(
        draw(
            st.lists(
                st.tuples(facilities, names, names),
                max_size=4,
                unique_by=lambda one: (one[0], one[2]),
            )
        ),
        key=lambda one: (one[0], one[2]),
    )
    units = sorted(draw(st.lists(st.tuples(facilities, names), max_size=3, unique=True)))
    types = st.lists(
        st.tuples(st.tuples(names, names, names), counts), max_size=2, unique_by=lambda one: one[0]
    )
    frequent = [[draw(types) for _ in windows] for _ in units]
    classes = st.lists(counts, min_size=len(CLASSES), max_size=len(CLASSES))
    times = st.lists(
        counts, min_size=len(RESPONSE_BUCKETS) + 1, max_size=len(RESPONSE_BUCKETS) + 1
    ).map(sorted)
    answered = sorted(
        (*unit, priority)
        for unit in units
        for priority in draw(st.sets(st.sampled_from(ALARM_PRIORITIES)))
    )
    return Burdens(
        windows=windows,
        clinicians=ClinicianBurdens(
            facility=[facility for facility, _, _ in people],
            unit=[unit for _, unit, _ in people],
            clinician=[clinician for _, _, clinician in people],
            alarms=arrays(draw, len(people), n, len(ALARM_PRIORITIES)),
            classified=arrays(draw, len(people), n, len(CLASSES)),
            alarm_milliseconds=arrays(draw, len(people), n),
            beds=arrays(draw, len(people)),
            acuity=np.array([draw(amounts) for _ in people], dtype=np.float64),
            protected_ratio=measures(draw, len(people), n),
            flood_ratio=measures(draw, len(people), n),
            overlapping=arrays(draw, len(people), n),
            load_band=places(draw, LOAD_BANDS, len(people)),
            exposure=arrays(draw, len(people)),
            exposure_band=places(draw, EXPOSURE_BANDS, len(people)),
            shift_hours=measures(draw, len(people)),
            overload=places(draw, STATES, len(people)),
        ),
        units=UnitBurdens(
            facility=[facility for facility, _ in units],
            unit=[unit for _, unit in units],
            alarms=arrays(draw, len(units), n, len(ALARM_PRIORITIES)),
            classified=arrays(draw, len(units), n, len(CLASSES)),
            busiest_bed=arrays(draw, len(units), n),
            unassigned=arrays(draw, len(units), n),
            open_alarms=arrays(draw, len(units)),
            clinicians=arrays(draw, len(units)),
            beds=arrays(draw, len(units)),
            types=frequent,
            type_classes=[
                [[draw(classes) for _ in found] for found in by_window] for by_window in frequent
            ],
            stale_alarms=arrays(draw, len(units)),
            standing_alarms=arrays(draw, len(units)),
            chattering=arrays(draw, len(units), n),
            fleeting=arrays(draw, len(units), n),
            acuity=np.array([draw(amounts) for _ in units], dtype=np.float64),
            load_spread=measures(draw, len(units), n),
            overload=places(draw, STATES, len(units)),
            overload_reasons=measures(draw, len(units), len(MEASURES), 2),
            overload_since=measures(draw, len(units)),
            overload_present=measures(draw, len(units), len(MEASURES)),
            policy_limits=measures(draw, len(units), len(MEASURES), len(STATES) - 1, 2),
            cool_down=measures(draw, len(units)),
            beds_limit=measures(draw, len(units)),
            relief=measures(draw, len(units), 3),
        ),
        response_times=[(*labels, draw(times), draw(amounts)) for labels in answered],
    )


class Of:
    """A collector of given metrics."""

    def __init__(self, metrics: list[Metric]) -> None:
        self._metrics = metrics

    def collect(self) -> list[Metric]:
        return self._metrics


def text_of(found: Burdens, format_: Format = Format.TEXT, min_classified: int = 5) -> str:
    return (
        "".join(render(burden_tables(found, everybody(found, str), min_classified), format_))
        + END[format_]
    )


def metrics_of(found: Burdens, min_classified: int = 5) -> list[Metric]:
    return list(as_metrics(burden_tables(found, everybody(found, str), min_classified)))
