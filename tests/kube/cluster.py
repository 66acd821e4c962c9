"""Access to a cluster for the checks: kubectl, Helm, and pods by their addresses."""

from __future__ import annotations

import json
import os
import ssl
import subprocess
import urllib.error
import urllib.request
from functools import cache
from typing import Any

import yaml
from prometheus_client.parser import text_string_to_metric_families as parse_text

from tests.harness.workers import Numbers, numbers_of

HELM = os.environ.get("HELM", "helm")


class CommandFailed(AssertionError):
    """A command failed; its last lines."""


def run(*command: str, given: str | None = None, seconds: float = 240) -> str:
    """Run a command and return its standard output. Raises `CommandFailed`."""
    done = attempt(*command, given=given, seconds=seconds)
    if done.returncode:
        said = "\n".join((done.stdout + done.stderr).splitlines()[-30:])
        raise CommandFailed(f"{' '.join(command[:6])}...: {said}")
    return done.stdout


def attempt(
    *command: str, given: str | None = None, seconds: float = 240
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, input=given, capture_output=True, text=True, check=False, timeout=seconds
    )


def kubectl(namespace: str, *arguments: str, given: str | None = None) -> str:
    return run("kubectl", "--namespace", namespace, *arguments, given=given)


def apply(namespace: str, *objects: dict[str, Any]) -> None:
    kubectl(namespace, "apply", "-f", "-", given=yaml.safe_dump_all(objects))


def secret(name: str, **entries: str) -> dict[str, Any]:
    entries = {key.replace("__", "."): value for key, value in entries.items()}
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name},
        "stringData": entries,
    }


def found(namespace: str, kind: str, selector: str = "") -> list[dict[str, Any]]:
    """Objects of a kind, by name."""
    more = ("--selector", selector) if selector else ()
    items = json.loads(kubectl(namespace, "get", kind, *more, "--output=json"))["items"]
    return sorted(items, key=lambda one: str(one["metadata"]["name"]))


def is_ready(pod: dict[str, Any]) -> bool:
    conditions = pod["status"].get("conditions", [])
    ready = any((one["type"], one["status"]) == ("Ready", "True") for one in conditions)
    return ready and "deletionTimestamp" not in pod["metadata"]


def restarts(pod: dict[str, Any]) -> int:
    return sum(one["restartCount"] for one in pod["status"].get("containerStatuses", []))


@cache
def _context() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def get(address: str, path: str, token: str) -> tuple[int, str]:
    """Status and text; status 0 while a pod does not answer."""
    request = urllib.request.Request(address + path, headers={"Authorization": f"Bearer {token}"})
    try:
        with urllib.request.urlopen(request, timeout=5, context=_context()) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()
    except OSError:
        return 0, ""


def numbers(address: str, token: str) -> Numbers:
    """The samples of /metrics; empty while the pod does not answer."""
    status, text = get(address, "/metrics", token)
    return numbers_of(parse_text(text)) if status == 200 else {}


def held(shown: Numbers) -> frozenset[int]:
    """The partitions of a worker."""
    return frozenset(
        int(dict(labels)["partition"])
        for name, labels in shown
        if name == "alarm_fatigue_consumer_lag_records"
    )
