"""`python -m tests.image`: builds the image with a Docker engine and checks what comes out."""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from streams.dev.broker import ApacheKafka, Broker, BrokerError, EmbeddedBroker
from tests.image.base import stand_in
from tests.image.checks import everything
from tests.image.engine import CommandFailed, Engine, NoEngine, OwnEngine

ROOT = Path(__file__).resolve().parents[2]
SMALL, FULL = "alarm-fatigue:checked", "alarm-fatigue:checked-full"
STAND_IN = "alarm-fatigue-base:stand-in"
BUILD_SECONDS = 900.0
NO_ENGINE = 3


def main(arguments: Sequence[str]) -> int:
    """0 if all is well, 1 if the build or a check failed, 3 without an engine."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.image",
        description="Build the image with a Docker engine and check it. Without an engine, root "
        "starts one for it, and the base image is a stand-in made of this machine's packages.",
    )
    parser.add_argument(
        "--engine-optional",
        action="store_true",
        help="succeed where no engine runs and none can be started",
    )
    parser.add_argument(
        "--base", metavar="IMAGE", help="base image instead of the pinned one, such as a mirror's"
    )
    options = parser.parse_args(arguments)
    # not below /tmp's usual long names: the engine's sockets need short paths
    folder = Path(tempfile.mkdtemp(prefix="af-image-"))
    folder.chmod(0o755)
    begun = time.monotonic()
    try:
        with _engine(folder) as engine:
            _build(engine, folder, options.base)
            broker = _broker()
            try:
                everything(engine, SMALL, FULL, broker, folder, lambda line: print(f"ok: {line}"))
            finally:
                broker.close()
            size = engine.inspect(SMALL)["Size"] / 1e6
    except NoEngine as error:
        print(f"image: NOT BUILT AND NOT CHECKED: {error}")
        return 0 if options.engine_optional else NO_ENGINE
    except (AssertionError, BrokerError, subprocess.SubprocessError) as error:
        print(f"image: FAILED: {error}")
        raise
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print(f"image: built and checked in {time.monotonic() - begun:.0f} s; {size:.0f} MB")
    return 0


def _engine(folder: Path) -> Engine:
    """The engine that runs, or our own. Raises `NoEngine`."""
    found = Engine()
    return found if found.answers else OwnEngine(folder)


def _broker() -> Broker:
    """A Kafka that is not started yet."""
    return ApacheKafka() if shutil.which("java") and shutil.which("mvn") else EmbeddedBroker()


def _build(engine: Engine, folder: Path, base: str | None) -> None:
    """Both images; a build that fails is tried once more, as networks have hiccups."""
    more = ["--network=host"]  # our own engine has no other
    if base is None and engine.ours:
        stand_in(folder / "base")
        with subprocess.Popen(
            ["tar", "-C", folder / "base", "-c", "."], stdout=subprocess.PIPE
        ) as packing:
            engine.import_(packing, STAND_IN)
        base = STAND_IN
        tried = engine.try_to("run", "--rm", "--network=host", base, "/bin/true")
        if tried.returncode:
            raise NoEngine(f"the engine starts, but runs no container: {tried.stderr.strip()}")
    if base is not None:
        more.append(f"--build-arg=PYTHON={base}")
    if (bundle := os.environ.get("PIP_CERT")) and Path(bundle).is_file():
        more.append(f"--secret=id=ca,src={bundle}")
    if index := os.environ.get("PIP_INDEX_URL"):
        more.append(f"--build-arg=PIP_INDEX_URL={index}")
    for name, target in ((SMALL, []), (FULL, ["--target=full"])):
        command = ["build", "--file", str(ROOT / "deploy" / "Dockerfile"), "--tag", name]
        command += [*target, *more, str(ROOT)]
        try:
            engine.run(*command, seconds=BUILD_SECONDS)
        except CommandFailed as error:
            print(f"building failed, trying once more: {error}")
            time.sleep(10)
            engine.run(*command, seconds=BUILD_SECONDS)
        print(f"ok: built {name}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
