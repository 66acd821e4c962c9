"""Statistics: shares and bounds, with their confidence limits.

It knows the formulas and their sources. It refuses to know alarms.
"""

from analyzer.stats.bounds import upper_bound

__all__ = [
    "upper_bound",
]
