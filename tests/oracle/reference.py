"""The oracle: every number of the contract, worked out slowly from the bare list of facts.

It remembers nothing between calls and takes no shortcuts; the incremental engine must equal it
exactly. The facts are those of one facility, accepted and deduplicated (except in `admission`,
which is about exactly that). Times and durations are integer milliseconds. Only the set of facts
matters, never their order in the list.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from analyzer.model.facts import FACT_TYPES, AlarmEvent, Assignment, Fact, Label, Response, Topic
from analyzer.model.policy import Policy

SECOND, MINUTE, HOUR = 1000, 60_000, 3_600_000

Labels = frozenset[tuple[str, str]]
Metrics = dict[tuple[str, Labels], float]
Outcome = Literal["accepted", "duplicate", "future", "late"]

PRIORITIES = ("high", "medium", "low")  # `info` is never counted
CLASSES = ("actionable", "non_actionable", "technical", "pending", "unknown")
BUCKETS = (5, 15, 30, 60, 120, 300, 600, 1800)  # seconds, inclusive upper bounds


@dataclass(kw_only=True)
class Episode:
    """One alarm episode as it stands at `now`; `basis` is None while pending and where the class is
    unknown.
    """

    alarm_id: str
    unit: str
    bed: str
    device_id: str
    device_type: str
    source: str
    code: str
    kind: str
    label: str | None
    priority: str
    start: int
    end: int | None
    clinicians: set[str]
    is_alarm: bool
    open: bool
    final: bool
    first_response: int | None
    value: float | None
    limit: float | None
    klass: str = "pending"
    basis: str | None = None
    # the responses that give its alarm_id
    named: list[Response] = field(default_factory=list, compare=False)
    labels: list[Label] = field(default_factory=list, compare=False)


# --- facts
# -------------------------------------------------------------------------------------------------------------


def _known(facts: Sequence[Fact], now: int) -> list[Fact]:
    """Facts with `at` > `now` do not count yet, whatever they speak of."""
    return [fact for fact in facts if fact.at <= now]


def _winning_assignments(facts: Sequence[Fact]) -> list[Assignment]:
    """The latest record of each assignment_id, by (`at`, `event_id`); one that voids (`to` <=
    `from`) leaves nothing.
    """
    winners: dict[str, Assignment] = {}
    for fact in facts:
        if isinstance(fact, Assignment):
            held = winners.get(fact.assignment_id)
            if held is None or fact.order > held.order:
                winners[fact.assignment_id] = fact
    return [
        winner for winner in winners.values() if winner.end is None or winner.end > winner.start
    ]


def _in_force(assignment: Assignment, moment: int) -> bool:
    """`from` <= moment < `to`."""
    return assignment.start <= moment and (assignment.end is None or moment < assignment.end)


def _responses(facts: Sequence[Fact]) -> list[Response]:
    return [fact for fact in facts if isinstance(fact, Response)]


# --- episodes
# ----------------------------------------------------------------------------------------------------------


def episodes(facts: Sequence[Fact], now: int, policy: Policy) -> dict[str, Episode]:
    """Every existing episode by alarm_id, with its class at `now`; info and advisory ones are here
    too, as no alarms.

    Of an alarm_id used again, the first episode has the alarm_id for its key, later ones have their
    start added to it.
    """
    facts = _known(facts, now)
    events: dict[str, list[AlarmEvent]] = {}
    for fact in facts:
        if isinstance(fact, AlarmEvent):
            events.setdefault(fact.alarm_id, []).append(fact)

    assignments, responses = _winning_assignments(facts), _responses(facts)
    labels = [fact for fact in facts if isinstance(fact, Label)]
    found: dict[str, Episode] = {}
    for alarm_id, of_id in events.items():
        episodes = [
            _episode(own, assignments, now, policy) for own in _stretches(of_id, policy.horizon)
        ]
        for number, episode in enumerate(episodes):
            found[f"{alarm_id} ({episode.start})" if number else alarm_id] = episode
        for response in responses:
            if response.alarm_id == alarm_id:
                of = _named(response.at, episodes, policy.horizon)
                if of is not None and (of.end is None or response.at <= of.end + policy.horizon):
                    of.named.append(response)
        for label in labels:
            if label.alarm_id == alarm_id:
                of = _named(label.at, episodes, policy.horizon)
                if of is not None:
                    of.labels.append(label)

    for episode in found.values():
        times = [response.at for response in responses if _belongs(response, episode, policy)]
        episode.first_response = min(times) if times else None
    for episode in found.values():
        episode.klass, episode.basis = _classify(episode, list(found.values()), responses, policy)
    return found


def _stretches(events: list[AlarmEvent], horizon: int) -> list[list[AlarmEvent]]:
    """The events of each episode of one alarm_id, by time.

    Events more than the horizon after the end of an episode are those of the next ones. An `end`
    that comes before any `start` or `update` waits within the horizon: one that is older than that
    belongs to no episode.
    """
    opening = [event.at for event in events if event.phase != "end"]
    if not opening:
        return []
    start = min(opening)
    ends = [event.at for event in events if event.phase == "end" and event.at >= start]
    if not ends:
        return [[event for event in events if event.at >= start - horizon]]
    last = min(ends) + horizon
    own = [event for event in events if start - horizon <= event.at <= last]
    return [own, *_stretches([event for event in events if event.at > last], horizon)]


def _named(moment: int, episodes: list[Episode], horizon: int) -> Episode | None:
    """Which of the episodes of an alarm_id, by time, is meant by what names the alarm_id at
    `moment`.

    As with events: a later episode is meant from the horizon after the end of the one before it,
    and each from the horizon before its start.
    """
    found = None
    for number, episode in enumerate(episodes):
        before = episodes[number - 1].end if number else None
        if episode.start - horizon <= moment and (before is None or moment > before + horizon):
            found = episode
    return found


def _episode(
    events: list[AlarmEvent], assignments: list[Assignment], now: int, policy: Policy
) -> Episode:
    """Everything but responses, labels and the class, which need other episodes as well."""
    opening = min(
        (event for event in events if event.phase != "end"), key=lambda event: event.order
    )
    start = opening.at
    ends = [event.at for event in events if event.phase == "end" and event.at >= start]
    end = min(ends) if ends else None

    # "Highest seen over its events": every event, of whatever phase, even an `end` before the
    # start.
    ranking = ("high", "medium", "low", "info")
    priority = min((event.priority for event in events), key=ranking.index)

    recipients = {clinician for event in events for clinician in event.recipients or ()}
    clinicians = set(sorted(recipients)[:256])  # the least ids
    for assignment in assignments:
        # A bed is (unit, bed): two units may each have a bed "1".
        if (assignment.unit, assignment.bed) == (opening.unit, opening.bed) and _in_force(
            assignment, start
        ):
            clinicians.add(assignment.clinician)

    value, limit = _extreme(events)
    return Episode(
        alarm_id=opening.alarm_id,
        unit=opening.unit,
        bed=opening.bed,
        device_id=opening.device_id,
        device_type=opening.device_type,
        source=opening.source,
        code=opening.code,
        kind=opening.kind,
        label=opening.label,
        priority=priority,
        start=start,
        end=end,
        clinicians=clinicians,
        is_alarm=priority != "info" and opening.kind != "advisory",
        open=end is None,
        final=end is not None and now >= end + policy.action_window,
        first_response=None,
        value=value,
        limit=limit,
    )


def _extreme(events: list[AlarmEvent]) -> tuple[float | None, float | None]:
    """The reading furthest beyond its limit, and that limit; readings are the events with a value,
    of any phase.

    The direction comes from the earliest start/update event with a value on either side of its
    limit: above is a high alarm, below a low one. A reading that brings no limit is judged against
    the limit of that event. Equal excess: the more extreme value, then the lesser limit. Without a
    direction: the event with both of greatest distance (an `end` event may have one), else the
    earliest value and the earliest limit, each for itself.
    """
    in_order = sorted(events, key=lambda event: event.order)
    for guide in in_order:
        if (
            guide.phase != "end"
            and guide.value is not None
            and guide.limit is not None
            and guide.value != guide.limit
        ):
            sign = 1 if guide.value > guide.limit else -1
            readings = [
                (event.value, guide.limit if event.limit is None else event.limit)
                for event in in_order
                if event.value is not None
            ]
            return max(
                readings,
                key=lambda reading: (
                    sign * (reading[0] - reading[1]),
                    sign * reading[0],
                    -reading[1],
                ),
            )

    both = [
        (event.value, event.limit)
        for event in in_order
        if event.value is not None and event.limit is not None
    ]
    if both:
        # the first of equals: least (at, event_id)
        return max(both, key=lambda reading: abs(reading[0] - reading[1]))
    values = [event.value for event in in_order if event.value is not None]
    limits = [event.limit for event in in_order if event.limit is not None]
    return (values[0] if values else None, limits[0] if limits else None)


def _within_action_window(moment: int, episode: Episode, policy: Policy) -> bool:
    """start <= moment <= end + action window; an open episode has no upper bound."""
    if moment < episode.start:
        return False
    return episode.end is None or moment <= episode.end + policy.action_window


def _belongs(response: Response, episode: Episode, policy: Policy) -> bool:
    """Whether the response is to this episode.

    With an alarm_id it is to an episode of that alone (see `_named`), up to the horizon after its
    end, even if it names a bed or a unit too. With only a bed it is to the episodes of every bed of
    that name - in its unit alone, if it gives one - that it falls into.
    """
    if response.alarm_id is not None:
        return response in episode.named
    if response.bed != episode.bed:
        return False
    if response.unit is not None and response.unit != episode.unit:
        return False
    return _within_action_window(response.at, episode, policy)


def _classify(
    episode: Episode, every: list[Episode], responses: list[Response], policy: Policy
) -> tuple[str, str | None]:
    """(class, basis) by the first rule of section 4 that applies."""
    if episode.labels:
        return max(episode.labels, key=lambda label: label.order).verdict, "label"

    if episode.kind == "technical":
        return "technical", "kind"

    for response in responses:
        # Rule 3 asks for the time however the response belongs, by alarm_id as by bed.
        if (
            response.action in ("intervene", "consult")
            and _belongs(response, episode, policy)
            and _within_action_window(response.at, episode, policy)
        ):
            return "actionable", "response"

    if episode.end is None or not episode.final:
        return "pending", None

    # Rule 5: "no response at all" - one by alarm_id counts even if it came before the start or long
    # after the end.
    if episode.first_response is None and episode.end - episode.start < policy.fleeting:
        return "non_actionable", "fleeting"

    for response in responses:
        if _gives_cover(response, episode, every, policy):
            return "non_actionable", "no_intervention"

    return "unknown", None


def _gives_cover(
    response: Response, episode: Episode, every: list[Episode], policy: Policy
) -> bool:
    """Whether the response comes from the episode's unit within [X - cover, X], closed, X = end +
    action window.

    Only an action of `cover_by` tells that an intervention could have been reported. It comes from
    the unit that it gives; if it gives none, from the unit of every existing episode, alarm or not,
    to which it belongs.
    """
    assert episode.end is not None  # open episodes are pending before cover is asked for
    if response.action not in policy.cover_by:
        return False
    last = episode.end + policy.action_window
    if not last - policy.cover <= response.at <= last:
        return False
    if response.unit is not None:
        return response.unit == episode.unit
    return any(other.unit == episode.unit and _belongs(response, other, policy) for other in every)


# --- metrics
# -----------------------------------------------------------------------------------------------------------


class _Out:
    """Collects samples of one facility under their full names."""

    def __init__(self, facility: str) -> None:
        self.facility = facility
        self.samples: Metrics = {}

    def put(self, name: str, labels: dict[str, str], value: float) -> None:
        key = (f"alarm_fatigue_{name}", frozenset({"facility": self.facility, **labels}.items()))
        assert key not in self.samples
        self.samples[key] = float(value)


def metrics(facts: Sequence[Fact], now: int, policy: Policy) -> Metrics:
    """The samples of the facility at `now` by (metric name, labels); clinicians under their raw
    ids.

    Not here yet: overload.
    """
    facts = _known(facts, now)
    if not facts:
        return {}
    out = _Out(facts[0].facility)
    alarms = [episode for episode in episodes(facts, now, policy).values() if episode.is_alarm]
    assignments = _winning_assignments(facts)

    clinicians = {assignment.clinician for assignment in assignments}
    units = {assignment.unit for assignment in assignments}
    for episode in alarms:
        clinicians |= episode.clinicians
        units.add(episode.unit)

    for clinician in clinicians:
        _put_clinician(out, clinician, alarms, assignments, now, policy)
    for unit in units:
        _put_unit(out, unit, alarms, assignments, now, policy)
        _put_staffing(out, unit, alarms, assignments, now, policy)
        _put_response_seconds(out, unit, alarms)
    return out.samples


def _in_window(alarms: list[Episode], now: int, length: int) -> list[Episode]:
    """An episode is in the window (now - length, now] by its start."""
    return [episode for episode in alarms if now - length < episode.start <= now]


def _put_counts(
    out: _Out, level: str, labels: dict[str, str], inside: list[Episode], policy: Policy
) -> None:
    """The series that clinicians and units share, for the episodes inside one window; zeros are
    put, too.
    """
    for priority in PRIORITIES:
        count = len([episode for episode in inside if episode.priority == priority])
        out.put(f"{level}_alarms", {**labels, "priority": priority}, count)

    by_class = {
        klass: len([episode for episode in inside if episode.klass == klass]) for klass in CLASSES
    }
    for klass, count in by_class.items():
        out.put(f"{level}_classified_alarms", {**labels, "class": klass}, count)

    noise = by_class["non_actionable"]
    technical = by_class["technical"]
    clinical = by_class["actionable"] + noise
    for scope, part, whole in (
        ("all", noise + technical, clinical + technical),
        ("clinical", noise, clinical),
    ):
        # 0 of 0 says nothing even where the policy asks for no minimum
        if whole >= policy.min_classified and whole > 0:
            out.put(f"{level}_nonactionable_ratio", {**labels, "scope": scope}, part / whole)


def _put_clinician(
    out: _Out,
    clinician: str,
    alarms: list[Episode],
    assignments: list[Assignment],
    now: int,
    policy: Policy,
) -> None:
    """Exported while holding an assignment at `now`, or with an attributed alarm in any window;
    then with every series.
    """
    own = [episode for episode in alarms if clinician in episode.clinicians]
    roster = [assignment for assignment in assignments if assignment.clinician == clinician]
    held = [assignment for assignment in roster if _in_force(assignment, now)]
    if not held and not any(_in_window(own, now, length) for length in policy.windows.values()):
        return

    labels = {"unit": _unit_of(roster, now, policy), "clinician": clinician}
    overlapping = _overlapping(own)
    for window, length in policy.windows.items():
        at_window = {**labels, "window": window}
        _put_counts(out, "clinician", at_window, _in_window(own, now, length), policy)
        # Whenever they started: an alarm that still sounded inside the window burdens it.
        intervals = [
            (episode.start, now if episode.end is None else episode.end) for episode in own
        ]
        out.put(
            "clinician_alarm_seconds", at_window, _union_length(intervals, now - length, now) / 1000
        )
        _put_protected(out, at_window, own, roster, now, length)
        starts = [episode.start for episode in own]
        out.put(
            "clinician_flood_ratio",
            at_window,
            _flood_length(starts, now - length - HOUR, now - length, now) / length,
        )
        out.put(
            "clinician_overlapping_alarms",
            at_window,
            sum(count for start, count in overlapping.items() if start > now - length),
        )

    out.put(
        "clinician_beds", labels, len({(assignment.unit, assignment.bed) for assignment in held})
    )
    # Once an assignment, even if two are for one bed. `fsum`, since the sum must not depend on the
    # order of facts.
    out.put(
        "clinician_acuity",
        labels,
        math.fsum(1.0 if assignment.acuity is None else assignment.acuity for assignment in held),
    )

    hourly = len(_in_window(own, now, HOUR))
    band = (
        "recommended"
        if hourly < 6
        else "manageable"
        if hourly <= 12
        else "over_demanding"
        if hourly <= 60
        else "unacceptable"
    )
    for one in ("recommended", "manageable", "over_demanding", "unacceptable"):
        out.put("clinician_load_band", {**labels, "band": one}, one == band)
    exposure = len(
        [episode for episode in _in_window(own, now, 2 * HOUR) if episode.klass == "non_actionable"]
    )
    out.put("clinician_nonactionable_exposure", labels, exposure)
    out.put("clinician_exposure_band", {**labels, "band": "0-29"}, exposure < 30)
    out.put("clinician_exposure_band", {**labels, "band": "30-79"}, 30 <= exposure < 80)
    out.put("clinician_exposure_band", {**labels, "band": "80+"}, exposure >= 80)
    if held:
        out.put(
            "clinician_shift_hours", labels, (now - _shift_begin(roster, held, now, policy)) / HOUR
        )


def _put_protected(
    out: _Out,
    labels: dict[str, str],
    own: list[Episode],
    roster: list[Assignment],
    now: int,
    length: int,
) -> None:
    """Duty in the window as intervals that do not touch; the starts inside one cut it, one at its
    edge has nothing to cut off.
    """
    duty: list[list[int]] = []
    for one in sorted(roster, key=lambda one: one.start):
        begin, end = max(one.start, now - length), now if one.end is None else min(one.end, now)
        if begin >= end:
            continue
        if duty and begin <= duty[-1][1]:
            duty[-1][1] = max(duty[-1][1], end)
        else:
            duty.append([begin, end])
    whole = sum(end - begin for begin, end in duty)
    if whole < 5 * MINUTE:
        return
    kept = 0
    for begin, end in duty:
        cuts = sorted({episode.start for episode in own if begin < episode.start < end})
        for piece_begin, piece_end in zip([begin, *cuts], [*cuts, end], strict=True):
            if piece_end - piece_begin >= 5 * MINUTE:
                kept += piece_end - piece_begin
    out.put("clinician_protected_ratio", labels, kept / whole)


def _flood_length(starts: list[int], origin: int, low: int, now: int) -> int:
    """How much of [low, now] is flood, the state being followed from `origin` on, moment by moment
    at which it may change.
    """
    starts = sorted(starts)
    moments = {start + wait for start in starts for wait in (0, 10 * MINUTE)}
    moments = {origin, low, *(moment for moment in moments if origin < moment < now)}
    flood, length = False, 0
    for moment, following in zip(sorted(moments), [*sorted(moments)[1:], now], strict=True):
        count = bisect_right(starts, moment) - bisect_right(starts, moment - 10 * MINUTE)
        if count > 10:
            flood = True
        elif count < 5:
            flood = False
        if flood and moment >= low:
            length += following - moment
    return length


def _overlapping(own: list[Episode]) -> dict[int, int]:
    """By start: alarms that began while another waited: sounding, unanswered, and begun before, or
    first of those begun together.
    """

    def waits(episode: Episode, moment: int) -> bool:
        return (episode.end is None or episode.end > moment) and (
            episode.first_response is None or episode.first_response > moment
        )

    counts = {}
    for moment in {episode.start for episode in own}:
        together = [episode for episode in own if episode.start == moment]
        if any(episode.start < moment and waits(episode, moment) for episode in own):
            counts[moment] = len(together)
        elif any(waits(episode, moment) for episode in together):
            counts[moment] = len(together) - 1
    return counts


def _shift_begin(roster: list[Assignment], held: list[Assignment], now: int, policy: Policy) -> int:
    """From the present duty back and back, as long as something before it ends at most 30 min
    earlier; so far as the horizon knows.
    """
    known = [
        one
        for one in roster
        if one.start <= now and (one.end is None or one.end > now - policy.horizon)
    ]
    begin = min(one.start for one in held)
    while True:
        before = [
            one.start
            for one in known
            if one.start < begin and (one.end is None or one.end >= begin - 30 * MINUTE)
        ]
        if not before:
            return begin
        begin = min(before)


def _unit_of(roster: list[Assignment], now: int, policy: Policy) -> str:
    """The unit of the assignment with the latest `from` <= now, then the least unit; over, but
    within the horizon, will do.
    """
    begun = [
        assignment
        for assignment in roster
        if assignment.start <= now
        and (assignment.end is None or assignment.end > now - policy.horizon)
    ]
    if not begun:
        return ""
    latest = max(assignment.start for assignment in begun)
    return min(assignment.unit for assignment in begun if assignment.start == latest)


def _union_length(intervals: list[tuple[int, int]], low: int, high: int) -> int:
    """How much of [low, high] lies in at least one of the intervals."""
    total = 0
    reached = low
    for begin, end in sorted(intervals):
        begin, end = max(begin, reached), min(end, high)
        if end > begin:
            total += end - begin
            reached = end
    return total


def _put_unit(
    out: _Out,
    unit: str,
    alarms: list[Episode],
    assignments: list[Assignment],
    now: int,
    policy: Policy,
) -> None:
    """Exported with an assignment in force, an alarm in any window or an open alarm; then with
    every series but empty types.
    """
    own = [episode for episode in alarms if episode.unit == unit]
    held = [
        assignment
        for assignment in assignments
        if assignment.unit == unit and _in_force(assignment, now)
    ]
    still_open = [episode for episode in own if episode.open]
    if (
        not held
        and not still_open
        and not any(_in_window(own, now, length) for length in policy.windows.values())
    ):
        return

    of_signal = by_signal(alarms)
    labels = {"unit": unit}
    for window, length in policy.windows.items():
        at_window = {**labels, "window": window}
        inside = _in_window(own, now, length)
        _put_counts(out, "unit", at_window, inside, policy)
        out.put(
            "unit_unassigned_alarms",
            at_window,
            len([episode for episode in inside if not episode.clinicians]),
        )
        out.put(
            "unit_chattering_alarms",
            at_window,
            len([episode for episode in inside if chatters(episode, of_signal)]),
        )
        brief = [
            episode
            for episode in inside
            if episode.end is not None and episode.end - episode.start < policy.fleeting
        ]
        out.put("unit_fleeting_alarms", at_window, len(brief))
        if inside:
            for priority in PRIORITIES:
                share = len([episode for episode in inside if episode.priority == priority]) / len(
                    inside
                )
                out.put("unit_priority_share", {**at_window, "priority": priority}, share)

        by_type: dict[tuple[str, str, str], int] = {}
        for episode in inside:
            alarm_type = (episode.device_type, episode.source, episode.code)
            by_type[alarm_type] = by_type.get(alarm_type, 0) + 1
        ranked = sorted(by_type.items(), key=lambda item: (-item[1], item[0]))
        for (device_type, source, code), count in ranked[: policy.top_types]:
            of_type = {**at_window, "device_type": device_type, "source": source, "code": code}
            out.put("unit_type_alarms", of_type, count)
            out.put("unit_type_share", of_type, count / len(inside))
            same = [
                one
                for one in inside
                if (one.device_type, one.source, one.code) == (device_type, source, code)
            ]
            noise, technical, useful = (
                len([one for one in same if one.klass == klass])
                for klass in ("non_actionable", "technical", "actionable")
            )
            if noise + technical + useful >= max(policy.min_classified, 1):
                ratio = (noise + technical) / (noise + technical + useful)
                out.put("unit_type_nonactionable_ratio", {**of_type, "scope": "all"}, ratio)
            if noise + useful >= max(policy.min_classified, 1):
                out.put(
                    "unit_type_nonactionable_ratio",
                    {**of_type, "scope": "clinical"},
                    noise / (noise + useful),
                )

    out.put("unit_open_alarms", labels, len(still_open))
    out.put(
        "unit_standing_alarms",
        labels,
        len([episode for episode in still_open if now - episode.start > HOUR]),
    )
    out.put(
        "unit_stale_alarms",
        labels,
        len([episode for episode in still_open if now - episode.start > 24 * HOUR]),
    )
    out.put("unit_clinicians", labels, len({assignment.clinician for assignment in held}))
    out.put("unit_beds", labels, len({assignment.bed for assignment in held}))
    own = policy.overload.units.get(unit, {}).get("beds", policy.overload.beds)
    beds_level = policy.overload.units.get(f"{out.facility}/{unit}", {}).get("beds", own).elevated
    if beds_level is not None:
        out.put("unit_beds_per_clinician_limit", labels, beds_level.enter)


def by_signal(alarms: list[Episode]) -> dict[tuple[str, str, str], list[Episode]]:
    """The alarms of all units, for a device may have moved."""
    found: dict[tuple[str, str, str], list[Episode]] = {}
    for episode in alarms:
        found.setdefault((episode.device_id, episode.source, episode.code), []).append(episode)
    return found


def chatters(episode: Episode, of_signal: dict[tuple[str, str, str], list[Episode]]) -> bool:
    """At least two alarms of its signal come before it, within the minute, and were over; wherever
    the device stood then.
    """
    earlier = [
        one
        for one in of_signal[episode.device_id, episode.source, episode.code]
        if (one.start, one.alarm_id) < (episode.start, episode.alarm_id)
        and one.start >= episode.start - 60 * SECOND
        and one.end is not None
        and one.end <= episode.start
    ]
    return len(earlier) >= 2


def _put_staffing(
    out: _Out,
    unit: str,
    alarms: list[Episode],
    assignments: list[Assignment],
    now: int,
    policy: Policy,
) -> None:
    """What depends on somebody being on duty in the unit now."""
    held = [
        assignment
        for assignment in assignments
        if assignment.unit == unit and _in_force(assignment, now)
    ]
    if not held:
        return
    people = {assignment.clinician for assignment in held}
    beds = {assignment.bed for assignment in held}
    out.put("unit_beds_per_clinician", {"unit": unit}, len(beds) / len(people))
    acuity = math.fsum(
        1.0 if assignment.acuity is None else assignment.acuity for assignment in held
    )
    out.put("unit_acuity_per_clinician", {"unit": unit}, acuity / len(people))
    for window, length in policy.windows.items():
        inside = _in_window(alarms, now, length)
        at_window = {"unit": unit, "window": window}
        out.put(
            "unit_alarms_per_bed",
            at_window,
            len([episode for episode in inside if episode.unit == unit]) / len(beds),
        )
        # Theirs, in whatever unit: a load is carried by a person.
        loads = [
            len([episode for episode in inside if one in episode.clinicians]) for one in people
        ]
        if len(loads) >= 2 and sum(loads) > 0:
            differences = sum(abs(one - other) for one in loads for other in loads)
            out.put("unit_load_spread", at_window, differences / (2 * len(loads) * sum(loads)))


def _put_response_seconds(out: _Out, unit: str, alarms: list[Episode]) -> None:
    """The histogram over all final alarms of the unit that have a response; one before the start
    took no time at all.
    """
    for priority in PRIORITIES:
        delays = [
            max(episode.first_response, episode.start) - episode.start
            for episode in alarms
            if episode.unit == unit
            and episode.priority == priority
            and episode.final
            and episode.first_response is not None
        ]
        if not delays:
            continue
        labels = {"unit": unit, "priority": priority}
        for bound in BUCKETS:
            count = len([delay for delay in delays if delay <= bound * 1000])
            out.put("response_seconds_bucket", {**labels, "le": f"{bound}.0"}, count)
        out.put("response_seconds_bucket", {**labels, "le": "+Inf"}, len(delays))
        # summed in ms, so free of rounding and order
        out.put("response_seconds_sum", labels, sum(delays) / 1000)
        out.put("response_seconds_count", labels, len(delays))


# --- admission
# ---------------------------------------------------------------------------------------------------------


def admission(
    records: Sequence[tuple[Topic, Fact, int]], policy: Policy, partitions: int = 1
) -> list[Outcome]:
    """The outcome of each (topic, fact, Kafka record timestamp), in order of delivery, for one
    facility.

    Each topic is judged by itself. `partitions` decides nothing here: the records have no key, and
    count as well routed.
    """
    accepted: dict[Topic, list[Fact]] = {topic: [] for topic in FACT_TYPES}
    outcomes: list[Outcome] = []
    for topic, fact, timestamp in records:
        outcome = judged(fact, timestamp, accepted[topic], policy)
        outcomes.append(outcome)
        if outcome == "accepted":
            accepted[topic].append(fact)
    return outcomes


def judged(fact: Fact, timestamp: int, accepted: list[Fact], policy: Policy) -> Outcome:
    """The checks in order: duplicate, future, late. `accepted` is what the topic has let in so far."""
    by_stamp: Outcome = "accepted"
    if fact.at > timestamp + policy.max_ahead:
        by_stamp = "future"
    elif isinstance(fact, AlarmEvent | Response) and fact.at < timestamp - policy.horizon:
        by_stamp = "late"
    if not accepted:
        return by_stamp
    watermark = max(earlier.at for earlier in accepted)

    for earlier in accepted:
        if earlier.event_id == fact.event_id and earlier.at >= watermark - policy.horizon:
            return "duplicate"

    if by_stamp != "accepted":
        return by_stamp

    if isinstance(fact, AlarmEvent | Response):
        late = fact.at < watermark - policy.allowed_lateness
    elif isinstance(fact, Label):
        late = fact.at < watermark - policy.horizon
    else:
        late = fact.at < watermark - policy.horizon and not _kept_past_horizon(
            fact, watermark, policy
        )
    return "late" if late else "accepted"


def _kept_past_horizon(fact: Assignment, watermark: int, policy: Policy) -> bool:
    """Older than the horizon, yet welcome, however often: in force means that `to` is open or after
    the topic's watermark.
    """
    return fact.at < watermark - policy.horizon and (fact.end is None or fact.end > watermark)
