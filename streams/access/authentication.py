"""Authentication: who asks, by what a request shows: a token, a client certificate, or the headers
of a trusted proxy.
"""

from __future__ import annotations

import ipaddress
from base64 import b64decode
from binascii import Error as NotBase64
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from streams.access.certificates import Certificate, Certificates, expired, named
from streams.access.roles import Grant, Reader, admin
from streams.access.tokens import Tokens
from streams.access_settings import ProxySettings
from streams.settings import WebSettings

LONGEST_NAME = 200  # characters of a reader's name that a proxy gives

NOBODY_ASKED = admin("local", "none")
"""Whoever reads from a worker that asks nobody: on loopback, or with `web.allow_remote`."""


@dataclass(frozen=True, slots=True)
class Asked:
    """The parts of a request that identify its sender."""

    peer: str
    """The address at the other end of the connection."""
    header: Callable[[str], Sequence[str]]
    """The values of a header, in order."""
    certificate: Certificate | None = None
    """The client certificate, which the TLS layer has verified."""


@dataclass(frozen=True, slots=True)
class Unknown:
    """Nobody that is known. `tried`: whether something was presented that is not valid."""

    tried: bool
    name: str = ""
    """The reader's name in a certificate or from a proxy; empty: none."""


class Authenticator:
    """Raises `SettingsError` if a token cannot be read."""

    def __init__(self, settings: WebSettings) -> None:
        self.tokens = Tokens(settings)
        self._certificates = Certificates(settings.certificates)
        self._any_certificate = settings.tls_client_ca_file is not None and not (
            settings.certificates
        )
        self._proxy = Proxy(settings.proxy)
        self._asks = settings.authenticates

    def identify(self, asked: Asked) -> Reader | Unknown:
        """Identify the reader: by the certificate, if one of `web.certificates` fits; else by the
        proxy's headers, if it is trusted; else by the token.
        """
        if not self._asks:
            return NOBODY_ASKED
        shown = asked.certificate
        if shown is not None and expired(shown):
            return Unknown(True, named(shown))
        if shown is not None and (reader := self._certificates.bearer(shown)) is not None:
            return reader
        if (reader := self._proxy.bearer(asked)) is not None:
            return reader
        authorization = asked.header("Authorization")
        if self.tokens and authorization:
            token = presented(authorization[0]) if len(authorization) == 1 else None
            found = None if token is None else self.tokens.bearer(token)
            return found or Unknown(True)
        if shown is not None:
            if self._any_certificate and not self.tokens:
                return admin(named(shown), "certificate")
            return Unknown(not self.tokens, named(shown))
        return Unknown(False)

    def address(self, asked: Asked) -> str:
        """The address of the reader: behind a trusted proxy, the last that the proxy has added."""
        return self._proxy.client(asked)


class Proxy:
    """The readers that a trusted proxy names."""

    def __init__(self, settings: ProxySettings) -> None:
        self._settings = settings
        self._grants = {name: Grant.of(one) for name, one in settings.groups.items()}

    def _is_trusted(self, peer: str) -> bool:
        try:
            address = ipaddress.ip_address(peer.partition("%")[0])
        except ValueError:
            return False
        mapped = getattr(address, "ipv4_mapped", None)
        return any((mapped or address) in network for network in self._settings.addresses)

    def bearer(self, asked: Asked) -> Reader | None:
        """The reader of the headers; None: they are not there, not whole, or not to be trusted.

        A reader in no group of the settings has no role.
        """
        if not self._settings.addresses or not self._is_trusted(asked.peer):
            return None
        users = asked.header(self._settings.user_header)
        if len(users) != 1 or not (name := users[0].strip()):
            return None
        if len(name) > LONGEST_NAME or not name.isprintable():
            return None
        groups = ",".join(asked.header(self._settings.groups_header)).split(",")
        grants = [self._grants[one] for one in map(str.strip, groups) if one in self._grants]
        return Reader(name, "proxy", tuple(dict.fromkeys(grants)))

    def client(self, asked: Asked) -> str:
        if self._settings.addresses and self._is_trusted(asked.peer):
            forwarded = ",".join(asked.header("X-Forwarded-For")).rpartition(",")[2].strip()
            try:
                return str(ipaddress.ip_address(forwarded.strip("[]")))
            except ValueError:
                pass
        return asked.peer


def presented(authorization: str) -> str | None:
    """The token in a header: as a bearer token, or as the password of any user; None: none.

    >>> presented("Bearer abc"), presented("Basic eDphYmM="), presented("Digest abc")
    ('abc', 'abc', None)
    """
    scheme, _, shown = authorization.partition(" ")
    if scheme.lower() == "basic":
        try:
            return b64decode(shown.strip(), validate=True).decode().partition(":")[2].strip()
        except (NotBase64, UnicodeDecodeError, ValueError):
            return None
    return shown.strip() if scheme.lower() == "bearer" else None
