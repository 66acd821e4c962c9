"""Statistics: shares and bounds, with their confidence limits.

It knows the formulas and their sources. It refuses to know alarms.
"""

from analyzer.stats.bounds import upper_bound
from analyzer.stats.student import normal_reach, student

__all__ = [
    "normal_reach",
    "student",
    "upper_bound",
]
