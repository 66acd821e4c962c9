"""Interned statics and their columns."""

from __future__ import annotations

import numpy as np

from analyzer.columns.statics import Static, Statics


def test_signals_are_known_as_long_as_what_they_belong_to() -> None:
    statics = Statics()
    of_three = [
        Static(0, unit, "1", device, "monitor", "", "LO", "physiological")
        for unit, device in (("a", "x"), ("b", "y"), ("c", "y"))
    ]
    numbered = statics.number_all(of_three)
    assert statics.signal[numbered].tolist() == [0, 1, 1]
    statics.keep(np.array([1, 2], dtype=np.int32))
    again = statics.number_all([of_three[2], of_three[0], of_three[1]._replace(facility=1)])
    assert [statics.signals.by_number[number] for number in statics.signal[again].tolist()] == [
        (0, "y", "", "LO"),
        (0, "x", "", "LO"),
        (1, "y", "", "LO"),
    ]
