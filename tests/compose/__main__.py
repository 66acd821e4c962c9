"""`python -m tests.compose`: brings deploy/compose.yml up and checks it from alarms to pages."""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.compose.checks import everything, ha_alone
from tests.compose.project import PodmanProject, Project
from tests.image.build import NO_ENGINE, ROOT, alone, build, engine_for, workplace
from tests.image.engine import Engine, NoEngine, own_docker
from tests.image.podman import own_podman
from tests.image.standins import stand_ins


def main(arguments: Sequence[str]) -> int:
    """0 if all is well, 1 if something failed, 3 without an engine or Compose."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.compose",
        description="Start the services of deploy/compose.yml and of each override, and check "
        "them from alarms to pages. Without an engine, root starts one for it, in a network of "
        "its own, with stand-ins of images, and without Grafana.",
    )
    parser.add_argument(
        "--with",
        dest="way",
        choices=("docker", "podman"),
        default="docker",
        help="docker compose (default), or podman-compose, which needs root",
    )
    parser.add_argument(
        "--engine-optional",
        action="store_true",
        help="succeed where no engine runs and none can be started",
    )
    parser.add_argument(
        "--upgrade-from", metavar="COMMIT", help="also upgrade from the image of this commit"
    )
    ha = parser.add_mutually_exclusive_group()
    ha.add_argument("--without-ha", action="store_true", help="leave out compose.ha.yml")
    ha.add_argument("--ha-alone", action="store_true", help="check compose.ha.yml alone")
    parser.add_argument("--folder", type=Path, help="keep the data of our own engine here")
    parser.add_argument("--built", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    parts = "others" if options.without_ha else "ha" if options.ha_alone else "all"
    begun = time.monotonic()
    try:
        with workplace(options.folder) as folder:
            engine_of = engine_for if options.way == "docker" else podman_for
            if options.built:
                own = own_docker(folder, bridges=True)
                with own if options.way == "docker" else podman_for(folder) as engine:
                    return check(engine, folder, options.upgrade_from, parts)
            with engine_of(folder) as engine:
                compose_of(engine)
                build(engine, folder)
                if options.upgrade_from:
                    build_of(engine, folder, options.upgrade_from)
                if engine.ours:
                    stand_ins(engine, folder)
                else:
                    check(engine, folder, options.upgrade_from, parts)
            if engine.ours:
                again = [one for one in arguments if one != "--engine-optional"]
                status = alone("tests.compose", *again, "--built", f"--folder={folder}")
                if status:
                    return 0 if status == NO_ENGINE and options.engine_optional else status
    except NoEngine as error:
        print(f"compose: NOT CHECKED: {error}")
        return 0 if options.engine_optional else NO_ENGINE
    print(f"compose: checked in {time.monotonic() - begun:.0f} s")
    return 0


def image_of(commit: str) -> str:
    return f"alarm-fatigue:{commit}"


def build_of(engine: Engine, folder: Path, commit: str) -> None:
    """The image of an earlier commit."""
    source = folder / "earlier"
    shutil.rmtree(source, ignore_errors=True)
    source.mkdir()
    packed = subprocess.run(
        ["git", "archive", commit], cwd=ROOT, check=True, stdout=subprocess.PIPE
    ).stdout
    subprocess.run(["tar", "-C", source, "-x"], input=packed, check=True)
    build(engine, folder, source=source, tag=image_of(commit))
    shutil.rmtree(source)


@contextmanager
def podman_for(folder: Path) -> Iterator[Engine]:
    yield own_podman(folder)


def is_podman(engine: Engine) -> bool:
    return Path(engine.client).name == "podman"


def compose_of(engine: Engine) -> list[str]:
    """Compose as a command. Raises `NoEngine` where there is none, or an old one."""
    if is_podman(engine):
        beside = Path(sys.executable).with_name("podman-compose")
        program = str(beside) if beside.exists() else shutil.which("podman-compose")
        if program is None:
            raise NoEngine("no podman-compose: pip install podman-compose==1.6.0")
        return [program]
    if engine.try_to("compose", "version").returncode:
        raise NoEngine("no Docker Compose 2.24 or later; on Debian: bash .ci/compose ~/.docker")
    return [engine.client, "compose"]


def check(engine: Engine, folder: Path, commit: str | None, parts: str) -> int:
    """`parts`: all checks, those of compose.ha.yml alone (ha), or the others."""
    kind = PodmanProject if is_podman(engine) else Project
    project = kind(engine, compose_of(engine), folder)
    project.overrides_what_it_extends &= parts != "others"
    begun = time.monotonic()

    def say(line: str) -> None:
        print(f"ok ({time.monotonic() - begun:.0f} s): {line}", flush=True)

    try:
        if parts == "ha":
            ha_alone(project, folder, say)
        else:
            everything(project, folder, commit and image_of(commit), say)
    except BaseException as error:
        print(f"compose: FAILED: {error}")
        for one in project.containers:
            print(f"--- {one.service}-{one.number}\n{engine.logs(one.id)[-3000:]}")
        raise
    finally:
        project.clear()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
