"""The programs that create topics of their own, on a real Apache Kafka with TLS, SASL and ACLs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from kafka import KafkaAdminClient

from bench.__main__ import main as bench
from tests.harness.secured import PASSWORD, SecuredKafka
from tests.harness.workers import WorkerProcess, eventually, run


@pytest.fixture
def config(secured_kafka: SecuredKafka) -> Path:
    """The settings file of a user who may do everything."""
    secured_kafka.add_users("af-all")
    secured_kafka.allow(
        f"kafka-acls.sh --allow-principal User:af-all --operation All --{kind} '*'"
        for kind in ("topic", "group")
    )
    return secured_kafka.file("af-all.yaml", yaml.safe_dump(secured_kafka.settings("af-all")))


def left(kafka: SecuredKafka, begin: str) -> set[str]:
    admin = KafkaAdminClient(bootstrap_servers=kafka.address)
    try:
        return {name for name in admin.list_topics() if name.startswith(begin)}
    finally:
        admin.close()


def test_the_demo_runs_on_a_secured_kafka_and_deletes_its_state(
    secured_kafka: SecuredKafka, config: Path
) -> None:
    done = run("demo", "--config", config, "--for", "2s")
    assert done.status == 0, done
    said = done.out.decode()
    assert f"Kafka at {secured_kafka.at('sasl_ssl')}; simulated facility: demo-" in said
    assert said.endswith(" records processed\nstopped\n")
    assert left(secured_kafka, "alarm-fatigue-demo") == set()
    assert PASSWORD not in said


def test_the_benchmark_runs_on_a_secured_kafka_in_topics_of_its_own(
    secured_kafka: SecuredKafka, config: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    before = left(secured_kafka, "")
    arguments = ["quick", "--records", "20000", "--facilities", "4", "--config", str(config)]
    assert bench(arguments) == 0
    shown = capfd.readouterr()
    found = json.loads(shown.out.splitlines()[-1])
    assert (found["records"], found["aiokafka_events_per_s"]) == (found["records_offered"], None)
    assert left(secured_kafka, "") - {"__consumer_offsets"} == before - {"__consumer_offsets"}
    assert PASSWORD not in shown.out + shown.err


def test_the_benchmark_says_which_step_failed(
    secured_kafka: SecuredKafka, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    wrong = secured_kafka.settings()
    wrong["kafka"] |= {"password_file": str(secured_kafka.file("not-it", "not it"))}
    path = tmp_path / "wrong.yaml"
    path.write_text(yaml.safe_dump(wrong))
    assert bench(["quick", "--records", "2000", "--facilities", "1", "--config", str(path)]) == 1
    assert (
        f"error: no connection to Kafka at {secured_kafka.at('sasl_ssl')}: the broker refuses the "
        "credentials of user someone by SCRAM-SHA-512 (" in capfd.readouterr().err
    )


def test_a_worker_whose_password_is_withdrawn_says_so_and_goes_on_with_a_new_one(
    secured_kafka: SecuredKafka, config: Path, tmp_path: Path
) -> None:
    kafka, password = secured_kafka, tmp_path / "password"
    password.write_text(PASSWORD + "\n")
    kafka.add_users("af-withdrawn")
    kafka.allow(
        f"kafka-acls.sh --allow-principal User:af-withdrawn --operation All --{kind} '*'"
        for kind in ("topic", "group")
    )
    found = kafka.settings("af-withdrawn", "brief") | {"group": "withdrawn"}
    found["kafka"] |= {"topic_prefix": "withdrawn.", "password_file": str(password)}
    own = kafka.file("withdrawn.yaml", yaml.safe_dump(found))
    eventually(lambda: run("topics", "--config", own).status == 0, "the topics exist", 30)
    with WorkerProcess(kafka, tmp_path, **found) as worker:
        worker.wait_until_ready()
        kafka.remove_user("af-withdrawn")
        lines = eventually(lambda: logged(worker, "the broker does not answer"), "it is logged")
        assert lines[0]["reason"].startswith(
            f"no connection to Kafka at {kafka.at('brief')}: the broker refuses the credentials of "
            "user af-withdrawn by SCRAM-SHA-512 ("
        )
        kafka.add_users("af-withdrawn", password="another one")
        password.write_text("another one\n")
        eventually(lambda: logged(worker, "the broker answers again"), "it goes on")
        worker.wait_until_ready()
        assert len(logged(worker, "the broker does not answer")) == 1
        assert worker.stop() == 0


def logged(worker: WorkerProcess, event: str) -> list[dict[str, Any]]:
    lines = [line for line in worker.log.read_text().splitlines() if line.startswith("{")]
    return [one for one in map(json.loads, lines) if one["event"].startswith(event)]
