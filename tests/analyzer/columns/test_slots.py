"""The slot table against a Python set, with few marks and with contested slots."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.columns import slots as module
from analyzer.columns.slots import UNKNOWN, Slots


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """A table that starts small, so that it grows and fills up in the tests."""
    monkeypatch.setattr(module, "_LEAST_SLOTS", 8)


@given(
    st.lists(
        st.tuples(
            st.booleans(), st.lists(st.integers(0, 60), min_size=1, max_size=12, unique=True)
        ),
        max_size=12,
    )
)
def test_slots_hold_what_was_put_and_not_taken_out(steps: list[tuple[bool, list[int]]]) -> None:
    slots, held = Slots(), set[int]()
    marks, checks = np.arange(61, dtype=np.uint64) % np.uint64(5), np.arange(61, dtype=np.uint32)
    for put, numbers in steps:
        chosen = np.array([number for number in numbers if (number in held) != put], dtype=np.int64)
        if put:
            slots.insert(marks[chosen], chosen, marks)
            held |= set(chosen.tolist())
        else:
            slots.remove(marks[chosen], chosen)
            held -= set(chosen.tolist())
        expected = [number if number in held else UNKNOWN for number in range(61)]
        assert slots.find(marks, checks, marks, checks).tolist() == expected


@pytest.mark.parametrize("marks_in_use", [1, 2, 7, 64])
def test_ids_that_lose_a_contested_slot_are_still_found(marks_in_use: int) -> None:
    """600 ids added in one call share a few marks, so nearly all of them lose a slot at first."""
    numbers = np.arange(600)
    marks = numbers.astype(np.uint64) % np.uint64(marks_in_use)
    checks = numbers.astype(np.uint32)
    slots = Slots()
    slots.insert(marks, numbers, marks)
    assert slots.find(marks, checks, marks, checks).tolist() == numbers.tolist()

    # Removing the winners must not hide the losers behind them, nor let others be found instead.
    removed = numbers[numbers % 3 == 0]
    slots.remove(marks[removed], removed)
    left = np.where(numbers % 3 == 0, UNKNOWN, numbers)
    assert slots.find(marks, checks, marks, checks).tolist() == left.tolist()
    strangers = checks + np.uint32(600)
    assert set(slots.find(marks, strangers, marks, checks).tolist()) == {UNKNOWN}

    # Ids that come back contend for the slots that were given up.
    slots.insert(marks[removed[::-1]], removed[::-1], marks)
    assert slots.find(marks, checks, marks, checks).tolist() == numbers.tolist()


def test_ids_that_contend_on_the_way_are_still_found() -> None:
    """Marks in a row: each id's second slot is the first slot of its neighbour."""
    numbers = np.arange(512)
    marks, checks = (numbers // 4).astype(np.uint64), numbers.astype(np.uint32)
    slots = Slots()
    for part in np.array_split(numbers, 5):
        slots.insert(marks[part], part, marks)
    assert slots.find(marks, checks, marks, checks).tolist() == numbers.tolist()


@pytest.mark.parametrize("marks_in_use", [3, 200, 1 << 20])
def test_ids_that_are_added_from_where_their_look_up_ended_are_found(marks_in_use: int) -> None:
    """Half of 480 ids are known, some are gone, and the others go on from their look-up."""
    numbers = np.arange(480)
    marks = (numbers * 7919 % marks_in_use).astype(np.uint64)
    checks = numbers.astype(np.uint32)
    slots = Slots()
    slots.insert(marks[:240], numbers[:240], marks)
    slots.remove(marks[:40], numbers[:40])
    probe = slots.probe(marks, checks, marks, checks)
    unknown = np.flatnonzero(probe.entries == UNKNOWN)
    assert unknown.tolist() == [*range(40), *range(240, 480)]
    slots.insert(marks[unknown], numbers[unknown], marks, probe.of(unknown))
    assert slots.find(marks, checks, marks, checks).tolist() == numbers.tolist()
