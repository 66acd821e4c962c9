"""Health tables: a worker's health as samples of the metrics in `streams.metrics.definitions`.

Counters of losses start at 0 with the worker, so that their first increase is visible.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from analyzer import TOPICS
from streams.health.health import LOSSES, Health
from streams.metrics.tables import Table, simple_table


def health_tables(of: Health, facilities: Iterable[str]) -> Iterator[Table]:
    """The samples of `of`; `facilities` are those that have a watermark."""
    answered: dict[tuple[str, ...], float] = {} if of.answered_at is None else {(): of.answered_at}
    recent: dict[tuple[str, ...], float] = dict(sorted(of.recent.items()))
    expected = None if of.recomputing is None else of.recomputing.expected
    yield simple_table(
        "recomputation_end_timestamp_seconds", {} if expected is None else {(): expected}
    )
    yield simple_table("broker_answered_timestamp_seconds", answered)
    yield simple_table(
        "unread_partitions", {(topic,): count for topic, count in sorted(of.unread.items())}
    )
    held_back: dict[tuple[str, ...], float] = {
        (topic, str(number)): seconds for (topic, number), seconds in of.held_back.items()
    }
    yield simple_table("consumer_held_back_seconds", held_back)
    yield simple_table(
        "reading_paused_seconds",
        {(str(number),): seconds for number, seconds in of.pressure.seconds.items()},
    )
    yield simple_table(
        "waiting_episodes", {(str(number),): count for number, count in of.pressure.waiting.items()}
    )
    yield simple_table("recent_events", recent)
    ahead: dict[tuple[str, ...], float] = {
        (name,): of.ahead.get(name, 0.0) for name in sorted(facilities)
    }
    yield simple_table("watermark_ahead_seconds", ahead)
    places = [(one.facility, one.device_type) for one in of.offsets]
    medians, spreads = ([one.median for one in of.offsets], [one.spread for one in of.offsets])
    yield simple_table("device_clock_offset_seconds", _seconds(places, medians))
    yield simple_table("device_clock_spread_seconds", _seconds(places, spreads))
    for name in LOSSES:
        known = TOPICS if name == "unreadable_batches" else ("rejected", "episodes", "overload")
        counts = {**dict.fromkeys(known, 0), **of.losses.get(name, {})}
        yield simple_table(name, {(topic,): count for topic, count in sorted(counts.items())})


def _seconds(
    places: Iterable[tuple[str, str]], milliseconds: Iterable[int]
) -> dict[tuple[str, ...], float]:
    return {place: ms / 1000 for place, ms in zip(places, milliseconds, strict=True)}
