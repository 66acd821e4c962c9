"""Hashes: fingerprints of ids for look-ups within one process, and digests of values to store.

A fingerprint has 96 bits. Two different ids collide with probability 2^-96, even if somebody chose
them to collide, because the keys are random and differ from process to process. (So fingerprints
are never stored; texts are.) Among a billion ids, the probability of any collision is about 10^-11.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import Any

import numpy as np

from analyzer.arrays import Checks, Marks, Numbers
from analyzer.columns.packed import Packed


def _keys(lanes: int, words: int) -> Marks:
    """Random numbers that differ from process to process: Python keys its hash of strings
    (SipHash) once per process.
    """
    return np.array(
        [[hash(f"{lane} {word}") & _64 for word in range(words)] for lane in range(lanes)],
        dtype=np.uint64,
    )


_64, _32 = (1 << 64) - 1, np.uint64((1 << 32) - 1)
_HALF = np.uint64(32)
_HEAD = 3  # words before those of the text: a constant, the scope, the length
_KEYS = _keys(3, _HEAD + 256)
_FIRST_BYTES = np.array([(1 << 8 * count) - 1 for count in range(9)], dtype=np.uint64)
"""Masks of the first bytes of eight, by their number."""
_MIX = np.uint64(0x9E3779B97F4A7C15)  # 2^64 / golden ratio


def fingerprints(scopes: Numbers, texts: Packed) -> tuple[Marks, Checks]:
    """The mark (64 bits) and check (32 bits) of each text within its scope (a small number, such as
    a facility's).

    Each third of the 96 bits is the upper half of a sum of products: 32-bit words of the text times
    random keys. Such hashes are strongly universal (Lemire & Kaser, Strongly universal string
    hashing is fast, 2014), and numpy computes them for all texts at once.
    """
    lengths = texts.lengths.astype(np.int64)
    if not len(lengths):
        return np.empty(0, dtype=np.uint64), np.empty(0, dtype=np.uint32)
    at = np.cumsum(lengths) - lengths
    # The texts as rows of eight bytes at a time. Past the end of a text they are those of the next
    # text, and are masked out.
    steps = np.arange(0, int(lengths.max()), 8)[:, np.newaxis]
    padded = np.frombuffer(texts.text + bytes(8 * len(steps) + 8), dtype=np.uint8)
    eights = np.ndarray((len(padded) - 7,), dtype="<u8", buffer=padded, strides=(1,))
    count = np.minimum(np.maximum(lengths - steps, 0), 8)
    words = eights[at + steps] & _FIRST_BYTES[count]
    # One row for each third; `_KEYS` has a column for each 32-bit word.
    head = np.array([np.ones(len(lengths)), scopes, lengths], dtype=np.uint64)
    lower, upper = words & _32, words >> _HALF
    parts = [*head, *(half for pair in zip(lower, upper, strict=True) for half in pair)]
    sums = np.zeros((len(_KEYS), len(lengths)), dtype=np.uint64)
    for part, keys in zip(parts, _KEYS.T[:, :, np.newaxis], strict=False):
        sums += keys * part
    marks = (sums[0] & ~_32) | (sums[1] >> _HALF)
    # Products grow linearly with their word. Mix the bits, or numbered ids would cluster in a slot
    # table.
    marks ^= marks >> _HALF
    marks *= _MIX
    marks ^= marks >> _HALF
    return marks, (sums[2] >> _HALF).astype(np.uint32)


def stable_digest(value: Any) -> int:
    """64 bits that identify a value by its `repr`, the same in every process."""
    return int.from_bytes(blake2b(repr(value).encode(), digest_size=8).digest(), "little")
