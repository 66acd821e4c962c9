"""The page: the files served at `/`, and the description of the interface behind it
(`openapi.json`, written by `python -m reference`). They are served unchanged; there is no build.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import blake2b
from importlib.resources import files

VIEWS = ("/", "/unit", "/help")
"""Addresses of the page: the list of units, one unit (`?facility=..&unit=..`), and help. All are
one document, whose links are relative: it works behind a proxy under any path.
"""
_SCRIPTS = (
    "asking",
    "day",
    "draw",
    "glance",
    "limits",
    "list",
    "page",
    "people",
    "place",
    "unit",
    "week",
    "words",
    "workbench",
)
_FILES = {
    **dict.fromkeys(VIEWS, ("index.html", "text/html; charset=utf-8")),
    "/page.css": ("page.css", "text/css; charset=utf-8"),
    **{f"/{name}.js": (f"{name}.js", "text/javascript; charset=utf-8") for name in _SCRIPTS},
    "/icon.svg": ("icon.svg", "image/svg+xml"),
    "/api/v1/openapi.json": ("openapi.json", "application/json"),
}


@dataclass(frozen=True, slots=True)
class File:
    """A file that is served at `path`."""

    path: str
    type: str
    body: bytes
    etag: str


def page_files() -> Iterator[File]:
    for path, (name, type_) in _FILES.items():
        body = files(__name__).joinpath(name).read_bytes()
        yield File(path, type_, body, f'"{blake2b(body, digest_size=12).hexdigest()}"')
