"""Gaps: why a figure has no value, and what a figure leaves out."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from analyzer import CLASSES
from streams.report.measuring import LEAST_KNOWN, Both

UNKNOWN = [CLASSES.index("unknown"), CLASSES.index("pending")]


def why(units: Sequence[Both], key: str) -> str:
    if key.startswith("alarms_per_bed"):
        return "no roster: nobody is known to have been on duty"
    if key == "nonactionable_ratio":
        return f"fewer than {LEAST_KNOWN} clinical alarms of known class"
    if key in ("coverage", "chattering", "fleeting", "stale"):
        return "no such alarms"
    if not any(one.now.people.any_roster.any() for one in units):
        return "no roster: nobody is known to have been on duty"
    if not any((one.now.people.large & one.now.seen).any() for one in units):
        return f"withheld: no whole day with at least {units[0].now.fewest} clinicians on duty"
    return "no such alarms or responses"


def outside_roster(units: Sequence[Both]) -> str | None:
    every = sum(int(one.now.alarms.sum()) for one in units)
    inside = sum(int(one.now.rostered.sum()) for one in units)
    return (
        None
        if every == inside
        else (f"{every - inside:,} of {every:,} alarms came from beds that were in no roster then")
    )


def unknown(units: Sequence[Both]) -> str | None:
    count = sum(int(one.now.alarms[:, :, UNKNOWN].sum()) for one in units)
    return f"{count:,} clinical alarms are of unknown class, and not counted" if count else None


def small_days(units: Sequence[Both]) -> str | None:
    return _left_out(units, [one.now.people.large & one.now.seen for one in units])


def hidden_days(units: Sequence[Both]) -> str | None:
    return _left_out(units, [one.now.responses.shown & one.now.seen for one in units])


def _left_out(units: Sequence[Both], shown: Sequence[npt.NDArray[np.bool_]]) -> str | None:
    days, kept = sum(map(len, shown)), sum(int(one.sum()) for one in shown)
    of = "days" if len(units) == 1 else "days of units"
    return (
        None
        if kept == days
        else f"{days - kept} of {days} {of} left out: cut, silent, or fewer than "
        f"{units[0].now.fewest} clinicians"
    )
