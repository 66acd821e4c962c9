"""`python -m tests.systemd`: installs the archive where systemd runs, and checks the units."""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from streams.dev.broker import ApacheKafka
from tests.image.build import NO_ENGINE, ROOT, alone, workplace
from tests.image.engine import NoEngine
from tests.image.podman import own_podman
from tests.systemd.checks import everything
from tests.systemd.machine import machine

NEWER = "99.0.0"
"""The version of the second archive; it differs in that alone."""


def main(arguments: Sequence[str]) -> int:
    """0 if all is well, 1 if something failed, 3 without podman or an archive."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.systemd",
        description="Install the archive of `make offline` on a machine with a running systemd, "
        "which is a container of podman, and check the units. Needs root, Java 17 and Maven.",
    )
    parser.add_argument(
        "--engine-optional", action="store_true", help="succeed where podman cannot be used"
    )
    parser.add_argument("--within", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    begun = time.monotonic()
    try:
        if options.within is not None:
            return check(options.within)
        with workplace() as folder:
            own_podman(folder)
            archives = sorted((ROOT / "dist").glob("*-offline-*.tar.gz"))
            if not archives:
                raise NoEngine("no archive: run `make offline` first")
            share = folder / "share"
            share.mkdir()
            for path in archives[-1].parent.glob(f"{archives[-1].name}*"):
                shutil.copy(path, share)
            newer(archives[-1], share / "newer", folder / "source")
            if status := alone("tests.systemd", f"--within={folder}"):
                return 0 if status == NO_ENGINE and options.engine_optional else status
    except NoEngine as error:
        print(f"systemd: NOT CHECKED: {error}")
        return 0 if options.engine_optional else NO_ENGINE
    print(f"systemd: checked in {time.monotonic() - begun:.0f} s")
    return 0


def newer(archive: Path, target: Path, source: Path) -> None:
    """The unpacked archive of a later version with the same content."""
    target.mkdir()
    unpack = ["tar", "-C", target, "--strip-components=1", "-xzf", archive]
    subprocess.run(unpack, check=True)
    source.mkdir()
    for name in ("alarm_fatigue", "analyzer", "streams"):
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    project = source / "pyproject.toml"
    [old] = target.glob("alarm_fatigue-*.whl")
    version = old.name.split("-")[1]
    project.write_text(project.read_text().replace(f'"{version}"', f'"{NEWER}"', 1))
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]
    wheel = [*pip, "wheel", "--no-deps", "--wheel-dir", target, source]
    subprocess.run(wheel, check=True)
    old.unlink()
    sums = "find . -type f ! -name SHA256SUMS | LC_ALL=C sort | xargs sha256sum >SHA256SUMS"
    subprocess.run(["sh", "-c", sums], cwd=target, check=True)


def check(folder: Path) -> int:
    begun = time.monotonic()

    def say(line: str) -> None:
        print(f"ok ({time.monotonic() - begun:.0f} s): {line}", flush=True)

    with ApacheKafka() as broker, machine(own_podman(folder), folder) as one:
        try:
            everything(one, broker, folder, say)
        except BaseException as error:
            print(f"systemd: FAILED: {error}")
            print(
                one.try_to(
                    "journalctl --unit='alarm-fatigue*' --no-pager --output=cat | tail -n 60"
                )[1]
            )
            raise
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
