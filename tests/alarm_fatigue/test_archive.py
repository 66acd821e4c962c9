"""An archive: the answers from it are those from the files that it was written from."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

import alarm_fatigue as af
from tests.harness.files import Files
from tests.harness.workers import run


@pytest.fixture(scope="module")
def archive(shift: Files, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("archive") / "a"
    done = run("replay", *shift.arguments, "--archive", folder, "--pseudonyms", "off",
               "--pseudonym-period", "none")  # fmt: skip
    assert done.status == 0, done.err
    return folder


@pytest.fixture(scope="module")
def wanted(shift: Files) -> pl.DataFrame:
    return af.read(**shift.paths).episodes()


def test_the_episodes_of_an_archive_are_those_of_the_files(
    archive: Path, wanted: pl.DataFrame
) -> None:
    assert len(wanted) > 100
    assert wanted["class"].n_unique() == 3
    assert wanted["basis"].cast(pl.String).is_in(["label"]).any()
    found = af.read_archive(archive).episodes()
    assert found.rows() == wanted.rows()
    assert found.schema == wanted.schema


def test_a_span_is_read_alone_with_what_shows_its_classes(
    archive: Path, wanted: pl.DataFrame
) -> None:
    """Responses before the span show that responses were recorded at all."""
    middle = wanted["start"].sort()[len(wanted) // 2]
    last = middle + timedelta(minutes=30)
    found = af.read_archive(str(archive), start=middle, end=last.isoformat()).episodes()
    expected = wanted.filter(pl.col("start").is_between(middle, last))
    assert 10 < len(expected) < len(wanted)
    assert found.rows() == expected.rows()


def test_only_the_files_of_a_span_are_opened(archive: Path) -> None:
    day = datetime(2026, 3, 9, tzinfo=UTC)
    assert af.read_archive(archive, start=day).count == 0
    assert af.read_archive(archive, start=day).episodes().is_empty()


def test_whatif_and_findings_of_an_archive_are_those_of_the_files(
    archive: Path, shift: Files, wanted: pl.DataFrame
) -> None:
    history, files = af.read_archive(archive), af.read(**shift.paths)
    assert af.whatif(history.episodes(), delay="15s") == af.whatif(wanted, delay="15s")
    counted = ["unit", "device_type", "source", "code"]
    ours, theirs = (one.findings().sort(counted).select(counted) for one in (history, files))
    assert ours.rows() == theirs.rows()


def test_a_missing_archive_or_place_in_it_is_reported(archive: Path, tmp_path: Path) -> None:
    with pytest.raises(af.InputError, match="expected an archive, found no _schema"):
        af.read_archive(tmp_path)
    with pytest.raises(af.InputError, match="facility: H0 is not in the archive; there is H01"):
        af.read_archive(archive, facility="H0")
    with pytest.raises(af.InputError, match="start: expected"):
        af.read_archive(archive, start="Monday")
