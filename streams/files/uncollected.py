"""Uncollected: no search for garbage while millions of facts are read, or modules imported."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def uncollected() -> Iterator[None]:
    """Facts and columns form no cycles, so that all of them are freed without the collector, which
    would look at each of them again and again: a quarter of the time of reading. What importing
    makes stays.
    """
    before = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if before:
            gc.enable()
