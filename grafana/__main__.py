"""`python -m grafana`: write the JSON of every board, as Grafana provisions it."""

from __future__ import annotations

import json
from pathlib import Path

from grafana_foundation_sdk.cog.encoder import JSONEncoder

from grafana import alarm_types, clinician, history, hospital, pipeline, unit

DASHBOARDS = Path(__file__).parent / "dashboards"


def rendered() -> dict[str, bytes]:
    """The files of `DASHBOARDS`, by name."""
    built = [
        module.board().build()
        for module in (hospital, unit, clinician, alarm_types, pipeline, history)
    ]
    return {
        f"{one.uid}.json": (
            json.dumps(one, cls=JSONEncoder, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
        ).encode()
        for one in built
    }


def main() -> None:
    files = rendered()
    for path in DASHBOARDS.glob("*.json"):
        if path.name not in files:
            path.unlink()
    for name, content in files.items():
        (DASHBOARDS / name).write_bytes(content)


if __name__ == "__main__":
    main()
