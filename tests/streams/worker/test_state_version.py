"""Upgrades to a program with another state version, and the way back, on Apache Kafka."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from analyzer import TOPICS
from streams.dev.broker import ApacheKafka
from streams.kafka.state_version import EDITIONS, STATE_VERSION, checkpoint_topic, state_group
from tests.harness.wards import Versioned, no_errors, small_ward, told, wait_until_taken_in
from tests.harness.workers import (
    Delivery,
    Done,
    Numbers,
    burdens,
    ends,
    events,
    eventually,
    new_topics,
    read_by_generation,
    run,
    send,
)

NEXT = STATE_VERSION + 1


@pytest.fixture(scope="module")
def kafka(apache_kafka: ApacheKafka) -> ApacheKafka:
    return apache_kafka


@pytest.fixture
def topics(kafka: ApacheKafka, monkeypatch: pytest.MonkeyPatch) -> None:
    """New topics, with one for the state of each version, and no groups of earlier tests."""
    for number in (STATE_VERSION, NEXT):
        forget_group(kafka, state_group("alarm-fatigue", number))
    new_topics(kafka)
    with monkeypatch.context() as patch:
        patch.setattr("streams.kafka.state_version.STATE_VERSION", NEXT)
        done = run("topics", "--broker", kafka.address)
        assert done.status == 0, done.err
        assert b"create alarm-fatigue-v6-checkpoint-changelog: 4 partitions" in done.out


def forget_group(kafka: ApacheKafka, group: str) -> None:
    from kafka import KafkaAdminClient

    admin = KafkaAdminClient(bootstrap_servers=kafka.address)
    try:
        if group in {one["group_id"] for one in admin.list_groups()}:
            eventually(
                lambda: admin.delete_groups([group])[group] == "OK",
                f"group {group} has no members any more",
            )
    finally:
        admin.close()


def replayed(delivery: Delivery, folder: Path) -> Numbers:
    folder.mkdir()
    done = run("replay", *delivery.write_accepted(folder), "--pseudonyms", "off")
    return burdens(done.numbers)


def parts(delivery: Delivery, *shares: float) -> list[Delivery]:
    """What had arrived by then, for each share of the records."""
    count = len(delivery.messages)
    return [Delivery(delivery.messages[: int(count * share)]) for share in shares]


Counted = dict[tuple[Any, ...], tuple[int, dict[str, Any]]]


def counted(kafka: ApacheKafka, topic: str) -> Counted:
    """What a consumer has that counts the greatest edition about each thing: edition and record."""
    found: Counted = {}
    names = {
        "episodes": ("facility", "alarm_id"),
        "overload": ("facility", "unit", "clinician", "at"),
    }[topic]
    for one in read_by_generation(kafka, topic):
        record = json.loads(one.value)
        key = tuple(record[name] for name in names)
        found[key] = int(dict(one.headers)["edition"]), record
    return found


def records(found: Counted) -> dict[tuple[Any, ...], dict[str, Any]]:
    """Without what tells how the facts of a change came in, which is not part of its id."""
    return {
        key: {name: one for name, one in record.items() if not name.startswith("correct")}
        for key, (_, record) in found.items()
    }


def settled(worker: Versioned, count: int) -> Numbers:
    """Its figures, once it has taken in so many records and is ready."""
    wait_until_taken_in([worker], count)
    eventually(lambda: worker.ready, "it is ready")
    return burdens(worker.numbers)


def wait_until_emitted(kafka: ApacheKafka, group: str) -> None:
    """Until the group has committed the ends of the inputs, and what follows was sent."""
    sent = ends(kafka)
    eventually(lambda: ends(kafka, TOPICS, group) == sent, f"{group} has stored everything")


def test_an_upgrade_recomputes_counts_once_and_goes_back(
    kafka: ApacheKafka, topics: None, tmp_path: Path
) -> None:
    first, second, third, whole = parts(small_ward(7), 0.4, 0.6, 0.8, 1.0)
    group, later = (state_group("alarm-fatigue", number) for number in (STATE_VERSION, NEXT))
    old, new = Versioned(kafka, tmp_path, "old"), Versioned(kafka, tmp_path, "new", NEXT)

    send(kafka, first.messages)
    with old:
        assert settled(old, len(first.messages)) == replayed(first, tmp_path / "1")
        wait_until_emitted(kafka, group)
        before = counted(kafka, "episodes")
        changes = counted(kafka, "overload")
        assert before
        assert changes
        # The new one is started beside the old one, which goes on.
        with new:
            assert settled(new, len(first.messages)) == replayed(first, tmp_path / "2")
            wait_until_emitted(kafka, later)
            assert records(counted(kafka, "episodes")) == records(before)
            assert records(counted(kafka, "overload")) == records(changes)
            send(kafka, whole.messages[len(first.messages) : len(second.messages)])
            assert settled(new, len(second.messages)) == replayed(second, tmp_path / "3")
            assert settled(old, len(second.messages)) == burdens(new.numbers)
            wait_until_emitted(kafka, later)
            wait_until_emitted(kafka, group)
            both = counted(kafka, "episodes")
            newest = {edition >> 36 for edition, _ in both.values()}
            assert newest == {1}, "the newer version counts, whoever was last"
            assert old.stop() == 0
        send(kafka, whole.messages[len(second.messages) : len(third.messages)])
        with new:
            assert settled(new, len(third.messages)) == replayed(third, tmp_path / "4")
            wait_until_emitted(kafka, later)
            assert new.stop() == 0
    # The way back: the old one goes on where it was.
    send(kafka, whole.messages[len(third.messages) :])
    with old:
        assert settled(old, len(whole.messages)) == replayed(whole, tmp_path / "5")
        assert events(old.numbers) == whole.counts()
        wait_until_emitted(kafka, group)
        last = counted(kafka, "episodes")
        since = {id_: one for id_, one in last.items() if one[0] >= EDITIONS}
        assert since, "what it emits now counts more than what the newer version emitted"
        assert old.stop() == 0
    assert no_errors(old, new)
    assert [one["state_version"] for one in told(new, "recomputed: ")] == [NEXT]
    assert len(told(old, "recomputed: ")) == 1, "on its way back it goes on where it was"


HALF = """
from streams.kafka import slices

whole, count = slices.Backlog.take, 0
def take(self, now):
    global count
    one = None if count > {limit} else whole(self, now)
    count += 0 if one is None else len(one)
    return one
slices.Backlog.take = take
"""


def test_half_a_state_is_said_shows_and_emits_nothing_and_survives_a_kill(
    kafka: ApacheKafka, topics: None, tmp_path: Path
) -> None:
    ward = small_ward(8)
    group, later = (state_group("alarm-fatigue", number) for number in (STATE_VERSION, NEXT))
    old, new = Versioned(kafka, tmp_path, "old"), Versioned(kafka, tmp_path, "new", NEXT)
    send(kafka, ward.messages)
    with old:
        settled(old, len(ward.messages))
        wait_until_emitted(kafka, group)
        assert old.stop() == 0
    before, changes = counted(kafka, "episodes"), counted(kafka, "overload")
    stored = ends(kafka, [checkpoint_topic("alarm-fatigue", NEXT)])
    new.sabotage = HALF.replace("{limit}", str(len(ward.messages) // 2))
    with new:
        wait_until_taken_in([new], len(ward.messages) // 2)
        eventually(
            lambda: ends(kafka, [checkpoint_topic("alarm-fatigue", NEXT)]) != stored,
            "half of the state is stored",
        )
        status, said = new.get("/ready")
        assert status == 503
        assert re.fullmatch(
            r"recomputing: [2-8]\d % done; figures are incomplete until then\n", said
        )
        assert new.get("/healthz") == (200, "ok\n")
        numbers, page = new.numbers, json.loads(new.get("/api/v1/units")[1])
        assert burdens(numbers) == {}
        assert page["units"] == []
        assert page["currency"]["state"] == "behind"
        assert page["currency"]["says"].startswith("behind: recomputing: ")
        for question in ("findings", "findings?facility=H01", "unit?facility=H01&unit=MICU"):
            status, refused = new.get(f"/api/v1/{question}")
            assert (status, json.loads(refused)["error"].split(";")[0]) == (503, said.split(";")[0])
        assert min(ratios(numbers)) < 1
        assert (state_info(numbers), state_info(old.numbers)) == ({str(NEXT)}, set())
        assert counted(kafka, "episodes") == before
        assert counted(kafka, "overload") == changes
        assert not any(ends(kafka, TOPICS, later).values()), "nothing is committed before"
        new.kill()
    new.sabotage = ""
    with new:
        assert settled(new, len(ward.messages)) == replayed(ward, tmp_path / "1")
        assert events(new.numbers) == ward.counts()
        assert set(ratios(new.numbers)) == {1.0}
        wait_until_emitted(kafka, later)
        found = counted(kafka, "episodes")
        assert records(found) == records(before)
        assert {edition >> 36 for edition, _ in found.values()} == {1}
        assert records(counted(kafka, "overload")) == records(changes)
        assert new.stop() == 0


def ratios(numbers: Numbers) -> list[float]:
    return [one for (name, _), one in numbers.items() if name == "alarm_fatigue_recomputed_ratio"]


def state_info(numbers: Numbers) -> set[str]:
    return {
        dict(labels)["state_version"]
        for name, labels in numbers
        if name == "alarm_fatigue_state_info"
    }


def test_old_states_are_listed_and_deleted(
    kafka: ApacheKafka, topics: None, tmp_path: Path
) -> None:
    def state(*arguments: str) -> Done:
        return run("state", *arguments, "--broker", kafka.address, "--config", settings)

    audit, settings = tmp_path / "audit.jsonl", tmp_path / "settings.yaml"
    settings.write_text(yaml.safe_dump({"audit": {"file": str(audit)}}))
    new = Versioned(kafka, tmp_path, "new", NEXT)
    send(kafka, small_ward(9).messages[:200])
    old_topic, topic = (
        checkpoint_topic("alarm-fatigue", number) for number in (STATE_VERSION, NEXT)
    )
    with new:
        settled(new, 200)
        wait_until_emitted(kafka, state_group("alarm-fatigue", NEXT))
        said = state("list").out.decode().splitlines()
        assert said[0].startswith(
            f"version {STATE_VERSION} (this program's): no group alarm-fatigue; topic {old_topic}, "
        )
        assert said[1].startswith(
            f"version {NEXT}: group alarm-fatigue-v6, 1 worker; topic {topic}, last written 20"
        )
        in_use = state("clean", "--yes", "--older-than", "0s")
        assert "stays, because 1 worker is in its group" in in_use.out.decode()
        assert "nothing to delete" in in_use.out.decode()
        assert new.stop() == 0
    young = state("clean", "--yes").out.decode()
    assert f"version {NEXT}" in young
    assert "stays, because it was written to within the last 7d" in young
    dry = state("clean", "--older-than", "0s")
    assert "would be deleted" in dry.out.decode()
    assert dry.err == "nothing was deleted; --yes deletes\n"
    assert not audit.exists()
    done = state("clean", "--older-than", "0s", "--yes")
    assert done.out.decode().splitlines()[-2:] == [
        "deleted group alarm-fatigue-v6",
        f"deleted topic {topic}",
    ]
    [entry] = map(json.loads, audit.read_text().splitlines())
    assert entry["command"] == "state clean"
    eventually(lambda: len(state("list").out.splitlines()) == 1, "only its own state is left")
    again = state("clean", "--yes")
    assert again.out.decode().splitlines()[-1].startswith("nothing to delete")
