"""Burden: the alarm load of the clinicians and units of a partition, as columns.

Each facility is measured at its own event time. Windows end then, and a window of length W holds
what started less than W before.
"""

from __future__ import annotations

from dataclasses import dataclass

from analyzer.arrays import Floats, Indices, Numbers
from analyzer.columns.statics import AlarmType
from analyzer.model.episodes import PRIORITIES

ALARM_PRIORITIES = PRIORITIES[1:]
"""The priorities of alarms, in order of rank. The priority before them, `info`, is no alarm."""


@dataclass(frozen=True, slots=True)
class ClinicianBurdens:
    """One row per clinician, ordered by facility and clinician (ids before pseudonyms).

    Shapes are given with C clinicians and W windows. NaN: not enough is known.
    """

    facility: list[str]
    unit: list[str]
    """The unit of the assignment that began last; empty if none is known."""
    clinician: list[str]
    alarms: Numbers
    """(C, W, `ALARM_PRIORITIES`): alarms attributed to the clinician."""
    classified: Numbers
    """(C, W, `CLASSES`): the same alarms by class."""
    alarm_milliseconds: Numbers
    """(C, W): time in which at least one of the alarms sounded (ms)."""
    beds: Numbers
    """(C,): beds assigned now."""
    acuity: Floats
    """(C,): sum over the assignments now; an assignment without acuity counts as 1."""
    protected_ratio: Floats
    """(C, W): share of time on duty in long stretches without a new alarm (`duty.protected`)."""
    flood_ratio: Floats
    """(C, W): share of the window in flood (`flood`)."""
    overlapping: Numbers
    """(C, W): alarms that began while another one waited for a response (`overlap`)."""
    load_band: Indices
    """(C,): index in `bands.LOAD_BANDS`, by the alarms of the last hour."""
    exposure: Numbers
    """(C,): non-actionable alarms of the last `EXPOSURE`, without technical ones."""
    exposure_band: Indices
    """(C,): index in `bands.EXPOSURE_BANDS`."""
    shift_hours: Floats
    """(C,): hours since the present duty began (`duty.hours_on_duty`); NaN off duty."""
    overload: Numbers
    """(C,): index in `model.overload.STATES`."""


@dataclass(frozen=True, slots=True)
class UnitBurdens:
    """One row per unit, ordered by facility and unit. An episode counts once, however many
    clinicians it is attributed to.

    Shapes are given with U units and W windows. NaN: not enough is known.
    """

    facility: list[str]
    unit: list[str]
    alarms: Numbers
    """(U, W, `ALARM_PRIORITIES`)."""
    classified: Numbers
    """(U, W, `CLASSES`): the same alarms by class."""
    busiest_bed: Numbers
    """(U, W): the most alarms of one bed."""
    unassigned: Numbers
    """(U, W): alarms attributed to no clinician."""
    open_alarms: Numbers
    """(U,): alarms that have not ended."""
    clinicians: Numbers
    """(U,): clinicians on duty now."""
    beds: Numbers
    """(U,): beds that are assigned now."""
    types: list[list[list[tuple[AlarmType, int]]]]
    """By row and window: the most frequent alarm types and their counts, most frequent first, ties
    by name.
    """
    type_classes: list[list[list[list[int]]]]
    """By row and window: the counts of the same types by `CLASSES`."""
    stale_alarms: Numbers
    """(U,): alarms that have been open for more than `STALE`."""
    standing_alarms: Numbers
    """(U,): alarms that have been open for more than `STANDING`, including stale ones."""
    chattering: Numbers
    """(U, W): alarms of signals that came and went repeatedly (`chatter`)."""
    fleeting: Numbers
    """(U, W): alarms shorter than the policy's `fleeting`, of any class, answered or not."""
    acuity: Floats
    """(U,): sum over the assignments now. A bed that two clinicians share counts twice."""
    load_spread: Floats
    """(U, W): Gini coefficient of the alarms attributed to each clinician on duty now (`spread`);
    NaN with fewer than two clinicians, or without alarms.
    """
    overload: Numbers
    """(U,): index in `model.overload.STATES`."""
    overload_reasons: Floats
    """(U, `MEASURES`, 2): the figures and limits by which the state last rose; NaN for measures
    that were no reason, and in the normal state.
    """
    overload_since: Floats
    """(U,): since when (ms) the state holds; NaN if it is normal."""
    overload_present: Floats
    """(U, `MEASURES`): the present values, per clinician on duty, of the measures that raised the
    state or hold it; NaN for all others.
    """
    policy_limits: Floats
    """(U, `MEASURES`, states above normal, (enter, leave)): the limits in force; NaN where there is
    none.
    """
    cool_down: Floats
    """(U,): how long (ms) no measure may be beyond a limit to leave before a state is left."""
    beds_limit: Floats
    """(U,): beds per clinician beyond which the policy sets `elevated`; NaN where it has no such
    limit.
    """
    relief: Floats
    """(U, 3): whether a colleague can take a bed (0 or 1), how many alarms per hour that spares the
    giver, and how many alarms per hour the colleague then has. All three are NaN if the unit needs
    no relief; the last two are NaN if no colleague can take a bed.
    """


@dataclass(frozen=True, slots=True)
class Burdens:
    """The burdens of a partition."""

    windows: tuple[str, ...]
    """The names of the windows, in the order of the arrays' window axis."""
    clinicians: ClinicianBurdens
    units: UnitBurdens
    response_times: list[tuple[str, str, str, list[int], float]]
    """(facility, unit, priority, cumulative counts by bucket with +Inf last, sum in seconds), in
    order.
    """
