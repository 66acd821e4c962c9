"""Simulator: a hospital calibrated to published figures, with alarms, rosters, responses and
reviews. The same seed gives the same records.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from streams.simulator.alarms import simulate
    from streams.simulator.perturbations import Record
    from streams.simulator.readings import Monitors, Reading
    from streams.simulator.ward import Change, Storm, Ward

__all__ = ["Change", "Monitors", "Reading", "Record", "Storm", "Ward", "simulate"]

_PLACES = {
    "Change": "ward",
    "Monitors": "readings",
    "Reading": "readings",
    "Record": "perturbations",
    "Storm": "ward",
    "Ward": "ward",
    "simulate": "alarms",
}
"""The module of each name, which is loaded when it is asked for: a ward needs no numpy."""

if not TYPE_CHECKING:  # else any name would be taken for right

    def __getattr__(name: str) -> Any:
        if name not in _PLACES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        found = globals()[name] = getattr(import_module(f"{__name__}.{_PLACES[name]}"), name)
        return found
