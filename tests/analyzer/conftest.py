"""What tests of several rooms of the analyzer use."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from analyzer.columns import hashing


@pytest.fixture(params=[1 << 64, 4, 1], ids=["any mark", "four marks", "one mark"])
def weak_marks(request: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fingerprints with all marks, and with so few that most ids collide and only checks differ."""
    strong = hashing.fingerprints

    def fingerprints(scopes: Any, texts: Any) -> Any:
        marks, checks = strong(scopes, texts)
        return marks % np.uint64(request.param) if request.param < 1 << 64 else marks, checks

    for module in ("columns.hashing", "columns.seen_ids", "pipeline.table"):
        monkeypatch.setattr(f"analyzer.{module}.fingerprints", fingerprints)
    monkeypatch.setattr("analyzer.columns.slots._LEAST_SLOTS", 8)
