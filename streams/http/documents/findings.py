"""/api/v1/findings: which alarm types to fix, how, and who owns that.

`streams.files.findings` writes this document for files and for the worker alike; these structs
describe it, and a test holds the two together.
"""

from __future__ import annotations

from typing import Annotated, get_args

from msgspec import Meta, Struct

from analyzer import ALARM_PRIORITIES
from analyzer.findings import Owner, Remedy, Verdict
from analyzer.stats import Promise
from streams.files.extent import MOST
from streams.http.documents.common import AlarmType, Amount, Classes, Count, Moment, Ratio, one_of


class Share(Struct, frozen=True):
    """A share with its 95 % interval (Wilson)."""

    count: Count
    of: Count
    share: Annotated[Ratio | None, Meta(description="null: `of` is 0")]
    low: Annotated[Ratio | None, Meta(description="Lower bound of the 95 % interval (Wilson)")]
    high: Annotated[Ratio | None, Meta(description="Upper bound of the 95 % interval (Wilson)")]


class Seen(Struct, frozen=True):
    """How many alarms show a pattern."""

    alarms: Count
    load: Annotated[Count, Meta(description="Those that needed no action")]
    actionable: Count
    shown_by: Annotated[
        Share, Meta(description="Of the load; for `unanswered`, of the actionable alarms")
    ]


class Patterns(Struct, frozen=True):
    """How many alarms show each pattern."""

    technical: Seen
    duplicate: Seen
    chattering: Seen
    hugging: Seen
    fleeting: Seen
    standing: Seen
    unanswered: Seen


class Delay(Struct, frozen=True):
    """A delay, and the alarms that it would have removed."""

    seconds: float
    load: Annotated[Count, Meta(description="Removed alarms that needed no action")]
    actionable: Annotated[Count, Meta(description="Removed alarms that were actionable")]


class Hidden(Struct, frozen=True):
    """How many needed alarms a remedy would hide."""

    count: Count
    of: Count
    upper: Annotated[
        float | None,
        Meta(description="The upper bound of the share, at 95 % confidence; null: `of` is 0"),
    ]


class Finding(Struct, frozen=True):
    """One alarm type of a unit: what drives it, and what to do about it."""

    rank: Annotated[Count, Meta(description="By load, then alarms, then name")]
    device_type: str
    source: str
    code: str
    name: Annotated[str, Meta(description="What people call it", examples=["SpO2 low"])]
    alarms: Annotated[Share, Meta(description="Of the unit's alarms")]
    load: Annotated[
        Share,
        Meta(description="Alarms that needed no action, of those of the unit"),
    ]
    nonactionable: Annotated[
        Share, Meta(description="Of the clinical alarms of known class; technical ones are apart")
    ]
    technical: Annotated[Share, Meta(description="Of the alarms: avoidable at the source")]
    priority: Annotated[
        str | None, one_of([*reversed(ALARM_PRIORITIES), None], "The highest priority seen")
    ]
    classes: Classes
    sounding_seconds: Annotated[Amount, Meta(description="Added up over the alarms")]
    beds: Count
    busiest_bed: Annotated[Share, Meta(description="Of the type's alarms")]
    stale: Annotated[Count, Meta(description="Alarms active for more than 24 h")]
    patterns: Patterns
    met_with: Annotated[
        AlarmType | None, Meta(description="The other type of the pattern `duplicate`")
    ]
    gives_way: Annotated[bool, Meta(description="Whether this is the one of the two to suppress")]
    delay: Annotated[Delay | None, Meta(description="The delay that is suggested, if any")]
    hugging_distance: Annotated[
        float | None,
        Meta(
            description="Share of the limit within which three quarters of the load close to the "
            "limit lie"
        ),
    ]
    verdict: Annotated[str, one_of(get_args(Verdict), "What drives this type")]
    also: Annotated[list[str], Meta(description="Other patterns that may drive it as well")]
    advice: Annotated[
        str | None,
        one_of(
            [*get_args(Promise), None],
            "Whether the remedy keeps the tolerance of needed alarms hidden, by the rule of "
            "`tune`: kept (advised), open (not shown), broken (not advised); null: it hides none",
        ),
    ]
    hidden: Annotated[
        Hidden | None, Meta(description="The needed alarms that the remedy would hide")
    ]
    remedy: Annotated[str, one_of(get_args(Remedy))]
    owner: Annotated[
        str | None, one_of([*get_args(Owner), None], "Who should act; null: nothing is to be done")
    ]
    clinical_review: Annotated[
        bool, Meta(description="Whether a clinical review must come before any change")
    ]
    says: Annotated[str, Meta(description="The same in one sentence")]


class UnitFindings(Struct, frozen=True, omit_defaults=True):
    """The findings of one unit."""

    facility: str
    unit: str
    at: Annotated[Moment, Meta(description="The end of the window (ms since 1970)")]
    since: Annotated[Moment, Meta(description="Its beginning (ms since 1970)")]
    alarms: Count
    load: Annotated[Count, Meta(description="Alarms that needed no action, or technical ones")]
    technical: Annotated[
        Count, Meta(description="The technical ones of the load: avoidable at the source")
    ]
    types: Annotated[
        Count, Meta(description="How many alarm types there are, including those left out")
    ]
    findings: Annotated[list[Finding], Meta(max_length=MOST)]
    suppressed: Annotated[
        str | None,
        Meta(
            description="Why nothing is said of the unit, whose counts are 0 then: too few "
            "clinicians stand behind its figures; null: everything is said"
        ),
    ] = None


class Findings(Struct, frozen=True):
    """The findings of a worker, by unit."""

    window: Annotated[str, Meta(examples=["12h"])]
    policy: Annotated[
        dict[str, int | float], Meta(description="The policy's figures that the findings depend on")
    ]
    units: list[UnitFindings]
