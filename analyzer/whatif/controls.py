"""Controls: which alarms a change concerns, and which show what would have happened anyway."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np

from analyzer.arrays import Flags
from analyzer.whatif.episode_table import Recorded
from analyzer.whatif.levers import Scope


@dataclass(frozen=True, slots=True)
class Groups:
    """Masks of the changed alarms and of their controls, and the names of the control units."""

    changed: Flags
    control: Flags
    control_units: list[str]


def choose_controls(
    recorded: Recorded, scope: Scope, only: Collection[str] | None = None
) -> Groups:
    """The alarms in `scope`, and those of the same type and priority in units without the change.

    If the scope names a facility, control units are of that facility. `only`: names of the units
    that may be controls; None: any. A unit with a changed alarm is never a control.
    """
    changed, control = (np.zeros(len(recorded), dtype=np.bool_) for _ in range(2))
    changed[scope.rows(recorded)] = True
    of_any_unit = Scope(facility=scope.facility, type=scope.type, priority=scope.priority)
    control[of_any_unit.rows(recorded)] = True
    control &= ~np.isin(recorded.unit, recorded.unit[changed])
    if only is not None:
        chosen = np.array([name in only for _, name in recorded.units], dtype=np.bool_)
        control &= chosen[recorded.unit]
    units = {recorded.units[number][1] for number in np.unique(recorded.unit[control]).tolist()}
    return Groups(changed, control, sorted(units))
