"""What-if: what other settings would have done to recorded alarms, and what a change did.

It knows recorded episodes, levers, searches, trends and comparisons. It refuses to know the engine:
except for `recall`, which copies the alarms that a state holds.
"""

from analyzer.whatif.before_after import Balance, Comparison, Ratio, TooShort, compare
from analyzer.whatif.effects import Duty, Weight, duty_by_alarms, duty_by_roster, weigh_both
from analyzer.whatif.episode_table import FIELDS, Recorded, Recorder
from analyzer.whatif.grid import (
    Grid,
    Searched,
    Tolerance,
    limits_worth_trying,
    recommend,
    search,
    split,
)
from analyzer.whatif.levers import (
    LEVERS,
    LONGEST,
    SOUNDS,
    Fates,
    Refused,
    Scope,
    Setting,
    fates,
    room,
    sides,
    tally,
)
from analyzer.whatif.trends import Drawn, Rule, Side, Trend, draw, match

__all__ = [
    "FIELDS",
    "LEVERS",
    "LONGEST",
    "SOUNDS",
    "Balance",
    "Comparison",
    "Drawn",
    "Duty",
    "Fates",
    "Grid",
    "Ratio",
    "Recorded",
    "Recorder",
    "Refused",
    "Rule",
    "Scope",
    "Searched",
    "Setting",
    "Side",
    "Tolerance",
    "TooShort",
    "Trend",
    "Weight",
    "compare",
    "draw",
    "duty_by_alarms",
    "duty_by_roster",
    "fates",
    "limits_worth_trying",
    "match",
    "recommend",
    "room",
    "search",
    "sides",
    "split",
    "tally",
    "weigh_both",
]
