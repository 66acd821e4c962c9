"""Failures: what a client's error means for whoever started the command."""

from __future__ import annotations

import asyncio

from aiokafka.errors import (
    ClusterAuthorizationFailedError,
    GroupAuthorizationFailedError,
    KafkaConnectionError,
    NodeNotReadyError,
    TopicAuthorizationFailedError,
)

from streams.kafka.handshake import reason
from streams.kafka.permissions import called
from streams.kafka.state_version import state_group
from streams.settings import Settings

_FORBIDDEN = (
    TopicAuthorizationFailedError,
    GroupAuthorizationFailedError,
    ClusterAuthorizationFailedError,
)
_UNCONNECTED = (KafkaConnectionError, NodeNotReadyError, TimeoutError, OSError)


def forbidden(
    settings: Settings, error: BaseException, operation: str, topics: tuple[str, ...]
) -> str | None:
    """The operation that the broker does not allow, in one line; None if the error is another one.

    `topics` are the service's names of the topics that may be meant.
    """
    if not isinstance(error, _FORBIDDEN):
        return None
    named = {
        name
        for one in error.args
        for name in (one if isinstance(one, set | frozenset | list | tuple) else [one])
        if isinstance(name, str) and name in {called(settings, topic) for topic in topics}
    }
    where = ", ".join(sorted(named) or [called(settings, topic) for topic in topics])
    who = settings.kafka.username
    what = f"topic {where}"
    if isinstance(error, GroupAuthorizationFailedError):
        operation, what = "Read", f"group {state_group(settings.group)}"
    return (
        f"the broker at {settings.broker} does not allow "
        f"{'this client' if who is None else f'user {who}'}: {operation} on {what}"
    )


async def explained(
    settings: Settings, error: BaseException, operation: str, *topics: str
) -> str | None:
    """Why a client failed, in one line; None if nothing more is known than its error.

    It connects to the broker if the client could not.
    """
    denied = forbidden(settings, error, operation, topics)
    if denied is not None or not isinstance(error, _UNCONNECTED):
        return denied
    return await asyncio.to_thread(reason, settings)
