"""History: figures about weeks and months, day by day, and how they differ from those before.

It knows spans of time, the load of people as sums over many of them, and differences of ratios. It
refuses to know names, calendars and where facts come from.
"""

from analyzer.history.chatter import chatters
from analyzer.history.differences import LEAST_DAYS, Change, Daily, change
from analyzer.history.duty_load import Load, load
from analyzer.history.groups import FEWEST, people_by_hour
from analyzer.history.slopes import Slope, slope
from analyzer.history.spans import Spans, inside, overlap, union

__all__ = [
    "FEWEST",
    "LEAST_DAYS",
    "Change",
    "Daily",
    "Load",
    "Slope",
    "Spans",
    "change",
    "chatters",
    "inside",
    "load",
    "overlap",
    "people_by_hour",
    "slope",
    "union",
]
