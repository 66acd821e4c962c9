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
    of_responses = key.startswith(("response", "answered"))
    if of_responses and not any(one.now.responded.any() for one in units):
        return "no response is recorded"
    if not any(one.now.people.anybody.any() for one in units):
        return "no roster: nobody is known to have been on duty"
    if not any(one.now.people.enough.any() for one in units):
        return f"withheld: no hour with at least {units[0].now.fewest} clinicians on duty"
    if not of_responses and not any(one.now.people.large.any() for one in units):
        return "unknown: clinicians had several names at once (see docs/archive.md)"
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


def small_hours(units: Sequence[Both]) -> str | None:
    return _left_out(units, [one.now.people.enough for one in units])


def unsure_hours(units: Sequence[Both]) -> str | None:
    renamed = sum(int((one.now.people.enough & ~one.now.people.large).sum()) for one in units)
    return _left_out(units, [one.now.people.large for one in units], renamed)


def hidden_hours(units: Sequence[Both]) -> str | None:
    return _left_out(units, [one.now.shown for one in units])


def _left_out(
    units: Sequence[Both], shown: Sequence[npt.NDArray[np.bool_]], renamed: int = 0
) -> str | None:
    """How many hours of the roster, or of the archive, are not in a figure, and why."""
    hours, kept = sum(map(len, shown)), sum(int(one.sum()) for one in shown)
    silent = sum(int(one.now.silent.sum()) for one in units)
    small = hours - kept - silent - renamed
    parts = [
        f"{count:,} {why}"
        for count, why in (
            (small, f"with fewer than {units[0].now.fewest} clinicians"),
            (silent, "without any record"),
            (renamed, "in which names changed"),
        )
        if count
    ]
    of = "hours" if len(units) == 1 else "hours of units"
    return f"left out of {hours:,} {of}: {', '.join(parts)}" if parts else None
