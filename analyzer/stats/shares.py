"""Shares: a proportion and its confidence interval."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from statistics import NormalDist

_Z = NormalDist().inv_cdf(0.975)
"""Normal quantile of a two-sided interval of 95 %."""


@dataclass(frozen=True, slots=True)
class Share:
    """`count` out of `of`, as a share with its 95 % score interval (Wilson 1927, J Am Stat Assoc).
    All are None if `of` is 0.

    The interval assumes independent draws. Alarms of one patient are not independent, so the true
    uncertainty is larger.

    >>> share = Share(15, 148)
    >>> round(share.low, 4), round(share.value, 4), round(share.high, 4)
    (0.0624, 0.1014, 0.1605)
    >>> Share(0, 0).value
    """

    count: int
    of: int

    @property
    def value(self) -> float | None:
        return self.count / self.of if self.of else None

    @property
    def low(self) -> float | None:
        if not self.of:
            return None
        return 0.0 if self.count == 0 else self._bound(-1)

    @property
    def high(self) -> float | None:
        if not self.of:
            return None
        return 1.0 if self.count == self.of else self._bound(1)

    def _bound(self, side: int) -> float:
        share, squared = self.count / self.of, _Z * _Z
        half = _Z * sqrt(share * (1 - share) / self.of + squared / (4 * self.of * self.of))
        return (share + squared / (2 * self.of) + side * half) / (1 + squared / self.of)
