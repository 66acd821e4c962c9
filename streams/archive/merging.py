"""Merging: which edition of each row counts."""

from __future__ import annotations

from hashlib import blake2b

import polars as pl

from streams.archive.frames import EDITION, GONE, OFFSET
from streams.archive.tables import Table

_ARRIVAL, _RUN, _ERASED = "_arrival", "_run", "_erased"
ERASED = "erased:"
"""Replaces an erased clinician in the key of a retraction, followed by a digest of the name. So the
record is recognised if it arrives again, and no name is kept.
"""


def latest(table: Table, rows: pl.DataFrame, file: str, horizon: int) -> pl.DataFrame:
    """The last edition of each row.

    `rows` are in order of arrival; the column `file` is null where a row is in no file yet. Of
    episodes and overload changes the greatest edition counts, then the greatest offset; of
    assignments the greatest `at`, then `event_id`; of responses with one id the first that
    arrived. Of equal editions the one in a file is kept, so that its file stays as it is.
    """
    key = table.key
    rows = rows.with_row_index(_ARRIVAL)
    if table.name == "episodes":
        rows = _numbered_runs(table, rows, horizon)
        key = (_RUN,)
    if table.name == "overload":
        rows = _without_erased(table, rows)
    order: list[str] = {"assignments": ["at", "event_id"], "responses": []}.get(
        table.name, [EDITION, OFFSET]
    )
    ordered = rows.sort(
        *order, pl.col(file).is_not_null(), -pl.col(_ARRIVAL).cast(pl.Int64), maintain_order=True
    )
    last = ordered.unique(subset=list(key), keep="last", maintain_order=True)
    return last.drop(_ARRIVAL, _RUN, strict=False)


def _numbered_runs(table: Table, rows: pl.DataFrame, horizon: int) -> pl.DataFrame:
    """Numbers the alarms: an id that returns after more than `horizon` ms is another alarm."""
    [name] = table.key
    rows = rows.sort(name, table.time)
    begins = (pl.col(name) != pl.col(name).shift()) | (
        pl.col(table.time).diff() > pl.duration(milliseconds=horizon)
    )
    return rows.with_columns(begins.fill_null(True).cum_sum().alias(_RUN))


def _without_erased(table: Table, rows: pl.DataFrame) -> pl.DataFrame:
    """The rows without those that an erased change, among them too, was deleted by."""
    name = pl.col("clinician")
    gone = rows.filter(name.str.starts_with(ERASED))
    if gone.is_empty():
        return rows
    digests = {one: _digest(one) for one in rows["clinician"].unique().drop_nulls()}
    others = [one for one in table.key if one != "clinician"]
    return (
        rows.with_columns(name.replace_strict(digests, default=None).alias(_ERASED))
        .join(gone, left_on=[*others, _ERASED], right_on=[*others, "clinician"], how="anti")
        .drop(_ERASED)
    )


def _digest(name: str) -> str:
    return ERASED + blake2b(name.encode(), digest_size=16).hexdigest()


def without_clinician(table: Table, rows: pl.DataFrame, pseudonym: str) -> tuple[pl.DataFrame, int]:
    """The rows without a clinician, and how many of them had the clinician."""
    if table.name == "episodes":
        has = pl.col("clinicians").list.contains(pseudonym)
        rest = pl.col("clinicians").list.filter(pl.element() != pseudonym)
        return rows.with_columns(rest), rows.filter(has).height
    own = pl.col("clinician").eq_missing(pl.lit(pseudonym))
    if table.name != "overload":
        cleared = pl.when(~own).then("clinician").alias("clinician")
        return rows.with_columns(cleared), rows.filter(own).height
    relief = pl.col("relief").struct
    named = (
        relief.field("from").struct.field("clinician").eq_missing(pl.lit(pseudonym))
        | relief.field("to").struct.field("clinician").eq_missing(pl.lit(pseudonym))
        | pl.col("relief_text").fill_null("").str.contains(pseudonym, literal=True)
    )
    count = rows.filter(own | named).height
    # A deleted change is kept as a retraction, so that its record cannot bring it back.
    return rows.with_columns(
        (own | pl.col(GONE)).alias(GONE),
        pl.when(own).then(pl.lit(_digest(pseudonym))).otherwise("clinician").alias("clinician"),
        *(pl.when(~named).then(one).alias(one) for one in ("relief", "relief_text")),
    ), count
