"""Settings of the connection to Kafka: how it is secured, and what the topics are called.

Secrets are in files, never in settings. All clients get these settings by
`streams.kafka.security`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, model_validator

SASL = ("SASL_PLAINTEXT", "SASL_SSL")
TLS = ("SSL", "SASL_SSL")
PASSWORDS = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")
_NAME = r"^[a-zA-Z0-9._-]{1,200}$"


class TopicNames(BaseModel):
    """The names of the topics on the broker, without the prefix."""

    model_config = ConfigDict(extra="forbid")

    alarms: str = Field("alarms", pattern=_NAME, description="name of the input `alarms`")
    assignments: str = Field(
        "assignments", pattern=_NAME, description="name of the input `assignments`"
    )
    responses: str = Field("responses", pattern=_NAME, description="name of the input `responses`")
    labels: str = Field("labels", pattern=_NAME, description="name of the input `labels`")
    episodes: str = Field("episodes", pattern=_NAME, description="name of the output `episodes`")
    overload: str = Field("overload", pattern=_NAME, description="name of the output `overload`")
    rejected: str = Field("rejected", pattern=_NAME, description="name of the output `rejected`")
    hl7: str = Field(
        "hl7", pattern=_NAME, description="name of the topic with HL7 messages (`hl7 translate`)"
    )


class KafkaSettings(BaseModel):
    """How every command connects to Kafka, and the names of the topics."""

    model_config = ConfigDict(extra="forbid")

    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = Field(
        "PLAINTEXT",
        description="protocol of the broker's listener: `SSL` encrypts, `SASL_` authenticates",
    )
    sasl_mechanism: (
        Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER", "GSSAPI"] | None
    ) = Field(None, description="how a client proves who it is; needed with `SASL_` protocols")
    username: str | None = Field(None, description="user of PLAIN and SCRAM")
    password_file: Path | None = Field(
        None, description="file with that user's password, read again for each connection"
    )
    ca_file: Path | None = Field(
        None,
        description="authorities (PEM) that sign the brokers' certificates; without it, those that "
        "the system trusts. Read again for each connection, as the other certificates are",
    )
    cert_file: Path | None = Field(
        None, description="certificate (PEM) that the client shows the broker (mutual TLS)"
    )
    key_file: Path | None = Field(None, description="private key (PEM) of that certificate")
    key_password_file: Path | None = Field(
        None, description="file with the password of the private key, if it is encrypted"
    )
    token_file: Path | None = Field(
        None,
        description="OAUTHBEARER: file with a token that something else renews; read again for "
        "each connection",
    )
    token_url: str | None = Field(
        None,
        description="OAUTHBEARER: address of the token endpoint, which gives tokens for client "
        "credentials",
    )
    client_id: str | None = Field(None, description="client id for the token endpoint")
    client_secret_file: Path | None = Field(
        None, description="file with the client secret for the token endpoint"
    )
    token_scope: str | None = Field(None, description="scope to ask the token endpoint for")
    token_ca_file: Path | None = Field(
        None,
        description="authorities (PEM) that sign the certificate of the token endpoint; without "
        "it, those that the system trusts",
    )
    kerberos_service: str = Field(
        "kafka", min_length=1, description="GSSAPI: first part of the brokers' Kerberos principal"
    )
    topic_prefix: str = Field(
        "",
        pattern=r"^[a-zA-Z0-9._-]{0,100}$",
        description="what the names of all inputs and outputs begin with, such as `icu.`; the "
        "checkpoint topic begins with `group` instead",
    )
    topics: TopicNames = TopicNames()

    @property
    def encrypts(self) -> bool:
        return self.security_protocol in TLS

    @property
    def authenticates(self) -> bool:
        """Whether a user, not only a certificate, is asked for."""
        return self.security_protocol in SASL

    def topic(self, name: str) -> str:
        """The name on the broker of the service's topic `name`.

        >>> KafkaSettings(topic_prefix="icu.").topic("alarms")
        'icu.alarms'
        """
        return self.topic_prefix + str(getattr(self.topics, name))

    @model_validator(mode="after")
    def _names_differ(self) -> KafkaSettings:
        seen: dict[str, str] = {}
        for name, called in self.topics.model_dump().items():
            if called in seen:
                raise ValueError(f"topics: {seen[called]} and {name} are both called {called}")
            seen[called] = name
        return self

    @model_validator(mode="after")
    def _proves_who_it_is(self) -> KafkaSettings:
        protocol, mechanism = self.security_protocol, self.sasl_mechanism
        if self.authenticates and mechanism is None:
            raise ValueError(
                f"sasl_mechanism: expected one of {', '.join(PASSWORDS)}, OAUTHBEARER, GSSAPI with "
                f"{protocol}"
            )
        if mechanism is not None and not self.authenticates:
            raise ValueError(
                f"sasl_mechanism: expected kafka.security_protocol to be {' or '.join(SASL)}, not "
                f"{protocol}"
            )
        if mechanism in PASSWORDS:
            _expect_all(self, mechanism or "", "username", "password_file")
        else:
            _expect_none(self, "PLAIN and SCRAM", "username", "password_file")
        if mechanism == "OAUTHBEARER":
            if (self.token_file is None) == (self.token_url is None):
                raise ValueError("token_file: expected it or kafka.token_url, one of the two")
        else:
            _expect_none(self, "OAUTHBEARER", "token_file", "token_url")
        return self

    @model_validator(mode="after")
    def _gets_tokens(self) -> KafkaSettings:
        if self.token_url is None:
            _expect_none(self, "token_url", "client_id", "client_secret_file", "token_scope")
            _expect_none(self, "token_url", "token_ca_file")
            return self
        _expect_all(self, "token_url", "client_id", "client_secret_file")
        try:
            parts = urlsplit(self.token_url)
            local = parts.hostname in ("127.0.0.1", "::1", "localhost")
            safe = parts.scheme == "https" or (parts.scheme == "http" and local)
            fits = safe and parts.hostname and not parts.username and not parts.fragment
        except ValueError:
            fits = False
        if not fits:
            raise ValueError(
                "token_url: expected an address such as https://login.example.org/token; the "
                "client secret is sent there, so it must be https and hold no user name"
            )
        return self

    @model_validator(mode="after")
    def _shows_certificates(self) -> KafkaSettings:
        if not self.encrypts:
            _expect_none(self, "SSL and SASL_SSL", "ca_file", "cert_file")
        if (self.cert_file is None) != (self.key_file is None):
            raise ValueError("cert_file: expected kafka.key_file as well, or neither")
        if self.key_password_file is not None and self.key_file is None:
            raise ValueError("key_password_file: expected kafka.key_file as well")
        return self


def _expect_all(settings: KafkaSettings, having: str, *names: str) -> None:
    for name in names:
        if getattr(settings, name) is None:
            raise ValueError(f"{name}: expected with {having}")


def _expect_none(settings: KafkaSettings, only: str, *names: str) -> None:
    for name in names:
        if getattr(settings, name) is not None:
            raise ValueError(f"{name}: expected with {only} only")
