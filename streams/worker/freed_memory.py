"""Freed memory: handing it back to the operating system.

The allocator of glibc keeps what is freed below blocks in use. In a worker that has read a million
alarms and stored them, that was more than a quarter of its resident memory.
"""

from __future__ import annotations

import ctypes


def give_back() -> bool:
    """Give freed memory back. Returns False where the C library cannot, as on macOS or Alpine.

    It took 6 ms of processor time with 300,000 held alarms. Pages that are needed again soon cost a
    page fault each.
    """
    try:
        trim = ctypes.CDLL(None).malloc_trim
    except (AttributeError, OSError, TypeError):
        return False
    trim(ctypes.c_size_t(0))
    return True
