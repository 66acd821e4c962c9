"""A local receiver for the hospital's paging gateway; it records Alertmanager's requests."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, NamedTuple, Self

from streams.dev.broker import free_port

TOKEN = "a-token-of-the-tests"


class Sent(NamedTuple):
    """One request: the receiver (last part of its path), its body, and its Authorization header."""

    receiver: str
    payload: dict[str, Any]
    authorization: str | None

    @property
    def alerts(self) -> dict[str, str]:
        """The status of each alert, by name."""
        return {alert["labels"]["alertname"]: alert["status"] for alert in self.payload["alerts"]}


class Gateway:
    """Listens on loopback."""

    def __init__(self) -> None:
        self._sent: list[Sent] = []
        self._lock = threading.Lock()
        self._refused = 0
        gateway = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if gateway._refuses():
                    self.send_response(503)
                    self.send_header("Content-Length", "0")
                    self.end_headers()
                    return
                gateway._take(
                    Sent(
                        self.path.rsplit("/", 1)[-1],
                        json.loads(body),
                        self.headers["Authorization"],
                    )
                )
                self.send_response(202 if self.path.endswith("pagerduty") else 200)
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"{}")

            def log_message(self, *_: Any) -> None:
                pass

        self._port = free_port()
        self._server = ThreadingHTTPServer(("127.0.0.1", self._port), Handler)
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.05,), daemon=True
        )

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self._port}/"

    def refuse(self, count: int) -> None:
        """Answer 503 so many times."""
        self._refused = count

    def _refuses(self) -> bool:
        with self._lock:
            self._refused -= 1
            return self._refused >= 0

    def _take(self, sent: Sent) -> None:
        with self._lock:
            self._sent.append(sent)

    def sent(self, *receivers: str) -> list[Sent]:
        """The requests to these receivers in order of arrival; by default to all but the dead
        man's switch.
        """
        with self._lock:
            return [
                one
                for one in self._sent
                if (one.receiver in receivers if receivers else one.receiver != "dead-mans-switch")
            ]

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
