"""The recipe for a login page in docs/access.md: its settings are loaded as they stand, and a proxy
that does what its options say stands before a worker.
"""

from __future__ import annotations

import http.client
import re
import shlex
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from streams.access_settings import ProxySettings
from streams.settings import WebSettings, load
from tests.harness.site import FakeWorker, Site, simulated

PAGE = Path(__file__).parents[3] / "docs" / "access.md"
_, RECIPE = PAGE.read_text().split("## Readers behind a login page\n")
SETTINGS = yaml.safe_load(re.findall(r"```yaml\n(.*?)```", RECIPE, re.DOTALL)[0])
COMMAND = re.findall(r"```sh\n(.*?)```", RECIPE, re.DOTALL)[0]
OPTIONS = {
    name: value
    for name, _, value in (
        one.removeprefix("--").partition("=")
        for one in shlex.split(COMMAND.replace("\\\n", " "))
        if one.startswith("--")
    )
}
HOST = SETTINGS["web"]["names"][0]
IDENTITY = (
    "X-Forwarded-User",
    "X-Forwarded-Groups",
    "X-Forwarded-Email",
    "X-Forwarded-Preferred-Username",
)
"""What oauth2-proxy sends with `--pass-user-headers`, and removes from what browsers send."""


@dataclass
class LoginProxy:
    """A proxy like oauth2-proxy with the options of the recipe. `sessions`: by cookie, the user and
    the groups that the login server has named.
    """

    upstream: int
    sessions: Mapping[str, tuple[str, str]]
    options: Mapping[str, str]
    forwarded: list[dict[str, str]] = field(default_factory=list)

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        """Forward a request, or ask for a login (401)."""
        session = self.sessions.get(handler.headers.get("Cookie", ""))
        skips = re.match(self.options["skip-auth-route"].partition("=")[2], handler.path)
        if session is None and not skips:
            handler.send_response(401)
            handler.send_header("Content-Length", "0")
            handler.end_headers()
            return
        sent = {
            name: value for name, value in handler.headers.items() if name.title() not in IDENTITY
        }
        if "pass-host-header" not in self.options:
            sent["Host"] = f"127.0.0.1:{self.upstream}"
        if session is not None and "pass-user-headers" in self.options:
            sent["X-Forwarded-User"], sent["X-Forwarded-Groups"] = session
        before = handler.headers.get("X-Forwarded-For")
        sent["X-Forwarded-For"] = ", ".join(filter(None, (before, handler.client_address[0])))
        self.forwarded.append(sent)
        there = http.client.HTTPConnection("127.0.0.1", self.upstream, timeout=10)
        there.request(handler.command, handler.path, headers=sent)
        found = there.getresponse()
        body = found.read()
        handler.send_response(found.status)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)
        there.close()


@contextmanager
def served(proxy: LoginProxy) -> Iterator[int]:
    """The port on which the proxy listens."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            proxy.answer(self)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()


def get(port: int, path: str, host: str = HOST, **headers: str) -> tuple[int, str]:
    found = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    found.request("GET", path, headers={"Host": host, **named})
    answer = found.getresponse()
    text = answer.read().decode()
    found.close()
    return answer.status, text


@pytest.fixture(scope="module")
def worker() -> Iterator[Site]:
    """A worker with the recipe's settings; the proxy's address is this machine's."""
    proxy = SETTINGS["web"]["proxy"] | {"addresses": ["127.0.0.1"]}
    settings = WebSettings(
        names=tuple(SETTINGS["web"]["names"]), proxy=ProxySettings.model_validate(proxy)
    )
    with Site(FakeWorker(simulated(facilities=2)), settings) as site:
        yield site


SESSIONS = {
    "s=nurse": ("anna", "staff,alarm-viewers-micu"),
    "s=biomed": ("ben", "alarm-biomed"),
    "s=admin": ("cleo", "alarm-admins,staff"),
    "s=clerk": ("dan", "staff"),
}
WHATIF = "/api/v1/whatif/types?facility=H01&unit=MICU"


@pytest.fixture(scope="module")
def proxy(worker: Site) -> Iterator[tuple[LoginProxy, int]]:
    one = LoginProxy(worker.port, SESSIONS, OPTIONS)
    with served(one) as port:
        yield one, port


def test_the_settings_of_the_recipe_can_be_loaded(tmp_path: Path) -> None:
    path = tmp_path / "config.yml"
    path.write_text(yaml.safe_dump(SETTINGS))
    found = load(path).web
    assert [str(one) for one in found.proxy.addresses] == ["10.0.5.10/32"]
    assert {name: one.role for name, one in found.proxy.groups.items()} == {
        "alarm-viewers-micu": "viewer",
        "alarm-biomed": "tuner",
        "alarm-admins": "admin",
    }
    assert found.authenticates


def test_the_command_of_the_recipe_says_who_reads_and_sends_no_password() -> None:
    assert {"pass-user-headers", "pass-host-header", "cookie-secure"} <= set(OPTIONS)
    assert OPTIONS["pass-basic-auth"] == "false"
    assert OPTIONS["http-address"] == ""
    upstream = f"http://{SETTINGS['web']['host']}:{WebSettings().port}/"
    assert OPTIONS["upstream"] == upstream
    assert re.findall(r"skip-auth-route='(\w+)=\^(\S+)'", COMMAND) == [
        ("GET", "/take"),
        ("POST", "/take"),
    ]
    assert "client-secret-file" in OPTIONS
    assert not {"client-secret", "cookie-secret"} & set(OPTIONS), "secrets come from files"


@pytest.mark.parametrize(
    ("cookie", "units", "whatif", "metrics"),
    [
        ("s=nurse", {("H01", "MICU")}, 403, 403),
        ("s=biomed", {("H01", "MICU"), ("H01", "PICU")}, 200, 403),
        ("s=admin", {("H01", "MICU"), ("H02", "MICU")}, 200, 200),
    ],
)
def test_groups_become_roles_and_scopes(
    proxy: tuple[LoginProxy, int],
    cookie: str,
    units: set[tuple[str, str]],
    whatif: int,
    metrics: int,
) -> None:
    _, port = proxy
    status, text = get(port, "/api/v1/units", Cookie=cookie)
    assert status == 200
    found = {(one["facility"], one["unit"]) for one in yaml.safe_load(text)["units"]}
    assert units <= found
    assert {facility for facility, _ in found} == {facility for facility, _ in units}
    assert len(found) > 1 or cookie == "s=nurse"
    assert get(port, WHATIF, Cookie=cookie)[0] == whatif
    assert get(port, "/metrics", Cookie=cookie)[0] == metrics


def test_readers_in_no_group_and_those_who_did_not_log_in_read_nothing(
    proxy: tuple[LoginProxy, int],
) -> None:
    one, port = proxy
    assert get(port, "/api/v1/units", Cookie="s=clerk")[0] == 403
    count = len(one.forwarded)
    assert get(port, "/api/v1/units")[0] == 401
    assert len(one.forwarded) == count
    assert get(port, "/take/x", X_Forwarded_User="cleo")[0] == 401
    assert len(one.forwarded) == count + 1, "signed links need no login"
    assert not set(one.forwarded[-1]) & set(IDENTITY)


def test_a_reader_cannot_name_themselves(proxy: tuple[LoginProxy, int], worker: Site) -> None:
    """Neither through the proxy nor past it: its address alone is believed."""
    one, port = proxy
    spoofed = {"X_Forwarded_User": "cleo", "X_Forwarded_Groups": "alarm-admins"}
    assert get(port, "/metrics", Cookie="s=nurse", **spoofed)[0] == 403
    assert one.forwarded[-1]["X-Forwarded-User"] == "anna"
    assert get(port, "/take/../metrics", **spoofed)[0] in (401, 404)
    assert get(port, "/metrics", X_Forwarded_For="10.0.5.10", **spoofed)[0] == 401
    elsewhere = http.client.HTTPConnection(
        "127.0.0.1", worker.port, timeout=10, source_address=("127.0.0.2", 0)
    )
    elsewhere.request(
        "GET",
        "/metrics",
        headers={"Host": HOST, "X-Forwarded-User": "cleo", "X-Forwarded-Groups": "alarm-admins"},
    )
    assert elsewhere.getresponse().status == 401
    elsewhere.close()


def test_a_page_that_rebinds_its_name_is_not_answered_through_the_proxy(
    proxy: tuple[LoginProxy, int],
) -> None:
    """`--pass-host-header` is what lets the worker check the name that the browser asked for."""
    one, port = proxy
    assert get(port, "/api/v1/units", host="evil.example.com", Cookie="s=admin")[0] == 421
    options = {name: value for name, value in OPTIONS.items() if name != "pass-host-header"}
    hidden = LoginProxy(one.upstream, SESSIONS, options)
    with served(hidden) as other:
        assert get(other, "/api/v1/units", host="evil.example.com", Cookie="s=admin")[0] == 200
