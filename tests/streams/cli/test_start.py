"""Starting: a command imports what it needs, and nothing else."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from analyzer.hl7 import LONGEST
from analyzer.stats import CONFIDENCE
from analyzer.whatif import TRAIN
from streams.cli import tune
from streams.cli.later import Later
from streams.cli.main import COMMANDS, app
from streams.kafka.topics import LONGEST_MESSAGE

WORKERS = {"faust", "mode", "aiokafka", "kafka", "aiohttp", "structlog", "cramjam"}
"""What reads from Kafka and serves the page."""
FIGURES = {"numpy", "polars", "msgspec", "prometheus_client"}
SETTINGS = {"pydantic", "pydantic_settings", "yaml"}
SERVICE = {"analyzer.engine", "analyzer.pipeline", "streams.settings", "streams.worker"}
"""Parts of the service that take a tenth of a second or more."""

OPTIONAL = {"rich", "pygments", "colorama", "greenlet", "gssapi"}
"""What libraries of the worker import where it is installed, for uses that the worker does not have
or does not always have.
"""
UNUSED = {
    *("numpy.ma", "numpy.polynomial", "numpy.random", "numpy.testing"),
    *("faust.cli", "faust.livecheck", "streams.demo", "streams.simulator", "streams.report"),
    *("analyzer.hl7", "analyzer.incident", "analyzer.whatif", "streams.hl7", "polars"),
}

_SAY = """
import sys
from streams.cli.main import app
try:
    app(sys.argv[1:])
except SystemExit as exit:
    code = exit.code or 0
print(code, *sys.modules, file=sys.stderr)
"""

ALARM = (
    b'{"event_id": "e1", "alarm_id": "a1", "phase": "start", "at": 1772352000000, '
    b'"facility": "H1", "unit": "ICU", "bed": "1", "device_id": "m1", "device_type": "monitor", '
    b'"code": "LO", "kind": "physiological", "priority": "high"}\n'
)


def imported(tmp_path: Path, *arguments: str, ends: int = 0) -> set[str]:
    """The modules, and their top-level packages, in memory once a command has ended with the status
    `ends`.
    """
    done = subprocess.run(
        [sys.executable, "-c", _SAY, *arguments],
        capture_output=True,
        text=True,
        check=True,
        env={
            "PYTHONPATH": str(Path(__file__).parents[3]),
            "XDG_STATE_HOME": str(tmp_path),
            "PATH": "/usr/bin:/bin",
        },
    )
    code, *modules = done.stderr.splitlines()[-1].split()
    assert int(code) == ends, done.stderr
    return {*modules, *(one.partition(".")[0] for one in modules)}


def loaded(statement: str) -> set[str]:
    """The modules in memory after a statement."""
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; {statement}; print(*sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": str(Path(__file__).parents[3]), "PATH": "/usr/bin:/bin"},
    )
    return set(done.stdout.split())


@pytest.mark.parametrize("option", ["--version", "--help"])
def test_help_and_version_import_no_part_of_the_service(option: str, tmp_path: Path) -> None:
    assert imported(tmp_path, option) & (WORKERS | FIGURES | SETTINGS | {"analyzer"}) == set()


def commands(group: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The names of every command and group below one, each with those of the groups above it."""
    for name, command in group.commands.items():
        yield (*path, name)
        if hasattr(command, "commands"):
            yield from commands(command, (*path, name))


@pytest.mark.parametrize("words", commands(typer.main.get_command(app)), ids=" ".join)
def test_help_of_a_command_imports_neither_settings_nor_figures(
    words: tuple[str, ...], tmp_path: Path
) -> None:
    """Pydantic and msgspec may be there: Typer uses the one, times are read by the other."""
    heavy = WORKERS | SERVICE | (FIGURES - {"msgspec"}) | {"pydantic_settings", "yaml"}
    assert imported(tmp_path, *words, "--help") & heavy == set()


def test_a_worker_imports_what_it_uses(tmp_path: Path) -> None:
    found = imported(tmp_path, "worker", "--broker", "127.0.0.1:1", ends=1)  # no broker is there
    assert found & (OPTIONAL | UNUSED) == set()
    assert found >= WORKERS | SETTINGS | {"analyzer.engine", "streams.worker.app"}


def test_a_worker_is_put_together_without_a_look_at_sources_and_distributions() -> None:
    """Faust's own decorators look through the sources of all modules."""
    put_together = (
        "import inspect, importlib.metadata, streams.settings, streams.worker.app as made; "
        "importlib.metadata.entry_points = lambda *_, **__: 1 / 0; "
        "app = made.create_app(streams.settings.load()); "
        "assert list(app.agents) == ['slices'], app.agents; "
        "assert len(app._app_tasks) == 3, app._app_tasks; "
        "assert not inspect.modulesbyfile"
    )
    assert "streams.worker.unscanned" in loaded(put_together)


def test_config_check_imports_the_settings_alone(tmp_path: Path) -> None:
    found = imported(tmp_path, "config", "check")
    assert found & (WORKERS | {"numpy", "polars", "prometheus_client", "rich"}) == set()
    assert found >= SETTINGS


def test_a_worker_imports_no_hl7_and_no_tables_and_an_engine_no_what_ifs() -> None:
    """The page of what-ifs has them, but an engine does not need them."""
    found = loaded("import streams.worker.run")
    assert found >= {"streams.worker.app", "analyzer.engine"}
    assert found & {"analyzer.hl7", "streams.hl7", "polars", "typer"} == set()
    assert "analyzer.whatif" not in loaded("import analyzer.engine")


def test_the_longest_message_of_the_topic_hl7_is_that_of_the_receiver() -> None:
    assert LONGEST_MESSAGE == LONGEST


def test_replay_imports_no_kafka_and_no_web_server(tmp_path: Path) -> None:
    alarms = tmp_path / "alarms.jsonl"
    alarms.write_bytes(ALARM)
    found = imported(tmp_path, "replay", "--alarms", str(alarms))
    assert found & (WORKERS | {"polars", "rich"}) == set()
    assert found >= {"numpy"}


def test_defaults_that_help_shows_are_those_of_the_analyzer() -> None:
    assert f"{100 * CONFIDENCE:g}" == tune.CONFIDENCE
    assert f"{100 * TRAIN:g}" == tune.TRAIN


def places(group: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, Later, Any]]:
    """Every command that is imported late, with what it turns out to be."""
    own = COMMANDS if not path else getattr(group.commands, "later", {})
    for name, command in group.commands.items():
        if name in own:
            yield " ".join((*path, name)), own[name], command
        if hasattr(command, "commands"):
            yield from places(command, (*path, name))


@pytest.mark.parametrize(
    ("later", "command"),
    [pytest.param(later, one, id=name) for name, later, one in places(typer.main.get_command(app))],
)
def test_the_list_of_commands_says_what_each_says_itself(later: Later, command: Any) -> None:
    first = command.help.split("\n\n")[0]
    assert " ".join(first.split()) == later.summary
