"""The watchdog: a thread that ends a process whose event loop is stuck, or that does not stop in
time.

All other checks of a worker (the stall watch, /healthz, the drain) run on the event loop and hang
with it, while the thread of the Kafka client keeps the partitions. The watchdog is independent of
the loop. It makes the loop answer once a second, and it reads signals itself, from the pipe that
the interpreter's C handler writes to. It ends the process with one last line on standard error,
which holds the slice being taken in and the stack of the main thread.

A Python thread cannot run while C code holds the interpreter's lock. For that case, `faulthandler`
has a timer in a C thread: it writes the stacks of all threads and ends the process with status 1.
Until then, signals are not handled. This timer also counts the time of a suspension: a process that
was suspended for longer than `limit` plus ten seconds may be ended and restarted when it resumes.
By then, its partitions belong to other workers.
"""

from __future__ import annotations

import asyncio
import faulthandler
import json
import os
import select
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic
from typing import Any, NoReturn

from streams.service_manager import ServiceManager

STOP_SECONDS = 9.0
"""Longest time from the first SIGTERM to the end. Orchestrators commonly allow ten seconds."""
LEAST_STUCK_SECONDS = 10.0
"""Longer than any legitimate step of the loop: restoring a partition's state takes a few seconds.
"""
TICK_SECONDS = 1.0
SUSPENDED_SECONDS = 5.0
"""A tick later than this means that the process or the machine was suspended; the loop is not
stuck.
"""
LAST_WORD_SECONDS = 1.0
"""How long writing the last line may take: the reader of standard error may be stuck, too."""

STUCK = 70
"""Exit status of a process that was stuck (`EX_SOFTWARE` of sysexits.h)."""
NOT_DRAINED = 75
"""Exit status of a worker that stopped without a last checkpoint (`EX_TEMPFAIL`). The next worker
continues from the checkpoint before.
"""


class Watchdog:
    """Watches the event loop `loop` of the main thread, a step of which may take `limit` seconds.

    `in_hand` gives fields of the last line. `stop` begins an orderly end; it is called in the loop.
    `manager` is told each time that the loop answers, and when the worker stops.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        limit: float,
        stop: Callable[[], None],
        in_hand: Callable[[], Mapping[str, Any]],
        manager: ServiceManager | None = None,
    ) -> None:
        self._loop = loop
        self._manager = manager or ServiceManager()
        self._limit = max(limit, LEAST_STUCK_SECONDS)
        self._stop = stop
        self._in_hand = in_hand
        self._main = threading.main_thread().ident
        self._answered = monotonic()
        self._deadline: float | None = None
        self._status = NOT_DRAINED
        self._signals = 0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="watchdog", daemon=True)

    def start(self) -> None:
        """Handle signals from now on: SIGTERM and SIGINT stop the worker, a second one ends it at
        once, and SIGUSR1 prints all stacks. Call it in the main thread.
        """
        self._read, write = os.pipe()
        os.set_blocking(write, False)
        signal.set_wakeup_fd(write, warn_on_full_buffer=False)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, _ignore)
        faulthandler.register(signal.SIGUSR1, all_threads=True)
        self._thread.start()

    def close(self) -> None:
        """Stop watching: the process ends by itself."""
        self._over.set()
        faulthandler.cancel_dump_traceback_later()

    def stop_within(self, seconds: float, status: int = NOT_DRAINED) -> None:
        """End the process within `seconds`, or earlier if an earlier call said so.

        `status` 0 means that nothing is left to be stored.
        """
        self._manager.stopping()
        deadline = monotonic() + seconds
        self._deadline = deadline if self._deadline is None else min(self._deadline, deadline)
        self._status = status

    def exit(self, status: int) -> NoReturn:
        """End the process at once, after everything was logged."""
        sys.stderr.flush()
        os._exit(status)

    def end(self, status: int, event: str, **more: Any) -> NoReturn:
        """Write one last line, and end the process at once."""
        line = {
            "event": event,
            **more,
            **self._in_hand_fields(),
            "stack": self._stack(),
            "level": "error",
            "logger": "alarm_fatigue",
            "timestamp": datetime.now(UTC).isoformat().replace("+00:00", "Z"),
        }
        writing = threading.Thread(
            target=_write, args=[json.dumps(line).encode() + b"\n"], daemon=True
        )
        writing.start()
        writing.join(LAST_WORD_SECONDS)
        os._exit(status)

    # -- the thread

    def _watch(self) -> None:
        before = monotonic()
        while not self._over.is_set():
            faulthandler.dump_traceback_later(self._limit + 2 * SUSPENDED_SECONDS, exit=True)
            with_signals, _, _ = select.select([self._read], [], [], TICK_SECONDS)
            now = monotonic()
            if with_signals:
                for number in os.read(self._read, 64):
                    self._on_signal(number)
            if now - before > SUSPENDED_SECONDS:
                self._answered = now
            before = now
            self._check(now)

    def _check(self, now: float) -> None:
        try:
            self._loop.call_soon_threadsafe(self._answer)
        except RuntimeError:  # closed: on the way out
            self._answered = now
        if self._deadline is not None and now > self._deadline:
            if self._status == 0:
                self.exit(0)
            self.end(
                NOT_DRAINED,
                "not drained: stopping took too long; records that were not stored will be "
                "read again",
            )
        if now - self._answered > self._limit:
            self.end(
                STUCK,
                "the event loop is stuck, ending to be restarted",
                seconds=round(now - self._answered, 1),
            )

    def _answer(self) -> None:
        self._answered = monotonic()
        self._manager.alive()

    def _on_signal(self, number: int) -> None:
        if number not in (signal.SIGTERM, signal.SIGINT):
            return
        self._signals += 1
        if self._signals > 1:
            self.end(
                128 + number,
                "second signal to stop: ending at once; records that were not stored will be "
                "read again",
            )
        self.stop_within(STOP_SECONDS)
        try:
            self._loop.call_soon_threadsafe(self._stop)
        except RuntimeError:  # closed
            return

    def _in_hand_fields(self) -> dict[str, Any]:
        try:
            return dict(self._in_hand())
        except Exception as error:  # the main thread may be changing it
            return {"in_hand": f"not available: {type(error).__name__}"}

    def _stack(self) -> list[str]:
        """The stack of the main thread, innermost last: places in the code, no values."""
        frame = sys._current_frames().get(self._main or 0)
        return [
            f"{Path(one.filename).name}:{one.lineno} {one.name}"
            for one in traceback.extract_stack(frame)
        ][-12:]


def _ignore(_number: int, _frame: object) -> None:
    """The watchdog's thread acts on the signal."""


def _write(line: bytes) -> None:
    os.write(sys.stderr.fileno(), line)
