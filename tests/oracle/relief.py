"""The oracle for relief: tries every bed of every giver with every colleague."""

from __future__ import annotations

import math
from collections.abc import Callable

from analyzer.model.facts import Assignment
from analyzer.model.policy import HOUR
from tests.oracle.episodes import in_force
from tests.oracle.loads import (
    ORDER,
    TEN_MINUTES,
    Facility,
    Own,
    crossed,
    protected,
    unit_at,
)

Move = tuple[str, str, tuple[int, int], str, tuple[int, int], int]
"""`analyzer.Relief` as a plain tuple."""


def relief_at(
    facility: Facility,
    unit: str,
    clinician: str | None,
    at: int,
    state_of: Callable[[str], str],
) -> Move | None:
    """The best move from the clinician. None for a unit: from those strained, the most strained
    first, or else from the one with most alarms.
    """
    people = {one.clinician for one in facility.by_unit.get(unit, ()) if in_force(one, at)}

    def load(who: str) -> int:
        return len(facility.of(who).begun(at - HOUR, at))

    if clinician is not None:
        givers = [clinician]
    else:
        givers = (
            sorted(
                (one for one in people if state_of(one) != "normal"),
                key=lambda one: (-ORDER.index(state_of(one)), -load(one), one),
            )
            or sorted(people, key=lambda one: (-load(one), one))[:1]
        )
    for giver in givers:
        options = []
        for bed in {b.bed for b in facility.by_clinician.get(giver, ()) if b.unit == unit}:
            for taker in people - {giver}:
                move = (
                    move_of(facility, unit, giver, bed, taker, at)
                    if state_of(taker) == "normal"
                    else None
                )
                if move is not None:
                    _, _, (_, left), _, (_, taken), beds = move
                    options.append(((max(left, taken), left + taken, beds, bed, taker), move))
        if options:
            return min(options)[1]
    return None


def move_of(
    facility: Facility, unit: str, giver: str, bed: str, taker: str, at: int
) -> Move | None:
    """The move of a bed, if it keeps all the rules for giver and taker at `at`; the state of the
    taker aside.
    """
    policy, rules = facility.policy.overload, facility.policy.relief
    held = {
        who: [one for one in of if in_force(one, at)] for who, of in facility.by_clinician.items()
    }
    beds = {who: {(one.unit, one.bed) for one in of} for who, of in held.items()}
    roles = {
        who: min((one.role or "nurse" for one in of if one.unit == unit), default=None)
        for who, of in held.items()
    }
    place = (unit, bed)
    if place not in beds[giver] or place in beds[taker] or roles[giver] != roles[taker]:
        return None
    peers = [who for who in held if roles[who] == roles[giver]]

    usual = sorted(len(beds[who]) for who in peers)[(len(peers) - 1) // 2]
    if len(beds[giver]) < 2 or len(beds[taker]) + 1 > usual + rules.beds_above_usual:
        return None

    def acuities(who: str, *, only: Callable[[Assignment], bool] = lambda _: True) -> list[float]:
        return [1.0 if one.acuity is None else one.acuity for one in held[who] if only(one)]

    of_bed = acuities(giver, only=lambda one: (one.unit, one.bed) == place)
    of_beds = sorted(a for who in peers for a in acuities(who, only=lambda one: one.unit == unit))
    most = max(
        *(math.fsum(acuities(who)) for who in peers),
        of_beds[(len(of_beds) - 1) // 2] * (usual + rules.beds_above_usual),
    )
    if math.fsum(acuities(taker) + of_bed) > most:
        return None

    before, other = facility.of(giver), facility.of(taker)
    without = Own([a for a in before.alarms if (a.unit, a.bed) != place])
    with_bed = Own(
        [a for a in facility.alarms if taker in a.clinicians or (a.unit, a.bed) == place]
    )
    had, left, has, gets = (
        len(own.begun(at - HOUR, at)) for own in (before, without, other, with_bed)
    )
    if max(left, gets) >= had or had - left < rules.least_alarms:
        return None

    def within(who: str, own: Own, more_beds: int, of_unit: str, edge: str) -> bool:
        free, duty = protected(facility, who, own, at)
        values = {
            "alarms_10m": float(len(own.begun(at - TEN_MINUTES, at))),
            "alarms_1h": float(len(own.begun(at - HOUR, at))),
            "protected_1h": free / duty if duty >= max(policy.protected_duty, 1) else math.nan,
            "unanswered": own.unanswered(at),
            "beds": float(len(beds[who]) + more_beds),
        }
        return not crossed(values, policy.levels(facility.name, of_unit))[f"{edge} elevated"]

    recovers = within(giver, without, -1, unit_at(facility, giver, at), "leave")
    if not recovers and had - left < rules.least_share * had:
        return None
    if not within(taker, with_bed, +1, unit, "enter"):
        return None
    return bed, giver, (had, left), taker, (has, gets), len(beds[taker]) + 1
