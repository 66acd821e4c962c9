"""Provenance: what a report was made with, so that it can be made again and be signed."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from analyzer.model import Policy
from streams import __version__
from streams.files.lines import STDIN


@dataclass(frozen=True, slots=True)
class Input:
    """A file, and the SHA-256 of its bytes; None for standard input."""

    name: str
    sha256: str | None


@dataclass(frozen=True, slots=True)
class Provenance:
    """How a report was made: the program, the time and the input. It does not name the person."""

    version: str
    written_at: int
    """In ms since 1970."""
    policy: str
    """The fingerprint of the policy in force."""
    settings: dict[str, Any]
    """The policy in force; durations in ms."""
    command: str
    inputs: tuple[Input, ...]

    def fields(self) -> dict[str, Any]:
        return asdict(self)


def provenance(
    arguments: Sequence[str], paths: Iterable[Path | None], policy: Policy, now: int
) -> Provenance:
    """The provenance for a command with these arguments that read these files. Paths are cut to
    their names, as folders may name persons. Raises `OSError`.
    """
    command = shlex.join(["alarm-fatigue", *map(_named, arguments)])
    inputs = tuple(_hashed(path) for path in paths if path is not None)
    return Provenance(__version__, now, policy.fingerprint, asdict(policy), command, inputs)


def _named(argument: str) -> str:
    """
    >>> _named("/home/kim/episodes.jsonl"), _named("monitor/SpO2/LO"), _named("--out=/home/kim/a")
    ('episodes.jsonl', 'monitor/SpO2/LO', '--out=a')
    """
    option, equals, value = argument.rpartition("=")
    if argument.startswith("--") and equals:
        return f"{option}={_named(value)}"
    path = Path(argument)
    return path.name if path.is_absolute() or path.exists() else argument


def _hashed(path: Path) -> Input:
    if path == STDIN:
        return Input("standard input", None)
    digest = sha256()
    with path.open("rb") as file:
        while some := file.read(1 << 20):
            digest.update(some)
    return Input(path.name, digest.hexdigest())
