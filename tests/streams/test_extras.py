"""How to install an extra: by names that a package index knows."""

from __future__ import annotations

import shlex
import sys
import tomllib
from pathlib import Path

import pytest

from streams.extras import install, requirements

ROOT = Path(__file__).parents[2]
EXTRAS: dict[str, list[str]] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"][
    "optional-dependencies"
]


@pytest.mark.parametrize("extra", EXTRAS)
def test_the_command_installs_the_requirements_into_the_python_that_runs(extra: str) -> None:
    interpreter, *command = shlex.split(install(extra))
    assert interpreter == sys.executable
    assert command == ["-m", "pip", "install", *requirements(extra)]
    assert len(requirements(extra)) == len(EXTRAS[extra])
    assert not any("alarm-fatigue" in one for one in command)


@pytest.mark.parametrize("extra", EXTRAS)
def test_a_source_tree_that_is_not_installed_knows_them_too(extra: str) -> None:
    assert requirements(extra, "no-such-distribution") == EXTRAS[extra]


def test_no_text_names_the_project_as_if_an_index_had_it() -> None:
    texts = [*ROOT.glob("streams/**/*.py"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("deploy/**/*")]
    wrong = [
        str(path.relative_to(ROOT))
        for path in texts
        if path.is_file() and "alarm-fatigue[" in path.read_text(errors="replace")
    ]
    assert wrong == []
