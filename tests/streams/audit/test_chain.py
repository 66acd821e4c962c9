"""The chain: whatever is done to a line of an audit shows, with its file and line."""

from __future__ import annotations

import json
import multiprocessing
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.audit import AuditError, Break, Trail
from streams.audit.files import checked
from tests.harness.workers import Done, run

KEY = b"k" * 32


def entries(count: int, begin: int = 0) -> list[dict[str, Any]]:
    return [
        {"at": "2026-03-01T07:00:00.000Z", "event": "read", "reader": f"r{number}"}
        for number in range(begin, begin + count)
    ]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """An audit of ten entries, written in three turns."""
    path = tmp_path / "audit.jsonl"
    for begin, count in ((0, 4), (4, 1), (5, 5)):
        Trail(path).append(entries(count, begin))
    return path


def verify(*arguments: str | Path) -> Done:
    return run("audit", "verify", *arguments)


def lines(file: Path) -> list[bytes]:
    return file.read_bytes().splitlines(keepends=True)


def test_an_untouched_audit_is_whole(file: Path) -> None:
    done = verify(file)
    last = json.loads(lines(file)[-1])
    assert (done.status, done.out.decode()) == (
        0,
        f"10 entries without a break, 1 to 10; the last has the hash {last['hash']}\n",
    )
    assert [json.loads(line)["n"] for line in lines(file)] == [*range(1, 11)]
    assert [*last] == ["n", "at", "event", "reader", "before", "hash"]
    for name in ("audit.jsonl", "audit.jsonl.head", "audit.jsonl.lock"):
        assert stat.S_IMODE(file.with_name(name).stat().st_mode) == 0o600


def swapped(of: list[bytes]) -> list[bytes]:
    return [*of[:3], of[4], of[3], *of[5:]]


Change = Callable[[list[bytes]], list[bytes]]
CHANGES: dict[str, tuple[Change, str]] = {
    "a word": (
        lambda of: [*of[:3], of[3].replace(b"r3", b"rX"), *of[4:]],
        "line 4: changed: the hash of entry 4 is not its own",
    ),
    "a gap": (
        lambda of: of[:3] + of[5:],
        "line 4: gap: expected entry 4, found 6: 2 entries are missing",
    ),
    "a cut at the end": (
        lambda of: of[:8],
        "cut: it ends with entry 8, but",
    ),
    "a cut in a line": (
        lambda of: [*of[:9], of[9][:50]],
        "line 10: cut: the line is not whole",
    ),
    "a cut at the beginning": (
        lambda of: of[2:],
        "line 1: cut: it begins with entry 3: 2 entries are missing before it",
    ),
    "another order": (swapped, "line 4: gap: expected entry 4, found 5: 1 entry is missing"),
    "an entry twice": (
        lambda of: [*of[:4], of[3], *of[4:]],
        "line 5: changed: entry 4 is out of order, expected entry 5",
    ),
    "a line of somebody": (
        lambda of: [*of[:4], b'{"event":"read"}\n', *of[4:]],
        "line 5: changed: this is no entry",
    ),
    "an empty line": (lambda of: [*of[:4], b"\n", *of[4:]], "line 5: changed: this is no entry"),
    "nothing": (lambda of: [], "there are no entries"),
}


@pytest.mark.parametrize("what", CHANGES)
def test_a_changed_entry_is_found_with_its_line(what: str, file: Path) -> None:
    change, says = CHANGES[what]
    file.write_bytes(b"".join(change(lines(file))))
    done = verify(file)
    assert (done.status, done.out) == (1, b"")
    assert says in done.err
    assert str(file) in done.err


def forged(of: list[bytes]) -> list[bytes]:
    """The fourth entry changed, with its hash made anew."""
    from streams.audit.chain import Link, sealed

    third, fourth = json.loads(of[2]), json.loads(of[3])
    content = {name: fourth[name] for name in ("at", "event")} | {"reader": "somebody else"}
    line, _ = sealed(content, Link(3, third["hash"]))
    return [*of[:3], line + b"\n", *of[4:]]


def test_a_forged_entry_does_not_fit_the_next(file: Path) -> None:
    file.write_bytes(b"".join(forged(lines(file))))
    done = verify(file)
    assert done.status == 1
    assert f"{file}, line 5: changed: entry 5 does not follow the entry before it" in done.err


@settings(deadline=None)
@given(st.data())
def test_no_byte_can_be_changed_or_removed_unseen(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    path = tmp_path_factory.mktemp("audit") / "audit.jsonl"
    Trail(path, KEY).append(entries(5))
    content = path.read_bytes()
    place = data.draw(st.integers(0, len(content) - 1))
    if data.draw(st.booleans()):
        other = data.draw(st.integers(0, 255).filter(lambda one: one != content[place]))
        changed = content[:place] + bytes([other]) + content[place + 1 :]
    else:
        changed = content[:place] + content[place + 1 :]
    path.write_bytes(changed)
    with pytest.raises(Break):
        checked([path], KEY)


def test_without_the_key_hashes_cannot_be_forged(tmp_path: Path) -> None:
    path, key = tmp_path / "audit.jsonl", tmp_path / "key"
    key.write_bytes(KEY)
    key.chmod(0o600)
    Trail(path, KEY).append(entries(3))
    assert verify(path, "--key-file", key).status == 0
    assert "made with another key" in verify(path).err
    path.unlink()
    path.with_name("audit.jsonl.head").unlink()
    Trail(path).append(entries(3))
    done = verify(path, "--key-file", key)
    assert (done.status, done.out) == (1, b"")
    key.write_bytes(b"short")
    assert verify(path, "--key-file", key).status == 2


def test_an_end_that_was_cut_with_its_head_shows_by_a_noted_hash(file: Path) -> None:
    noted = json.loads(lines(file)[-1])["hash"]
    assert verify(file, "--noted", noted).status == 0
    shorter = file.with_name("shorter")
    shorter.mkdir()
    Trail(shorter / "audit.jsonl").append(entries(8))
    done = verify(shorter / "audit.jsonl", "--noted", noted)
    assert (done.status, "no entry has the noted hash" in done.err) == (1, True)
    file.with_name("audit.jsonl.head").unlink()
    assert "it cannot be seen whether entries after 10 were cut off" in verify(file).err


# --- files put aside, restarts, several processes


def test_files_that_were_put_aside_are_one_chain_in_any_order(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    for begin in range(0, 40, 4):
        Trail(path, rotate_bytes=2000).append(entries(4, begin))
    aside = sorted(tmp_path.glob("audit.jsonl.0*"))
    assert len(aside) >= 2
    every = [*tmp_path.glob("audit.jsonl*")]  # as the shell gives them, with head and lock
    assert verify(*every).out.startswith(b"40 entries without a break, 1 to 40")
    assert verify(*reversed(every)).status == 0
    aside[0].unlink()
    rest = [path for path in every if path != aside[0]]
    done = verify(*rest)
    assert done.status == 1
    assert "cut: it begins with entry" in done.err
    first = json.loads(lines(aside[1])[0])["n"]
    assert verify(*rest, "--first", str(first)).status == 0
    aside[1].unlink()
    assert verify(*(one for one in every if one.exists())).status == 1


def test_a_file_that_another_program_moved_away_is_continued(file: Path) -> None:
    old = file.rename(file.with_name("audit-old.jsonl"))
    Trail(file).append(entries(2, 10))
    assert json.loads(lines(file)[0])["n"] == 11
    assert verify(old, file).out.startswith(b"12 entries")


def test_an_entry_that_was_half_written_when_the_machine_went_down_is_removed_and_said(
    file: Path,
) -> None:
    whole = lines(file)
    with file.open("ab") as end:
        end.write(b'{"n":11,"at":"2026')
    Trail(file).append(entries(1, 10))
    found = [json.loads(line) for line in lines(file)[10:]]
    assert [(one["n"], one["event"]) for one in found] == [(11, "torn"), (12, "read")]
    assert lines(file)[:10] == whole
    assert verify(file).status == 0


def test_entries_after_the_head_was_last_written_are_kept(file: Path) -> None:
    head = file.with_name("audit.jsonl.head")
    before = head.read_bytes()
    Trail(file).append(entries(2, 10))
    head.write_bytes(before)
    Trail(file).append(entries(1, 12))
    assert verify(file).out.startswith(b"13 entries")


def test_a_truncated_audit_stays_detectable_after_more_entries(file: Path) -> None:
    file.write_bytes(b"".join(lines(file)[:6]))
    Trail(file).append(entries(1, 10))
    assert json.loads(lines(file)[6])["event"] == "cut"
    done = verify(file)
    assert done.status == 1
    assert "line 7: gap: expected entry 7, found 11: 4 entries are missing" in done.err


def test_a_cut_whose_head_was_removed_shows_after_it_was_continued(file: Path) -> None:
    file.write_bytes(b"".join(lines(file)[:6]))
    file.with_name("audit.jsonl.head").unlink()
    Trail(file).append(entries(1, 10))
    done = verify(file)
    assert done.status == 1
    assert "line 7: cut: before entry 7 it was not known how the audit ended" in done.err
    assert verify(file, "--first", "7").out.startswith(b"2 entries without a break, 7 to 8")


def test_a_file_from_before_hash_chains_is_kept_apart(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    path.write_text('{"user": "ann"}\n')
    path.chmod(0o600)
    Trail(path).append(entries(1))
    first = json.loads(lines(path)[0])
    assert (first["event"], (tmp_path / first["earlier_file"]).read_text()) == (
        "began",
        '{"user": "ann"}\n',
    )
    assert verify(path).status == 0


@pytest.mark.parametrize("mode", [0o644, 0o660, 0o604])
def test_a_file_that_others_can_read_or_change_gets_no_entry(file: Path, mode: int) -> None:
    file.chmod(mode)
    with pytest.raises(AuditError, match=f"others have access to it .mode {mode:04o}."):
        Trail(file).append(entries(1))


def _append(path: Path, name: int) -> None:
    for number in range(20):
        Trail(path).append(entries(2, 1000 * name + number))


def test_processes_that_write_at_once_write_one_chain(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    context = multiprocessing.get_context("fork")
    workers = [context.Process(target=_append, args=(path, name)) for name in range(4)]
    for one in workers:
        one.start()
    for one in workers:
        one.join(60)
        assert one.exitcode == 0
    assert verify(path).out.startswith(b"160 entries without a break")
