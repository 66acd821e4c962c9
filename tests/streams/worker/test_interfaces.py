"""A live worker's pages, metrics and log, and the errors that keep it from starting."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from urllib.parse import urlencode

from streams.dev.broker import EmbeddedBroker
from tests.harness.needs import need
from tests.harness.wards import AT, alarm, small_ward, wait_until_taken_in
from tests.harness.workers import Message, WorkerProcess, eventually, run, send


def test_pages_tell_health_at_once_and_readiness_once_partitions_are_held(
    own_broker: EmbeddedBroker, tmp_path: Path
) -> None:
    with WorkerProcess(own_broker, tmp_path) as worker:
        assert eventually(
            lambda: worker.get("/healthz")[0] and worker.get("/healthz"), "the pages are there"
        ) == (200, "ok\n")
        answers = [
            eventually(lambda: worker.get("/ready")[0] and worker.get("/ready"), "an answer")
        ]
        while answers[-1][0] != 200:
            answers.append(worker.get("/ready"))
        assert {status for status, _ in answers[:-1]} <= {503}
        assert answers[-1] == (200, "ready\n")
        assert len(answers) > 1
        assert worker.get("/nothing")[0] == 404
        assert worker.held == {0, 1, 2, 3}


def test_findings_are_those_of_the_same_facts_in_files(
    own_broker: EmbeddedBroker, tmp_path: Path
) -> None:
    delivery, history = small_ward(3), tmp_path / "history"
    files = delivery.write_accepted(tmp_path)
    assert run("replay", *files, "--pseudonyms", "off", "--archive", history).status == 0
    send(own_broker, delivery.messages)
    with WorkerProcess(own_broker, tmp_path, archive={"path": str(history)}) as worker:
        worker.wait_until_ready()
        wait_until_taken_in([worker], len(delivery.messages))
        one = json.loads(worker.get("/api/v1/units")[1])["units"][0]
        place = urlencode({name: one[name] for name in ("facility", "unit")})
        week = json.loads(worker.get(f"/api/v1/week?{place}")[1])
        # the ward has been there for less than a day
        assert week["nothing"] == "the archive holds nothing of this unit in the last 14 days"
        status, text = worker.get("/api/v1/findings?window=2h&top=5")
        replayed = run(
            "findings", *delivery.write_accepted(tmp_path), "--window", "2h", "--top", "5", "--json"
        )
        assert (status, text) == (200, replayed.out.decode())
        assert len(json.loads(text)["units"]) > 1
        said = run(
            "findings",
            "--worker",
            f"http://127.0.0.1:{worker.port}",
            "--window",
            "2h",
            "--top",
            "5",
        )
        assert (
            said.out
            == run(
                "findings", *delivery.write_accepted(tmp_path), "--window", "2h", "--top", "5"
            ).out
        )
        refused = run("findings", "--worker", f"http://127.0.0.1:{worker.port}/", "--window", "3h")
        assert (refused.status, refused.err.partition(": window: ")[2]) == (
            1,
            "expected one of 10m, 1h, 2h, 12h\n",
        )


def test_the_page_and_its_interface_show_what_metrics_show_to_whoever_has_the_token(
    own_broker: EmbeddedBroker, tmp_path: Path
) -> None:
    delivery = small_ward(3)
    send(own_broker, delivery.messages)
    token = tmp_path / "token"
    token.write_text("a-token-of-this-test-0123456789\n")
    with WorkerProcess(own_broker, tmp_path, pseudonyms=True) as worker:
        worker.wait_until_ready()
        wait_until_taken_in([worker], len(delivery.messages))
        numbers = worker.numbers

        def told() -> dict[tuple[str, str], float]:
            units = json.loads(worker.get("/api/v1/units")[1])["units"]
            return {(one["facility"], one["unit"]): one["alarms"]["12h"]["all"] for one in units}

        expected: dict[tuple[str, str], float] = {}
        for (name, labels), value in numbers.items():
            of = dict(labels)
            if name == "alarm_fatigue_unit_alarms" and of["window"] == "12h":
                expected[of["facility"], of["unit"]] = (
                    expected.get((of["facility"], of["unit"]), 0) + value
                )
        eventually(lambda: told() == expected, "the interface says what the metrics say")
        assert len(expected) > 1
        assert worker.get("/")[1].startswith("<!doctype html>")
        assert worker.get("/graph")[0] == worker.get("/router/")[0] == 404
        assert worker.stop() == 0
        web = {"port": worker.port, "token_file": str(token)}
    with WorkerProcess(own_broker, tmp_path, name="guarded", web=web) as worker:
        worker.port = web["port"]
        worker.wait_until_ready()  # which asks without one
        assert [worker.get(path)[0] for path in ("/", "/metrics", "/api/v1/units", "/healthz")] == [
            401,
            401,
            401,
            200,
        ]
        assert token.read_text().strip() not in worker.log.read_text()


def test_metrics_come_as_text_and_as_openmetrics(
    own_broker: EmbeddedBroker, tmp_path: Path
) -> None:
    send(own_broker, [Message("alarms", b"H01", alarm(1), AT)])
    with WorkerProcess(own_broker, tmp_path) as worker:
        worker.wait_until_ready()
        wait_until_taken_in([worker], 1)
        _, text = worker.get("/metrics")
        _, openmetrics = worker.get("/metrics", "application/openmetrics-text; version=1.0.0")
        assert openmetrics.endswith("# EOF\n")
        assert "# EOF" not in text
        assert (
            'alarm_fatigue_unit_alarms{facility="H01",priority="high",unit="ICU",window="12h"} 1.0'
            in text
        )
        assert "\nalarm_fatigue_build_info{" in text
        checked = subprocess.run(
            [need("promtool"), "check", "metrics"],
            input=text,
            capture_output=True,
            text=True,
            check=False,
        )
        assert (checked.returncode, checked.stdout, checked.stderr) == (0, "", "")


def test_every_line_of_the_log_is_a_json_object_that_says_when_what_and_how_bad(
    own_broker: EmbeddedBroker, tmp_path: Path
) -> None:
    with WorkerProcess(own_broker, tmp_path, log_level="debug") as worker:
        worker.wait_until_ready()
        assert worker.stop() == 0
        assert all(
            {"event", "level", "logger", "timestamp"} <= word.keys() for word in worker.words
        )
        said = [word["event"] for word in worker.words if word["logger"] == "alarm_fatigue"]
        assert [
            word for word in said if word in ("worker starting", "partitions held", "drained")
        ] == [
            "worker starting",
            "partitions held",
            "drained",
        ]


def test_a_taken_port_is_one_line(
    own_broker: EmbeddedBroker, embedded_broker: EmbeddedBroker
) -> None:
    done = run("worker", "--broker", own_broker.address, "--port", str(embedded_broker.port))
    assert (done.status, done.out) == (1, b"")
    [line] = done.err.splitlines()
    assert line.startswith(
        f"error: cannot serve on 127.0.0.1:{embedded_broker.port}: Address already in use"
    )


def test_missing_topics_are_one_error_line_that_says_how_to_create_them(
    own_broker: EmbeddedBroker, embedded_broker: EmbeddedBroker, tmp_path: Path
) -> None:
    (tmp_path / "alarms.jsonl").write_bytes(alarm(1))
    with EmbeddedBroker() as empty:
        done = run("worker", "--broker", empty.address)
        assert (done.status, done.err) == (
            1,
            "error: topic alarms: missing (and 7 more); run: alarm-fatigue topics --broker "
            f"{empty.address}\n",
        )
        done = run("publish", "--broker", empty.address, "--alarms", tmp_path / "alarms.jsonl")
        assert (done.status, done.err) == (
            1,
            f"error: alarms: missing; run alarm-fatigue topics --broker {empty.address}\n",
        )
