"""`python -m tests.chart`: render the Helm chart with Helm for each file of values in
deploy/helm/ci, lint it, and compare it with tests/data/chart.

It also holds the rules against what the tests without Helm compute, and validates everything that
Kubernetes knows. With `--write` the files in tests/data/chart are written anew; with
`--crds FOLDER`, the definitions (YAML) of other operators' resources are used to validate those.
Helm is the program in the variable HELM, else the one in PATH.
"""

from __future__ import annotations

import argparse
import difflib
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import kubernetes_validate
import yaml
from jsonschema import Draft7Validator

from tests.harness.charts import (
    CASES,
    CHART,
    CUSTOM,
    GOLDEN,
    KUBERNETES,
    NAMESPACE,
    RELEASE,
    ROOT,
    documents,
    golden,
    is_board,
    read,
    rules_of_release,
    shortened,
    values,
)


class Found(Exception):
    """Something is wrong with the chart: its text says what."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.chart")
    parser.add_argument("--write", action="store_true", help="write tests/data/chart anew")
    parser.add_argument("--crds", type=Path, help="folder with custom resource definitions")
    given = parser.parse_args()
    helm = os.environ.get("HELM") or shutil.which("helm")
    if helm is None:
        print("helm is not there: see deploy/helm/README.md", file=sys.stderr)
        return 2
    custom = {} if given.crds is None else _definitions(given.crds)
    version = read(CHART / "Chart.yaml")["version"]
    wrong = 0
    if given.write:
        GOLDEN.mkdir(exist_ok=True)
    for case in CASES:
        try:
            _run(helm, "lint", "--strict", CHART, "--values", case, "--kube-version", KUBERNETES)
            text = _run(
                *(helm, "template", RELEASE, CHART, "--namespace", NAMESPACE),
                *("--values", case, "--kube-version", KUBERNETES),
            )
            _check(text, values(case), custom)
            short = shortened(text, version)
            if given.write:
                golden(case).write_text(short)
            _compare(golden(case), short)
        except Found as error:
            wrong += 1
            print(f"{case.name}: {error}", file=sys.stderr)
        else:
            print(f"{case.name}: {len(documents(text))} objects, as expected")
    return min(wrong, 1)


def _run(*command: object) -> str:
    done = subprocess.run([str(one) for one in command], capture_output=True, text=True)
    if done.returncode:
        raise Found(done.stdout + done.stderr)
    return done.stdout


def _compare(path: Path, text: str) -> None:
    old = path.read_text() if path.exists() else ""
    lines = [*difflib.unified_diff(old.splitlines(), text.splitlines(), str(path), "now")]
    if lines:
        raise Found("\n".join([*lines, "after a change that is meant, add --write"]))


def _check(text: str, given: dict[str, Any], custom: dict[str, Draft7Validator]) -> None:
    found = documents(text)
    _check_rules([one for one in found if one["kind"] == "PrometheusRule"], given)
    _check_boards([one for one in found if is_board(one)], given)
    for one in found:
        kind, name = one["kind"], one["metadata"]["name"]
        if kind == "AlertmanagerConfig":
            routes = read(CHART / "files" / "alertmanager.yaml")
            if any(one["spec"][part] != routes[part] for part in ("route", "inhibitRules")):
                raise Found(f"{name}: not the routes in files/alertmanager.yaml")
        if kind in custom:
            errors = [
                f"{name}: {'.'.join(map(str, error.path))}: {error.message[:300]}"
                for error in custom[kind].iter_errors(one)
            ]
            if errors:
                raise Found("\n".join(errors))
        elif kind not in CUSTOM:
            kubernetes_validate.validate(one, KUBERNETES.rpartition(".")[0], strict=True)


def _check_rules(found: list[dict[str, Any]], given: dict[str, Any]) -> None:
    hl7 = given["hl7"]["listen"]["enabled"] or given["hl7"]["translate"]["enabled"]
    expected = {
        path.stem: rules_of_release(path, given)
        for path in (CHART / "files" / "rules").glob("*.yml")
        if given["monitoring"]["rules"]["enabled"] and (hl7 or path.stem != "hl7")
    }
    rendered = {one["metadata"]["name"].rpartition("-")[2]: one["spec"] for one in found}
    if rendered != expected:
        wrong = [name for name in rendered | expected if rendered.get(name) != expected.get(name)]
        raise Found(f"rules {', '.join(wrong)}: not those that the tests compute")


def _check_boards(found: list[dict[str, Any]], given: dict[str, Any]) -> None:
    old, new = (rf"job=\"{job}\"" for job in ("alarm-fatigue", given["monitoring"]["job"]))
    expected = {
        path.name: path.read_text().replace(old, new)
        for path in (ROOT / "grafana" / "dashboards").glob("*.json")
        if given["monitoring"]["boards"]["enabled"]
    }
    rendered = {name: text for one in found for name, text in one["data"].items()}
    if rendered != expected:
        raise Found("boards: not those in grafana/dashboards")


def _definitions(folder: Path) -> dict[str, Draft7Validator]:
    """Validators by kind, which refuse fields that the definition does not have."""

    class Loader(yaml.SafeLoader):
        pass

    # some descriptions list the operator `=`
    Loader.add_constructor("tag:yaml.org,2002:value", lambda _, node: node.value)
    found = {}
    for path in folder.glob("*.yaml"):
        for one in yaml.load_all(path.read_text(), Loader):
            schema = one["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
            found[one["spec"]["names"]["kind"]] = Draft7Validator(_strict(schema, top=True))
    return found


def _strict(schema: Any, top: bool = False) -> Any:
    if isinstance(schema, list):
        return [_strict(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    found = {
        key: {name: _strict(one) for name, one in value.items()}
        if key == "properties"
        else _strict(value)
        for key, value in schema.items()
        if key != "pattern"  # those of Go
    }
    if "properties" in found and not top and "x-kubernetes-preserve-unknown-fields" not in found:
        found.setdefault("additionalProperties", False)
    if top:
        found["properties"]["metadata"] = {"type": "object"}
    return found


if __name__ == "__main__":
    sys.exit(main())
