"""MLLP frames and recorded files."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.hl7 import FrameReader, TooLong, pieces
from tests.analyzer.hl7.messages import alert

ONE, TWO = alert(control="1"), alert(control="2")


def framed(data: bytes) -> bytes:
    return b"\x0b" + data + b"\x1c\x0d"


def read(*chunks: bytes) -> list[bytes]:
    reader = FrameReader()
    return [one for chunk in chunks for one in reader.feed(chunk)] + reader.idle()


@given(cuts=st.lists(st.integers(0, 2 * len(ONE) + 6), max_size=8))
def test_frames_are_the_same_in_pieces_of_any_size(cuts: list[int]) -> None:
    stream = framed(ONE) + framed(TWO)
    places = [0, *sorted(cuts), len(stream)]
    assert read(*(stream[a:b] for a, b in pairwise(places))) == [ONE, TWO]


def test_one_byte_at_a_time() -> None:
    stream = b"garbage\r\n" + framed(ONE) + b"\0" + framed(TWO)
    reader = FrameReader()
    found = [one for byte in stream for one in reader.feed(bytes([byte]))]
    assert found == [ONE, TWO]
    assert reader.skipped == len(b"garbage") + 1


def test_a_frame_without_its_last_byte_ends_with_the_next_or_with_a_pause() -> None:
    assert read(b"\x0b" + ONE + b"\x1c" + framed(TWO)) == [ONE, TWO]
    assert read(b"\x0b" + ONE + b"\x1c") == [ONE]
    assert read(b"\x0b" + ONE + b"\x1c\n" + framed(TWO)) == [ONE, TWO]
    assert read(b"\x0b" + ONE) == []


def test_0x1c_inside_a_message_does_not_end_it() -> None:
    odd = ONE.replace(b"SpO2", b"Sp\x1cO2")
    assert read(framed(odd) + framed(TWO)) == [odd, TWO]


def test_a_frame_that_the_next_one_interrupts_is_counted() -> None:
    reader = FrameReader()
    assert reader.feed(b"\x0b" + ONE[:50] + framed(TWO)) == [TWO]
    assert reader.cut == 1


def test_a_hundred_pipelined_messages() -> None:
    many = [alert(control=str(number)) for number in range(100)]
    assert read(b"".join(map(framed, many))) == many


def test_the_limit_is_exact() -> None:
    reader = FrameReader(longest=len(ONE))
    assert reader.feed(framed(ONE)) == [ONE]
    with pytest.raises(TooLong) as raised:
        reader.feed(framed(ONE) + framed(ONE + b"x"))
    assert raised.value.args[1] == [ONE]
    assert raised.value.head.startswith(ONE)
    with pytest.raises(TooLong):  # without an end, too
        FrameReader(longest=100).feed(b"\x0b" + b"x" * 101)


@pytest.mark.parametrize(
    "data",
    [
        framed(ONE) + framed(TWO),
        ONE + TWO,
        ONE.replace(b"\r", b"\n") + b"\n" + TWO.replace(b"\r", b"\n"),
        ONE.replace(b"\r", b"\r\n") + b"\r\n\r\n" + TWO.replace(b"\r", b"\r\n"),
        b"FHS|^~\\&|X\rBHS|^~\\&|X\r" + ONE + TWO + b"BTS|2\rFTS|1\r",
    ],
)
def test_files_are_framed_or_separated(data: bytes) -> None:
    found = list(pieces(data))
    assert [one.is_message for one in found] == [True, True]
    assert [b"|1|P|" in one.data or b"|2|P|" in one.data for one in found] == [True, True]


def test_text_that_is_no_message_is_reported_with_its_line() -> None:
    data = b"hello\n\n" + ONE.replace(b"\r", b"\n") + b"\nstray text\n"
    lines = ONE.count(b"\r")
    assert [(one.line, one.is_message) for one in pieces(data)] == [
        (1, False),
        (3, True),
        (4 + lines, False),
    ]
    assert list(pieces(b"")) == []
    assert [one.is_message for one in pieces(b"a,b\n1,2\n")] == [False]
