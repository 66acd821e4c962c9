"""`python -m tests.kube`: the chart on a real node, which deploy/helm/node.sh starts."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from streams.dev.broker import BrokerError
from tests.kube import checks, parts, policies
from tests.kube.broker import OutsideKafka
from tests.kube.release import Records, Release


def main(arguments: Sequence[str]) -> int:
    """0 if all is well, 1 if a check failed, 2 without a node."""
    argparse.ArgumentParser(
        prog="python -m tests.kube",
        description="Install the chart on a node with a real kubelet, and do to it what "
        "administrators do. Run it with: sh deploy/helm/node.sh IMAGES.tar python -m tests.kube",
    ).parse_args(arguments)
    if "NODE_ADDRESS" not in os.environ:
        print("kube: no node: run it with deploy/helm/node.sh", file=sys.stderr)
        return 2
    folder = Path(tempfile.mkdtemp(prefix="af-kube-"))
    begun = time.monotonic()

    def say(line: str) -> None:
        print(f"ok: {time.monotonic() - begun:4.0f} s: {line}", flush=True)

    failed: list[str] = []
    try:
        with OutsideKafka(folder) as broker:
            release = Release(broker, folder)
            release.prepare()
            records = Records(broker, folder, release.key, checks.PARTS)
            parts.refused(release, say)
            checks.installed(release, records, say)
            for step in (
                parts.reached,
                policies.enforced,
                checks.restarted,
                checks.upgraded,
                checks.killed,
                checks.drained,
                checks.scaled,
                checks.rolled_back,
                parts.archived,
                checks.uninstalled,
            ):
                try:
                    step(release, records, say)
                except AssertionError as error:  # what others find may tell why
                    failed.append(step.__name__)
                    print(f"FAILED: {step.__name__}: {error}", flush=True)
    except (AssertionError, BrokerError) as error:
        print(f"kube: FAILED after {time.monotonic() - begun:.0f} s: {error}")
        raise
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print(f"kube: checked in {time.monotonic() - begun:.0f} s; failed: {', '.join(failed) or '-'}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
