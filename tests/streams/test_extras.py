"""Extras: the base runs the commands on files, and a command that needs more says what."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from streams.cli.main import COMMANDS
from streams.extras import MODULES, install

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS: dict[str, list[str]] = PROJECT["optional-dependencies"]
TINY = ROOT / "tests" / "data" / "tiny"
BARE = """
import sys
lacking = set(sys.argv.pop(1).split(","))
class Lacking:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in lacking:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Lacking())
sys.argv[0] = "alarm-fatigue"
from streams.cli.main import main
main()
"""
"""The command line where some modules are not installed."""


def run(
    *arguments: str,
    home: Path,
    without: tuple[str, ...] = ("worker", "demo", "report"),
    lacking: tuple[str, ...] = (),
) -> subprocess.CompletedProcess[str]:
    """A command where the modules of the extras `without` are missing, and those `lacking`."""
    modules = [*lacking, *(module for extra in without for module in MODULES[extra])]
    return subprocess.run(
        [sys.executable, "-c", BARE, ",".join(modules), *arguments],
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
        cwd=home,
        env={"PYTHONPATH": str(ROOT), "HOME": str(home), "PATH": "/usr/bin:/bin"},
    )


def test_every_extra_with_modules_is_declared() -> None:
    assert set(MODULES) <= set(EXTRAS)


@pytest.mark.parametrize("extra", EXTRAS)
def test_the_command_installs_the_extra_into_the_python_that_runs(extra: str) -> None:
    assert shlex.split(install(extra)) == [
        sys.executable, "-m", "pip", "install", f"{PROJECT['name']}[{extra}]"
    ]  # fmt: skip


def test_no_text_names_an_extra_that_is_not_there() -> None:
    texts = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("streams/**/*.py")]
    for path in texts:
        text = path.read_text()
        found = re.findall(r"alarm-fatigue\[([\w,]+)\]|\binstall\('(\w+)'\)", text)
        for names in (one or other for one, other in found):
            assert set(names.split(",")) <= set(EXTRAS), path


ON_FILES = [
    ["--version"],
    ["replay", "--alarms", str(TINY / "alarms.jsonl")],
    ["replay", "--alarms", str(TINY / "alarms.jsonl"), "--format", "json"],
    ["findings", "--alarms", str(TINY / "alarms.jsonl")],
    ["tune", "--episodes", str(TINY / "expected-episodes.jsonl"), "--delay", "15"],
    ["simulate", "--duration", "10m", "--out", "simulated"],
    ["config", "check"],
]


@pytest.mark.parametrize("arguments", ON_FILES, ids=lambda arguments: arguments[0])
def test_commands_on_files_need_no_extra(arguments: list[str], tmp_path: Path) -> None:
    (tmp_path / "simulated").mkdir()
    done = run(*arguments, home=tmp_path)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("arguments", "extra"),
    [
        (["worker"], "worker"),
        (["topics"], "worker"),
        (["publish", "--alarms", str(TINY / "alarms.jsonl")], "worker"),
        (["simulate", "--duration", "1m", "--broker", "127.0.0.1:1"], "worker"),
        (["pages"], "worker"),
        (["rejected", "list"], "worker"),
        (["facility", "reset", "F"], "worker"),
        (["archive", "--to", "history"], "worker"),
        (["demo"], "demo"),
    ],
    ids=lambda one: one[0] if isinstance(one, list) else one,
)
def test_a_command_whose_extra_is_missing_says_which(
    arguments: list[str], extra: str, tmp_path: Path
) -> None:
    done = run(*arguments, home=tmp_path)
    assert done.returncode == 2
    assert done.stderr == f"error: {arguments[0]} needs the extra {extra}; run: {install(extra)}\n"


def test_plots_say_which_extra_they_need(tmp_path: Path) -> None:
    done = run(
        "tune", "--episodes", str(TINY / "expected-episodes.jsonl"), "--delay", "15",
        "--report", "report.html", home=tmp_path,
    )  # fmt: skip
    assert done.returncode == 2
    assert done.stderr == f"error: --report: needs the extra report; run: {install('report')}\n"


def test_a_workbook_says_which_extra_it_needs(tmp_path: Path) -> None:
    done = run(
        "report", "--archive", "archive", "--from", "2026-03-01T00:00:00Z", "--to",
        "2026-03-02T00:00:00Z", "--xlsx", "report.xlsx",
        home=tmp_path, without=("xlsx",),
    )  # fmt: skip
    assert done.returncode == 2
    assert done.stderr == f"error: --xlsx: needs the extra xlsx; run: {install('xlsx')}\n"


def test_a_demo_with_a_worker_and_no_broker_says_which_extra_it_needs(tmp_path: Path) -> None:
    done = run("demo", home=tmp_path, without=("demo",))
    assert done.returncode == 2
    told = f"needs the extra demo; run: {install('demo')} (or give --broker HOST:PORT)"
    assert done.stderr == f"error: the embedded broker {told}\n"


def test_all_commands_are_known_without_their_extras(tmp_path: Path) -> None:
    done = run("--help", home=tmp_path)
    assert done.returncode == 0
    assert all(name in done.stdout for name in COMMANDS)


def test_the_library_imports_neither_kafka_nor_a_web_server() -> None:
    code = "import alarm_fatigue, sys; print(*{name.partition('.')[0] for name in sys.modules})"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    loaded = set(done.stdout.split())
    heavy = {"pandas", "pyarrow", "altair", "typer", "rich", "prometheus_client", "pydantic"}
    assert loaded & {*MODULES["worker"], *heavy} == set()


def test_the_small_image_says_where_the_commands_are_that_it_leaves_out(tmp_path: Path) -> None:
    """It has every extra's modules, but not those that read and write tables."""
    tables = ("polars", "narwhals")
    facts = ("--alarms", str(TINY / "alarms.jsonl"))
    for command in (("replay", *facts), ("findings", *facts), ("worker", "--help")):
        done = run(*command, home=tmp_path, without=(), lacking=tables)
        assert (done.returncode, done.stderr) == (0, "")
    for command in (("doctor", *facts), ("archive", "--to", "history")):
        done = run(*command, home=tmp_path, without=(), lacking=tables)
        assert (done.returncode, done.stderr) == (
            2,
            f"error: {command[0]} needs polars, which this image leaves out; use the one built "
            "with --target full\n",
        )
