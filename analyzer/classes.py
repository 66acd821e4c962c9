"""Classes: the seven rules that say what an alarm was, read from top to bottom; the first that applies decides."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt

from analyzer.columns import NOT_JUDGED, Rows
from analyzer.episodes import OPEN, Class
from analyzer.policy import Policy
from analyzer.responses import Cover

CLASSES: tuple[Class, ...] = ("actionable", "non_actionable", "technical", "pending", "unknown")
ACTIONABLE, NON_ACTIONABLE, TECHNICAL, PENDING, UNKNOWN = range(len(CLASSES))

Scope = Literal["all", "clinical"]
SCOPES: tuple[Scope, ...] = ("all", "clinical")

BASES = ("label", "kind", "response", None, "fleeting", "no_intervention", None)
"""What each rule rests on, in the order of the rules; None where nothing is known."""


def classify(rows: Rows, units: Sequence[str], cover: Cover, now: int, policy: Policy) -> tuple[npt.NDArray[np.int8], npt.NDArray[np.int8]]:
    """For each row: its class (index into `CLASSES`) and the rule that decided (index into `BASES`), at `now`.

    `units` names the unit numbers of `rows`. Rule 1 takes the label's verdict, which columns store as the class itself.
    """
    closing = rows.end + policy.action_window
    conditions = [
        rows.verdict != NOT_JUDGED,
        rows.technical,
        rows.intervened,
        (rows.end == OPEN) | (now < closing),
        ~rows.answered & (rows.end - rows.start < policy.fleeting),
        _covered(rows, units, cover, closing, policy),
    ]
    rule = np.select(conditions, range(6), default=6).astype(np.int8)
    outcome = np.array([0, TECHNICAL, ACTIONABLE, PENDING, NON_ACTIONABLE, NON_ACTIONABLE, UNKNOWN], dtype=np.int8)[rule]
    return np.where(rule == 0, rows.verdict, outcome).astype(np.int8), rule


def _covered(rows: Rows, units: Sequence[str], cover: Cover, closing: npt.NDArray[np.int64], policy: Policy) -> npt.NDArray[np.bool_]:
    covered = np.zeros(len(closing), dtype=np.bool_)
    for unit in np.unique(rows.unit):
        mine = rows.unit == unit
        covered[mine] = cover.covered(units[unit], closing[mine], policy.cover)
    return covered


def nonactionable_ratio(counts: npt.NDArray[np.int64], scope: Scope, min_classified: int) -> float | None:
    """Share of the classified alarms that needed nobody; None while fewer than `min_classified` are classified.

    `counts` by class, in the order of `CLASSES`. Scope `all` takes technical alarms for non-actionable; `clinical` leaves
    them out (the two shares of Bonafide 2015, never to be mixed with Drew's false alarms).
    """
    useless = int(counts[NON_ACTIONABLE]) + (int(counts[TECHNICAL]) if scope == "all" else 0)
    classified = int(counts[ACTIONABLE]) + useless
    if classified < max(min_classified, 1):
        return None
    return useless / classified
