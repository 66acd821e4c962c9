"""`who`: whose pseudonym it is, on the machine that has the key, with every look-up recorded."""

from __future__ import annotations

import getpass
import json
import stat
import time
from itertools import pairwise
from pathlib import Path

import pytest

from streams.dev.broker import Broker
from streams.files.who import Directory
from streams.formats.pseudonyms import keyed
from tests.harness.workers import Message, new_topics, run, send

KEY = b"a key for tests that is long enough"
WHY = ("--reason", "to move bed 12")


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """The folder of the account's state, with its key."""
    folder = tmp_path / "state" / "alarm-fatigue"
    folder.mkdir(parents=True)
    (folder / "pseudonym.key").write_bytes(KEY)
    (folder / "pseudonym.key").chmod(0o600)
    return folder


def assignment(clinician: str) -> bytes:
    fields = {
        "event_id": f"e-{clinician}",
        "assignment_id": f"s-{clinician}",
        "facility": "H01",
        "unit": "ICU",
        "bed": "12",
        "clinician": clinician,
        "from": 1_772_355_600_000,
        "at": 1_772_355_600_000,
    }
    return json.dumps(fields).encode()


@pytest.fixture
def assignments(tmp_path: Path) -> Path:
    path = tmp_path / "assignments.jsonl"
    path.write_bytes(b"\n".join([*map(assignment, ("ann", "bob", "ann")), b"{}"]))
    return path


def of(clinician: str) -> str:
    return keyed(KEY)(clinician)


def recorded(state: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in (state / "who-audit.jsonl").read_text().splitlines()]


def test_a_pseudonym_is_looked_up_and_the_look_up_is_recorded(
    state: Path, assignments: Path
) -> None:
    done = run("who", of("ann"), "--assignments", assignments, *WHY)
    assert (done.status, done.out.decode()) == (0, f"{of('ann')}\tann\n")
    assert "2 clinicians known; 1 records are no assignments" in done.err
    # the ids were learned; the first digits do, as they stand on the page
    assert run("who", f"{of('bob')[:8]}…", *WHY).out.decode() == f"{of('bob')}\tbob\n"
    lines = recorded(state)
    assert [(one["pseudonym"], one["found"], one["reason"]) for one in lines] == [
        (of("ann"), True, "to move bed 12"),
        (of("bob"), True, "to move bed 12"),
    ]
    assert {str(one["user"]).split(" ")[0] for one in lines} == {getpass.getuser()}
    assert all(str(one["at"]).endswith("Z") for one in lines)
    assert "ann" not in (state / "who-audit.jsonl").read_text(), "the record holds no id"


def test_its_files_are_for_the_account_alone(state: Path, assignments: Path) -> None:
    run("who", of("ann"), "--assignments", assignments, *WHY)
    for name in ("who.json", "who-audit.jsonl"):
        assert stat.S_IMODE((state / name).stat().st_mode) == 0o600


@pytest.mark.parametrize("name", ["pseudonym.key", "who.json", "who-audit.jsonl"])
def test_a_file_that_others_can_read_is_refused(name: str, state: Path, assignments: Path) -> None:
    run("who", of("ann"), "--assignments", assignments, *WHY)
    (state / name).chmod(0o640)
    done = run("who", of("ann"), *WHY)
    assert (done.status, done.out.decode()) == (2, "")
    assert f"others have access to it (mode 0640); run: chmod 600 {state / name}" in done.err
    (state / name).chmod(0o600)
    assert len(recorded(state)) == 1


def test_nothing_is_shown_that_cannot_be_recorded(state: Path, assignments: Path) -> None:
    assert run("who", "--assignments", assignments).status == 0
    (state / "who-audit.jsonl").symlink_to(state / "elsewhere")
    done = run("who", of("ann"), *WHY)
    assert (done.status, done.out.decode()) == (2, "")
    assert "nothing is shown" in done.err
    assert not (state / "elsewhere").exists()


def test_unknown_or_ambiguous_look_ups_are_audited_and_reported(state: Path) -> None:
    ids = [f"nurse-{number}" for number in range(2000)]
    names = sorted(map(of, ids))
    first = next(one[:4] for one, other in pairwise(names) if one[:4] == other[:4])
    count = sum(name.startswith(first) for name in names)
    (state / "who.json").write_text(Directory(KEY).with_ids(ids).dump())
    (state / "who.json").chmod(0o600)
    absent = next(
        digits
        for digits in (f"{number:04x}" for number in range(1 << 16))
        if not any(name.startswith(digits) for name in names)
    )
    done = run("who", first, absent, *WHY)
    assert (done.status, done.out.decode()) == (1, "")
    assert f"{first}: {count} pseudonyms begin so; give more digits" in done.err
    assert f"{absent}: not known here; learn from --assignments FILE or --from-topic" in done.err
    assert [(one["pseudonym"], one["found"]) for one in recorded(state)] == [
        (first, False),
        (absent, False),
    ]


def test_a_directory_made_with_another_key_knows_nobody(state: Path, assignments: Path) -> None:
    run("who", "--assignments", assignments)
    (state / "pseudonym.key").write_bytes(b"another key for tests that is long enough")
    assert run("who", of("ann"), *WHY).status == 1


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["77bc01d2"], "--reason: expected why you look this up"),
        (["77bc01d2", "--reason", " "], "--reason: expected why you look this up"),
        (["77bc01d2", "--reason", "two\nlines"], "--reason: expected why you look this up"),
        (["77b", *WHY], "PSEUDONYM: expected 4 to 16 of its hexadecimal digits"),
        (["ann", *WHY], "PSEUDONYM: expected 4 to 16 of its hexadecimal digits"),
        ([], "expected a PSEUDONYM, or --assignments or --from-topic to learn from"),
    ],
)
def test_bad_arguments_are_refused(arguments: list[str], complaint: str, state: Path) -> None:
    done = run("who", *arguments)
    assert (done.status, done.out.decode()) == (2, "")
    assert complaint in done.err
    assert not (state / "who-audit.jsonl").exists()


def test_without_the_key_there_is_no_answer_and_no_key_is_made(
    tmp_path: Path, assignments: Path
) -> None:
    done = run("who", "77bc01d2", "--assignments", assignments, *WHY)
    assert (done.status, done.out.decode()) == (2, "")
    assert "pseudonym.key: No such file or directory" in done.err
    assert not (tmp_path / "state").exists()


def test_clinicians_are_learned_from_the_topic(apache_kafka: Broker, state: Path) -> None:
    new_topics(apache_kafka)
    now = int(time.time() * 1000)
    send(
        apache_kafka,
        [
            Message("assignments", b"H01", assignment(f"nurse-{number}"), now)
            for number in range(3000)
        ],
    )
    done = run("who", of("nurse-2999"), "--from-topic", "--broker", apache_kafka.address, *WHY)
    assert (done.status, done.out.decode()) == (0, f"{of('nurse-2999')}\tnurse-2999\n")
    assert "3000 clinicians known" in done.err
