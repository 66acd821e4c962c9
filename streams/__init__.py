"""All input and output: Kafka, files, clocks, Prometheus and the command line."""

from typing import TYPE_CHECKING, Any

__version__: str

if not TYPE_CHECKING:  # else any name would be taken for right

    def __getattr__(name: str) -> Any:
        """The version, looked up when it is asked for, as that takes time."""
        if name != "__version__":
            raise AttributeError(f"module 'streams' has no attribute {name!r}")
        from importlib.metadata import PackageNotFoundError, version

        try:
            found = version("alarm-fatigue")
        except PackageNotFoundError:  # run from a source tree that is not installed
            found = "0+unknown"
        globals()[name] = found
        return found
