"""The oracle of units' metrics."""

from __future__ import annotations

import math

from analyzer.model.facts import Assignment
from analyzer.model.policy import HOUR, MINUTE, Policy
from tests.oracle.episodes import Episode, in_force
from tests.oracle.samples import PRIORITIES, Samples, in_window, put_counts

BUCKETS = (5, 15, 30, 60, 120, 300, 600, 1800)  # seconds, inclusive upper bounds


def put_unit(
    out: Samples,
    unit: str,
    alarms: list[Episode],
    assignments: list[Assignment],
    now: int,
    policy: Policy,
) -> None:
    """Exported for a unit with an assignment in force, an alarm in any window or an open alarm.

    Then all series are exported, except those of types without alarms.
    """
    own = [episode for episode in alarms if episode.unit == unit]
    held = [
        assignment
        for assignment in assignments
        if assignment.unit == unit and in_force(assignment, now)
    ]
    still_open = [episode for episode in own if episode.open]
    if (
        not held
        and not still_open
        and not any(in_window(own, now, length) for length in policy.windows.values())
    ):
        return

    of_signal = by_signal(alarms)
    labels = {"unit": unit}
    for window, length in policy.windows.items():
        at_window = {**labels, "window": window}
        inside = in_window(own, now, length)
        put_counts(out, "unit", at_window, inside, policy)
        out.put(
            "unit_unassigned_alarms",
            at_window,
            len([episode for episode in inside if not episode.clinicians]),
        )
        of_beds = [
            len([one for one in inside if one.bed == bed]) for bed in {e.bed for e in inside}
        ]
        out.put("unit_busiest_bed_alarms", at_window, max(of_beds, default=0))
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
            out.name_type(device_type, source, code)
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
    of = policy.overload
    out.put("unit_policy_cool_down_seconds", labels, of.cool_down / 1000)
    for measure in ("alarms_10m", "alarms_1h", "protected_1h", "unanswered", "beds"):
        everywhere = of.units.get(unit, {}).get(measure, getattr(of, measure))
        levels = of.units.get(f"{out.facility}/{unit}", {}).get(measure, everywhere)
        for state in ("elevated", "overloaded"):
            if (level := getattr(levels, state)) is not None:
                at = {**labels, "measure": measure, "state": state}
                out.put("unit_policy_limit", {**at, "edge": "enter"}, level.enter)
                out.put("unit_policy_limit", {**at, "edge": "leave"}, level.leave)
        if measure == "beds" and levels.elevated is not None:
            out.put("unit_beds_per_clinician_limit", labels, levels.elevated.enter)


def by_signal(alarms: list[Episode]) -> dict[tuple[str, str, str], list[Episode]]:
    """The alarms of all units by signal; of all, because a device may have moved."""
    found: dict[tuple[str, str, str], list[Episode]] = {}
    for episode in alarms:
        found.setdefault((episode.device_id, episode.source, episode.code), []).append(episode)
    return found


def chatters(episode: Episode, of_signal: dict[tuple[str, str, str], list[Episode]]) -> bool:
    """Whether two alarms of its signal began within the minute before it and have ended.

    The device may have stood in another unit then.
    """
    earlier = [
        one
        for one in of_signal[episode.device_id, episode.source, episode.code]
        if (one.start, one.alarm_id) < (episode.start, episode.alarm_id)
        and one.start >= episode.start - MINUTE
        and one.end is not None
        and one.end <= episode.start
    ]
    return len(earlier) >= 2


def put_staffing(
    out: Samples,
    unit: str,
    alarms: list[Episode],
    assignments: list[Assignment],
    now: int,
    policy: Policy,
) -> None:
    """The series that need a clinician on duty in the unit now."""
    held = [
        assignment
        for assignment in assignments
        if assignment.unit == unit and in_force(assignment, now)
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
        inside = in_window(alarms, now, length)
        at_window = {"unit": unit, "window": window}
        out.put(
            "unit_alarms_per_bed",
            at_window,
            len([episode for episode in inside if episode.unit == unit]) / len(beds),
        )
        # Their alarms in all units: the load is the person's.
        loads = [
            len([episode for episode in inside if one in episode.clinicians]) for one in people
        ]
        if len(loads) >= 2 and sum(loads) > 0:
            differences = sum(abs(one - other) for one in loads for other in loads)
            out.put("unit_load_spread", at_window, differences / (2 * len(loads) * sum(loads)))


def put_response_seconds(out: Samples, unit: str, alarms: list[Episode]) -> None:
    """The histogram over the unit's final alarms with a response; one before the start counts as 0
    s.
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
