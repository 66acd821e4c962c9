"""Answers: what `tune --json` and `compare --json` print, as objects."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, get_args

import msgspec
import numpy as np
import polars as pl

from alarm_fatigue._inputs import as_polars, json_lines
from alarm_fatigue._times import as_duration, as_moment
from analyzer.columns import AlarmType
from analyzer.model import FindingsPolicy, Priority
from analyzer.stats import CONFIDENCE
from analyzer.whatif import FIELDS, Recorded, Recorder, Refused, Scope, Setting, Tolerance, TooShort
from streams.files.comparing import compared
from streams.files.lines import BadLine, InputError
from streams.files.tuning import evaluated
from streams.formats.codec import to_json

MOST_DAYS = 28
_COLUMNS = tuple(name.rstrip("_") for name in FIELDS)


@dataclass(frozen=True, slots=True)
class Counts:
    """How many alarms, and how many of each class."""

    alarms: int
    classes: Mapping[str, int]

    @classmethod
    def of(cls, fields: Mapping[str, Any]) -> Counts:
        return cls(fields["alarms"], fields["classes"])

    def __getitem__(self, name: str) -> Any:
        """`counts["alarms"]`, as in JSON."""
        return {"alarms": self.alarms, "classes": self.classes}[name]


class _Answer(Mapping[str, Any]):
    """A read-only mapping with the fields that the command prints with `--json`."""

    __slots__ = ("_fields",)
    _fields: Mapping[str, Any]

    def __init__(self, fields: dict[str, Any]) -> None:
        object.__setattr__(self, "_fields", _frozen(fields))

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(f"{name}: an answer does not change")

    def __getitem__(self, name: str) -> Any:
        return self._fields[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._fields)

    def __len__(self) -> int:
        return len(self._fields)

    def __hash__(self) -> int:
        return hash(self.to_json())

    def to_dict(self) -> dict[str, Any]:
        """All fields as plain values, which may be changed."""
        found: dict[str, Any] = _thawed(self._fields)
        return found

    def to_json(self) -> str:
        """The JSON that the command prints with `--json`, on one line."""
        return to_json(self.to_dict()).decode()

    @property
    def caveats(self) -> Sequence[str]:
        """The limits of the answer, one sentence each."""
        found: Sequence[str] = self["caveats"]
        return found


class WhatIf(_Answer):
    """The effect of another setting on recorded alarms: all fields of `tune --json`
    (`answer["late"]`, `to_dict()`), and the most used ones as attributes.
    """

    __slots__ = ()

    @property
    def before(self) -> Counts:
        """The alarms of the scope as recorded."""
        return Counts.of(self["before"])

    @property
    def after(self) -> Counts:
        """The alarms that would have sounded."""
        return Counts.of(self["after"])

    @property
    def removed(self) -> Counts:
        """The alarms that would not have sounded."""
        return Counts.of(self["removed"])

    @property
    def delayed(self) -> Counts:
        """The alarms that would have sounded late."""
        return Counts.of(self["delayed"])

    @property
    def lost(self) -> int:
        """Actionable alarms that would not have sounded."""
        return int(self["lost"]["count"])

    @property
    def lost_upper(self) -> float | None:
        """The upper bound of their share of the actionable alarms, one-sided, at
        `["lost"]["confidence"]`; None if no alarm is known to have been actionable.
        """
        found: float | None = self["lost"]["upper"]
        return found

    @property
    def promise(self) -> str | None:
        """Whether the bound keeps the tolerance: `kept`, `broken` (the share itself is beyond it)
        or `open`.
        """
        found: str | None = self["lost"]["promise"]
        return found

    def __repr__(self) -> str:
        upper = "" if self.lost_upper is None else f", upper bound {self.lost_upper:.2%}"
        return (
            f"<WhatIf: {self.before.alarms:,} alarms, {self.removed.alarms:,} removed, "
            f"{self.delayed.alarms:,} delayed; {self.lost:,} of {self['lost']['of']:,} actionable "
            f"ones lost{upper}>"
        )


class Comparison(_Answer):
    """The days after a change beside those before it: all fields of `compare --json`, and the most
    used ones as attributes.
    """

    __slots__ = ()

    @property
    def verdict(self) -> str | None:
        """`fewer`, `more` or `no_clear_change`; None if there is none: see `no_verdict`."""
        found: str | None = self["verdict"]
        return found

    @property
    def no_verdict(self) -> Sequence[str]:
        """Why there is no verdict, a sentence each."""
        return tuple(one["text"] for one in self["no_verdict"])

    @property
    def effect(self) -> Mapping[str, float | None]:
        """The rate of alarms after the change relative to before, beyond that of the control units
        if there are any: `value`, `low`, `high`.
        """
        found: Mapping[str, float | None] = (
            self["beyond_control"] if self["controls"] else self["alarms_a_day"]["changed"]["ratio"]
        )
        return found

    @property
    def daily(self) -> pl.DataFrame:
        """The alarms of each day: `from` (UTC), `alarms`, `kind`."""
        rows = [dict(one) for one in self["daily"]]
        frame = pl.DataFrame(rows, schema={"from": pl.Int64, "alarms": pl.Int64, "kind": pl.String})
        return frame.with_columns(pl.col("from").cast(pl.Datetime("ms", "UTC")))

    def __repr__(self) -> str:
        days = self["days"]
        return f"<Comparison: {days['before']} days before, {days['after']} after: {self.verdict}>"


def whatif(
    episodes: Any,
    *,
    facility: str | None = None,
    unit: str | None = None,
    type: str | None = None,  # noqa: A002  # as the command calls it
    priority: str | None = None,
    delay: Any = None,
    limit: float | None = None,
    hold_off: Any = None,
    beside: str | None = None,
    to_priority: str | None = None,
    sent_from: str = "low",
    tolerance: float | None = None,
    confidence: float = CONFIDENCE,
    mapping: str | Path | None = None,
) -> WhatIf:
    """The effect of another setting on recorded alarms, and the alarms that it would have lost.

    `episodes`: from `History.episodes`, another frame with these columns, or a file (from `replay
    --episodes`, or a table with `mapping`). `facility`, `unit`, `type` (`DEVICE_TYPE/SOURCE/CODE`)
    and `priority` choose the alarms; the others are as in `alarm-fatigue tune --help`. `delay` and
    `hold_off` are texts such as `15s`, or seconds. `tolerance` and `confidence` are shares of 1.

    Raises `InputError` for names that do not occur, and for settings that cannot be evaluated.
    """
    recorded, malformed = _recorded(episodes, mapping)
    if limit is not None and type is None:
        raise InputError("limit: needs type: a limit has a meaning only for one measured quantity")
    scope = _scope(recorded, facility, unit, type, priority)
    setting = Setting(
        limit=None if limit is None else float(limit),
        delay=None if delay is None else as_duration(delay, "delay"),
        holdoff=None if hold_off is None else as_duration(hold_off, "hold_off"),
        beside=None if beside is None else _type(recorded, beside, "beside"),
        priority=_priority(to_priority, "to_priority"),
        sent_from=_priority(sent_from, "sent_from") or "low",
    )
    tolerated = Tolerance(
        lost=FindingsPolicy().tolerance if tolerance is None else tolerance, confidence=confidence
    )
    try:
        found = evaluated(recorded, scope, setting, tolerated)
    except Refused as error:
        raise InputError(str(error)) from None
    return WhatIf(found | {"malformed": malformed})


def compare(
    episodes: Any,
    *,
    change: Any = None,
    at: Any = None,
    facility: str | None = None,
    unit: str | None = None,
    type: str | None = None,  # noqa: A002  # as the command calls it
    priority: str | None = None,
    control_units: Sequence[str] | None = None,
    days: int = MOST_DAYS,
    confidence: float = 0.95,
    mapping: str | Path | None = None,
) -> Comparison:
    """Compare the days after a change with the days before it, and with control units.

    `change`: the record of a change (from `tune apply`: its path, or the object), which says when
    it was made and which alarms it concerns. Or `at` (a time with a zone) says when, and
    `facility`, `unit`, `type`, `priority` which. `control_units` have not changed; None: all
    others. At most `days` are compared on each side. Raises `InputError`.
    """
    recorded, malformed = _recorded(episodes, mapping)
    expected = None
    if (change is None) == (at is None):
        raise InputError("expected either change or at")
    if at is not None:
        moment = as_moment(at, "at")
        scope = _scope(recorded, facility, unit, type, priority)
    elif any((facility, unit, type, priority)):
        raise InputError("change: says itself which alarms it concerns")
    else:
        moment, scope, expected = _change(change)
    for name in control_units or ():
        _known(name, "control_units", {one for _, one in recorded.units})
    if not len(scope.rows(recorded)):
        raise InputError("no recorded alarm is of this unit, type and priority")
    controls = None if control_units is None else list(control_units)
    try:
        found = compared(recorded, scope, moment, days, controls, confidence, expected)
    except TooShort as error:
        raise InputError(str(error)) from None
    return Comparison(found | {"malformed": malformed})


def _recorded(episodes: Any, mapping: str | Path | None) -> tuple[Recorded, int]:
    """The alarms, and how many rows are none."""
    from streams.files.recorded import read_episodes, take  # which takes long to import

    refused: list[BadLine] = []
    if isinstance(episodes, (str, os.PathLike)):
        path = Path(episodes)
        if not path.is_file():
            raise InputError(f"{path}: no such file")
        found = read_episodes(path, refused.append, None if mapping is None else Path(mapping))
    else:
        frame, recorder = as_polars(episodes, "episodes"), Recorder()
        for some in json_lines(frame, _COLUMNS, "episodes"):
            take(recorder, Path("episodes"), some, refused.append)
        found = recorder.recorded()
    if not len(found):
        why = f": {refused[0]}" if refused else ""
        raise InputError(f"episodes: expected finished alarms, found none{why}")
    return found, len(refused)


def _scope(
    recorded: Recorded,
    facility: str | None,
    unit: str | None,
    type_: str | None,
    priority: str | None,
) -> Scope:
    _known(facility, "facility", set(recorded.facilities))
    here = {name for of, name in recorded.units if facility in (None, recorded.facilities[of])}
    _known(unit, "unit", here)
    return Scope(
        facility=facility,
        unit=unit,
        type=None if type_ is None else _type(recorded, type_, "type"),
        priority=_priority(priority, "priority"),
    )


def _type(recorded: Recorded, text: str, name: str) -> AlarmType:
    known = [recorded.types[number] for number in np.unique(recorded.type).tolist()]
    found = [one for one in known if "/".join(one) == text]
    if len(found) > 1:
        raise InputError(f"{name}: {len(found)} types have this name: {found}")
    if not found:
        _known(text, name, {"/".join(one) for one in known})
    type_: AlarmType = found[0]
    return type_


def _known(given: str | None, name: str, known: set[str]) -> None:
    if given is not None and given not in known:
        from streams.cli.names import listed

        raise InputError(f"{name}: {given} is not among the alarms; there {listed(given, known)}")


def _priority(given: str | None, name: str) -> Priority | None:
    for one in get_args(Priority):
        if one == given:
            found: Priority = one
            return found
    if given is not None:
        raise InputError(f"{name}: expected one of {', '.join(get_args(Priority))}")
    return None


def _change(given: Any) -> tuple[int, Scope, float | None]:
    """From a change record: its time, its scope, and the forecast ratio of alarms."""
    try:
        found = given if isinstance(given, Mapping) else msgspec.json.decode(_bytes_of(given))
        scope, share = found["scope"], found["expected"]["removed_share"]
        of = scope["type"]
        wanted = Scope(
            facility=scope["facility"],
            unit=scope["unit"],
            type=of and (of["device_type"], of["source"], of["code"]),
            priority=scope["priority"],
        )
        return int(found["at"]), wanted, None if share is None else 1 - float(share)
    except OSError as error:
        raise InputError(f"{given}: {error.strerror}") from None
    except (msgspec.DecodeError, UnicodeDecodeError, KeyError, TypeError, ValueError):
        raise InputError("change: expected what tune apply wrote") from None


def _bytes_of(given: Any) -> bytes:
    return Path(given).read_bytes()


def _frozen(value: Any) -> Any:
    if isinstance(value, dict):
        return MappingProxyType({name: _frozen(one) for name, one in value.items()})
    return tuple(map(_frozen, value)) if isinstance(value, (list, tuple)) else value


def _thawed(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _thawed(one) for name, one in value.items()}
    return list(map(_thawed, value)) if isinstance(value, tuple) else value
