"""Target `tables`: files of recorded episodes - JSON lines, and CSV under a mapping that may be
arbitrary, too.
"""

from __future__ import annotations

import os
import tempfile
from functools import cache
from pathlib import Path

from analyzer import TOPICS
from streams.files.importing import facts_of_tables
from streams.files.importing.guess import guessed
from streams.files.lines import BadLine, InputError
from streams.files.mapping import load_mapping
from streams.files.recorded import read_episodes
from streams.formats.codec import decode, to_json
from tests.fuzz.facts import CANARY

_LONGEST = 2000
"""Characters of an error that people are to read."""


_MOST_BRACKETS = 600
"""In a mapping: of nested ones, YAML's parser takes time by the square. Mappings are the operator's
own.
"""


@cache
def _folder() -> Path:
    """In memory where the system has such a place."""
    shared = Path("/dev/shm")
    parent = shared if shared.is_dir() and os.access(shared, os.W_OK) else None
    return Path(tempfile.mkdtemp(prefix="alarm-fatigue-fuzz-", dir=parent))


def read_table(data: bytes) -> None:
    """Rows are episodes or reported by number, in one line without values; a mapping or file of no
    use is an `InputError`.
    """
    first = _outcome(data)
    assert first == _outcome(data)
    assert not isinstance(first[0], str) or len(first[0]) < _LONGEST


def _read_facts(path: Path, mapping: Path | None) -> None:
    """Every fact is one, and what is rejected or said holds nothing of the rows."""
    try:
        found = facts_of_tables([path], mapping)
    except InputError as error:
        _check_line(error)
        return
    for topic in TOPICS:
        frame = getattr(found, topic)
        for row in [] if frame is None else frame.iter_rows(named=True):
            decode(topic, to_json(row))
    said = [*found.words, *map(str, found.rejected.rows())]
    assert CANARY not in "".join(said), said


def _check_line(error: InputError) -> None:
    assert "\n" not in str(error), error


def _guess(path: Path) -> None:
    """A table gets a mapping that can be read, or one line."""
    try:
        proposed = guessed(path)
    except InputError as error:
        _check_line(error)
        return
    (_folder() / "guess.yml").write_text(proposed)
    assert load_mapping(_folder() / "guess.yml").sections


def _outcome(data: bytes) -> tuple[str | int, list[str]]:
    """The first line says what it is: `jsonl`, or `csv` with a mapping that a line `---` ends."""
    head, _, rest = data.partition(b"\n")
    mapping: Path | None = None
    path = _folder() / ("t.csv" if head == b"csv" else "t.jsonl")
    if head == b"csv":
        text, _, rest = rest.partition(b"\n---\n")
        if text.count(b"[") + text.count(b"{") > _MOST_BRACKETS:
            text = b""
        mapping = _folder() / "m.yml"
        mapping.write_bytes(text)
    path.write_bytes(rest)
    reported: list[str] = []

    def report(line: BadLine) -> None:
        told = str(line)
        assert "\n" not in told
        assert CANARY not in told, told
        reported.append(told)

    if head == b"csv":
        _read_facts(path, mapping)
        _guess(path)
    try:
        recorded = read_episodes(path, report, mapping)
    except InputError as error:
        return str(error)[:_LONGEST], reported
    return len(recorded), reported
