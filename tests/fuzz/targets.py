"""The targets by name: a function of bytes, what to instrument, and its share of all inputs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from tests.fuzz.facts import decode_values, run_engine
from tests.fuzz.hl7 import frames, translate
from tests.fuzz.requests import ask
from tests.fuzz.restoring import restore_stored
from tests.fuzz.tables import read_table

CORPUS = Path(__file__).parent / "corpus"


class Target(NamedTuple):
    """`share` of all inputs; `max_bytes` of the longest one that is drawn."""

    one: Callable[[bytes], None]
    share: float
    max_bytes: int


TARGETS = {
    "decode": Target(decode_values, 0.27, 4096),
    "engine": Target(run_engine, 0.01, 4096),
    "restore": Target(restore_stored, 0.05, 2048),
    "web": Target(ask, 0.10, 4096),
    "tables": Target(read_table, 0.065, 4096),
    "hl7": Target(translate, 0.20, 2048),
    "frames": Target(frames, 0.20, 640),
}
ROWS, ROWS_SHARE = "rows", 0.10
INTERFACE = "interface"
"""Drawn by schemathesis from `streams/http/site/openapi.json`, so without bytes or a corpus; the
rest of all inputs.
"""


def corpus(target: str) -> list[Path]:
    """The files kept for a target."""
    return sorted((CORPUS / target).iterdir())
