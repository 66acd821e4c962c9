"""Packed strings survive packing, cutting and joining."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from analyzer.columns.packed import joined, pack


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
