"""Bounds: exact confidence bounds of a proportion (Clopper & Pearson, Biometrika 1934), without
scipy.

They are exact for independent draws. Alarms of one patient are alike: see `stats.risk`.
"""

from __future__ import annotations

from functools import lru_cache
from math import exp, expm1, inf, isfinite, lgamma, log, log1p

_TINY = 1e-300
_STEPS = 200  # bisections; 60 reach the last bit


@lru_cache(maxsize=4096)  # a page asks for the bounds of one finding many times
def upper_bound(count: float, of: float, confidence: float) -> float | None:
    """The one-sided upper bound of the share `count` / `of` at `confidence`; None if `of` is 0.
    Both may be fractions, and `of` infinite.

    If `count` is 0, it is 1 - (1 - confidence)^(1 / of). At 95 % that is about 3 / of, the rule of
    three (Hanley & Lippman-Hand, JAMA 1983). Raises `ValueError` unless 0 < `confidence` < 1.

    >>> [round(upper_bound(count, 300, 0.95), 5) for count in (0, 1, 30, 300)]
    [0.00994, 0.01571, 0.13319, 1.0]
    """
    if not 0 < confidence < 1:
        raise ValueError("confidence: expected a share between 0 and 1")
    if not of:
        return None
    if count >= of:
        return 1.0
    if count <= 0:
        return -expm1(log1p(-confidence) / of)
    # Bisect for the share at which P(X <= count) = 1 - confidence, where P(X <= count) = 1 -
    # I(share; count + 1, of - count).
    low, high = count / of, 1.0
    for _ in range(_STEPS):
        middle = (low + high) / 2
        if not low < middle < high:
            break
        if beta_share(middle, count + 1, of - count) < confidence:
            low = middle
        else:
            high = middle
    return high


def least_needed(most: float, confidence: float) -> int:
    """How many must have been observed, with none lost, for the upper bound of the share lost to be
    at most `most` (0 < `most` < 1).

    >>> least_needed(0.01, 0.95)
    299
    """
    found = max(int(log1p(-confidence) / log1p(-most)) - 1, 1)
    while -expm1(log1p(-confidence) / found) > most:
        found += 1
    return found


def beta_share(x: float, a: float, b: float) -> float:
    """The regularised incomplete beta function I(x; a, b), by its continued fraction and Lentz's
    method (Press et al., Numerical Recipes, 6.4).
    """
    if x <= 0:
        return 0.0
    if x >= 1:
        return 1.0
    if x > (a + 1) / (a + b + 2):
        return 1 - beta_share(1 - x, b, a)
    front = exp(lgamma(a + b) - lgamma(a) - lgamma(b) + a * log(x) + b * log1p(-x)) / a
    numerator, denominator = 1.0, 1 / _kept_off(1 - (a + b) * x / (a + 1))
    fraction = denominator
    m, change = 1, inf
    while abs(change - 1) > 1e-15 and m < 100_000:
        change = 1.0
        for step in (
            m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)),
            -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)),
        ):
            denominator = 1 / _kept_off(1 + step * denominator)
            numerator = _kept_off(1 + step / numerator)
            change = numerator * denominator
            fraction *= change
        m += 1
    assert isfinite(fraction)
    return front * fraction


def _kept_off(value: float) -> float:
    """The value, moved away from zero so that it can be divided by."""
    return value if abs(value) > _TINY else _TINY
