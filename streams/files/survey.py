"""Warnings about recorded facts that are each well formed but together suspicious, one line each.

None of them is an error: the engine counts these facts by its rules. But the sender has probably
meant something else, and would otherwise notice it in the figures much later.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from analyzer import FACT_TYPES, OUTCOMES, Columns, Topic

Numbers = npt.NDArray[np.int64]

FEW = 5
"""So many alarms without any end are no coincidence (our own)."""
_ACCEPTED, _DUPLICATE = OUTCOMES.index("accepted"), OUTCOMES.index("duplicate")
_AT = {topic: list(type_.__slots__).index("at") for topic, type_ in FACT_TYPES.items()}
_ALARM = {name: place for place, name in enumerate(FACT_TYPES["alarms"].__slots__)}
_ROSTER = {name: place for place, name in enumerate(FACT_TYPES["assignments"].__slots__)}
_NONE: Numbers = np.empty(0, dtype=np.int64)


class Survey:
    """Collects warnings about the facts of some files, in the order in which the engine took them.

    It keeps a few bytes a fact: hashes instead of texts.
    """

    def __init__(self) -> None:
        self._accepted: list[Numbers] = []
        self._duplicates: list[Numbers] = []
        self._alarms: list[tuple[Numbers, Numbers, npt.NDArray[np.bool_]]] = []
        self._backward = 0

    def take(self, topic: Topic, columns: Columns, outcomes: npt.NDArray[np.int8]) -> None:
        """Facts as `Engine.take` got them, and the outcomes that it returned."""
        if not len(outcomes):
            return
        # the hash of all fields, with the topic: ids are unique by topic
        marks = _hashes([(topic,) * len(outcomes), *columns])
        accepted = outcomes == _ACCEPTED
        self._accepted.append(marks[accepted])
        self._duplicates.append(marks[outcomes == _DUPLICATE])
        if topic == "alarms":
            sounds = [
                kind != "advisory" and priority != "info"
                for kind, priority in zip(
                    columns[_ALARM["kind"]], columns[_ALARM["priority"]], strict=True
                )
            ]
            chosen = accepted & np.array(sounds, dtype=np.bool_)
            of = _hashes([columns[_ALARM["facility"]], columns[_ALARM["alarm_id"]]])
            at = np.array(columns[_AT[topic]], dtype=np.int64)
            ends = np.array([phase == "end" for phase in columns[_ALARM["phase"]]], dtype=np.bool_)
            self._alarms.append((of[chosen], at[chosen], ends[chosen]))
        elif topic == "assignments":
            spans = zip(
                columns[_ROSTER["start"]], columns[_ROSTER["end"]], accepted.tolist(), strict=True
            )
            self._backward += sum(
                taken and end is not None and end < start for start, end, taken in spans
            )

    def words(self) -> Iterator[str]:
        """One line for each thing that looks wrong, with what to look at."""
        yield from self._alarm_words()
        repeated = int((~np.isin(_joined(self._duplicates), _joined(self._accepted))).sum())
        if repeated:
            yield (
                f"{_counted(repeated, 'line repeats', 'lines repeat')} an event_id with other "
                "content, and only the first one counts: does each export number its events anew?"
            )
        if self._backward:
            yield (
                f"{_counted(self._backward, 'assignment ends', 'assignments end')} before "
                f"{'it begins' if self._backward == 1 else 'they begin'} and "
                f"{'counts' if self._backward == 1 else 'count'} for nobody: does a night shift "
                "end on the date of the next day?"
            )

    def _alarm_words(self) -> Iterator[str]:
        of, at, ending = (
            (np.concatenate(parts) for parts in zip(*self._alarms, strict=True))
            if self._alarms
            else (_NONE, _NONE, np.empty(0, dtype=np.bool_))
        )
        known, place = np.unique(of, return_inverse=True)
        start = np.full(len(known), np.iinfo(np.int64).max)
        np.minimum.at(start, place[~ending], at[~ending])
        begun = np.zeros(len(known), dtype=np.bool_)
        begun[place[~ending]] = True
        alarms = int(begun.sum())
        if alarms >= FEW and not ending.any():
            yield f"none of {alarms:,} alarms ever ended: does the feed send ends?"
        early = int((ending & begun[place] & (at < start[place])).sum())
        if early:
            yield (
                f"{_counted(early, 'end', 'ends')} before "
                f"{'its start does' if early == 1 else 'their start do'} not count: do the clocks "
                "of two systems differ?"
            )
        lost = int((ending & ~begun[place]).sum())
        if lost:
            yield (
                f"{_counted(lost, 'end', 'ends')} of alarms that never started: does the recording "
                "begin in the middle?"
            )


def _hashes(columns: Sequence[Sequence[object]]) -> Numbers:
    """A number for each row; equal rows have equal ones."""
    return np.fromiter(map(hash, zip(*columns, strict=True)), np.int64, len(columns[-1]))


def _joined(parts: list[Numbers]) -> Numbers:
    return np.concatenate(parts) if parts else _NONE


def _counted(count: int, one: str, many: str) -> str:
    """
    >>> _counted(1, "end", "ends"), _counted(2000, "end", "ends")
    ('1 end', '2,000 ends')
    """
    return f"{count:,} {one if count == 1 else many}"
