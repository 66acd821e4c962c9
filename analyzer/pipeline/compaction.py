"""Compaction: drops the names that nothing held refers to, and renumbers the others.

Units, beds, alarm types, clinicians and teams are numbers throughout the state, and a feed may use
new names for every alarm. Renumbering rewrites everything that is held. So it waits until more than
half of the names are unused, which spreads its cost over the facts that brought them, or until a
facility was dropped.
"""

from __future__ import annotations

import numpy as np

from analyzer.arrays import Codes, Numbers
from analyzer.pipeline.responses import NO_UNIT
from analyzer.pipeline.state import State
from analyzer.times import NEVER

SPARE = 4096
"""So many unused names, statics, labels or teams are not worth a sweep (our own)."""


def compact(state: State, at_once: bool = False) -> bool:
    """Drop unused names if they are many, or if a facility was dropped.

    `at_once`: even if they are few. Returns whether anything was renumbered.
    """
    names = _names(state)
    # of complete history, what was counted stays under its name
    due = names > 2 * state.names_kept + SPARE and not state.is_complete
    if not (at_once or due or state.facilities.dropped):
        return False
    table, statics = state.table, state.statics
    keep_labels(state)
    keep_teams(state)
    existing = table.existing()
    moved = statics.keep(np.unique(table.static[existing]))
    table.static[existing] = moved[table.static[existing]]
    beds = np.array(sorted(state.roster.beds()), dtype=np.int64)
    units = _used_units(state, beds)
    contributing = {one.bed_name for one in table.contributions.values()}
    bed_names = np.array(sorted({*state.responses.bed_names(), *contributing}), dtype=np.int64)
    moved_units, moved_beds, moved_bed_names = statics.keep_names(units, beds, bed_names)

    shifts = state.roster.shifts
    on_duty = shifts.clinician[shifts.rows()].tolist()
    logged = state.overload.numbers(of_units=False)
    moved_clinicians = state.teams.keep_clinicians([*on_duty, *logged])

    state.roster.renumber(moved_beds, moved_clinicians)
    state.listing.renumber(moved_beds)
    state.responses.renumber(moved_bed_names, moved_units)
    state.cover.renumber(moved_units)
    state.response_times.renumber(moved_units)
    state.overload.renumber(moved_units, moved_clinicians)
    state.unclassified.renumber(moved_units)
    _renumber_rows(state, moved_units, moved_bed_names)
    state.facilities.compacted()
    state.head_changed = True
    state.names_kept = _names(state)
    return True


def keep_labels(state: State) -> None:
    """Forget the texts that no row has."""
    table = state.table
    rows = table.rows()
    used = np.unique(np.append(table.label[rows], 0))
    kept = [state.labels.by_number[number] for number in used.tolist()]
    moved = np.zeros(len(state.labels), dtype=np.int32)
    moved[used] = np.arange(len(used))
    table.label[rows] = moved[table.label[rows]]
    state.labels.renew(kept)
    table.changed(rows)


def keep_teams(state: State) -> None:
    """Forget the teams that no row has."""
    table = state.table
    rows = table.rows()
    used = np.unique(np.concatenate([[0], table.team[rows], table.recipients[rows]]))
    moved = state.teams.keep(used)
    table.team[rows] = moved[table.team[rows]]
    table.recipients[rows] = moved[table.recipients[rows]]
    state.roster.forget_stretches()
    table.changed(rows)


def _names(state: State) -> int:
    return state.statics.names + len(state.teams.clinicians) + len(state.facilities.by_number)


def _used_units(state: State, beds: Numbers) -> Numbers:
    """The units that something other than statics refers to.

    Response times alone do not keep a unit: they are counts of the past.
    """
    table, statics = state.table, state.statics
    rows = table.rows()
    observed = rows[table.observed_after[rows] != NEVER]
    used_beds = map(statics.beds.by_number.__getitem__, beds.tolist())
    used = {
        *(statics.units.get((bed.facility, bed.unit), NO_UNIT) for bed in used_beds),
        *(one.unit for one in table.contributions.values()),
        *table.observed_unit[observed].tolist(),
        *state.cover.units(),
        *state.responses.units(),
        *state.overload.numbers(of_units=True),
    }
    return np.array(sorted(used - {NO_UNIT}), dtype=np.int64)


def _renumber_rows(state: State, units: Codes, bed_names: Codes) -> None:
    table = state.table
    rows = table.rows()
    is_observed = table.observed_after[rows] != NEVER
    observed = rows[is_observed]
    table.observed_unit[observed] = units[table.observed_unit[observed]]
    table.observed_unit[rows[~is_observed]] = 0
    for row, one in table.contributions.items():
        unit, bed_name = int(units[one.unit]), int(bed_names[one.bed_name])
        table.contributions[row] = one._replace(unit=unit, bed_name=bed_name)
    table.changed(rows)
