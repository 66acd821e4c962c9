"""The interface by which readers of recorded facts report them to others."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import numpy.typing as npt

from analyzer import Columns, Topic


class Observer(Protocol):
    """Gets facts as `Engine.take` got them, and the outcomes that it returned."""

    def take(self, topic: Topic, columns: Columns, outcomes: npt.NDArray[np.int8]) -> None: ...
