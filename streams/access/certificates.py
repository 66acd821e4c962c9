"""Certificates: which reader a verified client certificate is."""

from __future__ import annotations

import ssl
import time
from collections.abc import Mapping
from typing import Any

from streams.access.roles import Grant, Reader
from streams.access_settings import CertificateSettings

SHORT = {
    "commonName": "CN",
    "organizationName": "O",
    "organizationalUnitName": "OU",
    "countryName": "C",
    "localityName": "L",
    "stateOrProvinceName": "ST",
    "emailAddress": "emailAddress",
    "serialNumber": "serialNumber",
    "userId": "UID",
    "domainComponent": "DC",
}
"""The usual short names of the parts of a subject (RFC 4514)."""
Certificate = Mapping[str, Any]
"""A certificate as Python's `ssl` returns it: `subject`, `subjectAltName`, `notAfter`."""


class Certificates:
    """The readers by certificate, in the order of the settings: the first that fits counts."""

    def __init__(self, settings: Mapping[str, CertificateSettings]) -> None:
        self._known = [
            (
                _parts(one.subject),
                None if one.san is None else _san(*one.san.split(":", 1)),
                Reader(name, "certificate", (Grant.of(one),)),
            )
            for name, one in settings.items()
        ]

    def __bool__(self) -> bool:
        return bool(self._known)

    def bearer(self, certificate: Certificate) -> Reader | None:
        subject = {
            (SHORT.get(name, name), value)
            for part in certificate.get("subject", ())
            for name, value in part
        }
        sans = {_san(kind, name) for kind, name in certificate.get("subjectAltName", ())}
        for parts, san, reader in self._known:
            if parts <= subject and (san is None or san in sans):
                return reader
        return None


def expired(certificate: Certificate, now: float | None = None) -> bool:
    """Whether its time is over since the connection was opened. `now` in s since 1970."""
    until = certificate.get("notAfter")
    now = time.time() if now is None else now
    return until is not None and now > ssl.cert_time_to_seconds(until)


def named(certificate: Certificate) -> str:
    """The subject as RFC 4514 writes it, at most 200 characters."""
    parts = [
        f"{SHORT.get(name, name)}={value}"
        for part in certificate.get("subject", ())
        for name, value in part
    ]
    return ",".join(reversed(parts))[:200] or "without a subject"


def _parts(subject: str | None) -> set[tuple[str, str]]:
    if subject is None:
        return set()
    halves = (part.partition("=") for part in subject.split(","))
    return {(_short(name.strip()), value.strip()) for name, _, value in halves}


def _short(name: str) -> str:
    folded = {one.lower(): one for one in SHORT.values()}
    return folded.get(name.lower(), name)


def _san(kind: str, name: str) -> tuple[str, str]:
    kind = kind.strip().lower().removesuffix(" address")
    name = name.strip()
    return kind, name.lower() if kind in ("dns", "email") else name
