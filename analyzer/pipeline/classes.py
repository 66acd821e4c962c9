"""Classes: the seven rules that classify an alarm. The first rule that applies decides."""

from __future__ import annotations

from typing import Literal

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
"""The basis of each rule, as in `EpisodeRecord.basis`."""
_OUTCOME = np.array(
    [-1, TECHNICAL, ACTIONABLE, PENDING, NON_ACTIONABLE, NON_ACTIONABLE, UNKNOWN], dtype=np.int8
)


def classify(table: Table, statics: Statics, rows: Numbers, horizon: int) -> None:
    """Apply rules 1 to 4, which need not wait for the end, to rows with a start.

    `horizon` (ms): labels from earlier than this before the start do not count.
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
    """Apply all rules to rows whose action window is over."""
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


def nonactionable_ratios(
    classified: npt.NDArray[np.int64], min_classified: int
) -> npt.NDArray[np.float64]:
    """Non-actionable shares of the classified alarms; NaN if fewer than `min_classified` are.

    `classified` has shape (..., `CLASSES`), the result (..., `SCOPES`). Scope `all` counts
    technical alarms as non-actionable; `clinical` leaves them out. These are the two shares of
    Bonafide 2015; they are not comparable with the false alarms of Drew 2014.
    """
    non_actionable, technical = classified[..., NON_ACTIONABLE], classified[..., TECHNICAL]
    part = np.stack(
        [non_actionable + technical if scope == "all" else non_actionable for scope in SCOPES],
        axis=-1,
    )
    whole = part + classified[..., ACTIONABLE, np.newaxis]
    return np.where(whole >= max(min_classified, 1), part / np.maximum(whole, 1), np.nan)
