"""`python -m tests.image`: builds the image with a Docker engine and checks what comes out."""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from streams.dev.broker import ApacheKafka, Broker, BrokerError, EmbeddedBroker
from tests.image.build import FULL, NO_ENGINE, SMALL, build, build_full, engine_for, workplace
from tests.image.checks import everything
from tests.image.engine import Engine, NoEngine


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
    parser.add_argument(
        "--folder", type=Path, help="keep the data of our own engine here, for the next run"
    )
    parser.add_argument(
        "--save",
        metavar="FILE",
        type=Path,
        help="also write both images to an archive, under the names that the Helm chart gives them",
    )
    options = parser.parse_args(arguments)
    begun = time.monotonic()
    try:
        with workplace(options.folder) as folder, engine_for(folder) as engine:
            build(engine, folder, options.base)
            build_full(engine, folder, options.base)
            broker = _broker()
            try:
                everything(engine, SMALL, FULL, broker, folder, lambda line: print(f"ok: {line}"))
            finally:
                broker.close()
            size = engine.inspect(SMALL)["Size"] / 1e6
            if options.save is not None:
                _save(engine, options.save)
    except NoEngine as error:
        print(f"image: NOT BUILT AND NOT CHECKED: {error}")
        return 0 if options.engine_optional else NO_ENGINE
    except (AssertionError, BrokerError, subprocess.SubprocessError) as error:
        print(f"image: FAILED: {error}")
        raise
    print(f"image: built and checked in {time.monotonic() - begun:.0f} s; {size:.0f} MB")
    return 0


def _save(engine: Engine, file: Path) -> None:
    labels = engine.inspect(SMALL)["Config"]["Labels"]
    version = labels["org.opencontainers.image.version"]
    names = f"alarm-fatigue:{version}", f"alarm-fatigue:{version}-full"
    for built, name in zip((SMALL, FULL), names, strict=True):
        engine.run("tag", built, name)
    engine.run("save", "--output", file, *names)
    print(f"ok: saved {' and '.join(names)} in {file}")


def _broker() -> Broker:
    """A Kafka that is not started yet."""
    return ApacheKafka() if shutil.which("java") and shutil.which("mvn") else EmbeddedBroker()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
