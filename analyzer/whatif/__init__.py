"""What-if: the effect that other settings would have had on recorded alarms, and the effect of a
change that was made.

It knows recorded episodes, levers, searches, verdicts, caveats, trends and comparisons. It does not
know the engine, except in `recall`, which copies the alarms that a state holds. It holds no words.
"""

from analyzer.whatif.before_after import (
    Balance,
    Comparison,
    Day,
    Direction,
    TooShort,
    compare,
)
from analyzer.whatif.breakdown import by_day, by_hour, by_unit, types_by_load
from analyzer.whatif.caveats import (
    CAVEATS,
    Caveat,
    CaveatKind,
    DutySource,
    caveats_of_comparison,
    caveats_of_settings,
)
from analyzer.whatif.controls import choose_controls
from analyzer.whatif.effects import (
    Duty,
    Workload,
    duty_by_alarms,
    duty_by_roster,
    workload_before_after,
)
from analyzer.whatif.episode_table import FIELDS, STATIC, Coded, Columns, Recorded, Recorder
from analyzer.whatif.grid import Grid, Searched, limits_worth_trying, search
from analyzer.whatif.levers import (
    LONGEST,
    Fates,
    Refused,
    Scope,
    Setting,
    count_by_class,
    fates,
    room,
    sides,
)
from analyzer.whatif.placebo import Placebos
from analyzer.whatif.presence import presence_of
from analyzer.whatif.proposal import (
    Part,
    Proposal,
    TypeTrial,
    joined,
    propose,
    try_each_type,
    tunable,
)
from analyzer.whatif.rates import DAY, Ratio
from analyzer.whatif.reasons import Excluded, Reason
from analyzer.whatif.recommendation import (
    TOLERATED,
    TRAIN,
    HeldOut,
    Tolerance,
    Trial,
    kept,
    split_at,
)
from analyzer.whatif.trends import Drawn, Replayed, Rule, Side, Trend, compare_rules, draw, faithful
from analyzer.whatif.verdict import HIGH, Verdict, judge

__all__ = [
    "CAVEATS",
    "DAY",
    "FIELDS",
    "HIGH",
    "LONGEST",
    "STATIC",
    "TOLERATED",
    "TRAIN",
    "Balance",
    "Caveat",
    "CaveatKind",
    "Coded",
    "Columns",
    "Comparison",
    "Day",
    "Direction",
    "Drawn",
    "Duty",
    "DutySource",
    "Excluded",
    "Fates",
    "Grid",
    "HeldOut",
    "Part",
    "Placebos",
    "Proposal",
    "Ratio",
    "Reason",
    "Recorded",
    "Recorder",
    "Refused",
    "Replayed",
    "Rule",
    "Scope",
    "Searched",
    "Setting",
    "Side",
    "Tolerance",
    "TooShort",
    "Trend",
    "Trial",
    "TypeTrial",
    "Verdict",
    "Workload",
    "by_day",
    "by_hour",
    "by_unit",
    "caveats_of_comparison",
    "caveats_of_settings",
    "choose_controls",
    "compare",
    "compare_rules",
    "count_by_class",
    "draw",
    "duty_by_alarms",
    "duty_by_roster",
    "faithful",
    "fates",
    "joined",
    "judge",
    "kept",
    "limits_worth_trying",
    "presence_of",
    "propose",
    "room",
    "search",
    "sides",
    "split_at",
    "try_each_type",
    "tunable",
    "types_by_load",
    "workload_before_after",
]
