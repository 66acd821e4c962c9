"""Definition: one metric as Prometheus knows it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Definition:
    """A metric as Prometheus knows it; `labels` in the order in which they are written."""

    kind: str
    labels: tuple[str, ...]
    help: str
