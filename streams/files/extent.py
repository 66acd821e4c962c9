"""Extent: how much of the findings an answer holds."""

TOP = 10
"""Default number of alarm types per unit (ISA-18.2 reviews the ten most frequent)."""
WHOLE = "all"
"""The window of findings about whole files."""
MOST = 50
"""Most alarm types per unit in an answer."""
