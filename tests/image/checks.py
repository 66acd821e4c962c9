"""Checks of the image, in the order in which an operator would use it."""

from __future__ import annotations

import os
import re
import ssl
import threading
from collections.abc import Callable
from pathlib import Path

from streams.dev.broker import Broker, free_port
from tests.harness.certificates import Authority
from tests.harness.workers import burdens, events, eventually
from tests.image.containers import HARDENED, Image, Worker
from tests.image.engine import Engine

USER = 10001
MOST_BYTES = 300_000_000
Say = Callable[[str], None]


def equal(found: object, expected: object, what: str) -> None:
    """Raises `AssertionError`, with both, unless they are the same."""
    assert found == expected, f"{what}: {found!r}, expected {expected!r}"


def contents(image: Image) -> None:
    """Small, labelled, unprivileged, and without anything that installs or compiles."""
    found = image.engine.inspect(image.name)
    config = found["Config"]
    assert found["Size"] < MOST_BYTES, f"{found['Size'] / 1e6:.0f} MB"
    equal(config["User"], f"{USER}:{USER}", "user")
    equal(config["Healthcheck"]["Test"], ["CMD", "alarm-fatigue", "healthy"], "health check")
    labels = {name.rpartition(".")[2]: text for name, text in config["Labels"].items()}
    version = image.run("--version").strip()
    equal({"title", "description", "revision"} - labels.keys(), set(), "labels that lack")
    equal((labels["version"], labels["licenses"]), (version, "Apache-2.0"), "labels")
    equal(image.shell("id -u; id -g; id -G").split(), [str(USER)] * 3, "user and groups")
    look = "import importlib.util as u; print(*filter(u.find_spec, {}))"
    names = ("pip", "setuptools", "wheel", "ensurepip")
    equal(image.shell(f'python -c "{look.format(names)}"'), "", "modules that install")
    tools = "pip pip3 gcc cc make git curl"
    equal(image.shell(f"command -v {tools}; true"), "", "programs that install or compile")
    left = " -o ".join(f"-name '{one}'" for one in ("*.whl", "pip-*", "setuptools-*"))
    equal(image.shell(f"find / -xdev \\( {left} \\) 2>/dev/null; true"), "", "packages left behind")
    writable = ("--entrypoint=sh", "--cap-drop=ALL")
    said = image.run("-c", "touch /opt/alarm-fatigue/x || touch /usr/x", options=writable, status=1)
    equal(said.count("Permission denied"), 2, said)
    history = image.engine.run("history", "--no-trunc", "--format={{.CreatedBy}}", image.name)
    assert not re.search("PIP_INDEX_URL|run/secrets/ca|://", history)


def commands(image: Image) -> None:
    """Every command starts on a read-only root; those that are left out say where they are."""
    listed = re.findall(r"^│ ([a-z0-9]+) ", image.run("--help"), re.MULTILINE)
    assert {"worker", "topics", "healthy", "pages", "hl7", "archive"} <= set(listed)
    start = 'alarm-fatigue "$one" --help >/dev/null || echo "$one"'
    fail = image.shell(f"for one in {' '.join(listed)}; do {start}; done")
    equal(fail, "", "commands that do not start")
    said = image.run("archive", "--to", "/tmp/x", "--broker", "127.0.0.1:1", status=2)
    assert "built with --target full" in said, said


def with_all_commands(image: Image) -> None:
    """The larger image has what the small one leaves out."""
    options = (*HARDENED, "--tmpfs=/tmp", "--env=ALARM_FATIGUE_PSEUDONYMS=off")
    command = ("archive", "--to", "/tmp/x", "--broker", "127.0.0.1:1")
    said = image.run(*command, options=options, status=1)
    assert "no Kafka broker answers at 127.0.0.1:1" in said, said


def topics_before_kafka(image: Image, broker: Broker) -> None:
    """`topics --wait` is started first, and Kafka after it."""
    name, docker = f"alarm-fatigue-topics-{os.getpid()}", image.engine
    command = ("topics", "--broker", broker.address, "--wait", "90s")
    docker.run(
        "run", "--detach", f"--name={name}", "--network=host", *HARDENED, image.name, *command
    )
    try:
        eventually(lambda: "waiting for up to 90s: " in docker.logs(name), "topics waits")
        broker.start()
        equal(docker.run("wait", name), "0", "exit status of topics")
        text = docker.logs(name)
        assert "create alarms: 4 partitions" in text, text
    finally:
        docker.run("rm", "--force", name)


def by_default(image: Image, broker: Broker) -> None:
    """A worker without settings says what it lacks, and is healthy and stops nonetheless."""
    port = free_port()
    environment = {
        "ALARM_FATIGUE_BROKER": broker.address,
        "ALARM_FATIGUE_GROUP": "by-default",
        "ALARM_FATIGUE_WEB__PORT": str(port),
    }
    made = image.run("topics", "--broker", broker.address, "--group", "by-default")
    assert "create by-default-checkpoint-changelog" in made
    name = f"alarm-fatigue-by-default-{os.getpid()}"
    worker = Worker(image, name, f"http://127.0.0.1:{port}", environment, ("--cap-drop=ALL",))
    with worker.running() as one:
        one.wait_until("healthy")
        one.wait_until_ready()
        warned = [word["event"] for word in one.words if word["level"] != "info"]
        equal(len(warned), 2, f"warnings: {warned}")
        assert "pseudonym_key_file: not set" in warned[0], warned
        assert "only this container reaches" in warned[1], warned
        one.do("stop")
        equal((one.state["ExitCode"], one.words[-1]["event"]), (0, "drained"), "at SIGTERM")


def hardened(image: Image, broker: Broker, folder: Path) -> None:
    """With TLS and client certificates on a read-only root: quiet, healthy, and its numbers outlive
    SIGTERM, SIGKILL and a pause.
    """
    port = free_port()
    files = folder / "files"
    files.mkdir()
    authority = Authority(files, "ca")
    cert, key = authority.sign("worker")
    pseudonym_key = files / "pseudonym_key"
    pseudonym_key.write_text(os.urandom(32).hex())
    for path in (files, *files.iterdir()):
        path.chmod(0o500 if path.is_dir() else 0o400)
        if os.geteuid() == 0:
            os.chown(path, USER, USER)
    environment = {
        "ALARM_FATIGUE_BROKER": broker.address,
        "ALARM_FATIGUE_CLOCK": "event",
        "ALARM_FATIGUE_PSEUDONYM_KEY_FILE": "/files/pseudonym_key",
        "ALARM_FATIGUE_AUDIT__FILE": "/var/lib/alarm-fatigue/audit/audit.jsonl",
        "ALARM_FATIGUE_WEB__HOST": "0.0.0.0",
        "ALARM_FATIGUE_WEB__PORT": str(port),
        "ALARM_FATIGUE_WEB__TLS_CERT_FILE": "/files/worker.crt",
        "ALARM_FATIGUE_WEB__TLS_KEY_FILE": "/files/worker.key",
        "ALARM_FATIGUE_WEB__TLS_CLIENT_CA_FILE": "/files/ca.crt",
        "ALARM_FATIGUE_PRIVACY__SMALLEST_GROUP": "1",
    }
    options = (*HARDENED, f"--volume={files}:/files:ro", "--volume=/var/lib/alarm-fatigue/audit")
    context = ssl.create_default_context(cafile=str(files / "ca.crt"))
    context.load_cert_chain(cert, key)
    name, address = f"alarm-fatigue-hardened-{os.getpid()}", f"https://127.0.0.1:{port}"
    with Worker(image, name, address, environment, options, context).running() as one:
        one.wait_until("healthy")
        one.wait_until_ready()
        equal(one.healthy("--ready"), (0, "ready"), "healthy --ready")
        equal(one.get("/healthz", certificate=False), (200, "ok\n"), "without a certificate")
        equal(one.get("/metrics", certificate=False)[0], 403, "without a certificate")
        image.run("simulate", "--broker", broker.address, "--fast", "--duration", "4h", "--seed=5")
        before = eventually(lambda: _still(one), "its numbers have come to rest")
        counted = events(before)
        assert counted["alarms", "accepted"] > 100

        one.do("stop")
        equal((one.state["ExitCode"], one.words[-1]["event"]), (0, "drained"), "at SIGTERM")
        one.do("start")
        one.wait_until_ready()
        equal(events(one.numbers), counted, "records after a restart")
        assert burdens(one.numbers) == burdens(before), "other burdens after a restart"

        one.do("kill")
        equal(one.state["ExitCode"], 137, "at SIGKILL")
        one.do("start")
        one.wait_until_ready()
        equal(events(one.numbers), counted, "records after a restart")
        assert burdens(one.numbers) == burdens(before), "other burdens after a restart"

        # a first start on a new Kafka, restarts and probes are nothing to be afraid of
        warned = [word["event"] for word in one.words if word["level"] != "info"]
        equal([text for text in warned if "without a client certificate" not in text], [], "log")
        one.wait_until("healthy")
        one.do("kill", "--signal=STOP")
        one.wait_until("unhealthy")
        one.do("kill", "--signal=CONT")
        one.wait_until("healthy")
        equal(one.state["OOMKilled"], False, "out of memory")


def _still(worker: Worker) -> object:
    first = worker.numbers
    threading.Event().wait(2)
    second = worker.numbers
    same = burdens(first) == burdens(second) and events(first) == events(second)
    return second if first and same and ("alarms", "accepted") in events(second) else None


def everything(
    engine: Engine, small: str, full: str, broker: Broker, folder: Path, say: Say
) -> None:
    """All checks. Raises `AssertionError` at the first that fails."""
    image = Image(engine, small)
    contents(image)
    say("size, labels, user, nothing that installs or compiles")
    commands(image)
    with_all_commands(Image(engine, full))
    say("every command starts on a read-only root without capabilities; --target full has the rest")
    topics_before_kafka(image, broker)
    say("topics waits for Kafka")
    by_default(image, broker)
    say("without settings, a worker warns of its key and of its address")
    hardened(image, broker, folder)
    say("TLS, client certificates, probes, SIGTERM, SIGKILL: the same numbers and a quiet log")
