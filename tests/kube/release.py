"""A release of the chart in a cluster, and the records that its workers are given."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread
from typing import Any

import yaml

from streams.simulator import Ward
from tests.harness.workers import Delivery, Message, Numbers, burdens, events, eventually, send
from tests.harness.workers import run as command
from tests.kube import cluster
from tests.kube.broker import ADDRESS, NAME, OutsideKafka
from tests.kube.cluster import HELM, apply, found, is_ready, kubectl, restarts, secret

ROOT = Path(__file__).resolve().parents[2]
CHART = ROOT / "deploy" / "helm" / "alarm-fatigue"
VALUES = Path(__file__).with_name("values.yaml")
NAMESPACE, RELEASE = "clinic", "ward"
FULL = f"{RELEASE}-alarm-fatigue"
USER = "alarm-fatigue"
HOUR = 3_600_000
HOURS = 3
WORKERS = "app.kubernetes.io/component=worker"


class Records:
    """Simulated records of five hospitals, sent part by part, and what must be made of them."""

    def __init__(self, broker: OutsideKafka, folder: Path, key: str, parts: int) -> None:
        self._broker, self._folder = broker, folder
        start = int(time.time() * 1000) // HOUR * HOUR - (HOURS + 1) * HOUR
        ward = Ward(start=start, duration=HOURS * HOUR, facilities=5, units=2, beds=6)
        self._messages = Delivery.of(ward).messages
        self._part = -(-len(self._messages) // parts)
        self.sent = 0
        self.others: dict[tuple[str, str], float] = {}
        """Records by topic and outcome that others sent."""
        key_file = folder / "key-of-replay"
        key_file.touch(0o600)
        key_file.write_text(key)
        self._config = folder / "replay.yaml"
        given = yaml.safe_load(VALUES.read_text())["settings"]
        self._config.write_text(yaml.safe_dump(given | {"pseudonym_key_file": str(key_file)}))

    @property
    def complete(self) -> bool:
        """Whether all parts were sent."""
        return self.sent == len(self._messages)

    def _next(self) -> list[Message]:
        begun = self.sent
        self.sent = min(begun + self._part, len(self._messages))
        assert self.sent > begun, "all parts are sent"
        return self._messages[begun : self.sent]

    def send(self) -> None:
        """The next part, at once."""
        send(self._broker, self._next())

    @contextmanager
    def flowing(self, every: float = 0.5) -> Iterator[None]:
        """The next part, little by little while something is done, and the rest of it after."""
        messages, done = iter(self._next()), Event()

        def flow() -> None:
            rest = list(messages)
            step = max(1, len(rest) // 60)
            while rest and not done.wait(every):
                send(self._broker, rest[:step])
                del rest[:step]
            send(self._broker, rest)

        thread = Thread(target=flow)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()

    def expected(self) -> tuple[Numbers, dict[tuple[str, str], float]]:
        """The numbers that `replay` computes from all sent records, and the records by topic and
        outcome.
        """
        delivery = Delivery(self._messages[: self.sent])
        arguments = delivery.write_accepted(self._folder)
        done = command("replay", *arguments, "--config", self._config)
        assert done.status == 0, done.err
        counts = delivery.counts()
        for key, count in self.others.items():
            counts[key] = counts.get(key, 0) + count
        return burdens(done.numbers), counts


class Release:
    """The chart's release, with all that an administrator brings for it."""

    def __init__(self, broker: OutsideKafka, folder: Path) -> None:
        self.broker, self.folder = broker, folder
        self.key = secrets.token_hex(32)
        self.tokens = {
            name: secrets.token_hex(16)
            for name in ("prometheus_token", "viewer_token", "admin_token", "paging_token")
        }

    # -- what an administrator brings

    def prepare(self) -> None:
        for name in (NAMESPACE, "monitoring", "gateways", "broker"):
            cluster.run("kubectl", "create", "namespace", name)
            label = "pod-security.kubernetes.io/{}=restricted"
            cluster.run(
                "kubectl", "label", "namespace", name, label.format("enforce"), label.format("warn")
            )
        self._name_kafka()
        self._permit()
        password = (self.broker.folder / "password").read_text().strip()
        names = f"DNS:{FULL}.{NAMESPACE}.svc,DNS:*.{FULL}.{NAMESPACE}.svc"
        cert, key = self.broker.authority.sign("web", names)
        apply(
            NAMESPACE,
            secret("kafka-ca", ca__crt=self.broker.authority.cert.read_text()),
            secret("kafka-user", password=password),
            secret(
                "alarm-fatigue", pseudonym_key=self.key, audit_key=secrets.token_hex(32),
                **self.tokens,
            ),
            secret("alarm-fatigue-tls", tls__crt=cert.read_text(), tls__key=key.read_text()),
        )  # fmt: skip

    def _name_kafka(self) -> None:
        port = self.broker.port_for_pods
        apply(
            "broker",
            {
                "apiVersion": "v1",
                "kind": "Service",
                "metadata": {"name": NAME.partition(".")[0]},
                "spec": {"clusterIP": "None", "ports": [{"port": port}]},
            },
            {
                "apiVersion": "discovery.k8s.io/v1",
                "kind": "EndpointSlice",
                "metadata": {
                    "name": "kafka",
                    "labels": {"kubernetes.io/service-name": NAME.partition(".")[0]},
                },
                "addressType": "IPv4",
                "ports": [{"port": port}],
                "endpoints": [{"addresses": [ADDRESS]}],
            },
        )

    def _permit(self) -> None:
        """The service's user may do what `topics acls` says, and nothing else."""
        self.broker.add_users(USER)
        done = command("topics", "acls", "--principal", f"User:{USER}")
        assert done.status == 0, done.err
        self.broker.allow(done.out.decode().splitlines())

    # -- Helm

    def helm(self, *arguments: str, seconds: int = 240) -> str:
        wait = ("--wait", f"--timeout={seconds}s")
        return cluster.run(HELM, *arguments, "--namespace", NAMESPACE, *wait, seconds=seconds + 60)

    def deploy(self, verb: str, *settings: str) -> str:
        """`helm install` or `upgrade`, with values of the form NAME=VALUE."""
        ports = f"kafka.brokers={self.broker.bootstrap}"
        more = [word for one in (ports, *settings) for word in ("--set", one)]
        kafka = json.dumps([{"ipBlock": {"cidr": f"{ADDRESS}/32"}}])
        return self.helm(
            verb, RELEASE, str(CHART), "--values", str(VALUES), *more,
            "--set-json", f"networkPolicy.kafka={kafka}",
        )  # fmt: skip

    # -- workers

    @property
    def workers(self) -> list[dict[str, Any]]:
        return found(NAMESPACE, "pods", WORKERS)

    def ready(self, count: int) -> bool:
        """Whether there are as many workers, all of them ready."""
        pods = self.workers
        return len(pods) == count and all(is_ready(one) for one in pods)

    def shown(self) -> dict[str, Numbers]:
        """The present samples of each worker, by name; empty for one that does not answer."""
        return {
            str(one["metadata"]["name"]): cluster.numbers(
                f"https://{one['status'].get('podIP', '127.0.0.9')}:9464",
                self.tokens["prometheus_token"],
            )
            for one in self.workers
        }

    def shares(self) -> dict[str, frozenset[int]]:
        """The partitions of each worker."""
        return {name: cluster.held(numbers) for name, numbers in self.shown().items()}

    def settle(self, records: Records, workers: int, seconds: float = 120) -> None:
        """Wait until all numbers are those of `replay`. Raises `AssertionError`, with a sample."""
        expected, counts = records.expected()
        last: list[str] = []

        def equal() -> bool:
            shown = self.shown()
            last[:] = differences(expected, counts, shown)
            return len(shown) == workers and not last

        try:
            eventually(equal, "the numbers are those of replay", seconds)
        except AssertionError as error:
            raise AssertionError(f"{error}: {last[:5]} and {max(len(last) - 5, 0)} more") from None

    def warned(self) -> list[str]:
        """Lines of the workers' logs that are not just information."""
        said = [
            json.loads(line)
            for one in self.workers
            for line in kubectl(NAMESPACE, "logs", one["metadata"]["name"]).splitlines()
        ]
        return [one["event"] for one in said if one["level"] not in ("info", "debug")]

    @property
    def restarts(self) -> int:
        return sum(restarts(one) for one in found(NAMESPACE, "pods"))


def differences(
    expected: Numbers,
    counts: Mapping[tuple[str, str], float],
    shown: Mapping[str, Numbers],
) -> list[str]:
    """How what workers show differs from what was expected of all of them."""
    whole: Numbers = {}
    records: dict[tuple[str, str], float] = {}
    wrong = []
    for name, numbers in shown.items():
        for key, value in burdens(numbers).items():
            if dict(key[1]).get("facility") == "General":
                continue  # of the HL7 messages
            if key in whole and whole[key] != value:
                wrong.append(f"{key} of {name}: two workers have it")
            whole[key] = value
        for outcome, count in events(numbers).items():
            records[outcome] = records.get(outcome, 0) + count
    wrong += [
        f"{key}: {whole.get(key)}, expected {expected.get(key)}"
        for key in expected.keys() | whole.keys()
        if expected.get(key) != whole.get(key)
    ]
    return wrong + [
        f"records {outcome}: {records.get(outcome)}, expected {count}"
        for outcome, count in counts.items()
        if records.get(outcome) != count
    ]
