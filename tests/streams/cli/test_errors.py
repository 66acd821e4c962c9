"""Every error of the command line is one line and a status; every command has help."""

from __future__ import annotations

import re
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import typer

from streams.cli.main import app
from tests.harness.files import Files
from tests.harness.workers import COMMAND, run

NOTHING_LISTENS = "127.0.0.1:1"


@dataclass
class Place:
    """A folder with everything that the command lines below can get wrong; `{names}` in them stand
    for its paths.
    """

    folder: Path
    port: int

    def fill(self, text: str) -> str:
        names = {path.stem: path for path in self.folder.glob("*.yaml")} | {
            "key": self.folder / "empty.key"
        }
        names |= {
            "alarms": self.folder / "alarms.jsonl",
            "folder": self.folder,
            "missing": self.folder / "missing",
        }
        return text.format(port=self.port, nobody=NOTHING_LISTENS, **names)


@pytest.fixture
def place(tmp_path: Path, alarms: Path) -> Iterator[Place]:
    configs = {
        "unknown": "brokers: x",
        "nested": "policy: {fleetting: 15s}",
        "duration": "policy: {fleeting: 5 minutes}",
        "number": "policy: {fleeting: 15}",
        "window": "policy: {windows: [10]}",
        "horizon": "policy: {horizon: 1h}",
        "cover_by": "policy: {cover_by: [attend, dance]}",
        "negative": "policy: {min_classified: -1}",
        "syntax": "a: 1\nb: [",
        "list": "- a",
        "remote": "web: {host: 0.0.0.0}",
        "port_number": "web: {port: 70000}",
        "percent": "policy: {overload: {protected_1h: {elevated: {enter: 25, leave: 40}}}}",
        "below_zero": "policy: {overload: {units: {A: {beds: {elevated: "
        "{enter: -1, leave: -2}}}}}}",
        "no_key": f"pseudonym_key_file: {tmp_path / 'missing'}",
        "empty_key": f"pseudonym_key_file: {tmp_path / 'empty.key'}",
        "folder_key": f"pseudonym_key_file: {tmp_path}",
    }
    for name, text in configs.items():
        (tmp_path / f"{name}.yaml").write_text(text + "\n")
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\x00")
    (tmp_path / "empty.key").write_text("\n")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        yield Place(tmp_path, taken.getsockname()[1])


@pytest.mark.parametrize(
    ("command", "status", "message"),
    [
        ("config check --config {missing}", 1, "{missing}: No such file or directory"),
        ("config check --config {folder}", 1, "{folder}: Is a directory"),
        ("config check --config {syntax}", 1, "{syntax}, line 3: expected YAML"),
        ("config check --config {binary}", 1, "{binary}: expected YAML"),
        ("config check --config {list}", 1, "{list}: expected settings as `name: value`"),
        ("config check --config {unknown}", 1, "brokers: no such setting"),
        ("config check --config {nested}", 1, "policy.fleetting: no such setting"),
        (
            "config check --config {duration}",
            1,
            "policy.fleeting: expected a duration such as 15s, 10m or 12h",
        ),
        (
            "config check --config {number}",
            1,
            "policy.fleeting: expected a duration such as 15s, 10m or 12h",
        ),
        ("config check --config {window}", 1, "policy.windows.0: Input should be a valid string"),
        (
            "config check --config {cover_by}",
            1,
            "policy.cover_by.1: Input should be 'acknowledge', ",
        ),
        (
            "config check --config {horizon}",
            1,
            "policy: horizon: expected at least 24.25 h (longest window + cover",
        ),
        ("config check --config {negative}", 1, "policy: min_classified: expected zero or more"),
        (
            "config check --config {remote}",
            1,
            "web: host: 0.0.0.0 would serve without authentication",
        ),
        (
            "config check --config {port_number}",
            1,
            "web.port: Input should be less than or equal to 65535",
        ),
        (
            "config check --config {percent}",
            1,
            "policy: overload.protected_1h.elevated: expected a share between 0 and 1",
        ),
        (
            "config check --config {below_zero}",
            1,
            "policy: overload.units.A.beds.elevated: expected zero or more",
        ),
        (
            "config check --config {no_key}",
            1,
            "pseudonym_key_file: {missing}: No such file or directory",
        ),
        (
            "config check --config {empty_key}",
            1,
            "pseudonym_key_file: {key}: expected a secret, found an empty file",
        ),
        ("config check --config {folder_key}", 1, "pseudonym_key_file: {folder}: Is a directory"),
        ("replay", 2, "--alarms: expected a file of alarm events, or -"),
        ("replay --alarms {missing}", 1, "{missing}: no such file"),
        ("replay --alarms {folder}", 1, "{folder}: expected a file, found a directory"),
        ("replay --alarms {alarms} --labels {missing}", 1, "{missing}: no such file"),
        ("replay --alarms - --labels -", 2, "-: only one file can be read from standard input"),
        (
            "replay --alarms {alarms} --at yesterday",
            2,
            "--at: expected an RFC 3339 time with an offset",
        ),
        (
            "replay --alarms {alarms} --at 2026-03-01T07:00:00",
            2,
            "--at: expected an RFC 3339 time with an offset",
        ),
        *(
            (
                f"{command} 1772348400",  # seconds
                2,
                f"{command.split()[-1]}: expected milliseconds since 1970, found what looks like",
            )
            for command in (
                "replay --alarms {alarms} --at",
                "findings --alarms {alarms} --since",
                "findings --alarms {alarms} --until",
                "incident --alarms {alarms} --facility H1 --unit ICU --at",
                "report --archive {missing} --json --to 1772348400000 --from",
            )
        ),
        (
            "replay --alarms {alarms} --at 0001-01-01T00:00:00Z",
            2,
            "--at: expected a time from 2000 to 2100",
        ),
        ("replay --alarms {alarms} --at -", 2, "--at: expected an RFC 3339 time with an offset"),
        ("replay --alarms {alarms} --at 99999999999999999999", 2, "--at: expected"),
        (
            "replay --alarms {alarms} --episodes {missing}/e.jsonl",
            1,
            "{missing}/e.jsonl: No such file or directory",
        ),
        (
            "replay --alarms {alarms} --episodes /dev/null/e.jsonl",
            1,
            "/dev/null/e.jsonl: Not a directory",
        ),
        ("replay --alarms {alarms} --episodes {folder}", 1, "{folder}: Is a directory"),
        ("replay --alarms {alarms} --config {unknown}", 1, "brokers: no such setting"),
        (
            "replay --alarms {alarms} --config {empty_key}",
            1,
            "pseudonym_key_file: {key}: expected a secret",
        ),
        ("worker --host 0.0.0.0", 1, "web: host: 0.0.0.0 would serve without authentication"),
        (
            "worker --host 192.0.2.1 --port 80",
            1,
            "web: host: 192.0.2.1 would serve without authentication",
        ),
        ("worker --port 0", 1, "web.port: Input should be greater than or equal to 1"),
        ("worker --config {syntax}", 1, "{syntax}, line 3: expected YAML"),
        ("worker --group a/b", 1, "group: "),
        ("publish --broker {nobody} --alarms {missing}", 1, "{missing}: no such file"),
        ("publish --broker {nobody}", 2, "expected at least one file"),
        (
            "publish --broker {nobody} --alarms {alarms} --speed 0",
            2,
            "--speed: expected a number above 0",
        ),
        (
            "publish --broker {nobody} --alarms {alarms} --speed nan",
            2,
            "--speed: expected a number above 0",
        ),
        ("publish --broker {nobody} --alarms {alarms} --speed 2 --fast", 2, "--speed: "),
    ],
)
def test_an_error_is_one_line_that_says_what_and_a_status(
    place: Place, command: str, status: int, message: str
) -> None:
    done = run(*place.fill(command).split())
    assert done.status == status
    assert done.out == b""
    [line] = done.err.splitlines()
    assert line.startswith("error: " + place.fill(message))


@pytest.mark.slow
def test_a_missing_broker_is_one_error_line(alarms: Path) -> None:
    commands = [
        ("worker", "--broker", NOTHING_LISTENS),
        ("topics", "--broker", NOTHING_LISTENS),
        ("publish", "--broker", NOTHING_LISTENS, "--alarms", str(alarms)),
        ("worker", "--broker", "nonsense"),
    ]
    running = [
        subprocess.Popen([COMMAND, *one], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for one in commands
    ]
    for command, process in zip(commands, running, strict=True):
        out, err = process.communicate(timeout=60)
        assert (process.returncode, out) == (1, "")
        why = (
            r"the host name nonsense is not known \([\w -]+\)"
            if command[2] == "nonsense"
            else "nothing listens on port 1"
        )
        place = re.escape(command[2])
        assert re.fullmatch(
            rf"error: no Kafka broker answers at {place} \({why}\); is it running\?\n", err
        ), err


@pytest.mark.parametrize(
    "arguments",
    [["frobnicate"], ["replay", "--frob"], ["replay", "--alarms"], ["worker", "--port", "x"]],
)
def test_wrong_arguments_end_with_2(arguments: list[str]) -> None:
    done = run(*arguments)
    assert (done.status, done.out) == (2, b"")
    assert next(one for one in reversed(arguments) if len(one) > 1).lstrip("-") in done.err


def test_a_closed_output_pipe_is_no_error(ward: Files) -> None:
    command = f"{COMMAND} replay {' '.join(ward.arguments)} | head -n 1"
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("# HELP ")
    assert done.stderr == ""


def commands(group: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, (*path, name))
        else:
            yield (*path, name)


@pytest.mark.parametrize("command", list(commands(typer.main.get_command(app))), ids=" ".join)
def test_help_of_every_command_gives_an_example_of_it(command: tuple[str, ...]) -> None:
    done = run(*command, "--help")
    assert done.status == 0
    assert f"Example: alarm-fatigue {' '.join(command)}" in " ".join(done.out.decode().split())


def test_the_command_alone_lists_its_commands() -> None:
    done = run("--help")
    assert done.status == 0
    assert all(
        name in done.out.decode() for name in ("worker", "topics", "replay", "publish", "config")
    )
