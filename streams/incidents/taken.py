"""The facts of recorded files, under pseudonyms."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import compress
from typing import Any

import numpy as np
import numpy.typing as npt

from analyzer import FACT_TYPES, OUTCOMES, Columns, Topic
from analyzer.incident import Facts

_ACCEPTED = OUTCOMES.index("accepted")
_PEOPLE = {"assignments": "clinician", "responses": "clinician", "alarms": "recipients"}


class TakenFacts:
    """Collects the accepted facts of one facility, with pseudonyms of clinicians."""

    def __init__(self, facility: str, pseudonym: Callable[[str], str]) -> None:
        self._facility = facility
        self._pseudonym = pseudonym
        self._parts: list[tuple[Topic, Columns]] = []

    def take(self, topic: Topic, columns: Columns, outcomes: npt.NDArray[np.int8]) -> None:
        """Facts as `Engine.take` got them, and the outcomes that it returned."""
        names = list(FACT_TYPES[topic].__slots__)
        of_facility = columns[names.index("facility")]
        wanted = [
            outcome == _ACCEPTED and name == self._facility
            for outcome, name in zip(outcomes.tolist(), of_facility, strict=True)
        ]
        kept: list[Sequence[Any]] = [list(compress(column, wanted)) for column in columns]
        if topic in _PEOPLE:
            place = names.index(_PEOPLE[topic])
            kept[place] = list(map(self._shown, kept[place]))
        self._parts.append((topic, tuple(kept)))

    def _shown(self, people: Any) -> Any:
        if people is None:
            return None
        if isinstance(people, str):
            return self._pseudonym(people)
        return tuple(sorted(map(self._pseudonym, people)))

    def facts(self) -> Facts:
        return Facts.of(self._parts)
