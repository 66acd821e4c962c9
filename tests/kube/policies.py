"""Network policies: what is needed gets through, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping

from tests.harness.workers import eventually
from tests.kube.broker import ADDRESS, NAME
from tests.kube.checks import WORKER, Say
from tests.kube.cluster import found, kubectl
from tests.kube.parts import SERVICE, python
from tests.kube.release import FULL, NAMESPACE, Records, Release

_CONNECT = """
import concurrent.futures, json, socket, sys
def opens(place):
    host, _, port = place.rpartition(":")
    try:
        socket.create_connection((host, int(port)), 3).close()
    except OSError:
        return False
    return True
with concurrent.futures.ThreadPoolExecutor(16) as pool:
    print(json.dumps(dict(zip(sys.argv[1:], pool.map(opens, sys.argv[1:])))))
"""


def enforced(release: Release, _: Records, say: Say) -> None:
    """The network policies hold: which pod may connect to which. Raises `AssertionError` with the
    connections that differ.
    """
    kafka, server = f"{NAME}:{release.broker.port_for_pods}", f"{ADDRESS}:6443"
    address = {
        part: found(NAMESPACE, "pods", f"app.kubernetes.io/component={part}")[0]["status"]["podIP"]
        for part in ("worker", "listen", "translate", "archive", "pages")
    }
    page, hl7 = f"{WORKER}.{SERVICE}:9464", f"{FULL}-listen.{NAMESPACE}.svc:2575"
    webhook = f"{FULL}-pages.{NAMESPACE}.svc:9095"
    hl7_numbers = f"{address['listen']}:9465"
    translated, kept = f"{address['translate']}:9466", f"{address['archive']}:9467"
    every = (page, hl7, webhook, hl7_numbers, translated, kept, kafka, server)
    _watched(
        "monitoring", "guest", every,
        {page, webhook, hl7_numbers, translated, kept, kafka, server},
    )  # fmt: skip
    _watched("gateways", "guest", every, {hl7, kafka, server})
    for part in ("worker", "listen", "translate", "archive"):
        pod = found(NAMESPACE, "pods", f"app.kubernetes.io/component={part}")[0]
        # what the pod serves itself is not asked of it
        others = [one for one in every if address[part] not in one and one != _own(part, page, hl7)]
        _watched(NAMESPACE, pod["metadata"]["name"], others, {kafka})
    pod = found(NAMESPACE, "pods", "app.kubernetes.io/component=pages")[0]
    _watched(NAMESPACE, pod["metadata"]["name"], (page, hl7, kept, kafka, server), set())

    # All of it is open without the policies: what was refused was there, and they refused it.
    policies = kubectl(NAMESPACE, "get", "networkpolicies", "--output=yaml")
    kubectl(NAMESPACE, "delete", "networkpolicies", "--all")
    eventually(
        lambda: all(python("gateways", "guest", _CONNECT, *every).values()),
        "all is open without policies",
    )
    kubectl(NAMESPACE, "create", "-f", "-", given=policies)
    eventually(
        lambda: not python("gateways", "guest", _CONNECT, page)[page], "policies are there again"
    )
    say("network policies: 5 kinds of pods and 2 of guests reach what they need, and nothing else")


def _own(part: str, page: str, hl7: str) -> str:
    return {"worker": page, "listen": hl7}.get(part, "")


def _watched(
    namespace: str, pod: str, places: tuple[str, ...] | list[str], opens: set[str]
) -> None:
    shown: Mapping[str, bool] = python(namespace, pod, _CONNECT, *places)
    wrong = {one: is_open for one, is_open in shown.items() if is_open is not (one in opens)}
    assert not wrong, f"from {namespace}/{pod}, whether it could connect: {wrong}"
