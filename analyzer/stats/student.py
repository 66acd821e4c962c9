"""Student: quantiles of Student's t and of the normal distribution, without scipy."""

from __future__ import annotations

from functools import lru_cache
from statistics import NormalDist

from analyzer.stats.bounds import beta_share


@lru_cache(maxsize=1024)
def student(freedom: float, share: float) -> float:
    """The quantile of Student's t distribution; `share` must be above one half.

    >>> [round(student(freedom, 0.975), 3) for freedom in (4, 26, 1000)]
    [2.776, 2.056, 1.962]
    """
    low, high = 0.0, 1e6
    while high - low > 1e-9 * max(high, 1e-6):
        middle = (low + high) / 2
        below = 1 - beta_share(freedom / (freedom + middle * middle), freedom / 2, 0.5) / 2
        low, high = (middle, high) if below < share else (low, middle)
    return high


def normal_reach(confidence: float) -> float:
    """How far from its mean, in standard deviations, a normal variable lies at most, with
    probability `confidence`.

    >>> round(normal_reach(0.95), 3)
    1.96
    """
    return NormalDist().inv_cdf((1 + confidence) / 2)
