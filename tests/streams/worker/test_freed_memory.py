"""Freed memory: it leaves the process where the C library can give it back."""

from __future__ import annotations

import os
import platform

from bench import machine
from streams.worker.freed_memory import give_back


def test_freed_memory_below_a_block_in_use_is_given_back() -> None:
    blocks = [bytes([1]) * 1000 for _ in range(100_000)]
    last = blocks[-1]
    del blocks
    before, _ = machine.memory(os.getpid())
    gave = give_back()
    after, _ = machine.memory(os.getpid())
    assert gave == (platform.libc_ver()[0] == "glibc")
    assert not gave or before - after > 50
    assert len(last) == 1000
