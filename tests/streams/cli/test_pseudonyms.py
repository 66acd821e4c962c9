"""Keys of pseudonyms, and pseudonyms that change by day or week."""

from __future__ import annotations

import hmac
import json
import os
import stat
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest

from streams.formats.pseudonyms import Pseudonyms, key_id
from streams.pseudonyms import (
    Exposure,
    default_key_file,
    exposure,
    previous_key,
    pseudonyms,
    state_keys,
    warnings,
)
from streams.settings import Settings, SettingsError
from tests.harness.files import Files
from tests.harness.workers import run

KEY = b"0123456789abcdef0123456789abcdef"
DAY = 86_400_000
MONDAY = 1_772_409_600_000  # 2026-03-02T00:00:00Z


def key_file(folder: Path, mode: int = 0o600, key: bytes = KEY, name: str = "key") -> Path:
    path = folder / name
    path.write_bytes(key + b"\n")
    path.chmod(mode)
    return path


def test_a_pseudonym_is_the_one_of_the_contract(tmp_path: Path) -> None:
    shown = pseudonyms(Settings(pseudonym_key_file=key_file(tmp_path)))
    assert shown("ann") == hmac.new(KEY, b"ann", "sha256").hexdigest()[:16]


def test_a_period_gives_new_pseudonyms_that_have_nothing_in_common() -> None:
    plain, daily, weekly = (Pseudonyms(KEY, period) for period in ("none", "day", "week"))
    week = [MONDAY + number * DAY for number in range(-1, 8)]
    assert len({plain.at(one)("ann") for one in week}) == 1
    assert len({daily.at(one)("ann") for one in week}) == 9
    assert [weekly.at(one)("ann") == weekly.at(MONDAY)("ann") for one in week] == [
        False,
        *[True] * 7,
        False,
    ]
    assert daily.at(MONDAY)("ann") == daily.at(MONDAY + DAY - 1)("ann")
    daily.now = lambda: MONDAY + 5
    assert daily("ann") == daily.at(MONDAY)("ann")


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o660, 0o666])
def test_a_key_that_others_can_read_is_refused_with_the_remedy(tmp_path: Path, mode: int) -> None:
    path = key_file(tmp_path, mode)
    config = tmp_path / "config.yaml"
    config.write_text(f"pseudonym_key_file: {path}\n")
    done = run("config", "check", "--config", config)
    assert (done.status, done.err) == (
        1,
        f"error: pseudonym_key_file: {path}: others have access to the key (mode {mode:04o}); run: "
        f"chmod 600 {path}\n",
    )


WORKER, GROUP, OTHER = 10001, 10001, 20002


@pytest.mark.parametrize(
    ("mode", "owner", "group", "read_only", "expected"),
    [
        (0o440, 0, GROUP, True, Exposure.NONE),  # a pod's Secret, by fsGroup
        (0o640, OTHER, GROUP, True, Exposure.NONE),  # a host's file, by the group of a service
        (0o640, 0, GROUP, False, Exposure.NONE),
        (0o440, 0, OTHER, True, Exposure.WARNED),  # of a group in which the process is not
        (0o444, 0, GROUP, True, Exposure.WARNED),
        (0o404, 0, GROUP, True, Exposure.WARNED),
        (0o644, OTHER, GROUP, True, Exposure.WARNED),
        (0o460, 0, GROUP, True, Exposure.REFUSED),
        (0o442, 0, GROUP, True, Exposure.REFUSED),
        (0o440, WORKER, GROUP, False, Exposure.REFUSED),  # its own file: chmod 600 helps
        (0o440, WORKER, GROUP, True, Exposure.WARNED),
        (0o400, WORKER, GROUP, False, Exposure.NONE),
    ],
)
def test_a_mounted_key_may_be_read_by_the_group_that_the_process_got_for_it(
    mode: int, owner: int, group: int, read_only: bool, expected: Exposure
) -> None:
    found = os.stat_result((stat.S_IFREG | mode, 0, 0, 1, owner, group, 65, 0, 0, 0))
    assert exposure(found, read_only, WORKER, {GROUP}) is expected


def test_a_short_key_is_refused_with_the_remedy(tmp_path: Path) -> None:
    path = key_file(tmp_path, key=KEY[1:])
    with pytest.raises(SettingsError) as refused:
        pseudonyms(Settings(pseudonym_key_file=path))
    assert str(refused.value) == (
        f"pseudonym_key_file: {path}: expected a key of 32 bytes or more, found 31; make one: "
        f"openssl rand -hex 32 > {path}"
    )


def test_replay_serves_nobody_and_only_warns_of_a_weak_key(ward: Files, tmp_path: Path) -> None:
    path = key_file(tmp_path, 0o644, KEY[1:])
    config = tmp_path / "config.yaml"
    config.write_text(f"pseudonym_key_file: {path}\n")
    done = run("replay", *ward.arguments, "--config", config)
    assert done.status == 0
    assert [line for line in done.err.splitlines() if line.startswith("warning: pseudonym")] == [
        f"warning: pseudonym_key_file: {path}: others have access to the key (mode 0644); run: "
        f"chmod 600 {path}",
        f"warning: pseudonym_key_file: {path}: expected a key of 32 bytes or more, found 31; make "
        f"one: openssl rand -hex 32 > {path}",
    ]


def test_a_good_key_is_used_without_a_word(tmp_path: Path) -> None:
    assert warnings(Settings(pseudonym_key_file=key_file(tmp_path, 0o400))) == []


def test_processes_that_start_at_once_without_a_key_make_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for attempt in range(20):
        monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / str(attempt)))
        with ThreadPoolExecutor(8) as pool:
            shown = list(pool.map(lambda _: pseudonyms(Settings())("ann"), range(8)))
        assert len(set(shown)) == 1
        assert stat.S_IMODE(default_key_file().stat().st_mode) == 0o600
        assert [path.name for path in default_key_file().parent.iterdir()] == ["pseudonym.key"]


def test_the_previous_key_counts_until_the_overlap_ends(tmp_path: Path) -> None:
    old = key_file(tmp_path, key=b"old" + KEY, name="old")
    settings = Settings(pseudonym_key_file=key_file(tmp_path), pseudonym_previous_key_file=old)
    assert previous_key(settings) == b"old" + KEY
    assert state_keys(settings) == (KEY, [KEY, b"old" + KEY])
    over = settings.model_copy(
        update={"pseudonym_previous_until": datetime(2026, 1, 1, tzinfo=UTC)}
    )
    assert previous_key(over) is None
    assert state_keys(over) == (KEY, [KEY])
    assert warnings(over) == [
        "pseudonym_previous_key_file: the overlap ended at 2026-01-01T00:00:00+00:00, so the key "
        f"is not used; delete {old} and both settings"
    ]


def test_state_is_stored_in_clear_where_pseudonyms_are_off_but_sealed_state_is_read(
    tmp_path: Path,
) -> None:
    settings = Settings(pseudonyms=False, pseudonym_key_file=key_file(tmp_path))
    assert state_keys(settings) == (None, [KEY])


def test_records_name_the_key_and_the_period(ward: Files, tmp_path: Path) -> None:
    """And their ids are those of the same records without a period, but for the pseudonyms."""
    path, found = key_file(tmp_path), {}
    for period in ("none", "week"):
        config, out = tmp_path / f"{period}.yaml", tmp_path / f"{period}.jsonl"
        config.write_text(f"{{pseudonym_key_file: {path}, pseudonym_period: {period}}}\n")
        changes = tmp_path / f"{period}-overload.jsonl"
        arguments = ("--episodes", out, "--overload", changes, "--config", config)
        done = run("replay", *ward.arguments, *arguments)
        assert done.status == 0, done.err
        found[period] = [
            json.loads(line) for file in (out, changes) for line in file.read_bytes().splitlines()
        ]
    assert {(one["pseudonym_key"], one["pseudonym_period"]) for one in found["none"]} == {
        (key_id(KEY), None)
    }
    assert {(one["pseudonym_key"], one["pseudonym_period"]) for one in found["week"]} == {
        (key_id(KEY), "2026-W09")
    }
    plain = {name for one in found["none"] for name in one.get("clinicians", ())}
    weekly = {name for one in found["week"] for name in one.get("clinicians", ())}
    assert len(plain) == len(weekly) > 0
    assert not plain & weekly


def test_who_knows_the_pseudonyms_of_both_keys_and_of_past_days(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new = key_file(tmp_path, key=b"old" + KEY, name="old"), key_file(tmp_path)
    folder = tmp_path / "learned"
    folder.mkdir(0o700)
    assignments = tmp_path / "assignments.jsonl"
    fields = {"event_id": "e", "assignment_id": "s", "facility": "H", "unit": "U", "bed": "1"}
    times = {"from": MONDAY, "at": MONDAY}
    assignments.write_text(json.dumps(fields | {"clinician": "ann"} | times) + "\n")
    config = tmp_path / "config.yaml"
    config.write_text(f"pseudonym_key_file: {old}\n")
    common = ("who", "--directory", folder, "--config", config)
    assert run(*common, "--assignments", assignments).status == 0

    config.write_text(
        f"pseudonym_key_file: {new}\npseudonym_previous_key_file: {old}\npseudonym_period: day\n"
    )
    now = int(datetime.now(UTC).timestamp() * 1000)
    names = [
        Pseudonyms(KEY, "day").at(now - 60 * DAY)("ann"),
        Pseudonyms(KEY)("ann"),
        Pseudonyms(b"old" + KEY)("ann"),
        Pseudonyms(b"old" + KEY, "day").at(now)("ann"),
    ]
    done = run(*common, *names, "--reason", "a test")
    assert (done.status, done.out.decode()) == (0, "".join(f"{one}\tann\n" for one in names))
