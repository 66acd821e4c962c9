"""Pipeline: from facts to classified, finished episodes, and the state of one partition.

It knows admission, the episode table, rosters, responses, classes, retention and storage. It
refuses to know statistics, overload and why an alarm is worth fixing.
"""

from analyzer.pipeline.classes import (
    ACTIONABLE,
    CLASSES,
    NON_ACTIONABLE,
    PENDING,
    SCOPES,
    TECHNICAL,
    UNKNOWN,
    Scope,
    nonactionable_ratios,
)
from analyzer.pipeline.control import COMMANDS, Command
from analyzer.pipeline.held import Held
from analyzer.pipeline.holdings import Holdings
from analyzer.pipeline.pending import Columns
from analyzer.pipeline.recent import DEVICE_TYPES, MINUTES, OTHER, ClockOffset
from analyzer.pipeline.response_times import RESPONSE_BUCKETS, ResponseTimes
from analyzer.pipeline.shards import ShardKey

__all__ = [
    "ACTIONABLE",
    "CLASSES",
    "COMMANDS",
    "DEVICE_TYPES",
    "MINUTES",
    "NON_ACTIONABLE",
    "OTHER",
    "PENDING",
    "RESPONSE_BUCKETS",
    "SCOPES",
    "TECHNICAL",
    "UNKNOWN",
    "ClockOffset",
    "Columns",
    "Command",
    "Held",
    "Holdings",
    "ResponseTimes",
    "Scope",
    "ShardKey",
    "nonactionable_ratios",
]
