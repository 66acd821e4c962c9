"""Stand-ins for the images of compose.yml where no registry can be reached: Apache Kafka from
Maven's jars, Prometheus and Alertmanager from Debian's packages, under the names that compose.yml
gives them. Debian's versions are older than those.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import yaml

from streams.dev.broker import prepare_jars
from tests.image.base import stand_in
from tests.image.engine import Engine, NoEngine

ROOT = Path(__file__).resolve().parents[2]
COMPOSE = ROOT / "deploy" / "compose.yml"
ROOT_OF_ALL = "alarm-fatigue-servers:stand-in"
PROGRAMS = ("java", "prometheus", "prometheus-alertmanager", "busybox")
KAFKA, NOBODY = 1000, 65534

# Alertmanager 0.25 knows no features that can be turned on.
ALERTMANAGER = """#!/bin/bash
exec prometheus-alertmanager "${@/--enable-feature=*/--log.level=info}"
"""

DOCKERFILES = {
    "kafka": f"""
USER {KAFKA}
WORKDIR /opt/kafka
VOLUME ["/etc/kafka/secrets", "/mnt/shared/config", "/var/lib/kafka/data"]
CMD ["python3", "/opt/kafka/run.py"]
""",
    "prometheus": f"""
USER {NOBODY}
WORKDIR /prometheus
ENTRYPOINT ["/usr/bin/prometheus"]
""",
    "alertmanager": f"""
USER {NOBODY}
WORKDIR /alertmanager
ENTRYPOINT ["/usr/local/bin/alertmanager"]
""",
}


def images() -> dict[str, str]:
    """By service of compose.yml, the image that it names."""
    services = yaml.safe_load(COMPOSE.read_text())["services"]
    return {name: services[name]["image"] for name in DOCKERFILES}


def stand_ins(engine: Engine, folder: Path) -> None:
    """Make the images that are not there yet. Raises `NoEngine` if a program lacks."""
    lacking = [name for name, image in images().items() if not _there(engine, image)]
    if not lacking:
        return
    if missing := [name for name in (*PROGRAMS, "mvn") if shutil.which(name) is None]:
        raise NoEngine(f"for stand-ins of images: {', '.join(missing)} not installed")
    root = folder / "servers"
    stand_in(root, ("python3", "bash", *(_package(name) for name in PROGRAMS)))
    _lay_out(root)
    engine.import_(root, ROOT_OF_ALL)
    shutil.rmtree(root)
    for name in lacking:
        context = folder / f"{name}-image"
        context.mkdir()
        (context / "Dockerfile").write_text(f"FROM {ROOT_OF_ALL}\n{DOCKERFILES[name]}")
        engine.run("build", "--tag", images()[name], context)
        shutil.rmtree(context)


def _there(engine: Engine, image: str) -> bool:
    return engine.try_to("image", "inspect", image).returncode == 0


def _package(program: str) -> str:
    """The package that a program is of."""
    path = str(Path(shutil.which(program) or program).resolve())
    for one in (path, path.removeprefix("/usr")):  # packages may still call /usr/bin /bin
        owned = subprocess.run(["dpkg", "-S", one], capture_output=True, text=True, check=False)
        if owned.returncode == 0:
            return owned.stdout.partition(":")[0]
    raise NoEngine(f"{path} is of no Debian package")


def _lay_out(root: Path) -> None:
    """Add what the images have beside packages: Kafka, its user, folders that servers write to."""
    bin_, kafka = root / "usr/local/bin", root / "opt/kafka"
    (bin_ / "java").symlink_to(Path(shutil.which("java") or "").resolve())
    (bin_ / "alertmanager").write_text(ALERTMANAGER)
    (bin_ / "alertmanager").chmod(0o755)
    (bin_ / "wget").symlink_to("/bin/busybox")
    shutil.copytree(prepare_jars(), kafka / "libs")
    shutil.copy(Path(__file__).with_name("kafka_run.py"), kafka / "run.py")
    with (root / "etc/passwd").open("a") as users:
        users.write(f"appuser:x:{KAFKA}:{KAFKA}::/opt/kafka:/bin/sh\n")
    owners = dict.fromkeys(
        ("var/lib/kafka/data", "mnt/shared/config", "etc/kafka/secrets", "opt/kafka/config"), KAFKA
    ) | dict.fromkeys(("prometheus", "alertmanager"), NOBODY)
    for name, owner in owners.items():
        (root / name).mkdir(parents=True)
        shutil.chown(root / name, owner, owner)
