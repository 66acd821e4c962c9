"""Child processes that outlive nobody: how brokers and workers are started, ended, and made to say
what went wrong.

A child does not hear the terminal's Ctrl-C (its owner stops it), and on Linux it dies with the
thread that started it, so children are started from the main thread.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

_PR_SET_PDEATHSIG = 1  # <linux/prctl.h>


def spawn(
    command: Sequence[str], environment: Mapping[str, str], log: Path
) -> subprocess.Popen[bytes]:
    """Start a child that prints into `log`. Raises `OSError`."""
    with log.open("wb") as file:
        return subprocess.Popen(  # noqa: S603 - our own command line, no shell
            command,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            env=environment,
            start_new_session=True,
            preexec_fn=_die_with_parent(),  # one system call, looked up before the fork
        )


def end(process: subprocess.Popen[bytes], patience: float) -> None:
    """SIGTERM, and SIGKILL if that is not heeded within `patience` seconds."""
    process.terminate()
    try:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(patience)
    finally:  # an impatient second Ctrl-C, too
        process.kill()
        process.wait()


def telling_line(text: str, *, mark: str = "") -> str:
    """The first line with `mark`, or the last line that says anything."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return next(
        (line for line in lines if mark and mark in line),
        lines[-1] if lines else "it printed nothing",
    )


def _die_with_parent() -> Callable[[], None] | None:
    """What a child does before it becomes the program, so that killing the owner leaves nothing
    behind (Linux only).
    """
    if sys.platform != "linux":
        return None
    # looked up here: after the fork only the call itself is safe
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    parent = os.getpid()

    def child() -> None:
        prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it died before we asked
            os._exit(1)

    return child
