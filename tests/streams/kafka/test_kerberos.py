"""GSSAPI, on a real Apache Kafka and a real Kerberos server."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from streams.kafka.handshake import reason
from streams.settings import load
from tests.harness.kerberos import Kerberos, KerberosKafka
from tests.harness.secured import alarm
from tests.harness.workers import WorkerProcess, events, eventually, run


def test_all_clients_log_in_with_the_key_in_a_keytab(
    kerberos: Kerberos,
    kerberos_kafka: KerberosKafka,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = {
        "broker": kerberos_kafka.secured,
        "partitions": 1,
        "kafka": {"security_protocol": "SASL_PLAINTEXT", "sasl_mechanism": "GSSAPI"},
    }
    config, file = tmp_path / "kafka.yaml", tmp_path / "alarms.jsonl"
    config.write_text(yaml.safe_dump(found))
    file.write_text(alarm(1) + "\n")
    place = f"no connection to Kafka at {kerberos_kafka.secured}: the login by GSSAPI failed ("
    says = reason(load(config))
    assert says is not None
    assert says.startswith(place), says  # there is no ticket

    monkeypatch.setenv("KRB5_CLIENT_KTNAME", str(kerberos.keytab("alarm-worker")))
    assert reason(load(config)) is None
    done = run("topics", "--config", config)
    assert done.status == 0, done
    sent = run("publish", "--alarms", file, "--fast", "--config", config)
    assert sent.status == 0, sent
    with WorkerProcess(kerberos_kafka, tmp_path, **found, clock="wall") as worker:
        worker.wait_until_ready()
        eventually(
            lambda: events(worker.numbers).get(("alarms", "accepted")) == 1, "the alarm is read"
        )
        assert worker.stop() == 0

    other = found["kafka"] | {"kerberos_service": "elsewhere"}
    config.write_text(yaml.safe_dump(found | {"kafka": other}))
    says = reason(load(config))
    assert says is not None
    assert says.startswith(place), says
    assert "elsewhere/127.0.0.1@HOSPITAL.TEST not found" in says
