"""Sealing: the stored state is encrypted, because it holds clear ids of clinicians and beds.

A value is sealed with AES-256-GCM under a key that is derived from the key of the pseudonyms. The
record's key is authenticated with it, so no value can stand in another one's place. A sealed value
begins with a mark and the id of the key; state that was stored in clear begins otherwise, and is
still read.
"""

from __future__ import annotations

import hmac
import os
from collections.abc import Iterable, Mapping

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from streams.formats.pseudonyms import KEY_ID_DIGITS, key_id
from streams.partitions.checkpoint import RECOMPUTE, CheckpointError, Pair

_MARK = b"AFS1"
_NONCE = 12
"""Bytes. Random ones may be used for 2^32 values of one key (NIST SP 800-38D, section 8.3): a
worker that stores 1,000 shards in 5 s needs eight months for so many, and a fleet a new key in that
time. A collision would give away two shards to whoever can read the topic.
"""
_HEAD = len(_MARK) + KEY_ID_DIGITS
_NAME = 16
"""Bytes of a name: two of a million records share one with odds of 1 in 10^26."""


class Opened(dict[bytes, bytes]):
    """Records by key; `outdated` if some were stored in another way than they would be now, in
    clear or with another key.
    """

    outdated = False


class Sealing:
    """Seals with `key`, if there is one, and opens what was sealed with any of `others` too."""

    def __init__(self, key: bytes | None = None, others: Iterable[bytes] = ()) -> None:
        self._seals = None if key is None else (_head(key), _cipher(key))
        self._names = (
            None if key is None else hmac.digest(key, b"alarm-fatigue: names of records", "sha256")
        )
        known = [*([] if key is None else [key]), *others]
        self._opens = {_head(one): _cipher(one) for one in known}

    def name(self, key: bytes) -> bytes:
        """The key under which a record is stored: a keyed hash, so that the key cannot be read, or
        the key itself where state is stored in clear.
        """
        if self._names is None:
            return key
        return hmac.digest(self._names, key, "sha256")[:_NAME].hex().encode()

    def sealed(self, records: list[Pair]) -> list[Pair]:
        """The records with their values sealed; deletions stay as they are."""
        if self._seals is None:
            return records
        head, cipher = self._seals
        found: list[Pair] = []
        for key, value in records:
            if value is not None:
                nonce = os.urandom(_NONCE)
                value = head + nonce + cipher.encrypt(nonce, value, key)
            found.append((key, value))
        return found

    def opened(
        self, stored: Mapping[bytes, bytes], offsets: Mapping[bytes, int] | None = None
    ) -> Opened:
        """The records as they were before `sealed`. `offsets` say where they are in the topic.

        A damaged value stays as it is, which no reader takes for state. Records of another key are
        left out if a manifest that can be opened follows all manifests that cannot: a rotation
        leaves them until they are deleted. Raises `CheckpointError` if none does.
        """
        head = _MARK if self._seals is None else self._seals[0]
        closed = {key for key, value in stored.items() if self._is_closed(value)}
        found = Opened(
            {key: self._opened(key, value) for key, value in stored.items() if key not in closed}
        )
        found.outdated = any(
            value.startswith(head) == (self._seals is None) for value in stored.values()
        )
        if closed:
            last = max(closed, key=lambda key: (_is_manifest(key), (offsets or {}).get(key, 0)))
            ours = [(offsets or {}).get(key, 0) for key in found if _is_manifest(key)]
            if not ours or (_is_manifest(last) and max(ours) <= (offsets or {}).get(last, 0)):
                raise CheckpointError(_unknown(stored[last][:_HEAD], self._opens), last)
        return found

    def _is_closed(self, value: bytes) -> bool:
        return value.startswith(_MARK) and value[:_HEAD] not in self._opens

    def _opened(self, key: bytes, value: bytes) -> bytes:
        if not value.startswith(_MARK):
            return value
        head, rest = value[:_HEAD], value[_HEAD:]
        try:
            return self._opens[head].decrypt(rest[:_NONCE], rest[_NONCE:], key)
        except (InvalidTag, ValueError):
            return value


def _is_manifest(key: bytes) -> bool:
    return key.startswith(b'["manifest"')


def _unknown(head: bytes, known: Iterable[bytes]) -> str:
    name = head[len(_MARK) :].decode(errors="replace")
    here = ", ".join(one[len(_MARK) :].decode() for one in known) or "none"
    return (
        f"the stored state was sealed with another pseudonym key (id {name}; here: {here}): give "
        f"that key as pseudonym_key_file, or as pseudonym_previous_key_file if it was replaced, or "
        f"{RECOMPUTE}"
    )


def _head(key: bytes) -> bytes:
    return _MARK + key_id(key).encode()


def _cipher(key: bytes) -> AESGCM:
    return AESGCM(hmac.digest(key, b"alarm-fatigue: sealing of the stored state", "sha256"))


CLEAR = Sealing()
"""Seals nothing."""
