"""Hourly totals of the board History: the recording rules, evaluated over the blocks of `past`.

`python -m grafana.preview.hours FOLDER END` adds blocks to FOLDER, up to END (seconds since 1970).
Rules are evaluated in levels, each of which uses only records of earlier levels. They have values
only on the hour, so they are evaluated there.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import yaml

from grafana.preview.past import LONG, PAST
from streams.dev.broker import free_port

RULES = Path("deploy/prometheus/rules/history.yml")
Rule = dict[str, str]
_HOUR = 3600


def levels(rules: list[Rule]) -> list[list[Rule]]:
    """The rules by level: a rule uses only records of earlier levels."""
    level: dict[str, int] = {}
    for rule in rules:
        used = [number for name, number in level.items() if name in rule["expr"]]
        level[rule["record"]] = max(used, default=-1) + 1
    return [
        [rule for rule in rules if level[rule["record"]] == number]
        for number in range(max(level.values()) + 1)
    ]


@contextmanager
def serving(folder: Path, scratch: Path) -> Iterator[str]:
    """A Prometheus that serves the blocks; gives its address."""
    config = scratch / "prometheus.yml"
    config.touch()
    url = f"http://127.0.0.1:{free_port()}"
    process = subprocess.Popen(
        [
            "prometheus",
            f"--config.file={config}",
            f"--storage.tsdb.path={folder}",
            "--storage.tsdb.retention.time=60d",
            f"--web.listen-address={url.removeprefix('http://')}",
        ],
        stderr=subprocess.DEVNULL,
    )
    try:
        while True:
            try:
                urllib.request.urlopen(f"{url}/-/ready").close()
                break
            except urllib.error.URLError:
                time.sleep(0.1)
        yield url
    finally:
        process.terminate()
        process.wait()


def evaluated(url: str, rule: Rule, first: int, last: int) -> Iterator[str]:
    """The samples of a rule on each hour, as lines of OpenMetrics."""
    asked = {"query": rule["expr"], "start": first, "end": last, "step": _HOUR}
    with urllib.request.urlopen(f"{url}/api/v1/query_range?{urllib.parse.urlencode(asked)}") as got:
        series = json.load(got)["data"]["result"]
    for one in series:
        of = {name: value for name, value in one["metric"].items() if name != "__name__"}
        labels = ",".join(f"{name}={json.dumps(value)}" for name, value in of.items())
        for at, value in one["values"]:
            yield f"{rule['record']}{{{labels}}} {value} {at}\n"


def main(folder: Path, end: int) -> None:
    last = end // _HOUR * _HOUR
    first = last - PAST // 1000 // _HOUR * _HOUR
    for rules in levels(yaml.safe_load(RULES.read_text())["groups"][0]["rules"]):
        with TemporaryDirectory() as scratch:
            path = Path(scratch, "totals.openmetrics")
            with serving(folder, Path(scratch)) as url, path.open("w") as file:
                for rule in rules:
                    file.writelines(evaluated(url, rule, first, last))
                file.write("# EOF\n")
            subprocess.run(
                ["promtool", "tsdb", "create-blocks-from", LONG, "openmetrics", path, folder],
                check=True,
                stdout=subprocess.DEVNULL,
            )


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
