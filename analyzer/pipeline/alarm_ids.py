"""Alarm ids: the id of each row of the episode table, and the row of the first episode of each id.

Ids are kept as bytes in one text and are found by fingerprint. So an id costs no Python object.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from analyzer.arrays import Checks, Marks, Numbers
from analyzer.columns.growing import Growing
from analyzer.columns.packed import Packed
from analyzer.columns.slots import Probe, Slots


class AlarmIds(Growing):
    """The ids by row, and an index from fingerprints to rows.

    Several rows may have one id (an id that is used again); only those that were passed to `index`
    are found.
    """

    marks: Marks
    checks: Checks
    _text_at: npt.NDArray[np.uint32]
    _text_length: npt.NDArray[np.uint16]

    def __init__(self) -> None:
        super().__init__(
            marks=(np.uint64, 0),
            checks=(np.uint32, 0),
            _text_at=(np.uint32, 0),
            _text_length=(np.uint16, 0),
        )
        self.reserve(1)  # `Slots.find` indexes the columns even if nothing is known
        self._slots = Slots()
        self._text = bytearray()
        self._text_lost = 0  # bytes of ids that were erased

    def find(self, marks: Marks, checks: Checks) -> Numbers:
        """The indexed row of each fingerprint, UNKNOWN where there is none."""
        return self._slots.find(marks, checks, self.marks, self.checks)

    def probe(self, marks: Marks, checks: Checks) -> Probe:
        """Like `find`; the result also lets `index` insert the unknown ids without a second
        look-up.
        """
        return self._slots.probe(marks, checks, self.marks, self.checks)

    def put(self, rows: Numbers, ids: Packed, marks: Marks, checks: Checks) -> None:
        """Set the ids of rows that have none, and their fingerprints. It does not index them."""
        self.reserve(int(rows.max()) + 1)
        self.marks[rows], self.checks[rows] = marks, checks
        lengths = ids.lengths.astype(np.int64)
        self._text_at[rows] = len(self._text) + np.cumsum(lengths) - lengths
        self._text_length[rows] = lengths
        self._text += ids.text

    def index(self, rows: Numbers, probe: Probe | None = None) -> None:
        """Let these rows be found by their ids. None of the ids may be indexed already.

        `probe`: that of these ids, if nothing has been indexed since.
        """
        self._slots.insert(self.marks[rows], rows, self.marks, probe)

    def unindex(self, rows: Numbers) -> None:
        """Let these rows no longer be found. All of them must be indexed."""
        self._slots.remove(self.marks[rows], rows)

    def erase(self, rows: Numbers) -> None:
        """Forget the ids of rows that are not indexed."""
        self._text_lost += int(self._text_length[rows].sum())
        for name, (_, fill) in self._columns.items():
            getattr(self, name)[rows] = fill

    def is_sparse(self) -> bool:
        """Whether more than half of the text, and at least 64 KiB, belongs to erased ids."""
        return self._text_lost > max(1 << 16, len(self._text) // 2)

    def repack(self, rows: Numbers) -> None:
        """Drop the text of erased ids. `rows` are all the rows in use."""
        packed = self.packed(rows)
        lengths = packed.lengths.astype(np.int64)
        self._text_at[rows] = np.cumsum(lengths) - lengths
        self._text, self._text_lost = bytearray(packed.text), 0

    def texts(self, rows: Numbers) -> list[str]:
        """The ids of rows."""
        return [one.decode() for one in self._bytes(rows)]

    def packed(self, rows: Numbers) -> Packed:
        """The ids of rows, packed."""
        return Packed(b"".join(self._bytes(rows)), self._text_length[rows])

    def _bytes(self, rows: Numbers) -> list[bytearray]:
        begins, lengths = self._text_at[rows].tolist(), self._text_length[rows].tolist()
        text = self._text
        return [text[begin : begin + length] for begin, length in zip(begins, lengths, strict=True)]
