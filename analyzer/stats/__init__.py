"""Statistics: shares, bounds, the dependence of days and run rules.

It knows the formulas and their sources. It refuses to know alarms.
"""

from analyzer.stats.bounds import upper_bound
from analyzer.stats.risk import CONFIDENCE, Promise, Risk
from analyzer.stats.run_rules import RunChart, Signal, run_chart
from analyzer.stats.student import normal_reach, student

__all__ = [
    "CONFIDENCE",
    "Promise",
    "Risk",
    "RunChart",
    "Signal",
    "normal_reach",
    "run_chart",
    "student",
    "upper_bound",
]
