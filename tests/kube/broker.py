"""A Kafka outside the cluster, with TLS, passwords and permissions."""

from __future__ import annotations

import os
from pathlib import Path

from tests.harness.secured import SecuredKafka

ADDRESS = os.environ.get("NODE_ADDRESS", "127.0.0.1")
NAME = "kafka.broker.svc"
"""The broker's name for pods, and so the name in its certificate."""


class OutsideKafka(SecuredKafka):
    """Its listener `sasl_ssl` is at the node's address; the test itself uses loopback."""

    @property
    def port_for_pods(self) -> int:
        return self.ports["sasl_ssl"]

    @property
    def bootstrap(self) -> str:
        return f"{NAME}:{self.port_for_pods}"

    def _properties(self) -> dict[str, object]:
        found = super()._properties()
        for setting, place in (
            ("listeners", f"{ADDRESS}:{self.port_for_pods}"),
            ("advertised.listeners", self.bootstrap),
        ):
            found[setting] = str(found[setting]).replace(self.at("sasl_ssl"), place)
        store: Path = self.authority.keystore("kafka", f"DNS:{NAME}")
        found["listener.name.saslssl.ssl.keystore.location"] = store
        return found
