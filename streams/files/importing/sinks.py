"""Where the facts of tables go: files of JSON lines, or frames."""

from __future__ import annotations

from collections.abc import Callable, Collection
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Any

import msgspec
import polars as pl

from analyzer import TOPICS
from streams.files.importing.faults import Rejection

REJECTED = "rejected"
_encode = msgspec.json.Encoder().encode


class Files:
    """Files of JSON lines in a folder, one for each topic, and one for rejected rows.

    Each is written under a temporary name and renamed when all are complete. So nobody reads half a
    file, and a failed run leaves earlier files as they were.
    """

    def __init__(
        self,
        folder: Path,
        topics: tuple[str, ...],
        report: Callable[[Rejection], None],
        kept: Collection[str] | None = None,
    ) -> None:
        """`kept`: topics that get a file even without facts; None: all."""
        self._folder, self._report, self._kept = folder, report, kept
        self._stack = ExitStack()
        self.paths = {name: folder / f"{name}.jsonl" for name in (*topics, REJECTED)}
        self._files: dict[str, IO[Any]] = {}

    def __enter__(self) -> Files:
        self._folder.mkdir(parents=True, exist_ok=True)
        for name, path in self.paths.items():
            self._files[name] = self._stack.enter_context(_part(path).open("wb"))
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        self._stack.close()
        for path in self.paths.values():
            if kind is None:
                _part(path).replace(path)
            else:
                _part(path).unlink(missing_ok=True)
        if kind is None:
            for topic in TOPICS:  # also of an earlier run with another mapping
                if topic not in self.paths or self._is_needless(topic):
                    (self._folder / f"{topic}.jsonl").unlink(missing_ok=True)

    def _is_needless(self, topic: str) -> bool:
        is_kept = self._kept is None or topic in self._kept
        return not is_kept and not self.paths[topic].stat().st_size

    def take(self, topic: str, facts: pl.DataFrame) -> None:
        facts.write_ndjson(self._files[topic])

    def refuse(self, rejection: Rejection) -> None:
        self._files[REJECTED].write(_encode(rejection.record) + b"\n")
        self._report(rejection)


class Frames:
    """Frames in memory, one for each topic."""

    def __init__(self) -> None:
        self._facts: dict[str, list[pl.DataFrame]] = {}
        self._rejected: list[Rejection] = []

    def take(self, topic: str, facts: pl.DataFrame) -> None:
        self._facts.setdefault(topic, []).append(facts)

    def refuse(self, rejection: Rejection) -> None:
        self._rejected.append(rejection)

    def of(self, topic: str) -> pl.DataFrame | None:
        """The facts of a topic; None: there are none."""
        parts = self._facts.get(topic)
        return None if parts is None else pl.concat(parts, how="diagonal")

    @property
    def rejected(self) -> pl.DataFrame:
        """The rejected rows: file, line, field, reason, expected."""
        schema = {
            "file": pl.String,
            "line": pl.Int64,
            "field": pl.String,
            "reason": pl.String,
            "expected": pl.String,
        }
        return pl.DataFrame([one.record for one in self._rejected], schema=schema)


def _part(path: Path) -> Path:
    return path.with_name(f".{path.name}.part")
