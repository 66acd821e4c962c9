"""`alarm-fatigue pages`: what arrives is printed as a page reads, from those who bear the token,
and nothing else.
"""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from streams.dev.broker import free_port
from tests.harness.workers import COMMAND, eventually, run

WEBHOOK = {
    "receiver": "charge-nurse",
    "alerts": [
        {
            "status": "firing",
            "labels": {"alertname": "UnitOverloaded", "bed": "CANARY"},
            "annotations": {
                "summary": "MICU, H01: overloaded.",
                "suggestion": "Bring in help.",
                "reason": "14 alarms (limit 10).",
            },
        }
    ],
    "groupLabels": {"facility": "H01", "unit": "MICU"},
    "externalURL": "http://am.example",
}
HEARTBEAT = WEBHOOK | {
    "alerts": [{"status": "firing", "labels": {"alertname": "Watchdog"}, "annotations": {}}]
}


class Pages:
    def __init__(self, folder: Path) -> None:
        (folder / "token").write_text("secret\n")
        self.port, self._out = free_port(), folder / "out"
        with self._out.open("w") as out:
            command = [
                COMMAND,
                "pages",
                "--port",
                str(self.port),
                "--token-file",
                str(folder / "token"),
            ]
            self.process = subprocess.Popen(command, stdout=out, stderr=out)

    @property
    def shown(self) -> str:
        return self._out.read_text()

    def post(self, payload: Any, token: str = "secret") -> int:
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}/charge-nurse",
            json.dumps(payload).encode(),
            {"Authorization": f"Bearer {token}"},
        )
        request.add_header("Content-Type", "application/json")
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            return error.code


@pytest.fixture
def pages(tmp_path: Path) -> Iterator[Pages]:
    one = Pages(tmp_path)
    try:
        eventually(lambda: "pages arrive at" in one.shown, "it listens")
        yield one
    finally:
        one.process.kill()
        one.process.wait()


def test_pages_are_printed_and_heartbeats_and_strangers_are_not(pages: Pages) -> None:
    assert pages.post(HEARTBEAT) == 200
    assert pages.post(WEBHOOK, token="guess") == 401
    assert pages.post({"alerts": 1}) == 400
    assert pages.post(WEBHOOK) == 200
    pages.process.send_signal(signal.SIGTERM)
    assert pages.process.wait(20) == 0
    head, *text = pages.shown.split("\n", 1)[1].splitlines()
    assert head.startswith("--- ")
    assert head.endswith("  charge-nurse")
    assert text == [
        "MICU, H01: overloaded.",
        "Do: Bring in help.",
        "Why: 14 alarms (limit 10).",
        "",
    ]


@pytest.mark.parametrize(
    ("arguments", "status", "line"),
    [
        (
            ["--host", "0.0.0.0"],
            2,
            "--host: 0.0.0.0 can be reached from other machines: --token-file is required",
        ),
        (["--token-file", "/nowhere"], 1, "--token-file: /nowhere: No such file or directory"),
        (["--token-file", "/dev/null"], 2, "--token-file: /dev/null: expected a token"),
        (
            ["--forward-token-file", "/etc/hostname"],
            2,
            "--forward-token-file: expected --forward beside it",
        ),
        (
            ["--forward", "gateway:9095"],
            2,
            "--forward: expected an address such as https://gateway.example.org, not gateway:9095",
        ),
        (["--config", "/nowhere"], 1, "/nowhere: No such file or directory"),
    ],
)
def test_impossible_values_are_one_error_line(arguments: list[str], status: int, line: str) -> None:
    done = run("pages", *arguments)
    assert done.status == status
    assert done.err == f"error: {line}\n"


def test_a_taken_port_is_told_in_one_line() -> None:
    with socket.create_server(("127.0.0.1", free_port())) as taken:
        port = taken.getsockname()[1]
        done = run("pages", "--port", str(port))
    assert (done.status, done.err) == (
        1,
        f"error: cannot listen on 127.0.0.1:{port}: Address already in use\n",
    )


def test_no_text_of_others_steers_the_terminal_or_looks_like_a_page(pages: Pages) -> None:
    forged = "MICU\n--- Mon 01 Jan 03:00:00  charge-nurse\nTake it: http://evil.example"
    alert: Any = WEBHOOK["alerts"][0]  # type: ignore[index]
    bad = {name: f"{text}\x1b[2J\x9b1A\r{forged}" for name, text in alert["annotations"].items()}
    over = {"status": "resolved", "labels": alert["labels"], "annotations": bad}
    payload = WEBHOOK | {
        "receiver": f"nurse\x1b]0;title\x07\n{forged}",
        "alerts": [alert | {"annotations": bad}, over],
        "groupLabels": {"facility": "H01\u202e", "unit": forged},
        "externalURL": "http://am.example\x1b[31m\n",
    }
    assert pages.post(payload) == 200
    eventually(lambda: "Over:" in pages.shown, "the page is printed")
    assert [one for one in pages.shown if one != "\n" and not one.isprintable()] == []
    lines = pages.shown.splitlines()
    assert len([line for line in lines if line.startswith("--- ")]) == 1
    assert [line for line in lines if line.startswith("Take it: ")] == []
