"""Times (ms since the epoch) that stand for an event that has not happened."""

OPEN = 1 << 60
"""The `end` of an alarm that still sounds: later than any time, and safe to add a duration to."""
NEVER = 1 << 61
"""The `start` of an alarm that no `start` or `update` has opened yet, and the time of a response
that has not come.
"""
