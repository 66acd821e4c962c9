"""Silences: a client of Alertmanager's interface (API v2).

Alertmanager stores silences on disk and shares them with its peers. So all workers give the same
answer, and none needs a store of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol
from urllib.parse import quote

import aiohttp

from streams.formats.times import parse_rfc3339
from streams.settings import SettingsError

PATIENCE = 5.0
"""Seconds to wait for an answer of Alertmanager, while a person waits at a phone."""
_LARGEST = 8 << 20  # bytes of an answer: some ten thousand silences


class AlertmanagerError(Exception):
    """Alertmanager did not answer, or refused: one line."""


@dataclass(frozen=True, slots=True)
class Matcher:
    """Whether a label is, or matches, `value`."""

    name: str
    value: str
    is_regex: bool = False
    is_equal: bool = True


@dataclass(frozen=True, slots=True)
class Silence:
    """A silence. `since`, `until`: seconds since the epoch. `id`: empty until Alertmanager assigns
    one.

    `began`: `since` exactly as Alertmanager wrote it. If it differs by a nanosecond, Alertmanager
    makes a new silence instead of extending this one.
    """

    id: str
    matchers: tuple[Matcher, ...]
    since: float
    until: float
    created_by: str
    comment: str
    began: str = ""


@dataclass(frozen=True, slots=True)
class Alert:
    """A firing alert, silenced or not. `since`: seconds since the epoch."""

    labels: Mapping[str, str]
    since: float


class Silences(Protocol):
    """The requests to Alertmanager. Every method raises `AlertmanagerError`."""

    async def all(self) -> list[Silence]:
        """Silences in force, and those that ended within Alertmanager's retention (120 h)."""
        ...

    async def alerts(self, labels: Mapping[str, str]) -> list[Alert]:
        """The firing alerts with these labels."""
        ...

    async def put(self, silence: Silence) -> str:
        """Make a silence, or change the one with its id. Returns the id."""
        ...

    async def end(self, id_: str) -> None: ...


class Alertmanager:
    """The client of one Alertmanager."""

    def __init__(self, url: str, token: str | None = None) -> None:
        self._url = f"{url.rstrip('/')}/api/v2/"
        self._headers = {} if token is None else {"Authorization": f"Bearer {token}"}

    async def all(self) -> list[Silence]:
        return [_silence(one) for one in await self._ask("GET", "silences")]

    async def alerts(self, labels: Mapping[str, str]) -> list[Alert]:
        matchers = [("filter", f"{name}={_quoted(value)}") for name, value in labels.items()]
        found = await self._ask("GET", "alerts", matchers)
        try:
            return [
                Alert(dict(one["labels"]), parse_rfc3339(one["startsAt"]) / 1000) for one in found
            ]
        except (KeyError, TypeError, ValueError):
            raise AlertmanagerError("expected alerts of Alertmanager's API v2") from None

    async def put(self, silence: Silence) -> str:
        content = {
            "matchers": [
                {
                    "name": one.name,
                    "value": one.value,
                    "isRegex": one.is_regex,
                    "isEqual": one.is_equal,
                }
                for one in silence.matchers
            ],
            "startsAt": silence.began or _time(silence.since),
            "endsAt": _time(silence.until),
            "createdBy": silence.created_by,
            "comment": silence.comment,
        } | ({"id": silence.id} if silence.id else {})
        made = await self._ask("POST", "silences", content=content)
        try:
            return str(made["silenceID"])
        except (KeyError, TypeError):
            raise AlertmanagerError("expected the id of a silence") from None

    async def end(self, id_: str) -> None:
        await self._ask("DELETE", f"silence/{quote(id_, safe='')}")

    async def _ask(
        self,
        method: str,
        path: str,
        parameters: Sequence[tuple[str, str]] = (),
        content: Mapping[str, Any] | None = None,
    ) -> Any:
        try:
            async with (
                aiohttp.ClientSession(
                    headers=self._headers, timeout=aiohttp.ClientTimeout(total=PATIENCE)
                ) as session,
                session.request(
                    method,
                    self._url + path,
                    params=list(parameters),
                    json=content,
                    allow_redirects=False,
                ) as answer,
            ):
                if answer.status != 200:
                    raise AlertmanagerError(f"Alertmanager answers with status {answer.status}")
                if (answer.content_length or 0) > _LARGEST:
                    raise AlertmanagerError("Alertmanager's answer is too large")
                return await answer.json() if method != "DELETE" else None
        except TimeoutError:
            raise AlertmanagerError(
                f"Alertmanager did not answer within {PATIENCE:.0f} s"
            ) from None
        except (aiohttp.ClientError, ValueError, OSError) as error:
            raise AlertmanagerError(
                f"Alertmanager cannot be reached: {type(error).__name__}"
            ) from None


def alertmanager_of(url: str | None, token_file: Any) -> Alertmanager | None:
    """The client; None if no Alertmanager is configured. Raises `SettingsError`."""
    if url is None:
        return None
    token = None
    if token_file is not None:
        try:
            token = token_file.read_text().strip()
        except (OSError, UnicodeDecodeError) as error:
            raise SettingsError(
                f"alertmanager.token_file: {token_file}: "
                f"{getattr(error, 'strerror', 'expected text')}"
            ) from None
        if not token or not token.isascii() or not token.isprintable():
            raise SettingsError(f"alertmanager.token_file: {token_file}: expected a token")
    return Alertmanager(url, token)


def matches(matchers: Iterable[Matcher], labels: Mapping[str, str]) -> bool:
    """Whether a silence of these matchers is only about alerts that have `labels`: each label is
    named with that very value.
    """
    named = {one.name: one.value for one in matchers if one.is_equal and not one.is_regex}
    return all(named.get(name) == value for name, value in labels.items())


def _silence(one: Any) -> Silence:
    try:
        return Silence(
            one["id"],
            tuple(
                Matcher(of["name"], of["value"], of["isRegex"], of.get("isEqual", True))
                for of in one["matchers"]
            ),
            parse_rfc3339(one["startsAt"]) / 1000,
            parse_rfc3339(one["endsAt"]) / 1000,
            one["createdBy"],
            one["comment"],
            one["startsAt"],
        )
    except (KeyError, TypeError, ValueError):
        raise AlertmanagerError("expected silences of Alertmanager's API v2") from None


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")


def _quoted(value: str) -> str:
    """Quote a value for a matcher of Alertmanager.

    >>> _quoted('Ward "3"')
    '"Ward \\\\"3\\\\""'
    """
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'
