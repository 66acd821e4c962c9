"""Windows: what alarms add up to in sliding windows, by clinician and by unit.

It knows one statistic a module. It refuses to know thresholds and overload.
"""

from analyzer.windows.posts import Posts

__all__ = [
    "Posts",
]
