"""`tune`, `compare` and `findings` from an archive answer as from the files it was written from."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from analyzer.model.policy import HOUR
from streams.simulator import simulate
from tests.harness.files import WARD, Files
from tests.harness.workers import run

DAYS = replace(WARD, duration=8 * 24 * HOUR, units=2, beds=1, storms=0.0, chattering_sensors=0)
MIDDLE = "2026-03-05T07:00:00Z"


@pytest.fixture(scope="module")
def week(tmp_path_factory: pytest.TempPathFactory) -> Files:
    folder = tmp_path_factory.mktemp("week")
    records = list(simulate(DAYS))
    paths = {}
    for topic in ("assignments", "alarms", "responses", "labels"):
        paths[topic] = folder / f"{topic}.jsonl"
        lines = [json.dumps(one.value) for one in records if one.topic == topic]
        paths[topic].write_text("".join(f"{line}\n" for line in lines))
    return Files(paths)  # type: ignore[arg-type]  # topics


@pytest.fixture(scope="module")
def written(week: Files, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The episodes of the week as a file and as an archive."""
    folder = tmp_path_factory.mktemp("written")
    episodes, archive = folder / "episodes.jsonl", folder / "archive"
    done = run("replay", *week.arguments, "--episodes", episodes, "--archive", archive,
               "--pseudonym-period", "none")  # fmt: skip
    assert done.status == 0, done.err
    return episodes, archive


def answer(*arguments: str | Path) -> Any:
    done = run(*arguments, "--json")
    assert done.status == 0, done.err
    return json.loads(done.out)


@pytest.mark.parametrize(
    "arguments",
    [
        ("tune", "--delay", "15"),
        ("tune", "--facility", "H01", "--unit", "MICU", "--delay", "15"),
        ("tune", "--search", "--each-type", "3", "--delays", "5,15", "--holdoffs", "30"),
        ("compare", "--at", MIDDLE, "--unit", "MICU"),
    ],
    ids=" ".join,
)
def test_an_archive_gives_the_answer_of_the_episodes(
    arguments: tuple[str, ...], written: tuple[Path, Path]
) -> None:
    episodes, archive = written
    expected = answer(*arguments, "--episodes", episodes)
    assert answer(*arguments, "--archive", archive) == expected


def test_tune_reads_the_days_asked_for(written: tuple[Path, Path], tmp_path: Path) -> None:
    episodes, archive = written
    begin, end = 1_772_611_200_000, 1_772_697_600_000  # 2026-03-04 and 05, 08:00
    some = [line for line in episodes.read_text().splitlines()
            if begin <= json.loads(line)["start"] <= end]  # fmt: skip
    assert 10 < len(some) < len(episodes.read_text().splitlines()) / 2
    part = tmp_path / "part.jsonl"
    part.write_text("\n".join(some))
    span = ("--since", "2026-03-04T08:00:00Z", "--until", "2026-03-05T08:00:00Z")
    found = answer("tune", "--delay", "15", "--archive", archive, *span)
    assert found == answer("tune", "--delay", "15", "--episodes", part)


def test_findings_of_an_archive_are_those_of_the_files(
    week: Files, written: tuple[Path, Path]
) -> None:
    """All but the alarms at the end, which are not finished in the files."""
    _, archive = written
    until = ("--until", "2026-03-07T07:00:00Z", "--unit", "MICU")
    files, found = (
        answer("findings", *given, *until)["units"][0]["findings"]
        for given in (week.arguments, ("--archive", str(archive)))
    )
    assert len(files) > 2
    names = [one["name"] for one in files]
    assert [one["name"] for one in found] == names
    for mine, theirs in zip(found, files, strict=True):
        assert abs(mine["alarms"]["count"] - theirs["alarms"]["count"]) <= 2
        assert mine["verdict"] == theirs["verdict"]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("tune", "--delay", "15"), "--archive DIR"),
        (("tune", "--archive", "A", "--episodes", "B"), "--archive: expected neither --episodes"),
        (("tune", "--episodes", "B", "--since", MIDDLE), "expected --archive with them"),
        (("compare", "--archive", "A", "--mapping", "B", "--at", MIDDLE), "--archive: expected"),
        (("findings", "--archive", "A", "--alarms", "B"), "--archive: cannot be combined"),
        (("findings", "--archive", "A", "--window", "1h"), "--archive: cannot be combined"),
    ],
)
def test_options_that_exclude_each_other_are_refused(arguments: tuple[str, ...], says: str) -> None:
    done = run(*arguments)
    assert done.status == 2
    assert says in done.err


def test_an_empty_folder_and_an_unknown_facility_are_told(
    written: tuple[Path, Path], tmp_path: Path
) -> None:
    for command in (("tune",), ("findings",), ("compare", "--at", MIDDLE)):
        done = run(*command, "--archive", tmp_path)
        assert (done.status, len(done.err.splitlines())) == (1, 1)
        assert "expected an archive, found no _schema.json" in done.err
        done = run(*command, "--archive", written[1], "--facility", "H99")
        assert done.status == 2
        assert "--facility: H99 is not among the alarms; there is H01" in done.err
    done = run("tune", "--archive", written[1], "--since", "2027-01-01T00:00:00Z")
    assert done.status == 2
    assert "there is no alarm of these days in it" in done.err
