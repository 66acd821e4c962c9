"""Joining: the figures of a unit over a long span, from those of its parts.

Parts are neighbouring days, measured one after the other, so that the alarms of only one part are
in memory. Alarms and duties are read beyond the edges of a part (`RUN_UP`), so the whole is the
same as if it had been measured at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from operator import attrgetter
from typing import Any

import numpy as np
import numpy.typing as npt

from streams.report.measuring import Responses, UnitDays
from streams.report.people import People
from streams.report.span import Grid

Numbers = npt.NDArray[np.int64]


def joined(parts: Sequence[UnitDays], grids: Sequence[Grid]) -> UnitDays:
    """The figures of one unit over all parts, which are in order."""
    if len(parts) == 1:
        return parts[0]

    def along(name: str) -> Any:
        """The columns of the parts, one after the other; the last axis is time."""
        return np.concatenate([attrgetter(name)(one) for one in parts], axis=-1)

    beds = sorted({bed for one in parts for bed in one.beds})
    types = sorted({kind for one in parts for kind in one.types})

    def by_name(name: str, known: Sequence[Any], of: str) -> Any:
        """Like `along`, for columns with a row for each bed or type (`of`)."""
        place = {one: number for number, one in enumerate(known)}
        found = []
        for one in parts:
            column = getattr(one, name)
            wide = np.zeros((len(known), *column.shape[1:]), column.dtype)
            wide[[place[each] for each in getattr(one, of)]] = column
            found.append(wide)
        return found

    return UnitDays(
        parts[0].name,
        tuple(beds),
        along("seen"),
        along("cut"),
        along("present"),
        along("silent"),
        along("responded"),
        along("shown"),
        np.concatenate(by_name("alarms", beds, "beds"), axis=-1),
        np.concatenate(by_name("rostered", beds, "beds"), axis=-1),
        np.concatenate(by_name("bed_time", beds, "beds"), axis=-1),
        along("bed_time_by_hour"),
        along("by_hour"),
        along("rostered_by_hour"),
        types,
        np.concatenate(by_name("by_type", types, "types"), axis=-1),
        np.sum(by_name("type_classes", types, "types"), axis=0),
        along("chattering"),
        along("fleeting"),
        along("stale"),
        People(*(along(f"people.{name}") for name in People.__dataclass_fields__)),
        _responses([one.responses for one in parts], grids, along),
        parts[0].fewest,
    )


def _responses(parts: Sequence[Responses], grids: Sequence[Grid], along: Any) -> Responses:
    days = _offsets([len(one.dates) for one in grids])
    hours = _offsets([len(one.hours) - 1 for one in grids])
    return Responses(
        along("responses.seconds"),
        np.concatenate([one.day + since for one, since in zip(parts, days, strict=True)]),
        np.concatenate([one.hour + since for one, since in zip(parts, hours, strict=True)]),
        along("responses.rank"),
        along("responses.alarms"),
    )


def _offsets(lengths: Sequence[int]) -> list[int]:
    """Where each part begins.

    >>> _offsets([3, 4, 2])
    [0, 3, 7]
    """
    return [0, *np.cumsum(lengths[:-1]).tolist()]
