"""Without: imports libraries as if optional modules of theirs were not installed."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def without(*names: str) -> Iterator[None]:
    """Let imports within find none of the top-level modules `names`, unless they are loaded.

    Only for modules that those who import them can do without. Afterwards they can be imported.
    """
    absent = [name for name in names if name not in sys.modules]
    modules: dict[str, object] = sys.modules  # type: ignore[assignment]
    modules |= dict.fromkeys(absent)  # Python's mark for a module that is not to be found
    try:
        yield
    finally:
        for name in absent:
            if modules.get(name, name) is None:
                del modules[name]
