"""Who may read a worker's pages: nobody from elsewhere without a token or a certificate, and no
page of others in a browser.
"""

from __future__ import annotations

import base64
import ssl
import urllib.error
from collections.abc import Iterator
from pathlib import Path

import pytest

from analyzer import Engine, Policy
from streams.access import Attempts
from streams.http.guard import OPEN_PATHS
from streams.settings import SettingsError, WebSettings, load
from streams.worker.app import create_app
from tests.harness.certificates import TOKEN, certificate
from tests.harness.site import FakeWorker, Site
from tests.harness.workers import run


def worker() -> FakeWorker:
    return FakeWorker(Engine(Policy()))


# --- settings


@pytest.mark.parametrize(
    ("settings", "error"),
    [
        (
            {"host": "0.0.0.0"},
            "web: host: 0.0.0.0 would serve without authentication to other machines; set "
            "web.tokens or web.tls_client_ca_file, "
            "or web.allow_remote to true if a network policy or a proxy guards it",
        ),
        # Encryption alone tells nobody who reads.
        (
            {"host": "::", "tls_cert_file": "c", "tls_key_file": "k"},
            "web: host: :: would serve without authentication to other machines; .*",
        ),
        (
            {"token": TOKEN, "token_file": "t"},
            "web: token: expected it here or in web.token_file, not both",
        ),
        ({"tls_cert_file": "c"}, "web: tls_cert_file: expected tls_key_file as well, or neither"),
        ({"tls_key_file": "k"}, "web: tls_cert_file: expected tls_key_file as well, or neither"),
        (
            {"tls_client_ca_file": "a"},
            "web: tls_client_ca_file: expected tls_cert_file and tls_key_file as well",
        ),
    ],
)
def test_an_unguarded_public_server_is_refused_in_one_line(
    settings: dict[str, str], error: str
) -> None:
    with pytest.raises(SettingsError, match=f"^{error}$") as refused:
        load(None, web=settings)
    assert TOKEN not in str(refused.value)


@pytest.mark.parametrize(
    "settings",
    [
        {"host": "127.0.0.1"},
        {"host": "::1"},
        {"host": "localhost"},
        {"host": "0.0.0.0", "allow_remote": True},
        {"host": "0.0.0.0", "token": TOKEN},
        {"host": "10.0.0.7", "token_file": "t"},
        {"host": "0.0.0.0", "tls_cert_file": "c", "tls_key_file": "k", "tls_client_ca_file": "a"},
    ],
)
def test_a_guarded_or_local_server_causes_no_warning(settings: dict[str, str]) -> None:
    load(None, web=settings)


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (None, "No such file or directory"),
        ("", "expected 16 or more ASCII characters without spaces"),
        ("tooshort", "expected 16 or more ASCII characters without spaces"),
        ("a token with spaces", "expected 16 or more ASCII characters without spaces"),
        ("ein-schlüssel-aus-wien", "expected 16 or more ASCII characters without spaces"),
    ],
)
def test_an_invalid_token_is_one_error_line_without_the_token(
    content: str | None, error: str, tmp_path: Path
) -> None:
    file, config = tmp_path / "token", tmp_path / "config.yaml"
    if content is not None:
        file.write_text(content)
    config.write_text(f"web: {{token_file: {file}}}\npseudonyms: false\n")
    done = run("config", "check", "--config", config)
    assert (done.status, done.out, done.err) == (
        1,
        b"",
        f"error: web.token_file: {file}: {error}\n",
    )
    with pytest.raises(SettingsError, match=error):
        create_app(load(config))


def test_no_secret_is_printed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "token"
    file.write_text(f"{TOKEN}\n")
    config = tmp_path / "config.yaml"
    config.write_text(f"web: {{token_file: {file}}}\npseudonyms: false\n")
    done = run("config", "check", "--config", config)
    assert done.status == 0
    assert f"token_file: {file}" in done.out.decode()
    assert TOKEN not in done.out.decode()
    config.write_text("pseudonyms: false\n")
    monkeypatch.setenv("ALARM_FATIGUE_WEB__TOKEN", TOKEN)
    done = run("config", "check", "--config", config)
    assert (done.status, done.err) == (0, "")
    assert TOKEN not in done.out.decode()
    assert "token:" not in done.out.decode()
    settings = load(config)
    assert settings.web.token is not None
    assert TOKEN not in repr(settings)
    monkeypatch.setenv("ALARM_FATIGUE_WEB__TOKEN", "abc")
    assert (
        run("config", "check", "--config", config).err
        == "error: web.token: expected 16 or more ASCII characters without spaces\n"
    )


def test_unreadable_certificates_are_one_error_line(tmp_path: Path) -> None:
    config = tmp_path / "config.yaml"
    config.write_text(
        f"web: {{tls_cert_file: {tmp_path}/c, tls_key_file: {tmp_path}/k}}\npseudonyms: false\n"
    )
    assert (
        run("config", "check", "--config", config).err
        == "error: web.tls_cert_file, web.tls_key_file: No such file or directory\n"
    )


# --- the token


@pytest.fixture(scope="module")
def guarded() -> Iterator[Site]:
    attempts = Attempts(at_once=1000)  # the tests below present many wrong tokens
    settings = WebSettings(token=TOKEN)  # type: ignore[arg-type]  # pydantic hides it
    with Site(worker(), settings, attempts=attempts) as site:
        yield site


GUARDED = (
    "/",
    "/unit?facility=a&unit=b",
    "/help",
    "/page.js",
    "/metrics",
    "/api/v1/units",
    "/api/v1/unit?facility=a&unit=b",
    "/api/v1/clinicians?facility=a&unit=b",
    "/api/v1/findings",
    "/api/v1/openapi.json",
)


def basic(name: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()


@pytest.mark.parametrize("path", [*GUARDED, "/nothing"])
@pytest.mark.parametrize(
    "shown",
    [
        "",
        "Bearer",
        "Bearer ",
        f"Bearer {TOKEN}x",
        f"Bearer {TOKEN[:-1]}",
        TOKEN,
        f"Digest {TOKEN}",
        basic(TOKEN, ""),
        basic("x", "y"),
        "Basic !",
        "Basic /w==",
    ],
)
def test_without_the_token_there_is_nothing_to_read(guarded: Site, path: str, shown: str) -> None:
    answer = guarded.get(path, **({"Authorization": shown} if shown else {}))
    assert (answer.status, answer.body) == (401, b"a token is needed\n")
    assert answer.headers["WWW-Authenticate"].startswith("Basic realm=")


@pytest.mark.parametrize("path", GUARDED)
@pytest.mark.parametrize(
    "shown", [f"Bearer {TOKEN}", f"bearer {TOKEN}", basic("", TOKEN), basic("whoever", TOKEN)]
)
def test_everything_is_readable_with_the_token(guarded: Site, path: str, shown: str) -> None:
    assert guarded.get(path, Authorization=shown).status == (
        404 if "/api/v1/unit?" in path or "clinicians" in path else 200
    )


@pytest.mark.parametrize("path", ["/healthz", "/ready"])
def test_service_managers_need_no_token(guarded: Site, path: str) -> None:
    assert guarded.get(path).status == 200


def test_findings_of_a_guarded_worker_take_its_token(guarded: Site, tmp_path: Path) -> None:
    file = tmp_path / "token"
    asked = ("findings", "--worker", guarded.address, "--json")
    assert run(*asked).err == f"error: {guarded.address}api/v1/findings: status 401\n"
    assert (
        run(*asked, "--token-file", file).err
        == f"error: --token-file: {file}: No such file or directory\n"
    )
    file.write_text(TOKEN)
    done = run(*asked, "--token-file", file)
    assert (done.status, done.out) == (
        0,
        guarded.get("/api/v1/findings", Authorization=f"Bearer {TOKEN}").body,
    )


# --- browsers


@pytest.mark.parametrize("path", ["/", "/api/v1/units", "/metrics", "/nothing", "/healthz"])
def test_every_answer_tells_browsers_to_do_no_more_than_they_must(path: str) -> None:
    with Site(worker()) as site:
        headers = site.get(path).headers
    policy = dict(
        one.strip().split(" ", 1) for one in headers["Content-Security-Policy"].split(";")
    )
    assert (
        policy["default-src"]
        == policy["base-uri"]
        == policy["form-action"]
        == policy["frame-ancestors"]
        == "'none'"
    )
    assert {of for name, of in policy.items() if name.endswith("-src")} == {"'none'", "'self'"}
    assert policy["require-trusted-types-for"] == "'script'"
    assert (headers["X-Content-Type-Options"], headers["Referrer-Policy"]) == (
        "nosniff",
        "no-referrer",
    )
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert "Access-Control-Allow-Origin" not in headers
    assert headers["Cache-Control"] in ("no-cache", "no-store")


@pytest.mark.parametrize(
    ("host", "status"),
    [("127.0.0.1", 200), ("localhost:9464", 200), ("[::1]:1", 200), ("evil.example", 421)],
)
def test_a_local_worker_answers_to_local_names_alone(host: str, status: int) -> None:
    with Site(worker()) as site:
        assert site.get("/api/v1/units", Host=host).status == status
    with Site(worker(), WebSettings(token=TOKEN)) as site:  # type: ignore[arg-type]
        assert (
            site.get("/api/v1/units", Host="evil.example", Authorization=f"Bearer {TOKEN}").status
            == 421
        )


# --- TLS


def test_tls_serves_those_who_know_its_certificate_and_turns_away_plain_requests(
    tmp_path: Path,
) -> None:
    cert, key = certificate(tmp_path, "server")
    with Site(worker(), WebSettings(tls_cert_file=cert, tls_key_file=key)) as site:
        assert (
            site.get("/healthz", context=ssl.create_default_context(cafile=str(cert))).status == 200
        )
        with pytest.raises(urllib.error.URLError, match="certificate verify failed"):
            site.get("/healthz", context=ssl.create_default_context())


def test_where_clients_need_a_certificate_none_opens_only_what_probes_ask(tmp_path: Path) -> None:
    cert, key = certificate(tmp_path, "server")
    theirs, their_key = certificate(tmp_path, "client")
    settings = WebSettings(tls_cert_file=cert, tls_key_file=key, tls_client_ca_file=theirs)
    with Site(worker(), settings) as site:
        plain = ssl.create_default_context(cafile=str(cert))
        assert site.get("/healthz", context=plain).status == 200
        assert site.get("/ready", context=plain).status == 200
        served = site.paths - OPEN_PATHS
        assert {"/", "/metrics", "/api/v1/units"} <= served
        for path in [*served, "/no-such-page", "/healthz/", "/healthz/../metrics"]:
            found = site.get(path, context=plain)
            assert (found.status, found.json) == (403, {"error": "a client certificate is needed"})
        bearer = {"Authorization": "Bearer anything"}
        assert site.get("/metrics", context=plain, **bearer).status == 403
        stranger, stranger_key = certificate(tmp_path, "stranger")
        plain.load_cert_chain(stranger, stranger_key)
        with pytest.raises(OSError, match=r"unknown ca|reset|closed|EOF|alert"):
            site.get("/healthz", context=plain)
        known = ssl.create_default_context(cafile=str(cert))
        known.load_cert_chain(theirs, their_key)
        assert site.get("/api/v1/units", context=known).status == 200


def test_a_certificate_and_a_token_are_both_needed_unless_certificates_have_roles(
    tmp_path: Path,
) -> None:
    files = {"tls_cert_file": "c", "tls_key_file": "k", "tls_client_ca_file": "a"}
    certificates = {"x": {"role": "viewer", "subject": "CN=x"}}
    tokens = {"y": {"role": "viewer", "file": tmp_path / "y"}}
    needed = {
        (bool(roles), bool(some)): WebSettings.model_validate(
            files | {"certificates": roles, "tokens": some}
        ).needs_certificate
        for roles in ({}, certificates)
        for some in ({}, tokens)
    }
    assert needed == {
        (False, False): True,
        (False, True): True,
        (True, False): True,
        (True, True): False,
    }
    assert not WebSettings().needs_certificate
