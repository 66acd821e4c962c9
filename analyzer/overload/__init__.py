"""Overload: measures, limits and the states of clinicians and units over time.

It knows what is too much, for how long, and what would relieve it. It refuses to know findings,
what-ifs and how a state is shown.
"""

from analyzer.overload.machine import RULES, Rule

__all__ = ["RULES", "Rule"]
