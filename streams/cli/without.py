"""Imports libraries without the parts that a command does not use."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def without(*names: str) -> Iterator[None]:
    """Let imports within find none of the top-level modules `names`, unless they are loaded.

    Only for modules that those who import them can do without. Afterwards they can be imported.
    """
    absent = [name for name in names if name not in sys.modules]
    modules: dict[str, object] = sys.modules  # type: ignore[assignment]
    modules |= dict.fromkeys(absent)  # Python's mark for a module that is not to be found
    try:
        yield
    finally:
        for name in absent:
            if modules.get(name, name) is None:
                del modules[name]


@contextmanager
def without_authorities() -> Iterator[None]:
    """Let TLS contexts made within trust no certificate authority of this machine.

    aiohttp makes its default contexts when it is imported, and reads all certificates for each.
    Only for commands without a client of aiohttp: theirs would refuse every server's certificate.
    """
    places = ("SSL_CERT_FILE", "SSL_CERT_DIR")  # OpenSSL's own variables
    before = {place: os.environ.get(place) for place in places}
    os.environ.update(dict.fromkeys(places, os.devnull))
    try:
        yield
    finally:
        for place, value in before.items():
            if value is None:
                del os.environ[place]
            else:
                os.environ[place] = value
