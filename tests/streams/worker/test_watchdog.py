"""A watchdog ends a process whose loop is stuck, whatever it is stuck in, and one that does not
stop in time.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import pytest

PROGRAM = """
import asyncio, ctypes, re, sys, time
from streams.worker import watchdog
from streams.worker.watchdog import Watchdog
watchdog.LEAST_STUCK_SECONDS = 3.0
watchdog.SUSPENDED_SECONDS = 1.5
watchdog.STOP_SECONDS = 2.0

def spin():
    while True:
        pass

def sleep():
    time.sleep(1000)

def keep_the_lock():
    ctypes.PyDLL(None).sleep(1000)

loop = asyncio.new_event_loop()
stuck = {stuck}
stop = {stop}
dog = Watchdog(loop, 3.0, stop, lambda: {{"topic": "alarms", "partition": 3, "offsets": [7, 9]}})
dog.start()
print("ready", flush=True)
if stuck is not None:
    loop.call_later(0.2, stuck)
loop.run_forever()
dog.close()
print("stopped", flush=True)
"""


class Program:
    """A process with a watchdog; `stuck` and `stop` are expressions of what its loop runs into, and
    of how it is told to stop.
    """

    def __init__(self, stuck: str = "None", stop: str = "loop.stop") -> None:
        command = [sys.executable, "-c", PROGRAM.format(stuck=stuck, stop=stop)]
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == "ready\n"

    def end(self) -> tuple[int, str, str]:
        out, err = self.process.communicate(timeout=60)
        return self.process.returncode, out, err


@pytest.fixture
def programs() -> Iterator[list[Program]]:
    started: list[Program] = []
    yield started
    for one in started:
        one.process.kill()
        one.process.wait()


@pytest.mark.parametrize(("stuck", "where"), [("spin", "spin"), ("sleep", "sleep")])
def test_a_stuck_loop_ends_with_a_last_word(
    programs: list[Program], stuck: str, where: str
) -> None:
    programs.append(Program(stuck))
    status, _, err = programs[0].end()
    assert status == 70
    [line] = map(json.loads, err.splitlines())
    assert line["event"] == "the event loop is stuck, ending to be restarted"
    assert (line["level"], line["topic"], line["partition"], line["offsets"]) == (
        "error",
        "alarms",
        3,
        [7, 9],
    )
    assert line["seconds"] >= 3
    assert line["stack"][-1].split()[-1] == where


def test_c_code_that_keeps_the_interpreter_to_itself_is_ended_with_the_stacks(
    programs: list[Program],
) -> None:
    programs.append(Program("keep_the_lock"))
    status, _, err = programs[0].end()
    assert status == 1
    assert "keep_the_lock" in err


def test_a_process_that_stops_on_sigterm_is_not_killed(programs: list[Program]) -> None:
    programs.append(Program())
    programs[0].process.send_signal(signal.SIGTERM)
    assert programs[0].end() == (0, "stopped\n", "")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("stuck", ["None", "sleep"])
def test_a_process_that_does_not_stop_is_killed(
    programs: list[Program], number: signal.Signals, stuck: str
) -> None:
    programs.append(Program(stuck, stop="lambda: None"))
    programs[0].process.send_signal(number)
    status, _, err = programs[0].end()
    words: dict[str, Any] = json.loads(err)
    assert status == 75
    assert words["event"].startswith("not drained: stopping took too long")
    assert words["offsets"] == [7, 9]


def test_a_second_signal_ends_at_once(programs: list[Program]) -> None:
    programs.append(Program(stop="lambda: print('told', flush=True)"))
    process = programs[0].process
    process.send_signal(signal.SIGTERM)
    assert process.stdout is not None
    assert process.stdout.readline() == "told\n"
    process.send_signal(signal.SIGTERM)
    status, _, err = programs[0].end()
    assert status == 128 + signal.SIGTERM
    assert json.loads(err)["event"].startswith("second signal to stop")


def test_a_process_that_was_suspended_goes_on(programs: list[Program]) -> None:
    programs.append(Program())
    process = programs[0].process
    process.send_signal(signal.SIGSTOP)
    time.sleep(4)  # longer than the loop may take, shorter than the timer in C
    process.send_signal(signal.SIGCONT)
    time.sleep(2)
    assert process.poll() is None
    process.send_signal(signal.SIGTERM)
    assert programs[0].end() == (0, "stopped\n", "")
