"""The deployment files are consistent: configurations pass their own tools, and files that they
name exist.
"""

from __future__ import annotations

import json
import re
import shutil
import stat
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from streams.access import Tokens
from streams.settings import WebSettings
from tests.harness.needs import need

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PROJECT = PYPROJECT["project"]
COMPOSE: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
PROMETHEUS: dict[str, Any] = yaml.safe_load((DEPLOY / "prometheus" / "prometheus.yml").read_text())
POM = (DEPLOY / "kafka" / "pom.xml").read_text()
DOCKERFILE = (DEPLOY / "Dockerfile").read_text()

services = pytest.mark.parametrize("service", SERVICES.values(), ids=SERVICES)


def check(*command: str | Path) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", ["prometheus.yml", "prometheus.discovery.yml"])
def test_promtool_accepts_the_prometheus_configuration(tmp_path: Path, name: str) -> None:
    """With a token where Compose puts it."""
    folder, token = tmp_path / "prometheus", tmp_path / "token"
    shutil.copytree(DEPLOY / "prometheus", folder)
    token.write_text("0123456789abcdef")
    config = folder / name
    inside = "/run/secrets/prometheus_token"
    assert inside in config.read_text()
    config.write_text(config.read_text().replace(inside, str(token)))
    check(need("promtool"), "check", "config", config)


def test_amtool_accepts_the_alertmanager_configuration() -> None:
    check(need("amtool"), "check-config", DEPLOY / "alertmanager" / "alertmanager.yml")


@services
def test_images_are_pinned(service: dict[str, Any]) -> None:
    assert re.fullmatch(r"[a-z/-]+:v?\d+\.\d+\.\d+", service["image"])


@services
def test_ports_are_published_on_loopback_only(service: dict[str, Any]) -> None:
    assert all(str(port).startswith("127.0.0.1:") for port in service.get("ports", []))


@services
def test_every_service_that_stays_has_a_health_check_and_restarts(service: dict[str, Any]) -> None:
    one_shot = service.get("healthcheck") == {"disable": True}
    assert service["restart"] == ("no" if one_shot else "unless-stopped")
    assert (
        one_shot or "healthcheck" in service or ("HEALTHCHECK" in DOCKERFILE and "build" in service)
    )


@services
def test_references_of_a_service_exist(service: dict[str, Any]) -> None:
    assert set(service.get("depends_on", {})) <= set(SERVICES)
    assert set(service.get("secrets", [])) <= set(COMPOSE["secrets"])
    for volume in service.get("volumes", []):
        source = volume.split(":")[0]
        assert (
            (DEPLOY / source).is_dir() if source.startswith(".") else source in COMPOSE["volumes"]
        )
    if "build" in service:
        assert (DEPLOY / service["build"]["context"] / service["build"]["dockerfile"]).is_file()


@pytest.mark.parametrize("name", ["topics", "worker"])
def test_our_services_run_our_commands_against_the_broker(name: str) -> None:
    service = SERVICES[name]
    assert service["image"] == f"alarm-fatigue:{PROJECT['version']}"
    assert service["command"][:3] == [name, "--broker", "kafka:9092"]
    assert (
        service["environment"]["ALARM_FATIGUE_PSEUDONYM_KEY_FILE"]
        == f"/run/secrets/{service['secrets'][0]}"
    )
    assert all(
        re.fullmatch(r"ALARM_FATIGUE(_[A-Z]+)(__?[A-Z]+)*", variable)
        for variable in service["environment"]
    )


def test_the_worker_of_compose_asks_for_tokens_that_exist() -> None:
    service = SERVICES["worker"]
    tokens = json.loads(service["environment"]["ALARM_FATIGUE_WEB__TOKENS"])
    assert {name: one["role"] for name, one in tokens.items()} == {
        "prometheus": "metrics",
        "viewer": "viewer",
        "admin": "admin",
    }
    mounted = {f"/run/secrets/{name}" for name in service["secrets"]}
    assert {one["file"] for one in tokens.values()} <= mounted
    assert "ALARM_FATIGUE_WEB__ALLOW_REMOTE" not in service["environment"]
    assert json.loads(service["environment"]["ALARM_FATIGUE_WEB__NAMES"]) == ["worker"]
    [job] = [one for one in PROMETHEUS["scrape_configs"] if one["job_name"] == "alarm-fatigue"]
    shown = job["authorization"]["credentials_file"]
    assert shown == tokens["prometheus"]["file"]
    assert shown.rpartition("/")[2] in SERVICES["prometheus"]["secrets"]


def test_the_script_makes_each_secret_once_and_for_its_group_alone(tmp_path: Path) -> None:
    script = tmp_path / "secrets.sh"
    shutil.copy(DEPLOY / "secrets.sh", script)
    check("sh", script)
    made = {path.name: path.read_text() for path in (tmp_path / "secrets").iterdir()}
    assert made.keys() == {Path(one["file"]).name for one in COMPOSE["secrets"].values()}
    assert made.pop("pagerduty_routing_key") == ""
    assert len(set(made.values())) == len(made)
    assert all(re.fullmatch("[0-9a-f]{64}", one) for one in made.values())
    for path in (tmp_path / "secrets").iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert re.fullmatch(r"SECRETS_GROUP=\d+\n", (tmp_path / ".env").read_text())
    (tmp_path / "secrets" / "viewer_token").unlink()
    check("sh", script)
    again = {name: (tmp_path / "secrets" / name).read_text() for name in made}
    assert {name for name in made if made[name] != again[name]} == {"viewer_token"}
    tokens = {
        name: {"file": tmp_path / "secrets" / f"{name}_token", "role": "viewer"}
        for name in ("viewer", "admin")
    }
    assert Tokens(WebSettings.model_validate({"tokens": tokens})).exposed == []


def test_secrets_are_files_that_git_ignores() -> None:
    ignored = (DEPLOY / ".gitignore").read_text().split()
    for secret in COMPOSE["secrets"].values():
        assert Path(secret["file"]).parent.name + "/" in ignored


def test_prometheus_scrapes_the_worker_and_knows_alertmanager() -> None:
    jobs = {job["job_name"]: job for job in PROMETHEUS["scrape_configs"]}
    assert jobs["alarm-fatigue"]["metrics_path"] == "/metrics"
    assert jobs["alarm-fatigue"]["static_configs"] == [{"targets": ["worker:9464"]}]
    assert PROMETHEUS["alerting"]["alertmanagers"] == [
        {"static_configs": [{"targets": ["alertmanager:9093"]}]}
    ]
    hosts = {
        target.split(":")[0]
        for job in jobs.values()
        for group in job["static_configs"]
        for target in group["targets"]
    }
    assert hosts <= {*SERVICES, "127.0.0.1"}


def test_the_same_kafka_runs_everywhere() -> None:
    version = re.search(r"<kafka.version>(.+)</kafka.version>", POM)
    assert version is not None
    assert SERVICES["kafka"]["image"] == f"apache/kafka:{version[1]}"


def test_the_dockerfile_copies_what_exists_and_is_let_through() -> None:
    let_through = {
        line[1:]
        for line in (ROOT / ".dockerignore").read_text().splitlines()
        if line.startswith("!")
    }
    copies = re.findall(r"^COPY (?!--from)(.+) \S+$", DOCKERFILE, re.MULTILINE)
    sources = {source.rstrip("/") for line in copies for source in line.split()}
    assert sources == let_through
    assert all((ROOT / source).exists() for source in sources)


def test_the_image_is_pinned_unprivileged_and_starts_our_command() -> None:
    """What comes out of it is checked by `make image`."""
    [base] = re.findall(r"^ARG PYTHON=(.+)$", DOCKERFILE, re.MULTILINE)
    assert re.fullmatch(r"python:\d+\.\d+\.\d+-slim-[a-z]+", base)
    froms = re.findall(r"^FROM (\S+)(?: AS (\w+))?$", DOCKERFILE, re.MULTILINE)
    stages = {name for _, name in froms}
    assert {image for image, _ in froms} <= {"${PYTHON}", *stages}
    for lock in ("requirements.lock", "build.lock"):
        assert f"--require-hashes -r {lock}" in DOCKERFILE
    for line in re.findall(r"pip .*(?<!un)(?:install|wheel) .*", DOCKERFILE):
        assert "--require-hashes" in line or "--no-index" in line
    assert re.search(r"^USER 10001:10001$", DOCKERFILE, re.MULTILINE)
    assert f'org.opencontainers.image.version="{PROJECT["version"]}"' in DOCKERFILE
    assert f'org.opencontainers.image.licenses="{PROJECT["license"]}"' in DOCKERFILE
    command = re.search(r'^ENTRYPOINT \["(.+)"\]$', DOCKERFILE, re.MULTILINE)
    assert command is not None
    assert command[1] in PROJECT["scripts"]


def test_the_image_is_built_with_what_pyproject_builds_with() -> None:
    """After a change in pyproject.toml, run `make lock`."""
    [wanted] = map(Requirement, PYPROJECT["build-system"]["requires"])
    locked = re.search(rf"^{wanted.name}==(\S+)", (DEPLOY / "build.lock").read_text(), re.MULTILINE)
    assert locked is not None
    assert wanted.specifier.contains(locked[1])


EXTRAS: dict[str, list[str]] = PROJECT["optional-dependencies"]
ALONE = sorted(set(EXTRAS) - {"demo", "worker"})
"""Extras with a lock file in locks/; requirements.lock is that of the worker."""
LOCKS = ["requirements.lock", "requirements-dev.lock", "locks/base.lock"]


def needed(*extras: str) -> list[str]:
    """What these extras require, with what one takes from another, and the program itself."""
    listed = [*PROJECT["dependencies"], *(one for extra in extras for one in EXTRAS[extra])]
    inner = [re.fullmatch(rf"{PROJECT['name']}\[(\w+)\]", one) for one in listed]
    more = [one for found in inner if found for one in EXTRAS[found[1]]]
    return [one for one, found in zip(listed, inner, strict=True) if not found] + more


def test_each_extra_has_a_lock_file() -> None:
    assert sorted(path.stem for path in (ROOT / "locks").iterdir()) == sorted(["base", *ALONE])


@pytest.mark.parametrize(
    "name", [*LOCKS, "deploy/build.lock", *(f"locks/{extra}.lock" for extra in ALONE)]
)
def test_lock_files_hold_hashes_and_name_no_index(name: str) -> None:
    lines = (ROOT / name).read_text().splitlines()
    assert not [
        line
        for line in lines
        if re.match(r"\s*(-i|--(extra-)?index-url|--find-links|--trusted-host)\b|.*://", line)
    ]
    pins = [number for number, line in enumerate(lines) if re.match(r"[a-z0-9-]+==", line)]
    assert pins
    assert all("--hash=sha256:" in lines[number + 1] for number in pins)


@pytest.mark.parametrize(
    ("name", "requirements"),
    [
        ("requirements.lock", needed("worker")),
        ("locks/base.lock", needed()),
        *((f"locks/{extra}.lock", needed(extra)) for extra in ALONE),
        (
            "requirements-dev.lock",
            [
                *needed(*EXTRAS),
                *PYPROJECT["dependency-groups"]["dev"],
                *PYPROJECT["dependency-groups"]["docs"],
            ],
        ),
    ],
)
def test_lock_files_answer_pyproject(name: str, requirements: list[str]) -> None:
    """After a change in pyproject.toml, run `make lock`."""
    locked: dict[str, list[str]] = {}
    for package, version in re.findall(
        r"^([a-z0-9-]+)==([^ ]+)", (ROOT / name).read_text(), re.MULTILINE
    ):
        locked.setdefault(package, []).append(version)
    for requirement in map(Requirement, requirements):
        versions = locked.get(canonicalize_name(requirement.name), [])
        assert versions, requirement
        assert all(version in requirement.specifier for version in versions), requirement
