"""Silences: stretches of a span of which the archive holds nothing of a unit, although its usual
rate makes so long a silence implausible. The hours in them are missing, not calm.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from analyzer.history import Spans
from analyzer.whatif import presence_of
from streams.report.reading import QUARTER
from streams.report.span import Grid

Numbers = npt.NDArray[np.int64]


def silences(seen: Numbers, grid: Grid) -> Spans:
    """The silences of one unit. `seen` are the quarters of an hour in which an episode of any kind
    started (ms since 1970, ascending).
    """
    found = presence_of(seen, (grid.begin, grid.end))
    stretches = [(since + QUARTER, until) for since, until in found.missing]
    if found.first > grid.begin:
        stretches.append((grid.begin, found.first))
    if found.last < grid.end:
        stretches.append((found.last + QUARTER, grid.end))
    ordered = np.array(sorted(stretches), np.int64).reshape(-1, 2)
    return Spans(ordered[:, 0], ordered[:, 1], np.zeros(len(ordered), np.int64))
