"""Permissions, on a real Apache Kafka with TLS, SASL and ACLs: each command works with just its
own, and names the one that it lacks.
"""

from __future__ import annotations

import base64
import json
import re
import shlex
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest
import yaml

from streams.dev.broker import HOST
from streams.kafka.permissions import COMMANDS, Command, needs
from streams.kafka.topics import Topics, TopicsError
from streams.settings import load
from tests.harness.secured import PASSWORD, SecuredKafka, alarm, unsigned_token
from tests.harness.workers import WorkerProcess, ends, events, eventually, run

USERS = {command: f"af-{command.replace(' ', '-')}" for command in COMMANDS}
NAMES = {"topic_prefix": "icu.", "topics": {"alarms": "device-alarms"}}
ALARMS = "icu.device-alarms"


@pytest.fixture(scope="module")
def granted(secured_kafka: SecuredKafka) -> SecuredKafka:
    """Each user has what `topics acls` prints for its command, and the topics exist."""
    secured_kafka.add_users("af-lone", *USERS.values())
    for command, user in USERS.items():
        done = run(
            *("topics", "acls", "--principal", f"User:{user}", "--command", command),
            *("--config", config(secured_kafka, user)),
        )
        assert done.status == 0, done.err
        secured_kafka.allow(done.out.decode().splitlines())
    own = config(secured_kafka, USERS["topics"])
    created = eventually(
        lambda: done if (done := run("topics", "--config", own)).status == 0 else None,
        "the permissions have reached the broker",
        30,
    )
    assert f"create {ALARMS}: 1 partitions".encode() in created.out, created
    return secured_kafka


def config(kafka: SecuredKafka, user: str, **more: Any) -> Path:
    """A settings file of `user`, with names of its own for the topics."""
    found = kafka.settings(user) | {"partitions": 1, "checkpoint_interval": "500ms"} | more
    found["kafka"] = found["kafka"] | NAMES
    return kafka.file(f"{user}.yaml", yaml.safe_dump(found))


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
    with WorkerProcess(
        kafka, tmp_path, "worker", **worker, clock="wall", log_level="debug"
    ) as process:
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
    reset = run("facility", "reset", "H1", "--config", config(kafka, USERS["facility reset"]))
    assert reset.status == 0, reset.err
    key, learned = tmp_path / "key", tmp_path / "learned"
    key.write_text("0" * 64)
    key.chmod(0o600)
    learned.mkdir(0o700)
    own = config(kafka, USERS["who"], pseudonym_key_file=str(key))
    known = run("who", "--from-topic", "--directory", learned, "--config", own)
    assert known.status == 0, known.err
    own = config(kafka, USERS["facility forget"], pseudonym_key_file=str(key), pseudonyms=False)
    forgotten = run("facility", "forget", "H1", "--wait", "0s", "--config", own)
    assert forgotten.status == 0, forgotten.err
    simulated = run(
        *("simulate", "--duration", "5m", "--fast", "--seed", "1"),
        *("--config", config(kafka, USERS["simulate"])),
    )
    assert simulated.status == 0, simulated.err
    checked = run("doctor", "--json", "--config", config(kafka, USERS["doctor"]))
    assert checked.status == 0, checked.err
    again = run("topics", "--config", config(kafka, USERS["topics"]))
    assert (again.status, again.out) == (0, b"all topics exist\n"), again


def lag(process: WorkerProcess) -> list[Any]:
    return [key for key in process.numbers if key[0] == "alarm_fatigue_consumer_lag_records"]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_missing_permission_is_named(granted: SecuredKafka, command: Command) -> None:
    """One of each kind of a command's permissions is taken away, and given back."""
    user = USERS[command]
    settings = load(config(granted, user))
    needed = [need for need in needs(command, settings) if not need.optional]
    kinds = {(need.resource, need.operation): need for need in needed}
    kinds.pop(("topic", "Create"), None)  # the topics exist; see the test below
    for need in kinds.values():
        granted.forbid(user, need.resource, need.name, need.operation)
        says = eventually(lambda: forbidden(settings, command), f"{need} is missing")
        assert f"does not allow user {user}: " in says
        printed = run(*shlex.split(says.rpartition("is printed by: alarm-fatigue ")[2]))
        assert (printed.status, printed.out.splitlines()[0]) == (0, f"# {command}".encode())
        named = re.search(r": (\w+ on [\w-]+ [\w.-]+);", says)
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
    "new.hl7",
    "new-hl7-state",
]


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
