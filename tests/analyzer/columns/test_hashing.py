"""Fingerprints against their definition."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from analyzer.columns import hashing
from analyzer.columns.hashing import fingerprints
from analyzer.columns.packed import pack


def fingerprint(scope: int, text: str) -> tuple[int, int]:
    """The formula of the paper, on the 32-bit words of one text, in plain integers."""
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
        for keys in hashing._KEYS
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
def test_a_fingerprint_depends_on_a_text_and_its_scope_and_on_nothing_next_to_it(
    scoped: list[tuple[int, str]],
) -> None:
    marks, checks = fingerprints(
        np.array([scope for scope, _ in scoped]), pack([text for _, text in scoped])
    )
    assert list(zip(marks.tolist(), checks.tolist(), strict=True)) == [
        fingerprint(*one) for one in scoped
    ]
    assert len(set(zip(marks.tolist(), checks.tolist(), strict=True))) == len(set(scoped))


def test_fingerprints_of_numbered_ids_lie_evenly_in_a_table_of_slots() -> None:
    """Thrown at random into 2^16 bins, 2^16 balls leave a share of 1 / e of the bins empty."""
    marks, _ = fingerprints(
        np.zeros(1 << 16, dtype=np.int64),
        pack([f"H01-a{number:07}-0" for number in range(1 << 16)]),
    )
    for shift in (0, 16, 32, 48):
        bins = np.bincount((marks >> np.uint64(shift)).astype(np.int64) & 0xFFFF, minlength=1 << 16)
        assert 0.35 < np.count_nonzero(bins == 0) / len(bins) < 0.39
