"""The commands that write an archive from files, and erase from it."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl

from streams.archive import Archive
from tests.harness.files import Files
from tests.harness.workers import run


def archived(ward: Files, folder: Path, *more: str) -> Path:
    out = folder / "archive"
    arguments = ["--episodes", folder / "episodes.jsonl", "--overload", folder / "overload.jsonl"]
    done = run("replay", *ward.arguments, *arguments, "--archive", out, *more)
    assert done.status == 0, done.err
    return out


def test_replay_archives_the_episodes_and_changes_that_it_writes(
    ward: Files, tmp_path: Path
) -> None:
    out = archived(ward, tmp_path, "--pseudonym-period", "none")
    for name in ("episodes", "overload"):
        lines = [json.loads(one) for one in (tmp_path / f"{name}.jsonl").read_text().splitlines()]
        found = pl.read_parquet(out / name)
        assert sorted(found["id"]) == sorted(one["id"] for one in lines)
        [first] = found.filter(pl.col("id") == lines[0]["id"]).to_dicts()
        for field, value in lines[0].items():
            shown = first[field]
            assert (
                int(shown.timestamp() * 1000) if hasattr(shown, "timestamp") else shown
            ) == value


def test_facts_after_at_are_not_archived(ward: Files, tmp_path: Path) -> None:
    responses = [json.loads(one) for one in ward.lines["responses"]]
    middle = sorted(one["at"] for one in responses)[len(responses) // 2]
    out = archived(ward, tmp_path, "--at", str(middle))
    found = pl.read_parquet(out / "responses")
    assert found["event_id"].n_unique() == found.height
    assert set(found["event_id"]) == {one["event_id"] for one in responses if one["at"] <= middle}


def test_writing_the_same_files_again_changes_nothing(ward: Files, tmp_path: Path) -> None:
    out = archived(ward, tmp_path)
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*.parquet")}
    archived(ward, tmp_path)
    assert {path: path.stat().st_mtime_ns for path in out.rglob("*.parquet")} == before


def test_erase_says_how_many_rows_it_deleted(ward: Files, tmp_path: Path) -> None:
    out = archived(ward, tmp_path, "--pseudonyms", "off")
    archive = Archive(out)
    facility = archive.facilities("episodes")[0]
    rows = archive.scan("episodes", [facility]).collect()
    done = run("archive", "erase", "--archive", out, "--facility", facility)
    assert done.status == 0
    assert f"episodes: {rows.height} rows deleted\n".encode() in done.out
    assert facility not in archive.facilities("episodes")


def test_an_erased_clinician_is_in_no_row(ward: Files, tmp_path: Path) -> None:
    out = archived(ward, tmp_path, "--pseudonyms", "off")
    clinician = pl.read_parquet(out / "assignments")["clinician"][0]
    assert run("archive", "erase", "--archive", out, "--clinician", clinician).status == 0
    for name in ("episodes", "overload", "assignments", "responses"):
        frame = pl.read_parquet(out / name)
        assert f'"{clinician}"' not in frame.write_json()


def test_wrong_arguments_are_refused_in_one_line(tmp_path: Path) -> None:
    for arguments, words in {
        ("archive",): "error: --to: expected a folder for the archive",
        ("archive", "erase", "--archive", str(tmp_path)): "error: expected what to erase",
        ("archive", "erase", "--archive", str(tmp_path), "--before", "May"): "error: --before:",
        ("archive", "erase", "--archive", str(tmp_path), "--facility", "H"): "expected an archive",
    }.items():
        done = run(*arguments)
        assert done.status in (1, 2)
        assert words in done.err
        assert len(done.err.splitlines()) == 1
