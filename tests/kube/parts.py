"""The parts of a release beside its workers, as others in the cluster reach them, and what Helm
says of values that cannot be.
"""

from __future__ import annotations

import base64
import json
import time
from datetime import UTC, datetime
from typing import Any

from tests.analyzer.hl7.messages import alert
from tests.harness.workers import eventually, read
from tests.kube import cluster
from tests.kube.checks import WORKER, Say
from tests.kube.cluster import HELM, apply, attempt, kubectl
from tests.kube.release import CHART, FULL, NAMESPACE, VALUES, Records, Release

SERVICE = f"{FULL}.{NAMESPACE}.svc"


def guest(namespace: str) -> None:
    """A pod of somebody else, with Python, that does nothing by itself."""
    container = {
        "name": "guest",
        "image": "alarm-fatigue:0.1.0",
        "command": ["sleep", "infinity"],
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "runAsNonRoot": True,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
    }
    apply(
        namespace,
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": "guest"},
            "spec": {"containers": [container], "terminationGracePeriodSeconds": 0},
        },
    )
    kubectl(namespace, "wait", "--for=condition=Ready", "pod/guest", "--timeout=90s")


def python(namespace: str, pod: str, script: str, *arguments: str) -> Any:
    """Run a script in a pod and return the JSON that it prints."""
    said = kubectl(namespace, "exec", pod, "--", "python", "-c", script, *arguments)
    return json.loads(said.splitlines()[-1])


_ASK = """
import json, ssl, sys, urllib.error, urllib.request
address, token, body, authority = sys.argv[1:]
given = {"Authorization": "Bearer " + token} if token else {}
asked = urllib.request.Request(address, body.encode() or None, given)
context = ssl.create_default_context(cadata=authority) if authority else None
try:
    with urllib.request.urlopen(asked, timeout=10, context=context) as answer:
        print(json.dumps([answer.status, len(answer.read())]))
except urllib.error.HTTPError as error:
    print(json.dumps([error.code, 0]))
"""
_SEND = """
import base64, json, socket, sys
with socket.create_connection((sys.argv[1], int(sys.argv[2])), 10) as gateway:
    gateway.sendall(b"\\x0b" + base64.b64decode(sys.argv[3]) + b"\\x1c\\r")
    answer = b""
    while not answer.endswith(b"\\x1c\\r") and (more := gateway.recv(4096)):
        answer += more
print(json.dumps(answer.decode()))
"""
_ROWS = """
import glob, json, sys
import polars as pl
files = glob.glob("/var/lib/alarm-fatigue/archive/episodes/**/rows.parquet", recursive=True)
rows = [pl.read_parquet(one, hive_partitioning=False) for one in files]
print(json.dumps([sum(map(len, rows)), sum(one["alarm_id"].n_unique() for one in rows)]))
"""


def refused(release: Release, say: Say) -> None:
    """Helm says what is wrong at once, and installs nothing."""
    install = (HELM, "install", "wrong", str(CHART), "--namespace", NAMESPACE, "--values")
    brokers = f"--set=kafka.brokers={release.broker.bootstrap}"
    for more, said in (
        (("--set=worker.replicas=many",), "got string, want integer"),
        (("--set=existingSecret=absent",), "existingSecret: the namespace clinic has no Secret"),
        (("--set=pages.tokenKey=absent",), "the Secret alarm-fatigue lacks absent (checkSecrets"),
        (("--set=kafka.sasl.secret=absent",), "kafka.sasl.secret: the namespace clinic has no"),
        (("--set=web.tls.secret=kafka-ca",), "web.tls.secret: the Secret kafka-ca lacks tls."),
        (("--set=kafka.sasl.mechanism=",), "kafka.sasl.mechanism: expected one, as"),
    ):
        begun = time.monotonic()
        done = attempt(*install, str(VALUES), brokers, *more)
        assert done.returncode, more
        assert said in done.stderr, (said, done.stderr)
        assert time.monotonic() - begun < 60, "it does not wait for pods"
    assert (
        json.loads(cluster.run(HELM, "list", "--all", "--namespace", NAMESPACE, "-o", "json")) == []
    )
    say("wrong values and missing Secrets are refused in one line before anything is installed")


def reached(release: Release, records: Records, say: Say) -> None:
    """Prometheus, gateways and Alertmanager reach what is theirs, by name and with their tokens."""
    for namespace in ("monitoring", "gateways"):
        guest(namespace)
    _scraped(release)
    say("metrics through the Service's names, over TLS with the site's authority")
    _paged(release)
    say("a webhook of Alertmanager's is taken with its token only")
    _translated(release, records)
    say("an HL7 message through the Service is acknowledged and becomes an alarm")


def _scraped(release: Release) -> None:
    authority = release.broker.authority.cert.read_text()
    token = release.tokens["prometheus_token"]
    for name in (SERVICE, f"{WORKER}.{SERVICE}"):
        address = f"https://{name}:9464/metrics"
        status, size = python("monitoring", "guest", _ASK, address, token, "", authority)
        assert (status, size > 10_000) == (200, True), (address, status, size)
        assert python("monitoring", "guest", _ASK, address, "", "", authority) == [401, 0]


def _paged(release: Release) -> None:
    labels = {"alertname": "UnitOverloaded", "facility": "H01", "unit": "MICU", "severity": "page"}
    page = {
        "version": "4",
        "receiver": "page",
        "status": "firing",
        "groupLabels": labels,
        "commonLabels": labels,
        "commonAnnotations": {},
        "externalURL": "",
        "alerts": [
            {
                "status": "firing",
                "labels": labels,
                "annotations": {"summary": "MICU is overloaded"},
                "startsAt": datetime.now(UTC).isoformat(),
                "endsAt": "0001-01-01T00:00:00Z",
                "fingerprint": "0123456789abcdef",
            }
        ],
    }
    address = f"http://{FULL}-pages.{NAMESPACE}.svc:9095/page"
    ask = ("monitoring", "guest", _ASK, address)
    assert python(*ask, "", json.dumps(page), "")[0] == 401
    assert python(*ask, release.tokens["paging_token"], json.dumps(page), "")[0] == 200
    said = kubectl(NAMESPACE, "logs", f"deployment/{FULL}-pages")
    assert "MICU is overloaded" in said, said


def _translated(release: Release, records: Records) -> None:
    now = datetime.now(UTC).strftime("%Y%m%d%H%M%S+0000")
    message = base64.b64encode(alert("start", onset=now, time=now)).decode()
    address = f"{FULL}-listen.{NAMESPACE}.svc"
    answer = python("gateways", "guest", _SEND, address, "2575", message)
    assert "MSA|CA|1" in answer, answer
    records.others["alarms", "accepted"] = 1.0
    release.settle(records, 3)
    kept = [json.loads(one.value) for one in read(release.broker, "alarms") if one.value]
    assert [one["unit"] for one in kept if one["facility"] == "General"] == ["ICU"]


def archived(release: Release, _: Records, say: Say) -> None:
    """Each finished alarm is in the archive once."""
    ids = {json.loads(one.value)["alarm_id"] for one in read(release.broker, "episodes")}

    def all_there() -> bool:
        rows, unique = python(NAMESPACE, f"{FULL}-archive-0", _ROWS)
        return bool(rows == unique == len(ids))

    eventually(all_there, f"the archive holds {len(ids)} episodes")
    look = "ls /mnt/archive/archive && touch /mnt/archive/x"
    seen = attempt("kubectl", "--namespace", NAMESPACE, "exec", WORKER, "--", "sh", "-c", look)
    assert "episodes" in seen.stdout, seen
    assert "Read-only file system" in seen.stderr, seen
    say(f"the archive holds all {len(ids)} episodes once; workers read it and cannot write to it")
