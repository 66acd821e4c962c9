"""Answers: a JSON document ready to be sent, and the errors for requests without an answer."""

from __future__ import annotations

import gzip
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

from streams.formats.codec import to_json

_GZIP_FROM = 1024  # bytes


class QueryError(ValueError):
    """An invalid query: one line."""


class NotHere(LookupError):
    """This worker does not show the named unit or facility: one line."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A document, plain and compressed, and its entity tag."""

    body: bytes
    compressed: bytes
    etag: str
    names: frozenset[str] = frozenset()
    """The clinicians in it, as they are shown."""

    @classmethod
    def of(cls, document: Any, names: Iterable[str] = ()) -> Answer:
        body = to_json(document) + b"\n"
        compressed = gzip.compress(body, 1, mtime=0) if len(body) >= _GZIP_FROM else b""
        return cls(
            body, compressed, f'"{blake2b(body, digest_size=12).hexdigest()}"', frozenset(names)
        )
