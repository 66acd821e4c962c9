"""Identity: the alert that a message is about, from OBR-29 and OBR-3 in their various spellings."""

from __future__ import annotations

import re
from functools import lru_cache

from analyzer.hl7.profile import Profile
from analyzer.hl7.text import Segments, at, part, unescaped

_UUID = re.compile(
    r"(?:urn:uuid:)?\{?([0-9a-f]{8})-?([0-9a-f]{4})-?([0-9a-f]{4})-?([0-9a-f]{4})-?([0-9a-f]{12})\}?",
    re.IGNORECASE,
)
_EUI = re.compile(r"[0-9a-f]{2}(?:[-:]?[0-9a-f]{2}){5,7}", re.IGNORECASE)
LONG_ID = 16


@lru_cache(maxsize=1 << 12)
def alert_id(text: str, component: str) -> str:
    """The id of an entity identifier; empty if it has none. EI.4 has many spellings.

    >>> alert_id("0^urn:uuid:DF041F5C-a3c9-11e9-8d8a-0050b612afeb^X^EUI64", "^")
    'df041f5c-a3c9-11e9-8d8a-0050b612afeb'
    >>> alert_id("7^PUMP^0012^EUI-64", "^"), alert_id("7^PUMP^0012^EUI64", "^")
    ('7^PUMP^0012', '7^PUMP^0012')
    """
    parts = [part(one) for one in text.split(component)]
    for one in parts[:2]:
        found = _UUID.fullmatch(one)
        if found is not None:
            return "-".join(found.groups()).lower()
    if len(parts[0]) >= LONG_ID:
        return parts[0]
    if len(parts) > 2 and _EUI.fullmatch(parts[2]) is not None:
        parts[2] = parts[2].replace("-", "").replace(":", "").lower()
    return "^".join(parts[:3]).rstrip("^")


def identity(obr: list[str], message: Segments, profile: Profile) -> tuple[str, bool]:
    """The alert's id, and whether it is that of an earlier message (OBR-29)."""
    signs = message.signs
    own = alert_id(at(obr, 3).split(signs.repetition)[0], signs.component)
    if profile.identity == "filler":
        return own, False
    said = at(obr, 29).split(signs.repetition)[0]
    if not said:
        return own, False
    if signs.escape in said:  # its separators may have been escaped on the way
        said = unescaped(said, signs, message.codec)
    parents = said.split(signs.component)
    if len(parents) > 2:  # an entity identifier with the separators of OBR-3
        parents = [signs.sub.join(parents[1:] if not parents[0] else parents)]
    for one in parents[1:2] + parents[:1]:
        parent = alert_id(one, signs.sub)
        if parent:
            return (parent, True) if parent != own else (own, False)
    return own, False
