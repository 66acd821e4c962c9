"""Simulator: a hospital calibrated to published figures, with alarms, rosters, responses and
reviews. The same seed gives the same records.
"""

from streams.simulator.alarms import simulate
from streams.simulator.hospital import Storm, Ward
from streams.simulator.perturbations import Record

__all__ = ["Record", "Storm", "Ward", "simulate"]
