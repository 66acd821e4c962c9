"""The analyzer: measures the load of alarms on the people who must respond, and what reduces it.

It is pure: no Kafka, no clock, no files, no environment. Times are arguments. `Engine` holds the
facilities of one partition, and is all that the worker needs. The packages and modules, from the
bottom up (each imports only from those above it in this list):

    arrays, times   types of numpy arrays; the times that mean "never" and "still open"
    model           facts, episodes and the policy: values, without state
    columns         growable columns, interned names, seen ids, packed strings, segments
    stats           shares and bounds with their confidence limits
    pipeline        the path of a fact: admission, pending, fold, derive, finalise, evict, compact;
                    and the state that results from it, with its storage in shards
    windows         what alarms add up to in sliding windows, one statistic a module
    overload        the states of clinicians and units, their reasons, relief and history
    findings        which alarm types to fix first, and how
    history         figures of weeks and months, by day, and how they differ from those before
    whatif          recorded alarms under other settings; before and after a change
    engine          one partition of all this
    front           the names that can be imported from `analyzer`

Code outside the analyzer imports from `analyzer` or from one of its packages, never from a module
inside a package. `analyzer` loads a name only when it is imported, so that a program that needs one
package starts fast.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from analyzer.front import *  # noqa: F403  # each name of its `__all__`
else:  # hidden from the type checker, which would take any name for right

    def __getattr__(name: str) -> Any:
        front = import_module("analyzer.front")
        if name not in front.__all__ and name != "__all__":
            raise AttributeError(f"module 'analyzer' has no attribute {name!r}")
        found = globals()[name] = getattr(front, name)
        return found
