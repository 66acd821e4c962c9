"""Settings of access: tokens, client certificates and the headers of a proxy, each with a role and
with the facility and units that its bearer may read about.

Secrets are in files, never in settings. `streams.access` applies these settings.
"""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

Role = Literal["metrics", "viewer", "tuner", "admin"]
Network = IPv4Network | IPv6Network


def _listed(value: Any) -> Any:
    """A list of one where a single text is given."""
    return (value,) if isinstance(value, str) else value


class GrantSettings(BaseModel):
    """What a reader may do, and for which facilities and units."""

    model_config = ConfigDict(extra="forbid")

    role: Role = Field(description="what the reader may do")
    facility: str | None = Field(None, min_length=1, description="only this facility")
    unit: Annotated[tuple[str, ...], BeforeValidator(_listed)] = Field(
        (), description="only this unit, or these units, of the facility"
    )

    @model_validator(mode="after")
    def _is_a_place(self) -> GrantSettings:
        if self.unit and self.facility is None:
            raise ValueError("unit: expected the facility as well: units of two may share a name")
        if "" in self.unit:
            raise ValueError("unit: expected a name that is not empty")
        return self


class TokenSettings(GrantSettings):
    """A token, which a reader presents."""

    file: Path = Field(description="file that holds the token")


class CertificateSettings(GrantSettings):
    """A client certificate, which a reader presents."""

    subject: str | None = Field(
        None, description="parts of the subject that the certificate must have: `CN=prometheus`"
    )
    san: str | None = Field(
        None, description="alternative name that it must have: `DNS:prometheus.example.org`"
    )

    @model_validator(mode="after")
    def _is_recognisable(self) -> CertificateSettings:
        if self.subject is None and self.san is None:
            raise ValueError("expected a subject, a san, or both")
        parts = [] if self.subject is None else self.subject.split(",")
        if not all(name.strip() and value.strip() for name, _, value in map(_halves, parts)):
            raise ValueError("subject: expected parts such as CN=prometheus,O=Hospital")
        if self.san is not None and not all(self.san.partition(":")):
            raise ValueError("san: expected DNS:, URI:, email: or IP: and a name")
        return self


def _halves(part: str) -> tuple[str, str, str]:
    return part.partition("=")


class ProxySettings(BaseModel):
    """A proxy that authenticates readers, and says in headers who they are."""

    model_config = ConfigDict(extra="forbid")

    addresses: tuple[Network, ...] = Field(
        (),
        description="addresses or networks whose headers are believed; empty: those of nobody",
    )
    user_header: str = Field(
        "X-Forwarded-User", min_length=1, description="header with the reader's name"
    )
    groups_header: str = Field(
        "X-Forwarded-Groups",
        min_length=1,
        description="header with the reader's groups, separated by commas",
    )
    groups: dict[str, GrantSettings] = Field(
        default_factory=dict, description="by group: a `role`, and `facility` and `unit` as needed"
    )

    @model_validator(mode="after")
    def _is_whole(self) -> ProxySettings:
        if bool(self.addresses) != bool(self.groups):
            raise ValueError("expected addresses and groups, or neither")
        return self
