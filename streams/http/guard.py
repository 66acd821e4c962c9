"""The guard: who may read what, host names, and browser policies for a worker's web pages."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable
from ipaddress import ip_address
from typing import Any

from aiohttp import web

from streams.access import (
    Act,
    Asked,
    Attempts,
    Authenticator,
    Reader,
    allowed_names,
    asked_names,
)
from streams.audit import Recorder
from streams.audit.recorder import EVERYBODY, Read
from streams.formats.codec import to_json
from streams.http import visits
from streams.http.bounded_site import address_of
from streams.http.connection import ALLOWED
from streams.http.documents.common import Error
from streams.http.refusals import Refusals
from streams.http.site import page_files
from streams.paging.links import PATH as TAKE
from streams.paging.links import STYLE as TAKE_STYLE
from streams.settings import WebSettings

OPEN_PATHS = frozenset({"/healthz", "/ready"})
"""Service managers read these without a token or certificate; they hold no data about people."""
SIGNED_PATHS = frozenset({TAKE, TAKE_STYLE})
"""Whoever was paged opens these from a phone without a token: the link's signature is checked
instead (`streams.http.taking`). One of them takes forms.
"""

HEADERS = {
    # Only our own files and interface, nothing inline, and no text as markup.
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "connect-src 'self'; img-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
FORM_POLICY = (
    "default-src 'none'; style-src 'self'; img-src data:; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
"""For the page with a form, which has no scripts."""
REPORT_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""For the page of an incident: it can be saved as one file, so its style is in it. It has no
scripts.
"""
REPORT = "/incident"
ACTS: dict[str, Act | None] = {
    **{one.path: Act.VIEW for one in page_files()},
    "/metrics": Act.SCRAPE,
    "/api/v1/reader": None,
    "/api/v1/units": Act.VIEW,
    "/api/v1/unit": Act.VIEW,
    "/api/v1/week": Act.VIEW,
    "/api/v1/clinicians": Act.VIEW,
    "/api/v1/findings": Act.VIEW,
    "/api/v1/whatif": Act.TRY,
    "/api/v1/whatif/types": Act.TRY,
    REPORT: Act.VIEW,
    "/api/v1/incident": Act.VIEW,
}
"""The permission that a reader needs for each path. None: any identified reader may read it. A path
that is not listed is refused to everybody.
"""
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
CHALLENGE = 'Basic realm="alarm-fatigue", charset="UTF-8", Bearer realm="alarm-fatigue"'
"""Scrapers send a bearer token; browsers prompt for any name, and the token as the password."""


def guard(
    application: web.Application,
    settings: WebSettings,
    refusals: Refusals,
    linked: str | None = None,
    attempts: Attempts | None = None,
    recorder: Recorder | None = None,
) -> None:
    """Check every request before it is answered, and add headers to every answer. `linked`: the
    host name that links in pages have; `recorder`: who gets to know of what was read and refused.

    In this order: the host name (400, 421), a client certificate where one is needed (403), who
    asks (401, 429), their role (403), path and method (404, 405), a body (413). About which places
    a reader may ask is for the pages to check.
    Raises `SettingsError`.
    """
    authenticator = Authenticator(settings)
    is_ours = allowed_names(settings, linked)
    failures = Attempts() if attempts is None else attempts

    def known(request: web.Request, asked: Asked, visit: visits.Visit) -> Reader | web.Response:
        """The reader, or the refusal of a reader who cannot be identified."""
        shows = "Authorization" in request.headers
        if shows and authenticator.tokens and (seconds := failures.wait(visit.address)):
            refusals.count("too_many_attempts")
            wait = {"Retry-After": str(math.ceil(seconds))}
            return _refused("too many invalid tokens: wait\n", 429, wait)
        found = authenticator.identify(asked)
        if isinstance(found, Reader):
            return found
        visit.claims = found.name
        if found.tried or found.name:
            visit.by = "invalid token" if shows else "certificate"
        if found.tried:  # browsers first ask without a token
            refusals.count("unauthenticated")
            if shows:
                failures.failed(visit.address)
        if found.name and not shows:
            return _forbidden("this certificate has no role here")
        return web.Response(
            text="a token is needed\n", status=401, headers={"WWW-Authenticate": CHALLENGE}
        )

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        asked, path = _asked(request), _path(request)
        visit = visits.begin(visits.Visit(_counted(authenticator.address(asked)), path))
        try:
            response = await checked(request, handler, asked, visit)
        except web.HTTPException as refusal:
            record(recorder, visit, refusal.status)
            raise
        record(recorder, visit, response.status)
        return response

    async def checked(
        request: web.Request, handler: Handler, asked: Asked, visit: visits.Visit
    ) -> web.StreamResponse:
        path, names = visit.path, _names(request)
        if names is None:
            refusals.count("malformed")
            return _refused("malformed Host\n", 400)
        if not is_ours(names):
            refusals.count("wrong_name")
            return _refused("the host name is not this worker's: see web.names\n", 421)
        if settings.needs_certificate and asked.certificate is None and path not in OPEN_PATHS:
            refusals.count("no_certificate")
            return _forbidden("a client certificate is needed")
        # a signed page that is asked for by another method has no path
        signed = path in SIGNED_PATHS or (path is None and request.path in SIGNED_PATHS)
        if path not in OPEN_PATHS and not signed:
            reader = known(request, asked, visit)
            if isinstance(reader, web.Response):
                return reader
            visit.reader = reader
            if path is not None:
                act = ACTS.get(path, Act.VIEW)
                visit.scope = None if act is None else reader.scope(act)
                if path not in ACTS or (act is not None and visit.scope is None):
                    refusals.count("forbidden")
                    return _forbidden(
                        f"your role ({', '.join(reader.roles) or 'none'}) does not allow this"
                    )
        if getattr(request.protocol, "probes_only", False) and path not in OPEN_PATHS:
            refusals.count("busy")
            return _refused("all connections are busy\n", 503, {"Retry-After": "5"})
        # aiohttp would answer 404
        if request.method == "CONNECT" or request.path == "*":
            raise web.HTTPMethodNotAllowed(request.method, ALLOWED)
        is_form = path == TAKE and request.method == "POST"
        if request.body_exists and not is_form and request.match_info.http_exception is None:
            refusals.count("malformed")
            return _refused("expected no request body\n", 413)
        return await handler(request)

    async def head(request: web.Request, response: web.StreamResponse) -> None:
        for name, value in HEADERS.items():
            response.headers[name] = value
        if _path(request) == TAKE:
            response.headers["Content-Security-Policy"] = FORM_POLICY
        elif _path(request) == REPORT:
            response.headers["Content-Security-Policy"] = REPORT_POLICY
        response.headers.setdefault("Cache-Control", "no-store")

    application.middlewares.append(middleware)
    application.on_response_prepare.append(head)


def record(recorder: Recorder | None, visit: visits.Visit, status: int) -> None:
    """Record a visit: whoever read data, or was refused. Files of the page and probes hold none."""
    if recorder is None or visit.path in OPEN_PATHS or status == 503:
        return
    refused = status >= 400
    if not refused and visit.path in _FILES:
        return
    reader = visit.reader
    by = "link" if visit.path == TAKE and visit.facility is not None else visit.by
    clinicians: set[str] | str | None = visit.shown
    if visit.path == "/metrics" and not refused:
        clinicians = EVERYBODY
    recorder.read(
        Read(
            "refused" if refused else _EVENTS.get(visit.path or "", visit.event),
            visit.claims if reader is None else reader.name,
            by if reader is None else reader.by,
            visit.address,
            visit.path or "no page",
            visit.facility or "",
            visit.unit or "",
            200 if status == 304 else status,
            () if refused else tuple(visit.asked.items()),
        ),
        None if refused else clinicians,
    )


_FILES = frozenset(one.path for one in page_files()) | {TAKE_STYLE, "/api/v1/reader"}
_EVENTS = {
    "/api/v1/whatif": "whatif",
    REPORT: "incident",
    "/api/v1/incident": "incident",
}


def _refused(text: str, status: int, headers: dict[str, str] | None = None) -> web.Response:
    response = web.Response(text=text, status=status, headers=headers)
    response.force_close()
    return response


def _forbidden(why: str) -> web.Response:
    return web.Response(
        body=to_json(Error(why)) + b"\n", status=403, content_type="application/json"
    )


def _path(request: web.Request) -> str | None:
    """The path as the router has understood it; None: no page is there, or not by this method."""
    resource = request.match_info.route.resource
    return None if resource is None else resource.canonical


def _asked(request: web.Request) -> Asked:
    transport = request.transport
    peer = None if transport is None else transport.get_extra_info("peername")
    certificate = None if transport is None else transport.get_extra_info("peercert")
    return Asked(
        peer[0] if peer else "",
        lambda name: request.headers.getall(name, []),
        certificate or None,
    )


def _counted(address: str) -> str:
    """The address by which attempts are counted."""
    try:
        return address_of((str(ip_address(address.partition("%")[0])), 0, 0, 0))
    except ValueError:
        return address


def _names(request: web.Request) -> set[str] | None:
    """The host names that a request is addressed to; None if malformed.

    They come from the header Host and from an absolute target. HTTP/1.0 allows requests without a
    name, but browsers do not send them.
    """
    shown = request.headers.getall("Host", [])
    if len(shown) > 1 or (not shown and request.version >= (1, 1)):
        return None
    target: Any = request._message.url  # aiohttp drops all but path and query
    return asked_names([*shown, target.raw_authority] if target.absolute else shown)
