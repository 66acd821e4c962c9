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

    try:
        with OutsideKafka(folder) as broker:
            release = Release(broker, folder)
            release.prepare()
            records = Records(broker, folder, release.key, checks.PARTS)
            parts.refused(release, say)
            checks.installed(release, records, say)
            parts.reached(release, records, say)
            policies.enforced(release, say)
            checks.restarted(release, records, say)
            checks.upgraded(release, records, say)
            checks.killed(release, records, say)
            checks.drained(release, records, say)
            checks.scaled(release, records, say)
            checks.rolled_back(release, records, say)
            parts.archived(release, say)
            checks.uninstalled(release, say)
    except (AssertionError, BrokerError) as error:
        print(f"kube: FAILED after {time.monotonic() - begun:.0f} s: {error}")
        raise
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print(f"kube: checked in {time.monotonic() - begun:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
