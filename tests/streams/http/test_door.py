"""The web server under attack: raw sockets against everything that is served, behind its door and
its guard.
"""

from __future__ import annotations

import json
import logging
import socket
import ssl
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest

from analyzer import Engine, Policy
from streams.dev.broker import EmbeddedBroker, free_port
from streams.http.door import (
    RESERVED_CONNECTIONS,
    Connection,
    Slot,
    Slots,
    address_of,
    most_connections,
)
from streams.settings import SettingsError, WebSettings, load
from tests.harness.certificates import TOKEN, certificate
from tests.harness.site import FakeWorker, Site
from tests.harness.workers import WorkerProcess, eventually, new_topics

HOST = b"Host: 127.0.0.1\r\nConnection: close\r\n"


def worker() -> FakeWorker:
    return FakeWorker(Engine(Policy()))


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with Site(worker(), WebSettings(header_timeout="500ms")) as one:  # type: ignore[arg-type]
        yield one


def connect(site: Site) -> socket.socket:
    return socket.create_connection(("127.0.0.1", site.port), timeout=30)


def rest(connected: socket.socket) -> bytes:
    """All that still comes, up to the server's end of the connection."""
    found = b""
    try:
        while piece := connected.recv(1 << 16):
            found += piece
    except ConnectionError:
        pass
    return found


def ask(site: Site, request: bytes) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body of the only answer, after which the server closes."""
    with closing(connect(site)) as connected:
        connected.sendall(request)
        head, _, body = rest(connected).partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    return int(first.split()[1]), dict(line.split(": ", 1) for line in lines), body


def get(target: bytes, more: bytes = b"", method: bytes = b"GET") -> bytes:
    return method + b" " + target + b" HTTP/1.1\r\n" + HOST + more + b"\r\n"


# --- methods and malformed requests
# ------------------------------------------------------------------------------------

PATHS = (
    "/",
    "/page.js",
    "/metrics",
    "/healthz",
    "/ready",
    "/api/v1/units",
    "/api/v1/findings",
    "/api/v1/openapi.json",
)


@pytest.mark.parametrize("path", [*PATHS, "/nothing", "/api/v1/clinicians"])
def test_head_has_the_status_of_get_and_no_body(site: Site, path: str) -> None:
    status, headers, body = ask(site, get(path.encode(), method=b"HEAD"))
    found, theirs, content = ask(site, get(path.encode()))
    assert (status, body) == (found, b"")
    assert headers["Content-Type"] == theirs["Content-Type"]
    assert content != b""


@pytest.mark.parametrize(
    "method", [b"OPTIONS", b"POST", b"PUT", b"DELETE", b"PATCH", b"TRACE", b"BREW", b"get"]
)
@pytest.mark.parametrize("path", [b"/", b"/metrics", b"/healthz"])
def test_other_methods_are_not_allowed(site: Site, method: bytes, path: bytes) -> None:
    status, headers, _ = ask(site, get(path, method=method))
    assert (status, headers["Allow"]) == (405, "GET,HEAD")


def test_unknown_paths_are_not_found_in_plain_text(site: Site) -> None:
    status, headers, body = ask(site, get(b"/nothing"))
    assert (status, headers["Content-Type"], body) == (
        404,
        "text/plain; charset=utf-8",
        b"404: Not Found",
    )


BAD_REQUEST = [
    b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1:abc\r\n\r\n",
    b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1:99999\r\n\r\n",
    b"GET /healthz HTTP/1.1\r\nHost: \r\n\r\n",
    b"GET /healthz HTTP/1.1\r\n\r\n",
    b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nHost: localhost\r\n\r\n",
    b"GET /healthz HTTP/1.1\r\nHost: [::1\r\n\r\n",
    b"GET /healthz HTTP/1.1\r\nHost: [zz]\r\n\r\n",
    b"GET /healthz HTTP/1.1\r\nHost: \xff\r\n\r\n",
    get(b"http://127.0.0.1:abc/healthz"),
    get(b"http://[/healthz"),
    get(b"healthz"),
    get(b"/api/v1/units?unit=" + b"a" * 65_536),
    get(b"/api/v1/units?facility=a&facility=b&x=%ff"),
    get(b"/api/v1/findings?top=" + b"9" * 5000),
    get(b"/healthz", b"X-Long: " + b"a" * 9000 + b"\r\n"),
    get(b"/healthz", b"".join(b"X-%d: a\r\n" % number for number in range(1000))),
    get(b"/healthz", b"Content-Length: -1\r\n"),
    get(b"/healthz", b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n"),
    get(b"/healthz", b"Transfer-Encoding: chunked\r\n") + b"zz\r\n",
    get(b"/healthz", b"Authorization: Bearer %s\r\nno colon\r\n" % TOKEN.encode()),
    b"GET /healthz HTTP/9.9\r\n" + HOST + b"\r\n",
    b"\x16\x03\x01\x02\x00\x01",
    b"\x00" * 100,
]


@pytest.mark.parametrize("request_", BAD_REQUEST, ids=lambda one: repr(one[:50]))
def test_malformed_requests_are_refused(site: Site, request_: bytes) -> None:
    status, headers, body = ask(site, request_)
    assert status == 400
    # else the guard refused what the parser let pass
    if headers["Content-Type"].startswith("application/json"):
        assert json.loads(body).keys() == {"error"}


def test_a_target_too_long_to_be_parsed_is_answered_in_the_form_of_the_interface_s_errors(
    site: Site,
) -> None:
    status, headers, body = ask(site, get(b"/api/v1/units?facility=" + b"a" * 65_536))
    assert (status, headers["Content-Type"], body) == (
        400,
        "application/json",
        b'{"error":"malformed request"}\n',
    )


@pytest.mark.parametrize(
    ("host", "status"),
    [
        (b"[::1]", 200),
        (b"[::1]:9464", 200),
        (b"LOCALHOST", 200),
        (b"127.0.0.1:", 200),
        (b"evil.example", 421),
        (b"[::2]:80", 421),
    ],
)
def test_names_of_every_form(site: Site, host: bytes, status: int) -> None:
    assert (
        ask(site, b"GET /healthz HTTP/1.1\r\nConnection: close\r\nHost: " + host + b"\r\n\r\n")[0]
        == status
    )


def test_an_absolute_target_is_asked_under_its_own_name(site: Site) -> None:
    assert ask(site, get(b"http://127.0.0.1/healthz"))[0] == 200
    assert ask(site, get(b"http://evil.example/healthz"))[0] == 421


@pytest.mark.parametrize(
    "path", [b"/%zz", b"/%ff%00", b"/%", b"//evil.example/", b"/..%2f..%2fetc/passwd"]
)
def test_odd_paths_are_not_found(site: Site, path: bytes) -> None:
    assert ask(site, get(path))[0] == 404


@pytest.mark.parametrize(
    "more",
    [
        b"Content-Length: 5\r\n\r\nabcde",
        b"Transfer-Encoding: chunked\r\n\r\n0\r\n",
        b"Content-Length: 9000000000\r\n\r\nab",
    ],
)
def test_bodies_are_refused(site: Site, more: bytes) -> None:
    status, _, body = ask(site, b"GET /healthz HTTP/1.1\r\n" + HOST + more + b"\r\n")
    assert (status, body) == (413, b"expected no request body\n")


def test_pipelined_requests_are_answered_in_order(site: Site) -> None:
    with closing(connect(site)) as connected:
        connected.sendall(
            (b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n") * 99 + get(b"/healthz")
        )
        assert rest(connected).count(b"HTTP/1.1 200 OK") == 100


@pytest.mark.parametrize(
    "shown",
    [
        b"Bearer \xff",
        b"Basic \xff",
        b"\xff \xff",
        b"Bearer %s\r\nAuthorization: Bearer x" % TOKEN.encode(),
    ],
)
def test_no_authorization_is_an_internal_error(shown: bytes) -> None:
    with Site(worker(), WebSettings(token=TOKEN)) as guarded:  # type: ignore[arg-type]
        assert ask(guarded, get(b"/metrics", b"Authorization: " + shown + b"\r\n"))[0] in (400, 401)


# --- logs


def said(caplog: pytest.LogCaptureFixture) -> list[dict[str, Any]]:
    """Our own lines; anything of another logger at a level that a worker shows is a failure."""
    found: list[dict[str, Any]] = []
    for one in caplog.records:
        assert one.name == "alarm_fatigue" or one.levelno < logging.WARNING, one
        if one.name == "alarm_fatigue":
            assert one.exc_info is None
            assert isinstance(one.msg, dict)
            found.append(one.msg)
    return found


@pytest.fixture
def structured() -> Iterator[None]:
    """Log as a worker does, into Python's own loggers."""
    import structlog

    before = structlog.get_config()
    structlog.configure(
        processors=[structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )
    yield
    structlog.configure(**before)


def test_malformed_requests_are_counted_in_two_lines_without_their_tokens(
    structured: None, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Site(worker(), WebSettings(token=TOKEN)) as guarded:  # type: ignore[arg-type]
        for request in [*BAD_REQUEST, b"BREW /?token=%s HTTP/1.1\r\n\r\n" % TOKEN.encode()]:
            ask(guarded, request)
    lines = [one for one in said(caplog) if one["reason"] == "malformed"]
    assert [one["count"] for one in lines] == [1, guarded.refusals.totals["malformed"] - 1]
    assert TOKEN not in caplog.text


def test_a_page_that_fails_is_one_line_and_harms_no_other(
    structured: None, caplog: pytest.LogCaptureFixture
) -> None:
    class Broken(FakeWorker):
        def lags(self) -> dict[tuple[str, int], int | None]:
            raise ValueError("about H01 and a clinician")

    with Site(Broken(Engine(Policy()))) as broken:
        status, _, body = ask(broken, get(b"/ready?secret=1", b"X-Secret: secret\r\n"))
        assert (status, body) == (500, b'{"error":"internal error"}\n')
        assert ask(broken, get(b"/healthz"))[0] == 200
    (line,) = said(caplog)
    assert (line["reason"], line["count"], line["error"]) == ("failed", 1, "ValueError")
    assert line["at"].endswith(" lags")
    assert "secret" not in caplog.text
    assert "H01" not in caplog.text


# --- slow and many


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
        assert len(attacked.door.slots) <= attacked.settings.max_connections_per_address
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


def test_a_header_of_many_lines_is_refused_before_it_is_complete(site: Site) -> None:
    with closing(connect(site)) as connected:
        try:
            for number in range(100):
                connected.sendall(
                    b"GET / HTTP/1.1\r\n" if not number else b"X: " + b"a" * 4000 + b"\r\n"
                )
        except ConnectionError:
            pass
        # the answer may be lost with what was not read
        assert rest(connected)[:12] in (b"HTTP/1.1 431", b"")
    assert site.refusals.totals["malformed"]


def test_who_asks_much_and_reads_nothing_is_cut_off() -> None:
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
        eventually(lambda: len(served.door.slots) == 0, "every slot is free")
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
        eventually(lambda: len(served.door.slots) == 0, "every connection is over")
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


# --- eviction


class FakeConnection:
    """As much of a connection as slots look at."""

    def __init__(self, requests: int, busy: bool) -> None:
        self.requests, self.busy = requests, busy


def entered(slots: Slots, address: str, requests: int = 0, busy: bool = False) -> Slot:
    slot, _ = slots.enter(address)
    assert slot is not None
    slot.connection = FakeConnection(requests, busy)  # type: ignore[assignment]
    return slot


def test_the_oldest_without_a_request_goes_first_then_the_oldest_idle() -> None:
    slots = Slots(10, 3)
    scraper = entered(slots, "a", requests=5)
    first, second = entered(slots, "a"), entered(slots, "a")
    assert slots.enter("a")[1] is first
    assert slots.enter("a")[1] is second
    other = Slots(10, 2)
    busy, idle = entered(other, "a", requests=1, busy=True), entered(other, "a", requests=1)
    assert other.enter("a")[1] is idle
    assert busy in other.everyone()
    assert scraper in slots.everyone()


def test_of_all_addresses_the_one_with_the_most_connections_pays() -> None:
    slots = Slots(4, 4)
    entered(slots, "quiet")
    crowd = [entered(slots, "loud") for _ in range(3)]
    slot, victim = slots.enter("new")
    assert slot is not None
    assert victim is crowd[0]


def test_where_all_are_busy_a_reserve_answers_probes_and_is_bounded() -> None:
    slots = Slots(8, 8)
    for number in range(8):
        entered(slots, str(number), requests=1, busy=True)
    reserve = [slots.enter("new")[0] for _ in range(RESERVED_CONNECTIONS)]
    assert all(one is not None and one.probes_only for one in reserve)
    slot, victim = slots.enter("new")
    assert slot is not None
    assert victim is reserve[0]
    assert len(slots) == 8 + RESERVED_CONNECTIONS
    for one in slots.everyone():
        one.connection = FakeConnection(1, busy=True)  # type: ignore[assignment]
    assert slots.enter("new") == (None, None)


def test_the_reserve_answers_no_page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        Connection, "probes_only", property(lambda _: True, lambda *_: None), raising=False
    )
    with Site(worker()) as full:
        assert [full.get(path).status for path in ("/healthz", "/ready", "/metrics", "/")] == [
            200,
            200,
            503,
            503,
        ]


@pytest.mark.parametrize(
    ("wanted", "descriptors", "most"),
    [(256, 1024, 256), (1000, 1024, 880), (256, 64, 8), (256, 200, 56), (256, 1 << 20, 256)],
)
def test_descriptors_are_kept_for_kafka(wanted: int, descriptors: int, most: int) -> None:
    assert most_connections(wanted, descriptors) == most


def test_addresses_are_counted_as_one_client_has_them() -> None:
    assert address_of(("10.0.0.7", 1)) == address_of(("::ffff:10.0.0.7", 2, 0, 0)) == "10.0.0.7"
    assert (
        address_of(("2001:db8::1", 1, 0, 0))
        == address_of(("2001:db8::ffff:0:2", 1, 0, 0))
        == "2001:db8::"
    )
    assert address_of(("fe80::1%eth0", 1, 0, 2)) == "fe80::"
    assert address_of("") == ""


@pytest.mark.parametrize(
    ("settings", "error"),
    [
        (
            {"header_timeout": "0s"},
            "web: header_timeout, idle_timeout: expected 100ms to 10m, and 1s to 1h",
        ),
        ({"max_connections": 1}, "web.max_connections: .*"),
        ({"max_connections_per_address": 0}, "web.max_connections_per_address: .*"),
    ],
)
def test_bounds_that_cannot_be_are_refused(settings: dict[str, Any], error: str) -> None:
    with pytest.raises(SettingsError, match=f"^{error}$"):
        load(None, web=settings)
