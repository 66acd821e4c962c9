"""Simulator: a hospital calibrated to published figures, with alarms, rosters, responses and
reviews. The same seed gives the same records.
"""

from streams.simulator.alarms import simulate
from streams.simulator.hospital import Change, Storm, Ward
from streams.simulator.perturbations import Record
from streams.simulator.readings import Monitors, Reading

__all__ = ["Change", "Monitors", "Reading", "Record", "Storm", "Ward", "simulate"]
