"""A simulated hospital, calibrated to published figures: alarms, rosters, responses and reviews,
the same for the same seed.
"""

from streams.simulator.alarms import simulate
from streams.simulator.hospital import Storm, Ward
from streams.simulator.perturbations import Record

__all__ = ["Record", "Storm", "Ward", "simulate"]
