"""The image, built by an engine; with an engine of our own, on a stand-in of its base."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.image.base import stand_in
from tests.image.engine import CommandFailed, Engine, NoEngine, docker, own_docker, unmount

ROOT = Path(__file__).resolve().parents[2]
SMALL, FULL = "alarm-fatigue:checked", "alarm-fatigue:checked-full"
STAND_IN = "alarm-fatigue-base:stand-in"
BUILD_SECONDS = 900.0
NO_ENGINE = 3
"""Exit status where there is none."""


def alone(module: str, *arguments: str) -> int:
    """Exit status of `python -m module` in a network of its own: bridges, firewall and published
    ports are nobody else's. Raises `NoEngine` if that is not allowed.
    """
    prefix = ["unshare", "--net", "sh", "-c", 'ip link set lo up && exec "$@"', "sh"]
    tried = subprocess.run([*prefix, "true"], capture_output=True, text=True, check=False)
    if tried.returncode:
        raise NoEngine(f"no network of its own: {tried.stderr.strip()}")
    command = [*prefix, sys.executable, "-m", module, *arguments]
    return subprocess.run(command, cwd=ROOT, check=False).returncode


@contextmanager
def workplace(kept: Path | None = None) -> Iterator[Path]:
    """A folder for an engine's data, removed at the end unless it is one to be kept."""
    # a short name: the engine's sockets need short paths
    folder = kept or Path(tempfile.mkdtemp(prefix="af-image-"))
    folder.mkdir(exist_ok=True)
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        unmount(folder)
        if kept is None:
            shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def engine_for(folder: Path) -> Iterator[Engine]:
    """The Docker engine that runs, or our own. Raises `NoEngine`."""
    found = docker()
    if found.answers:
        yield found
    else:
        with own_docker(folder) as ours:
            yield ours


def build(
    engine: Engine, folder: Path, base: str | None = None, source: Path = ROOT, tag: str = SMALL
) -> None:
    """The image as compose.yml builds it, under the name `tag`."""
    _build(engine, _base(engine, folder, base), source, tag)


def build_full(engine: Engine, folder: Path, base: str | None = None) -> None:
    """The larger image, with all commands."""
    _build(engine, _base(engine, folder, base), ROOT, FULL, "--target=full")


def _base(engine: Engine, folder: Path, base: str | None) -> str | None:
    """The base image: the pinned one if None. Our own engine has a stand-in, made once."""
    if base is not None or not engine.ours:
        return base
    if engine.try_to("image", "inspect", STAND_IN).returncode:
        stand_in(folder / "base")
        engine.import_(folder / "base", STAND_IN)
        shutil.rmtree(folder / "base")
    tried = engine.try_to("run", "--rm", "--network=host", STAND_IN, "/bin/true")
    if tried.returncode:
        raise NoEngine(f"the engine starts, but runs no container: {tried.stderr.strip()}")
    return STAND_IN


def _build(engine: Engine, base: str | None, source: Path, tag: str, *more: str) -> None:
    """A build that fails is tried once more, as networks have hiccups."""
    command = ["build", "--file", str(source / "deploy" / "Dockerfile"), "--tag", tag, *more]
    command.append("--network=host")  # our own engine has no other
    if base is not None:
        command.append(f"--build-arg=PYTHON={base}")
    if (bundle := os.environ.get("PIP_CERT")) and Path(bundle).is_file():
        command.append(f"--secret=id=ca,src={bundle}")
    if index := os.environ.get("PIP_INDEX_URL"):
        command.append(f"--build-arg=PIP_INDEX_URL={index}")
    command.append(str(source))
    try:
        engine.run(*command, seconds=BUILD_SECONDS)
    except CommandFailed as error:
        print(f"building failed, trying once more: {error}")
        time.sleep(10)
        engine.run(*command, seconds=BUILD_SECONDS)
    print(f"ok: built {tag}", flush=True)
