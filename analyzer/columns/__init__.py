"""Columns: growable numpy columns, interned names, seen ids and packed strings.

It knows how to hold millions of values. It refuses to know what they mean.
"""

from analyzer.columns.packed import Packed
from analyzer.columns.statics import AlarmType

__all__ = [
    "AlarmType",
    "Packed",
]
