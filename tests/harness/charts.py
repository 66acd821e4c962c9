"""The Helm chart as it was rendered (tests/data/chart), and what its templates make of the alert
rules, computed here so that no Helm is needed.

`python -m tests.chart` renders with Helm and holds both against it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "deploy" / "helm"
CHART = FOLDER / "alarm-fatigue"
CASES = sorted((FOLDER / "ci").glob("*.yaml"))
GOLDEN = ROOT / "tests" / "data" / "chart"
RELEASE, NAMESPACE = "ward", "clinic"
KUBERNETES = "1.34.0"
CUSTOM = {
    "AlertmanagerConfig",
    "PrometheusRule",
    "ScaledObject",
    "ServiceMonitor",
    "TriggerAuthentication",
}
"""Kinds of other projects' operators, which Kubernetes itself does not know."""
Document = dict[str, Any]


def golden(case: Path) -> Path:
    return GOLDEN / case.name


def documents(text: str) -> list[Document]:
    return [one for one in yaml.safe_load_all(text) if one]


def values(case: Path) -> Document:
    """The values that a release with the file `case` has: Helm's own merge."""
    return _merged(yaml.safe_load((CHART / "values.yaml").read_text()), read(case))


def read(path: Path) -> Document:
    found: Document = yaml.safe_load(path.read_text())
    return found


def _merged(base: Document, given: Document) -> Document:
    found = dict(base)
    for name, value in given.items():
        if value is None:
            found.pop(name, None)
        elif isinstance(value, dict) and isinstance(base.get(name), dict):
            found[name] = _merged(base[name], value)
        else:
            found[name] = value
    return found


def shortened(text: str, version: str) -> str:
    """A rendered chart without the program's version, rules, boards and routes, for a golden file.
    These come from other files of the repository, which can change without Helm.
    """
    found = []
    for part in re.split(r"^---\n", text, flags=re.MULTILINE):
        document = yaml.safe_load(part)
        if not document or document["kind"] == "PrometheusRule" or is_board(document):
            continue
        if document["kind"] == "AlertmanagerConfig":
            document["spec"] |= {"route": {}, "inhibitRules": []}
            part = yaml.safe_dump(document, sort_keys=False)
        found.append(part.rstrip() + "\n")
    return "---\n".join(found).replace(version, "VERSION")


def is_board(document: Document) -> bool:
    return bool(document["metadata"]["labels"].get("app.kubernetes.io/component") == "boards")


def rules_of_release(path: Path, given: Document) -> Document:
    """A file of rules as the chart renders it under these values."""
    monitoring = given["monitoring"]
    text = path.read_text().replace('job="alarm-fatigue"', f'job="{monitoring["job"]}"')
    addresses = {
        "grafana": monitoring["grafanaUrl"],
        "runbooks": monitoring["runbooksUrl"],
        "web": given["web"]["url"],
    }
    for label, address in addresses.items():
        text = text.replace(f"{{{{ $externalLabels.{label} }}}}", address)
        text = text.replace(f"$externalLabels.{label}", f'"{address}"')
    content: Document = yaml.safe_load(text)
    more = {"namespace": NAMESPACE, **monitoring["rules"]["alertLabels"]}
    for group in content["groups"]:
        for rule in group["rules"]:
            if "alert" in rule:
                rule["labels"] = rule["labels"] | more
    return content


def pod_of(document: Document) -> Document | None:
    """The pod that a workload describes."""
    if document["kind"] not in {"StatefulSet", "Deployment", "Job"}:
        return None
    spec: Document = document["spec"]["template"]["spec"]
    return spec


def mounted(pod: Document) -> Iterator[str]:
    """Paths of the files that the pod's volumes bring, as its container sees them."""
    [container] = pod["containers"]
    places = {one["name"]: one["mountPath"] for one in container["volumeMounts"]}
    for volume in pod["volumes"]:
        sources = volume.get("projected", {}).get("sources", [volume])
        for source in sources:
            for kind in ("secret", "configMap"):
                for item in source.get(kind, {}).get("items", []):
                    yield f"{places[volume['name']]}/{item['path']}"


RENDERED = {
    case.stem: documents(golden(case).read_text()) for case in CASES if golden(case).exists()
}
"""The objects of each golden file, by its name."""


def of_kind(case: str, kind: str) -> list[Document]:
    return [one for one in RENDERED[case] if one["kind"] == kind]
