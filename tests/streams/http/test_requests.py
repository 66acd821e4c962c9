"""Requests of every odd form over raw sockets, and what is logged of them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing

import pytest

from analyzer import Engine, Policy
from streams.settings import WebSettings
from tests.harness.certificates import TOKEN
from tests.harness.site import FakeWorker, Site
from tests.harness.sockets import HOST, ask, connect, get, rest, said, worker


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with Site(worker(), WebSettings(header_timeout="500ms")) as one:  # type: ignore[arg-type]
        yield one


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


def test_malformed_requests_are_counted_in_two_lines_without_their_tokens(
    structured: None, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Site(worker(), WebSettings(token=TOKEN)) as guarded:  # type: ignore[arg-type]
        for request in [*BAD_REQUEST, b"BREW /?token=%s HTTP/1.1\r\n\r\n" % TOKEN.encode()]:
            ask(guarded, request)
    lines = [one for one in said(caplog) if one["reason"] == "malformed"]
    assert [one["count"] for one in lines] == [1, guarded.refusals.totals["malformed"] - 1]
    assert TOKEN not in caplog.text


def test_a_failed_page_is_one_log_line_and_stops_no_other(
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
