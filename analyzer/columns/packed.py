"""Packed strings: many short texts as one run of UTF-8 bytes and a column of lengths."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, slots=True)
class Packed:
    """Texts of at most 255 characters each: their UTF-8 bytes end to end, and the number of bytes
    of each.
    """

    text: bytes
    lengths: npt.NDArray[np.uint16]

    def __len__(self) -> int:
        return len(self.lengths)

    def part(self, begin: int, end: int) -> Packed:
        """The texts with an index in [`begin`, `end`)."""
        if begin == 0 and end == len(self.lengths):
            return self
        before, within = int(self.lengths[:begin].sum()), int(self.lengths[begin:end].sum())
        # A copy: a view would keep all lengths in memory.
        return Packed(self.text[before : before + within], self.lengths[begin:end].copy())

    def unpacked(self) -> list[str]:
        """The texts, in order."""
        text = self.text
        return [
            text[begin:end].decode()
            for begin, end in pairwise(accumulate(self.lengths.tolist(), initial=0))
        ]


def pack(texts: Sequence[str]) -> Packed:
    """Texts of at most 255 characters each, packed in order."""
    text = "".join(texts).encode()
    lengths = np.frombuffer(bytes(map(len, texts)), dtype=np.uint8).astype(np.uint16)
    if int(lengths.sum()) != len(text):  # some character takes several bytes
        lengths = np.array([len(one.encode()) for one in texts], dtype=np.uint16)
    return Packed(text, lengths)


def joined(parts: Sequence[Packed]) -> Packed:
    """All texts of the parts (at least one part), in order."""
    return (
        parts[0]
        if len(parts) == 1
        else Packed(
            b"".join([one.text for one in parts]), np.concatenate([one.lengths for one in parts])
        )
    )
