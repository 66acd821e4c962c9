"""Classes: the seven rules that say what an alarm was, read from top to bottom; the first that
applies decides.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from analyzer.arrays import Numbers
from analyzer.columns.statics import Statics
from analyzer.model.episodes import Class
from analyzer.model.policy import Policy
from analyzer.pipeline.coverage import Cover
from analyzer.pipeline.table import NO_VERDICT, Table

CLASSES: tuple[Class, ...] = ("actionable", "non_actionable", "technical", "pending", "unknown")
ACTIONABLE, NON_ACTIONABLE, TECHNICAL, PENDING, UNKNOWN = range(len(CLASSES))

Scope = Literal["all", "clinical"]
SCOPES: tuple[Scope, ...] = ("all", "clinical")

LABELLED, BY_KIND, ANSWERED, NOT_OVER, FLEETING, COVERED, NOTHING_KNOWN = range(7)
"""The rules, in their order."""
BASES = ("label", "kind", "response", None, "fleeting", "no_intervention", None)
"""What each rule rests on; None where nothing is known."""
_OUTCOME = np.array(
    [-1, TECHNICAL, ACTIONABLE, PENDING, NON_ACTIONABLE, NON_ACTIONABLE, UNKNOWN], dtype=np.int8
)


def classify(table: Table, statics: Statics, rows: Numbers, horizon: int) -> None:
    """Rules 1 to 4 for existing rows, whether they are final or not: everything that does not wait
    for their end.
    """
    verdict = np.where(
        table.verdict_at[rows] >= table.start[rows] - horizon, table.verdict[rows], NO_VERDICT
    )
    rule = np.select(
        [verdict != NO_VERDICT, statics.technical[table.static[rows]], table.intervened[rows]],
        [LABELLED, BY_KIND, ANSWERED],
        NOT_OVER,
    ).astype(np.int8)
    table.rule[rows] = rule
    table.klass[rows] = np.where(rule == LABELLED, verdict, _OUTCOME[rule])


def classify_final(
    table: Table, statics: Statics, rows: Numbers, cover: Cover, policy: Policy
) -> None:
    """All rules for existing rows whose action window is over."""
    classify(table, statics, rows, policy.horizon)
    rows = rows[table.rule[rows] == NOT_OVER]
    start, end = table.start[rows], table.end[rows]
    rule = np.where(
        ~table.answered[rows] & (end - start < policy.fleeting), FLEETING, NOTHING_KNOWN
    ).astype(np.int8)
    asked = np.flatnonzero(rule == NOTHING_KNOWN)
    if len(asked):
        units = statics.unit[table.static[rows[asked]]].tolist()
        closings = (end[asked] + policy.action_window).tolist()
        covered = [
            cover.covered(unit, closing, policy.cover)
            for unit, closing in zip(units, closings, strict=True)
        ]
        rule[asked[np.array(covered, dtype=np.bool_)]] = COVERED
    table.rule[rows] = rule
    table.klass[rows] = _OUTCOME[rule]


def nonactionable_ratio(
    counts: npt.NDArray[Any], scope: Scope, min_classified: int
) -> float | None:
    """Share of the classified alarms that needed nobody; None while fewer than `min_classified` are
    classified.

    `counts` by class, in the order of `CLASSES`. Scope `all` takes technical alarms for
    non-actionable; `clinical` leaves them out (the two shares of Bonafide 2015, never to be mixed
    with Drew's false alarms).
    """
    useless = int(counts[NON_ACTIONABLE]) + (int(counts[TECHNICAL]) if scope == "all" else 0)
    classified = int(counts[ACTIONABLE]) + useless
    if classified < max(min_classified, 1):
        return None
    return useless / classified
