"""Facts: the four kinds of record that the analyzer reasons about, valid once constructed.

A fact says what a device, a roster or a person reported. It knows nothing of Kafka, of JSON, or of
other facts. Times are integer milliseconds since the Unix epoch, UTC. Constructing an impossible
fact raises `FactError`, which names the field and what was expected.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import isfinite
from typing import Any, ClassVar, Literal, TypeVar, get_args
from unicodedata import category

# characters; longer ids are faults of a producer, and would bloat every label and key
MAX_ID_LENGTH = 128
MAX_TEXT_LENGTH = 1024
"""Characters of a text for people (`label`, `role`, `reviewer`, `reason`); decoders cut the rest.
"""
MAX_RECIPIENTS = 256
"""Clinicians that one record may name: no alarm is sent to a whole hospital."""
MAX_ACUITY = 1000.0
"""Acuity scales end far below this (nursing hours a day, scores up to 100). A larger value is a
sentinel.
"""

Phase = Literal["start", "update", "end"]
Kind = Literal["physiological", "technical", "advisory"]
Priority = Literal["high", "medium", "low", "info"]
"""Alarm priorities of IEC 60601-1-8, and `info` for information signals, which are not alarms."""
Action = Literal[
    "acknowledge",
    "silence",
    "pause",
    "attend",
    "consult",
    "intervene",
    "adjust_limits",
    "escalate",
    "decline",
]
Verdict = Literal["actionable", "non_actionable"]

EARLIEST = 946_684_800_000
"""2000-01-01T00:00:00.000Z, the earliest time of a record: an earlier one means an unset clock."""
LATEST = 4_133_980_799_999
"""2100-12-31T23:59:59.999Z, the latest time of a record."""
# the years 1 to 9999, which RFC 3339 can write
_CALENDAR = (-62_135_596_800_000, 253_402_300_799_999)
A_PLAIN_ID = "no control, format or line-separator characters"

_UNPRINTABLE = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})


class FactError(ValueError):
    """An invalid fact: the `field` at fault, and what was `expected`; never the value found."""

    def __init__(self, field: str, expected: str) -> None:
        super().__init__(f"{field}: expected {expected}")
        self.field = field
        self.expected = expected


def is_plain(text: str) -> bool:
    """Whether a text has no control, format or line-separator characters and no lone surrogates
    (Cc, Cf, Zl, Zp, Cs).

    A megabyte takes a fraction of a millisecond, so many ids can be joined and checked at once.

    >>> [is_plain(text) for text in ("ICU 3", "Zürich\\u00a0Süd")]
    [True, True]
    >>> [is_plain(text) for text in ("bed\\n1", "a\\u200bb", "\\ud800")]
    [False, False, False]
    """
    # Printable characters are in none of the categories. Some others are not either, such as
    # no-break spaces.
    return text.isprintable() or _UNPRINTABLE.isdisjoint(map(category, set(text)))


def expected_time(moment: int) -> str:
    """The end of the error about a time before `EARLIEST` or after `LATEST`: what was expected."""
    if EARLIEST <= moment * 1000 <= LATEST:
        return "milliseconds since 1970, found what looks like seconds"
    return "a time from 2000 to 2100"


def _check_id(field: str, value: str | None) -> None:
    if value is None:
        return
    if not 0 < len(value) <= MAX_ID_LENGTH:
        raise FactError(field, f"1 to {MAX_ID_LENGTH} characters")
    if not is_plain(value):
        raise FactError(field, A_PLAIN_ID)


def _check_figure(field: str, value: float | None) -> None:
    if value is not None and not isfinite(value):
        raise FactError(field, "a finite number")


class _Fact:
    """The base of the four kinds of facts: bounded ids, valid times, and an order between records
    of one alarm or assignment.
    """

    __slots__ = ()
    _ids: ClassVar[tuple[str, ...]]
    _times: ClassVar[tuple[str, ...]] = ("at",)

    def __post_init__(self) -> None:
        for field in self._ids:
            _check_id(field, getattr(self, field))
        for field in self._times:
            moment = getattr(self, field)
            if moment is not None and not _CALENDAR[0] <= moment <= _CALENDAR[1]:
                raise FactError(field, "a time within the years 1 to 9999")

    @property
    def order(self) -> tuple[int, str]:
        """The sort key that decides which record counts: `at`, then `event_id`."""
        return self.at, self.event_id  # type: ignore[attr-defined]  # every subclass declares both


@dataclass(frozen=True, slots=True, kw_only=True)
class AlarmEvent(_Fact):
    """One event in the life of one alarm; alarm type = (`device_type`, `source`, `code`)."""

    _ids: ClassVar[tuple[str, ...]] = (
        "event_id",
        "alarm_id",
        "facility",
        "unit",
        "bed",
        "device_id",
        "device_type",
        "code",
    )

    event_id: str
    alarm_id: str
    phase: Phase
    at: int
    facility: str
    unit: str
    bed: str
    device_id: str
    device_type: str
    code: str
    kind: Kind
    priority: Priority
    source: str = ""
    label: str | None = None
    value: float | None = None
    limit: float | None = None
    recipients: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        _Fact.__post_init__(self)
        if len(self.source) > MAX_ID_LENGTH:
            raise FactError("source", f"at most {MAX_ID_LENGTH} characters")
        if not is_plain(self.source):
            raise FactError("source", A_PLAIN_ID)
        _check_figure("value", self.value)
        _check_figure("limit", self.limit)
        if self.recipients is not None and len(self.recipients) > MAX_RECIPIENTS:
            raise FactError("recipients", f"at most {MAX_RECIPIENTS} clinician ids")
        for clinician in self.recipients or ():
            _check_id("recipients", clinician)


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment(_Fact):
    """`clinician` cares for `bed` in [`start`, `end`); `end` None = until further notice. `from`,
    `to` on the wire.
    """

    _ids: ClassVar[tuple[str, ...]] = (
        "event_id",
        "assignment_id",
        "facility",
        "unit",
        "bed",
        "clinician",
    )
    _times: ClassVar[tuple[str, ...]] = ("at", "start", "end")

    event_id: str
    assignment_id: str
    facility: str
    unit: str
    bed: str
    clinician: str
    start: int
    at: int
    end: int | None = None
    role: str | None = "nurse"
    acuity: float | None = 1.0

    def __post_init__(self) -> None:
        _Fact.__post_init__(self)
        if self.acuity is not None and not 0 <= self.acuity <= MAX_ACUITY:
            raise FactError("acuity", f"a number from 0 to {MAX_ACUITY:,.0f}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Response(_Fact):
    """An action of a clinician on one alarm (`alarm_id`), or on all alarms at `bed`."""

    _ids: ClassVar[tuple[str, ...]] = (
        "event_id",
        "facility",
        "alarm_id",
        "bed",
        "clinician",
        "unit",
    )

    event_id: str
    facility: str
    at: int
    action: Action
    alarm_id: str | None = None
    bed: str | None = None
    clinician: str | None = None
    unit: str | None = None

    def __post_init__(self) -> None:
        _Fact.__post_init__(self)
        if self.alarm_id is None and self.bed is None:
            raise FactError("alarm_id", "alarm_id or bed to be given")


@dataclass(frozen=True, slots=True, kw_only=True)
class Label(_Fact):
    """An adjudication after the fact: `verdict` on the episode `alarm_id`."""

    _ids: ClassVar[tuple[str, ...]] = ("event_id", "facility", "alarm_id")

    event_id: str
    facility: str
    alarm_id: str
    verdict: Verdict
    at: int
    reviewer: str | None = None
    reason: str | None = None


Fact = AlarmEvent | Assignment | Response | Label
Topic = Literal["alarms", "assignments", "responses", "labels"]
TOPICS: tuple[Topic, ...] = get_args(Topic)
Outcome = Literal["accepted", "duplicate", "malformed", "misrouted", "future", "late"]
"""The result of admission: whether an arriving fact counts, and if not, why."""
OUTCOMES: tuple[Outcome, ...] = get_args(Outcome)
FACT_TYPES: dict[Topic, type[Fact]] = {
    "alarms": AlarmEvent,
    "assignments": Assignment,
    "responses": Response,
    "labels": Label,
}


F = TypeVar("F", bound=_Fact)


def values_of(fact: _Fact) -> list[Any]:
    """The fields of a fact, in order, for storage."""
    names: tuple[str, ...] = fact.__slots__
    return [getattr(fact, name) for name in names]


def fact_of(type_: type[F], values: Iterable[Any]) -> F:
    """The reverse of `values_of`. Raises `FactError`."""
    return type_(**dict(zip(type_.__slots__, values, strict=True)))


_SETTERS: dict[type[_Fact], list[Any]] = {
    type_: [getattr(type_, name).__set__ for name in type_.__slots__]
    for type_ in FACT_TYPES.values()
}


def checked_fact(type_: type[F], values: Iterable[Any]) -> F:
    """`fact_of` of values that are known to be valid, such as those of an admitted record."""
    fact = object.__new__(type_)
    for set_, value in zip(_SETTERS[type_], values, strict=True):
        set_(fact, value)
    return fact
