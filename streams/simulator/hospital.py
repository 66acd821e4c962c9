"""Hospital: the roster of each shift.

Times are integer milliseconds since the Unix epoch; the hospital's clock shows UTC.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from analyzer.model import HOUR, MINUTE, Topic
from streams.simulator import calibration as cal
from streams.simulator.ward import Unit, Ward

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_LATEST_CHARTING = 60 * MINUTE  # after an assignment began
_CORRECTED_WITHIN = 30 * MINUTE
_EARLY_CHARTING = 15 * MINUTE  # at most, before an assignment begins, if it is charted in time


class Draft(NamedTuple):
    """A record that its producer made at `at`, before the network delays or repeats it."""

    at: int
    topic: Topic
    value: dict[str, object]


def shift_at(moment: int) -> int:
    """The number of the shift at `moment`; odd ones are nights. Shift n is [shift_start(n),
    shift_start(n + 1)).
    """
    return (moment - cal.DAY_BEGINS) // cal.SHIFT


def shift_start(shift: int) -> int:
    return shift * cal.SHIFT + cal.DAY_BEGINS


class Shift(NamedTuple):
    """The staff of a shift, by bed number: `key` is the number of the nurse; `nurse` and `charge`
    are ids.
    """

    start: int
    key: Ints
    nurse: list[str]
    charge: list[str]


class Roster:
    """Draws the shifts of one facility, which must be drawn in order."""

    def __init__(self, ward: Ward, facility: int, rng: np.random.Generator) -> None:
        self._ward, self._facility, self._rng = ward, facility, rng
        self._nurses = -(-ward.beds // ward.beds_per_nurse)  # per unit and fully staffed shift
        self._charted = 0

    def draw(self, shift: int, acuity: Floats) -> tuple[Shift, list[Draft]]:
        """The shift and its records of assignments. `acuity`: of the patient in each bed."""
        ward = self._ward
        drawn = Shift(shift_start(shift), np.zeros(ward.units * ward.beds, np.int64), [], [])
        drafts: list[Draft] = []
        for index, unit in enumerate(ward.layout):
            # Drawn by day, too, so that this setting does not change later draws.
            short = self._rng.random() < ward.understaffed_nights and shift % 2 == 1
            on_duty = -(-self._nurses // 2) if short else self._nurses
            # Each crew has a charge nurse, its last member; crews work one shift in four.
            pool = (self._facility * ward.units + index) * cal.CREWS + shift % cal.CREWS
            crew = [pool * (self._nurses + 1) + member for member in range(self._nurses + 1)]
            charge = _clinician(crew[-1])
            for nurse, beds in enumerate(
                np.array_split(np.arange(unit.first_bed, unit.first_bed + unit.beds), on_duty)
            ):
                begins = drawn.start + cal.FIRST_BREAK + nurse * cal.BREAK % (6 * HOUR)
                for bed in beds.tolist():
                    drawn.key[bed] = crew[nurse]
                    drawn.nurse.append(_clinician(crew[nurse]))
                    drawn.charge.append(charge)
                    held = (drawn.start, drawn.start + cal.SHIFT + cal.HANDOVER)
                    drafts += self._chart(unit, bed, crew[nurse], held, "nurse", float(acuity[bed]))
                    if self._rng.random() < cal.SHARED_BEDS and on_duty > 1:
                        drafts += self._chart(
                            unit,
                            bed,
                            crew[(nurse + 1) % on_duty],
                            held,
                            "nurse",
                            float(acuity[bed]),
                        )
                    drafts += self._chart(
                        unit,
                        bed,
                        crew[-1],
                        (begins, begins + cal.BREAK),
                        "charge",
                        float(acuity[bed]),
                    )
        return drawn, drafts

    def _chart(
        self, unit: Unit, bed: int, clinician: int, held: tuple[int, int], role: str, acuity: float
    ) -> list[Draft]:
        """The records of one assignment: charted once in time, or late with a wrong name and then
        corrected. The end is charted at once, or when it has come.
        """
        start, end = held
        in_time, lateness, mending, late, open_ended = self._rng.random(5).tolist()
        self._charted += 1
        assignment = f"{self._ward.facility_ids[self._facility]}-w{self._charted:06d}"
        value: dict[str, object] = {
            "assignment_id": assignment,
            "facility": self._ward.facility_ids[self._facility],
            "unit": unit.name,
            "bed": unit.bed_id(bed),
            "clinician": _clinician(clinician),
            "from": start,
            "to": None if open_ended < cal.OPEN_CHARTED else end,
            "role": role,
            "acuity": acuity,
        }
        if late < self._ward.late_charting:
            at = start + int(lateness * _LATEST_CHARTING)
            # The wrong clinician is from the next crew.
            versions: list[tuple[int, dict[str, object]]] = [
                (at, {"clinician": _clinician(clinician + self._nurses + 1)})
            ]
            versions.append(
                (at + 1 + int(mending * _CORRECTED_WITHIN), {"clinician": value["clinician"]})
            )
        else:
            versions = [(start - int(in_time * _EARLY_CHARTING), {})]
        if value["to"] is None:
            # After the correction, which would otherwise open the assignment again.
            versions.append((max(end, versions[-1][0] + 1), {"to": end}))
        return [
            Draft(
                at,
                "assignments",
                value | changes | {"event_id": f"{assignment}-{number}", "at": at},
            )
            for number, (at, changes) in enumerate(versions, 1)
        ]


def _clinician(number: int) -> str:
    return f"nurse-{number + 1:03d}"
