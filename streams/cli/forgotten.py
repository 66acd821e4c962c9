"""Where a facility or a clinician is named, by place: the figures in the proof of `forget`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from analyzer import TOPICS, Topic
from streams.formats.pseudonyms import Pseudonyms, keyed

if TYPE_CHECKING:
    from streams.kafka.remains import Found, Names
    from streams.partitions.sealing import Sealing
    from streams.settings import Settings


CLEAN = "alarm-fatigue state clean --older-than 0s --yes"
"""Deletes the states of other versions."""


@dataclass(frozen=True, slots=True)
class Subject:
    """A facility, or one clinician of it."""

    facility: str
    clinician: str | None
    shown: str | None
    """The clinician's present pseudonym, or the name itself where pseudonyms are off."""
    names: frozenset[str]
    """The clinician's id and pseudonyms: of both keys, and of all periods that topics still hold.
    """

    @classmethod
    def of(cls, settings: Settings, facility: str, clinician: str | None, now: int) -> Subject:
        """`now` in ms since 1970. Raises `SettingsError`."""
        from streams.files.who import other_pseudonyms
        from streams.pseudonyms import existing_key, previous_key

        if clinician is None or not settings.pseudonyms:
            known = frozenset() if clinician is None else frozenset({clinician})
            return cls(facility, clinician, clinician, known)
        key, previous = existing_key(settings), previous_key(settings)
        made = [
            keyed(key),
            *other_pseudonyms(key, previous, settings.pseudonym_period, now),
        ]
        shown = Pseudonyms(key, settings.pseudonym_period)(clinician)
        return cls(
            facility, clinician, shown, frozenset({clinician, *(one(clinician) for one in made)})
        )

    @property
    def in_records(self) -> Names:
        from streams.kafka.remains import naming_any, naming_facility

        return naming_facility(self.facility) if self.clinician is None else naming_any(self.names)

    @property
    def in_messages(self) -> Names:
        from streams.kafka.remains import in_messages

        return in_messages(self.facility if self.clinician is None else self.clinician)


def in_topics(settings: Settings, subject: Subject, topics: Mapping[str, int]) -> dict[str, Found]:
    """The records that name the subject, by topic; `topics` are those that exist, with their
    numbers of partitions. Raises `FacilitiesError`.
    """
    from streams.kafka.remains import count

    of = (*TOPICS, "rejected", "episodes", "overload")
    wanted: dict[str, Names] = dict.fromkeys(of, subject.in_records)
    return count(settings, topics, wanted | {"hl7": subject.in_messages})


@dataclass(frozen=True, slots=True)
class Stored:
    """The records about a subject in the workers' stored state."""

    held: dict[str, int]
    waiting_records: int
    """Records of `episodes` and `overload` that name it, and are stored because they may not have
    been sent.
    """
    replaced: int
    """Records of earlier states that are not deleted yet, whoever they name."""
    reached: Mapping[int, Mapping[Topic, int]]
    """By partition, the next offset of each input."""

    @property
    def names_it(self) -> bool:
        return any((*self.held.values(), self.waiting_records))

    @property
    def is_empty(self) -> bool:
        """Whether nothing of it is stored, nor an earlier state that may name it."""
        return not self.names_it and not self.replaced

    def has_read(self, sent: Iterable[tuple[Topic, int, int]]) -> bool:
        """Whether the state was stored after the command at each (topic, partition, offset) was
        read; partitions without any state hold nothing.
        """
        return all(
            self.reached[number].get(topic, 0) > offset
            for topic, number, offset in sent
            if number in self.reached
        )

    def shown(self) -> dict[str, int]:
        return self.held | {"waiting_records": self.waiting_records}


def in_state(settings: Settings, subject: Subject, topics: Mapping[str, int]) -> Stored:
    """Read the stored state. Raises `CheckpointError`, `FacilitiesError`, `SettingsError`."""
    from analyzer import Holdings
    from streams.kafka.remains import stored
    from streams.kafka.state_version import checkpoint_topic
    from streams.partitions.checkpoint import restore

    names, held, waiting, replaced = subject.in_records, Holdings(), 0, 0
    reached: dict[int, Mapping[Topic, int]] = {}
    sealing = _sealing(settings)
    topic = checkpoint_topic(settings.group)
    for number, (records, offsets) in stored(settings, topic, topics.get(topic, 0)).items():
        opened = sealing.opened(records, offsets)
        found = restore(opened, settings.policy)
        if found is None:
            continue
        held += found.engine.holdings(subject.facility, subject.clinician)
        waiting += sum(
            one.value is not None and names(one.key, one.value) for one in found.outbox.records
        )
        replaced += len(records.keys() - found.records)
        reached[number] = found.next_offsets
    return Stored(held._asdict(), waiting, replaced, reached)


def in_other_states(settings: Settings) -> list[dict[str, Any]]:
    """The stored states of other versions of the program, each with what removes a facility or
    clinician from it. Only programs of that version can read it, so any of them may hold the
    subject. Raises `FacilitiesError`.
    """
    from streams.kafka.facilities import FacilitiesError
    from streams.kafka.state_version import STATE_VERSION, checkpoint_topic
    from streams.kafka.topics import TopicsError
    from streams.kafka.versions import found_versions

    try:
        found = found_versions(settings)
    except TopicsError as error:
        raise FacilitiesError(str(error)) from None
    return [
        {
            "state": f"version {one.version}",
            "state_topic": checkpoint_topic(settings.group, one.version),
            "records": one.records,
            "workers": one.members,
            "removed_by": "its workers, which read this command as well" if one.members else CLEAN,
        }
        for one in found
        if one.version != STATE_VERSION and one.records
    ]


def in_translation(settings: Settings, subject: Subject, topics: Mapping[str, int]) -> int:
    """How many records of the state of `hl7 translate` name the subject."""
    from streams.kafka.permissions import translation_topic
    from streams.kafka.remains import naming_any, stored

    asked = subject.facility if subject.clinician is None else subject.clinician
    names, sealing = naming_any([asked]), _sealing(settings)
    topic = translation_topic(settings.group)
    return sum(
        names(key, value)
        for records, offsets in stored(settings, topic, topics.get(topic, 0)).values()
        for key, value in sealing.opened(records, offsets).items()
    )


def _sealing(settings: Settings) -> Sealing:
    from streams.partitions.sealing import CLEAR, Sealing
    from streams.pseudonyms import key_file, state_keys

    # Without a key, state that is stored in clear can be read.
    return Sealing(*state_keys(settings)) if key_file(settings).exists() else CLEAR


def in_audit(settings: Settings, subject: Subject) -> dict[str, int]:
    """By file of the audit on this machine, how many entries name the subject."""
    from streams.audit.files import BESIDE
    from streams.kafka.remains import naming_any
    from streams.pseudonyms import default_key_file

    names = naming_any(subject.names or [subject.facility])
    of = [settings.audit.file, default_key_file().parent / "who-audit.jsonl"]
    paths = [
        path
        for one in of
        if one is not None
        for path in sorted(one.parent.glob(f"{one.name}*"))
        if not path.name.endswith(BESIDE)
    ]
    found = {}
    for path in paths:
        with path.open("rb") as file:
            found[str(path)] = sum(names(None, line) for line in file)
    return found


def forget_in_who(settings: Settings, clinician: str, dry_run: bool) -> tuple[Path, int] | None:
    """Take a clinician out of who.json on this machine; None if there is none. Raises `WhoError`,
    `SettingsError`.
    """
    from streams.files.who import read_directory, write_directory
    from streams.pseudonyms import default_key_file, existing_key, previous_key

    path = default_key_file().parent / "who.json"
    if not settings.pseudonyms or not path.exists():
        return None
    known = read_directory(path, existing_key(settings), previous_key(settings))
    left = known.without(clinician)
    gone = len(known.names) - len(left.names)
    if gone and not dry_run:
        write_directory(path, left)
    return path, gone


def forget_in_archive(
    settings: Settings, where: str, subject: Subject, dry_run: bool
) -> dict[str, int]:
    """Erase the subject from an archive. Returns the rows by table; with `dry_run`, none. Raises
    `ArchiveError`, `OSError`.
    """
    from streams.archive import Archive
    from streams.cli.archive import names_in

    archive = Archive(where)
    gone: Any = {}
    if not dry_run and subject.clinician is None:
        gone = archive.erase(subject.facility, None)
    elif not dry_run:
        names = names_in(archive, str(subject.clinician), settings)
        gone = archive.erase_clinician(names, subject.facility)
    return dict(gone)
