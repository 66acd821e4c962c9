"""Topics: creates and checks the topics that the service reads and writes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kafka import KafkaProducer
from kafka.admin import ConfigResource, ConfigResourceType, KafkaAdminClient
from kafka.errors import (
    AuthorizationError,
    GroupAuthorizationFailedError,
    InvalidConfigurationError,
    KafkaError,
    TopicAuthorizationFailedError,
    TransactionalIdAuthorizationFailedError,
)

from analyzer import TOPICS
from streams.kafka.handshake import NotConnected, connect
from streams.kafka.permissions import (
    DESCRIBING,
    Command,
    Need,
    called,
    is_allowed,
    kafka_tool,
    needs,
    printed_by,
    topics_of,
    translation_topic,
)
from streams.kafka.secrets import SecurityError
from streams.kafka.security import admin_options
from streams.kafka.state_version import checkpoint_topic
from streams.settings import Settings

DAY = 86_400_000
LARGEST_RECORD = 16 << 20
"""Bytes of the longest record that topics accept. Even records that no device should send must
reach `rejected`.
"""
LONGEST_MESSAGE = 1 << 20
"""`analyzer.hl7.LONGEST`, which every worker would import for this number alone."""
BEFORE_MAX = "message.timestamp.before.max.ms"
"""The broker's limit for timestamps in the past; none by default."""
AFTER_MAX = "message.timestamp.after.max.ms"
"""The broker's limit for timestamps in the future (Apache Kafka 3.6 and later)."""
_HEADROOM = 64 << 10  # `rejected` adds headers to a record


class TopicsError(Exception):
    """The service cannot work with the topics or the broker: one line that says what to do."""


class Permanent(TopicsError):
    """One that waiting does not cure: a missing permission, or a file that cannot be used."""


@dataclass(frozen=True, slots=True)
class TopicPlan:
    """The planned configuration of a topic; `retention` in ms, None for compacted topics.

    `name` is the service's, `called` the broker's.
    """

    name: str
    called: str
    partitions: int
    retention: int | None
    max_bytes: int = 1 << 20
    max_ahead: int | None = None
    """For inputs: how far (ms) a producer's record timestamp may be ahead of the broker's clock."""

    @property
    def config(self) -> dict[str, str]:
        kept = (
            {"cleanup.policy": "compact"}
            if self.retention is None
            else {"retention.ms": str(self.retention)}
        )
        guard = {} if self.max_ahead is None else {AFTER_MAX: str(self.max_ahead)}
        return {"max.message.bytes": str(self.max_bytes), **kept, **guard}


@dataclass(frozen=True, slots=True)
class Keeping:
    """How a topic treats old records; None if there is no limit, or if the broker does not report
    it.
    """

    retention: int | None = None
    """How long (ms) records are kept, by their timestamps."""
    before_max: int | None = None
    """The broker refuses records whose timestamp is older than this (ms)."""
    restamps: bool = False
    """Whether the broker sets timestamps to the time of arrival (LogAppendTime)."""

    @classmethod
    def of(cls, config: Mapping[str, str | None]) -> Keeping:
        """From the settings of a topic."""

        def limit(name: str) -> int | None:
            value = int(config.get(name) or -1)
            return value if 0 <= value < (1 << 63) - 1 else None

        return cls(
            limit("retention.ms"),
            limit(BEFORE_MAX),
            config.get("message.timestamp.type") == "LogAppendTime",
        )


@dataclass(frozen=True, slots=True)
class Finding:
    """A difference between a topic and its plan; `fatal` if the worker would count wrongly."""

    topic: str
    message: str
    fatal: bool


def plans(settings: Settings, partitions: int) -> list[TopicPlan]:
    """All topics of the service. Inputs are kept for longer than the horizon, so that a new group
    can compute everything again.
    """
    ahead = settings.policy.max_ahead
    inputs = [
        TopicPlan(
            topic,
            called(settings, topic),
            partitions,
            7 * DAY,
            LARGEST_RECORD - _HEADROOM,
            ahead,
        )
        for topic in TOPICS
    ]
    checkpoint = checkpoint_topic(settings.group)
    translation = translation_topic(settings.group)
    outputs = [
        TopicPlan("rejected", called(settings, "rejected"), partitions, 14 * DAY, LARGEST_RECORD),
        TopicPlan("episodes", called(settings, "episodes"), partitions, 90 * DAY),
        TopicPlan("overload", called(settings, "overload"), partitions, 90 * DAY),
        TopicPlan(checkpoint, checkpoint, partitions, None),
        TopicPlan("hl7", called(settings, "hl7"), partitions, 7 * DAY, LONGEST_MESSAGE + _HEADROOM),
        TopicPlan(translation, translation, partitions, None),
    ]
    return inputs + outputs


def administrator(settings: Settings) -> KafkaAdminClient:
    """A client for an administrator's requests. Raises `TopicsError` if there is no connection."""
    try:
        connect(settings)
        return KafkaAdminClient(
            **admin_options(settings),
            client_id=settings.group,
            request_timeout_ms=10_000,
            bootstrap_timeout_ms=5_000,
        )
    except NotConnected as error:
        raise TopicsError(str(error)) from None
    except SecurityError as error:
        raise Permanent(str(error)) from None
    except (KafkaError, ValueError, OSError) as error:
        raise TopicsError(
            f"no Kafka broker answers at {settings.broker} ({type(error).__name__}); is it running?"
        ) from None


class Topics:
    """The topics on a broker that `command` uses, by the service's names.

    Raises `TopicsError` if the broker cannot be reached, or refuses something that `command` needs.
    """

    def __init__(self, settings: Settings, command: Command = "topics") -> None:
        self._settings = settings
        self._command = command
        self._names = topics_of(command, settings)
        self.admin = administrator(settings)

    def __enter__(self) -> Topics:
        return self

    def __exit__(self, *_: object) -> None:
        self.admin.close()

    def _plans(self, partitions: int = 1) -> list[TopicPlan]:
        return [one for one in plans(self._settings, partitions) if one.name in self._names]

    def _described(self) -> dict[str, dict[str, Any]]:
        """The broker's description of each topic, by its name there. Raises `TopicsError` where it
        may not say anything.
        """
        names = [plan.called for plan in self._plans()]
        try:
            found = {one["name"]: one for one in self.admin.describe_topics(names)}
        except KafkaError as error:
            raise TopicsError(
                f"the broker at {self._settings.broker} does not list its topics "
                f"({type(error).__name__})"
            ) from None
        for name, one in found.items():
            if one.get("error_code") == TopicAuthorizationFailedError.errno:
                raise self._forbidden(
                    next(
                        need
                        for need in needs(self._command, self._settings)
                        if need.name == name and need.operation in DESCRIBING
                    )
                )
        return found

    def check_permissions(self) -> None:
        """Raises `TopicsError`, with operation and topic, if the broker allows the command less
        than it needs. A topic that does not exist yet, and a broker that does not say what it
        allows, are passed over.
        """
        described = self._described()
        for need in needs(self._command, self._settings):
            allowed = described.get(need.name, {}).get("authorized_operations")
            if need.optional:
                continue
            if need.operation == "Create":  # of the topics that exist, none is left to be created
                continue
            if need.resource == "topic" and not is_allowed(need.operation, allowed):
                raise self._forbidden(need)
            if need.resource == "group" and not self._may_join(need.name):
                raise self._forbidden(need)
            if need.resource == "transactional-id" and not self._may_transact(need.name):
                raise self._forbidden(need)

    def _may_join(self, group: str) -> bool:
        if self._settings.kafka.security_protocol == "PLAINTEXT":  # nobody to be allowed
            return True
        try:
            found = self.admin.describe_groups([group])
        except GroupAuthorizationFailedError:
            return False
        except KafkaError:  # a new Kafka may have no coordinator yet
            return True
        return GroupAuthorizationFailedError.__name__ not in str(found[group].get("error"))

    def _may_transact(self, name: str) -> bool:
        """Whether a transaction may be begun under `name`, which no partition's producer has."""
        if self._settings.kafka.security_protocol == "PLAINTEXT":
            return True
        producer = KafkaProducer(**admin_options(self._settings), transactional_id=name)
        try:
            producer.init_transactions()
        except TransactionalIdAuthorizationFailedError:
            return False
        except KafkaError:  # a new Kafka may have no coordinator yet
            return True
        finally:
            producer.close(timeout=1)
        return True

    def _forbidden(self, need: Need) -> Permanent:
        who = self._settings.kafka.username
        return Permanent(
            f"the broker at {self._settings.broker} does not allow "
            f"{'this client' if who is None else f'user {who}'}: {need}; what "
            f"`{self._command}` needs is printed by: {printed_by(self._command, self._settings)}"
        )

    def partitions(self) -> dict[str, int]:
        """Existing topics of the service, and their number of partitions."""
        found = self._described()
        return {
            plan.name: len(found[plan.called]["partitions"])
            for plan in self._plans()
            if plan.called in found and found[plan.called].get("error_code", 0) == 0
        }

    def missing(self) -> list[TopicPlan]:
        """Topics to be created, with as many partitions as the existing inputs have."""
        existing = self.partitions()
        counts = {existing[topic] for topic in TOPICS if topic in existing}
        number = counts.pop() if len(counts) == 1 else self._settings.partitions
        return [plan for plan in self._plans(number) if plan.name not in existing]

    def create(self, wanted: list[TopicPlan]) -> None:
        topics: dict[str, dict[str, Any]] = {
            plan.called: {
                "num_partitions": plan.partitions,
                "replication_factor": self._settings.replication,
                "configs": plan.config,
            }
            for plan in wanted
        }
        try:
            try:
                self.admin.create_topics(topics, wait_for_metadata=True)
            # brokers before 3.6 have no such limit; `check` reports it
            except InvalidConfigurationError:
                for topic in topics.values():
                    topic["configs"].pop(AFTER_MAX, None)
                self.admin.create_topics(topics, wait_for_metadata=True)
        except AuthorizationError:
            names = ", ".join(plan.called for plan in wanted)
            raise self._forbidden(Need("topic", names, "Create")) from None
        except KafkaError as error:
            raise TopicsError(
                f"the broker at {self._settings.broker} did not create the topics "
                f"({type(error).__name__})"
            ) from None

    def check(self, wanted: int | None = None) -> list[Finding]:
        """All differences between the topics and their plans.

        `wanted` is the desired number of input partitions, if any.
        """
        existing = self.partitions()
        findings = [Finding(plan.called, "missing", fatal=True) for plan in self.missing()]
        counts = {topic: existing[topic] for topic in TOPICS if topic in existing}
        if len(set(counts.values())) > 1:
            listed = ", ".join(
                f"{called(self._settings, topic)} {number}" for topic, number in counts.items()
            )
            findings.append(
                Finding(
                    called(self._settings, "alarms"),
                    f"the inputs must have equally many partitions, but have: {listed}",
                    fatal=True,
                )
            )
        elif wanted is not None and counts and wanted not in counts.values():
            number = next(iter(counts.values()))
            message = (
                f"{number} partitions, not {wanted}: existing topics keep their "
                "number (see the runbook PartitionsUnread)"
            )
            findings.append(Finding(called(self._settings, "alarms"), message, fatal=False))
        checkpoint = checkpoint_topic(self._settings.group)
        if counts and checkpoint in existing and existing[checkpoint] != max(counts.values()):
            message = (
                f"{existing[checkpoint]} partitions, but the inputs have "
                f"{max(counts.values())}; start a new group"
            )
            findings.append(Finding(checkpoint, message, fatal=True))
        return findings + self._check_configs(existing)

    def _check_configs(self, existing: dict[str, int]) -> list[Finding]:
        findings = []
        for plan in self._plans():
            if plan.name not in existing:
                continue
            found = self._config(plan.called)
            retention = int(found.get("retention.ms") or -1)
            if plan.retention is None:
                if "compact" not in (found.get("cleanup.policy") or "compact"):
                    findings.append(
                        Finding(
                            plan.called,
                            "cleanup.policy: expected compact, else state is lost",
                            fatal=True,
                        )
                    )
            elif plan.name in TOPICS and 0 <= retention < self._settings.policy.horizon:
                findings.append(
                    Finding(
                        plan.called,
                        "retention.ms: shorter than the horizon, so nothing can be computed again",
                        fatal=False,
                    )
                )
            if plan.max_ahead is not None and (message := self._unguarded(plan, found)) is not None:
                findings.append(Finding(plan.called, message, fatal=False))
            largest = int(found.get("max.message.bytes") or plan.max_bytes)
            if largest < plan.max_bytes:
                findings.append(
                    Finding(
                        plan.called,
                        f"max.message.bytes: {largest}, expected {plan.max_bytes}",
                        fatal=False,
                    )
                )
        return findings

    def limits(self) -> dict[str, int]:
        """`max.message.bytes` of each existing output, as far as the broker reports it."""
        known = self.partitions()
        found = {
            one.name: self._config(one.called).get("max.message.bytes")
            for one in self._plans()
            if one.name in known
        }
        return {
            name: int(value)
            for name, value in found.items()
            if value is not None and name not in TOPICS
        }

    def keeping(self) -> dict[str, Keeping]:
        """How each input treats old records."""
        return {topic: Keeping.of(self._config(called(self._settings, topic))) for topic in TOPICS}

    def _unguarded(self, plan: TopicPlan, found: dict[str, str | None]) -> str | None:
        """Why records may be dated ahead of the broker's clock; None if they cannot, or
        if unknown.
        """
        if not found or found.get("message.timestamp.type") == "LogAppendTime":
            return None
        limit = found.get(AFTER_MAX)
        if limit is not None and int(limit) <= (plan.max_ahead or 0):
            return None
        if limit is None:
            if "message.timestamp.type" not in found:  # the embedded broker reports few settings
                return None
            return (
                "this broker cannot refuse timestamps in the future (Kafka before 3.6): "
                "set message.timestamp.type=LogAppendTime"
            )
        remedy = (
            f"{kafka_tool('kafka-configs.sh', self._settings)} --alter "
            f"--topic {plan.called} --add-config {AFTER_MAX}={plan.max_ahead}"
        )
        return (
            f"{AFTER_MAX}: {limit}, expected at most {plan.max_ahead}: otherwise one record from "
            f"the future makes a facility's current records late; run: {remedy}"
        )

    def _config(self, topic: str) -> dict[str, str | None]:
        """A topic's settings, as far as the broker reports them (the embedded one reports few)."""
        try:
            answer = self.admin.describe_configs(
                [ConfigResource(ConfigResourceType.TOPIC, topic)], config_filter="all"
            )
        except KafkaError:
            return {}
        return {
            name: data.get("value")
            for by_name in answer.values()
            for found in by_name.values()
            for name, data in found.items()
        }


def current_limits(settings: Settings) -> dict[str, int]:
    """`Topics.limits` as they are now; empty if the broker does not answer."""
    try:
        with Topics(settings, "worker") as known:
            return known.limits()
    except TopicsError:
        return {}
