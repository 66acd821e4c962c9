"""Checks of a release, in the order in which an administrator would work with it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from threading import Event, Thread

from tests.harness.workers import eventually, read_by_generation
from tests.kube import cluster
from tests.kube.cluster import attempt, found, is_ready, kubectl
from tests.kube.release import FULL, NAMESPACE, RELEASE, Records, Release

Say = Callable[[str], None]
Shares = dict[str, frozenset[int]]
PARTS = 7
PARTITIONS = frozenset(range(4))
WORKER = f"{FULL}-0"
OTHER_VALUES = ("settings.log_level=debug", "web.url=https://alarms.example.org")


def whole(shares: Shares) -> bool:
    """Whether each partition is held by one worker, and each worker holds some."""
    numbers = [one for held in shares.values() for one in held]
    return all(shares.values()) and sorted(numbers) == sorted(PARTITIONS)


@contextmanager
def staying(release: Release, what: str) -> Iterator[None]:
    """Each worker holds its partitions again afterwards, and no other had them in between."""
    before: Shares = eventually(
        lambda: shares if whole(shares := release.shares()) else None, "partitions are shared"
    )
    moved: list[str] = []
    done = Event()

    def watch() -> None:
        while not done.wait(0.3):
            for name, numbers in release.shares().items():
                if more := numbers - before.get(name, frozenset()):
                    moved.append(f"{name} got {sorted(more)}")

    watching = Thread(target=watch)
    watching.start()
    try:
        yield
        eventually(lambda: release.shares() == before, f"{what}: all partitions are back")
    finally:
        done.set()
        watching.join()
    assert not moved, f"{what}: {moved}; before: {before}"


def installed(release: Release, records: Records, say: Say) -> None:
    """Helm waits until all pods are ready; nothing warns, restarts or has rights."""
    release.deploy("install")
    pods = found(NAMESPACE, "pods")
    parts = sorted(one["metadata"]["labels"]["app.kubernetes.io/component"] for one in pods)
    expected = ["archive", *["listen"] * 2, "pages", *["translate"] * 2, *["worker"] * 3]
    assert parts == expected, f"{parts}: the job of the topics is gone, the rest is there"
    assert all(map(is_ready, pods))
    records.send()
    release.settle(records, 3)
    told = kubectl(NAMESPACE, "exec", WORKER, "--", "sh", "-c", _RIGHTS).split()
    assert told == ["10001", "10001", "CapEff:", "0" * 16, "Seccomp:", "2", "440", "0:10001"], told
    assert release.warned() == [], release.warned()
    assert release.restarts == 0
    notes = cluster.run(cluster.HELM, "get", "notes", RELEASE, "--namespace", NAMESPACE)
    assert f"rollout status statefulset/{FULL}" in notes
    say("installed: all pods ready without restarts, rights and warnings; numbers as by replay")


_RIGHTS = (
    "id -u; id -g; grep -h -e CapEff -e Seccomp: /proc/1/status; "
    "stat -L -c '%a %u:%g' /run/secrets/alarm-fatigue/pseudonym_key"
)


def restarted(release: Release, records: Records, say: Say) -> None:
    with staying(release, "rolling restart"), records.flowing():
        kubectl(NAMESPACE, "rollout", "restart", f"statefulset/{FULL}")
        kubectl(NAMESPACE, "rollout", "status", f"statefulset/{FULL}", "--timeout=240s")
    release.settle(records, 3)
    say("rolling restart: no partition moved, numbers as by replay")


def upgraded(release: Release, records: Records, say: Say) -> None:
    with staying(release, "upgrade"), records.flowing():
        release.deploy("upgrade", *OTHER_VALUES)
    release.settle(records, 3)
    shown = kubectl(NAMESPACE, "exec", WORKER, "--", "cat", "/etc/alarm-fatigue/settings.yaml")
    assert "log_level: debug" in shown
    say("upgrade with other values: no partition moved, numbers as by replay")


def killed(release: Release, records: Records, say: Say) -> None:
    with staying(release, "forced deletion"), records.flowing():
        gone = found(NAMESPACE, "pods", "app.kubernetes.io/component=worker")[0]["metadata"]["uid"]
        kubectl(NAMESPACE, "delete", "pod", WORKER, "--force", "--grace-period=0")
        eventually(
            lambda: release.ready(3) and release.workers[0]["metadata"]["uid"] != gone,
            "it is back",
        )
    release.settle(records, 3)
    say("pod deleted by force: no partition moved, numbers as by replay")


def drained(release: Release, records: Records, say: Say) -> None:
    """The disruption budget lets one worker go at a time; it has nowhere to go to."""
    with records.flowing():
        done = attempt(
            "kubectl", "drain", "node1", "--ignore-daemonsets", "--delete-emptydir-data",
            "--pod-selector=app.kubernetes.io/component=worker", "--timeout=20s",
        )  # fmt: skip
        assert done.returncode != 0
        assert "would violate the pod's disruption budget" in done.stderr, done.stderr
        left = [one["metadata"]["name"] for one in release.workers if is_ready(one)]
        assert len(left) == 2, left
        cluster.run("kubectl", "uncordon", "node1")
        eventually(lambda: release.ready(3), "the third is back")
    release.settle(records, 3)
    say("drain: held back by the disruption budget with two of three workers left")


def scaled(release: Release, records: Records, say: Say) -> None:
    with records.flowing():
        for count in (4, 2):
            release.deploy("upgrade", *OTHER_VALUES, f"worker.replicas={count}")
            eventually(partial(release.ready, count), f"{count} workers")
            eventually(
                lambda: whole(release.shares()), f"{count} workers share the partitions", 120
            )
    release.settle(records, 2)
    said = attempt(
        cluster.HELM, "upgrade", RELEASE, "deploy/helm/alarm-fatigue", "--namespace", NAMESPACE,
        "--reuse-values", "--set=worker.replicas=5",
    )  # fmt: skip
    assert "worker.replicas: expected topics.partitions (4) at most" in said.stderr, said.stderr
    say("scaled to 4 and 2 workers: all partitions are read, numbers as by replay")


def rolled_back(release: Release, records: Records, say: Say) -> None:
    with records.flowing():
        release.helm("rollback", RELEASE, "1")
        eventually(lambda: release.ready(3), "three workers again")
    release.settle(records, 3)
    assert records.complete
    ids: dict[str, bytes] = {}
    for one in read_by_generation(release.broker, "episodes"):
        ids[json.loads(one.value)["alarm_id"]] = one.value
    assert len(ids) > 100
    assert release.restarts == 0
    say(f"rolled back to the first revision: numbers as by replay; {len(ids)} episodes kept")


def uninstalled(release: Release, _: Records, say: Say) -> None:
    release.helm("uninstall", RELEASE)

    def left() -> list[str]:
        kinds = "all,configmaps,networkpolicies,poddisruptionbudgets,jobs"
        return kubectl(NAMESPACE, "get", kinds, "--output=name").split()

    # the garbage collector has Helm's pods after Helm is done
    eventually(lambda: left() == ["configmap/kube-root-ca.crt"], "nothing is left")
    kept = [one["metadata"]["name"] for one in found(NAMESPACE, "persistentvolumeclaims")]
    assert [one for one in kept if one.startswith("archive-")], kept
    say("uninstalled: nothing is left but the volumes and what the administrator brought")
