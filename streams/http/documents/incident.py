"""/api/v1/incident: the conditions around a moment, as `alarm-fatigue incident --json` prints
them.
"""

from __future__ import annotations

from typing import Annotated, Any, get_args

from msgspec import Meta, Struct, field

from analyzer.incident import VERDICTS, Confidence, Kind, Lever, Strength
from streams.http.documents.common import Count, Line, Moment, Ratio, one_of

Figures = Annotated[
    dict[str, float | None],
    Meta(description="By metric, without its prefix, with the window; null: not assessable"),
]
Unanswered = Annotated[Count | None, Meta(description="null: no responses were recorded")]


class IncidentScope(Struct, frozen=True):
    """Which moment of which unit."""

    at: Moment
    begin: Moment = field(name="from")
    to: Moment
    facility: str
    unit: str
    bed: str | None


class Channel(Struct, frozen=True):
    """One kind of records in the window."""

    recorded: Annotated[bool, Meta(description="Whether there are any records at all")]
    gaps: Annotated[list[tuple[int, int]], Meta(description="Begin and end, ms since 1970")]
    not_assessable: Annotated[list[str], Meta(description="What cannot be said because of gaps")]


class Channels(Struct, frozen=True):
    """Which kinds of records there were."""

    alarms: Channel
    assignments: Channel
    responses: Channel


class Entry(Struct, frozen=True):
    """A line of the timeline."""

    at: Moment
    kind: str
    text: Line
    ids: Annotated[list[str], Meta(description="The records that it rests on")]
    bed: str | None
    clinician: str | None
    until: Annotated[int | None, Meta(description="null: it went on, or does not last")]


class Minute(Struct, frozen=True):
    """The figures at one minute."""

    at: Moment
    unit: Figures
    clinicians: Annotated[
        list[dict[str, str | float | None]],
        Meta(description="Those on duty: a number instead of a name, and figures as of the unit"),
    ]


class Usual(Struct, frozen=True):
    """The same figure in comparable hours of the unit."""

    n: Count
    median: Annotated[float, Meta(description="Of the comparable hours")]
    percentile: Annotated[
        float, Meta(ge=0, le=100, description="Percent of the comparable hours that are below")
    ]
    values: Annotated[list[float], Meta(description="The figure in each comparable hour")]


class Factor(Struct, frozen=True):
    """A condition that was looked at."""

    kind: Annotated[str, one_of(get_args(Kind))]
    statement: Line
    value: float | None
    limit: float | None
    baseline: Usual | None
    counterfactuals: Annotated[list[int], Meta(description="Indexes")]
    confidence: Annotated[str | None, one_of([*get_args(Confidence), None])]


class Counterfactual(Struct, frozen=True):
    """The effect that one change would have had."""

    lever: Annotated[str, one_of(get_args(Lever))]
    dose: dict[str, Any]
    condition: dict[str, Any]
    verdict: Annotated[str, one_of(VERDICTS)]
    hidden_actionable: Count
    detail: Line


class Measure(Struct, frozen=True):
    """How to tell whether a change worked."""

    numerator: Line
    denominator: Line
    threshold: Line
    review_after_days: Count


class Action(Struct, frozen=True):
    """A change for a review to decide."""

    change: Line
    owner: Annotated[str, Meta(description="A role")]
    strength: Annotated[str, one_of(get_args(Strength))]
    factors: Annotated[list[int], Meta(description="Indexes")]
    measure: Measure
    effect: Line
    counterfactual: int | None


class Bed(Struct, frozen=True):
    """A bed in the window."""

    bed: str
    alarms: Count
    answered: Unanswered
    silenced: Unanswered
    signal_lost_minutes: Annotated[
        float, Meta(description="Minutes of the longest technical alarm")
    ]


class WithInterval(Struct, frozen=True):
    """A share, with its 95 % interval."""

    value: Annotated[Ratio | None, Meta(description="null: none are classified")]
    low: Ratio | None
    high: Ratio | None


class Past(Struct, frozen=True):
    """The outcomes of earlier alarms of one type."""

    raised: Count
    answered: Unanswered
    non_actionable: WithInterval


class OwnAlarm(Struct, frozen=True):
    """An alarm type in the window, and before."""

    type: str
    name: str
    in_window: Count
    limit: float | None
    delay: None
    days: Count
    at_bed: Past
    on_unit: Past


class Method(Struct, frozen=True):
    """The version and settings with which the analysis was made."""

    version: str
    policy: str
    inputs: Annotated[dict[str, str], Meta(description="Hashes of the facts, by topic")]


class IncidentDocument(Struct, frozen=True):
    """Conditions around a moment: input to a review, never its verdict. Clinicians are numbered."""

    scope: IncidentScope
    summary: Line
    completeness: Channels
    timeline: Annotated[list[Entry], Meta(description="What happened, in order of time")]
    conditions: Annotated[list[Minute], Meta(description="The load at each minute of the window")]
    factors: Annotated[
        list[Factor], Meta(description="Conditions beyond a limit and beyond comparable hours")
    ]
    not_factors: Annotated[
        list[Factor], Meta(description="Conditions that were looked at and were no factor")
    ]
    counterfactuals: Annotated[
        list[Counterfactual], Meta(description="What single changes would have done")
    ]
    actions: Annotated[list[Action], Meta(description="Changes to decide on, the strongest first")]
    beds: Annotated[list[Bed], Meta(description="Beds with alarms in the window")]
    own_alarms: Annotated[
        list[OwnAlarm],
        Meta(description="Alarm types in the window, and what became of them before"),
    ]
    method: Method
