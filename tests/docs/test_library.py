"""The page about the library: its example runs as it stands."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from streams.simulator import Ward, simulate
from streams.simulator.output import write_files

PAGE = Path(__file__).parents[2] / "docs" / "library.md"


def test_the_example_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    [code] = re.findall(
        r"^```python example\n(.*?)^```", PAGE.read_text(), re.DOTALL | re.MULTILINE
    )
    write_files(simulate(Ward(duration=3_600_000, units=1, beds=6)), tmp_path)
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    exec(compile(code, str(PAGE), "exec"), names)
    assert "removed" in repr(names["tried"])
