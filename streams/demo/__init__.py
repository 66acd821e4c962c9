"""The demo: a simulated hospital in time-lapse, and its numbers as a live table."""

from streams.demo.gateway import FASTEST
from streams.demo.run import DemoError, ExtraMissing, Options, run

__all__ = ["FASTEST", "DemoError", "ExtraMissing", "Options", "run"]
