"""What people read of the measurements: lines while they are made, a table and a picture afterwards."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping

_began = time.monotonic()


def say(text: str) -> None:
    """A line on standard output, with the seconds since the start."""
    sys.stdout.write(f"{time.monotonic() - _began:6.1f} s  {text}\n")
    sys.stdout.flush()


def told_mix(mix: Mapping[str, int]) -> str:
    """The mix of an input in per cent, the largest share first.

    >>> told_mix({"end": 250, "start": 750})
    'start 75.0 %, end 25.0 %'
    """
    total = sum(mix.values())
    return ", ".join(f"{kind} {count / total:.1%}".replace("%", " %") for kind, count in sorted(mix.items(), key=lambda one: -one[1]))
