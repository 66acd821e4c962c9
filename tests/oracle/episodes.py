"""The oracle of episodes: which there are, and the class of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from analyzer.model.facts import AlarmEvent, Assignment, Fact, Label, Response
from analyzer.model.policy import Policy


@dataclass(kw_only=True)
class Episode:
    """One alarm episode at `now`; `basis` is None where the class is pending or unknown."""

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


def facts_known_at(facts: Sequence[Fact], now: int) -> list[Fact]:
    """Facts with `at` > `now` do not count yet, whichever times they mention."""
    return [fact for fact in facts if fact.at <= now]


def winning_assignments(facts: Sequence[Fact]) -> list[Assignment]:
    """The latest record of each assignment_id, by (`at`, `event_id`), unless it is void (`to` <=
    `from`).
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


def in_force(assignment: Assignment, moment: int) -> bool:
    """`from` <= moment < `to`."""
    return assignment.start <= moment and (assignment.end is None or moment < assignment.end)


def responses_in(facts: Sequence[Fact]) -> list[Response]:
    return [fact for fact in facts if isinstance(fact, Response)]


def episodes(facts: Sequence[Fact], now: int, policy: Policy) -> dict[str, Episode]:
    """Every episode by alarm_id, with its class at `now`; also those that are no alarms.

    The first episode of an alarm_id has the alarm_id as its key; later ones append their start.
    """
    facts = facts_known_at(facts, now)
    events: dict[str, list[AlarmEvent]] = {}
    for fact in facts:
        if isinstance(fact, AlarmEvent):
            events.setdefault(fact.alarm_id, []).append(fact)

    assignments, responses = winning_assignments(facts), responses_in(facts)
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
    """The episode of an alarm_id that a response or label at `moment` refers to.

    `episodes` are by time. As with events, a later episode is referred to from the horizon after
    the end of the one before it, and each from the horizon before its start.
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
    """All but responses, labels and the class, which depend on other episodes."""
    opening = min(
        (event for event in events if event.phase != "end"), key=lambda event: event.order
    )
    start = opening.at
    ends = [event.at for event in events if event.phase == "end" and event.at >= start]
    end = min(ends) if ends else None

    # "Highest seen over its events": every event, of any phase, even an `end` before the
    # start.
    ranking = ("high", "medium", "low", "info")
    priority = min((event.priority for event in events), key=ranking.index)

    recipients = {clinician for event in events for clinician in event.recipients or ()}
    clinicians = set(sorted(recipients)[:256])  # the least ids
    for assignment in assignments:
        # A bed is (unit, bed): two units may each have a bed "1".
        if (assignment.unit, assignment.bed) == (opening.unit, opening.bed) and in_force(
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
    limit: above is a high alarm, below a low one. A reading that brings no limit is compared with
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
    """Class and basis by the first rule that applies, in the order of docs/semantics.md."""
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
        if gives_cover(response, episode, every, policy):
            return "non_actionable", "no_intervention"

    return "unknown", None


def gives_cover(response: Response, episode: Episode, every: list[Episode], policy: Policy) -> bool:
    """Whether the response comes from the episode's unit within [X - cover, X], closed, X = end +
    action window.

    Only an action of `cover_by` shows that an intervention would have been reported. It comes from
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
