"""The watchdog: a thread that ends a process whose event loop is stuck, or that does not stop in
time.

Everything else of a worker (its stall watch, /healthz, the drain) lives on the event loop, and
hangs with it, while the Kafka client's own thread keeps the partitions. So this one is asked by
nobody: it has the loop answer once a second, and it reads signals itself, from the pipe that the
interpreter's C handler writes to, whatever the main thread is doing. It ends the process with one
last line on standard error: what was in hand, and where the main thread stands.

A thread of Python cannot run while C code keeps the interpreter's lock. For that, `faulthandler`
keeps a timer in a thread of C: it writes the stack of every thread and ends the process with
status 1. Signals are not heeded then before that time has passed. That timer does not know of
suspensions: a process that was suspended for longer than `limit` and ten seconds may be ended when
it resumes, and restarted; its partitions were others' by then.
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

STOP_SECONDS = 9.0
"""From the first SIGTERM to the end, whatever the broker does; people and orchestrators expect ten.
"""
LEAST_STUCK_SECONDS = 10.0
"""Beyond the longest legitimate step of the loop: reading back a partition's state takes a few
seconds.
"""
TICK_SECONDS = 1.0
SUSPENDED_SECONDS = 5.0
"""A tick later than this means that the whole process was suspended, or the machine: nobody's
fault.
"""
LAST_WORD_SECONDS = 1.0
"""How long the last line may take: whoever should read standard error may be stuck, too."""

STUCK = 70
"""Exit status of a process that was stuck (`EX_SOFTWARE` of sysexits.h)."""
NOT_DRAINED = 75
"""Exit status of a worker that stopped without a last checkpoint (`EX_TEMPFAIL`): the next one goes
on from the one before.
"""


class Watchdog:
    """Watches the event loop `loop` of the main thread. `limit`: seconds that it may take for one
    step.

    `in_hand` says what to tell in the last line; `stop` begins an orderly end, in the loop.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        limit: float,
        stop: Callable[[], None],
        in_hand: Callable[[], Mapping[str, Any]],
    ) -> None:
        self._loop = loop
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
        """From here on, SIGTERM and SIGINT stop, a second one ends at once, and SIGUSR1 shows all
        stacks. Main thread only.
        """
        self._read, write = os.pipe()
        os.set_blocking(write, False)
        signal.set_wakeup_fd(write, warn_on_full_buffer=False)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, _heard)
        faulthandler.register(signal.SIGUSR1, all_threads=True)
        self._thread.start()

    def close(self) -> None:
        """The process ends by itself."""
        self._over.set()
        faulthandler.cancel_dump_traceback_later()

    def stop_within(self, seconds: float, status: int = NOT_DRAINED) -> None:
        """The process ends within so many seconds, or earlier if it was told so before.

        `status` 0: nothing is left to be stored.
        """
        deadline = monotonic() + seconds
        self._deadline = deadline if self._deadline is None else min(self._deadline, deadline)
        self._status = status

    def exit(self, status: int) -> NoReturn:
        """The end, after what was to be said has been logged."""
        sys.stderr.flush()
        os._exit(status)

    def end(self, status: int, event: str, **more: Any) -> NoReturn:
        """One last line, and the end."""
        line = {
            "event": event,
            **more,
            **self._said(),
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
            self._judge(now)

    def _judge(self, now: float) -> None:
        try:
            self._loop.call_soon_threadsafe(self._answer)
        except RuntimeError:  # closed: on the way out
            self._answered = now
        if self._deadline is not None and now > self._deadline:
            if self._status == 0:
                self.exit(0)
            self.end(
                NOT_DRAINED,
                "not drained: stopping took too long; what was not stored will be read again",
            )
        if now - self._answered > self._limit:
            self.end(
                STUCK,
                "the event loop is stuck, ending to be restarted",
                seconds=round(now - self._answered, 1),
            )

    def _answer(self) -> None:
        self._answered = monotonic()

    def _on_signal(self, number: int) -> None:
        if number not in (signal.SIGTERM, signal.SIGINT):
            return
        self._signals += 1
        if self._signals > 1:
            self.end(
                128 + number,
                "told to stop a second time: ending at once; what was not stored will be "
                "read again",
            )
        self.stop_within(STOP_SECONDS)
        try:
            self._loop.call_soon_threadsafe(self._stop)
        except RuntimeError:  # closed
            return

    def _said(self) -> dict[str, Any]:
        try:
            return dict(self._in_hand())
        except Exception as error:  # the main thread may be changing what is looked at
            return {"in_hand": f"cannot be told: {type(error).__name__}"}

    def _stack(self) -> list[str]:
        """Where the main thread stands, innermost last; places in the code, no values."""
        frame = sys._current_frames().get(self._main or 0)
        return [
            f"{Path(one.filename).name}:{one.lineno} {one.name}"
            for one in traceback.extract_stack(frame)
        ][-12:]


def _heard(_number: int, _frame: object) -> None:
    """What is to be done, the watchdog does."""


def _write(line: bytes) -> None:
    os.write(sys.stderr.fileno(), line)
