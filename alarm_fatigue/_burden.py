"""Burden: the measures of units or clinicians over event time.

At each moment they are counted by the engine, from the facts up to then, and named by the tables
that the exposition is written from. So they equal `replay --at` that moment.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any, Literal

import numpy as np
import polars as pl

from alarm_fatigue._facts import Recording
from alarm_fatigue._times import as_duration, as_moment
from analyzer import CLASSES, SCOPES, Burdens, Engine, Policy, nonactionable_ratios
from analyzer.model import HOUR, STALE
from streams.files.lines import InputError
from streams.formats.times import show_duration
from streams.metrics.burdens import everybody
from streams.metrics.tables import Table, burden_tables

By = Literal["unit", "clinician"]
LABELS: dict[By, tuple[str, ...]] = {
    "unit": ("facility", "unit"),
    "clinician": ("facility", "unit", "clinician"),
}
_OF_TYPES = frozenset({"unit_type_alarms", "unit_type_share", "unit_type_nonactionable_ratio"})
_RATIOS = tuple(f"nonactionable_ratio_{scope}" for scope in SCOPES)
TYPES = pl.List(
    pl.Struct(
        {"device_type": pl.String, "source": pl.String, "code": pl.String, "alarms": pl.Int64}
        | dict.fromkeys(("share", *_RATIOS), pl.Float64)
    )
)
_TICKS_AT_ONCE = 256
"""Moments whose burdens wait to become rows together."""
_GROWING = "shift_hours"
"""The only measure that goes on changing while nothing happens."""


def burden(
    recordings: Iterable[Recording],
    policy: Policy,
    pseudonym: Callable[[str], str],
    *,
    window: Any,
    every: Any,
    by: str,
    start: Any,
    end: Any,
    progress: Callable[[int], object],
) -> pl.DataFrame:
    """See `History.burden`; `progress` is called with how much is done, of 1,000."""
    if by not in LABELS:
        raise InputError(f"by: expected unit or clinician, found {by}")
    length, step = as_duration(window, "window"), as_duration(every, "every")
    if length < 1 or step < 1:
        raise InputError(f"{'every' if step < 1 else 'window'}: expected more than zero")
    name = next((one for one, of in policy.windows.items() if of == length), None)
    if name is None:
        name = show_duration(length)
        try:
            policy = replace(policy, windows=policy.windows | {name: length})
        except ValueError as error:
            raise InputError(f"window: {error}") from None
    # who is exported depends on the longest window alone
    longest = max(policy.windows.values())
    windows = {one: of for one, of in policy.windows.items() if one == name or of == longest}
    counting = _Counting(replace(policy, windows=windows), pseudonym, name, by)
    begin = None if start is None else as_moment(start, "start")
    until = None if end is None else as_moment(end, "end")
    parts = [counting.frame([])]
    for one in recordings:
        if one.span is not None:
            first = one.span[0] if begin is None else begin
            last = one.span[1] if until is None else until
            parts.append(counting.over(one, first, last, step, progress))
    return pl.concat(parts).sort("at", *LABELS[counting.by], maintain_order=True)


class _Counting:
    """Counts the measures of one window, by unit or by clinician."""

    def __init__(
        self, policy: Policy, pseudonym: Callable[[str], str], window: str, by: By
    ) -> None:
        self._policy, self._pseudonym, self._window, self.by = policy, pseudonym, window, by
        overload = policy.overload
        self._settles = (
            policy.horizon + policy.lookback + STALE + overload.hold + overload.cool_down
        )
        """So long (ms) after the last fact nothing changes any more but `_GROWING`."""

    def over(
        self,
        recording: Recording,
        first: int,
        last: int,
        step: int,
        progress: Callable[[int], object],
    ) -> pl.DataFrame:
        """The measures at the multiples of `step` from `first` to `last` (ms)."""
        policy = self._policy
        walk = recording.walk(policy, evicts=not recording.reaches_back(policy.horizon))
        turns = recording.turns()
        parts: list[pl.DataFrame] = []
        tick = -(-first // step) * step
        waiting: list[tuple[int, Burdens]] = []
        while tick <= last:
            walk.to(tick)
            engine = walk.engine
            found = engine.measure() if self.by == "unit" else engine.measure_people()
            waiting.append((tick, found))
            place = int(np.searchsorted(turns, tick, side="right"))
            following = int(turns[place]) if place < len(turns) else last + 1
            upcoming = max(-(-following // step) * step, tick + step)
            settled = tick - (int(turns[place - 1]) if place else first) > self._settles
            if len(waiting) == _TICKS_AT_ONCE or settled:
                parts.append(self.frame(waiting))
                waiting = []
            if settled or not self._has_rows(found):
                if settled and upcoming > tick + step:
                    same = self.frame([(tick, found)])
                    stop = min(upcoming, last + 1)
                    parts.append(_again(same, np.arange(tick + step, stop, step)))
                tick = upcoming
            else:
                tick += step
            progress(int(1000 * min(max(tick - first, 0) / max(last - first, 1), 1)))
        parts.append(self.frame(waiting))
        return pl.concat(parts)

    def _has_rows(self, found: Burdens) -> bool:
        return bool(found.units.unit if self.by == "unit" else found.clinicians.clinician)

    def frame(self, measured: Sequence[tuple[int, Burdens]]) -> pl.DataFrame:
        """The rows of some moments (ms)."""
        some = [*measured, (0, _nobody(self._policy))]  # for the columns
        labels: dict[str, list[str]] = {name: [] for name in LABELS[self.by]}
        figures: dict[str, list[Any]] = {}
        times: list[Any] = []
        for at, burdens in some:
            tables = list(self.tables(burdens))
            times.append(np.full(len(tables[0].labels["unit"]), at, dtype=np.int64))
            for name in labels:
                labels[name] += tables[0].labels[name]
            for name, values in self.columns(tables):
                figures.setdefault(name, []).append(values)
        moment = pl.Datetime("ms", "UTC")
        columns = [pl.Series("at", np.concatenate(times), dtype=pl.Int64).cast(moment)]
        columns += [pl.Series(name, some, dtype=pl.String) for name, some in labels.items()]
        columns += [pl.Series(name, np.concatenate(some)) for name, some in figures.items()]
        if self.by == "unit":
            columns.append(pl.Series("type_alarms", self._types(some), dtype=TYPES))
        return pl.DataFrame(columns).with_columns(pl.col(pl.Float64).fill_nan(None))

    def tables(self, burdens: Burdens) -> Iterator[Table]:
        people = everybody(burdens, self._pseudonym) if self.by == "clinician" else None
        for table in burden_tables(burdens, people, self._policy.min_classified):
            if table.name.startswith(f"{self.by}_") and table.name not in _OF_TYPES:
                yield table

    def columns(self, tables: Iterable[Table]) -> Iterator[tuple[str, Any]]:
        for table in tables:
            name = table.name.removeprefix(f"{self.by}_")
            chosen = []
            for place, cell in enumerate(table.cells):
                of = dict(cell.labels)
                if of.pop("window", self._window) == self._window:
                    chosen.append(place)
                    yield "_".join([name, *of.values()]), table.values[:, place]
            if name == "alarms":
                yield name, table.values[:, chosen].sum(axis=1)

    def _types(self, measured: Iterable[tuple[int, Burdens]]) -> list[list[dict[str, Any]]]:
        """The most frequent alarm types of each row of units."""
        found = []
        for _, burdens in measured:
            units, place = burdens.units, burdens.windows.index(self._window)
            totals = units.alarms[:, place].sum(axis=-1).tolist()
            for total, types, classes in zip(totals, units.types, units.type_classes, strict=True):
                counts = np.array(classes[place], dtype=np.int64).reshape(-1, len(CLASSES))
                ratios = nonactionable_ratios(counts, self._policy.min_classified).tolist()
                found.append(
                    [
                        dict(zip(("device_type", "source", "code"), type_, strict=True))
                        | {"alarms": alarms, "share": alarms / total}
                        | {
                            name: None if ratio != ratio else ratio
                            for name, ratio in zip(_RATIOS, of_type, strict=True)
                        }
                        for (type_, alarms), of_type in zip(types[place], ratios, strict=True)
                    ]
                )
        return found


def columns(by: By, policy: Policy) -> dict[str, str]:
    """The columns of figures, and the metric that each holds, without prefix."""
    counting = _Counting(policy, str, next(iter(policy.windows)), by)
    tables = list(counting.tables(_nobody(policy)))
    return {name: table.name for table in tables for name, _ in counting.columns([table])}


def _again(rows: pl.DataFrame, moments: np.ndarray[Any, Any]) -> pl.DataFrame:
    """The same rows at later moments (ms); people have been on duty for longer."""
    if not len(rows) or not len(moments):
        return rows.clear()
    later = pl.DataFrame({"later": moments}).with_columns(
        pl.col("later").cast(pl.Datetime("ms", "UTC"))
    )
    found = later.join(rows, how="cross")
    if _GROWING in rows.columns:
        passed = (found["later"] - found["at"]).dt.total_milliseconds().to_numpy()
        before = found[_GROWING].to_numpy()  # NaN where null
        hours = (np.rint(before * HOUR) + passed) / HOUR
        found = found.with_columns(pl.Series(_GROWING, hours).fill_nan(None))
    return found.with_columns(pl.col("later").alias("at")).select(rows.columns)


def _nobody(policy: Policy) -> Burdens:
    return Engine(policy).measure()
