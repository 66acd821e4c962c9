"""Everything that touches the world: Kafka, files, clocks, Prometheus, the command line."""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("alarm-fatigue")
except PackageNotFoundError:  # run from a source tree that is not installed
    __version__ = "0+unknown"
