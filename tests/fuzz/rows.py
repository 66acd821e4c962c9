"""Rows of tables under the ready mappings, many in a file: each becomes facts or is rejected.

A mapping reads columns, not rows, so a file holds hundreds of inputs. A column that no mapping
reads names a patient.
"""

from __future__ import annotations

import csv
import random
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from analyzer import TOPICS
from streams.files.importing import facts_of_tables
from streams.files.lines import InputError
from streams.files.mapping import load_mapping, ready_maps
from streams.formats.codec import decode, to_json
from tests.fuzz.facts import CANARY

MAPS = Path(load_mapping.__code__.co_filename).parent / "maps"
ROWS_OF_A_FILE = 400
_CELLS = (
    *("", " ", "---", "n/a", "NaN", "null", "0", "-1", "1e999", "1e308", "9" * 40, "1.234,5", "x"),
    *("x" * 129, "x" * 1025, "\u00e4\u00d6", "\u2028", "\u200b", "\ufeff", "\x07", "\t", "a\x1bb"),
    *("0001-01-01 00:00:00", "9999-12-31 23:59:59", "2026-02-30 00:00:00", "1772348400"),
    *("01.03.2026 07:00:00", "3/1/2026 7:00:00 AM", "2026-10-25 02:30:00", "2026-03-29 02:30:00"),
    *("25:61:61", "0:01:40", "-0:01", "22:00-06:00", "24:00-24:00", "***", "*** x", "\u00bd", "'"),
    *("=1+1", "TRUE", "Yes", "No", "\U0001f3e5", "\u0661\u0662", "(?P<a>", "%d", "{}", "[]"),
)
_BREAKS = ('"', '""', '"x', "\n", "\r\n", "\r", ";", ",", "\t")
"""What may move cells into other columns or rows."""


def fuzz_rows(inputs: int, seed: int) -> str | None:
    """What broke a rule, in one line; None: nothing. `inputs` counts rows."""
    dice = random.Random(seed)
    names = [name for name, _ in ready_maps()]
    done = 0
    with tempfile.TemporaryDirectory(prefix="alarm-fatigue-fuzz-") as folder:
        while done < inputs:
            name = dice.choice(names)
            breaks = dice.random() < 0.3
            path = Path(folder) / f"{name}.csv"
            path.write_bytes(_table(name, breaks, dice))
            done += ROWS_OF_A_FILE
            try:
                _check(path, Path(name), breaks)
            except Exception as error:
                kept = Path(tempfile.mkdtemp(prefix="alarm-fatigue-fuzz-rows-")) / path.name
                kept.write_bytes(path.read_bytes())
                return f"{type(error).__name__} after {done} rows: {str(error)[:200]}; {kept}"
    return None


def _table(name: str, breaks: bool, dice: random.Random) -> bytes:
    """Rows of the sample with other cells, and a column of patients."""
    encoding = load_mapping(Path(name)).csv.encoding or "utf-8"
    head, *rows = (MAPS / f"{name}.csv").read_bytes().decode(encoding).splitlines()
    delimiter = max(";,\t|", key=head.count)
    lines = [head + delimiter + "Patient"]
    cells = list(csv.reader(rows, delimiter=delimiter))
    for _ in range(ROWS_OF_A_FILE):
        row = list(dice.choice(cells))
        for _ in range(dice.choice((0, 1, 1, 2, 3))):
            row[dice.randrange(len(row))] = _cell(row, cells, breaks, delimiter, dice)
        whole = (f'"{one}"' if delimiter in one and not breaks else one for one in row)
        lines.append(delimiter.join([*whole, CANARY]))
    data = "\n".join(lines).encode(encoding, "replace")
    if dice.random() < 0.05:
        place = dice.randrange(len(data))
        data = data[:place] + dice.choice((b"\xff", b"\x00", b"\x81\xe4", b'"')) + data[place:]
    return data


def _cell(
    row: list[str], rows: list[list[str]], breaks: bool, delimiter: str, dice: random.Random
) -> str:
    if breaks and dice.random() < 0.1:
        return dice.choice(_BREAKS)
    if dice.random() < 0.4:
        return dice.choice(dice.choice(rows))
    if dice.random() < 0.2:
        one = dice.choice(row)
        place = dice.randrange(len(one) + 1)
        return one[:place] + one[place + 1 :]
    return dice.choice(_CELLS)


def _check(path: Path, mapping: Path, breaks: bool) -> None:
    try:
        found = facts_of_tables([path], mapping)
    except InputError as error:
        _check_line(str(error))
        return
    for topic, row in _facts(found):
        decode(topic, to_json(row))
        assert breaks or CANARY not in str(row), topic
    said = [*found.words, *map(str, found.rejected.rows())]
    assert CANARY not in "".join(said)


def _check_line(told: str) -> None:
    assert "\n" not in told
    assert CANARY not in told


def _facts(found: Any) -> Iterator[tuple[Any, dict[str, Any]]]:
    for topic in TOPICS:
        frame = getattr(found, topic)
        for row in [] if frame is None else frame.iter_rows(named=True):
            yield topic, row
