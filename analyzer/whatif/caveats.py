"""Caveats: what limits the figures of a what-if or of a comparison, as values without words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple, get_args

from analyzer.pipeline.classes import ACTIONABLE, NON_ACTIONABLE, TECHNICAL
from analyzer.whatif.before_after import Comparison
from analyzer.whatif.levers import Setting
from analyzer.whatif.verdict import Verdict

CaveatKind = Literal[
    "no_alarms",
    "none_actionable",
    "class_unknown",
    "no_class_known",
    "all_actionable",
    "not_evaluable",
    "other_limit",
    "merged",
    "not_sent",
    "technical",
    "high_priority",
    "similar_alarms",
    "inferred_duty",
    "short_recording",
    "regression_to_the_mean",
    "no_earlier_days",
    "unusual_before",
    "few_beds",
    "no_controls",
    "cost_unknown",
    "no_adverse_events",
]
CAVEATS: tuple[CaveatKind, ...] = get_args(CaveatKind)

DutySource = Literal["roster", "alarms"]
"""Where the hours of duty come from: a roster, or inferred from alarms."""


class Caveat(NamedTuple):
    """One limit of the figures, with the values that its sentence needs."""

    kind: CaveatKind
    values: Mapping[str, int | float | str] = {}


def caveats_of_settings(
    verdict: Verdict, settings: Sequence[Setting], duty: DutySource | None
) -> list[Caveat]:
    """The caveats of a verdict on settings. `duty` None: the figures do not depend on duty."""
    alarms, unknown = verdict.alarms, verdict.unknown
    if not alarms:
        return [Caveat("no_alarms")]
    found = []
    needed = int(verdict.before[ACTIONABLE])
    if not needed:
        found.append(Caveat("none_actionable"))
    if unknown:
        removed = verdict.unknown_removed
        found.append(
            Caveat("class_unknown", {"unknown": unknown, "alarms": alarms, "removed": removed})
        )
    if unknown == alarms:
        found.append(Caveat("no_class_known"))
    elif needed and not verdict.before[[NON_ACTIONABLE, TECHNICAL]].any():
        found.append(Caveat("all_actionable"))
    if verdict.not_evaluable or verdict.at_limit:
        values = {"not_evaluable": verdict.not_evaluable, "at_limit": verdict.at_limit}
        found.append(Caveat("not_evaluable", values))
    if any(one.limit is not None for one in settings):
        found.append(Caveat("other_limit"))
    if any(one.holdoff is not None for one in settings):
        found.append(Caveat("merged"))
    lowered = [one.sent_from for one in settings if one.priority is not None]
    if lowered:
        found.append(Caveat("not_sent", {"sent_from": lowered[0]}))
    if technical := int(verdict.removed[TECHNICAL] + verdict.late[TECHNICAL]):
        found.append(Caveat("technical", {"alarms": technical}))
    if verdict.high_priority_removed or verdict.high_priority_late:
        found.append(Caveat("high_priority", {"alarms": verdict.high_priority}))
    found.append(Caveat("similar_alarms"))
    if duty == "alarms":
        found.append(Caveat("inferred_duty"))
    return found


def caveats_of_comparison(found: Comparison, controlled: bool) -> list[Caveat]:
    """The caveats of a comparison; `controlled`: there are control units."""
    caveats = [Caveat("regression_to_the_mean")]
    earlier = found.earlier
    if earlier.value is None:
        caveats.append(Caveat("no_earlier_days"))
    elif earlier.low is not None and earlier.low > 1:
        caveats.append(Caveat("unusual_before", {"ratio": earlier.value}))
    if found.few_beds:
        caveats.append(Caveat("few_beds"))
    if not controlled:
        caveats.append(Caveat("no_controls"))
    if not all(one.actionable for one in found.balance):
        caveats.append(Caveat("cost_unknown"))
    return [*caveats, Caveat("no_adverse_events")]
