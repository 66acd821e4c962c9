"""Own alarms: the alarm types that sounded at the bed, or on the unit, around the moment, and how
they had been answered before.
"""

from __future__ import annotations

from collections.abc import Iterable

from analyzer.incident.absence import Answers
from analyzer.incident.alarms import end_of, is_stale, name_of, type_of
from analyzer.incident.answer import BedHour, OwnAlarm, Past
from analyzer.incident.completeness import Completeness
from analyzer.incident.figures import History
from analyzer.incident.question import BASELINE_DAYS
from analyzer.model.episodes import EpisodeRecord
from analyzer.model.policy import HOUR, MINUTE
from analyzer.stats.shares import Share

MOST = 12
"""Most types that are reported, the most frequent in the window first (our own)."""


def own_alarms(history: History, known: Completeness) -> tuple[OwnAlarm, ...]:
    question = history.question
    of_bed = [one for one in history.alarms.records if question.bed in (None, one.bed)]
    sounding = [one for one in of_bed if one.start <= question.at and one.end > question.begin]
    since = question.begin - BASELINE_DAYS * 24 * HOUR
    found = []
    for wanted in {type_of(one) for one in sounding}:
        here = [one for one in of_bed if type_of(one) == wanted]
        everywhere = [one for one in history.alarms.records if type_of(one) == wanted]
        limits = [one.limit for one in here if one.limit is not None]
        past = [
            _past((one for one in some if since < one.start <= question.begin), known)
            for some in (here, everywhere)
        ]
        count = sum(type_of(one) == wanted for one in sounding)
        limit = limits[-1] if limits else None
        found.append(
            OwnAlarm(wanted, name_of(here[0]), count, limit, BASELINE_DAYS, past[0], past[1])
        )
    found.sort(key=lambda one: (-one.in_window, one.type))
    return tuple(found[:MOST])


def beds(history: History, known: Completeness) -> tuple[BedHour, ...]:
    """Each bed of the unit that had an alarm within the baseline's days; the busiest first."""
    question, recorded = history.question, known.responses.recorded
    answers = Answers.of(history)
    found = []
    for bed in {one.bed for one in history.alarms.records}:
        own = [
            one
            for one in history.alarms.sounding(question.begin, question.at)
            if one.bed == bed and not is_stale(one, question.at)
        ]
        lost = [end_of(one, question.at) - one.start for one in own if one.kind == "technical"]
        answered = sum(one.first_response is not None for one in own)
        silenced = sum(answers.first_quietened(one) is not None for one in own)
        found.append(
            BedHour(
                bed,
                len(own),
                answered if recorded else None,
                silenced if recorded else None,
                round(max(lost, default=0) / MINUTE, 1),
            )
        )
    return tuple(sorted(found, key=lambda one: (-one.alarms, one.bed)))


def _past(alarms: Iterable[EpisodeRecord], known: Completeness) -> Past:
    some = list(alarms)
    classed = [one.class_ for one in some if one.class_ in ("actionable", "non_actionable")]
    answered = sum(one.first_response is not None for one in some)
    return Past(
        len(some),
        answered if known.responses.recorded else None,
        Share(sum(one == "non_actionable" for one in classed), len(classed)),
    )
