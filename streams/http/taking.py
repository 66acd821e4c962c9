"""/take: the web page on which somebody who was paged takes the page, keeps it or hands it back.

Plain HTML without scripts, for any phone. GET and HEAD change nothing, because messengers and
scanners open links on their own; only the buttons do.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from importlib.resources import files
from typing import Any
from urllib.parse import parse_qsl

from aiohttp import web
from faust.web import View

from streams.http import site, visits
from streams.http.refusals import Refusals
from streams.paging.links import PATH, STYLE, ExpiredError, ForgedError, Link, Signer
from streams.paging.ownership import Ownership, Standing
from streams.paging.silences import AlertmanagerError
from streams.paging.takings import LONGEST_REACH
from streams.paging.tiers import ROLES, TIERS
from streams.paging.words import (
    GROUP_MINUTES,
    Clock,
    again_words,
    capital,
    had_words,
    has_words,
    next_words,
)

LARGEST = 4096  # bytes of a form
BODY_SECONDS = 10.0  # within which a form must have come
SPANS = {"30": 30 * 60.0, "60": 60 * 60.0}
"""How long a page can be taken, in seconds; and to the end of the shift."""
SHIFT = "shift"

_SPAN_WORDS = {"30": "30 min", "60": "1 h", SHIFT: "this shift"}


class FormError(ValueError):
    """A form that our page did not send."""


@dataclass(frozen=True, slots=True)
class Form:
    """`action`: take, keep or return."""

    action: str
    role: str
    span: str
    reach: str

    @classmethod
    def of(cls, body: bytes) -> Form:
        """Raises `FormError`."""
        try:
            given = dict(parse_qsl(body.decode(), keep_blank_values=True, strict_parsing=True))
        except ValueError:
            raise FormError("expected the form of this page") from None
        action, role = given.get("action", ""), given.get("role", "other")
        span = given.get("span", "30")
        if action not in ("take", "keep", "return") or role not in ROLES or span not in _SPAN_WORDS:
            raise FormError("expected the form of this page")
        reach = " ".join(
            "".join(c if c.isprintable() else " " for c in given.get("reach", "")).split()
        )
        return cls(action, role, span, reach[:LONGEST_REACH])


class Takes(View):  # type: ignore[misc]  # Faust gives it no types
    """GET, HEAD and POST by one handler."""

    async def post(self, request: Any, **more: Any) -> Any:
        return await self.get(request, **more)


def add_taking(app: Any, ownership: Ownership, signer: Signer, refusals: Refusals) -> None:
    """Serve the page behind the links that `signer` made."""
    counter = Counter(ownership, signer, refusals)
    style = files(site.__name__).joinpath("take.css").read_bytes()

    @app.page(PATH, base=Takes)  # type: ignore[untyped-decorator]
    async def take(_page: Any, request: web.Request) -> web.Response:
        return await counter.answer(request)

    @app.page(STYLE)  # type: ignore[untyped-decorator]
    async def take_style(_page: Any, _request: Any) -> web.Response:
        return web.Response(body=style, content_type="text/css", charset="utf-8")


class Counter:
    """Answers the requests."""

    def __init__(self, ownership: Ownership, signer: Signer, refusals: Refusals) -> None:
        self._ownership = ownership
        self._signer = signer
        self._refusals = refusals

    async def answer(self, request: web.Request) -> web.Response:
        try:
            link = self._signer.read(_only(request.query), self._ownership.now())
        except ForgedError:
            self._refusals.count("forged_link")
            return _said(
                403,
                "This link is not valid",
                "It is incomplete, or it did not come from a page of ours. Open the link in the "
                "message again, whole.",
            )
        except ExpiredError:
            self._refusals.count("expired_link")
            return _said(
                410,
                "This link has expired",
                "It was sent too long ago. If the overload goes on, the next message has a new "
                "link.",
            )
        visits.current().about(link.facility, link.unit)
        try:
            if request.method == "POST":
                return await self._act(link, request)
            return self._shown(link, await self._ownership.look(link.facility, link.unit))
        except FormError as error:
            return _said(400, "That did not work", f"{capital(str(error))}. Open the link again.")
        except AlertmanagerError:
            return _said(
                503,
                "Nothing was changed",
                "Alertmanager does not answer, so it is not known who has this page. Try again, or "
                "call whoever is paged next.",
            )

    async def _act(self, link: Link, request: web.Request) -> web.Response:
        if request.content_length is None or request.content_length > LARGEST:
            raise FormError("expected the form of this page")
        try:
            async with asyncio.timeout(BODY_SECONDS):
                form = Form.of(await request.read())
        except TimeoutError:
            raise FormError("the form did not arrive in time") from None
        until = self._until(form.span, self._ownership.clock(link.facility))
        if form.action == "take":
            await self._ownership.take(link, form.role, form.reach, until)
        elif form.action == "keep":
            await self._ownership.keep(link, until)
        else:
            await self._ownership.hand_back(link)
        visit = visits.current()
        visit.event = "page"
        visit.asked = {"action": form.action, "role": form.role, "tier": link.tier, "until": until}
        # See Other: going back or reloading asks for the page again, and sends no form twice.
        where = f"{PATH.lstrip('/')}?{self._signer.query(link)}"
        return web.Response(status=303, headers={"Location": where})

    def _until(self, span: str, clock: Clock) -> float:
        now = self._ownership.now()
        if span == SHIFT:
            return clock.shift_end(now)
        return now + SPANS[span]

    def _shown(self, link: Link, found: Standing) -> web.Response:
        clock, now = self._ownership.clock(link.facility), self._ownership.now()
        place = f"{link.unit}, {link.facility}"
        if found.since is None and found.taking is None:
            return _said(200, place, "The overload is over. There is nothing to take.")
        parts = [
            f"<p>Overloaded since <b>{escape(clock.date_and_time(found.since))}</b>.</p>"
            if found.since is not None
            else "<p>The overload is over.</p>"
        ]
        if found.taking is not None:
            parts += self._held(found, clock, now)
        else:
            parts += self._free(link, found, clock, now)
        return _page(200, place, "\n".join(parts))

    def _held(self, found: Standing, clock: Clock, now: float) -> list[str]:
        one = found.taking
        assert one is not None
        reach = f" Reach: {escape(one.reach)}." if one.reach else ""
        return [
            f'<p class="has" role="status"><strong>{escape(capital(has_words(one, clock, now)))}.'
            f"</strong>{reach}</p>",
            "<p>If it goes on longer than that, those who were not called yet are paged.</p>",
            *(
                []
                if found.since is None
                else [
                    '<form method="post"><h2>Keep it for longer</h2>',
                    self._spans(clock, "60"),
                    '<button name="action" value="keep">Keep it</button></form>',
                ]
            ),
            '<form method="post"><h2>Hand it back</h2>',
            f"<p>Those who were not called yet are then paged within {GROUP_MINUTES} min.</p>",
            '<button name="action" value="return" class="back">I hand it back</button></form>',
        ]

    def _free(self, link: Link, found: Standing, clock: Clock, now: float) -> list[str]:
        assert found.since is not None
        alert = max(
            (one for one in TIERS if one.alert in found.fired), key=lambda one: one.after
        ).alert
        before = (
            []
            if found.before is None
            else [f"<p>{escape(capital(had_words(found.before, clock, now)))}.</p>"]
        )
        coming = (
            next_words(alert, found.since, clock) if found.before is None else again_words(alert)
        )
        return [
            *before,
            *([] if coming is None else [f"<p>{escape(capital(coming))}</p>"]),
            '<form method="post">',
            '<label class="field">Who takes it?'
            f'<select name="role">{_roles(link.role)}</select></label>',
            self._spans(clock, "30"),
            '<label class="field">How to reach you (optional)'
            f'<input name="reach" maxlength="{LONGEST_REACH}" autocomplete="off"></label>',
            '<button name="action" value="take">I take it</button>',
            "</form>",
            '<p class="note">Until then, nobody else is called for this unit. You will be '
            "notified when the overload is over. No alarm and no device is changed. If your own "
            "load is too high, do not take it: leave it to whoever can bring help.</p>",
            '<p class="note">How to reach you is shown only to those who have this link, and in '
            "Alertmanager. The page and the boards show the role.</p>",
        ]

    def _spans(self, clock: Clock, chosen: str) -> str:
        choices = "".join(
            f'<label class="choice"><input type="radio" name="span" value="{span}"'
            f"{' checked' if span == chosen else ''}>"
            f"<span>{words}<br><small>until {clock.time(self._until(span, clock))}</small></span>"
            "</label>"
            for span, words in _SPAN_WORDS.items()
        )
        return (
            f'<fieldset><legend>For how long?</legend><div class="row">{choices}</div></fieldset>'
        )


def _only(query: Any) -> Mapping[str, str]:
    """Each parameter once. Raises `ForgedError`."""
    given = dict(query.items())
    if len(given) != len(query):
        raise ForgedError("expected each parameter once")
    return given


def _roles(chosen: str) -> str:
    return "".join(
        f'<option value="{role}"{" selected" if role == chosen else ""}>{words}</option>'
        for role, words in ROLES.items()
    )


def _said(status: int, title: str, text: str) -> web.Response:
    return _page(status, title, f"<p>{escape(text)}</p>")


def _page(status: int, title: str, body: str) -> web.Response:
    text = f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>{escape(title)}: taking a page</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="{STYLE.lstrip("/")}">
</head>
<body>
<main>
<h1>{escape(title)}</h1>
{body}
</main>
</body>
</html>
"""
    return web.Response(status=status, text=text, content_type="text/html", charset="utf-8")
