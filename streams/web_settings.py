"""Settings of the web server: where it serves, to whom, and with which bounds."""

from __future__ import annotations

import contextlib
import ipaddress
from collections.abc import Mapping
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

from streams.access_settings import CertificateSettings, ProxySettings, TokenSettings
from streams.paging_settings import Duration, expect_address

LOOPBACK = ("127.0.0.1", "::1", "localhost")


class WebSettings(BaseModel):
    """Where the page, its interface, /metrics, /healthz and /ready are served, and to whom (see
    `streams.http.guard`).

    `streams.http.bounded_site` enforces the bounds on connections.
    """

    model_config = ConfigDict(extra="forbid", validate_default=True)

    host: str = Field(
        "127.0.0.1",
        description="address to serve on; other than loopback it needs a token, client "
        "certificates or `allow_remote`",
    )
    port: int = Field(9464, ge=1, le=65535, description="port to serve on")
    allow_remote: bool = Field(
        False,
        description="serve other machines without authentication, because a network policy or a "
        "proxy guards the worker",
    )
    token: SecretStr | None = Field(
        None,
        exclude=True,
        description="token that lets its bearer read everything; `config check` never prints it",
    )
    token_file: Path | None = Field(
        None, description="file that holds this token; excludes `token`"
    )
    tls_cert_file: Path | None = Field(
        None, description="certificate (PEM) to serve HTTPS with; needs `tls_key_file`"
    )
    tls_key_file: Path | None = Field(None, description="private key (PEM) of the certificate")
    tls_client_ca_file: Path | None = Field(
        None,
        description="requests without a certificate of this authority (PEM) are refused, except "
        "those for `/healthz` and `/ready`; with `certificates` and tokens both set, only those "
        "without either",
    )
    tls_client_crl_file: Path | None = Field(
        None,
        description="list (PEM) of the certificates that `tls_client_ca_file` has revoked, which "
        "are refused; with it, a list that is over refuses all",
    )
    names: tuple[str, ...] = Field(
        (),
        description="host names and addresses under which it answers, beside loopback, `host` and "
        "the host of `paging.url`; empty: on another address than loopback also this machine's "
        "name and literal addresses",
    )
    tokens: Mapping[str, TokenSettings] = Field(
        default_factory=dict,
        description="by name of the reader: the `file` of a token, a `role`, and `facility` and "
        "`unit` where the reader may not see everything. Read again when it changes",
    )
    certificates: Mapping[str, CertificateSettings] = Field(
        default_factory=dict,
        description="by name of the reader: the `subject` or `san` of a client certificate, a "
        "`role`, and `facility` and `unit`; empty: any certificate of the authority may read all",
    )
    proxy: ProxySettings = ProxySettings()
    show_beds: bool | None = Field(
        None,
        description="name the bed to move on the page and in its JSON; not set: where readers "
        "authenticate (token or client certificate). `true` needs that, or loopback",
    )
    max_connections: int = Field(
        256, ge=8, description="open connections; fewer where the limit of file descriptors is low"
    )
    max_connections_per_address: int = Field(
        64,
        ge=4,
        description="open connections of one address (IPv6: of one /64); raise it behind a proxy",
    )
    header_timeout: Duration = Field(
        "10s",
        description="time within which a request header, or a TLS handshake, must be complete",
    )  # type: ignore[assignment]
    idle_timeout: Duration = Field(
        "75s", description="time after which a connection without requests is closed"
    )  # type: ignore[assignment]
    grafana_url: str | None = Field(
        None,
        description="address of Grafana as readers of the page reach it; without it, the page has "
        "no links to boards",
    )

    @property
    def is_local(self) -> bool:
        return self.host in LOOPBACK

    @property
    def authenticates(self) -> bool:
        """Whether readers present a token or a client certificate, or come through a proxy."""
        return self.has_tokens or self.tls_client_ca_file is not None or bool(self.proxy.addresses)

    @property
    def has_tokens(self) -> bool:
        return self.token is not None or self.token_file is not None or bool(self.tokens)

    @property
    def needs_certificate(self) -> bool:
        """Whether a client certificate is needed, whatever else is shown. Where certificates have
        roles and there are tokens as well, one of the two is enough.
        """
        return self.tls_client_ca_file is not None and not (self.certificates and self.has_tokens)

    @property
    def names_beds(self) -> bool:
        """Whether readers may see which bed to move."""
        return self.authenticates if self.show_beds is None else self.show_beds

    @property
    def address(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'http' if self.tls_cert_file is None else 'https'}://{host}:{self.port}"

    @model_validator(mode="after")
    def _is_guarded(self) -> WebSettings:
        if not (100 <= self.header_timeout <= 600_000 and 1000 <= self.idle_timeout <= 3_600_000):
            raise ValueError("header_timeout, idle_timeout: expected 100ms to 10m, and 1s to 1h")
        if self.grafana_url is not None:
            expect_address("grafana_url", self.grafana_url)
        if self.token is not None and self.token_file is not None:
            raise ValueError("token: expected it here or in web.token_file, not both")
        if (self.tls_cert_file is None) != (self.tls_key_file is None):
            raise ValueError("tls_cert_file: expected tls_key_file as well, or neither")
        if self.tls_client_ca_file is not None and self.tls_cert_file is None:
            raise ValueError("tls_client_ca_file: expected tls_cert_file and tls_key_file as well")
        if self.tls_client_crl_file is not None and self.tls_client_ca_file is None:
            raise ValueError("tls_client_crl_file: expected tls_client_ca_file as well")
        if self.certificates and self.tls_client_ca_file is None:
            raise ValueError("certificates: expected tls_client_ca_file as well")
        if not all(map(_is_host, self.names)):
            raise ValueError("names: expected host names without scheme, port and path")
        if not self.is_local and not self.authenticates and not self.allow_remote:
            raise ValueError(
                f"host: {self.host} would serve without authentication to other machines; set "
                "web.tokens or web.tls_client_ca_file, or web.allow_remote to true if a "
                "network policy or a proxy guards it"
            )
        if self.show_beds and not (self.authenticates or self.is_local):
            raise ValueError(
                "show_beds: expected readers that authenticate (web.tokens or "
                "web.tls_client_ca_file), or a host on loopback"
            )
        return self


def _is_host(name: str) -> bool:
    with contextlib.suppress(ValueError):
        return bool(ipaddress.ip_address(name))
    return bool(name) and name.isascii() and name.isprintable() and not set(name) & set("/:@ ")
