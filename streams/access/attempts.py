"""Attempts: how often one address may present credentials that are not valid.

Each address has a few attempts at once, and gets one back every few seconds. An address without
attempts left is refused before its credentials are looked at, so that guessing is slow.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable

AT_ONCE = 10
"""Attempts of an address: a person who mistypes, or a scraper whose token was just replaced."""
EVERY_SECONDS = 6.0
"""One more attempt in this time, ten a minute: 2^-100 of the tokens of 32 hex digits a century."""
MOST_ADDRESSES = 10_000
"""Addresses that are remembered, 1 to 2 MB. Beyond them, the one that failed longest ago goes."""


class Attempts:
    """The failed attempts by address (see `streams.http.bounded_site.address_of`). `clock` in s."""

    def __init__(
        self,
        at_once: int = AT_ONCE,
        every: float = EVERY_SECONDS,
        most: int = MOST_ADDRESSES,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._at_once = at_once
        self._every = every
        self._most = most
        self._clock = clock
        self._full_at: OrderedDict[str, float] = OrderedDict()
        """By address, in the order of the last failure: when all its attempts are back."""

    def __len__(self) -> int:
        return len(self._full_at)

    def wait(self, address: str) -> float:
        """Seconds until the address has an attempt; 0: it has one."""
        missing = self._full_at.get(address, 0.0) - self._clock()
        return max(missing - (self._at_once - 1) * self._every, 0.0)

    def failed(self, address: str) -> None:
        now = self._clock()
        self._full_at[address] = max(self._full_at.pop(address, now), now) + self._every
        if len(self._full_at) > self._most:
            self._full_at.popitem(last=False)
