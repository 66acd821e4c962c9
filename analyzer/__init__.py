"""The analyzer: how much alarms burden the people who must answer them, and what to do about it.

It is pure: no Kafka, no clock, no files, no environment. Times are arguments. `Engine` holds the
facilities of one partition, and is all that the worker needs. The rooms, from the bottom up (each
imports only from those above it in this list):

    arrays, times   types of numpy arrays; the times that mean "never" and "still open"
    model           facts, episodes and the policy: values, without state
    columns         growable columns, interned names, seen ids, packed strings, segments
    stats           shares and bounds with their confidence limits
    pipeline        the path of a fact: admission, pending, fold, derive, finalise, evict, compact;
                    and the state it leads through, with its storage in shards
    windows         what alarms add up to in sliding windows, one statistic a module
    overload        the states of clinicians and units, their reasons, relief and history
    findings        which alarm types to fix first, and how
    whatif          recorded alarms under other settings; before and after a change
    engine          one partition of all this

Code outside the analyzer imports from `analyzer` or from a room, never from a room's modules.
"""

from analyzer.engine import Engine
from analyzer.findings.evidence import Evidence
from analyzer.findings.findings import PATTERNS, REMEDIES, Finding, Pattern, UnitFindings
from analyzer.model.episodes import NOTHING_FINISHED, Class, EpisodeRecord, Finished
from analyzer.model.facts import (
    FACT_TYPES,
    AlarmEvent,
    Assignment,
    Fact,
    FactError,
    Label,
    Response,
    Topic,
)
from analyzer.model.overload import STATES, Change, ChangeRecord, Correction, Reason, Relief
from analyzer.model.policy import JUDGING, MEASURES, FindingsPolicy, Policy
from analyzer.overload import in_words
from analyzer.overload.status import NO_ALARMS, TREND_HOURS, TREND_MINUTES, Standing, Status, Trend
from analyzer.pipeline.admission import OUTCOMES, TOPICS, Outcome
from analyzer.pipeline.classes import CLASSES, SCOPES, Scope, nonactionable_ratios
from analyzer.pipeline.control import COMMANDS, Command
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
    "Evidence",
    "Fact",
    "FactError",
    "Finding",
    "FindingsPolicy",
    "Finished",
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
