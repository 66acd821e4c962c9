"""Connections to a real Apache Kafka with TLS, SASL and client certificates: each step that can
fail has a line of its own.
"""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaConnectionError

from streams.dev.broker import HOST
from streams.kafka.handshake import reason
from streams.kafka.security import client_options
from streams.settings import load
from tests.harness.secured import PASSWORD, SecuredKafka, alarm, unsigned_token
from tests.harness.workers import run


@pytest.fixture
def kafka(secured_kafka: SecuredKafka) -> SecuredKafka:
    return secured_kafka


def changed(kafka: SecuredKafka, listener: str = "sasl_ssl", **other: Any) -> Any:
    """Settings with other values; None leaves one out."""
    found = kafka.settings("someone", listener)
    found["kafka"] = {
        name: value for name, value in (found["kafka"] | other).items() if value is not None
    }
    return load(kafka.file("changed.yaml", yaml.safe_dump(found)))


def mutual(kafka: SecuredKafka, *arguments: Any, **more: Any) -> Any:
    return load(kafka.file("mutual.yaml", yaml.safe_dump(kafka.mutual(*arguments, **more))))


NOBODY: dict[str, Any] = {"sasl_mechanism": None, "username": None, "password_file": None}


def test_each_failing_step_has_a_line(kafka: SecuredKafka) -> None:
    at = kafka.at
    wrong = kafka.file("wrong-password", "not it")
    stranger = kafka.stranger.cert
    clear: dict[str, Any] = NOBODY | {"security_protocol": "PLAINTEXT", "ca_file": None}
    cases = [
        (
            changed(kafka, password_file=str(wrong)),
            f"no connection to Kafka at {at('sasl_ssl')}: the broker refuses the credentials of "
            "user someone by SCRAM-SHA-512 (",
        ),
        (
            changed(kafka, sasl_mechanism="PLAIN", password_file=str(wrong)),
            f"no connection to Kafka at {at('sasl_ssl')}: the broker refuses the credentials of "
            "user someone by PLAIN (",
        ),
        (
            changed(kafka, ca_file=str(stranger)),
            f"no connection to Kafka at {at('sasl_ssl')}: the broker's certificate is not trusted: "
            "no authority among kafka.ca_file has signed it (",
        ),
        (
            changed(kafka, "expired"),
            f"no connection to Kafka at {at('expired')}: the broker's certificate has expired",
        ),
        (
            changed(kafka, "elsewhere"),
            f"no connection to Kafka at {at('elsewhere')}: the broker's certificate is for another "
            f"host: {HOST} is not among its names (subjectAltName)",
        ),
        (
            changed(kafka, "sasl_clear"),
            f"no connection to Kafka at {at('sasl_clear')}: this port speaks no TLS, but "
            "kafka.security_protocol is SASL_SSL: name the port of a TLS listener",
        ),
        (
            changed(kafka, **clear),
            f"no connection to Kafka at {at('sasl_ssl')}: this port speaks TLS, but "
            "kafka.security_protocol is PLAINTEXT: expected SSL or SASL_SSL",
        ),
        (
            changed(kafka, security_protocol="SASL_PLAINTEXT", ca_file=None),
            f"no connection to Kafka at {at('sasl_ssl')}: this port speaks TLS, but "
            "kafka.security_protocol is SASL_PLAINTEXT: expected SASL_SSL",
        ),
        (
            changed(kafka, "sasl_clear", **clear),
            f"no connection to Kafka at {at('sasl_clear')}: this listener asks for a user: set "
            "kafka.security_protocol to SASL_PLAINTEXT or SASL_SSL",
        ),
        (
            changed(kafka, **NOBODY, security_protocol="SSL"),
            f"no connection to Kafka at {at('sasl_ssl')}: this listener asks for a user: set "
            "kafka.security_protocol to SASL_SSL",
        ),
        (
            changed(kafka, "mtls", **NOBODY, security_protocol="SSL"),
            f"no connection to Kafka at {at('mtls')}: the broker ended the TLS handshake (",
        ),
        (
            load(
                kafka.file("m.yaml", yaml.safe_dump(kafka.mutual("other-client", kafka.stranger)))
            ),
            f"no connection to Kafka at {at('mtls')}: the broker does not accept the certificate "
            "in kafka.cert_file (",
        ),
        (
            mutual(kafka, "old-client", days=-1),
            f"no connection to Kafka at {at('mtls')}: the broker does not accept the certificate "
            "in kafka.cert_file (",
        ),
        (
            changed(kafka, password_file="/nowhere/password"),
            "kafka.password_file: /nowhere/password: No such file or directory",
        ),
        (
            changed(kafka, ca_file=str(wrong)),
            f"kafka.ca_file: {wrong}: expected certificates or a matching key in PEM",
        ),
    ]
    said = [(reason(settings), expected) for settings, expected in cases]
    other = [(says, expected) for says, expected in said if not (says or "").startswith(expected)]
    assert other == []
    assert all(PASSWORD not in says and "\n" not in says for says, _ in said if says is not None)


@pytest.mark.parametrize("command", ["topics", "worker", "publish"])
def test_commands_end_with_that_line(kafka: SecuredKafka, tmp_path: Path, command: str) -> None:
    file = tmp_path / "alarms.jsonl"
    file.write_text(alarm(1) + "\n")
    wrong = kafka.settings() | {"broker": kafka.at("sasl_ssl")}
    wrong["kafka"] = wrong["kafka"] | {"password_file": str(kafka.file("wrong", "not it"))}
    path = kafka.file("wrong.yaml", yaml.safe_dump(wrong))
    more = ["--alarms", str(file)] if command == "publish" else []
    done = run(command, "--config", path, *more)
    assert done.status == 1
    assert re.fullmatch(
        rf"error: no connection to Kafka at {kafka.at('sasl_ssl')}: the broker refuses the "
        r"credentials of user someone by SCRAM-SHA-512 \([^)]*\)\n",
        done.err,
    ), done.err


# --- other ways to connect


def test_other_mechanisms_connect(kafka: SecuredKafka) -> None:
    token = kafka.file("token", unsigned_token("someone"))
    for settings in (
        changed(kafka, sasl_mechanism="SCRAM-SHA-256"),
        changed(kafka, sasl_mechanism="PLAIN", username="plain-user"),
        changed(kafka, "sasl_clear", security_protocol="SASL_PLAINTEXT", ca_file=None),
        changed(
            kafka,
            sasl_mechanism="OAUTHBEARER",
            username=None,
            password_file=None,
            token_file=str(token),
        ),
        mutual(kafka, "a-client"),
    ):
        assert reason(settings) is None


def test_a_renewed_password_and_certificate_serve_the_next_connection(
    kafka: SecuredKafka, tmp_path: Path
) -> None:
    """The same settings, and the same context of TLS, as in a client that runs on."""
    password, authority = tmp_path / "password", tmp_path / "ca.pem"
    password.write_text("old\n")
    authority.write_bytes(kafka.stranger.cert.read_bytes())
    settings = changed(kafka, password_file=str(password), ca_file=str(authority))
    options = client_options(settings)

    async def connect() -> None:
        client = AIOKafkaClient(**options)
        try:
            await client.bootstrap()
        finally:
            await client.close()

    async def connects() -> bool:
        try:
            await connect()
        except KafkaConnectionError:
            return False
        return True

    async def run_on() -> list[bool]:
        found = [await connects()]
        authority.write_bytes(kafka.authority.cert.read_bytes())
        found.append(await connects())
        password.write_text(PASSWORD + "\n")
        return [*found, await connects()]

    assert asyncio.run(run_on()) == [False, False, True]
