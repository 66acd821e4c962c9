"""The oracle of when a state is left: by which limits, and since when nothing is beyond them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from analyzer.model.policy import Levels

OneReason = tuple[str, float, str, float, float, float]
"""Measure, value, state, the limit that decides, and the limits to enter and to leave."""


def left_at(
    values: Mapping[str, float],
    levels: Mapping[str, Levels],
    states: Sequence[str],
    concerned: Collection[str],
) -> list[OneReason]:
    """The quietest limit to leave any of `states`, of each measure that is concerned."""
    found = []
    for measure, value in values.items():
        known = [(one, getattr(levels[measure], one)) for one in states]
        known = [(one, level) for one, level in known if level is not None]
        if known and measure in concerned:
            sign = -1 if measure == "protected_1h" else 1
            state, level = min(known, key=lambda pair: sign * pair[1].leave)
            found.append((measure, value, state, level.leave, level.enter, level.leave))
    return found


def trailing(quiet: Sequence[tuple[int, bool]]) -> int | None:
    """Since which tick all have been quiet, of ticks from the last one backwards; None: not now."""
    since = None
    for at, is_quiet in quiet:
        if not is_quiet:
            break
        since = at
    return since
