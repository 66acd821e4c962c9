"""Processes: starts and ends child processes, and finds the error in their output.

A child ignores the terminal's Ctrl-C (its owner stops it). On Linux it dies with the thread that
started it, so start children from the main thread.
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
    """Start a child that writes its output to `log`. Raises `OSError`."""
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
    """SIGTERM, then SIGKILL after `patience` seconds."""
    process.terminate()
    try:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(patience)
    finally:  # also after a second Ctrl-C
        process.kill()
        process.wait()


def diagnostic_line(text: str, *, mark: str = "") -> str:
    """The first line that contains `mark`, or else the last line that is not empty."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return next(
        (line for line in lines if mark and mark in line),
        lines[-1] if lines else "it printed nothing",
    )


def _die_with_parent() -> Callable[[], None] | None:
    """A function for the child to call between fork and exec, so that it dies with its parent
    (Linux only).
    """
    if sys.platform != "linux":
        return None
    # looked up here: after the fork only the call itself is safe
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    parent = os.getpid()

    def child() -> None:
        prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # the parent died before the call
            os._exit(1)

    return child
