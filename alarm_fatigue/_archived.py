"""Archived: recordings from an archive of Parquet files."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from alarm_fatigue._facts import TOPICS, Recording
from analyzer import Policy
from streams.archive import Archive, ArchiveError, archived_facts
from streams.files.kept_facts import Kept
from streams.files.lines import InputError


def archived(
    where: Path | str,
    facility: str | None,
    begin: int | None,
    end: int | None,
    policy: Policy,
    progress: Callable[[int], object],
) -> Iterator[Recording]:
    """The recordings of the facilities (None: all) with an alarm that started from `begin` to `end`
    (ms). All their alarms are final. Raises `InputError`.
    """
    try:
        yield from _recordings(Archive(where), facility, begin, end, policy, progress)
    except ArchiveError as error:
        raise InputError(str(error)) from None


def _recordings(
    archive: Archive,
    facility: str | None,
    begin: int | None,
    end: int | None,
    policy: Policy,
    progress: Callable[[int], object],
) -> Iterator[Recording]:
    known = archive.facilities("episodes")
    if facility is not None and facility not in known:
        from streams.cli.names import listed

        there = f"there {listed(facility, known)}" if known else "which is empty"
        raise InputError(f"facility: {facility} is not in the archive; {there}")
    for name in known if facility is None else [facility]:
        kept = {topic: Kept(topic) for topic in TOPICS}
        for topic, columns in archived_facts(
            archive, name, begin, end, policy.cover, policy.action_window
        ):
            kept[topic].take(columns)
            progress(len(columns[0]))
        facts = {topic: one.by_time() for topic, one in kept.items()}
        if len(facts["alarms"]):
            final = int(facts["alarms"].at[-1]) + policy.action_window
            yield Recording(name, facts, final)
