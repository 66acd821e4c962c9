"""The command `rejected` on a real Apache Kafka: what it shows, what it keeps to itself, and what
it sends again.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer

from streams.dev.broker import ApacheKafka, Broker
from tests.harness.brokers import new_apache_kafka
from tests.harness.devices import LOW_ALARM
from tests.harness.workers import (
    Done,
    WorkerProcess,
    ends,
    events,
    eventually,
    new_topics,
    read,
    run,
)

ALARM = {
    "event_id": "e1",
    "alarm_id": "a1",
    "phase": "start",
    "facility": "H1",
    **LOW_ALARM,
}
SECRET = "Mrs Q"


@pytest.fixture(scope="module")
def broker() -> Iterator[Broker]:
    with new_apache_kafka() as own:
        new_topics(own, 1)
        yield own


async def _produce(broker: Broker, values: list[bytes], headers: list[tuple[str, bytes]]) -> None:
    async with AIOKafkaProducer(bootstrap_servers=broker.address) as producer:
        for value in values:
            await producer.send_and_wait("alarms", value, key=b"H1", headers=headers)


def produce(broker: Broker, *values: bytes, headers: list[tuple[str, bytes]] | None = None) -> None:
    asyncio.run(_produce(broker, list(values), headers or []))


def rejected(broker: Broker, *arguments: str) -> Done:
    name, *more = arguments
    return run("rejected", name, "--broker", broker.address, *more)


def test_list_show_and_replay(broker: Broker, tmp_path: Path) -> None:
    bad = json.dumps(
        ALARM | {"at": "2026-03-01T07:00:00Z", "phase": "begin", "label": SECRET}
    ).encode()
    hostile = b"\x1b[2J" + SECRET.encode()
    with WorkerProcess(broker, tmp_path, clock="event") as worker:
        worker.wait_until_ready()
        produce(broker, bad, hostile)
        eventually(
            lambda: events(worker.numbers).get(("alarms", "malformed")) == 2, "both are rejected"
        )
        eventually(lambda: len(read(broker, "rejected")) == 2, "both are in the topic")

        listed = rejected(broker, "list", "--reason", "malformed", "--since", "1h")
        assert (listed.status, listed.err) == (0, "2 malformed\n")
        lines = listed.out.decode().splitlines()
        assert [line.split("  ")[0] for line in lines] == ["0/0", "0/1"]
        assert lines[0].endswith(
            "malformed  H1  alarms/0/0  phase: expected one of start, update, end"
        )
        assert listed.err == "2 malformed\n"
        assert SECRET not in listed.out.decode()

        with_values = rejected(broker, "list", "--values").out.decode()
        assert SECRET in with_values
        assert "\x1b" not in with_values
        assert "\\x1b[2J" in with_values

        shown = rejected(broker, "show", "0/0")
        assert (shown.status, SECRET in shown.out.decode()) == (0, False)
        assert "reason       malformed" in shown.out.decode()
        assert rejected(broker, "show", "0/99").err.startswith("error: 0/99: no such record")
        assert rejected(broker, "list", "--facility", "H2").err == "nothing rejected\n"
        assert (
            rejected(broker, "list", "--since", "2030-01-01T00:00:00Z").err == "nothing rejected\n"
        )
        as_json = [json.loads(line) for line in rejected(broker, "list", "--json").out.splitlines()]
        assert [one["headers"]["reason"] for one in as_json] == ["malformed", "malformed"]

        dry = rejected(broker, "replay", "--dry-run")
        assert (dry.status, dry.out) == (0, b"would send: 2 malformed to alarms\n")
        assert rejected(broker, "replay").status == 2  # standard input is no terminal
        assert rejected(broker, "replay", "--yes", "--max", "1").status == 1
        assert len(read(broker, "alarms")) == 2

        sent = rejected(broker, "replay", "--yes")
        assert (sent.status, sent.out.decode().splitlines()[-1]) == (0, "2 records sent")
        assert [(one.key, one.value, one.headers) for one in read(broker, "alarms")[2:]] == [
            (b"H1", bad, [("replayed", b"1")]),
            (b"H1", hostile, [("replayed", b"1")]),
        ]
        eventually(lambda: len(read(broker, "rejected")) == 4, "both are rejected again")

        again = rejected(broker, "replay", "--yes")
        assert again.out.decode().splitlines() == [
            "skipped: 4 sent again before, and rejected again",
            "nothing to send",
        ]


def test_an_impossible_request_is_one_error_line(broker: Broker) -> None:
    for arguments, status, line in [
        (("list", "--broker", "127.0.0.1:9"), 1, "error: no Kafka broker answers at 127.0.0.1:9"),
        (
            ("list", "--broker", broker.address, "--reason", "odd"),
            2,
            "error: --reason: expected one of",
        ),
        (
            ("list", "--broker", broker.address, "--topic", "odd"),
            2,
            "error: --topic: expected one of",
        ),
        (("list", "--broker", broker.address, "--since", "soon"), 2, "error: --since: expected"),
        (("show", "one", "--broker", broker.address), 2, "error: PARTITION/OFFSET: expected"),
    ]:
        done = run("rejected", *arguments)
        assert (done.status, done.err.splitlines()[-1].startswith(line)) == (status, True), done.err


def test_a_broker_without_the_topic_says_what_to_do() -> None:
    with new_apache_kafka() as empty:
        done = rejected(empty, "list")
    assert (done.status, done.err.splitlines()[-1]) == (
        1,
        f"error: the broker at {empty.address} has no topic rejected; "
        f"run: alarm-fatigue topics --broker {empty.address}",
    )


# --- untrusted records

AT = 1_772_348_400_000  # 2026-03-01T07:00:00Z


@pytest.fixture
def shared(apache_kafka: ApacheKafka) -> Broker:
    new_topics(apache_kafka, partitions=2)
    return apache_kafka


Row = tuple[bytes | None, bytes | None, int, dict[str, str]]


async def _reject(broker: Broker, rows: tuple[Row, ...], partition: int) -> None:
    async with AIOKafkaProducer(bootstrap_servers=broker.address) as producer:
        for key, value, at, headers in rows:
            encoded = [(name, text.encode("latin-1")) for name, text in headers.items()]
            batch = producer.create_batch()  # which takes records without key and value, too
            batch.append(key=key, value=value, timestamp=at, headers=encoded)
            batch.close()
            await (await producer.send_batch(batch, "rejected", partition=partition))


def reject(broker: Broker, *rows: Row, partition: int = 0) -> None:
    """Put records into `rejected`: key, value, time (ms), headers."""
    asyncio.run(_reject(broker, rows, partition))


def headed(reason: str = "malformed", topic: str = "alarms", **more: str) -> dict[str, str]:
    return {
        "reason": reason,
        "detail": "bed: expected 1 to 128 characters",
        "topic": topic,
        "partition": "1",
        "offset": "7",
        **more,
    }


def places(done: Done) -> list[str]:
    return [json.loads(line)["place"] for line in done.out.splitlines()]


def test_filters_are_joined_and_the_latest_are_shown(shared: Broker) -> None:
    reject(
        shared,
        (b"H01", b"a", AT, headed()),
        (b"H01", b"b", AT + 1, headed("late")),
        (b"H01", b"c", AT + 2, headed(topic="labels")),
    )
    reject(shared, (b"H02", b"d", AT, headed()), (b"H02", b"e", AT + 3, headed()), partition=1)
    for filters, expected in [
        (("--reason", "late"), ["0/1"]),
        (("--topic", "labels"), ["0/2"]),
        (("--facility", "H02"), ["1/0", "1/1"]),
        (("--since", "2026-03-01T07:00:00.002Z"), ["0/2", "1/1"]),
        (("--until", str(AT + 1)), ["0/0", "1/0"]),
        (("--since", str(AT + 1), "--until", str(AT + 2)), ["0/1"]),
        (("--since", "10m"), []),
        (("--until", "10m"), ["0/0", "1/0", "0/1", "0/2", "1/1"]),
        (("--reason", "malformed", "--facility", "H01", "--topic", "alarms"), ["0/0"]),
        (("--limit", "2"), ["0/2", "1/1"]),
    ]:
        assert places(rejected(shared, "list", "--json", *filters)) == expected, filters
    assert (
        rejected(shared, "list", "--limit", "2").err
        == "1 late, 4 malformed (the latest 2 are shown)\n"
    )


def test_neither_values_nor_unknown_headers_nor_wrong_keys_are_shown_unless_asked_for(
    shared: Broker,
) -> None:
    reject(shared, (SECRET.encode(), SECRET.encode(), AT, headed("misrouted", trace=SECRET)))
    for command in (["list"], ["list", "--json"], ["show", "0/0"], ["replay", "--dry-run"]):
        done = rejected(shared, *command)
        assert done.status == 0
        assert SECRET not in done.out.decode() + done.err, command
    (line,) = rejected(shared, "list", "--json", "--values").out.splitlines()
    one = json.loads(line)
    assert (one["facility"], one["value"], one["headers"]["trace"]) == (SECRET, SECRET, SECRET)
    assert rejected(shared, "show", "0/0", "--values").out.decode().count(SECRET) == 3


def test_nothing_in_a_record_reaches_the_terminal_as_an_order(shared: Broker) -> None:
    hostile = "\x1b]0;owned\x07\x1b[2J\nPLACE\r\x9b31m"
    headers = {
        "detail": hostile,
        "topic": hostile,
        "reason": hostile,
        "partition": "9" * 5000,
        "offset": "²",
        "x\x1b[1m": hostile,
    }
    reject(
        shared,
        (hostile.encode(), hostile.encode() + "\u202e".encode(), AT, headers),
        (None, None, 0, {}),
    )
    for command in (
        ["list"],
        ["list", "--values"],
        ["list", "--json", "--values"],
        ["show", "0/0", "--values"],
        ["replay", "--dry-run"],
    ):
        done = rejected(shared, *command)
        assert done.status == 0, done.err
        assert (done.out.decode() + done.err).replace("\n", "").isprintable(), command
    assert (
        rejected(shared, "replay", "--dry-run").out
        == b"skipped: 2 without the topic that they came from\nnothing to send\n"
    )


def inputs(
    broker: Broker, topic: str = "alarms"
) -> list[tuple[bytes | None, bytes | None, list[tuple[str, bytes]]]]:
    return [(one.key, one.value, list(one.headers)) for one in read(broker, topic)]


def test_records_that_cannot_or_must_not_be_sent_again_are_skipped_and_reported(
    shared: Broker,
) -> None:
    state = "alarm-fatigue-checkpoint-changelog"
    before = ends(shared, [state])
    reject(
        shared,
        (b"H01", b"cut", AT, headed(truncated="true", original_size="99")),
        (b"H01", b"again", AT, headed(replayed="1")),
        (b"H01", b"state", AT, headed(topic=state)),
        (None, None, AT, headed()),
        (b"H01", b"\x00\xff", AT, headed()),
        (b"H01", b"\x00\xff", AT, headed()),
        (b"H01", b"came back", AT, headed()),
        (b"H01", b"later", AT + 5, headed("late")),
        (b"H01", None, AT, headed(topic="labels")),
        (b"H01", b"came back", AT + 9, headed("late", replayed="1")),
    )
    done = rejected(shared, "replay", "--until", str(AT + 1), "--yes")
    assert done.out.decode().splitlines() == [
        "skipped: 1 cut when they were rejected, so not complete",
        "skipped: 1 equal to others of the same topic",
        "skipped: 2 sent again before, and rejected again",
        "skipped: 1 without key and value",
        "skipped: 1 without the topic that they came from",
        "to send: 1 malformed to alarms",
        "to send: 1 malformed to labels",
        "2 records sent",
    ]
    assert (
        done.err == "note: malformed records will be rejected again, unless the program was fixed\n"
    )
    assert inputs(shared) == [(b"H01", b"\x00\xff", [("replayed", b"1")])]
    assert inputs(shared, "labels") == [(b"H01", None, [("replayed", b"1")])]
    assert ends(shared, [state]) == before


def test_rejected_records_sent_again_after_a_fix_count_once(shared: Broker, tmp_path: Path) -> None:
    good = [
        json.dumps(ALARM | {"event_id": f"e{n}", "alarm_id": f"a{n}", "at": AT}).encode()
        for n in range(2)
    ]
    reject(shared, *((b"H1", value, AT, headed()) for value in good))
    with WorkerProcess(shared, tmp_path) as worker:
        worker.wait_until_ready()
        for accepted, duplicates in [(2, 0), (2, 2)]:
            assert rejected(shared, "replay", "--yes").out.decode().endswith("2 records sent\n")
            counts = {("alarms", "accepted"): accepted, ("alarms", "duplicate"): duplicates}
            eventually(
                lambda c=counts: events(worker.numbers) == {k: v for k, v in c.items() if v},
                "they are judged",
            )


@pytest.mark.parametrize("command", ["list", "show", "replay"])
def test_help_has_an_example(command: str) -> None:
    assert (
        f"Example: alarm-fatigue rejected {command}"
        in run("rejected", command, "--help").out.decode()
    )


def test_headers_arrive_where_a_worker_runs_in_the_same_process(shared: Broker) -> None:
    """A worker has aiokafka read with its own bounded reader, in the whole process."""
    import streams.kafka.transport  # noqa: F401  # importing it installs the reader

    reject(shared, (b"H1", b"{}", AT, headed("late")))
    assert rejected(shared, "list", "--reason", "late").err == "1 late\n"
