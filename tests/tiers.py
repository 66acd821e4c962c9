"""`make test`: the tests that need a broker and all others, at once.

Tests of a broker mostly wait for it. So they run in three processes, and all others in as many as
there are processors, which take what time is left: a worker of a test is not held up by them.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence

import pytest

BROKER = "broker or chaos"
BROKER_PROCESSES = 3
LATER = 5
"""How much the other tests step back (`nice`)."""
# A file's tests run in one process, in their order, so that they share what its fixtures make.
SPREAD = ("--dist", "loadfile", "--no-loadscope-reorder")


def main(arguments: Sequence[str]) -> int:
    """0 if both passed; a half without tests of the choice counts as passed.

    The arguments are pytest's; `-n 0` runs each half in one process.
    """
    environment = os.environ.copy()
    # Else every process compiles the tests anew.
    environment.pop("PYTHONDONTWRITEBYTECODE", None)

    def command(choice: str, processes: int) -> list[str]:
        spread = ["-n", str(processes), *SPREAD]
        return [sys.executable, "-m", "pytest", *spread, *arguments, "-m", choice]

    with tempfile.TemporaryFile() as output:
        broker = subprocess.Popen(
            command(BROKER, BROKER_PROCESSES),
            stdout=output,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            env=environment,
        )
        try:
            os.nice(LATER)
            others = subprocess.run(
                command(f"not ({BROKER})", os.cpu_count() or 1), check=False, env=environment
            ).returncode
            print("\n== tests that need a broker", flush=True)
            statuses = {others, broker.wait()}
        finally:
            broker.terminate()
            output.seek(0)
            sys.stdout.write(output.read().decode(errors="replace"))
    if statuses == {pytest.ExitCode.NO_TESTS_COLLECTED}:
        return int(pytest.ExitCode.NO_TESTS_COLLECTED)
    # A process that was killed has a negative status.
    return next((one for one in statuses if one not in (0, pytest.ExitCode.NO_TESTS_COLLECTED)), 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
