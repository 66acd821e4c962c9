"""Names: the host names under which a worker answers.

A foreign page in a reader's browser can point its own host name to a worker's address and ask under
that name (DNS rebinding). It cannot make the browser send another name, so a worker that answers to
its own names alone answers no such page. It cannot do so with a literal address either: a browser
takes that for the address itself.
"""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Collection, Iterable

from streams.settings import LOOPBACK, WebSettings

_HOST = re.compile(
    r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._~%!$&'()*+,;=-]+)(?::([0-9]{1,5})?)?", re.ASCII
)
"""RFC 9110, 7.2, with RFC 3986's `host`: a name or an address, and optionally a port."""


def asked_names(shown: Iterable[str]) -> set[str] | None:
    """The host names of headers, without brackets, ports and a final dot; None if malformed.

    >>> asked_names(["[::1]:9464"]), asked_names(["Worker.example.:80"]), asked_names(["a b"])
    ({'::1'}, {'worker.example'}, None)
    """
    names = set()
    for one in shown:
        found = _HOST.fullmatch(one.strip())
        if found is None or int(found[2] or 0) > 65535:
            return None
        names.add(found[1].strip("[]").lower().removesuffix("."))
    return names


class allowed_names:  # noqa: N801  # reads as a predicate
    """Whether a worker answers under all of some names.

    Always allowed are loopback, the address that it serves on, `web.names`, and `linked`, the host
    of links in pages. Without `web.names`, a worker on another address than loopback also answers
    to this machine's name and to literal addresses, by which probes and scrapers reach it.
    """

    def __init__(self, settings: WebSettings, linked: str | None = None) -> None:
        self._names = {one.lower() for one in (settings.host, *LOOPBACK, *settings.names)}
        self._names |= {linked.lower()} if linked else set()
        self._addresses = not settings.is_local and not settings.names
        if self._addresses:
            self._names.add(socket.gethostname().lower())

    def __call__(self, asked: Collection[str]) -> bool:
        return all(one in self._names or (self._addresses and _is_address(one)) for one in asked)


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
