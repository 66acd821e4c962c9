"""The oracle of clinicians' metrics."""

from __future__ import annotations

import math
from bisect import bisect_right

from analyzer.model.facts import Assignment
from analyzer.model.policy import HOUR, MINUTE, Policy
from tests.oracle.episodes import Episode, in_force
from tests.oracle.samples import Samples, in_window, put_counts


def put_clinician(
    out: Samples,
    clinician: str,
    alarms: list[Episode],
    assignments: list[Assignment],
    now: int,
    policy: Policy,
) -> None:
    """All series of a clinician with an assignment at `now` or an alarm in any window."""
    own = [episode for episode in alarms if clinician in episode.clinicians]
    roster = [assignment for assignment in assignments if assignment.clinician == clinician]
    held = [assignment for assignment in roster if in_force(assignment, now)]
    if not held and not any(in_window(own, now, length) for length in policy.windows.values()):
        return

    labels = {"unit": _unit_of(roster, now, policy), "clinician": clinician}
    overlapping = _overlapping(own)
    for window, length in policy.windows.items():
        at_window = {**labels, "window": window}
        put_counts(out, "clinician", at_window, in_window(own, now, length), policy)
        # Whenever they started: an alarm that still sounded inside the window burdens it.
        intervals = [
            (episode.start, now if episode.end is None else episode.end) for episode in own
        ]
        out.put(
            "clinician_alarm_seconds", at_window, union_length(intervals, now - length, now) / 1000
        )
        _put_protected(out, at_window, own, roster, now, length)
        starts = [episode.start for episode in own]
        out.put(
            "clinician_flood_ratio",
            at_window,
            flood_length(starts, now - length - HOUR, now - length, now) / length,
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

    hourly = len(in_window(own, now, HOUR))
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
        [episode for episode in in_window(own, now, 2 * HOUR) if episode.klass == "non_actionable"]
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
    out: Samples,
    labels: dict[str, str],
    own: list[Episode],
    roster: list[Assignment],
    now: int,
    length: int,
) -> None:
    """Duty in the window as disjoint intervals, split by alarm starts strictly inside them."""
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


def flood_length(starts: list[int], origin: int, low: int, now: int) -> int:
    """Ms of [low, now] in flood, following the state from `origin` at each moment of change."""
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
    """By start: the alarms that began while another one waited.

    An alarm waits while it sounds and has no response. It began earlier, or is the first of those
    that began at the same time.
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
    """The begin of the shift: the present duty, extended back over gaps of at most 30 min.

    Assignments that ended before the horizon are not known.
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
    """The unit of the assignment with the latest `from` <= now, then the least unit.

    The assignment may be over, but not for longer than the horizon.
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


def union_length(intervals: list[tuple[int, int]], low: int, high: int) -> int:
    """How much of [low, high] lies in at least one of the intervals."""
    total = 0
    reached = low
    for begin, end in sorted(intervals):
        begin, end = max(begin, reached), min(end, high)
        if end > begin:
            total += end - begin
            reached = end
    return total
