"""Seen ids against a Python dict, also with marks so few that they collide all the time."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.columns import hashing, seen_ids
from analyzer.columns.packed import pack
from analyzer.columns.seen_ids import SeenIds
from analyzer.columns.slots import UNKNOWN

WORDS = st.sampled_from([f"w{number}" for number in range(40)])
SCOPED = st.tuples(st.integers(0, 2), WORDS)

pytestmark = pytest.mark.usefixtures("weak_marks")


def entered(seen: SeenIds, scoped: list[tuple[int, str]], at: int) -> list[int]:
    """The entry numbers of ids, after those that are new have been added."""
    scopes, texts = np.array([scope for scope, _ in scoped]), [text for _, text in scoped]
    marks, checks = hashing.fingerprints(scopes, pack(texts))
    return list(seen.add_again(scopes, texts, np.full(len(texts), at), marks, checks).tolist())


def found(seen: SeenIds, scoped: list[tuple[int, str]]) -> list[int]:
    scopes, texts = (
        np.array([scope for scope, _ in scoped], dtype=np.int64),
        [text for _, text in scoped],
    )
    return list(seen.find(*hashing.fingerprints(scopes, pack(texts))).tolist())


@given(
    st.lists(st.lists(SCOPED, min_size=1, max_size=20), max_size=8), st.lists(SCOPED, max_size=20)
)
def test_an_id_is_known_from_when_it_was_entered_in_its_scope_alone(
    batches: list[list[tuple[int, str]]], asked: list[tuple[int, str]]
) -> None:
    seen, known = SeenIds(), dict[tuple[int, str], int]()
    for at, batch in enumerate(batches):
        for scoped, entry in zip(batch, entered(seen, batch, at), strict=True):
            assert known.setdefault(scoped, entry) == entry
            assert seen.text(entry) == scoped[1]
            assert seen.at[entry] == at
    assert len(set(known.values())) == len(known) == len(seen)
    assert found(seen, asked) == [known.get(one, UNKNOWN) for one in asked]


@given(
    st.lists(st.lists(SCOPED, min_size=1, max_size=20), min_size=2, max_size=8),
    st.integers(0, 9),
    st.booleans(),
)
def test_whole_blocks_are_forgotten_once_their_scopes_have_left_them_behind(
    batches: list[list[tuple[int, str]]], moment: int, restart: bool
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(seen_ids, "_BLOCK", 4)
        seen, latest = SeenIds(), dict[tuple[int, str], int]()
        for at, batch in enumerate(batches):
            entered(seen, batch, at)
            latest |= dict.fromkeys(batch, at)
        if restart:
            seen = again(seen)
        seen.drop_before(np.array([moment, moment, 0]))
        still = {
            scoped
            for scoped, entry in zip(latest, found(seen, list(latest)), strict=True)
            if entry != UNKNOWN
        }
        assert {scoped for scoped, at in latest.items() if at >= moment or scoped[0] == 2} <= still
        assert len(seen) == len(still)
        if restart:
            seen = again(seen)
        entered(seen, [(0, "new"), (1, "new")], 10)
        assert {
            scoped
            for scoped, entry in zip(latest, found(seen, list(latest)), strict=True)
            if entry != UNKNOWN
        } == still


def again(seen: SeenIds) -> SeenIds:
    """The ids after a restart, restored from what was stored."""
    other = SeenIds()
    dumped = {block: seen.dump(block) for block in sorted(seen.dirty)}
    other.load(
        {
            block: msgspec.msgpack.decode(msgspec.msgpack.encode(content))
            for block, content in dumped.items()
            if content is not None
        }
    )
    return other


def test_erased_ids_are_unknown_and_their_block_can_still_be_dropped_and_stored() -> None:
    seen = SeenIds()
    texts = [f"id-{number}" for number in range(6000)]  # more than a block holds
    scopes = np.arange(6000) % 2
    marks, checks = hashing.fingerprints(scopes, pack(texts))
    seen.add(scopes, pack(texts), np.arange(6000), marks, checks)
    seen.erase(seen.of(np.array([1])))
    assert (seen.find(marks, checks) == UNKNOWN).tolist() == (scopes == 1).tolist()
    assert seen.text(0) == "id-0"
    assert seen.text(1) == ""
    stored = {block: seen.dump(block) for block in (0, 1)}
    assert b"id-1id" not in stored[0][0]
    again = SeenIds()
    again.load(stored)
    assert (again.find(marks, checks) == UNKNOWN).tolist() == (scopes == 1).tolist()
    for one in (seen, again):
        one.drop_before(np.array([5000, 5000]))  # the first block alone
        assert (one.find(marks, checks) == UNKNOWN).tolist() == (
            (scopes == 1) | (np.arange(6000) < 4096)
        ).tolist()
