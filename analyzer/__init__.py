"""The analyzer: what alarms weigh on the people who must answer them. Pure: no Kafka, no clock, no
environment.

Facts (`facts`) are admitted (`admission`), wait for their time (`arrivals`) and are folded into the
table of episodes (`fold`, `table`, `readings`); joined with rosters and responses (`roster`,
`responses`), what follows is derived (`derive`, `classes`), what is final published (`publish`),
what is old forgotten (`horizon`, `departed`; `compaction` gives the names back), what a command
takes back undone (`control`), and what it weighs counted in windows (`burden`, `windows`, `bands`,
`chatter`, `duty`, `flood`, `frequent`, `overlap`, `posts`, `spread`). Whether that is too much is
watched (`watch`, by the `levels` and the states of `overload` on the `load`; `telling` and `relief`
say what to do, `glance` how it stands), and what to fix is found (`findings`, out of the `evidence`
of `patterns`). What finished alarms would have been under another setting (`recorded`, `whatif`,
`search`, `effects`, `bounds`), what readings would have raised (`trends`) and what came of a change
(`comparison`) is asked of records, without an engine; `recall` gives those that one still holds.
All of it works on many facts at once, in numpy columns.
`Engine` holds the facilities of one partition, and is all that the worker needs.
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
from analyzer.model.overload import STATES, Change, ChangeRecord, Reason, Relief
from analyzer.model.policy import JUDGING, MEASURES, FindingsPolicy, Policy
from analyzer.overload.reasons import in_words
from analyzer.overload.status import NO_ALARMS, TREND_HOURS, TREND_MINUTES, Glance, Standing, Trend
from analyzer.pipeline.admission import OUTCOMES, TOPICS, Outcome
from analyzer.pipeline.classes import CLASSES, SCOPES, Scope, nonactionable_ratio
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
    "Engine",
    "EpisodeRecord",
    "Evidence",
    "Fact",
    "FactError",
    "Finding",
    "FindingsPolicy",
    "Finished",
    "Glance",
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
    "Topic",
    "Trend",
    "UnitBurdens",
    "UnitFindings",
    "in_words",
    "nonactionable_ratio",
]
