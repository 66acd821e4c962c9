"""The baseline: the same figure in comparable hours of the same unit.

Comparable hours are periods as long as the window that end at the same local hour, on days of the
same kind (Monday to Friday, or the weekend). For windows of up to an hour, periods that end an hour
earlier or later count, too; longer ones would overlap, and one night would count several times. If
fewer than `LEAST` periods were recorded, days of both kinds are used.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from analyzer.incident.question import BASELINE_DAYS, Question
from analyzer.model.policy import HOUR, MINUTE

LEAST = 8
"""With fewer comparable periods there is no baseline (our own: the highest of fewer values is not a
ninetieth percentile).
"""
_DAY = 24 * HOUR
_NEAR = (0, -HOUR, HOUR)
_THURSDAY = 3  # 1970-01-01


@dataclass(frozen=True, slots=True)
class Baseline:
    """`median` of `n` comparable periods, and the share of them (per cent) with a smaller value,
    where equal values count half.
    """

    n: int
    median: float
    percentile: float
    others: tuple[float, ...] = field(default=(), repr=False)
    """The values of the periods, ascending."""
    window: int = field(default=HOUR, repr=False)

    @property
    def what(self) -> str:
        """The name of what was compared: "comparable hours", or periods of another length."""
        if self.window == HOUR:
            return "comparable hours"
        minutes = self.window // MINUTE
        length = f"{minutes // 60} h" if minutes % 60 == 0 else f"{minutes} min"
        return f"comparable stretches of {length}"


def comparable(question: Question, first: int, seen: Callable[[int, int], bool]) -> list[int]:
    """The ends (ms) of comparable periods after `first`, ascending.

    `seen(begin, end)`: whether the alarm feed was there.
    """
    ends = [
        end
        for day in range(1, BASELINE_DAYS + 1)
        for near in (_NEAR if question.window <= HOUR else _NEAR[:1])
        if (end := question.at - day * _DAY + near) <= question.begin
        and end - question.window >= first
        and seen(end - question.window, end)
    ]
    alike = [end for end in ends if _weekend(end, question) == _weekend(question.at, question)]
    return sorted(alike if len(alike) >= LEAST else ends)


def baseline(value: float, others: Sequence[float], window: int = HOUR) -> Baseline | None:
    """Compare `value` with others; None with fewer than `LEAST`.

    >>> baseline(30.0, [float(one) for one in range(10)])
    Baseline(n=10, median=4.5, percentile=100.0)
    """
    if len(others) < LEAST:
        return None
    ordered, middle = sorted(others), len(others) // 2
    median = ordered[middle] if len(others) % 2 else (ordered[middle - 1] + ordered[middle]) / 2
    below = sum(one < value for one in others) + sum(one == value for one in others) / 2
    percentile = round(100 * below / len(others), 1)
    return Baseline(len(others), median, percentile, tuple(ordered), window)


def _weekend(moment: int, question: Question) -> bool:
    return ((moment + question.offset) // _DAY + _THURSDAY) % 7 >= 5
