"""Alarm names: what a hospital calls its alarm types, such as those of private codes.

They come from the file that the setting `alarm_names` names, and take precedence over the names of
`analyzer.model.alarm_names`. They are for people, like a language: a process says them everywhere
once `speak` was called, and they decide no number.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from analyzer.model import alarm_name

COLUMNS = ("device_type", "source", "code", "name")
ANY = "*"
"""Instead of a type of device: any that has none of its own."""
MOST_CHARACTERS = 128
"""The longest name, since it is a label of a metric."""
_LARGEST = 1 << 20  # bytes


@dataclass(frozen=True, slots=True)
class AlarmNames:
    """By type of device (or `ANY`), then by source and code."""

    given: Mapping[str, Mapping[tuple[str, str], str]] = field(default_factory=dict)

    def of(self, device_type: str, source: str, code: str) -> str:
        """
        >>> names = AlarmNames({ANY: {("", "X-17"): "Syringe empty"}})
        >>> names.of("pump", "", "X-17"), names.of("monitor", "MDC_PULS_OXIM_SAT_O2", "MDC_EVT_LO")
        ('Syringe empty', 'SpO2 low')
        """
        own = self.given.get(device_type, {})
        if (source, code) in own:
            return own[source, code]
        return alarm_name(source, code, self.given.get(ANY))


_spoken = AlarmNames()


def speak(names: AlarmNames) -> None:
    """Use these names in this process from now on."""
    global _spoken  # as a locale is
    _spoken = names


def spoken_name(device_type: str, source: str, code: str) -> str:
    """The plain name of alarms of this type."""
    return _spoken.of(device_type, source, code)


def read_names(path: Path) -> AlarmNames:
    """From a CSV file in UTF-8 with the header `COLUMNS`, separated by commas, semicolons or tabs.

    Raises `ValueError`: one line with file, line, column and what was expected.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ValueError(f"{path}: {error.strerror}") from None
    if len(content) > _LARGEST:
        raise ValueError(f"{path}: expected at most 1 MiB")
    try:
        lines = content.decode("utf-8-sig").splitlines()
    except UnicodeDecodeError:
        raise ValueError(f"{path}: expected text in UTF-8") from None
    given: dict[str, dict[tuple[str, str], str]] = {}
    for number, (device_type, source, code, name) in _rows(path, lines):
        where = f"{path}, line {number}"
        if not device_type:
            raise ValueError(f"{where}: device_type: expected a type of device, or {ANY} for any")
        if not code:
            raise ValueError(f"{where}: code: expected an alarm code")
        if not 0 < len(name) <= MOST_CHARACTERS or not name.isprintable():
            raise ValueError(f"{where}: name: expected 1 to {MOST_CHARACTERS} printable characters")
        known = given.setdefault(device_type, {})
        if known.setdefault((source, code), name) != name:
            raise ValueError(
                f"{where}: name: expected one name for {device_type}/{source}/{code}, which an "
                "earlier line has already"
            )
    return AlarmNames(given)


def _rows(path: Path, lines: list[str]) -> Iterator[tuple[int, list[str]]]:
    """Line numbers and the values of `COLUMNS`, in their order."""
    header = lines[0] if lines else ""
    separator = max(",;\t", key=header.count)
    reader = csv.reader(lines, delimiter=separator)
    found = [name.strip() for name in next(reader, [])]
    if sorted(found) != sorted(COLUMNS):
        raise ValueError(f"{path}, line 1: expected the columns {', '.join(COLUMNS)}")
    order = [found.index(name) for name in COLUMNS]
    for row in reader:
        if not any(value.strip() for value in row):
            continue
        if len(row) != len(COLUMNS):
            raise ValueError(
                f"{path}, line {reader.line_num}: expected {len(COLUMNS)} values, found {len(row)}"
            )
        yield reader.line_num, [row[place].strip() for place in order]
