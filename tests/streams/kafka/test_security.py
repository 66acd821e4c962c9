"""Settings of the connection to Kafka: what belongs together, and what is never printed."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from streams.kafka.secrets import Secret, SecurityError
from streams.kafka.security import admin_options, client_options, faust_credentials
from streams.kafka.tokens import FileTokens
from streams.settings import SettingsError, load
from tests.harness.workers import run

SASL: dict[str, Any] = {"security_protocol": "SASL_SSL"}
SCRAM = SASL | {"sasl_mechanism": "SCRAM-SHA-512", "username": "u", "password_file": "p"}
OAUTH = SASL | {"sasl_mechanism": "OAUTHBEARER"}
LOGIN = OAUTH | {"client_id": "c", "client_secret_file": "s"}
SECRET = "hush-8472"


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (SASL, "kafka: sasl_mechanism: expected one of PLAIN"),
        (
            {"sasl_mechanism": "PLAIN"},
            "kafka: sasl_mechanism: expected kafka.security_protocol to be",
        ),
        (SCRAM | {"username": None}, "kafka: username: expected with SCRAM-SHA-512"),
        (SCRAM | {"password_file": None}, "kafka: password_file: expected with SCRAM-SHA-512"),
        (SCRAM | {"password": SECRET}, "kafka.password: no such setting; did you mean"),
        (OAUTH, "kafka: token_file: expected it or kafka.token_url"),
        (
            OAUTH | {"token_file": "t", "username": "u"},
            "kafka: username: expected with PLAIN and SCRAM",
        ),
        (
            OAUTH | {"token_url": "https://l.example.org"},
            "kafka: client_id: expected with token_url",
        ),
        (
            LOGIN | {"token_url": "http://login.example.org"},
            "kafka: token_url: expected an address",
        ),
        (
            LOGIN | {"token_url": f"https://a:{SECRET}@l.example.org"},
            "kafka: token_url: expected an",
        ),
        ({"ca_file": "c"}, "kafka: ca_file: expected with SSL and"),
        (
            {"security_protocol": "SSL", "cert_file": "c"},
            "kafka: cert_file: expected kafka.key_file",
        ),
        (
            {"topics": {"alarms": "labels"}},
            "kafka: topics: alarms and labels are both called labels",
        ),
        ({"topic_prefix": "a b"}, "kafka.topic_prefix: "),
    ],
)
def test_parts_that_do_not_belong_together_are_named(given: dict[str, Any], says: str) -> None:
    with pytest.raises(SettingsError) as error:
        load(kafka=given)
    assert str(error.value).startswith(says)
    assert SECRET not in str(error.value)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "expected one line that is not empty"),
        (b"a\nb\n", "expected one line that is not empty"),
        (b"\xff\xfe", "expected text"),
        (None, "No such file or directory"),
    ],
)
def test_a_secret_that_cannot_be_read_is_one_line(
    tmp_path: Path, content: bytes | None, says: str
) -> None:
    path = tmp_path / "password"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SecurityError) as error:
        Secret("kafka.password_file", path).read()
    assert str(error.value) == f"kafka.password_file: {path}: {says}"


def test_spaces_belong_to_a_password(tmp_path: Path) -> None:
    path = tmp_path / "password"
    path.write_bytes(b" with spaces \r\n")
    assert Secret("kafka.password_file", path).read() == " with spaces "


def test_a_token_file_is_read_each_time(tmp_path: Path) -> None:
    path = tmp_path / "token"
    tokens = FileTokens(Secret("kafka.token_file", path))
    for token in ("a.b.c", "d.e.f"):
        path.write_text(token + "\n")
        assert tokens.token() == token
    path.write_text("a b\n")
    with pytest.raises(SecurityError, match="token_file: expected a token"):
        tokens.token()


def test_secrets_are_not_among_what_clients_print(tmp_path: Path) -> None:
    path = tmp_path / "password"
    path.write_text(SECRET)
    settings = load(kafka=SCRAM | {"password_file": path})
    credentials = faust_credentials(settings)
    shown = [client_options(settings), credentials, vars(credentials), settings]
    assert SECRET not in repr(shown)
    # kafka-python's client takes nothing but the password itself, and lives for a moment
    assert admin_options(settings)["sasl_plain_password"] == SECRET


@pytest.mark.parametrize("explain", [(), ("--explain",)])
def test_config_check_reads_the_files_and_prints_none(
    tmp_path: Path, explain: tuple[str, ...]
) -> None:
    path, config = tmp_path / "password", tmp_path / "settings.yaml"
    config.write_text(
        "kafka: {security_protocol: SASL_SSL, sasl_mechanism: PLAIN, username: u, password_file: "
        f"{path}}}\n"
    )
    missing = run("config", "check", "--config", config, *explain)
    assert missing.err == f"error: kafka.password_file: {path}: No such file or directory\n"
    path.write_text(SECRET)
    found = run("config", "check", "--config", config, *explain)
    assert found.status == 0
    assert str(path).encode() in found.out
    assert SECRET.encode() not in found.out


def test_kerberos_without_its_library_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "gssapi", None)
    settings = load(kafka=SASL | {"sasl_mechanism": "GSSAPI"})
    with pytest.raises(SecurityError, match="run: pip install gssapi"):
        client_options(settings)
