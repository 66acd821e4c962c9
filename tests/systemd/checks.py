"""Checks of the units and their install page, in the order of that page."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml
from prometheus_client.parser import text_string_to_metric_families as parse_text

from streams.dev.broker import Broker
from tests.compose.hospital import ask, overloaded
from tests.harness.workers import Numbers, burdens, events, eventually, numbers_of
from tests.image.checks import equal
from tests.image.engine import CommandFailed
from tests.systemd.machine import Machine

PAGE = Path(__file__).resolve().parents[2] / "deploy" / "systemd" / "README.md"
SETTINGS = "/etc/alarm-fatigue/settings.yaml"
WORKER = "alarm-fatigue@1"
UNITS = (WORKER, *(f"alarm-fatigue-{one}" for one in ("listen", "translate", "archive", "pages")))
PORT = 9464
MOST_EXPOSED = 2.0
SHORT_WATCH = 30
"""In seconds: the program says every 10 s that it lives, and the units wait longer."""
Say = Callable[[str], None]


def commands(heading: str, number: int = 0) -> str:
    """A block of commands of the install page, as a script."""
    text = PAGE.read_text().partition(f"## {heading}\n")[2].partition("\n## ")[0]
    block = re.findall(r"```console\n(.*?)```", text, re.DOTALL)[number]
    return re.sub(r"^\$ ", "", block, flags=re.MULTILINE)


def drop_in() -> str:
    [block] = re.findall(r"```ini\n(.*?)```", PAGE.read_text(), re.DOTALL)
    return re.sub("^  ", "", block, flags=re.MULTILINE)


class Worker:
    """The unit alarm-fatigue@1."""

    def __init__(self, machine: Machine, broker: Broker) -> None:
        self.machine, self.broker = machine, broker

    @property
    def numbers(self) -> Numbers:
        token = self.machine.run("cat /etc/alarm-fatigue/secrets/prometheus_token")
        return numbers_of(parse_text(ask(PORT, "/metrics", token)[1]))

    @property
    def pid(self) -> int:
        return int(self.machine.show(WORKER, "MainPID"))

    @property
    def restarts(self) -> int:
        return int(self.machine.show(WORKER, "NRestarts"))

    def wait_until_ready(self) -> None:
        asked = f"sudo -u alarm-fatigue /opt/alarm-fatigue/bin/alarm-fatigue healthy --ready \
            --config {SETTINGS}"
        eventually(lambda: self.machine.try_to(asked)[0] == 0, "the worker is ready")

    def wait_until(self, restarts: int) -> None:
        """Wait until it has been restarted this often and serves."""
        eventually(
            lambda: (
                self.restarts == restarts and self.machine.show(WORKER, "ActiveState") == "active"
            ),
            f"{WORKER} is started again",
        )
        self.wait_until_ready()


def settings(broker: Broker) -> str:
    """The sample with what an operator would change for this broker."""
    found: dict[str, Any] = yaml.safe_load((PAGE.parent / "settings.yaml").read_text())
    del found["kafka"], found["web"]["tls_cert_file"], found["web"]["tls_key_file"]
    found |= {"broker": broker.address, "replication": 1, "clock": "event"}
    found["privacy"] = {"smallest_group": 1}
    return yaml.safe_dump(found)


def installed(machine: Machine, broker: Broker) -> str:
    """Install from the archive alone, by the commands of the install page. Returns the version."""
    (machine.share / "edited.yaml").write_text(settings(broker))
    machine.run(f"cd /share; {commands('Install')}")
    changed = "mkdir /tmp/changed; tar -C /tmp/changed --strip-components=1 -xzf /share/*.tar.gz; "
    status, said = machine.try_to(
        f"{changed} cd /tmp/changed; echo >>LICENSE; sh install.sh /opt/x"
    )
    assert status == 1, said
    assert "nothing is installed" in said, said
    machine.run(commands("Set up"), seconds=120)
    return machine.run("/opt/alarm-fatigue/bin/alarm-fatigue --version")


def serving(worker: Worker) -> None:
    """After `enable --now` has returned, the worker serves and its status says so."""
    machine = worker.machine
    equal(machine.show(WORKER, "ActiveState"), "active", WORKER)
    equal(machine.show(WORKER, "UnitFileState"), "enabled", WORKER)
    assert str(PORT) in machine.show(WORKER, "StatusText")
    worker.wait_until_ready()


def confined(worker: Worker) -> float:
    """The process has no more rights than its unit gives. Returns systemd's exposure score."""
    machine, pid = worker.machine, worker.pid
    text = machine.run(f"cat /proc/{pid}/status")
    status = dict(line.split(":\t", 1) for line in text.splitlines() if ":\t" in line)
    equal(int(status["CapEff"], 16) | int(status["CapBnd"], 16), 0, "capabilities")
    equal((status["NoNewPrivs"], status["Seccomp"]), ("1", "2"), "no new privileges, seccomp")
    equal(machine.run(f"stat -c %U /proc/{pid}"), "alarm-fatigue", "user")
    within = f"nsenter --target {pid} --mount --setuid $(id -u alarm-fatigue) --setgid \
        $(id -g alarm-fatigue) sh -c"
    said = machine.try_to(f"{within} 'touch /etc/x /opt/alarm-fatigue/x /usr/x; ls /root'")[1]
    equal(said.count("Read-only file system"), 3, said)
    machine.run(f"{within} 'touch /var/lib/alarm-fatigue/x'")
    for unit in UNITS:
        score = machine.run(f"systemd-analyze security {unit} --no-pager | tail -n 1")
        found = re.search(r": ([\d.]+) ", score)
        assert found is not None, score
        assert float(found[1]) < MOST_EXPOSED, f"{unit}: {score}"
    return float(found[1])


def counted(worker: Worker, folder: Path, facility: str) -> Numbers:
    """Send a facility's records, and return the worker's numbers once it has counted them."""
    before = events(worker.numbers).get(("alarms", "accepted"), 0)
    sent = overloaded(folder, facility, "--broker", worker.broker.address)
    expected = before + sent["alarms"]

    def there() -> bool:
        return events(worker.numbers).get(("alarms", "accepted")) == expected

    eventually(there, f"{expected:.0f} alarms are counted")
    return eventually(lambda: _still(worker), "its numbers have come to rest")


def _still(worker: Worker) -> Numbers | None:
    first, second = worker.numbers, worker.numbers
    return second if events(first) == events(second) and burdens(first) == burdens(second) else None


def same(worker: Worker, before: Numbers, when: str) -> None:
    worker.wait_until_ready()
    equal(events(worker.numbers), events(before), f"records {when}")
    assert burdens(worker.numbers) == burdens(before), f"other burdens {when}"


def starts_again(worker: Worker, before: Numbers) -> None:
    """It restarts after SIGKILL and after SIGSTOP, which only the watchdog notices, and drains at
    `systemctl stop`.
    """
    machine = worker.machine
    machine.run(f"kill -KILL {worker.pid}")
    worker.wait_until(restarts=1)
    same(worker, before, "after SIGKILL")

    machine.run(f"kill -STOP {worker.pid}")
    worker.wait_until(restarts=2)
    assert "Watchdog timeout" in machine.journal(WORKER)
    same(worker, before, "after the watchdog")

    machine.run(f"systemctl stop {WORKER}")
    equal(machine.show(WORKER, "Result"), "success", "stop")
    assert '"drained"' in "".join(machine.journal(WORKER).splitlines()[-4:])
    machine.run(f"systemctl start {WORKER}")
    same(worker, before, "after stop and start")


def watch_sooner(machine: Machine) -> None:
    """Shorten WatchdogSec by a drop-in, as `systemctl edit` would, so that the check is quick."""
    folder = "/etc/systemd/system/alarm-fatigue@.service.d"
    text = f"[Service]\\nWatchdogSec={SHORT_WATCH}\\n"
    machine.run(f"mkdir -p {folder}; printf '{text}' >{folder}/watch.conf; systemctl daemon-reload")
    machine.run(f"systemctl restart {WORKER}")


def encrypted_key(worker: Worker, before: Numbers) -> None:
    """The pseudonym key as a credential that systemd decrypts: the same pseudonyms."""
    machine, secrets = worker.machine, "/etc/alarm-fatigue/secrets"
    away = "/etc/alarm-fatigue/pseudonym_key.away"
    (machine.share / "key.conf").write_text(drop_in())
    machine.run(
        f"systemd-creds encrypt --name=pseudonym_key {secrets}/pseudonym_key "
        "/etc/alarm-fatigue/pseudonym_key.cred;"
        f"mv {secrets}/pseudonym_key {away};"
        "cp /share/key.conf /etc/systemd/system/alarm-fatigue@.service.d/; systemctl daemon-reload;"
        f"systemctl restart {WORKER}"
    )
    same(worker, before, "with an encrypted key")
    machine.run(
        f"mv {away} {secrets}/pseudonym_key;"
        "rm /etc/systemd/system/alarm-fatigue@.service.d/key.conf;"
        f"systemctl daemon-reload; systemctl restart {WORKER}"
    )


def upgraded(worker: Worker, before: Numbers, folder: Path, old: str) -> None:
    """To the newer archive, and back by exchanging the folders: the same numbers."""
    machine = worker.machine
    machine.run("sh /share/newer/install.sh", seconds=600)
    machine.run(f"systemctl restart {WORKER}")
    same(worker, before, "after the upgrade")
    version = "/opt/alarm-fatigue/bin/alarm-fatigue --version"
    new = machine.run(version)
    assert new != old, f"{new} is the version of before"
    after = counted(worker, folder, "U")
    machine.run(commands("Upgrade"))
    equal(machine.run(version), old, "version after the way back")
    same(worker, after, "after the way back")


def other_units(machine: Machine) -> None:
    """All of them reach `active` with the settings of the page, and stop."""
    others = " ".join(UNITS[1:])
    try:
        machine.run(f"systemctl start {others}", seconds=200)
    except CommandFailed as error:
        journals = "\n".join(machine.journal(one)[-1000:] for one in UNITS[1:])
        raise AssertionError(f"{error}\n{journals}") from None
    for one in UNITS[1:]:
        assert machine.show(one, "StatusText"), one
    machine.run("systemctl stop 'alarm-fatigue*'", seconds=200)
    for one in UNITS:
        equal(machine.show(one, "Result"), "success", f"{one} at its end")


def everything(machine: Machine, broker: Broker, folder: Path, say: Say) -> None:
    """All checks. Raises `AssertionError` at the first that fails."""
    old = installed(machine, broker)
    say(f"{old} installed from the archive alone, set up by the commands of the page")
    worker = Worker(machine, broker)
    serving(worker)
    say(f"active: {machine.show(WORKER, 'StatusText')}")
    exposed = confined(worker)
    say(f"exposure {exposed}; no capability, nothing but its own folder can be written")
    before = counted(worker, folder, "S")
    watch_sooner(machine)
    starts_again(worker, before)
    say("SIGKILL, watchdog after SIGSTOP, stop and start: back with the same numbers")
    encrypted_key(worker, before)
    say("the key as an encrypted credential: the same pseudonyms")
    upgraded(worker, before, folder, old)
    say("upgraded to a newer archive and back: the same numbers")
    other_units(machine)
    say("listen, translate, archive and pages become active, and all units stop")
