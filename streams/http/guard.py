"""The guard: authentication, TLS and browser policies for a worker's web pages."""

from __future__ import annotations

import hmac
import re
from base64 import b64decode
from binascii import Error as NotBase64
from collections.abc import Awaitable, Callable

from aiohttp import web

from streams.http.connection import ALLOWED
from streams.http.credentials import token_of
from streams.http.refusals import Refusals
from streams.paging.links import PATH as TAKE
from streams.paging.links import STYLE as TAKE_STYLE
from streams.settings import LOOPBACK, WebSettings

OPEN_PATHS = frozenset({"/healthz", "/ready"})
"""Service managers read these without a token; they hold no data about people."""
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
_HOST = re.compile(
    r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._~%!$&'()*+,;=-]+)(?::([0-9]{1,5})?)?", re.ASCII
)
"""RFC 9110, 7.2, with RFC 3986's `host`: a name or an address, and optionally a port."""

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def guard(
    application: web.Application,
    settings: WebSettings,
    refusals: Refusals,
    linked: str | None = None,
) -> None:
    """Check every request before it is answered, and add headers to every answer. `linked`: the
    host name that links in pages have.

    In this order: the host name (400, 421), the token (401), path and method (404, 405), a body
    (413). Raises `SettingsError`.
    """
    token = token_of(settings)
    # Without a token, only the loopback address keeps others out. A foreign page in a browser here
    # could still ask under its own host name, which it points to loopback (DNS rebinding).
    names = (
        {settings.host, *LOOPBACK, *([linked] if linked else [])}
        if token is None and settings.is_local and not settings.allow_remote
        else None
    )

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        asked = _names_asked(request)
        if asked is None:
            refusals.count("malformed")
            return _refused("malformed Host\n", 400)
        if names is not None and not asked <= names:
            refusals.count("wrong_name")
            return _refused("the host name is not this worker's\n", 421)
        if token is not None and request.path not in OPEN_PATHS | SIGNED_PATHS:
            shown = request.headers.getall("Authorization", [])
            if len(shown) != 1 or not _shows(shown[0], token):
                if shown:  # browsers first ask without a token
                    refusals.count("unauthenticated")
                # Scrapers send a bearer token; browsers prompt for any name, and the token as the
                # password.
                challenge = (
                    'Basic realm="alarm-fatigue", charset="UTF-8", Bearer realm="alarm-fatigue"'
                )
                return web.Response(
                    text="a token is needed\n", status=401, headers={"WWW-Authenticate": challenge}
                )
        if getattr(request.protocol, "probes_only", False) and request.path not in OPEN_PATHS:
            refusals.count("busy")
            return _refused("all connections are busy\n", 503, {"Retry-After": "5"})
        # aiohttp would answer 404
        if request.method == "CONNECT" or request.path == "*":
            raise web.HTTPMethodNotAllowed(request.method, ALLOWED)
        is_form = request.path == TAKE and request.method == "POST"
        if request.body_exists and not is_form and request.match_info.http_exception is None:
            refusals.count("malformed")
            return _refused("expected no request body\n", 413)
        return await handler(request)

    async def head(request: web.Request, response: web.StreamResponse) -> None:
        for name, value in HEADERS.items():
            response.headers[name] = value
        if request.path == TAKE:
            response.headers["Content-Security-Policy"] = FORM_POLICY
        response.headers.setdefault("Cache-Control", "no-store")

    application.middlewares.append(middleware)
    application.on_response_prepare.append(head)


def _refused(text: str, status: int, headers: dict[str, str] | None = None) -> web.Response:
    response = web.Response(text=text, status=status, headers=headers)
    response.force_close()
    return response


def _names_asked(request: web.Request) -> set[str] | None:
    """The host names that a request is addressed to, without brackets; None if malformed.

    They come from the header Host and from an absolute target. HTTP/1.0 allows requests without a
    name, but browsers do not send them.
    """
    shown = request.headers.getall("Host", [])
    if len(shown) > 1 or (not shown and request.version >= (1, 1)):
        return None
    target = request._message.url  # aiohttp drops all but path and query
    if target.absolute:
        shown = [*shown, target.raw_authority]
    names = set()
    for one in shown:
        found = _HOST.fullmatch(one.strip())
        if found is None or int(found[2] or 0) > 65535:
            return None
        names.add(found[1].strip("[]").lower())
    return names


def _shows(authorization: str, token: str) -> bool:
    scheme, _, shown = authorization.partition(" ")
    if scheme.lower() == "basic":
        try:
            shown = b64decode(shown.strip(), validate=True).decode().partition(":")[2]
        except (NotBase64, UnicodeDecodeError, ValueError):
            return False
    elif scheme.lower() != "bearer":
        return False
    # aiohttp decodes headers with surrogates for bytes that are not UTF-8.
    return hmac.compare_digest(shown.strip().encode(errors="surrogateescape"), token.encode())
