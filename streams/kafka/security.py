"""Security: what every Kafka client is given to connect with.

`client_options` is for aiokafka, `admin_options` for kafka-python, `faust_credentials` for Faust.
Files are read when a connection is made, not when a client is: a renewed certificate or a changed
password serves the next connection without a restart.
"""

from __future__ import annotations

import asyncio
import importlib.util
import ssl
from dataclasses import dataclass
from typing import Any

import aiokafka.conn
from aiokafka.abc import AbstractTokenProvider
from kafka.net.sasl.oauth import AbstractTokenProvider as SyncTokenProvider

from streams.kafka.secrets import Secret, SecurityError
from streams.kafka.tokens import EndpointTokens, FileTokens, Tokens
from streams.kafka_settings import KafkaSettings
from streams.settings import Settings


def addresses(settings: Settings) -> list[str]:
    """The bootstrap addresses, each HOST:PORT."""
    return [one.strip() for one in settings.broker.split(",") if one.strip()]


def client_options(settings: Settings) -> dict[str, Any]:
    """Arguments of `AIOKafkaConsumer` and `AIOKafkaProducer`. Raises `SecurityError`."""
    _install()
    check(settings.kafka)
    tokens = tokens_of(settings.kafka)
    return _common(settings) | {
        "bootstrap_servers": addresses(settings),
        "sasl_mechanism": settings.kafka.sasl_mechanism or "PLAIN",  # not used without SASL
        "sasl_plain_password": _password(settings.kafka),
        "sasl_oauth_token_provider": tokens and _AsyncProvider(tokens),
    }


def admin_options(settings: Settings) -> dict[str, Any]:
    """Arguments of `KafkaAdminClient`, which is used for a moment only. Raises `SecurityError`."""
    check(settings.kafka)
    password, tokens = _password(settings.kafka), tokens_of(settings.kafka)
    return _common(settings) | {
        "bootstrap_servers": addresses(settings),
        "sasl_mechanism": settings.kafka.sasl_mechanism,
        "sasl_plain_password": password and password.read(),
        "sasl_oauth_token_provider": tokens and _SyncProvider(tokens),
    }


def faust_credentials(settings: Settings) -> Any:
    """The value for Faust's `broker_credentials`; None for PLAINTEXT. Raises `SecurityError`."""
    from faust.auth import (
        GSSAPICredentials,
        OAuthCredentials,
        SASLCredentials,
        SSLCredentials,
    )

    _install()
    check(settings.kafka)
    kafka = settings.kafka
    context = tls_of(kafka)
    if not kafka.authenticates:
        return None if context is None else SSLCredentials(context)
    if kafka.sasl_mechanism == "GSSAPI":
        return GSSAPICredentials(
            kerberos_service_name=kafka.kerberos_service, mechanism="GSSAPI", ssl_context=context
        )
    if (tokens := tokens_of(kafka)) is not None:
        return OAuthCredentials(oauth_cb=_AsyncProvider(tokens), ssl_context=context)
    password: Any = _password(kafka)
    return SASLCredentials(
        username=kafka.username,
        password=password,
        ssl_context=context,
        mechanism=kafka.sasl_mechanism,
    )


def check(settings: KafkaSettings) -> None:
    """Read all files, so that a wrong path is noticed before anything starts.

    Raises `SecurityError`.
    """
    if settings.encrypts:
        _load(settings)
    password = _password(settings)
    if password is not None:
        password.read()
    if settings.token_file is not None:
        Secret("kafka.token_file", settings.token_file).read()
    if settings.client_secret_file is not None:
        Secret("kafka.client_secret_file", settings.client_secret_file).read()
    if settings.sasl_mechanism == "GSSAPI" and importlib.util.find_spec("gssapi") is None:
        raise SecurityError(
            "kafka.sasl_mechanism: GSSAPI needs the Python package gssapi and the Kerberos "
            "libraries; run: pip install gssapi"
        )


def tls_of(settings: KafkaSettings) -> ssl.SSLContext | None:
    """The TLS context of all connections; None for protocols without TLS."""
    return _FreshContext.of(settings) if settings.encrypts else None


def tokens_of(settings: KafkaSettings) -> Tokens | None:
    """Where the tokens of OAUTHBEARER come from; None for other mechanisms."""
    if settings.token_file is not None:
        return FileTokens(Secret("kafka.token_file", settings.token_file))
    if settings.token_url is None:
        return None
    assert settings.client_id is not None
    assert settings.client_secret_file is not None
    return EndpointTokens(
        settings.token_url,
        settings.client_id,
        Secret("kafka.client_secret_file", settings.client_secret_file),
        settings.token_scope,
        settings.token_ca_file,
    )


def sasl_options(settings: KafkaSettings, host: str) -> dict[str, Any]:
    """Arguments of kafka-python's SASL mechanisms for a connection to `host`. Raises
    `SecurityError`.
    """
    password, tokens = _password(settings), tokens_of(settings)
    return {
        "host": host,
        "security_protocol": settings.security_protocol,
        "sasl_mechanism": settings.sasl_mechanism,
        "sasl_plain_username": settings.username,
        "sasl_plain_password": password and password.read(),
        "sasl_kerberos_service_name": settings.kerberos_service,
        "sasl_oauth_token_provider": tokens and _SyncProvider(tokens),
    }


def _common(settings: Settings) -> dict[str, Any]:
    kafka = settings.kafka
    return {
        "security_protocol": kafka.security_protocol,
        "ssl_context": tls_of(kafka),
        "sasl_plain_username": kafka.username,
        "sasl_kerberos_service_name": kafka.kerberos_service,
    }


def _password(settings: KafkaSettings) -> Secret | None:
    path = settings.password_file
    return None if path is None else Secret("kafka.password_file", path)


def _load(settings: KafkaSettings) -> ssl.SSLContext:
    """A context with the certificates as they are in their files now. Raises `SecurityError`."""
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if settings.ca_file is not None:
        # the system's authorities are then not trusted
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        try:
            context.load_verify_locations(settings.ca_file)
        except OSError as error:  # ssl.SSLError is one
            raise SecurityError(f"kafka.ca_file: {settings.ca_file}: {_pem(error)}") from None
    if settings.cert_file is not None:
        password = None
        if settings.key_password_file is not None:
            password = Secret("kafka.key_password_file", settings.key_password_file).read()
        try:
            # without a password, OpenSSL would ask for one on the terminal
            context.load_cert_chain(settings.cert_file, settings.key_file, lambda: password or "")
        except OSError as error:
            raise SecurityError(
                f"kafka.cert_file, kafka.key_file: {settings.cert_file}, {settings.key_file}: "
                f"{_pem(error)}"
            ) from None
    return context


def _pem(error: OSError) -> str:
    if isinstance(error, ssl.SSLError):
        reason = str(error.reason or "").replace("_", " ").lower()
        return f"expected certificates or a matching key in PEM{f' ({reason})' if reason else ''}"
    return error.strerror or type(error).__name__


class _FreshContext(ssl.SSLContext):
    """Reads its files again for each connection."""

    _kafka: KafkaSettings

    @classmethod
    def of(cls, settings: KafkaSettings) -> _FreshContext:
        self = cls(ssl.PROTOCOL_TLS_CLIENT)
        self._kafka = settings
        return self

    def wrap_bio(self, *args: Any, **kwargs: Any) -> ssl.SSLObject:
        return _load(self._kafka).wrap_bio(*args, **kwargs)

    def wrap_socket(self, *args: Any, **kwargs: Any) -> ssl.SSLSocket:
        return _load(self._kafka).wrap_socket(*args, **kwargs)


@dataclass(frozen=True)
class _AsyncProvider(AbstractTokenProvider):  # type: ignore[misc]  # aiokafka has no types
    tokens: Tokens

    async def token(self) -> str:
        return await asyncio.to_thread(self.tokens.token)


class _SyncProvider(SyncTokenProvider):  # type: ignore[misc]  # kafka-python has no types
    def __init__(self, tokens: Tokens) -> None:
        self._tokens = tokens

    def token(self) -> str:
        return self._tokens.token()


class Connection(aiokafka.conn.AIOKafkaConnection):  # type: ignore[misc]
    """aiokafka's connection, which reads the password from its file."""

    _sasl_plain_password: Any

    def authenticator_plain(self) -> Any:
        self._read_password()
        return super().authenticator_plain()

    def authenticator_scram(self) -> Any:
        self._read_password()
        return super().authenticator_scram()

    def _read_password(self) -> None:
        if isinstance(self._sasl_plain_password, Secret):
            self._sasl_plain_password = self._sasl_plain_password.read()


def _install() -> None:
    """Make aiokafka's clients use this connection in this process."""
    aiokafka.conn.AIOKafkaConnection = Connection
