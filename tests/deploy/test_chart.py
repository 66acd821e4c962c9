"""The Helm chart, as it was rendered by `python -m tests.chart --write`: its objects are valid, its
pods restricted, and the program understands the settings and arguments that they get.
"""

from __future__ import annotations

import copy
import json
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import jsonschema
import kubernetes_validate
import pytest
from typer.testing import CliRunner

from streams.access import allowed_names
from streams.cli.main import app
from streams.formats.alarm_names import read_names
from streams.hl7.profiles import load_profiles
from streams.kafka.state_version import state_group
from streams.settings import Settings, load
from tests.harness.charts import (
    CASES,
    CHART,
    CUSTOM,
    GOLDEN,
    NAMESPACE,
    RENDERED,
    ROOT,
    Document,
    mounted,
    of_kind,
    pod_of,
    read,
    values,
)

VERSIONS = ("1.25", "1.34", "1.37")
"""The oldest Kubernetes that Chart.yaml admits, the one tried, and the newest whose schemas are
known."""
PODS = {
    f"{case}-{one['metadata']['name']}": (case, pod)
    for case, found in RENDERED.items()
    for one in found
    if (pod := pod_of(one))
}
SCHEMA = json.loads((CHART / "values.schema.json").read_text())

cases = pytest.mark.parametrize("case", CASES, ids=lambda case: case.stem)
pods = pytest.mark.parametrize(("case", "pod"), PODS.values(), ids=PODS)


def test_each_file_of_values_has_its_golden_file_and_no_other_has() -> None:
    assert [one.name for one in sorted(GOLDEN.iterdir())] == [case.name for case in CASES]


@cases
def test_kubernetes_objects_are_valid_in_old_and_new_releases(case: Path) -> None:
    """With --strict: no field that a release does not know."""
    known = [one for one in RENDERED[case.stem] if one["kind"] not in CUSTOM]
    assert known
    for one in known:
        for version in VERSIONS:
            kubernetes_validate.validate(one, version, strict=True)


def test_a_field_that_kubernetes_does_not_know_is_found() -> None:
    [worker] = of_kind("minimal", "StatefulSet")
    wrong = copy.deepcopy(worker)
    wrong["spec"]["replicasss"] = 2
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, VERSIONS[-1], strict=True)


@cases
def test_names_are_short_enough_and_none_comes_twice(case: Path) -> None:
    found = [(one["kind"], one["metadata"]["name"]) for one in RENDERED[case.stem]]
    assert len(set(found)) == len(found)
    assert all(re.fullmatch(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?", name) for _, name in found)


@pods
def test_pods_are_restricted(case: str, pod: Document) -> None:
    """What the Pod Security Standard `restricted` asks for, and more."""
    outer = pod["securityContext"]
    assert outer["runAsNonRoot"] is True
    assert outer["seccompProfile"] == {"type": "RuntimeDefault"}
    assert (outer["runAsUser"], outer["runAsGroup"], outer["fsGroup"]) == (10001, 10001, 10001)
    assert pod["automountServiceAccountToken"] is False
    # Kubernetes' variables of Services would be settings that the program does not know
    assert pod["enableServiceLinks"] is False
    assert not {"hostNetwork", "hostPID", "hostIPC"} & pod.keys()
    [container] = pod["containers"]
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert container["resources"]["limits"]["memory"]
    assert not any("hostPort" in port for port in container.get("ports", []))
    kinds = {kind for volume in pod["volumes"] for kind in volume.keys() - {"name"}}
    assert kinds <= {"secret", "configMap", "projected", "emptyDir", "persistentVolumeClaim"}
    for volume in pod["volumes"]:
        for kind in ("secret", "projected"):
            assert volume.get(kind, {"defaultMode": 0o440})["defaultMode"] == 0o440


@cases
def test_the_program_reads_the_settings_as_they_were_given(case: Path, tmp_path: Path) -> None:
    given = values(case)
    for one in of_kind(case.stem, "ConfigMap"):
        if "settings.yaml" not in one["data"]:
            continue
        settings = settings_of(one, tmp_path)
        assert settings.broker == given["kafka"]["brokers"]
        assert settings.kafka.security_protocol == given["kafka"]["securityProtocol"]
        assert settings.partitions == given["topics"]["partitions"]
        assert settings.replication == given["topics"]["replication"]
        assert not settings.web.is_local
        tokens = {name: one for name, one in given["web"]["tokens"].items() if one is not None}
        assert settings.web.tokens.keys() == tokens.keys()
        for path, take in (("profiles.yaml", load_profiles), ("alarm-names.csv", read_names)):
            if path in one["data"]:
                take(tmp_path / path)


def settings_of(config: Document, folder: Path) -> Settings:
    """What the program reads from these files, which are put into `folder`."""
    for name, text in config["data"].items():
        (folder / name).write_text(text.replace("/etc/alarm-fatigue/", f"{folder}/"))
    return load(folder / "settings.yaml")


def test_settings_of_the_user_reach_the_program(tmp_path: Path) -> None:
    [config] = [
        one
        for one in of_kind("strimzi", "ConfigMap")
        if one["metadata"]["name"] == "ward-alarm-fatigue"
    ]
    settings = settings_of(config, tmp_path)
    assert str(settings.calendar.time_zone) == "Europe/Berlin"
    assert settings.paging.url == "https://alarms.example.org"
    assert "ICU" in settings.policy.overload.units


@pods
def test_the_program_understands_its_arguments(case: str, pod: Document) -> None:
    """An option that it does not know would end it before --help is answered."""
    [container] = pod["containers"]
    done = CliRunner().invoke(app, [*container["args"], "--help"])
    assert done.exit_code == 0, done.output
    assert "Usage" in done.output


@pods
def test_a_pod_has_the_files_that_it_is_told_of(case: str, pod: Document, tmp_path: Path) -> None:
    [container] = pod["containers"]
    files = set(mounted(pod))
    told = set(re.findall(r"/run/secrets/\S+", " ".join(container["args"])))
    component = container["name"]
    [config] = [
        one
        for one in of_kind(case, "ConfigMap")
        if one["metadata"]["name"] == pod["volumes"][0]["configMap"]["name"]
    ]
    settings = settings_of(config, tmp_path)
    if component != "pages":
        told |= {
            str(path)
            for name, path in settings.kafka
            if name.endswith("_file") and path is not None
        }
    if component in ("worker", "translate", "archive"):
        keys = (settings.pseudonym_key_file, settings.pseudonym_previous_key_file)
        told |= {str(path) for path in keys if path}
    if component in ("worker", "pages") and settings.paging.key_file:
        told.add(str(settings.paging.key_file))
    if component in ("worker", "archive") and settings.audit.key_file:
        told.add(str(settings.audit.key_file))
    if component == "worker":
        told |= {str(one.file) for one in settings.web.tokens.values()}
        told |= {
            str(path)
            for path in (
                settings.web.tls_cert_file,
                settings.web.tls_key_file,
                settings.web.tls_client_ca_file,
            )
            if path
        }
    assert files == told, "neither a missing file, nor a secret that it does not need"


@cases
def test_the_chart_makes_no_secret(case: Path) -> None:
    assert not of_kind(case.stem, "Secret")


@cases
def test_workers_are_named_for_their_pods_and_outlive_a_restart(case: Path, tmp_path: Path) -> None:
    """The session outlasts the time that a pod needs to end and to be there again, so that the
    group does not give its partitions away.
    """
    [worker] = [
        one
        for one in of_kind(case.stem, "StatefulSet")
        if one["metadata"]["labels"]["app.kubernetes.io/component"] == "worker"
    ]
    [container] = worker["spec"]["template"]["spec"]["containers"]
    assert container["env"][0] == {
        "name": "ALARM_FATIGUE_INSTANCE",
        "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}},
    }
    assert worker["spec"]["serviceName"] in {
        one["metadata"]["name"]
        for one in of_kind(case.stem, "Service")
        if one["spec"].get("clusterIP") == "None"
    }
    assert ("replicas" in worker["spec"]) != bool(of_kind(case.stem, "ScaledObject"))


def test_workers_mount_the_archive_read_only_and_are_told_where(tmp_path: Path) -> None:
    pods = {
        one["metadata"]["labels"]["app.kubernetes.io/component"]: one
        for one in of_kind("strimzi", "StatefulSet")
    }
    [claim] = pods["archive"]["spec"]["volumeClaimTemplates"]
    pod = pods["worker"]["spec"]["template"]["spec"]
    [volume] = [one for one in pod["volumes"] if one["name"] == "archive"]
    name = f"{claim['metadata']['name']}-{pods['archive']['metadata']['name']}-0"
    assert volume["persistentVolumeClaim"] == {"claimName": name}
    [container] = pod["containers"]
    [mount] = [one for one in container["volumeMounts"] if one["name"] == "archive"]
    assert mount["readOnly"] is True
    [config] = [
        one
        for one in of_kind("strimzi", "ConfigMap")
        if one["metadata"]["name"] == pod["volumes"][0]["configMap"]["name"]
    ]
    [writer] = pods["archive"]["spec"]["template"]["spec"]["containers"]
    [written] = [one["mountPath"] for one in writer["volumeMounts"] if one["name"] == "archive"]
    [to] = [one.removeprefix("--to=") for one in writer["args"] if one.startswith("--to=")]
    path = Path(mount["mountPath"]) / Path(to).relative_to(written)
    assert settings_of(config, tmp_path).archive.path == str(path)
    assert container["image"] == writer["image"]  # the one that reads Parquet


@cases
def test_workers_answer_to_their_service_their_pod_and_the_address_of_the_page(
    case: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = values(case)
    [worker] = [
        one
        for one in of_kind(case.stem, "StatefulSet")
        if one["metadata"]["labels"]["app.kubernetes.io/component"] == "worker"
    ]
    [container] = worker["spec"]["template"]["spec"]["containers"]
    names = {one["name"]: one.get("value", "") for one in container["env"]}
    full = worker["metadata"]["name"]
    told = names["ALARM_FATIGUE_WEB__NAMES"].replace("$(ALARM_FATIGUE_INSTANCE)", f"{full}-1")
    monkeypatch.setenv("ALARM_FATIGUE_WEB__NAMES", told.replace("$(POD_IP)", "2001:db8::7"))
    [config] = [one for one in of_kind(case.stem, "ConfigMap") if one["metadata"]["name"] == full]
    allowed = allowed_names(settings_of(config, tmp_path).web)
    service = f"{full}.{NAMESPACE}.svc"
    expected = {full, service, f"{service}.cluster.local", f"{full}-1.{service}", "2001:db8::7"}
    expected |= {given["web"]["url"].partition("://")[2]} - {""}
    for name in expected:
        assert allowed({name}), name
    assert not allowed({"evil.example.org"})
    assert not allowed({"10.0.0.7"})


@cases
def test_monitors_and_policies_select_what_is_there(case: Path) -> None:
    services = of_kind(case.stem, "Service")
    workloads = [one for one in RENDERED[case.stem] if pod_of(one)]
    for monitor in of_kind(case.stem, "ServiceMonitor"):
        wanted = monitor["spec"]["selector"]["matchLabels"].items()
        found = [
            one
            for one in services
            if wanted <= one["metadata"]["labels"].items()
            and monitor["spec"]["jobLabel"] in one["metadata"]["labels"]
        ]
        assert len(found) == 1
    selected = [
        one["spec"]["podSelector"]["matchLabels"].items()
        for one in of_kind(case.stem, "NetworkPolicy")
    ]
    for one in workloads:
        labels = one["spec"]["template"]["metadata"]["labels"].items()
        assert sum(wanted <= labels for wanted in selected) == 1
    for service in services:
        [owner] = [
            one
            for one in workloads
            if service["spec"]["selector"].items()
            <= one["spec"]["template"]["metadata"]["labels"].items()
        ]
        [container] = owner["spec"]["template"]["spec"]["containers"]
        assert {one["targetPort"] for one in service["spec"]["ports"]} <= {
            one["name"] for one in container["ports"]
        }


def test_the_chart_has_the_version_of_the_program() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    about = read(CHART / "Chart.yaml")
    assert about["version"] == about["appVersion"] == project["version"]
    assert about["annotations"]["artifacthub.io/license"] == project["license"]


def test_rules_and_boards_of_the_chart_are_those_of_the_repository() -> None:
    files = CHART / "files"
    assert (files / "rules").resolve() == ROOT / "deploy" / "prometheus" / "rules"
    assert (files / "boards").resolve() == ROOT / "grafana" / "dashboards"
    assert sum(path.stat().st_size for path in (files / "boards").iterdir()) < 1 << 20


@cases
def test_values_fit_the_schema(case: Path) -> None:
    jsonschema.Draft7Validator.check_schema(SCHEMA)
    jsonschema.validate(values(case), SCHEMA)


@pytest.mark.parametrize(
    ("place", "wrong"),
    [
        ("replicas", 3),
        ("kafka.brokers", "kafka"),
        ("kafka.securityProtocol", "TLS"),
        ("kafka.sasl.mechanism", "SCRAM"),
        ("kafka.password", "secret"),
        ("web.url", "alarms.example.org"),
        ("web.url", "https://alarms.example.org/"),
        ("web.tokens.micu", {"role": "viewer"}),
        ("web.tokens.micu", {"key": "micu", "role": "nurse"}),
        ("worker.replicas", "3"),
        ("worker.sessionTimeout", "45"),
        ("monitoring.runbooksUrl", 'https://example.org/"}}{{ fail'),
        ("monitoring.alertmanagerConfig.dayShift.start", "7:00"),
        ("hl7.listen.ports", []),
        ("hl7.listen.service.type", "Ingress"),
        ("archive.keep", "400"),
        ("keda.lagThreshold", 0),
        ("image.digest", "0123"),
    ],
)
def test_wrong_values_are_refused_where_they_stand(place: str, wrong: object) -> None:
    given = values(CASES[0])
    *path, last = place.split(".")
    inner = given
    for name in path:
        inner = inner[name]
    inner[last] = wrong
    errors = list(jsonschema.Draft7Validator(SCHEMA).iter_errors(given))
    assert errors
    assert all(
        ".".join(map(str, error.absolute_path)) in place
        or place.startswith(".".join(map(str, error.absolute_path)))
        for error in errors
    )


def test_every_value_is_used_by_a_template() -> None:
    """A value that no template reads would be a setting that does nothing."""
    texts = " ".join(path.read_text() for path in (CHART / "templates").iterdir())
    whole = {"tokens", "labels", "annotations", "resources", "updateStrategy"}

    def names(found: Document) -> Iterator[str]:
        for name, value in found.items():
            yield name
            if isinstance(value, dict) and name not in whole:
                yield from names(value)

    found = set(names(read(CHART / "values.yaml")))
    assert not {name for name in found if not re.search(rf'[."]{name}\b', texts)}


def test_keda_watches_the_group_of_this_state_version() -> None:
    """Another state version has another group, which the chart must then name."""
    found = [
        (case, trigger["metadata"]["consumerGroup"])
        for case in RENDERED
        for scaled in of_kind(case, "ScaledObject")
        if scaled["spec"]["scaleTargetRef"]["kind"] == "StatefulSet"
        for trigger in scaled["spec"]["triggers"]
    ]
    assert found
    groups = {case.stem: values(case)["group"] for case in CASES}
    assert {group for _, group in found} == {state_group(groups[case]) for case, _ in found}
