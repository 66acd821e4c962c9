"""`python -m reference`: write the reference pages, the pictures and the OpenAPI file, from the
tables and structs that the program itself uses.
"""

from __future__ import annotations

from pathlib import Path

from reference import (
    alertmanager,
    alerts,
    incident,
    interface,
    library,
    metrics,
    pictures,
    settings,
    topics,
)

ROOT = Path(__file__).parent.parent
PAGES = ROOT / "docs" / "reference"
PICTURES = PAGES.parent / "pictures"
CHART = ROOT / "deploy" / "helm" / "alarm-fatigue" / "files" / "alertmanager.yaml"
OPENAPI = ROOT / "streams" / "http" / "site" / "openapi.json"


def rendered() -> dict[str, str]:
    """The files of `PAGES`, by name."""
    return {
        "metrics.md": metrics.page(),
        "settings.md": settings.page(),
        "topics.md": topics.page(),
        "alerts.md": alerts.page(),
        "library.md": library.page(),
    }


def drawn() -> dict[str, str]:
    """The generated files of `PICTURES`, by name."""
    return {
        "overload-states.svg": pictures.overload_states(),
        "incident.svg": incident.picture(),
    }


def main() -> None:
    pages = rendered()
    PAGES.mkdir(exist_ok=True)
    for path in PAGES.glob("*.md"):
        if path.name not in pages:
            path.unlink()
    for name, text in pages.items():
        (PAGES / name).write_text(text)
    for name, text in drawn().items():
        (PICTURES / name).write_text(text)
    OPENAPI.write_text(interface.text())
    CHART.write_text(alertmanager.text())


if __name__ == "__main__":
    main()
