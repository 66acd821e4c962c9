"""Untrusted text on a terminal: what a device, a producer or a server wrote must not control it."""

from __future__ import annotations

import unicodedata


def printable(text: str) -> str:
    """`text` in one line that cannot control a terminal or look like several lines.

    >>> printable("bed 1\\x1b[2J"), printable("ICU\\nTake this page: no"), printable("90 %")
    ('bed 1\\\\x1b[2J', 'ICU\\\\nTake this page: no', '90 %')
    """
    if text.isprintable():
        return text
    return "".join(
        one if one.isprintable() or unicodedata.category(one) == "Zs" else _escaped(one)
        for one in text
    )


def _escaped(one: str) -> str:
    return one.encode("unicode_escape").decode()
