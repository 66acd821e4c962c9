"""`make test`: the tests that need a broker and all others, in two processes at once.

Tests of a broker mostly wait for it, so together they take little longer than the longer half.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Sequence

import pytest

BROKER = "broker or chaos"


def main(arguments: Sequence[str]) -> int:
    """0 if both passed; a half without tests of the choice counts as passed."""
    command = [sys.executable, "-m", "pytest", *arguments, "-m"]
    with tempfile.TemporaryFile() as output:
        broker = subprocess.Popen(
            [*command, BROKER], stdout=output, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL
        )
        try:
            others = subprocess.run([*command, f"not ({BROKER})"], check=False).returncode
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
