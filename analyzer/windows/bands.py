"""Bands: published limits that divide counts into ranges. Exactly one band of a set applies."""

from __future__ import annotations

import numpy as np

from analyzer.arrays import Indices, Numbers

LOAD_BANDS = ("recommended", "manageable", "over_demanding", "unacceptable")
_LOAD_FROM = (6, 13, 61)
"""Alarms an hour at which each band but the first begins.

By the rates of EEMUA-191 for one operator position: fewer than 1 in 10 min is recommended, up to 1
in 5 min manageable, 1 in 2 min over-demanding, more than 1 a minute unacceptable. EEMUA-191 leaves
the ranges around 1 in 2 min unnamed. Because 1 in 5 min is the most that is manageable (ISA-18.2: 2
in 10 min), the whole range from there to 1 a minute counts as over-demanding here.
"""

EXPOSURE_BANDS = ("0-29", "30-79", "80+")
_EXPOSURE_FROM = (30, 80)
"""Non-actionable alarms in 120 min at which each band but the first begins (Bonafide 2015, J Hosp
Med). In that study, responses were slower from band to band; in a larger study with continuous
video they were not (Bonafide 2017, JAMA Pediatr). So a band measures exposure and does not prove
harm.
"""


def load_band(in_an_hour: Numbers) -> Indices:
    """The index in `LOAD_BANDS` of each count of alarms in an hour.

    >>> [LOAD_BANDS[one] for one in load_band(np.array([5, 6, 12, 13, 60, 61]))]
    ['recommended', 'manageable', 'manageable', 'over_demanding', 'over_demanding', 'unacceptable']
    """
    return np.searchsorted(_LOAD_FROM, in_an_hour, side="right")


def exposure_band(in_two_hours: Numbers) -> Indices:
    """The index in `EXPOSURE_BANDS` of each count of non-actionable alarms in two hours.

    >>> [EXPOSURE_BANDS[one] for one in exposure_band(np.array([0, 29, 30, 79, 80]))]
    ['0-29', '0-29', '30-79', '30-79', '80+']
    """
    return np.searchsorted(_EXPOSURE_FROM, in_two_hours, side="right")
