"""Flood: the state in which alarms come faster than anybody can answer them (ISA-18.2-2016: begins above 10 in 10 min, ends below 5).

n(t) counts the starts in (t - 10 min, t]. The state is a latch with two thresholds: n > 10 sets it, n < 5 resets it, in between it
stays as it was. n rises at starts and falls 10 min after each, so these moments alone decide; several at one moment act together.
Times are relative to now (ms).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from analyzer.policy import FLOOD_INTERVAL, FLOOD_RUN_IN

Ints = npt.NDArray[np.int64]

BEGINS_ABOVE = 10
ENDS_BELOW = 5


def flood_ratio(start: Ints, who: npt.NDArray[np.integer], groups: int, windows: Sequence[int]) -> npt.NDArray[np.float64]:
    """Share of each window that each clinician spent in flood.

    `start` and `who`: alarms and the clinicians they were attributed to, ordered by `who`, then `start`; back to the longest window +
    `FLOOD_RUN_IN` + `FLOOD_INTERVAL` before now. The state is evaluated from `FLOOD_RUN_IN` before the window on, where it is no flood
    unless n is above the threshold at that very moment. Returns (groups, len(windows)).
    """
    result = np.zeros((groups, len(windows)))
    floods = _sets(start, who)
    if not len(floods):
        return result
    concerned = np.zeros(groups, dtype=np.bool_)
    concerned[who[floods]] = True
    rows = np.flatnonzero(concerned[who])
    start, who = start[rows], who[rows]
    sets = _sets(start, who)
    resets = _resets(start, who)
    for number, length in enumerate(windows):
        origin = -length - FLOOD_RUN_IN
        recent = np.bincount(who[(start > origin - FLOOD_INTERVAL) & (start <= origin)], minlength=groups)
        at_once = np.flatnonzero(recent > BEGINS_ABOVE)
        later, ended = sets[start[sets] > origin], resets[start[resets] + FLOOD_INTERVAL > origin]
        at = np.concatenate([np.full(len(at_once), origin), start[later], start[ended] + FLOOD_INTERVAL])
        of = np.concatenate([at_once, who[later], who[ended]])
        order = np.lexsort((at, of))
        at, of, is_flood = at[order], of[order], order < len(at_once) + len(later)
        # Each moment's state lasts until the clinician's next one.
        until = np.zeros(len(at), dtype=np.int64)
        until[:-1] = np.where(of[1:] == of[:-1], at[1:], 0)
        lasted = np.minimum(until, 0) - np.maximum(at, -length)
        chosen = is_flood & (lasted > 0)
        result[:, number] = np.bincount(of[chosen], weights=lasted[chosen], minlength=groups) / length
    return result


def _sets(start: Ints, who: npt.NDArray[np.integer]) -> npt.NDArray[np.intp]:
    """Rows at whose start n is above the threshold: so many before them are within the interval, too."""
    of_same, apart = who[BEGINS_ABOVE:] == who[:-BEGINS_ABOVE], start[BEGINS_ABOVE:] - start[:-BEGINS_ABOVE]
    return BEGINS_ABOVE + np.flatnonzero(of_same & (apart < FLOOD_INTERVAL))


def _resets(start: Ints, who: npt.NDArray[np.integer]) -> npt.NDArray[np.intp]:
    """Rows at whose start + `FLOOD_INTERVAL` n is below the threshold: the one so many after them starts later than that."""
    enough = np.zeros(len(start), dtype=np.bool_)
    enough[:-ENDS_BELOW] = (who[ENDS_BELOW:] == who[:-ENDS_BELOW]) & (start[ENDS_BELOW:] - start[:-ENDS_BELOW] <= FLOOD_INTERVAL)
    return np.flatnonzero(~enough)
