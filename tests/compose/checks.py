"""Checks of compose.yml and its overrides, in the order in which an operator would use them."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from tests.compose import hospital
from tests.compose.hospital import ask, overloaded, query, value, wait_until_counted
from tests.compose.project import LEFT_OUT, Container, Project, anonymous
from tests.harness.workers import eventually
from tests.image.build import SMALL
from tests.image.checks import equal

WRITES = {"kafka", "grafana"}
"""Their images write into their own folders."""
USERS = {"kafka": 1000, "prometheus": 65534, "alertmanager": 65534}
OURS = 10001
SEES = {
    "worker": {"pseudonym_key", "link_key", "prometheus_token", "viewer_token", "admin_token"},
    "pages": {"paging_token", "link_key"},
    "prometheus": {"prometheus_token"},
    "alertmanager": {"paging_token", "pagerduty_routing_key"},
    "kafka": set[str](),
}
Say = Callable[[str], None]
Counts = dict[str, int]


def clear_errors(project: Project) -> None:
    """Missing or broken secrets are reported before anything runs."""
    done = project.try_to("config", "--quiet")
    assert done.returncode, "without secrets, Compose is content"
    assert "run deploy/secrets.sh first" in done.stderr, done.stderr
    project.make_secrets()
    key = project.secrets / "pseudonym_key"
    good = key.read_text()
    key.write_text("abc\n")
    check = ("run", "--rm", "--no-deps", "worker", "config", "check")
    done = project.try_to(*check)
    said = done.stdout + done.stderr
    assert done.returncode, "a broken key is accepted"
    assert "/run/secrets/pseudonym_key" in said, said
    assert "Traceback" not in said, said
    key.unlink()
    done = project.try_to("up", "--detach", "--no-deps", "pages", "worker")
    assert done.returncode, "a secret that is missing is not noticed"
    assert "pseudonym_key" in done.stdout + done.stderr, done.stderr
    project.clear()
    key.write_text(good)
    key.chmod(0o640)


def isolation(project: Project) -> None:
    """Each container has the rights, limits and secrets of compose.yml and no others, as seen from
    inside.
    """
    for one in project.containers:
        limits, name = one.limits, one.service
        equal(limits["ReadonlyRootfs"], name not in WRITES, f"{name}: read-only root")
        assert limits["Memory"] > 0, f"{name}: no limit of memory"
        assert project.log_is_bounded(one), f"{name}: {limits['LogConfig']}"
        assert limits["PidsLimit"] > 0, f"{name}: no limit of processes"
        assert limits["RestartPolicy"]["Name"] == ("no" if name == "topics" else "unless-stopped")
        for variable in one.found["Config"]["Env"]:
            secrets = (project.secret(secret) for secret in SEES["worker"])
            assert not any(secret in variable for secret in secrets), f"{name}: {variable[:30]}"
        if one.state["Running"] and name not in LEFT_OUT:
            _inside(project, one)


def _inside(project: Project, one: Container) -> None:
    name = one.service.partition("-")[0]
    status = dict(
        line.split(":\t", 1)
        for line in project.inside(one, "cat", "/proc/1/status").splitlines()
        if ":\t" in line
    )
    equal(int(status["CapEff"], 16), 0, f"{name}: capabilities")
    equal(int(status["CapBnd"], 16), 0, f"{name}: capabilities that it could get")
    equal(status["NoNewPrivs"], "1", f"{name}: no new privileges")
    equal(int(status["Uid"].split()[0]), USERS.get(name, OURS), f"{name}: user")
    seen = set(project.inside(one, "sh", "-c", "ls /run/secrets 2>/dev/null; true").split())
    equal(seen, SEES[name], f"{name}: secrets")
    if name not in WRITES:
        said = project.inside(one, "sh", "-c", "echo x > /usr/x || echo x > /etc/x")
        equal(said.lower().count("read-only file system"), 2, f"{name}: {said}")


def from_alarms_to_pages(project: Project, folder: Path) -> Counts:
    """Alarms are counted, scraped, judged, routed, and a page arrives."""
    eventually(hospital.reached, "Prometheus reaches all targets")
    hospital.wait_until_current()
    equal(ask(hospital.WORKER, "/metrics")[0], 401, "metrics without a token")
    token = project.secret("viewer_token")
    equal(ask(hospital.WORKER, "/metrics", project.secret("prometheus_token"))[0], 200, "metrics")
    equal(ask(hospital.WORKER, "/api/v1/units", token)[0], 200, "the interface")
    sent = overloaded(folder, "A")
    assert sent["alarms"] > 500, sent
    wait_until_counted(project, sent)
    accepted = 'sum(alarm_fatigue_events_total{topic="alarms",outcome="accepted"})'
    eventually(lambda: value(accepted) == sent["alarms"], "Prometheus has the numbers")
    firing = 'count(ALERTS{alertname="UnitOverloaded",alertstate="firing"})'
    eventually(lambda: value(firing) == hospital.UNITS, "both units are overloaded")
    eventually(lambda: ("UnitOverloaded", "A01") in hospital.alerts(), "Alertmanager has it")
    eventually(lambda: _pages(project, "A01") == hospital.UNITS, "a page for each unit arrives")
    assert ("Watchdog", "") in hospital.alerts(), "no heartbeat"
    equal(hospital.unhealthy_rules(), [], "rules that fail")
    return sent


def _pages(project: Project, facility: str) -> int:
    """Pages of the charge nurses of a facility, as `pages` shows them."""
    return len(re.findall(rf"  charge-nurse\n\w+, {facility}: overloaded", project.logs("pages")))


def restarts(project: Project, folder: Path, sent: Counts) -> Counts:
    """The worker and Kafka restart: the numbers stay, and new records are counted."""
    project.run("restart", "worker")
    assert project.one("worker").state["ExitCode"] == 0
    wait_until_counted(project, sent)
    project.engine.run("kill", project.one("worker").id)
    project.engine.run("start", project.one("worker").id)
    wait_until_counted(project, sent)
    project.run("restart", "kafka")
    project.wait_until_healthy()
    more = overloaded(folder, "B")
    wait_until_counted(project, sent, more)
    equal(project.one("worker").found["RestartCount"], 0, "restarts of the worker by itself")
    return {topic: sent[topic] + more[topic] for topic in sent}


def down_and_up(project: Project, sent: Counts) -> None:
    """Removed containers start again from their volumes, and nothing is left behind."""
    project.down()
    equal(project.containers, [], "containers that are left")
    equal(anonymous(project.volumes()), [], "volumes without a name that are left")
    project.up()
    wait_until_counted(project, sent)
    silent = 'count_over_time(alarm_fatigue_events_total{topic="alarms",outcome="accepted"}[10m])'
    assert len(query(silent)) >= 1, "Prometheus has lost its data"


def several_workers(project: Project, sent: Counts) -> None:
    """compose.scale.yml: three workers share the partitions, and Prometheus finds each."""
    project.use("scale")
    project.up("--scale", "worker=3")
    wait_until_counted(project, sent)
    equal(len({one.ports[hospital.WORKER] for one in project.of("worker")}), 3, "ports")
    eventually(lambda: hospital.reached(workers=3), "Prometheus reaches three workers")
    held = [hospital.partitions(project, one) for one in project.of("worker")]
    equal(sorted(number for some in held for number in some), [0, 1, 2, 3], "partitions")
    assert all(held), held
    isolation(project)
    project.use()
    project.up("--remove-orphans", "--scale", "worker=1")
    wait_until_counted(project, sent)


def two_of_each(project: Project, folder: Path, sent: Counts) -> Counts:
    """compose.ha.yml: with a Prometheus and an Alertmanager down, a page comes, and once."""
    project.use("ha")
    project.up(more=("prometheus-2", "alertmanager-2", "alertmanager-3"))
    if sent:
        wait_until_counted(project, sent)
    second = 9091
    eventually(lambda: hospital.reached() and hospital.reached(second), "both reach all targets")
    isolation(project)
    peers = '"peers":'
    for port in (9093, 9193, 9293):
        eventually(lambda port=port: ask(port, "/api/v2/status")[1].count('"address"') == 3, peers)
    hospital.wait_until_current((hospital.PROMETHEUS, second), (9093, 9193, 9293))
    for name in ("prometheus", "alertmanager-2"):
        project.run("stop", name)
    more = overloaded(folder, "C")
    wait_until_counted(project, sent, more)
    eventually(
        lambda: _pages(project, "C01") >= hospital.UNITS,
        "pages arrive nevertheless",
        hospital.PAGES_WAIT_SECONDS,
    )
    equal(_pages(project, "C01"), hospital.UNITS, "pages of facility C01")
    assert "no longer overloaded" not in project.logs("pages")
    project.use()
    project.up("--remove-orphans")
    return {topic: sent[topic] + more[topic] for topic in sent}


def encrypted(project: Project, folder: Path, sent: Counts) -> None:
    """compose.tls.yml: the same Kafka asks for a password and encrypts."""
    project.down()
    project.make_secrets("tls")
    project.use("tls")
    project.up()
    wait_until_counted(project, sent)
    settings = folder / "tls.yaml"
    settings.write_text(
        f"broker: 127.0.0.1:{hospital.KAFKA}\n"
        "kafka:\n  security_protocol: SASL_SSL\n  sasl_mechanism: PLAIN\n"
        "  username: alarm-fatigue\n"
        f"  password_file: {project.secrets / 'kafka_password'}\n"
        f"  ca_file: {project.secrets / 'kafka_ca.crt'}\n"
    )
    more = overloaded(folder, "D", "--config", settings)
    wait_until_counted(project, sent, more)
    try:
        overloaded(folder, "E")
    except AssertionError:
        return
    raise AssertionError("Kafka takes records from a client without a password")


def upgraded(project: Project, folder: Path, earlier: str, sent: Counts) -> Counts:
    """Data of an earlier image: counted by this one, and by the earlier one again."""
    project.use_image(earlier)
    project.up()
    more = overloaded(folder, "F")
    wait_until_counted(project, sent, more)
    before = hospital.shown(project)
    project.use_image(SMALL)
    project.up()
    wait_until_counted(project, sent, more)
    equal(hospital.shown(project), before, "units and clinicians after the upgrade")
    last = overloaded(folder, "G")
    wait_until_counted(project, sent, more, last)
    project.use_image(earlier)
    project.up()
    wait_until_counted(project, sent, more, last)
    project.use_image(SMALL)
    project.up()
    wait_until_counted(project, sent, more, last)
    return {topic: sent[topic] + more[topic] + last[topic] for topic in sent}


def restored(project: Project, folder: Path, sent: Counts) -> None:
    """A machine of which only Kafka's data survives is restored from a backup: it shows the same
    numbers, pseudonyms, silences and audit trail.
    """
    before = hospital.shown(project)
    silence = hospital.silence("A01", "MICU")
    audit = project.volume("audit")
    entries = [path.read_text() for path in sorted(audit.glob("*.jsonl"))]
    assert entries, "nothing audited"
    backup = folder / "backup"
    shutil.rmtree(backup, ignore_errors=True)
    tool = [sys.executable, project.deploy / "backup.py"]
    address = ("--alertmanager", f"http://127.0.0.1:{hospital.ALERTMANAGER}")
    parts = ("--keys", project.secrets, "--also", audit)
    subprocess.run([*tool, "save", backup, *parts, *address], check=True, capture_output=True)
    project.down()
    for name in ("audit", "prometheus-data", "alertmanager-data"):
        project.engine.run("volume", "rm", project.volume_name(name))
    shutil.rmtree(project.secrets)

    project.engine.run("volume", "create", project.volume_name("audit"))
    subprocess.run([*tool, "restore", backup], check=True, capture_output=True)
    project.make_secrets()
    project.up()
    subprocess.run([*tool, "silences", backup, *address], check=True, capture_output=True)
    wait_until_counted(project, sent)
    equal(hospital.shown(project), before, "units and clinicians after the restore")
    equal(hospital.silences(), [silence], "silences")
    again = [path.read_text() for path in sorted(audit.glob("*.jsonl"))]
    assert all(new.startswith(old) for old, new in zip(entries, again, strict=True)), "audit"


def everything(project: Project, folder: Path, earlier: str | None, say: Say) -> None:
    """All checks; `earlier`: an image to upgrade from. Raises `AssertionError` at the first that
    fails.
    """
    clear_errors(project)
    say("without secrets, or with a broken one, nothing starts and one line says why")
    project.up()
    project.up()
    say("up: all are healthy; up again changes nothing")
    isolation(project)
    say("read-only roots, no capabilities, limits, secrets, users, logs that rotate")
    sent = from_alarms_to_pages(project, folder)
    say(f"{sent['alarms']} alarms sent: counted, scraped, rules fire, pages arrive")
    sent = restarts(project, folder, sent)
    say("worker restarted and killed, Kafka restarted: the same numbers, and new ones")
    down_and_up(project, sent)
    say("down and up: the same numbers, nothing left behind")
    restored(project, folder, sent)
    say("restored from a backup: the same numbers, pseudonyms, silences and audit")
    if earlier is not None:
        sent = upgraded(project, folder, earlier, sent)
        say(f"from {earlier} to this image, back, and here again: the same numbers")
    several_workers(project, sent)
    say("compose.scale.yml: three workers share the partitions and sum up to the same numbers")
    if project.overrides_what_it_extends:
        sent = two_of_each(project, folder, sent)
        say("compose.ha.yml: one page each while a Prometheus and an Alertmanager are down")
    encrypted(project, folder, sent)
    say("compose.tls.yml: Kafka asks for a password, all reach it, the numbers are kept")


def ha_alone(project: Project, folder: Path, say: Say) -> None:
    """The check of compose.ha.yml and no other. Raises `AssertionError` if it fails."""
    project.make_secrets()
    project.clear()
    two_of_each(project, folder, {})
    say("compose.ha.yml: one page each while a Prometheus and an Alertmanager are down")
