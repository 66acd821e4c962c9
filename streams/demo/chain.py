"""Chain: Prometheus and Alertmanager as child processes on loopback, with the shipped files, in
fast motion.

These times are divided by `faster`: holds and ranges of rules, Alertmanager's grouping intervals,
and the heartbeat. The repeat interval of pages and the texts of alerts stay as they are.
"""

from __future__ import annotations

import copy
import re
import shutil
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from streams.dev import processes
from streams.dev.broker import HOST, free_port

DEPLOY = Path(__file__).resolve().parent.parent.parent / "deploy"
INSTALL = "apt-get install prometheus prometheus-alertmanager"
_PROMETHEUS, _ALERTMANAGER = ("prometheus",), ("prometheus-alertmanager", "alertmanager")
_GATEWAY = "http://pages:9095/"
_START_SECONDS = 20.0
_STOP_SECONDS = 5.0
_SECONDS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_DURATION = r"(?:\d+(?:ms|[smhdw]))+"


class ChainError(Exception):
    """Prometheus or Alertmanager cannot run: one line that includes the remedy."""


def shortened(duration: str, faster: float, least: float = 0.0) -> str:
    """A Prometheus duration divided by `faster`, but at least `least` seconds.

    >>> shortened("10m", 60), shortened("1h30m", 1), shortened("15s", 60, least=1)
    ('10000ms', '5400000ms', '1000ms')
    """
    seconds = sum(
        int(number) * _SECONDS[unit] for number, unit in re.findall(r"(\d+)(ms|[smhdw])", duration)
    )
    return f"{round(1000 * max(seconds / faster, least))}ms"


def accelerated_rules(content: Any, faster: float, interval: float) -> Any:
    """A rule file for evaluation every `interval` seconds. Ranges contain at least four
    intervals.
    """
    content = copy.deepcopy(content)
    for group in content["groups"]:
        group.pop("interval", None)
        for rule in group["rules"]:
            for name in {"for", "keep_firing_for"} & rule.keys():
                rule[name] = shortened(str(rule[name]), faster)
            rule["expr"] = _accelerated(rule["expr"], faster, interval)
    return content


def _accelerated(expression: str, faster: float, interval: float) -> str:
    """
    >>> _accelerated("count_over_time((up offset 1m)[1h:1m]) + rate(up[2m])", 60, 1)
    'count_over_time((up offset 1000ms)[60000ms:1000ms]) + rate(up[4000ms])'
    """
    found = re.sub(
        rf"\boffset ({_DURATION})",
        lambda one: f"offset {shortened(one[1], faster, interval)}",
        expression,
    )
    found = re.sub(
        rf":({_DURATION})\]", lambda one: f":{shortened(one[1], faster, interval)}]", found
    )
    return re.sub(
        rf"\[({_DURATION})(?=[:\]])",
        lambda one: f"[{shortened(one[1], faster, 4 * interval)}",
        found,
    )


def prometheus_config(
    content: Any, worker: str, itself: str, alertmanager: str, rules: str, interval: float
) -> Any:
    """The shipped configuration with other targets (HOST:PORT) that scrapes and evaluates every
    `interval` seconds.
    """
    content = copy.deepcopy(content)
    often = f"{round(1000 * interval)}ms"
    content["global"] |= {
        "scrape_interval": often,
        "scrape_timeout": often,
        "evaluation_interval": often,
    }
    content["rule_files"] = [rules]
    content["alerting"]["alertmanagers"] = [{"static_configs": [{"targets": [alertmanager]}]}]
    targets = {"alarm-fatigue": worker, "prometheus": itself, "alertmanager": alertmanager}
    for job in content["scrape_configs"]:
        job.pop("authorization", None)  # the demo's worker is on loopback and asks nobody
        job["static_configs"] = [{"targets": [targets[job["job_name"]]]}]
        job |= (
            {"scrape_interval": often, "scrape_timeout": often} if "scrape_interval" in job else {}
        )
    return content


def alertmanager_config(
    content: Any, gateway: str, secrets: Mapping[str, Path], templates: str, faster: float
) -> Any:
    """The shipped configuration with webhooks to `gateway` (http://HOST:PORT/), and `secrets` by
    name instead of those in /run/secrets.
    """
    content = copy.deepcopy(content)
    content["templates"] = [templates]
    routes = [content["route"]]
    while routes:
        route = routes.pop()
        routes += route.get("routes", [])
        times = {
            "group_wait",
            "group_interval",
            *(["repeat_interval"] if route["receiver"] == "dead-mans-switch" else []),
        }
        for name in times & route.keys():
            route[name] = shortened(route[name], faster, 0.0 if name == "group_wait" else 0.1)
    for receiver in content["receivers"]:
        for webhook in receiver.get("webhook_configs", []):
            webhook["url"] = webhook["url"].replace(_GATEWAY, gateway)
            webhook["http_config"] = {
                "authorization": {"credentials_file": str(secrets["paging_token"])}
            }
        for pagerduty in receiver.get("pagerduty_configs", []):
            pagerduty |= {
                "url": f"{gateway}pagerduty",
                "routing_key_file": str(secrets["pagerduty_routing_key"]),
            }
    return content


class Server:
    """A Prometheus or Alertmanager process, from its start until `stop`."""

    def __init__(self, name: str, command: list[str], folder: Path, port: int) -> None:
        self.address = f"{HOST}:{port}"
        self.name = name
        self._log = folder / f"{name}.log"
        self.process: subprocess.Popen[bytes] = processes.spawn(command, {}, self._log)
        try:
            self._wait_until_ready()
        except BaseException:
            self.stop()
            raise

    def check(self) -> None:
        """Raises `ChainError` if the process has ended."""
        if self.process.poll() is not None:
            last = processes.diagnostic_line(self._log.read_text(errors="replace"), mark="err=")
            raise ChainError(
                f"{self.name} exited with status {self.process.returncode}; its last log line: "
                f"{last}"
            )

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + _START_SECONDS
        while True:
            self.check()
            try:
                with urllib.request.urlopen(f"http://{self.address}/-/ready", timeout=2):
                    return
            except (urllib.error.URLError, OSError):
                if time.monotonic() > deadline:
                    raise ChainError(
                        f"{self.name} was not ready within {_START_SECONDS:.0f} s"
                    ) from None
            time.sleep(0.05)

    def stop(self) -> None:
        processes.end(self.process, _STOP_SECONDS)


def start_alertmanager(
    folder: Path, gateway: str, faster: float, token: str, external_url: str | None = None
) -> Server:
    """Alertmanager with the shipped configuration; its state goes to `folder`. `gateway`: see
    `alertmanager_config`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    secrets = {name: folder / name for name in ("paging_token", "pagerduty_routing_key")}
    for path in secrets.values():
        path.write_text(token)
        path.chmod(0o600)
    shipped = _shipped("alertmanager/alertmanager.yml")
    config = folder / "alertmanager.yml"
    templates = str(DEPLOY / "alertmanager" / "templates" / "*.tmpl")
    config.write_text(
        yaml.safe_dump(alertmanager_config(shipped, gateway, secrets, templates, faster))
    )
    port = free_port()
    command = [
        program(*_ALERTMANAGER),
        f"--config.file={config}",
        f"--storage.path={folder / 'alertmanager'}",
        f"--web.listen-address={HOST}:{port}",
        f"--web.external-url={external_url or f'http://{HOST}:{port}'}",
        "--cluster.listen-address=",
    ]
    return Server("Alertmanager", command, folder, port)


def start_prometheus(
    folder: Path, worker: str, alertmanager: str, faster: float, interval: float
) -> Server:
    """Prometheus with the shipped configuration and rules. `worker`, `alertmanager`: HOST:PORT."""
    (folder / "rules").mkdir(parents=True, exist_ok=True)
    for path in sorted((DEPLOY / "prometheus" / "rules").glob("*.yml")):
        accelerated = accelerated_rules(_shipped(f"prometheus/rules/{path.name}"), faster, interval)
        (folder / "rules" / path.name).write_text(yaml.safe_dump(accelerated))
    port = free_port()
    itself = f"{HOST}:{port}"
    shipped = _shipped("prometheus/prometheus.yml")
    config = folder / "prometheus.yml"
    config.write_text(
        yaml.safe_dump(
            prometheus_config(
                shipped, worker, itself, alertmanager, str(folder / "rules" / "*.yml"), interval
            )
        )
    )
    command = [
        program(*_PROMETHEUS),
        f"--config.file={config}",
        f"--storage.tsdb.path={folder / 'tsdb'}",
        f"--web.listen-address={itself}",
    ]
    return Server("Prometheus", command, folder, port)


def check() -> None:
    """Raises `ChainError` if the programs or the shipped files are missing."""
    for names in (_PROMETHEUS, _ALERTMANAGER):
        program(*names)
    if not (DEPLOY / "alertmanager").is_dir():
        raise ChainError(
            "deploy/alertmanager is missing: pages can be shown from a checkout of the "
            "repository only"
        )


def program(*names: str) -> str:
    """The path of the first of the programs that exists. Raises `ChainError`."""
    for name in names:
        if (path := shutil.which(name)) is not None:
            return path
    raise ChainError(
        f"{names[0]} is not on the PATH; pages need Prometheus and Alertmanager (Debian, Ubuntu: "
        f"{INSTALL})"
    )


def _shipped(path: str) -> Any:
    return yaml.safe_load((DEPLOY / path).read_text())
