"""Permissions: what each command must be allowed on the broker, and nothing more.

`alarm-fatigue topics acls` prints these as commands, and each command checks its own before it
starts.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Collection, Iterator
from itertools import groupby
from typing import Literal, NamedTuple, get_args

from analyzer import TOPICS
from streams.kafka.state_version import PLAIN, checkpoint_topic, state_group
from streams.settings import Settings

Command = Literal[
    "worker",
    "publish",
    "simulate",
    "rejected",
    "rejected replay",
    "facility reset",
    "facility forget",
    "who",
    "archive",
    "doctor",
    "hl7 listen",
    "hl7 translate",
    "topics",
    "state",
]
COMMANDS: tuple[Command, ...] = get_args(Command)
DESCRIBING = ("Read", "Write", "Describe")
"""The operations that include Describe. Without it, a broker does not say that a topic exists."""
_INPUTS, _OUTPUTS = TOPICS, ("rejected", "episodes", "overload")


class Need(NamedTuple):
    """One operation on one resource. `name` is what a topic or group is called on the broker."""

    resource: Literal["topic", "group", "transactional-id"]
    name: str
    operation: str
    prefixed: bool = False
    """Whether `name` is what the names begin with, of which none may exist yet."""
    optional: bool = False
    """Whether the command works without it, and says what it then cannot do."""

    def __str__(self) -> str:
        return f"{self.operation} on {self.resource} {self.name}"


def archive_group(settings: Settings) -> str:
    """The consumer group of the archivers."""
    return f"{settings.group}-archive"


def translation_topic(group: str) -> str:
    """The compacted topic with the open alarms of `hl7 translate`."""
    return f"{group}-hl7-state"


def translation_group(group: str) -> str:
    """The consumer group of `hl7 translate`, and what its transactional ids begin with."""
    return f"{group}-hl7"


def called(settings: Settings, name: str) -> str:
    """The name of a topic of the service on the broker."""
    kept = name in (checkpoint_topic(settings.group), translation_topic(settings.group))
    return name if kept else settings.kafka.topic(name)


def kafka_tool(name: str, settings: Settings) -> str:
    """How a program of Kafka is started by an administrator, whose own connection is in
    `admin.properties`.

    >>> kafka_tool("kafka-configs.sh", Settings(broker="kafka:9092"))
    'kafka-configs.sh --bootstrap-server kafka:9092'
    """
    own = settings.kafka.security_protocol != "PLAINTEXT"
    return (
        f"{name} --bootstrap-server {settings.broker}"
        f"{' --command-config admin.properties' if own else ''}"
    )


def needs(command: Command, settings: Settings) -> list[Need]:
    """All that `command` must be allowed. Read and Write include Describe."""
    return list(_needs(command, settings))


def topics_of(command: Command, settings: Settings) -> set[str]:
    """The topics that `command` uses, by the service's names."""
    names = [*_INPUTS, *_OUTPUTS, checkpoint_topic(settings.group)]
    names += ["hl7", translation_topic(settings.group)]
    used = {one.name for one in _needs(command, settings) if one.resource == "topic"}
    return {name for name in names if called(settings, name) in used}


def _needs(command: Command, settings: Settings) -> Iterator[Need]:
    checkpoint, translation = checkpoint_topic(settings.group), translation_topic(settings.group)
    rights: dict[tuple[str, ...], tuple[str, ...]]
    match command:
        case "worker":
            rights = {
                _INPUTS: ("Read", "DescribeConfigs"),
                _OUTPUTS: ("Write", "DescribeConfigs"),
                (checkpoint,): ("Read", "Write", "DescribeConfigs"),
            }
            yield Need("group", state_group(settings.group), "Read")
            yield from _of_versions(settings, ("Read",), ("Read", "Write", "DescribeConfigs"))
        case "publish" | "simulate":
            rights = {_INPUTS: ("Write", "DescribeConfigs")}
        case "rejected":
            rights = {("rejected",): ("Read",)}
        case "rejected replay":
            rights = {("rejected",): ("Read",), _INPUTS: ("Write",)}
        case "facility reset":
            rights = {_INPUTS: ("Read", "Write")}
        case "facility forget":
            rights = {
                _INPUTS: ("Read", "Write"),
                (*_OUTPUTS, checkpoint, "hl7", translation): ("Read",),
            }
            yield from _of_versions(settings, ("Describe",), ("Describe",))
        case "who":
            rights = {("assignments",): ("Read",)}
        case "doctor":
            rights = {_INPUTS: ("Read",)}
        case "archive":
            rights = {("episodes", "overload", "assignments", "responses"): ("Read",)}
            yield Need("group", archive_group(settings), "Read")
        case "hl7 listen":
            rights = {("hl7",): ("Write",)}
        case "hl7 translate":
            rights = {
                ("hl7",): ("Read",),
                (*_INPUTS, "rejected"): ("Write",),
                (translation,): ("Read", "Write"),
            }
            yield Need("group", translation_group(settings.group), "Read")
            yield Need("transactional-id", translation_group(settings.group), "Write", True)
        case "topics":
            every = (*_INPUTS, *_OUTPUTS, checkpoint, "hl7", translation)
            rights = {every: ("Create", "Describe", "DescribeConfigs")}
            yield from _of_versions(settings, (), ("Create", "Describe", "DescribeConfigs"))
        case "state":
            rights = {}
            yield from _of_versions(settings, ("Describe", "Delete"), ("Describe", "Delete"))
    for names, operations in rights.items():
        for name in names:
            for operation in operations:
                yield Need("topic", called(settings, name), operation)


def _of_versions(
    settings: Settings, on_groups: Collection[str], on_topics: Collection[str]
) -> Iterator[Need]:
    """Operations on the groups and the stored state of all versions, so that a program with a new
    one finds its way without a change of permissions. They may be lacking.
    """
    plain = state_group(settings.group, PLAIN)
    for operation in on_groups:
        yield Need("group", plain, operation, optional=True)
        yield Need("group", f"{settings.group}-v", operation, True, True)
    for operation in on_topics:
        yield Need("topic", checkpoint_topic(settings.group, PLAIN), operation, optional=True)
        yield Need("topic", f"{settings.group}-v", operation, True, True)


def is_allowed(operation: str, allowed: Collection[str] | None) -> bool:
    """Whether `operation` is among those that the broker says it allows, spelled as in READ and
    DESCRIBE_CONFIGS. It is where the broker does not say.
    """
    spelled = re.sub("(?<=[a-z])(?=[A-Z])", "_", operation).upper()
    return allowed is None or spelled in allowed


def printed_by(command: Command, settings: Settings) -> str:
    """The command line that prints what `command` needs, for the settings' user."""
    who = settings.kafka.username
    named = f"User:{'NAME' if who is None else who}"
    return shlex.join(
        ["alarm-fatigue", "topics", "acls", "--principal", named, "--command", command]
    )


def acl_commands(command: Command, settings: Settings, principal: str) -> Iterator[str]:
    """Lines for a shell that allow `principal` what `command` needs.

    `admin.properties` holds an administrator's own connection.
    """

    def rights(of: tuple[str, str, bool]) -> tuple[str, ...]:
        return tuple(
            dict.fromkeys(
                one.operation for one in wanted if (one.resource, one.name, one.prefixed) == of
            )
        )

    wanted = needs(command, settings)
    resources = dict.fromkeys((one.resource, one.name, one.prefixed) for one in wanted)

    def alike(one: tuple[str, str, bool]) -> tuple[str, bool, tuple[str, ...]]:
        return one[0], one[2], rights(one)

    for (resource, prefixed, operations), group in groupby(sorted(resources, key=alike), alike):
        words = ["kafka-acls.sh", "--bootstrap-server", settings.broker]
        words += ["--command-config", "admin.properties", "--add"]
        words += ["--allow-principal", principal]
        for operation in operations:
            words += ["--operation", operation]
        for _, name, _ in group:
            words += [f"--{resource}", name]
        if prefixed:
            words += ["--resource-pattern-type", "prefixed"]
        yield shlex.join(words)
