"""Readers of a worker by name, each with a token file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from streams.access_settings import TokenSettings

READERS: dict[str, dict[str, Any]] = {
    "prometheus": {"role": "metrics"},
    "nurse": {"role": "viewer"},
    "biomed": {"role": "tuner"},
    "office": {"role": "admin"},
    "micu": {"role": "tuner", "facility": "H01", "unit": "MICU"},
    "two": {"role": "viewer", "facility": "H01", "unit": ["MICU", "PICU"]},
    "h01": {"role": "admin", "facility": "H01"},
    "scrape-micu": {"role": "metrics", "facility": "H01", "unit": "MICU"},
}


def token(name: str) -> str:
    return f"the-token-of-{name}-0123456789"


def tokens(folder: Path) -> dict[str, TokenSettings]:
    found = {}
    for name, grant in READERS.items():
        file = folder / name
        file.write_text(token(name) + "\n")
        file.chmod(0o600)
        found[name] = TokenSettings(file=file, **grant)
    return found
