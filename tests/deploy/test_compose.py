"""compose.yml gives each service no more than it needs, and its overrides change what they say."""

from __future__ import annotations

import copy
import re
import shutil
import ssl
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from streams.settings import load
from tests.harness.needs import need

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"


class Compose(yaml.SafeLoader):
    """YAML with Compose's tag for what replaces a list instead of adding to it."""


def _override(loader: yaml.SafeLoader, node: yaml.Node) -> Any:
    assert isinstance(node, yaml.SequenceNode)
    return loader.construct_sequence(node)


Compose.add_constructor("!override", _override)


def read(name: str) -> dict[str, Any]:
    found = yaml.load((DEPLOY / name).read_text(), Compose)  # a safe loader
    assert isinstance(found, dict)
    return found


BASE = read("compose.yml")
SERVICES: dict[str, dict[str, Any]] = BASE["services"]
OVERRIDES = [f"compose.{one}.yml" for one in ("scale", "ha", "tls", "archive", "podman")]
WRITES = {"kafka", "grafana"}
"""Their images write into their own folders."""


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_has_no_privilege_and_fills_no_disk_and_no_memory(name: str) -> None:
    service = SERVICES[name]
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service.get("read_only", False) is (name not in WRITES)
    assert re.fullmatch(r"\d+[mg]", service["mem_limit"])
    assert 0 < service["pids_limit"] <= 512
    assert service["logging"]["options"].keys() == {"max-size", "max-file"}


def test_health_checks_start_no_jvm_and_topics_waits_by_itself() -> None:
    """podman-compose does not wait for a service to be healthy."""
    assert ".sh" not in " ".join(SERVICES["kafka"]["healthcheck"]["test"])
    assert SERVICES["topics"]["command"][-2] == "--wait"
    assert "healthcheck" not in SERVICES["worker"]  # the image's asks with the worker's settings


@pytest.mark.parametrize("name", OVERRIDES)
def test_an_override_changes_services_that_are_there_or_extends_them(name: str) -> None:
    override = read(name)
    for service, changes in override["services"].items():
        extends = changes.get("extends")
        if extends is None:
            assert service in SERVICES
        else:
            assert extends["file"] == "compose.yml"
            assert extends["service"] in SERVICES
        for port in changes.get("ports", []):
            assert port.startswith("127.0.0.1:")
    ports = [
        port.split(":")[1]
        for services in (SERVICES, override["services"])
        for one, service in services.items()
        for port in service.get("ports", [])
        if services is not SERVICES or "ports" not in override["services"].get(one, {})
    ]
    assert len(ports) == len(set(ports))


@pytest.mark.parametrize("name", ["compose.scale.yml", "compose.ha.yml"])
def test_commands_that_are_replaced_keep_the_rest_of_their_options(name: str) -> None:
    for service, changes in read(name)["services"].items():
        of = SERVICES[changes.get("extends", {}).get("service", service)]
        if "command" in changes:
            left = set(of["command"]) - set(changes["command"])
            assert left <= {"--config.file=/etc/prometheus/prometheus.yml"}


def test_with_three_alertmanagers_each_knows_the_others() -> None:
    services = read("compose.ha.yml")["services"]
    alertmanagers = {name for name in services if name.startswith("alertmanager")}
    assert len(alertmanagers) == 3
    for name in alertmanagers:
        peers = {one for one in services[name]["command"] if one.startswith("--cluster.peer=")}
        assert peers == {f"--cluster.peer={one}:9094" for one in alertmanagers}
    assert len({name for name in services if name.startswith("prometheus")}) == 2
    assert SERVICES["alertmanager"]["networks"]["default"]["aliases"] == ["alertmanagers"]


def test_the_worker_reads_the_archive_that_is_written_and_cannot_write_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    override = read("compose.archive.yml")
    archive, worker = (override["services"][name] for name in ("archive", "worker"))
    [written], [mounted] = archive["volumes"], worker["volumes"]
    volume, path = written.split(":")
    assert mounted == f"{volume}:{path}:ro"
    assert volume in override["volumes"]
    assert f"--to={path}" in archive["command"]
    for name, value in worker["environment"].items():
        monkeypatch.setenv(name, value)
    assert str(load(None).archive.path) == path
    for service in (archive, worker):  # the other image cannot read Parquet
        assert service["image"].endswith("-full")
        assert service["build"]["target"] == "full"
    assert f" {path} " in (DEPLOY / "Dockerfile").read_text()  # belongs to the image's user
    assert archive["secrets"] == ["pseudonym_key"]


def test_prometheus_with_discovery_differs_in_how_it_finds_targets_alone() -> None:
    plain = yaml.safe_load((DEPLOY / "prometheus" / "prometheus.yml").read_text())
    found = yaml.safe_load((DEPLOY / "prometheus" / "prometheus.discovery.yml").read_text())
    expected = copy.deepcopy(plain)
    [pages] = expected["alerting"]["alertmanagers"]
    for job in [*expected["scrape_configs"], pages]:
        [target] = job["static_configs"][0]["targets"]
        host, _, port = target.partition(":")
        if host == "127.0.0.1":
            continue
        del job["static_configs"]
        name = "alertmanagers" if host == "alertmanager" else host
        job["dns_sd_configs"] = [
            {"names": [name], "type": "A", "port": int(port), "refresh_interval": "10s"}
        ]
    assert found == expected


def test_with_tls_clients_have_the_credentials_that_kafka_requires(tmp_path: Path) -> None:
    override = read("compose.tls.yml")
    script = tmp_path / "secrets.sh"
    shutil.copy(DEPLOY / "secrets.sh", script)
    need("openssl")
    subprocess.run(["sh", script, "tls"], check=True, capture_output=True)
    secrets = tmp_path / "secrets"
    made = {path.name: path.read_bytes() for path in secrets.iterdir() if path.is_file()}
    for secret in override["secrets"].values():
        assert made[Path(secret["file"]).name]
    assert f'="{made["kafka_password"].decode()}"'.encode() in made["kafka_users.conf"]
    assert [one.name for one in (secrets / "ca").iterdir()] == ["kafka.key"]
    assert (secrets / "ca").stat().st_mode & 0o777 == 0o700
    # Kafka's certificate is one of the authority that clients trust, under the names they use
    verify = ["openssl", "verify", "-CAfile", secrets / "kafka_ca.crt"]
    for name in ("kafka", "localhost"):
        asked = [*verify, "-verify_hostname", name, secrets / "kafka_keystore.pem"]
        subprocess.run(asked, check=True, capture_output=True)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(secrets / "kafka_keystore.pem")
    subprocess.run(["sh", script, "tls"], check=True, capture_output=True)
    again = {path.name: path.read_bytes() for path in secrets.iterdir() if path.is_file()}
    assert again == made
    # the settings are settings
    environment = override["services"]["worker"]["environment"]
    inside = {name: of for name, of in environment.items() if not name.endswith("_FILE")}
    assert all(of.startswith("/run/secrets/") for of in environment.values() if "/" in of)
    names = [name.removeprefix("ALARM_FATIGUE_KAFKA__").lower() for name in environment]
    assert set(names) <= set(type(load().kafka).model_fields)
    assert len(inside) == 3
    mounted = set(override["services"]["worker"]["secrets"])
    assert mounted <= set(override["secrets"])
