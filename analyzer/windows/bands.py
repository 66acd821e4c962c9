"""Bands: where published figures draw lines through counts. A band is a state: exactly one of a set
holds.
"""

from __future__ import annotations

import numpy as np

from analyzer.arrays import Indices, Numbers

LOAD_BANDS = ("recommended", "manageable", "over_demanding", "unacceptable")
_LOAD_FROM = (6, 13, 61)
"""Alarms an hour from which each band but the first holds, by the rates of EEMUA-191 for one
operating position: fewer than 1 in 10 min are recommended, up to 1 in 5 min manageable, more than 1
a minute unacceptable. EEMUA calls 1 in 2 min over-demanding and names nothing between that and its
neighbours; 1 in 5 min being the most that is manageable (ISA-18.2: 2 in 10 min), all between is
over-demanding.
"""

EXPOSURE_BANDS = ("0-29", "30-79", "80+")
_EXPOSURE_FROM = (30, 80)
"""Non-actionable alarms in 120 min (Bonafide 2015, J Hosp Med). Responses slowed from band to band
there, in a larger study with continuous video they did not (Bonafide 2017, JAMA Pediatr): exposure,
never proof of harm.
"""


def load_band(in_an_hour: Numbers) -> Indices:
    """Places in `LOAD_BANDS`.

    >>> [LOAD_BANDS[one] for one in load_band(np.array([5, 6, 12, 13, 60, 61]))]
    ['recommended', 'manageable', 'manageable', 'over_demanding', 'over_demanding', 'unacceptable']
    """
    return np.searchsorted(_LOAD_FROM, in_an_hour, side="right")


def exposure_band(in_two_hours: Numbers) -> Indices:
    """Places in `EXPOSURE_BANDS`.

    >>> [EXPOSURE_BANDS[one] for one in exposure_band(np.array([0, 29, 30, 79, 80]))]
    ['0-29', '0-29', '30-79', '30-79', '80+']
    """
    return np.searchsorted(_EXPOSURE_FROM, in_two_hours, side="right")
