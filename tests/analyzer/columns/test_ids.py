"""Known ids: the arrays against plain Python, with marks so few that they collide all the time."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.columns import ids
from analyzer.columns.ids import UNKNOWN, SeenIds, Slots, from_planes, joined, pack, planes
from analyzer.pipeline.table import Table

STRONG = ids.fingerprints
WORDS = st.sampled_from([f"w{number}" for number in range(40)])
SCOPED = st.tuples(st.integers(0, 2), WORDS)


@pytest.fixture(params=[1 << 64, 4, 1], ids=["marks apart", "few marks", "one mark"], autouse=True)
def weak(request: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fingerprints of which only the check is sure to tell ids apart."""
    strong = ids.fingerprints

    def fingerprints(scopes: Any, texts: Any) -> Any:
        marks, checks = strong(scopes, texts)
        return marks % np.uint64(request.param) if request.param < 1 << 64 else marks, checks

    monkeypatch.setattr(ids, "fingerprints", fingerprints)
    monkeypatch.setattr("analyzer.pipeline.table.fingerprints", fingerprints)
    monkeypatch.setattr(ids, "_LEAST_SLOTS", 8)


def entered(seen: SeenIds, scoped: list[tuple[int, str]], at: int) -> list[int]:
    """The entries of ids, of which those that are new are entered."""
    scopes, texts = np.array([scope for scope, _ in scoped]), [text for _, text in scoped]
    marks, checks = ids.fingerprints(scopes, pack(texts))
    return list(seen.add_again(scopes, texts, np.full(len(texts), at), marks, checks).tolist())


def found(seen: SeenIds, scoped: list[tuple[int, str]]) -> list[int]:
    scopes, texts = (
        np.array([scope for scope, _ in scoped], dtype=np.int64),
        [text for _, text in scoped],
    )
    return list(seen.find(*ids.fingerprints(scopes, pack(texts))).tolist())


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
        patch.setattr(ids, "_BLOCK", 4)
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
    """After a restart: what was stored, in another process' words."""
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


@given(st.lists(st.tuples(st.booleans(), st.lists(SCOPED, min_size=1, max_size=20)), max_size=10))
def test_an_alarm_keeps_its_row_until_it_is_dropped(
    steps: list[tuple[bool, list[tuple[int, str]]]],
) -> None:
    table, rows = Table(), dict[tuple[int, str], int]()
    for keep, scoped in steps:
        if keep:
            taken = table.rows_of(
                np.array([scope for scope, _ in scoped]), [text for _, text in scoped]
            )
            for one, row in zip(scoped, taken.tolist(), strict=True):
                assert rows.setdefault(one, row) == row
        else:
            table.drop(
                np.array(sorted({rows.pop(one) for one in scoped if one in rows}), dtype=np.int64)
            )
        assert len(set(rows.values())) == len(rows) == table.held
        held = table.rows()
        assert sorted(rows.values()) == held.tolist()
        assert sorted(zip(table.facility[held].tolist(), table.ids(held), strict=True)) == sorted(
            rows
        )


@given(st.lists(st.text(max_size=128)), st.data())
def test_texts_survive_packing(texts: list[str], data: st.DataObject) -> None:
    packed = pack(texts)
    assert packed.unpacked() == texts
    begin = data.draw(st.integers(0, len(texts)))
    end = data.draw(st.integers(begin, len(texts)))
    assert packed.part(begin, end).unpacked() == texts[begin:end]
    assert (
        joined(
            [packed.part(0, begin), packed.part(begin, end), packed.part(end, len(texts))]
        ).unpacked()
        == texts
    )


def fingerprint(scope: int, text: str) -> tuple[int, int]:
    """As the paper writes it: of a text's 32-bit words, alone and in plain integers."""
    content = text.encode()
    padded = content + bytes(-len(content) % 4)
    words = [
        1,
        scope,
        len(content),
        *(int.from_bytes(padded[at : at + 4], "little") for at in range(0, len(padded), 4)),
    ]
    high, low, check = (
        sum(key * word for key, word in zip(keys.tolist(), words, strict=False)) % 2**64 >> 32
        for keys in ids._KEYS
    )
    mark = ((high << 32) | (high ^ low)) * 0x9E3779B97F4A7C15 % 2**64
    return mark ^ (mark >> 32), check


@given(
    st.lists(
        st.tuples(st.integers(0, 2**31 - 1), st.text(max_size=128) | st.text("ab\0", max_size=20)),
        min_size=1,
        max_size=30,
    )
)
def test_a_fingerprint_tells_of_a_text_and_its_scope_and_of_none_beside_it(
    scoped: list[tuple[int, str]],
) -> None:
    marks, checks = STRONG(
        np.array([scope for scope, _ in scoped]), pack([text for _, text in scoped])
    )
    assert list(zip(marks.tolist(), checks.tolist(), strict=True)) == [
        fingerprint(*one) for one in scoped
    ]
    assert len(set(zip(marks.tolist(), checks.tolist(), strict=True))) == len(set(scoped))


def test_fingerprints_of_numbered_ids_lie_evenly_in_a_table_of_slots() -> None:
    """Of 2^16 balls thrown into as many bins, 1 / e leave a bin empty."""
    marks, _ = STRONG(
        np.zeros(1 << 16, dtype=np.int64),
        pack([f"H01-a{number:07}-0" for number in range(1 << 16)]),
    )
    for shift in (0, 16, 32, 48):
        bins = np.bincount((marks >> np.uint64(shift)).astype(np.int64) & 0xFFFF, minlength=1 << 16)
        assert 0.35 < np.count_nonzero(bins == 0) / len(bins) < 0.39


@given(st.lists(st.integers(-(1 << 63), (1 << 63) - 1), min_size=1))
def test_columns_survive_storage(values: list[int]) -> None:
    assert from_planes(planes(np.array(values)), np.int64).tolist() == values


def test_erased_ids_are_unknown_and_their_block_can_still_be_dropped_and_stored() -> None:
    seen = SeenIds()
    texts = [f"id-{number}" for number in range(6000)]  # more than a block holds
    scopes = np.arange(6000) % 2
    marks, checks = ids.fingerprints(scopes, pack(texts))
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
