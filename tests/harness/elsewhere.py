"""A web server that is none of ours: it answers what a test tells it to."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Elsewhere(BaseHTTPRequestHandler):
    """A server that notes what it is asked, and answers with what it is told to."""

    status, body, location = 200, b"", ""
    chosen: bytes | None = None
    """The body if a unit or a facility is asked for; None: `body`, too."""
    asked: list[str | None]

    def do_GET(self) -> None:
        self.asked.append(self.headers.get("Authorization"))
        narrowed = "unit=" in self.path or "facility=" in self.path
        body = self.body if self.chosen is None or not narrowed else self.chosen
        self.send_response(self.status)
        if self.location:
            self.send_header("Location", self.location)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


@contextmanager
def serving(**answers: Any) -> Iterator[tuple[str, list[str | None]]]:
    """The address, and the Authorization of each request."""
    asked: list[str | None] = []
    handler = type("Handler", (Elsewhere,), {**answers, "asked": asked})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", asked
    finally:
        server.shutdown()
        server.server_close()
