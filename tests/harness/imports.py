"""`import` as somebody calls it: tables and a mapping in a folder, the facts that come out."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.harness.workers import Done, run


@dataclass(frozen=True)
class Import:
    """The output of a run, and the lines of each file that it wrote."""

    done: Done
    files: dict[str, list[dict[str, Any]]]

    @property
    def alarms(self) -> list[dict[str, Any]]:
        return self.files["alarms"]

    @property
    def rejected(self) -> list[tuple[int, str, str]]:
        """Line, field and reason."""
        return [(one["line"], one["field"], one["reason"]) for one in self.files["rejected"]]

    def spans(self) -> set[tuple[str, int, int | None]]:
        """Code, start and end of each alarm."""
        found: dict[str, list[Any]] = {}
        for one in self.alarms:
            alarm = found.setdefault(one["alarm_id"], [one["code"], None, None])
            place = 2 if one["phase"] == "end" else 1
            if place == 2 or alarm[1] is None or one["at"] < alarm[1]:
                alarm[place] = one["at"]
        return {(code, start, end) for code, start, end in found.values()}


def imported(
    folder: Path, table: str | bytes, mapping: str | None, *more: Any, name: str = "t.csv"
) -> Import:
    """Import one table; `mapping` is the text of a mapping, or None."""
    (folder / name).write_bytes(table if isinstance(table, bytes) else table.encode())
    given: tuple[Any, ...] = ()
    if mapping is not None:
        (folder / "map.yml").write_text(mapping)
        given = ("--mapping", folder / "map.yml")
    done = run("import", folder / name, *given, "--out", folder / "out", *more)
    return Import(done, written(folder / "out"))


def written(folder: Path) -> dict[str, list[dict[str, Any]]]:
    """The lines of each file of facts."""
    return {
        path.stem: [json.loads(line) for line in path.read_text().splitlines()]
        for path in sorted(folder.glob("*.jsonl"))
    }
