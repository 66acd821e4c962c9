"""Tokens of OAUTHBEARER: from a file, or from a token endpoint for client credentials."""

from __future__ import annotations

import base64
import ssl
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import quote_plus, urlencode

import msgspec

from streams.kafka.secrets import Secret, SecurityError

ENDPOINT_SECONDS = 10.0
"""How long the endpoint may take to answer."""
LONGEST_ANSWER = 1 << 20
RENEWED_AT = 0.8
"""The share of a token's life after which the next connection asks for a new one."""
SHORTEST_LIFE = 30.0
"""Seconds for which a token is used if the endpoint does not say how long it lives."""


class Tokens(Protocol):
    """Where tokens come from."""

    def token(self) -> str:
        """A valid token. Raises `SecurityError`."""


class FileTokens:
    """The token in a file, which something else renews."""

    def __init__(self, secret: Secret) -> None:
        self._secret = secret

    def token(self) -> str:
        return _checked(self._secret.read().strip(), self._secret.setting)


class _Answer(msgspec.Struct):
    access_token: str
    expires_in: float | str | None = None


class EndpointTokens:
    """Tokens of an OAuth 2.0 token endpoint for client credentials (RFC 6749, section 4.4).

    A token is used again until most of its life is over.
    """

    def __init__(
        self,
        url: str,
        client_id: str,
        secret: Secret,
        scope: str | None = None,
        ca_file: Path | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._url = url
        self._client_id = client_id
        self._secret = secret
        self._scope = scope
        self._ca_file = ca_file
        self._clock = clock
        self._lock = threading.Lock()
        self._token = ""
        self._until = -1.0

    def token(self) -> str:
        with self._lock:
            if self._clock() >= self._until:
                asked = self._clock()
                answer = self._ask()
                self._token = _checked(answer.access_token, f"kafka.token_url: {self._url}")
                try:
                    life = float(answer.expires_in or SHORTEST_LIFE)
                except ValueError:
                    life = SHORTEST_LIFE
                self._until = asked + life * RENEWED_AT
            return self._token

    def _ask(self) -> _Answer:
        place = f"kafka.token_url: {self._url}"
        form = {"grant_type": "client_credentials"}
        if self._scope is not None:
            form["scope"] = self._scope
        pair = f"{quote_plus(self._client_id)}:{quote_plus(self._secret.read())}"
        request = urllib.request.Request(  # noqa: S310  # the settings allow https only
            self._url,
            urlencode(form).encode(),
            {
                "Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}",
                "Content-Type": "application/x-www-form-urlencoded",
                "Accept": "application/json",
            },
        )
        try:
            context = ssl.create_default_context(
                cafile=None if self._ca_file is None else str(self._ca_file)
            )
        except OSError as error:
            raise SecurityError(
                f"kafka.token_ca_file: {self._ca_file}: {error.strerror or 'expected PEM'}"
            ) from None
        opener = urllib.request.build_opener(
            urllib.request.HTTPSHandler(context=context), _NoRedirect()
        )
        try:
            with opener.open(request, timeout=ENDPOINT_SECONDS) as answer:
                return msgspec.json.decode(answer.read(LONGEST_ANSWER), type=_Answer)
        except urllib.error.HTTPError as error:
            why = {400: "refused the request", 401: "refused client id or secret"}.get(
                error.code, "gave no token"
            )
            raise SecurityError(f"{place}: {why} (status {error.code})") from None
        except urllib.error.URLError as error:
            raise SecurityError(f"{place}: no connection ({error.reason})") from None
        except OSError as error:
            raise SecurityError(f"{place}: no answer ({type(error).__name__})") from None
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise SecurityError(f"{place}: expected a JSON object with access_token") from None


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """The client secret is sent to no other address."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


def _checked(token: str, place: str) -> str:
    if not token or not token.isascii() or not token.isprintable() or " " in token:
        raise SecurityError(f"{place}: expected a token: ASCII characters without spaces")
    return token
