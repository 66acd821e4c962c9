"""The web server under slow, silent and very many clients."""

from __future__ import annotations

import json
import socket
import ssl
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from streams.dev.broker import EmbeddedBroker, free_port
from streams.settings import WebSettings
from tests.harness.certificates import TOKEN, certificate
from tests.harness.site import Site
from tests.harness.sockets import connect, get, rest, said, worker
from tests.harness.workers import WorkerProcess, eventually, new_topics


def test_1100_connections_with_unfinished_headers_keep_nobody_out(
    structured: None, caplog: pytest.LogCaptureFixture
) -> None:
    with ExitStack() as stack, Site(worker()) as attacked:
        for number in range(1100):
            connected = stack.enter_context(closing(connect(attacked)))
            connected.sendall(b"GET / HTTP/1.1\r\nX-Slow: ")
            if number % 100 == 99:
                assert attacked.get("/healthz").status == 200
                assert attacked.get("/metrics").status == 200
        assert len(attacked.listener.slots) <= attacked.settings.max_connections_per_address
    assert len(caplog.text) < 5000
    assert {one["reason"] for one in said(caplog)} == {"capacity"}


@pytest.mark.parametrize(
    ("sent", "answer"),
    [
        (b"", b""),
        (b"GET / HTTP/1.1\r\nX-Slow: ", b"HTTP/1.1 408 Request Timeout"),
        (b"G", b"HTTP/1.1 408 Request Timeout"),
        (get(b"/healthz").replace(b"close", b"keep-alive") + b"GET", b"HTTP/1.1 200 OK"),
    ],
)
def test_a_header_that_is_never_finished_ends_the_connection(sent: bytes, answer: bytes) -> None:
    settings = WebSettings(header_timeout="300ms", idle_timeout="1s")  # type: ignore[arg-type]
    with Site(worker(), settings) as impatient, closing(connect(impatient)) as connected:
        connected.sendall(sent)
        assert rest(connected).partition(b"\r\n")[0] == answer


def test_dripping_does_not_renew_the_time_for_a_header() -> None:
    with Site(worker(), WebSettings(header_timeout="500ms")) as impatient:  # type: ignore[arg-type]
        with closing(connect(impatient)) as connected:
            connected.sendall(b"GET / HTTP/1.1\r\nX-Slow: ")

            def closed() -> bool:
                try:
                    connected.sendall(b"a")
                except ConnectionError:
                    return True
                return False

            eventually(closed, "the server closes")
        assert impatient.refusals.totals == {"header_timeout": 1}


def test_a_client_that_requests_much_and_reads_nothing_is_disconnected() -> None:
    with Site(worker(), stall=0.5) as served, closing(connect(served)) as connected:
        connected.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        request = b"GET /page.js HTTP/1.1\r\nHost: localhost\r\n\r\n"

        def cut_off() -> bool:
            connected.settimeout(0.1)
            try:
                connected.sendall(request * 100)
            except TimeoutError:
                pass
            except ConnectionError:
                return True
            return bool(served.refusals.totals)

        eventually(cut_off, "the connection is closed")
        assert served.refusals.totals == {"slow_reader": 1}
        assert served.get("/healthz").status == 200


def test_tls_handshakes_that_never_finish_are_ended_and_keep_nobody_out(tmp_path: Path) -> None:
    cert, key = certificate(tmp_path, "server")
    settings = WebSettings(tls_cert_file=cert, tls_key_file=key, header_timeout="1s")  # type: ignore[arg-type]
    context = ssl.create_default_context(cafile=str(cert))
    with ExitStack() as stack, Site(worker(), settings) as served:
        silent = [stack.enter_context(closing(connect(served))) for _ in range(200)]
        assert served.get("/healthz", context=context).status == 200
        assert [rest(one) for one in silent] == [b""] * len(silent)
        eventually(lambda: len(served.listener.slots) == 0, "every slot is free")
        assert served.refusals.totals.keys() == {"capacity", "handshake"}
        assert served.get("/metrics", context=context).status == 200


def test_no_answer_is_written_to_a_client_that_is_gone(
    structured: None, caplog: pytest.LogCaptureFixture
) -> None:
    """As when a worker is stopped, or a scraper gives up, while a page is being made."""
    with Site(worker()) as served:
        for _ in range(20):
            with closing(connect(served)) as connected:
                connected.setsockopt(
                    socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00"
                )
                connected.sendall(get(b"/metrics"))
        eventually(lambda: len(served.listener.slots) == 0, "every connection is over")
        assert served.get("/healthz").status == 200
    assert said(caplog) == []


def test_a_worker_under_attack_answers_keeps_its_log_short_and_stops(
    embedded_broker: EmbeddedBroker, tmp_path: Path
) -> None:
    token = tmp_path / "token"
    token.write_text(TOKEN)
    with EmbeddedBroker() as broker, ExitStack() as stack:
        new_topics(broker)
        port = free_port()
        one = stack.enter_context(
            WorkerProcess(broker, tmp_path, web={"port": port, "token_file": str(token)})
        )
        one.port = port
        one.wait_until_ready()
        before = one.log.stat().st_size
        for number in range(1100):
            connected = stack.enter_context(
                closing(socket.create_connection(("127.0.0.1", port), timeout=30))
            )
            connected.sendall(
                b"GET /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer %s\r\n"
                % TOKEN.encode()
            )
            if number % 3 == 0:  # the header ends, and nobody reads the answer
                connected.sendall(b"\r\n")
            if number % 7 == 0:
                connected.sendall(b"no colon\r\n\r\n")
        assert one.get("/healthz") == (200, "ok\n")
        assert one.get("/ready")[0] == 200
        with closing(socket.create_connection(("127.0.0.1", port), timeout=30)) as scraper:
            scraper.sendall(get(b"/metrics", b"Authorization: Bearer %s\r\n" % TOKEN.encode()))
            assert rest(scraper).startswith(b"HTTP/1.1 200 OK")
        assert one.stop() == 0
        assert one.log.stat().st_size - before < 10_000
        words = one.words
    assert [
        word for word in words if word["level"] in ("error", "critical") or "exception" in word
    ] == []
    assert {word["reason"] for word in words if word["event"].startswith("web server")} <= {
        "capacity",
        "malformed",
        "busy",
    }
    assert TOKEN not in json.dumps(words)
