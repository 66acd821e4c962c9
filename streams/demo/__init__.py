"""The demo: a simulated hospital in time-lapse, and its numbers as a live table."""

from streams.demo.run import DemoError, ExtraMissing, Options, run

__all__ = ["DemoError", "ExtraMissing", "Options", "run"]
