"""Front: the names that the analyzer offers as a whole, each from the module that defines it."""

from analyzer.columns.event_ids import EventIds
from analyzer.engine import Engine
from analyzer.findings.evidence import Evidence
from analyzer.findings.findings import PATTERNS, REMEDIES, Finding, Pattern, UnitFindings
from analyzer.model.episodes import Class, EpisodeRecord
from analyzer.model.facts import (
    FACT_TYPES,
    OUTCOMES,
    TOPICS,
    AlarmEvent,
    Assignment,
    Fact,
    FactError,
    Label,
    Outcome,
    Response,
    Topic,
)
from analyzer.model.overload import STATES, Change, ChangeRecord, Correction, Reason, Relief
from analyzer.model.policy import JUDGING, MEASURES, FindingsPolicy, Policy
from analyzer.overload import in_words
from analyzer.overload.status import NO_ALARMS, TREND_HOURS, TREND_MINUTES, Standing, Status, Trend
from analyzer.pipeline.classes import CLASSES, SCOPES, Scope, nonactionable_ratios
from analyzer.pipeline.control import COMMANDS, Command
from analyzer.pipeline.finished import NOTHING_FINISHED, Finished
from analyzer.pipeline.holdings import Holdings
from analyzer.pipeline.pending import Columns
from analyzer.pipeline.recent import ClockOffset
from analyzer.pipeline.response_times import RESPONSE_BUCKETS
from analyzer.pipeline.shards import ShardKey
from analyzer.stats.shares import Share
from analyzer.times import OPEN
from analyzer.windows.bands import EXPOSURE_BANDS, LOAD_BANDS
from analyzer.windows.burden import ALARM_PRIORITIES, Burdens, ClinicianBurdens, UnitBurdens
from analyzer.windows.snapshot import Snapshot

__all__ = [
    "ALARM_PRIORITIES",
    "CLASSES",
    "COMMANDS",
    "EXPOSURE_BANDS",
    "FACT_TYPES",
    "JUDGING",
    "LOAD_BANDS",
    "MEASURES",
    "NOTHING_FINISHED",
    "NO_ALARMS",
    "OPEN",
    "OUTCOMES",
    "PATTERNS",
    "REMEDIES",
    "RESPONSE_BUCKETS",
    "SCOPES",
    "STATES",
    "TOPICS",
    "TREND_HOURS",
    "TREND_MINUTES",
    "AlarmEvent",
    "Assignment",
    "Burdens",
    "Change",
    "ChangeRecord",
    "Class",
    "ClinicianBurdens",
    "ClockOffset",
    "Columns",
    "Command",
    "Correction",
    "Engine",
    "EpisodeRecord",
    "EventIds",
    "Evidence",
    "Fact",
    "FactError",
    "Finding",
    "FindingsPolicy",
    "Finished",
    "Holdings",
    "Label",
    "Outcome",
    "Pattern",
    "Policy",
    "Reason",
    "Relief",
    "Response",
    "Scope",
    "ShardKey",
    "Share",
    "Snapshot",
    "Standing",
    "Status",
    "Topic",
    "Trend",
    "UnitBurdens",
    "UnitFindings",
    "in_words",
    "nonactionable_ratios",
]
