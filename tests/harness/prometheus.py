"""The real Prometheus, for tests: it scrapes with the configuration that we ship and
answers PromQL.
"""

from __future__ import annotations

import json
import subprocess
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from streams.dev.broker import free_port
from tests.harness.needs import need

CONFIGURATION = Path(__file__).parents[2] / "deploy" / "prometheus" / "prometheus.yml"
Labels = tuple[tuple[str, str], ...]


class Refused(Exception):
    """The query, and what Prometheus says of it."""


class Prometheus:
    """A server on loopback with the shipped configuration. `targets` by job: `host:port`; jobs
    without one are left out.

    `rules`: files to evaluate, once a second as the scrapes; without any there are no alerts.
    `sample_limit`: instead of the shipped one. `more`: jobs that are not shipped, by name.
    `keep`: for how long, such as `90d`.
    """

    def __init__(
        self,
        folder: Path,
        targets: Mapping[str, str],
        rules: list[Path] | None = None,
        sample_limit: int | None = None,
        more: Mapping[str, str] | None = None,
        keep: str = "15d",
    ) -> None:
        config = yaml.safe_load(CONFIGURATION.read_text())
        jobs = [
            # workers of tests ask for no token
            {name: of for name, of in job.items() if name != "authorization"}
            | {"static_configs": [{"targets": [targets[job["job_name"]]]}]}
            for job in config["scrape_configs"]
            if job["job_name"] in targets
        ]
        jobs += [
            {"job_name": name, "static_configs": [{"targets": [target]}]}
            for name, target in (more or {}).items()
        ]
        if sample_limit is not None:
            jobs = [job | {"sample_limit": sample_limit} for job in jobs]
        config["global"] |= {
            "scrape_interval": "1s",
            "scrape_timeout": "1s",
            "evaluation_interval": "1s",
        }
        config |= {"scrape_configs": jobs, "rule_files": [str(one) for one in rules or []]}
        del config["alerting"]
        path = folder / "prometheus.yml"
        path.write_text(yaml.safe_dump(config))
        self.address = f"127.0.0.1:{free_port()}"
        command = [
            need("prometheus"),
            f"--config.file={path}",
            f"--storage.tsdb.path={folder / 'tsdb'}",
            f"--storage.tsdb.retention.time={keep}",
            f"--web.listen-address={self.address}",
        ]
        self._process = subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )

    def query(self, expression: str) -> dict[Labels, float]:
        """The instant vector's values by their labels, but for those that Prometheus adds.

        Empty while the server does not answer.
        """
        try:
            found = self.ask("query", query=expression)
        except OSError:
            return {}
        ours = [
            (
                {
                    k: v
                    for k, v in one["metric"].items()
                    if k not in ("__name__", "job", "instance")
                },
                one["value"][1],
            )
            for one in found
        ]
        return {tuple(sorted(labels.items())): float(value) for labels, value in ours}

    def ask(self, what: str, **parameters: str | float) -> list[Any]:
        """The result of an endpoint of the query API, `query` or `query_range`.

        Raises `Refused`, or `OSError` while the server does not answer.
        """
        url = f"http://{self.address}/api/v1/{what}?" + urllib.parse.urlencode(parameters)
        try:
            with urllib.request.urlopen(url, timeout=10) as answer:
                result: list[Any] = json.load(answer)["data"]["result"]
                return result
        except urllib.error.HTTPError as error:
            if error.code == 503:  # still starting
                raise
            raise Refused(f"{parameters['query']}: {error.read().decode()}") from None

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait()
