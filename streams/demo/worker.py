"""The demo's worker: a child process, started as any user would start it."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
from pathlib import Path

import yaml

from streams.dev import processes
from streams.dev.broker import HOST
from streams.setting_table import PREFIX
from streams.settings import Settings

COOL_DOWN = "1m"  # of overload with pages, so that its end is reported soon
_SESSION_TIMEOUT = "2s"  # the worker is alone in its group, so a short timeout costs nothing
_STOP_TIMEOUT = 5.0  # seconds between SIGTERM and SIGKILL; the last checkpoint is not needed


class WorkerError(Exception):
    """The worker has ended; the message is one line."""


def key_of(directory: Path) -> Path:
    """The file with the demo's key of pseudonyms, which the worker's start makes."""
    return directory / "pseudonym.key"


class Worker:
    """The worker in a child process. It uses the wall clock if the hospital is in the `present`.

    Of `settings` it gets the connection to Kafka and the group; all others are the defaults.
    """

    def __init__(self, settings: Settings, port: int, directory: Path, present: bool) -> None:
        self.page = f"http://{HOST}:{port}/"
        self.metrics = f"{self.page}metrics"
        self._log = directory / "worker.log"
        key = key_of(directory)
        key.write_text(secrets.token_hex(32))  # a new key each time: pseudonyms need not last
        key.chmod(0o600)
        connection = directory / "worker.yaml"
        connection.write_text(yaml.safe_dump({"kafka": settings.kafka.model_dump(mode="json")}))
        # The user's own settings are meant for other workers.
        environment = {
            name: value for name, value in os.environ.items() if not name.upper().startswith(PREFIX)
        }
        environment |= {
            "ALARM_FATIGUE_SESSION_TIMEOUT": _SESSION_TIMEOUT,
            "ALARM_FATIGUE_PSEUDONYM_KEY_FILE": str(key),
            "ALARM_FATIGUE_WEB__SHOW_BEDS": "true",  # they are simulated
            "ALARM_FATIGUE_PRIVACY__SMALLEST_GROUP": "1",  # so are the clinicians
        }
        if present:
            environment["ALARM_FATIGUE_POLICY__OVERLOAD__COOL_DOWN"] = COOL_DOWN
        # -P: use the installed packages, not modules of the same name in the current directory.
        command = [
            sys.executable,
            "-P",
            "-m",
            "streams.cli.main",
            "worker",
            "--config",
            str(connection),
            "--broker",
            settings.broker,
            "--group",
            settings.group,
        ]
        self._process: subprocess.Popen[bytes] = processes.spawn(
            [
                *command,
                "--clock",
                "wall" if present else "event",
                "--host",
                HOST,
                "--port",
                str(port),
            ],
            environment,
            self._log,
        )

    def check(self) -> None:
        """Raises `WorkerError` if the worker has ended."""
        if self._process.poll() is not None:
            raise WorkerError(
                f"the worker exited with status {self._process.returncode}; its last log line: "
                f"{self.last_log_line()}"
            )

    def last_log_line(self) -> str:
        """The last line of its log, shortened to event and error."""
        line = processes.diagnostic_line(self._log.read_text(errors="replace")).removeprefix(
            "error: "
        )
        try:
            logged = json.loads(line)
        except ValueError:
            return line
        return ": ".join(str(logged[name]) for name in ("event", "error") if name in logged)

    def stop(self) -> None:
        processes.end(self._process, _STOP_TIMEOUT)
