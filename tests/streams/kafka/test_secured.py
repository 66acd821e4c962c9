"""Secured connections, on a real Apache Kafka with TLS, SASL and ACLs: each command has just its
own permissions, and says in one line what is wrong where it does not connect.
"""

from __future__ import annotations

import asyncio
import base64
import json
import re
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest
import yaml
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaConnectionError

from streams.dev.broker import HOST
from streams.kafka.handshake import reason
from streams.kafka.permissions import COMMANDS, Command, needs
from streams.kafka.security import client_options
from streams.kafka.topics import Topics, TopicsError
from streams.settings import load
from tests.harness.brokers import new_apache_kafka
from tests.harness.secured import PASSWORD, SecuredKafka, unsigned_token
from tests.harness.workers import WorkerProcess, ends, events, eventually, run

USERS = {command: f"af-{command.replace(' ', '-')}" for command in COMMANDS}
NAMES = {"topic_prefix": "icu.", "topics": {"alarms": "device-alarms"}}
ALARMS = "icu.device-alarms"


@pytest.fixture(scope="module")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecuredKafka]:
    new_apache_kafka()  # skips the test where Java or Maven are missing
    with SecuredKafka(tmp_path_factory.mktemp("secured")) as broker:
        broker.add_users("someone", "af-lone", *USERS.values())
        yield broker


@pytest.fixture(scope="module")
def granted(kafka: SecuredKafka) -> SecuredKafka:
    """Each user has what `topics acls` prints for its command, and the topics exist."""
    for command, user in USERS.items():
        done = run(
            *("topics", "acls", "--principal", f"User:{user}", "--command", command),
            *("--config", config(kafka, user)),
        )
        assert done.status == 0, done.err
        kafka.allow(done.out.decode().splitlines())
    created = eventually(
        lambda: (
            done
            if (done := run("topics", "--config", config(kafka, USERS["topics"]))).status == 0
            else None
        ),
        "the permissions have reached the broker",
        30,
    )
    assert f"create {ALARMS}: 1 partitions".encode() in created.out, created
    return kafka


def config(kafka: SecuredKafka, user: str, **more: Any) -> Path:
    """A settings file of `user`, with names of its own for the topics."""
    found = kafka.settings(user) | {"partitions": 1, "checkpoint_interval": "500ms"} | more
    found["kafka"] = found["kafka"] | NAMES
    return kafka.file(f"{user}.yaml", yaml.safe_dump(found))


def alarm(number: int, **fields: Any) -> str:
    at = round(time.time() * 1000) - 60_000 + number
    return json.dumps(
        {
            "event_id": f"e{number}",
            "alarm_id": f"a{number}",
            "at": at,
            "phase": "start",
            "facility": "H1",
            "unit": "ICU",
            "bed": "1",
            "device_id": "mon-1",
            "device_type": "monitor",
            "code": "MDC_EVT_LO",
            "kind": "physiological",
            "priority": "high",
        }
        | fields
    )


def test_each_command_works_with_just_its_permissions(
    granted: SecuredKafka, tmp_path: Path
) -> None:
    kafka = granted
    file = tmp_path / "alarms.jsonl"
    file.write_text("".join(alarm(number) + "\n" for number in range(5)) + "{}\n")
    sent = run("publish", "--alarms", file, "--fast", "--config", config(kafka, USERS["publish"]))
    assert (sent.status, sent.err.splitlines()[-1]) == (0, "6 records published")

    worker = kafka.settings(USERS["worker"]) | {"partitions": 1}
    worker["kafka"] = worker["kafka"] | NAMES
    with WorkerProcess(kafka, tmp_path, "worker", **worker, clock="wall") as process:
        process.wait_until_ready()
        eventually(
            lambda: events(process.numbers).get(("alarms", "accepted")) == 5,
            "the worker has read the alarms under the service's name of their topic",
        )
        eventually(
            lambda: sum(ends(kafka, ["icu.rejected"]).values()) == 1, "the bad one is in rejected"
        )
        assert process.stop() == 0
    said = process.log.read_text()
    assert PASSWORD not in said
    assert sum(ends(kafka, ["alarm-fatigue-checkpoint-changelog"]).values()) > 0
    with process:  # goes on from its checkpoint
        process.wait_until_ready()
        eventually(
            lambda: process.numbers and not any(process.numbers[key] for key in lag(process)),
            "nothing is left to be read",
        )
        assert process.stop() == 0

    found = run("rejected", "list", "--config", config(kafka, USERS["rejected"]))
    assert (found.status, found.err.splitlines()[-1]) == (0, "1 malformed")
    again = run(
        *("rejected", "replay", "--yes", "--config"), config(kafka, USERS["rejected replay"])
    )
    assert (again.status, b"to send: 1 malformed to alarms" in again.out) == (0, True), again
    reset = run("facility", "reset", "H1", "--config", config(kafka, USERS["facility"]))
    assert reset.status == 0, reset.err
    simulated = run(
        *("simulate", "--duration", "5m", "--fast", "--seed", "1"),
        *("--config", config(kafka, USERS["simulate"])),
    )
    assert simulated.status == 0, simulated.err
    again = run("topics", "--config", config(kafka, USERS["topics"]))
    assert (again.status, again.out) == (0, b"all topics exist\n"), again


def lag(process: WorkerProcess) -> list[Any]:
    return [key for key in process.numbers if key[0] == "alarm_fatigue_consumer_lag_records"]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_missing_permission_is_named(granted: SecuredKafka, command: Command) -> None:
    """One of each kind of a command's permissions is taken away, and given back."""
    user = USERS[command]
    settings = load(config(granted, user))
    kinds = {(need.resource, need.operation): need for need in needs(command, settings)}
    kinds.pop(("topic", "Create"), None)  # the topics exist; see the test below
    for need in kinds.values():
        granted.forbid(user, *need)
        says = eventually(lambda: forbidden(settings, command), f"{need} is missing")
        assert f"does not allow user {user}: " in says
        named = re.search(r": (\w+ on \w+ [\w.-]+);", says)
        assert named is not None
        assert named[1] == str(need), says
        granted.allow(
            [
                f"kafka-acls.sh --allow-principal User:{user} --operation {need.operation} "
                f"--{need.resource} {need.name}"
            ]
        )
        eventually(lambda: forbidden(settings, command) is None, f"{need} is back")


def forbidden(settings: Any, command: Command) -> str | None:
    try:
        with Topics(settings, command) as topics:
            topics.check_permissions()
    except TopicsError as error:
        return str(error)
    return None


def test_a_user_without_permissions_is_told_which(granted: SecuredKafka, tmp_path: Path) -> None:
    file = tmp_path / "alarms.jsonl"
    file.write_text(alarm(1) + "\n")
    own = config(granted, "af-lone")
    of_worker = config(granted, "someone")
    for arguments, what in (
        (("topics", "--config", own), f"Describe on topic {ALARMS}"),
        (("publish", "--alarms", file, "--config", own), f"Write on topic {ALARMS}"),
        (("worker", "--config", of_worker), f"Read on topic {ALARMS}"),
        (("rejected", "list", "--config", own), "Read on topic icu.rejected"),
        (("facility", "reset", "H1", "--config", own), f"Read on topic {ALARMS}"),
    ):
        done = run(*arguments)
        assert done.status == 1
        assert f": {what};" in done.err, done.err
        assert done.err.count("\n") == 1


def test_topics_may_be_seen_but_not_created(granted: SecuredKafka) -> None:
    """Only creating shows that it is not allowed, because the topics do not exist."""
    granted.allow(
        [
            "kafka-acls.sh --allow-principal User:af-lone --operation Describe --operation "
            + f"DescribeConfigs {' '.join(f'--topic {name}' for name in NEW)}"
        ]
    )
    own = config(granted, "af-lone", group="new")
    path = yaml.safe_load(own.read_text())
    path["kafka"] |= {"topic_prefix": "new.", "topics": {}}
    own = granted.file("new.yaml", yaml.safe_dump(path))
    done = eventually(
        lambda: done if "Create on" in (done := run("topics", "--config", own)).err else None,
        "only Create is missing",
    )
    assert done.status == 1
    assert done.err.startswith(f"error: the broker at {granted.at('sasl_ssl')} does not allow")


NEW = [
    *(f"new.{one}" for one in ("alarms", "assignments", "responses", "labels")),
    *(f"new.{one}" for one in ("rejected", "episodes", "overload")),
    "new-checkpoint-changelog",
]


# --- what does not connect


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


class TokenEndpoint(BaseHTTPRequestHandler):
    """Gives a token to one client."""

    asked: ClassVar[list[bytes]] = []

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        pair = base64.b64decode(self.headers["Authorization"].removeprefix("Basic ")).decode()
        self.asked.append(body)
        good = pair == "alarm+client:a+secret%2F1"
        self.send_response(200 if good else 401)
        self.end_headers()
        if good:
            answer = {"access_token": unsigned_token("token-user"), "expires_in": 600}
            self.wfile.write(json.dumps(answer).encode())

    def log_message(self, *_: Any) -> None:
        """Nothing."""


def test_client_credentials_get_a_token_for_publishing(
    granted: SecuredKafka, tmp_path: Path
) -> None:
    file = tmp_path / "alarms.jsonl"
    file.write_text(alarm(1) + "\n")
    with ThreadingHTTPServer((HOST, 0), TokenEndpoint) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            found = granted.settings()
            found["kafka"] = NAMES | {
                "security_protocol": "SASL_SSL",
                "sasl_mechanism": "OAUTHBEARER",
                "ca_file": str(granted.authority.cert),
                "token_url": f"http://{HOST}:{server.server_port}/token",
                "client_id": "alarm client",
                "client_secret_file": str(granted.file("secret", "a secret/1")),
                "token_scope": "kafka",
            }
            own = granted.file("token.yaml", yaml.safe_dump(found))
            lines = run(
                *("topics", "acls", "--command", "publish", "--principal", "User:token-user"),
                *("--config", own),
            )
            granted.allow(lines.out.decode().splitlines())
            publish = ("publish", "--alarms", file, "--fast", "--config", own)
            sent = eventually(lambda: d if (d := run(*publish)).status == 0 else None, "sent")
            assert sent.err.endswith("1 records published\n")
            assert set(TokenEndpoint.asked) == {b"grant_type=client_credentials&scope=kafka"}

            granted.file("secret", "another")
            refused = run(*publish)
            assert (refused.status, refused.err) == (
                1,
                f"error: kafka.token_url: http://{HOST}:{server.server_port}/token: refused client "
                "id or secret (status 401)\n",
            )
        finally:
            server.shutdown()
            thread.join()


def test_a_certificate_is_a_user_with_permissions(granted: SecuredKafka, tmp_path: Path) -> None:
    file = tmp_path / "alarms.jsonl"
    file.write_text(alarm(1) + "\n")
    found = granted.mutual("gateway")
    found["kafka"] |= NAMES
    own = granted.file("gateway.yaml", yaml.safe_dump(found))
    publish = ("publish", "--alarms", file, "--fast", "--config", own)
    denied = run(*publish)
    assert (denied.status, f"this client: Write on topic {ALARMS};" in denied.err) == (1, True)
    lines = run(
        *("topics", "acls", "--command", "publish", "--principal", "User:CN=gateway"),
        *("--config", own),
    )
    granted.allow(lines.out.decode().splitlines())
    eventually(lambda: run(*publish).status == 0, "the gateway publishes")
