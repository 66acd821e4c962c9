"""Times of a frame in ms since 1970: formats, zones, and clocks that were changed."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import numpy as np
import polars as pl

from analyzer.model import EARLIEST, LATEST, expected_time
from streams.files.importing.cells import Cells, of_each
from streams.files.importing.faults import Fault, Faults
from streams.files.local_times import Twice, reading
from streams.formats.times import A_TIME, parse_rfc3339, since_epoch

_MILLISECONDS = r"\A[+-]?\d+(?:\.0*)?\z"
_SAFE = re.compile(r"%(?:[dmYHMSyIpbBjez]|\.f)")
"""Format codes that polars reads in the same way as Python."""
_READINGS: tuple[Literal["earliest", "latest"], ...] = ("earliest", "latest")
_TOO_MUCH = "expected no more than the milliseconds from 1970 to 2100"
_BEYOND = Fault("", "not_a_time", "expected a time from 1970 to 2100")


@dataclass(slots=True)
class Moments:
    """Times in ms since 1970. A time with two readings has the first; `both` has them by row."""

    at: pl.Series
    twice: dict[int, Twice]


def moments(cells: Cells, name: str) -> Moments:
    """The times of a field. Other texts are faults."""
    source = cells.section.source(name)
    zone = source.zone or cells.table.zone
    if source.column in cells.frame.columns and source.words is None:
        column = cells.frame[source.column]
        if column.dtype in (pl.Datetime, pl.Date):
            return zoned(cells, name, column.cast(pl.Datetime("ms", _zone_of(column))), zone)
    text = cells.text(name, is_number=True)
    at = pl.repeat(None, cells.height, dtype=pl.Int64, eager=True)
    local = pl.repeat(None, cells.height, dtype=pl.Datetime("ms"), eager=True)
    for one in source.time:
        rest = text.set(at.is_not_null() | local.is_not_null(), None)
        if rest.null_count() == len(rest):
            break
        if one in ("ms", "s"):
            at = at.fill_null(_counted(cells, name, rest, 1 if one == "ms" else 1000))
        elif one == "rfc3339":
            more, more_local = _plain(cells, name, rest, zone)
            at, local = at.fill_null(more), local.fill_null(more_local)
        else:
            more, more_local = _formatted(rest, one)
            at, local = at.fill_null(more), local.fill_null(more_local)
    expected = A_TIME if source.time[0] == "rfc3339" else f"expected a time like {source.time[0]}"
    if source.time[0] not in ("ms", "s"):
        wrong = text.is_not_null() & at.is_null() & local.is_null()
        cells.faults.add(wrong, Fault(name, "not_a_time", expected))
    found = zoned(cells, name, local, zone)
    return Moments(at.fill_null(found.at), found.twice)


def lasting(cells: Cells) -> pl.Series:
    """Durations of alarms in ms, from seconds or texts such as 1:40 or 0:01:40."""
    text = cells.text("lasts", is_number=True)
    colons = text.str.contains(":", literal=True).fill_null(False)
    found = cells.as_number("lasts", text.set(colons, None))
    if colons.any():
        clock = of_each(text.set(~colons, None), _of_clock, pl.Float64)
        cells.faults.add(
            colons & clock.is_null(),
            Fault("lasts", "not_a_number", "expected seconds, or a text such as 0:01:40"),
        )
        found = found.fill_null(clock)
    return _bounded(cells, "lasts", found, 1000)


def local_dates(cells: Cells, name: str) -> pl.Series:
    """The days of a field, as local midnights. Other texts are faults."""
    source = cells.section.source(name)
    if source.column in cells.frame.columns and source.words is None:
        column = cells.frame[source.column]
        if column.dtype in (pl.Datetime, pl.Date):
            if (zone := source.zone or cells.table.zone) and _zone_of(column) is not None:
                column = column.dt.convert_time_zone(zone)
            return column.cast(pl.Date).cast(pl.Datetime("ms"))
    text = cells.text(name, is_number=True)
    found = pl.repeat(None, cells.height, dtype=pl.Datetime("ms"), eager=True)
    formats = ("%Y-%m-%d",) if source.time == ("rfc3339",) else source.time
    for one in formats:
        found = found.fill_null(_formatted(text.set(found.is_not_null(), None), one)[1])
    expected = f"expected a date like {formats[0]}"
    cells.faults.add(text.is_not_null() & found.is_null(), Fault(name, "not_a_time", expected))
    return found.dt.truncate("1d")


def in_range(faults: Faults, name: str, at: pl.Series, earliest: int = EARLIEST) -> None:
    """Add faults for times before `earliest` (ms) or after 2100."""
    wrong = (at < earliest) | (at > LATEST)
    if not wrong.any():
        return
    seconds = wrong & (at * 1000).is_between(EARLIEST, LATEST)
    if earliest == EARLIEST:
        faults.add(seconds, _fault(name, EARLIEST // 1000))
        faults.add(wrong, _fault(name, 0))
    else:
        faults.add(wrong, Fault(name, "not_a_time", _BEYOND.expected))


def _fault(name: str, at: int) -> Fault:
    return Fault(name, "not_a_time", f"expected {expected_time(at)}")


def _zone_of(column: pl.Series) -> str | None:
    return getattr(column.dtype, "time_zone", None)


def _counted(cells: Cells, name: str, text: pl.Series, times: int) -> pl.Series:
    return _bounded(cells, name, cells.as_number(name, text), times)


def _bounded(cells: Cells, name: str, found: pl.Series, times: int) -> pl.Series:
    # 14.001 s is 14000.999... ms in binary: round to thousandths, then cut off smaller fractions
    scaled = (found * times * 1000).round(0) / 1000
    wrong = scaled.abs() > LATEST
    cells.faults.add(wrong, Fault(name, "not_a_time", _TOO_MUCH))
    scaled = scaled.set(wrong.fill_null(False), None)
    return scaled.floor().cast(pl.Int64, strict=False)


def _plain(
    cells: Cells, name: str, text: pl.Series, zone: str | None
) -> tuple[pl.Series, pl.Series]:
    """Milliseconds, RFC 3339, or the same without an offset if the mapping names a zone."""
    numbers = text.str.contains(_MILLISECONDS).fill_null(False)
    at = text.set(~numbers, None).cast(pl.Float64, strict=False)
    wrong = at.abs() > LATEST
    cells.faults.add(wrong, Fault(name, "not_a_time", _TOO_MUCH))
    seconds = (at < EARLIEST) & (at * 1000).is_between(EARLIEST, LATEST)
    expected = f"expected {expected_time(EARLIEST // 1000)} (time: s in the mapping)"
    cells.faults.add(seconds, Fault(name, "seconds", expected))
    found = at.set(wrong.fill_null(False), 0).cast(pl.Int64)
    rest = text.set(numbers, None)
    found = found.fill_null(_epoch(_parsed(rest, "%Y-%m-%dT%H:%M:%S%.f%#z")))
    rest = rest.set(found.is_not_null(), None)
    local = pl.repeat(None, len(text), dtype=pl.Datetime("ms"), eager=True)
    if zone is not None:
        for one in ("%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f"):
            local = local.fill_null(_parsed(rest.set(local.is_not_null(), None), one))
        rest = rest.set(local.is_not_null(), None)
    if rest.null_count() < len(rest):
        found = found.fill_null(of_each(rest, _rfc3339, pl.Int64))
        if zone is not None:
            rest = rest.set(found.is_not_null(), None)
            local = local.fill_null(of_each(rest, _iso, pl.Datetime("ms")))
    return found, local


def _rfc3339(text: str) -> int | None:
    try:
        return parse_rfc3339(text)
    except ValueError:
        return None


def _iso(text: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return None if found.tzinfo is not None else found


def _formatted(text: pl.Series, format_: str) -> tuple[pl.Series, pl.Series]:
    """Times with an offset, and times without one."""
    at = pl.repeat(None, len(text), dtype=pl.Int64, eager=True)
    local = pl.repeat(None, len(text), dtype=pl.Datetime("ms"), eager=True)
    fast = format_.replace(".%f", "%.f")
    if "%" not in _SAFE.sub("", fast):
        found = _parsed(text, fast)
        if _zone_of(found) is None:
            local = found
        else:
            at = _epoch(found)
    rest = text.set(at.is_not_null() | local.is_not_null(), None)
    if rest.null_count() < len(rest):  # formats that only Python can read
        known = {one: _by_python(one, format_) for one in rest.unique().drop_nulls().to_list()}
        with_offset = {one: v for one, v in known.items() if v is not None and v.tzinfo is not None}
        at = at.fill_null(of_each(rest, lambda one: _since(with_offset.get(one)), pl.Int64))
        plain = {one: v for one, v in known.items() if v is not None and v.tzinfo is None}
        local = local.fill_null(of_each(rest, plain.get, pl.Datetime("ms")))
    return at, local


def _by_python(text: str, format_: str) -> datetime | None:
    try:
        return datetime.strptime(text, format_)  # the zone is that of the mapping
    except (ValueError, re.error, OverflowError):
        return None


def _since(moment: datetime | None) -> int | None:
    try:
        return None if moment is None else since_epoch(moment)
    except OverflowError:
        return None


def _parsed(text: pl.Series, format_: str) -> pl.Series:
    if text.null_count() == len(text):
        return pl.repeat(None, len(text), dtype=pl.Datetime("ms"), eager=True)
    try:
        return text.str.to_datetime(format_, strict=False, time_unit="ms")
    except pl.exceptions.PolarsError:
        return pl.repeat(None, len(text), dtype=pl.Datetime("ms"), eager=True)


def _epoch(moment: pl.Series) -> pl.Series:
    return moment.dt.epoch("ms")


def zoned(cells: Cells, name: str, local: pl.Series, zone: str | None) -> Moments:
    """Local times by the clocks of the zone."""
    if _zone_of(local) is not None or zone in (None, "UTC"):
        return Moments(_epoch(local), {})
    first, second = (
        _epoch(local.dt.replace_time_zone(zone, ambiguous=rule, non_existent="null"))
        for rule in _READINGS
    )
    odd = ((first != second) | (first.is_null() & local.is_not_null())).fill_null(False)
    if not odd.any():
        return Moments(first, {})
    at, twice = first.to_numpy().astype(np.float64), {}
    wrong = np.zeros(len(local), bool)
    for place in odd.arg_true().to_list():
        try:
            assert zone is not None
            found = reading(local[place], zone)
        except (OverflowError, ValueError):
            wrong[place] = True
            continue
        if isinstance(found, Twice):
            twice[place] = found
            found = found.first
        at[place] = found
    cells.faults.add(wrong, Fault(name, _BEYOND.reason, _BEYOND.expected))
    return Moments(pl.Series(at, nan_to_null=True).cast(pl.Int64), twice)


def _of_clock(text: str) -> float | None:
    found = re.fullmatch(r"(?:(\d{1,4}):)?(\d{1,2}):(\d{1,2}(?:[.,]\d+)?)", text)
    if found is None:
        return None
    return int(found[1] or 0) * 3600 + int(found[2]) * 60 + float(found[3].replace(",", "."))
