"""The oracle of findings: what to fix, computed slowly from one facility's list of facts.

It uses the oracle's episodes and the policy's figures, and nothing else of the engine.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from analyzer.model.facts import Fact, Response
from analyzer.model.policy import Policy
from tests.oracle.episodes import Episode, episodes, facts_known_at, gives_cover
from tests.oracle.samples import CLASSES
from tests.oracle.units import by_signal, chatters

Type = tuple[str, str, str]
# the first of equals drives
NAMES = ("technical", "duplicate", "chattering", "hugging", "fleeting", "standing", "unanswered")
USELESS = ("non_actionable", "technical")
RANKS = {"low": 1, "medium": 2, "high": 3}


@dataclass(kw_only=True)
class Finding:
    type: Type
    alarms: int
    unit_alarms: int
    classes: tuple[int, ...]
    load: int
    unit_load: int
    priority: str | None
    sounding: int
    beds: int
    busiest_bed: int
    stale: int
    patterns: dict[str, tuple[int, int, int]]  # of all, of the useless, of the needed
    met_with: Type | None
    gives_way: bool
    delay: tuple[int, int, int] | None
    hugging_distance: float | None
    drivers: tuple[str, ...]
    verdict: str
    hidden: int | None
    effective: float


def findings(
    facts: Sequence[Fact], now: int, policy: Policy, window: int
) -> dict[str, list[Finding]]:
    """By unit, its alarm types in order."""
    every = list(episodes(facts, now, policy).values())
    alarms = [one for one in every if one.is_alarm]
    responses = [fact for fact in facts_known_at(facts, now) if isinstance(fact, Response)]
    inside = [one for one in alarms if now - window < one.start <= now]
    stale = [
        one
        for one in alarms
        if _lasted(one, now) > policy.findings.stale and (one.end is None or one.end > now - window)
    ]
    found: dict[str, list[Finding]] = {}
    for unit in sorted({one.unit for one in inside + stale}):
        types = {_type(one) for one in inside + stale if one.unit == unit}
        own = [
            _finding(unit, type_, alarms, inside, stale, every, responses, now, policy)
            for type_ in types
        ]
        found[unit] = sorted(own, key=lambda one: (-one.load, -one.alarms, one.type))
    return found


def _type(one: Episode) -> Type:
    return one.device_type, one.source, one.code


def _lasted(one: Episode, now: int) -> int:
    return (now if one.end is None else one.end) - one.start


def _finding(
    unit: str,
    type_: Type,
    alarms: list[Episode],
    inside: list[Episode],
    stale: list[Episode],
    every: list[Episode],
    responses: list[Response],
    now: int,
    policy: Policy,
) -> Finding:
    of_unit = [one for one in inside if one.unit == unit]
    own = [one for one in of_unit if _type(one) == type_]
    useless = [one for one in own if one.klass in USELESS]
    needed = [one for one in own if one.klass == "actionable"]
    met_with = _met_with(useless, of_unit, policy)

    def shows(one: Episode, pattern: str) -> bool:
        match pattern:
            case "technical":
                return one.kind == "technical"
            case "duplicate":
                return met_with is not None and met_with in _types_met(one, of_unit, policy)
            case "chattering":
                return chatters(one, by_signal(alarms))
            case "hugging":
                return (
                    one.value is not None
                    and one.limit is not None
                    and abs(one.value - one.limit) <= policy.findings.hugging * abs(one.limit)
                )
            case "fleeting":
                return one.end is not None and one.end - one.start < policy.fleeting
            case "standing":
                return _lasted(one, now) > policy.findings.standing
            case "unanswered":
                return one.klass == "actionable" and _unanswered(one, every, responses, policy)
        raise AssertionError(pattern)

    patterns = {}
    for name in NAMES:
        counts = [len([one for one in some if shows(one, name)]) for some in (own, useless, needed)]
        patterns[name] = (counts[0], counts[1], counts[2])

    gives_way = False
    if met_with is not None:
        other = [one for one in of_unit if _type(one) == met_with]
        mine, theirs = _weight(own), _weight(other)
        gives_way = mine < theirs or (mine == theirs and type_ > met_with)

    hugging = sorted(
        abs(one.value - one.limit) / abs(one.limit)
        for one in useless
        if shows(one, "hugging") and one.limit
    )  # type: ignore[operator]
    beds = [one.bed for one in own]
    own_stale = len([one for one in stale if one.unit == unit and _type(one) == type_])
    drivers = _drivers(patterns, len(useless), len(needed), gives_way, policy)
    delay = _delay(useless, needed, policy)
    cause = _verdict(patterns, len(useless), len(needed), drivers, own_stale, policy)
    hidden = None
    if cause == "fleeting":
        assert delay is not None
        hidden = delay[2]
    elif cause in ("duplicate", "chattering", "hugging"):
        hidden = patterns[cause][2]
    return Finding(
        type=type_,
        alarms=len(own),
        unit_alarms=len(of_unit),
        classes=tuple(len([one for one in own if one.klass == klass]) for klass in CLASSES),
        load=len(useless),
        unit_load=len([one for one in of_unit if one.klass in USELESS]),
        priority=max((one.priority for one in own), key=lambda name: RANKS[name], default=None),
        sounding=sum(_lasted(one, now) for one in own),
        beds=len(set(beds)),
        busiest_bed=max((beds.count(bed) for bed in beds), default=0),
        stale=own_stale,
        patterns=patterns,
        met_with=met_with,
        gives_way=gives_way,
        delay=delay,
        hugging_distance=_three_quarters(hugging) if hugging else None,
        drivers=tuple(drivers),
        verdict=cause,
        hidden=hidden,
        effective=_effective(needed),
    )


def _effective(needed: list[Episode]) -> float:
    """Kish's effective sample size, if needed alarms of one bed and UTC day share one fate."""
    clusters = [(one.bed, one.start // (24 * 3_600_000)) for one in needed]
    squares = sum(clusters.count(cluster) ** 2 for cluster in set(clusters))
    return len(needed) ** 2 / squares if needed else 0.0


def _weight(own: list[Episode]) -> tuple[int, int, int]:
    return (
        max(RANKS[one.priority] for one in own),
        len([one for one in own if one.klass == "actionable"]),
        len([one for one in own if one.klass in USELESS]),
    )


def _types_met(one: Episode, of_unit: list[Episode], policy: Policy) -> set[Type]:
    return {
        _type(other)
        for other in of_unit
        if other.bed == one.bed
        and _type(other) != _type(one)
        and abs(other.start - one.start) <= policy.findings.duplicate_within
    }


def _met_with(useless: list[Episode], of_unit: list[Episode], policy: Policy) -> Type | None:
    times: dict[Type, int] = {}
    for one in useless:
        for type_ in _types_met(one, of_unit, policy):
            times[type_] = times.get(type_, 0) + 1
    return min(times, key=lambda type_: (-times[type_], type_)) if times else None


def _unanswered(
    one: Episode, every: list[Episode], responses: list[Response], policy: Policy
) -> bool:
    if one.first_response is not None:
        return one.first_response - one.start > policy.findings.slow_answer
    return one.final and any(gives_cover(response, one, every, policy) for response in responses)


def _three_quarters(ordered: list[float]) -> float:
    """The least value that at least three quarters do not exceed."""
    return next(
        value
        for value in ordered
        if len([other for other in ordered if other <= value]) * 4 >= len(ordered) * 3
    )


def _delay(
    useless: list[Episode], needed: list[Episode], policy: Policy
) -> tuple[int, int, int] | None:
    durations = sorted(one.end - one.start for one in useless if one.end is not None)
    if not durations:
        return None
    length = min(
        max(math.ceil(_three_quarters([float(one) for one in durations]) / 1000), 1) * 1000,
        policy.fleeting,
    )
    spared = [
        len([one for one in some if one.end is not None and one.end - one.start <= length])
        for some in (useless, needed)
    ]
    return length, spared[0], spared[1]


def _drivers(
    patterns: dict[str, tuple[int, int, int]],
    useless: int,
    needed: int,
    gives_way: bool,
    policy: Policy,
) -> list[str]:
    figures = policy.findings
    found: list[str] = []
    if useless + needed < figures.min_classified:
        return found
    for name in NAMES:
        _, of_useless, of_needed = patterns[name]
        if of_useless == 0 or (name == "duplicate" and not gives_way):
            continue
        if interval(of_useless, useless)[0] < figures.driving_share:
            continue
        if interval(of_useless, of_useless + of_needed)[0] >= figures.sparing_share:
            found.append(name)
    return sorted(found, key=lambda name: (-patterns[name][1], NAMES.index(name)))


def _verdict(
    patterns: dict[str, tuple[int, int, int]],
    useless: int,
    needed: int,
    drivers: list[str],
    stale: int,
    policy: Policy,
) -> str:
    classified = useless + needed
    if drivers:
        return drivers[0]
    if stale:
        return "stale"
    late = patterns["unanswered"][2]
    if (
        late
        and needed >= policy.findings.min_classified
        and interval(late, needed)[0] >= policy.findings.driving_share
    ):
        return "unanswered"
    if classified < policy.findings.min_classified:
        return "too_few"
    return "needed" if classified and interval(useless, classified)[1] < 0.5 else "mixed"


def interval(count: int, of: int) -> tuple[float, float]:
    """The Wilson interval: the shares p for which the observed share is at most 1.96 standard
    errors away, as the roots of a quadratic equation.
    """
    z = 1.959963984540054
    if of == 0:
        return 0.0, 1.0
    share = count / of
    # (share - p)^2 = z^2 p (1 - p) / of
    a, b, c = 1 + z * z / of, -(2 * share + z * z / of), share * share
    root = math.sqrt(max(b * b - 4 * a * c, 0))
    return max((-b - root) / (2 * a), 0.0), min((-b + root) / (2 * a), 1.0)
