"""Recorded episodes from files: JSON lines, as in the `episodes` topic and from `replay
--episodes`, or tables from other sources.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import msgspec

from analyzer.model import LATEST, MAX_ID_LENGTH, Class, Kind, Priority
from analyzer.whatif import FIELDS, Recorded, Recorder
from streams.files.lines import BadLine, line_batches
from streams.files.tables import is_table
from streams.formats.codec import Malformed, detail, milliseconds

_LINES_AT_ONCE = 1 << 14
EARLIEST = 0
"""ms since 1970. Tables from other sources may contain any time. The range from 1970 to 2100 bounds
every loop over time.
"""
_Id = Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_ID_LENGTH)]
_Text = Annotated[str, msgspec.Meta(max_length=MAX_ID_LENGTH)]
_AN_ID = f"1 to {MAX_ID_LENGTH} characters"


class _Record(msgspec.Struct, gc=False, rename={"class_": "class"}):
    """An episode record. `_IN_ORDER` maps its fields to the order of `FIELDS`."""

    facility: _Id
    unit: _Id
    bed: _Id
    alarm_id: _Id
    device_type: _Id
    code: _Id
    kind: Kind
    priority: Priority
    start: int | str
    class_: Class
    device_id: _Text = ""
    source: _Text = ""
    end: int | str | None = None
    value: float | None = None
    limit: float | None = None
    clinicians: tuple[_Id, ...] = ()
    first_response: int | str | None = None


_TIMES = ("start", "end", "first_response")
_IDS = ("facility", "unit", "bed", "alarm_id", "device_type", "code")
_decode = msgspec.json.Decoder(_Record).decode
_IN_ORDER = [_Record.__struct_fields__.index(name) for name in FIELDS]
_START, _END, _RESPONSE = map(_Record.__struct_fields__.index, _TIMES)


def read_episodes(
    path: Path,
    report: Callable[[BadLine], None],
    mapping: Path | None = None,
    warn: Callable[[str], None] = lambda _: None,
) -> Recorded:
    """The episodes of a file: JSON lines, or with a mapping, or by its name, a table (see
    `streams.files.mapping`).

    Lines that are not episodes are reported and skipped; `warn` gets a line for each thing that is
    suspicious about the others. Raises `InputError`.
    """
    recorder = Recorder()
    if mapping is None and not is_table(path):
        for some_lines in line_batches(path, _LINES_AT_ONCE):
            take(recorder, path, some_lines, report)
        return recorder.recorded()
    from streams.files.table_episodes import TableEpisodes
    from streams.formats.episode_columns import episode_columns

    table = TableEpisodes(path, mapping, report, warn)
    if table.are_whole:
        for frame in table.frames():
            recorder.take_columns(episode_columns(frame))
        return recorder.recorded()
    with TemporaryDirectory(prefix="alarm-fatigue-") as folder:
        table.write(finished := Path(folder) / "episodes.jsonl")
        for some_lines in line_batches(finished, _LINES_AT_ONCE):
            take(recorder, finished, some_lines, report)
    return recorder.recorded()


def take(
    recorder: Recorder,
    path: Path,
    numbered: Sequence[tuple[int, bytes]],
    report: Callable[[BadLine], None],
) -> None:
    """Take numbered lines of a file into the recorder; malformed ones are reported."""
    try:
        records = list(map(msgspec.structs.astuple, map(_decode, [line for _, line in numbered])))
        plain = _are_plain(records)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        plain = False
    if not plain:  # one at a time, to report what is wrong with which line
        records = []
        for number, line in numbered:
            try:
                records.append(_fields(line))
            except Malformed as error:
                report(BadLine(path, number, str(error)))
    _enter(recorder, records)


def _enter(recorder: Recorder, records: list[tuple[Any, ...]]) -> None:
    if records:
        columns = list(zip(*records, strict=True))
        recorder.take([columns[index] for index in _IN_ORDER])


def _are_plain(records: list[tuple[Any, ...]]) -> bool:
    """Whether all times are integers, in range and in order, as in nearly all files."""
    for record in records:
        start, end, response = record[_START], record[_END], record[_RESPONSE]
        if type(start) is not int or not EARLIEST <= start <= LATEST:
            return False
        if end is not None and (type(end) is not int or not start <= end <= LATEST):
            return False
        if response is not None and (
            type(response) is not int or not EARLIEST <= response <= LATEST
        ):
            return False
    return True


def _fields(line: bytes) -> tuple[Any, ...]:
    try:
        record = _decode(line)
    except msgspec.ValidationError as error:
        raise Malformed(_message(str(error))) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise Malformed("value: expected JSON") from None
    return _checked(record)


def _checked(record: _Record) -> tuple[Any, ...]:
    for name in _TIMES:
        moment = getattr(record, name)
        if isinstance(moment, str):
            setattr(record, name, moment := milliseconds(moment, name))
        if moment is not None and not EARLIEST <= moment <= LATEST:
            raise Malformed(f"{name}: expected a time from 1970 to 2100")
    fields = msgspec.structs.astuple(record)
    if fields[_END] is not None and fields[_END] < fields[_START]:
        raise Malformed("end: expected no earlier than start")
    return fields


def _message(error: str) -> str:
    found = detail(error)
    name = found.partition(":")[0]
    return f"{name}: expected {_AN_ID}" if name in _IDS and "length" in error else found
