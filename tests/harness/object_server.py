"""Runs moto's S3 server on a free port, and breaks it on command: see `tests.harness.objects`."""

from __future__ import annotations

import io
import json
import socket
import sys
import threading
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import unquote

from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import WSGIRequestHandler, make_server

FAULTS, SEEN = "/_faults", "/_seen"


class Server:
    """WSGI application. moto compares and puts in two steps, so changes take turns here."""

    def __init__(self) -> None:
        self._moto = DomainDispatcherApplication(create_backend_app)
        self._turn = threading.Lock()
        self._faults: list[dict[str, Any]] = []
        self._seen: list[list[str]] = []

    def __call__(self, environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        path, method = environ["PATH_INFO"], environ["REQUEST_METHOD"]
        length = int(environ.get("CONTENT_LENGTH") or 0)
        # A client may be suspended while it sends, and must not keep others waiting.
        body = environ["wsgi.input"].read(length) if length else b""
        if path == FAULTS:
            self._faults = json.loads(body)
            return _answer(start, "200 OK")
        if path == SEEN:
            seen, self._seen = self._seen, []
            return _answer(start, "200 OK", json.dumps(seen).encode())
        environ["wsgi.input"] = io.BytesIO(body)
        self._seen.append([method, path])
        fault = self._fault(method, path)
        what = fault["what"] if fault else ""
        if what == "unavailable":
            return _answer(start, "503 Slow Down")
        if what == "not implemented":
            return _answer(start, "501 Not Implemented", _error("NotImplemented"))
        if what == "denied":
            return _answer(start, "403 Forbidden", _error("AccessDenied"))
        if what == "unconditional":
            environ.pop("HTTP_IF_MATCH", None)
            environ.pop("HTTP_IF_NONE_MATCH", None)
        kept: list[Any] = []
        with self._turn:
            parts = list(self._moto(environ, lambda *some: kept.extend(some)))
        if what == "lost":
            environ["werkzeug.socket"].shutdown(socket.SHUT_RDWR)
        start(*kept)
        return parts

    def _fault(self, method: str, path: str) -> dict[str, Any] | None:
        for one in self._faults:
            if one["method"] == method and one["key"] in unquote(path) and one["times"] > 0:
                one["times"] -= 1
                return one
        return None


def _error(code: str) -> bytes:
    return f"<Error><Code>{code}</Code><Message>no</Message></Error>".encode()


def _answer(start: Callable[..., Any], status: str, body: bytes = b"") -> list[bytes]:
    start(status, [("Content-Length", str(len(body)))])
    return [body]


class _Quiet(WSGIRequestHandler):
    def log(self, type: str, message: str, *args: Any) -> None:  # noqa: A002
        pass


def main() -> None:
    """Arguments: a certificate and its key, if TLS is wanted. Prints the port, then serves."""
    tls = (sys.argv[1], sys.argv[2]) if len(sys.argv) > 2 else None
    made = make_server(
        "127.0.0.1", 0, Server(), threaded=True, request_handler=_Quiet, ssl_context=tls
    )
    print(made.server_port, flush=True)
    made.serve_forever()


if __name__ == "__main__":
    main()
