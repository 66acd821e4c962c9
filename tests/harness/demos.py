"""The demo as a child process."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

COMMAND = str(Path(sys.executable).with_name("alarm-fatigue"))
PATIENCE = 60.0  # seconds: how long a slow machine may take


class Demo:
    """The demo as a child process, without a terminal."""

    def __init__(
        self, arguments: tuple[str, ...], environment: dict[str, str], directory: Path
    ) -> None:
        # Files can be read while the demo runs, and again later.
        self._out, self._err, self._temporary = (
            directory / "out",
            directory / "err",
            directory / "tmp",
        )
        self._temporary.mkdir()
        with self._out.open("w") as out, self._err.open("w") as err:
            self.process = subprocess.Popen(
                [COMMAND, "demo", *arguments],
                stdout=out,
                stderr=err,
                env={**os.environ, "TMPDIR": str(self._temporary), **environment},
            )

    @property
    def shown(self) -> str:
        return self._out.read_text()

    @property
    def errors(self) -> str:
        return self._err.read_text()

    def wait_for(self, words: str | re.Pattern[str]) -> None:
        pattern = re.compile(re.escape(words)) if isinstance(words, str) else words
        deadline = time.monotonic() + PATIENCE
        while not pattern.search(self.shown):
            assert self.process.poll() is None, self.errors
            assert time.monotonic() < deadline, self.shown
            time.sleep(0.02)

    @property
    def left_behind(self) -> list[Path]:
        """Temporary files."""
        return list(self._temporary.iterdir())

    def status(self) -> int:
        """The exit status, once it has ended."""
        return self.process.wait(PATIENCE)


@contextmanager
def running(*arguments: str, environment: dict[str, str] | None = None) -> Iterator[Demo]:
    with TemporaryDirectory() as directory:
        demo = Demo(arguments, environment or {}, Path(directory))
        try:
            yield demo
        finally:
            demo.process.kill()
            demo.process.wait()


def children(pid: int) -> dict[str, int]:
    """The child processes of a process, by kind."""
    found = {}
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        command = Path(f"/proc/{child}/cmdline").read_text()
        program = next(
            (
                name
                for name in ("alertmanager", "prometheus")
                if name in Path(command.split("\0")[0]).name
            ),
            "broker",
        )
        if "streams.cli.main" in command:
            program = next((name for name in ("listen", "translate") if name in command), "worker")
        found[program] = int(child)
    return found


def is_running(pid: int) -> bool:
    """Whether the process runs; a zombie does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def assert_all_end(
    pids: dict[str, int], names: frozenset[str] = frozenset({"broker", "worker"})
) -> None:
    assert set(pids) == names
    deadline = time.monotonic() + 10
    while any(map(is_running, pids.values())) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not [name for name, pid in pids.items() if is_running(pid)]
