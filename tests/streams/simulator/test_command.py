"""`simulate`: files that decode as facts, the same bytes again, records on Kafka not ahead of the
clock, one line for errors.
"""

from __future__ import annotations

import os
import pty
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from kafka import KafkaConsumer, TopicPartition
from typer.testing import CliRunner, Result

from analyzer import TOPICS
from analyzer.model.policy import HOUR
from streams.cli.console import FAILED, WRONG
from streams.cli.main import app
from streams.dev.broker import EmbeddedBroker
from streams.formats.codec import decode
from streams.kafka.topics import Topics
from streams.settings import load
from streams.simulator import Ward, simulate

COMMAND = str(Path(sys.executable).with_name("alarm-fatigue"))
SMALL = (
    "--duration",
    "3h",
    "--units",
    "2",
    "--beds",
    "4",
    "--storms",
    "4",
    "--duplicates",
    "0.05",
    "--late",
    "0.1",
    "--late-charting",
    "0.3",
)
WARD = Ward(
    duration=3 * HOUR, units=2, beds=4, storms=4.0, duplicates=0.05, late=0.1, late_charting=0.3
)


def run(*arguments: str | Path) -> Result:
    done = CliRunner().invoke(app, ["simulate", *(str(one) for one in arguments)])
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done


def written(directory: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in directory.iterdir()}


def test_files_hold_the_simulators_records_as_facts_in_order_of_delivery(tmp_path: Path) -> None:
    done = run("--out", tmp_path / "new" / "ward", *SMALL)
    assert done.exit_code == 0
    expected = list(simulate(WARD))
    counts = []
    for topic in TOPICS:
        lines = (tmp_path / "new" / "ward" / f"{topic}.jsonl").read_bytes().splitlines()
        facts = [decode(topic, line) for line in lines]
        assert [fact.event_id for fact in facts] == [
            record.value["event_id"] for record in expected if record.topic == topic
        ]
        counts.append(f"{len(facts)} {topic}")
    assert done.stdout == ""
    assert done.stderr == f"{tmp_path / 'new' / 'ward'}: {', '.join(counts)}\n"
    assert sorted(written(tmp_path / "new" / "ward")) == sorted(
        f"{topic}.jsonl" for topic in TOPICS
    )


def test_the_same_seed_gives_the_same_bytes_and_another_one_others(tmp_path: Path) -> None:
    for name, seed in ("a", "5"), ("b", "5"), ("c", "6"):
        assert run("--out", tmp_path / name, "--seed", seed, *SMALL).exit_code == 0
    assert written(tmp_path / "a") == written(tmp_path / "b")
    assert written(tmp_path / "a").keys() == written(tmp_path / "c").keys()
    assert written(tmp_path / "a") != written(tmp_path / "c")


def test_options_reach_the_ward(tmp_path: Path) -> None:
    done = run(
        "--out",
        tmp_path,
        "--start",
        "2026-05-01T18:30:00+02:00",
        "--duration",
        "90m",
        "--facilities",
        "2",
        "--prefix",
        "North-",
        "--profile",
        "picu",
        "--profile",
        "ward",
        "--units",
        "2",
        "--alarms-per-bed-day",
        "400",
        "--chattering-sensors",
        "1",
        "--understaffed-nights",
        "1",
        "--late-beyond",
        "0.01",
        "--adjudicated",
        "1",
        "--beds-per-nurse",
        "3",
    )
    assert done.exit_code == 0
    alarms = [
        decode("alarms", line) for line in (tmp_path / "alarms.jsonl").read_bytes().splitlines()
    ]
    assert {alarm.facility for alarm in alarms} == {"North-01", "North-02"}
    assert {alarm.unit for alarm in alarms} == {"PICU", "STEPDOWN"}  # type: ignore[union-attr]
    first, last = min(alarm.at for alarm in alarms), max(alarm.at for alarm in alarms)
    start = datetime(2026, 5, 1, 16, 30, tzinfo=UTC).timestamp() * 1000
    assert start <= first < last < start + 1.5 * HOUR
    assert len(alarms) > 2 * 22 * 400 * 1.5 / 24, (
        "as many alarms as asked for have two events each, or more"
    )


@pytest.mark.parametrize(
    ("arguments", "status", "line"),
    [
        (["--beds", "0"], WRONG, "--beds: expected at least 1"),
        (["--late-beyond", "2"], WRONG, "--late-beyond: expected a share, 0 to 1"),
        (
            ["--late", "0.6", "--late-beyond", "0.6"],
            WRONG,
            "--late, --late-beyond: expected at most 1 together",
        ),
        (["--profile", "zoo"], WRONG, "--profile: expected some of micu, picu, ward"),
        (["--duration", "1 day"], WRONG, "--duration: expected a duration such as 15s, 10m or 12h"),
        (["--duration", "0h"], WRONG, "--duration: expected at least 1"),
        (["--start", "yesterday"], WRONG, "--start: expected an RFC 3339 time with an offset"),
        (
            ["--speed", "60"],
            WRONG,
            "--speed: expected a number above 0, and not together with --fast or --out",
        ),
        (["--broker", "127.0.0.1:1"], WRONG, "expected either --out DIR or --broker HOST:PORT"),
    ],
)
def test_impossible_settings_are_one_error_line_and_write_nothing(
    arguments: list[str], status: int, line: str, tmp_path: Path
) -> None:
    done = run("--out", tmp_path / "ward", *arguments)
    assert done.exit_code == status
    assert done.stderr.startswith(f"error: {line}")
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "ward").exists()


def test_an_unwritable_directory_is_one_error_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for path in tmp_path / "file", tmp_path / "file" / "below":
        done = run("--out", path)
        assert done.exit_code == FAILED
        assert done.stderr.startswith(f"error: {path}: cannot be written: ")
        assert done.stderr.count("\n") == 1


def test_an_interruption_leaves_existing_files_unchanged(tmp_path: Path) -> None:
    (tmp_path / "alarms.jsonl").write_text("of the hospital\n")
    (tmp_path / ".labels.jsonl.part").mkdir()  # so that the last of the files cannot be opened
    assert run("--out", tmp_path, *SMALL).exit_code == FAILED
    assert (tmp_path / "alarms.jsonl").read_text() == "of the hospital\n"
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        ".labels.jsonl.part",
        "alarms.jsonl",
    ]


def test_a_terminal_gets_a_progress_bar(tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [COMMAND, "simulate", "--out", str(tmp_path), *SMALL],
        stderr=theirs,
        stdout=subprocess.PIPE,
        env={**os.environ, "TERM": "xterm"},
    )
    os.close(theirs)
    assert process.wait(60) == 0
    shown = os.read(ours, 65536).decode()
    os.close(ours)
    assert "simulating" in shown
    assert "100%" in shown


@pytest.fixture
def broker(request: pytest.FixtureRequest) -> Iterator[EmbeddedBroker]:
    """A broker for these tests alone, because they use the service's topic names."""
    request.getfixturevalue("embedded_broker")
    with EmbeddedBroker() as broker:
        yield broker


def create_topics(broker: EmbeddedBroker) -> None:
    with Topics(load(None, broker=broker.address, partitions=2)) as topics:
        topics.create(topics.missing())


def test_kafka_gets_records_that_end_in_the_present_and_are_dated_as_delivered(
    broker: EmbeddedBroker,
) -> None:
    create_topics(broker)
    before = time.time() * 1000
    done = run("--broker", broker.address, "--fast", "--facilities", "2", *SMALL)
    after = time.time() * 1000
    assert done.exit_code == 0, done.stderr
    count = int(done.stderr.removesuffix(" records published\n"))

    client = KafkaConsumer(
        bootstrap_servers=broker.address, auto_offset_reset="earliest", enable_auto_commit=False
    )
    client.assign([TopicPartition(topic, number) for topic in TOPICS for number in range(2)])
    records: list[tuple[str, int, bytes, bytes]] = []
    deadline = time.monotonic() + 30
    while len(records) < count and time.monotonic() < deadline:
        for batch in client.poll(500).values():
            records += [(one.topic, one.timestamp, one.key, one.value) for one in batch]
    client.close()
    assert len(records) == count

    for topic, timestamp, key, value in records:
        fact = decode(topic, value)  # type: ignore[arg-type]
        assert key == fact.facility.encode()
        assert fact.at <= timestamp, "no event comes from its record's future"
        assert before - 3 * HOUR <= timestamp <= after
    assert max(timestamp for _, timestamp, _, _ in records) > after - HOUR / 12


def test_simulated_time_does_not_run_ahead_of_the_clock(embedded_broker: EmbeddedBroker) -> None:
    soon = str(int(time.time() * 1000) + 2 * HOUR)
    for arguments in (
        ["--start", "now", "--speed", "60"],
        ["--start", "now", "--fast"],
        ["--start", soon],
    ):
        done = run("--broker", embedded_broker.address, "--duration", "1h", *arguments)
        assert done.exit_code == WRONG
        assert done.stderr.startswith(
            "error: --start: simulated time would run ahead of the clock; "
            "at this pace and --duration, expected 20"
        )
        assert done.stderr.count("\n") == 1


def test_missing_topics_and_brokers_are_one_error_line(broker: EmbeddedBroker) -> None:
    done = run("--broker", broker.address, "--fast")
    assert done.exit_code == FAILED
    assert (
        done.stderr
        == f"error: alarms: missing; run alarm-fatigue topics --broker {broker.address}\n"
    )
