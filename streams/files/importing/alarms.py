"""The fields that all rows about alarms have in common: place, device, type and readings."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import get_args

import polars as pl

from analyzer.model import MAX_ID_LENGTH, MAX_RECIPIENTS, MAX_TEXT_LENGTH, Kind, Priority
from streams.files.importing.cells import Cells
from streams.files.importing.faults import Fault, Faults, missing

STATIC = ("facility", "unit", "bed", "device_id", "device_type", "source", "code", "kind")
IDS = ("facility", "unit", "bed", "device_id", "device_type", "source", "code", "alarm_id")
REQUIRED = ("facility", "unit", "device_type", "code", "priority")
_NOT_PLAIN = r"[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]"
_PLAIN = "no control, format or line-separator characters"


def static_fields(cells: Cells, lines: pl.Series) -> dict[str, pl.Series]:
    """The fields of each row that identify and describe its alarm, without times."""
    found = {name: cells.text(name) for name in IDS}
    found["bed"] = found["bed"].zip_with(found["bed"].is_not_null(), found["device_id"])
    found["bed"] = found["bed"].fill_null("?")
    found["kind"], found["priority"] = word(cells, "kind"), word(cells, "priority")
    for name in ("value", "limit"):
        found[name] = cells.number(name)
    found["label"] = cells.text("label")
    found["line"] = lines
    people = cells.several("clinicians")
    found["clinicians"] = (
        pl.repeat([], cells.height, dtype=pl.List(pl.String), eager=True)
        if people is None
        else people
    )
    return found


def word(cells: Cells, name: str) -> pl.Series:
    """A word of a list, in the service's spelling.

    `High` becomes high, and `non-actionable` becomes non_actionable.
    """
    return cells.text(name).str.to_lowercase().str.replace_all(r"[ -]+", "_")


def check_alarms(frame: pl.DataFrame, faults: Faults, required: Sequence[str]) -> None:
    """Add faults for rows whose descriptive fields are not valid for an alarm."""
    for name in required:
        faults.add(frame[name].is_null(), missing(name))
    for name in IDS:
        check_id(frame, name, faults)
    check_words(frame, "kind", get_args(Kind), faults)
    check_words(frame, "priority", get_args(Priority), faults)
    check_people(frame, faults)


def check_people(frame: pl.DataFrame, faults: Faults) -> None:
    people = frame["clinicians"]
    count = people.list.len()
    if not count.max():
        return
    an_id = Fault("clinicians", "not_an_id", f"expected ids of 1 to {MAX_ID_LENGTH} characters")
    longest = people.list.eval(pl.element().str.len_chars()).list.max()
    faults.add(longest > MAX_ID_LENGTH, an_id)
    joined = people.list.join("")
    faults.add(
        joined.str.contains(_NOT_PLAIN), Fault("clinicians", "not_plain", f"expected {_PLAIN}")
    )
    most = f"expected at most {MAX_RECIPIENTS} clinicians"
    faults.add(count > MAX_RECIPIENTS, Fault("clinicians", "too_many", most))


def check_id(frame: pl.DataFrame, name: str, faults: Faults) -> None:
    """Add faults for ids that are too long or have odd characters. An empty id is not a fault."""
    column = frame[name]
    if column.null_count() == len(column):
        return
    length = column.str.len_chars()
    expected = f"expected 1 to {MAX_ID_LENGTH} characters"
    faults.add((length > MAX_ID_LENGTH) | (length == 0), Fault(name, "not_an_id", expected))
    faults.add(column.str.contains(_NOT_PLAIN), Fault(name, "not_plain", f"expected {_PLAIN}"))


def check_words(frame: pl.DataFrame, name: str, words: Sequence[str], faults: Faults) -> None:
    expected = f"expected one of {', '.join(words)}"
    wrong = frame[name].is_not_null() & ~frame[name].is_in(list(words)).fill_null(False)
    faults.add(wrong, Fault(name, "unknown_word", expected))


def event_columns(alarms: pl.DataFrame) -> Iterator[pl.Expr]:
    """The fields of alarm events, without fields that are empty in all rows."""
    yield from (pl.col(name) for name in STATIC if name not in ("device_id", "source"))
    yield pl.col("device_id").fill_null(pl.col("bed"))
    yield pl.col("source").fill_null("")
    yield pl.col("priority")
    if alarms["label"].null_count() < alarms.height:
        yield cut("label")
    yield from (
        pl.col(name) for name in ("value", "limit") if alarms[name].null_count() < alarms.height
    )
    if alarms["clinicians"].list.len().max():
        yield pl.col("clinicians").alias("recipients")


def own_id(at: str, suffix: str, of: str = "bed") -> pl.Expr:
    """Ids for rows without one. Equal rows get different ids, and the same file gives the same ids
    again. `at` and `of` are columns; `suffix` identifies the table if there are several.
    """
    return pl.format("{}-{}-{}" + suffix, pl.col(of).str.head(60), at, "line")


def cut(name: str) -> pl.Expr:
    """A free text, cut to its greatest length."""
    return pl.col(name).str.head(MAX_TEXT_LENGTH)
