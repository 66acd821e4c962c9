"""Factors: the conditions that were beyond the policy and beyond the unit's own comparable hours.

A condition is a factor if it is beyond its limit and unusual: comparable hours (see
`incident.baseline`) rarely had as much. Conditions that were examined and were not factors are
reported, too.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import get_args

from analyzer.incident.absence import (
    Absent,
    Answers,
    fallen_silent,
    long_for,
    muted_beds,
    signals_lost,
    silenced,
)
from analyzer.incident.answer import Confidence, Factor, Kind
from analyzer.incident.baseline import Baseline, baseline, comparable
from analyzer.incident.completeness import LEAST_GAP, Completeness, silences
from analyzer.incident.figures import (
    History,
    least,
    peak,
    response_seconds,
    standing_alarms,
    strained_minutes,
)
from analyzer.incident.question import Question
from analyzer.incident.recent_change import recent_change
from analyzer.model.policy import HOUR, MINUTE

RARE = 90.0
"""A figure is beyond its baseline if it exceeds that of this share (%) of comparable hours (our
own).
"""
MARGIN = 1.25
"""A figure that varies by chance must also be this many times the ninetieth percentile of
comparable hours (our own). Otherwise, since several figures are examined, one of them would be in
its highest tenth in most quiet hours of a busy ward.
"""
LEAST_STRAIN = 8.0
"""Minutes above the limits in an hour that always count as usual (our own)."""
MUCH = 2.0
"""A figure without a limit must also be this many times the median of comparable hours (our own).
"""
STANDING_OF_UNIT = 2.0
"""A unit may have this many standing alarms (our own: ends get lost, so one alone means little)."""
MANY = 20
"""With at least this many comparable hours, a percentile has high confidence (our own: each hour
then weighs at most 5 points).
"""
NOT_ASSESSABLE = "Not assessable"
TOO_LITTLE = f"{NOT_ASSESSABLE}: too little was recorded."
ABSENCES = ("silenced", "signal_lost")
LOAD_KINDS = ("overload", "flood", "unanswered", "protected_time")
_ORDER = {kind: number for number, kind in enumerate(get_args(Kind))}


@dataclass(frozen=True, slots=True)
class _Looked:
    """A figure that is examined. `effect`: what it makes more likely."""

    kind: Kind
    figure: Callable[[int, int], float | None]
    words: Callable[[float], str]
    effect: str
    limit: float | None
    less_is_worse: bool = False
    usual_counts: bool = True
    """Whether it is compared with other hours; otherwise any value beyond the limit counts."""
    floor: float | None = 0.0
    """The least value that counts as usual; None: it does not vary by chance."""


def factors(history: History, known: Completeness) -> tuple[list[Factor], list[Factor]]:
    """The factors, and the examined conditions that were not; both in the order of `Kind`."""
    question = history.question
    alarms = history.facts.alarms
    events = [
        at for at, unit in zip(alarms["at"], alarms["unit"], strict=True) if unit == question.unit
    ]
    ends = comparable(
        question,
        events[0] if events else question.at,
        lambda begin, end: _was_seen(events, begin, end),
    )
    yes: list[Factor] = []
    no: list[Factor] = []
    missing = _missing(known)
    for one in _looked_at(history):
        if one.kind in missing:
            no.append(Factor(one.kind, f"{NOT_ASSESSABLE}: {missing[one.kind]}.", None, None, None))
            continue
        value = one.figure(question.begin, question.at)
        if value is None:
            no.append(Factor(one.kind, TOO_LITTLE, None, one.limit, None))
            continue
        usual = _usual(one, value, ends, question.window) if one.usual_counts else None
        beyond = one.limit is None or (
            value < one.limit if one.less_is_worse else value > one.limit
        )
        rare = usual is None or _is_rare(one, value, usual)
        if one.limit is None:  # only the baseline defines what is high
            rare = usual is not None and rare and value >= MUCH * usual.median
        is_factor = beyond and rare
        found = Factor(
            one.kind,
            _statement(one, value, usual, is_factor, beyond),
            value,
            one.limit,
            usual,
            confidence=_confidence(usual, known),
        )
        nothing = known.is_nothing_seen(question)
        if nothing or (not is_factor and one.kind != "staffing" and known.alarms.gaps):
            no.append(_in_part(found, known, question))
        else:
            (yes if is_factor else no).append(found)
    for is_factor, found in (*_absences(history, known, ends), recent_change(history)):
        if not is_factor and found.kind in ABSENCES and known.alarms.gaps:
            found = _in_part(found, known, question)
        (yes if is_factor else no).append(found)
    return sorted(yes, key=_place), sorted(no, key=_place)


def _confidence(usual: Baseline | None, known: Completeness) -> Confidence:
    """Confidence by the number of comparable hours; one step lower if the feed had gaps."""
    steps: tuple[Confidence, ...] = ("low", "moderate", "high")
    rank = 0 if usual is None else 2 if usual.n >= MANY else 1
    return steps[max(rank - bool(known.alarms.gaps), 0)]


def _in_part(found: Factor, known: Completeness, question: Question) -> Factor:
    """The same factor as not assessable, because the feed had gaps."""
    gaps, window = known.minutes_unseen, question.window / MINUTE
    why = f"nothing was received for {gaps:.0f} of {window:.0f} min"
    if known.outside and not known.minutes_of_feed_gaps:
        why = known.why_outside
    text = f"{NOT_ASSESSABLE}: {why}"
    if gaps < window / 2:
        text += f"; in the rest, {found.statement[:-1]}"
    return replace(found, statement=text + ".", value=None, baseline=None, confidence=None)


def _place(one: Factor) -> tuple[int, str]:
    return _ORDER[one.kind], one.statement


def _looked_at(history: History) -> list[_Looked]:
    """The figures of load, staffing and response, each as a function of a period."""
    question, policy = history.question, history.policy
    levels = policy.overload.levels(question.facility, question.unit)

    def enter(measure: str) -> float | None:
        of = levels[measure]
        level = of.elevated or of.overloaded
        return None if level is None else level.enter

    def staff_peak(measure: str) -> Callable[[int, int], float | None]:
        return lambda begin, end: peak(
            history.loads(begin, end), history.staff(begin, end), measure
        )

    return [
        _Looked(
            "staffing",
            staff_peak("beds"),
            lambda value: f"{_count(value, 'bed')} for one clinician",
            "alarms that wait for somebody",
            enter("beds"),
            floor=None,
        ),
        _Looked(
            "overload",
            lambda begin, end: strained_minutes(
                history.changes, history.staff(begin, end), begin, end
            ),
            lambda value: f"{value:.0f} min in which one clinician was above the unit's limits",
            "alarms that wait for somebody",
            0.0,
            floor=LEAST_STRAIN * min(1.0, question.window / HOUR),
        ),
        _Looked(
            "flood",
            staff_peak("alarms_10m"),
            lambda value: f"{_count(value, 'alarm')} in 10 min for one clinician",
            "an important alarm among many others",
            enter("alarms_10m"),
        ),
        _Looked(
            "unanswered",
            staff_peak("unanswered"),
            lambda value: f"{_count(value, 'alarm')} at once without a response for one clinician",
            "an important alarm among many others",
            enter("unanswered"),
        ),
        _Looked(
            "protected_time",
            lambda begin, end: least(
                history.loads(begin, end), history.staff(begin, end), "protected_1h"
            ),
            lambda value: f"{100 * value:.0f} % of an hour on duty without interruptions by alarms",
            "interrupted decisions",
            enter("protected_1h"),
            less_is_worse=True,
        ),
        _Looked(
            "response_time",
            lambda begin, end: response_seconds(history.alarms, begin, end),
            lambda value: f"{value:.0f} s from alarm to first response (median)",
            "late treatment",
            None,
        ),
        _Looked(
            "standing",
            lambda begin, end: standing_alarms(history.alarms, begin, end, question.bed),
            lambda value: f"{_count(value, 'alarm')} that had sounded for more than an hour",
            "a new alarm that does not stand out among old ones",
            STANDING_OF_UNIT if question.bed is None else 0.0,
        ),
    ]


def _count(value: float, of: str) -> str:
    """
    >>> _count(1.0, "bed"), _count(9.0, "bed")
    ('1 bed', '9 beds')
    """
    return f"{value:.0f} {of}" if value == 1 else f"{value:.0f} {of}s"


def _missing(known: Completeness) -> dict[str, str]:
    """The kinds that cannot be assessed, and why."""
    found: dict[str, str] = {}
    if not known.responses.recorded:
        found |= dict.fromkeys(("unanswered", "response_time"), "no responses were recorded")
    if not known.assignments.recorded:
        of_staff = ("staffing", *LOAD_KINDS)
        found |= dict.fromkeys(of_staff, "no assignments were recorded")
    if not known.alarms.recorded:
        of_alarms = (*LOAD_KINDS, "response_time", "standing")
        found |= dict.fromkeys(of_alarms, "no alarms were recorded")
    return found


def _usual(one: _Looked, value: float, ends: list[int], window: int) -> Baseline | None:
    others = (one.figure(end - window, end) for end in ends)
    return baseline(value, [other for other in others if other is not None], window)


def _is_rare(one: _Looked, value: float, usual: Baseline) -> bool:
    """Whether a value is among the highest of comparable hours, and clearly beyond the rest."""
    if _rarity(one, usual) < RARE:
        return False
    if one.floor is None:
        return True
    share = 1 - RARE / 100 if one.less_is_worse else RARE / 100
    bound = usual.others[round(share * (usual.n - 1))]
    if one.less_is_worse:
        return value * MARGIN <= bound
    return value >= MARGIN * max(bound, one.floor)


def _rarity(one: _Looked, usual: Baseline) -> float:
    return 100 - usual.percentile if one.less_is_worse else usual.percentile


def _statement(
    one: _Looked, value: float, usual: Baseline | None, is_factor: bool, beyond: bool
) -> str:
    """A causal sentence for a factor; otherwise the value, and why it is not a factor."""
    seen = one.words(value)
    if one.limit:
        limit = f"{100 * one.limit:.0f} %" if one.less_is_worse else f"{one.limit:g}"
        seen += f" (limit {limit})"
    if usual is None:
        compared = "too few comparable times to set it against" if one.usual_counts else ""
    else:
        more = "less" if one.less_is_worse else "more"
        rarity = _rarity(one, usual)
        compared = f"{more} than in {rarity:.0f} % of {usual.n} {usual.what} of this unit"
    if is_factor:
        return f"{seen}, {compared}, increased the likelihood of {one.effect}."
    if not beyond:
        return f"{seen}: within the limit."
    if usual is None:
        return f"{seen}: {compared}."
    if _rarity(one, usual) >= RARE:
        return f"{seen}: {compared}, but too little to stand out."
    return f"{seen}: {compared}, so no more than usual here."


def _was_seen(events: list[int], begin: int, end: int) -> bool:
    """Whether the feed of the unit worked: it sent events, and was not silent for long."""
    first, last = bisect_left(events, begin - 24 * HOUR), bisect_right(events, end)
    return not silences(events[first:last], begin, end) and events[:1] != [] and events[0] < end


def _absences(history: History, known: Completeness, ends: list[int]) -> list[tuple[bool, Factor]]:
    """Lost signals, silenced alarms and gaps of the feed."""
    found: list[tuple[bool, Factor]] = []
    answers = Answers.of(history)
    longest = long_for(history.question.bed) // MINUTE

    def is_silenced(begin: int, end: int) -> list[Absent]:
        return silenced(history, answers, begin, end)

    def is_lost(begin: int, end: int) -> list[Absent]:
        return signals_lost(history, begin, end)

    found.append(
        _absence(
            "silenced",
            history,
            is_silenced,
            muted_beds(history, answers),
            ends,
            _why(history, known, needs_responses=True),
            f"No alarm was silenced for more than {longest} min while it went on.",
        )
    )
    found.append(
        _absence(
            "signal_lost",
            history,
            is_lost,
            fallen_silent(history, known),
            ends,
            _why(history, known, needs_responses=False),
            f"No signal was lost for more than {longest} min.",
        )
    )
    minutes = round(known.minutes_of_feed_gaps, 1)
    limit = LEAST_GAP / MINUTE
    if not known.alarms.recorded:
        text = "Not assessable: no alarms were recorded."
        found.append((False, Factor("feed_gap", text, None, limit, None)))
    elif minutes:
        text = (
            f"{minutes:.0f} min in which nothing came from the unit's devices increased the "
            "likelihood of alarms that nobody was sent."
        )
        found.append((True, Factor("feed_gap", text, minutes, limit, None, confidence="high")))
    elif known.outside:
        text = f"{NOT_ASSESSABLE}: {known.why_outside}."
        found.append((False, Factor("feed_gap", text, None, limit, None)))
    else:
        text = "The alarm feed had no gap of 10 min or more."
        found.append((False, Factor("feed_gap", text, 0.0, limit, None, confidence="high")))
    return found


def _why(history: History, known: Completeness, needs_responses: bool) -> str:
    """Why an absence cannot be assessed; empty if it can."""
    if not known.alarms.recorded:
        return "no alarms were recorded"
    if not known.of_bed:
        return f"no alarm of bed {history.question.bed} was recorded"
    if needs_responses and not known.responses.recorded:
        return "no responses were recorded"
    return ""


def _absence(
    kind: Kind,
    history: History,
    lasting: Callable[[int, int], list[Absent]],
    certain: list[Absent],
    ends: list[int],
    missing: str,
    none: str,
) -> tuple[bool, Factor]:
    """The factor for lost signals or silenced alarms.

    For a bed, the longest is compared with the longest of the bed's other hours. On a whole unit
    there are always some, so their number is compared. `certain` ones count in any case.
    """
    question = history.question
    limit = long_for(question.bed) / MINUTE
    here = lasting(question.begin, question.at)
    absent = sorted([*certain, *here], key=lambda one: (one.since - one.until, one.bed, one.what))
    if not absent:
        text = f"Not assessable: {missing}." if missing else none
        return False, Factor(kind, text, None if missing else 0.0, limit, None)

    def figure(some: list[Absent]) -> float:
        if question.bed is None:
            return float(len(some))
        return max((round(one.minutes, 1) for one in some), default=0.0)

    of_hours = [figure(lasting(end - question.window, end)) for end in ends]
    usual = baseline(figure(here), of_hours, question.window)
    value = round(absent[0].minutes, 1)
    confidence: Confidence = "high"  # each is a record, or the absence of records
    if not certain and usual is not None and usual.percentile < RARE:
        seen = f"{len(here)} for more than {limit:.0f} min: more than"
        of = "unit"
        if question.bed is not None:
            seen, of = f"{value:.0f} min at bed {question.bed}: longer than", "bed"
        text = (
            f"{seen} in {usual.percentile:.0f} % of {usual.n} {usual.what} of this {of}, so no "
            "more than usual here."
        )
        return False, Factor(kind, text, value, limit, usual, confidence=confidence)
    first = absent[0]
    going = ", and still so then" if first.until >= question.at else ""
    more = f" and {len(absent) - 1} more" if len(absent) > 1 else ""
    text = (
        f"{first.minutes:.0f} min at bed {first.bed} ({first.what}{going}){more} increased the "
        "likelihood of a change of the patient without an audible alarm."
    )
    if certain and certain[0] is first:
        usual = None  # other hours have no such figure
    return True, Factor(kind, text, value, limit, usual, confidence=confidence)
