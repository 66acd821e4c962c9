"""A worker process that is started again when it ends, and the numbers it exports."""

from __future__ import annotations

import re
import signal
import subprocess
from typing import Any, Self

from tests.harness.workers import WorkerProcess


class Worker(WorkerProcess):
    """A worker that is meant to run, or not, or to stand still."""

    wanted = False
    ends = 0
    """How often it ended without being told to."""
    _lines_before = 0

    def start(self) -> Self:
        self._lines_before = len(self._lines())
        return super().start()

    def _lines(self) -> list[str]:
        return self.log.read_text(errors="replace").splitlines() if self.log.exists() else []

    def end(self) -> str | None:
        """SIGTERM, which it must heed by draining, or by ending at once as long as it holds
        nothing; else what is wrong.
        """
        try:
            status = self.stop()
        except subprocess.TimeoutExpired as error:
            return f"did not end within {error.timeout:.0f} s of SIGTERM"
        if status == 0 or (
            status == -signal.SIGTERM
            and not any("partitions held" in line for line in self._lines()[self._lines_before :])
        ):
            return None
        return f"ended with status {status} when stopped: {self.last_words()}"

    def last_words(self) -> str:
        """The last complaint in its log."""
        lines = [line for line in self._lines() if line.strip()]
        complaints = [
            line
            for line in lines
            if '"level": "error"' in line
            or '"level": "critical"' in line
            or line.startswith("error")
        ]
        return (complaints or lines or ["it printed nothing"])[-1][:300]


_LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')
_BURDENS = ("alarm_fatigue_clinician_", "alarm_fatigue_unit_", "alarm_fatigue_response_seconds")


def parse(series: str) -> Any:
    """A series of the exposition as the reference names it, ("events", (topic, outcome)), or None
    for all others.
    """
    name, _, rest = series.partition("{")
    if name == "alarm_fatigue_events_total":
        labels = dict(_LABEL.findall(rest))
        return "events", (labels["topic"], labels["outcome"])
    return (name, frozenset(_LABEL.findall(rest))) if name.startswith(_BURDENS) else None
