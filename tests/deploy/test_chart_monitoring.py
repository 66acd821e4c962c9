"""What a release of the Helm chart gives to Prometheus, Alertmanager and KEDA."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
import yaml

from reference import alertmanager
from reference.__main__ import CHART as ROUTES
from streams.kafka.state_version import state_group
from tests.harness.charts import (
    CASES,
    CHART,
    NAMESPACE,
    ROOT,
    Document,
    of_kind,
    read,
    rules_of_release,
    values,
)
from tests.harness.needs import need

ALERTING = [case for case in CASES if values(case)["monitoring"]["rules"]["enabled"]]
RULES = sorted((CHART / "files" / "rules").glob("*.yml"))


@pytest.fixture(scope="module")
def ward(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The rules of a release whose job has another name, as files of Prometheus."""
    folder = tmp_path_factory.mktemp("rules")
    [case] = [one for one in ALERTING if one.stem == "cloud"]
    for path in RULES:
        content = rules_of_release(path, values(case))
        (folder / path.name).write_text(yaml.safe_dump(content, sort_keys=False))
    return folder


def test_rules_of_a_release_are_valid_and_link_to_its_addresses(ward: Path) -> None:
    promtool("check", "rules", "--lint=all", "--lint-fatal", *sorted(ward.iterdir()))
    text = "".join(path.read_text() for path in ward.iterdir())
    assert "externalLabels" not in text
    assert "https://runbooks.example.org/DataLost.md" in text
    assert "https://ward.example.org/unit?facility=" in text
    alerts = [
        rule
        for path in ward.iterdir()
        for group in read(path)["groups"]
        for rule in group["rules"]
        if "alert" in rule
    ]
    assert {rule["labels"]["namespace"] for rule in alerts} == {NAMESPACE}
    assert {rule["labels"]["hospital"] for rule in alerts} == {"north"}


def test_a_release_with_another_job_does_not_page_for_ever(ward: Path) -> None:
    """`DataLost` and `WorkerDown` are about the release's own job: quiet while its workers answer,
    and not when they do not, whatever the workers of another job do.
    """
    promtool_tests = {
        "rule_files": [str(ward / "pipeline.yml")],
        "evaluation_interval": "15s",
        "tests": [
            {
                "interval": "15s",
                "input_series": [
                    {"series": f'up{{job="{job}", instance="{job}-0"}}', "values": f"{up}x80"}
                    for job, up in jobs.items()
                ],
                "promql_expr_test": [
                    {
                        "expr": f'count(ALERTS{{alertname="{name}", alertstate="firing"}})',
                        "eval_time": "10m",
                        "exp_samples": [{"labels": "{}", "value": 1}] if fires else [],
                    }
                    for name in ("DataLost", "WorkerDown")
                ],
            }
            for jobs, fires in (
                ({"ward": 1}, False),
                ({"ward": 1, "alarm-fatigue": 0}, False),
                ({"ward": 0, "alarm-fatigue": 1}, True),
            )
        ],
    }
    path = ward.parent / f"{ward.name}.test.yml"
    path.write_text(yaml.safe_dump(promtool_tests))
    promtool("test", "rules", path)


def promtool(*arguments: object) -> None:
    done = subprocess.run(
        [need("promtool"), *map(str, arguments)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("case", ALERTING, ids=lambda case: case.stem)
def test_scraped_workers_have_the_job_that_the_rules_look_for(case: Path) -> None:
    job = values(case)["monitoring"]["job"]
    texts = [yaml.safe_dump(rules_of_release(path, values(case))) for path in RULES]
    assert {one for text in texts for one in re.findall(r'up\{job="([^"]*)"\}', text)} == {job}
    [service] = [
        one
        for one in of_kind(case.stem, "Service")
        if one["metadata"]["labels"].get("app.kubernetes.io/component") == "worker"
    ]
    [monitor] = [
        one
        for one in of_kind(case.stem, "ServiceMonitor")
        if one["metadata"]["labels"]["app.kubernetes.io/component"] == "worker"
    ]
    assert service["metadata"]["labels"][monitor["spec"]["jobLabel"]] == job


def test_routes_of_the_chart_are_those_of_alertmanager() -> None:
    """After a change of deploy/alertmanager, run `make reference`."""
    assert ROUTES.read_text() == alertmanager.text()
    ours = yaml.safe_load((ROOT / "deploy" / "alertmanager" / "alertmanager.yml").read_text())
    assert len(read(ROUTES)["inhibitRules"]) == len(ours["inhibit_rules"])
    with pytest.raises(ValueError, match="which AlertmanagerConfig does not know"):
        alertmanager.converted(ours | {"route": ours["route"] | {"mute_time_intervals": ["x"]}})


def test_every_receiver_and_interval_of_a_route_is_there() -> None:
    [config] = of_kind("strimzi", "AlertmanagerConfig")
    receivers = {one["name"] for one in config["spec"]["receivers"]}
    intervals = {one["name"] for one in config["spec"]["muteTimeIntervals"]}

    def visit(route: Document) -> None:
        assert route["receiver"] in receivers
        assert set(route.get("activeTimeIntervals", [])) <= intervals
        for inner in route.get("routes", []):
            visit(inner)

    visit(read(ROUTES)["route"])
    [service] = [
        one for one in of_kind("strimzi", "Service") if one["metadata"]["name"].endswith("-pages")
    ]
    [port] = service["spec"]["ports"]
    for one in config["spec"]["receivers"]:
        assert one["webhookConfigs"][0]["url"] == (
            f"http://{service['metadata']['name']}.{NAMESPACE}.svc:{port['port']}/{one['name']}"
        )


def test_scaling_asks_for_the_topic_and_no_more_workers_than_partitions() -> None:
    [scaled] = of_kind("cloud", "ScaledObject")
    assert scaled["spec"]["maxReplicaCount"] == 8
    [trigger] = scaled["spec"]["triggers"]
    assert trigger["metadata"]["topic"] == "ward.alarms"
    assert trigger["metadata"]["consumerGroup"] == state_group("ward")
    assert (trigger["metadata"]["tls"], trigger["metadata"]["sasl"]) == ("enable", "scram_sha512")
    [login] = of_kind("cloud", "TriggerAuthentication")
    assert login["metadata"]["name"] == trigger["authenticationRef"]["name"]
    [fewer] = of_kind("token", "ScaledObject")
    assert fewer["spec"]["maxReplicaCount"] == 3
