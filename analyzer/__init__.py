"""The analyzer: what alarms weigh on the people who must answer them. Pure: no Kafka, no clock, no environment.

Facts go in (`facts`), are admitted (`admission`), folded into episodes (`episodes`), joined with rosters and responses
(`roster`, `responses`) into a facility (`facility`), classified (`classes`) and counted in windows (`windows`, `burden`).
`Engine` holds the facilities of one partition, and is all that the outside needs.
"""

from analyzer.admission import OUTCOMES, TOPICS, Outcome
from analyzer.burden import ALARM_PRIORITIES, Burden, Burdens, ClinicianBurden, ClinicianBurdens, UnitBurden, UnitBurdens
from analyzer.classes import CLASSES, SCOPES, Scope, nonactionable_ratio
from analyzer.engine import Engine
from analyzer.episodes import OPEN, Class, EpisodeRecord
from analyzer.facility import ShardKey
from analyzer.facts import FACT_TYPES, AlarmEvent, Assignment, Fact, FactError, Label, Response, Topic
from analyzer.histogram import RESPONSE_BUCKETS
from analyzer.policy import Policy

__all__ = [
    "ALARM_PRIORITIES",
    "CLASSES",
    "FACT_TYPES",
    "OPEN",
    "OUTCOMES",
    "RESPONSE_BUCKETS",
    "SCOPES",
    "TOPICS",
    "AlarmEvent",
    "Assignment",
    "Burden",
    "Burdens",
    "Class",
    "ClinicianBurden",
    "ClinicianBurdens",
    "Engine",
    "EpisodeRecord",
    "Fact",
    "FactError",
    "Label",
    "Outcome",
    "Policy",
    "Response",
    "Scope",
    "ShardKey",
    "Topic",
    "UnitBurden",
    "UnitBurdens",
    "nonactionable_ratio",
]
