"""What is imported from `analyzer` is loaded then."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import analyzer
from analyzer import front
from analyzer.engine import Engine

ROOT = Path(__file__).parents[2]


def said(program: str) -> str:
    """What a program prints that starts afresh."""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT
    )
    return done.stdout.strip()


def test_a_room_by_itself_loads_no_engine_and_no_numpy() -> None:
    loaded = said("import sys, analyzer.model; print(*sys.modules)").split()
    assert {"analyzer.front", "analyzer.engine", "numpy"}.isdisjoint(loaded)
    assert "analyzer.model.policy" in loaded


def test_every_name_of_the_front_is_there() -> None:
    assert analyzer.Engine is Engine
    for name in front.__all__:
        assert getattr(analyzer, name) is getattr(front, name), name
    assert said("from analyzer import *; print(Engine.__module__)") == "analyzer.engine"


def test_an_invalid_name_is_an_error() -> None:
    with pytest.raises(AttributeError, match="module 'analyzer' has no attribute 'nothing'"):
        _ = analyzer.nothing  # type: ignore[attr-defined]
    with pytest.raises(ImportError, match="cannot import name 'nothing'"):
        from analyzer import nothing  # type: ignore[attr-defined]  # noqa: F401
