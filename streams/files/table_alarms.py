"""Alarms of a table, a row each, with a mapping: the same for what-ifs, `replay` and `publish`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from streams.files.lines import BadLine, shown
from streams.files.local_times import ChangedClocks
from streams.files.mapping import load_mapping
from streams.files.tables import table_rows
from streams.formats.codec import Malformed

Row = tuple[int, dict[str, Any]]


class TableAlarms:
    """The number and fields of each row that is an alarm; others are reported."""

    def __init__(
        self,
        path: Path,
        mapping: Path | None,
        report: Callable[[BadLine], None],
        keeps_undecided: bool,
    ) -> None:
        """`keeps_undecided`: rows of an hour that came twice count in the first one where nothing
        tells which one it was; otherwise they are reported as malformed. Raises `InputError`.
        """
        self._path, self._report, self._keeps = path, report, keeps_undecided
        self._table = load_mapping(mapping)
        self._rows = table_rows(path, self._table.csv, self._table.known, report)
        self._table.check(self._rows.columns, path, mapping)
        self.has_ids = "alarm_id" in self._table.fields or "alarm_id" in self._rows.columns
        """Whether the table numbers its alarms itself."""
        self._clocks = ChangedClocks()
        self._ids: set[int] = set()
        self._repeated = 0

    def __iter__(self) -> Iterator[Row]:
        """Rows of hours that came twice follow after all others. Raises `InputError`."""
        for number, row in self._rows:
            try:
                fields = self._table.episode(row, number)
            except Malformed as error:
                self.refuse(number, str(error))
                continue
            except RecursionError:
                self.refuse(number, "value: expected a flat row")
                continue
            self._count(fields)
            if not self._clocks.takes(number, fields):
                yield number, fields
        for number, fields, undecided in self._clocks.settled():
            if undecided is not None and not self._keeps:
                self.refuse(
                    number,
                    f"{undecided}: expected a time of one meaning, but the clocks were changed in "
                    "this hour",
                )
            else:
                yield number, fields

    def refuse(self, number: int, detail: str) -> None:
        """Report a row."""
        self._report(BadLine(self._path, number, detail))

    def words(self) -> Iterator[str]:
        """What is suspicious about the rows read, a line each."""
        yield from self._rows.words()
        name = shown(self._path)
        if self._repeated:
            one = self._repeated == 1
            yield (
                f"{name}: {self._repeated:,} "
                + (
                    f"{'row' if one else 'rows'} replaced earlier ones"
                    if self._keeps
                    else f"{'row is' if one else 'rows are'} left out for an earlier one"
                )
                + " of the same alarm_id: if each device counts for itself, join columns, as in "
                "alarm_id: {columns: [Bed, No]}"
            )
        if self._keeps and (count := self._clocks.undecided):
            yield (
                f"{name}: {count:,} {'row lies' if count == 1 else 'rows lie'} in an hour that "
                "came twice when the clocks were put back, and nothing tells which one: taken as "
                "the first"
            )
        if self._keeps and (count := self._clocks.missing):
            yield (
                f"{name}: {count:,} {'row has' if count == 1 else 'rows have'} a time that never "
                "was, since the clocks were put forward: taken as by the old clock"
            )

    def _count(self, fields: dict[str, Any]) -> None:
        of = hash((fields.get("facility"), fields["alarm_id"]))
        if of in self._ids:
            self._repeated += 1
        self._ids.add(of)
