"""Taking tables: who has the page of a unit, as roles, never as names."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from itertools import islice

from streams.metrics.tables import Table, simple_table
from streams.paging.ownership import Known


def taking_tables(
    known: Known, facilities: Collection[str], most: int, now: float
) -> Iterator[Table]:
    """Who has taken the pages of these facilities, for at most `most` units. Empty if the last
    answer of Alertmanager is old, since it is then not known who has a page. `now`: seconds since
    1970.
    """
    held = known.held(now).values() if known.current(now) else ()
    ours = sorted(
        (one for one in held if one.facility in facilities),
        key=lambda one: (one.facility, one.unit),
    )
    shown = list(islice(ours, most))
    keys = [(one.facility, one.unit, one.role) for one in shown]
    for name, times in (
        ("page_taken_timestamp_seconds", [one.since for one in shown]),
        ("page_taken_until_timestamp_seconds", [one.until for one in shown]),
    ):
        yield simple_table(name, dict(zip(keys, times, strict=True)))
    answered: dict[tuple[str, ...], float] = {} if known.at is None else {(): known.at}
    yield simple_table("alertmanager_answered_timestamp_seconds", answered)
