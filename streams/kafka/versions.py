"""Versions: finds and deletes the consumer groups and stored states of all state versions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from kafka import TopicPartition
from kafka.admin import KafkaAdminClient, OffsetSpec
from kafka.errors import KafkaError

from analyzer import TOPICS, Topic
from streams.formats.times import show_duration
from streams.kafka.naming import Naming
from streams.kafka.permissions import printed_by
from streams.kafka.state_version import (
    STATE_VERSION,
    checkpoint_topic,
    edition_in,
    state_group,
    turn_of,
    version_of,
    version_of_topic,
)
from streams.kafka.topics import TopicsError, administrator
from streams.settings import Settings

Place = tuple[Topic, int]
"""An input topic and a partition number."""


@dataclass(frozen=True, slots=True)
class Version:
    """The group and the topic of one state version. All versions share the inputs and outputs."""

    version: int
    group: bool = False
    """Whether its consumer group exists."""
    members: int = 0
    """The number of workers in the group."""
    offsets: Mapping[Place, int] = field(default_factory=dict)
    """How far its workers have emitted."""
    edition: int = 0
    """The greatest edition that its workers have committed."""
    topic: bool = False
    """Whether the topic with its state exists."""
    records: int = 0
    """The number of offsets in that topic; it has fewer records, because it is compacted."""
    written: int | None = None
    """When a record was last written to it (ms); None: never, or not known."""


def found_versions(settings: Settings) -> list[Version]:
    """All versions that have a group or a topic, the oldest first.

    Raises `TopicsError` if the broker cannot be reached, or does not answer the question.
    """
    admin = administrator(settings)
    try:
        groups = _groups(admin, settings)
        topics = _state_topics(admin, settings)
        return [
            Version(
                number,
                **groups.get(number, {}),
                **_written(admin, checkpoint_topic(settings.group, number), topics.get(number)),
            )
            for number in sorted(groups.keys() | topics.keys())
        ]
    except (KafkaError, ValueError) as error:  # not every broker answers as Kafka does
        raise TopicsError(
            f"the broker at {settings.broker} does not list its groups and topics "
            f"({type(error).__name__})"
        ) from None
    finally:
        admin.close()


def other_groups(settings: Settings, admin: KafkaAdminClient | None = None) -> list[Version]:
    """The consumer groups of other versions, without their topics. Raises `TopicsError`."""
    own = None if admin is not None else administrator(settings)
    admin = admin or own
    try:
        return [
            Version(number, **found)
            for number, found in sorted(_groups(admin, settings, without=STATE_VERSION).items())
        ]
    except (KafkaError, ValueError) as error:  # not every broker answers as Kafka does
        raise TopicsError(
            f"the broker at {settings.broker} does not list its groups ({type(error).__name__})"
        ) from None
    finally:
        if own is not None:
            own.close()


def _groups(
    admin: KafkaAdminClient, settings: Settings, without: int | None = None
) -> dict[int, dict[str, Any]]:
    names = Naming.of(settings.kafka)
    inputs = {names.called(topic): topic for topic in TOPICS}
    found: dict[int, dict[str, Any]] = {}
    for one in admin.list_groups():
        name = one["group_id"]
        version = version_of(settings.group, name)
        if version is None or version == without:
            continue
        committed = admin.list_group_offsets([name])[name]
        about = admin.describe_groups([name])[name]
        found[version] = {
            "group": True,
            "members": len(about.get("members") or ()),
            "offsets": {
                (inputs[place.topic], place.partition): one.offset
                for place, one in committed.items()
                if place.topic in inputs and one.offset >= 0
            },
            "edition": max((edition_in(one.metadata) for one in committed.values()), default=0),
        }
    return found


def _state_topics(admin: KafkaAdminClient, settings: Settings) -> dict[int, list[int]]:
    """The partitions of each state's topic."""
    found = {}
    for one in admin.describe_topics():
        version = version_of_topic(settings.group, one["name"])
        if version is not None and not one.get("error_code"):
            found[version] = [part["partition_index"] for part in one["partitions"]]
    return found


def _written(
    admin: KafkaAdminClient, topic: str, partitions: Iterable[int] | None
) -> dict[str, Any]:
    if partitions is None:
        return {}
    places = [TopicPartition(topic, number) for number in partitions]

    def asked(spec: OffsetSpec) -> Mapping[TopicPartition, Any]:
        found: Mapping[TopicPartition, Any] = admin.list_partition_offsets(
            dict.fromkeys(places, spec)
        )
        return found

    begins, ends = asked(OffsetSpec.EARLIEST), asked(OffsetSpec.LATEST)
    try:
        latest = max((one.timestamp for one in asked(OffsetSpec.MAX_TIMESTAMP).values()), default=0)
    except KafkaError:  # Kafka before 3.0 does not report this
        latest = 0
    return {
        "topic": True,
        "records": sum(ends[one].offset - begins[one].offset for one in places),
        "written": latest if latest > 0 else None,
    }


def refusal(one: Version, least_age: int, now: int) -> str | None:
    """Why the group and the state of a version must not be deleted; None if they may be.

    `least_age`, `now`: in ms. A state that was written to more recently may be needed for a roll
    back.
    """
    if one.version == STATE_VERSION:
        return "it is this program's own"
    if one.members:
        return f"{one.members} worker{'s are' if one.members > 1 else ' is'} in its group"
    if one.records and one.written is None and least_age:
        return "the broker does not say when it was last written to; --older-than 0s passes it"
    if one.written is not None and now - one.written < least_age:
        return f"it was written to within the last {show_duration(least_age)}"
    return None


def remove(settings: Settings, wanted: Iterable[Version]) -> Iterator[str]:
    """Delete the groups and topics of versions; yields the name of each when it is deleted.

    Groups are deleted first, because a broker refuses to delete a group that a worker has just
    joined. Raises `TopicsError`.
    """
    admin = administrator(settings)
    try:
        for one in wanted:
            if one.group:
                group = state_group(settings.group, one.version)
                said = admin.delete_groups([group]).get(group)
                if said != "OK":
                    raise TopicsError(
                        f"the broker at {settings.broker} does not delete group {group} ({said}): "
                        "a worker may have joined it; what `state` needs is printed by: "
                        f"{printed_by('state', settings)}"
                    )
                yield f"group {group}"
            if one.topic:
                topic = checkpoint_topic(settings.group, one.version)
                admin.delete_topics([topic], timeout_ms=10_000)
                yield f"topic {topic}"
    except KafkaError as error:
        raise TopicsError(
            f"the broker at {settings.broker} does not delete it ({type(error).__name__}); what "
            f"`state` needs is printed by: {printed_by('state', settings)}"
        ) from None
    finally:
        admin.close()


def turn(versions: Iterable[Version], own: int) -> int:
    """The turn of this program's version: see `state_version.first_edition`.

    `own` is the greatest edition that it has used. A newer version without workers was rolled back,
    so the turn is later than its own.
    """
    others = [one for one in versions if one.version != STATE_VERSION]
    latest = max([turn_of(own), *(turn_of(one.edition) for one in others)])
    given_up = any(
        one.version > STATE_VERSION
        and not one.members
        and turn_of(one.edition) == latest
        and one.edition > own
        for one in others
    )
    return latest + given_up
