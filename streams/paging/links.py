"""Links: signed addresses in pages with which the reader can take the page, for a limited time.

Only the signature gives the right to do so; there is no account and no cookie. So a foreign web
page in the same browser cannot misuse it, and the person who was paged acts with one tap. A link
names a unit and a tier, and no person.
"""

from __future__ import annotations

import hmac
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

from streams.paging.tiers import TIERS
from streams.settings import SettingsError

PATH, STYLE = "/take", "/take.css"
LEAST_KEY = 32  # bytes
_SIGNATURE = 16  # bytes of HMAC-SHA256: 128 bits cannot be guessed, and a page stays short
_PURPOSE = b"alarm-fatigue take 1\0"
"""Distinguishes links from anything else that the key may sign."""
_PARAMETERS = ("f", "u", "t", "e", "s")
_LONGEST = 1024  # characters of one parameter


class ForgedError(ValueError):
    """A link without a valid signature: forged, changed or cut off."""


class ExpiredError(ValueError):
    """A genuine link that has expired."""


@dataclass(frozen=True, slots=True)
class Link:
    """The right to take the pages of one unit. `tier`: the recipient's index in `TIERS`; `expires`:
    seconds since the epoch.
    """

    facility: str
    unit: str
    tier: int
    expires: int

    @property
    def role(self) -> str:
        return TIERS[self.tier].role


class Signer:
    """Makes and checks links with one key."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def query(self, link: Link) -> str:
        """The link's query, without the question mark."""
        given = (link.facility, link.unit, str(link.tier), format(link.expires, "x"))
        return urlencode(dict(zip(_PARAMETERS, (*given, self._signature(given)), strict=True)))

    def url(self, base: str, link: Link) -> str:
        """The address of a link. `base`: the address of the worker's web server."""
        return f"{base.rstrip('/')}{PATH}?{self.query(link)}"

    def read(self, query: Mapping[str, str], now: float) -> Link:
        """The link of a request. Raises `ForgedError`, `ExpiredError`."""
        if set(query.keys()) != set(_PARAMETERS) or len(query) != len(_PARAMETERS):
            raise ForgedError("expected the whole link")
        *given, signature = (query[name] for name in _PARAMETERS)
        if any(len(one) > _LONGEST for one in given) or not hmac.compare_digest(
            signature.encode(errors="replace"), self._signature(given).encode()
        ):
            raise ForgedError("the signature is not ours")
        link = Link(given[0], given[1], int(given[2]), int(given[3], 16))
        if now >= link.expires:
            raise ExpiredError("the link's time is over")
        return link

    def _signature(self, given: tuple[str, ...] | list[str]) -> str:
        # Each part with its length, so that no two links are signed as one.
        parts = [one.encode(errors="surrogatepass") for one in given]
        said = b"".join(len(part).to_bytes(4, "big") + part for part in parts)
        digest = hmac.new(self._key, _PURPOSE + said, "sha256").digest()[:_SIGNATURE]
        return urlsafe_b64encode(digest).rstrip(b"=").decode()


def signer_of(key_file: Path | None) -> Signer | None:
    """None: no key is configured. Raises `SettingsError`."""
    if key_file is None:
        return None
    place = f"paging.key_file: {key_file}"
    try:
        key = key_file.read_bytes().strip()
    except OSError as error:
        raise SettingsError(f"{place}: {error.strerror}") from None
    if len(key) < LEAST_KEY:
        raise SettingsError(
            f"{place}: expected {LEAST_KEY} bytes or more, such as `openssl rand -hex 32` makes"
        )
    return Signer(key)
