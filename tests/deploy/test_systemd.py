"""The units for systemd: valid, hardened, and understood by the program; the installer of the
archive refuses what is not as it was made.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from streams.cli.main import app
from streams.settings import load
from streams.worker.watchdog import LEAST_STUCK_SECONDS
from tests.harness.needs import need

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "deploy" / "systemd"
UNITS = sorted(FOLDER.glob("*.service"))
PROGRAM = "/opt/alarm-fatigue/bin/alarm-fatigue"
MOST_EXPOSED = 20
"""In tenths: `systemd-analyze security` calls units below 2 OK. A unit without any has 9.2."""

units = pytest.mark.parametrize("unit", UNITS, ids=lambda path: path.stem)


def entries(unit: Path) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for line in unit.read_text().splitlines():
        if "=" in line and not line.startswith("#"):
            name, _, value = line.partition("=")
            found.setdefault(name, []).append(value)
    return found


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The units as on a machine where the program is there, and a worker's instance."""
    folder = tmp_path_factory.mktemp("units")
    for unit in UNITS:
        text = unit.read_text().replace(PROGRAM, "/bin/true")
        (folder / unit.name.replace("@", "@1")).write_text(text)
        (folder / unit.name).write_text(text)
    return folder


@units
def test_systemd_finds_nothing_wrong(unit: Path, installed: Path) -> None:
    done = analyze("verify", "--man=no", installed / unit.name.replace("@", "@1"))
    assert done.returncode == 0
    assert unit.name not in done.stderr, done.stderr


@units
def test_a_unit_exposes_little(unit: Path, installed: Path) -> None:
    done = analyze(
        "security",
        "--offline=true",
        f"--threshold={MOST_EXPOSED}",
        installed / unit.name.replace("@", "@1"),
    )
    assert done.returncode == 0, done.stdout
    bare = installed / "bare.service"
    bare.write_text("[Service]\nExecStart=/bin/true\n")
    assert analyze("security", "--offline=true", f"--threshold={MOST_EXPOSED}", bare).returncode


def analyze(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [need("systemd-analyze"), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@units
def test_the_program_accepts_the_commands_of_the_units(unit: Path) -> None:
    found = entries(unit)
    [command] = found["ExecStart"]
    variables = {
        name: value
        for line in found["Environment"]
        for one in shlex.split(line)
        for name, value in [one.split("=", 1)]
    }
    program, *arguments = shlex.split(
        re.sub(r"\$\{?([A-Z_]+)\}?", lambda match: variables[match[1]], command)
    )
    assert program == PROGRAM
    done = CliRunner().invoke(app, [*arguments, "--help"])
    assert done.exit_code == 0, done.output


@units
def test_a_unit_is_watched_and_starts_again(unit: Path) -> None:
    found = {name: values[-1] for name, values in entries(unit).items()}
    assert (found["Type"], found["NotifyAccess"]) == ("notify", "main")
    assert found["Restart"] == "always"
    assert found["StartLimitIntervalSec"] == "0"
    minutes = re.fullmatch(r"(\d)min", found["WatchdogSec"])
    assert minutes is not None
    assert int(minutes[1]) * 60 > LEAST_STUCK_SECONDS
    if "@" in unit.name:
        # the worker, which says why it ends, is to do so first
        assert int(minutes[1]) * 60_000 > load().stall_timeout


FORBIDDEN = """
import ctypes
import sys

allowed = ctypes.CDLL(None).prctl(65, 1, 0, 0, 0)  # PR_SET_MDWE, since Linux 6.3
if allowed == 0:
    import polars, streams.archive.archiver, streams.hl7.translating, streams.http.pages
    import streams.worker.app
    polars.DataFrame({"a": [1]}).write_parquet(sys.argv[1])
"""


def test_the_program_needs_no_memory_that_can_be_written_and_executed(tmp_path: Path) -> None:
    """As under MemoryDenyWriteExecute, with the variables of the units."""
    for unit in UNITS:
        assert entries(unit)["MemoryDenyWriteExecute"] == ["yes"]
        assert "POLARS_SKIP_CPU_CHECK=1" in entries(unit)["Environment"]
    done = subprocess.run(
        [sys.executable, "-c", FORBIDDEN, tmp_path / "rows.parquet"],
        env=os.environ | {"POLARS_SKIP_CPU_CHECK": "1", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_the_worker_is_named_for_machine_and_instance() -> None:
    [unit] = [one for one in UNITS if "@" in one.name]
    text = unit.read_text()
    assert "ALARM_FATIGUE_INSTANCE=%H-%i" in text
    assert "EnvironmentFile=-/etc/alarm-fatigue/worker-%i.env" in text


def test_the_settings_are_valid_and_their_secrets_are_in_one_folder(tmp_path: Path) -> None:
    settings = load(FOLDER / "settings.yaml")
    secrets = [settings.pseudonym_key_file, settings.paging.key_file, settings.kafka.password_file]
    secrets += [one.file for one in settings.web.tokens.values()]
    assert {str(one.parent) for one in secrets if one} == {"/etc/alarm-fatigue/secrets"}
    assert not settings.web.is_local
    page = (FOLDER / "README.md").read_text()
    made = re.search(r"for name in (.*); do", page)
    assert made is not None
    assert {one.name for one in secrets if one} - {"kafka_password"} <= set(made[1].split())


class Archive:
    """An unpacked archive of an installer and a list of packages, with their checksums."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.target = folder, folder / "target"
        (folder / "install.sh").write_text((FOLDER / "install.sh").read_text())
        self.packages = folder / "requirements.lock"
        self.packages.write_text("idna==3.11\n")
        sums = self._run("sha256sum", "install.sh", self.packages.name)
        (folder / "SHA256SUMS").write_text(sums.stdout)

    def install(self) -> subprocess.CompletedProcess[str]:
        return self._run("sh", self.folder / "install.sh", self.target)

    def _run(self, *command: str | Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run(command, cwd=self.folder, capture_output=True, text=True, check=False)


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    return Archive(tmp_path)


def test_the_installer_refuses_an_archive_that_was_changed(archive: Archive) -> None:
    archive.packages.write_text("idna==3.10\n")
    done = archive.install()
    assert done.returncode == 1
    assert "requirements.lock: FAILED" in done.stdout
    assert "nothing is installed" in done.stderr
    assert not list(archive.folder.glob("target*"))


def test_the_installer_leaves_a_folder_alone_that_is_no_installation(archive: Archive) -> None:
    archive.target.mkdir()
    (archive.target / "precious").touch()
    done = archive.install()
    assert done.returncode == 1
    assert "is no installation" in done.stderr
    assert (archive.target / "precious").exists()


def test_the_archive_starts_with_the_records_in_the_topics() -> None:
    text = (ROOT / "deploy" / "offline.sh").read_text()
    [line] = [one for one in text.splitlines() if one.startswith("cp -RL ")]
    assert all((ROOT / one).exists() for one in shlex.split(line)[2:-1])
    assert "--require-hashes" in text
    installer = (FOLDER / "install.sh").read_text()
    assert installer.count("pip install --no-index ") == installer.count("pip install ")


def test_settings_of_the_sample_are_yaml_with_only_files_for_secrets() -> None:
    content = yaml.safe_load((FOLDER / "settings.yaml").read_text())
    assert "token" not in content["web"]
    assert "password" not in content["kafka"]
