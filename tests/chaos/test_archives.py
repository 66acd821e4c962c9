"""The kill loop of `archive` at a dose that every run of the tests can afford; `make chaos-archive`
takes the full one (see `tests.chaos.archives`).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from streams.archive import Archive
from streams.dev.broker import ApacheKafka
from tests.chaos.archives import one_round, serving
from tests.chaos.outputs import Recorded, record
from tests.chaos.rows import difference
from tests.harness.archived import HORIZON, MIDNIGHT, change, episode, write
from tests.harness.objects import ObjectServer


@pytest.fixture(scope="module")
def server() -> Iterator[ObjectServer]:
    with serving() as made:
        yield made


@pytest.fixture(scope="module")
def recorded(apache_kafka: ApacheKafka, tmp_path_factory: pytest.TempPathFactory) -> Recorded:
    found = record(apache_kafka, tmp_path_factory.mktemp("recorded"), seed=3, hours=4)
    assert found.corrected > 0
    return found


@pytest.mark.parametrize("kind", ["folder", "bucket"])
def test_archivers_suffer_and_no_row_changes(
    kind: str, apache_kafka: ApacheKafka, recorded: Recorded, server: ObjectServer, tmp_path: Path
) -> None:
    made = one_round(apache_kafka, recorded, tmp_path, kind, 5, server, faults=4)
    assert made.difference is None
    assert min(made.rows.values()) > 0


# --- the tests' own tools


def test_one_row_too_many_or_changed_is_a_difference(tmp_path: Path) -> None:
    one, other = Archive.create(tmp_path / "one"), Archive.create(tmp_path / "other")
    for archive in (one, other):
        write(archive, "episodes", [episode("a", MIDNIGHT), episode("b", MIDNIGHT)])
        write(archive, "overload", [change(MIDNIGHT)])
    told = "assignments: nothing is there; responses: nothing is there"
    assert difference(one.folder, other.folder) == told
    write(other, "episodes", [episode("b", MIDNIGHT, priority="high")], edition=2)
    write(one, "overload", [change(MIDNIGHT + HORIZON)])
    said = difference(one.folder, other.folder)
    assert said is not None
    for part in ("episodes: 1 too many", "episodes: 1 missing", "overload: 1 too many"):
        assert part in said
