"""What a worker knows of the groups of other state versions, and what follows for its editions."""

from __future__ import annotations

import asyncio

import pytest

from streams.kafka.state_version import EDITIONS, STATE_VERSION, first_edition
from streams.kafka.topics import TopicsError
from streams.kafka.versions import Version
from streams.worker.other_versions import OtherVersions

NEWER = first_edition(STATE_VERSION + 1, 0)


def newer(members: int, edition: int = NEWER + 7) -> Version:
    return Version(
        STATE_VERSION + 1,
        group=True,
        members=members,
        offsets={("alarms", 0): 40, ("labels", 0): 3, ("alarms", 1): 9},
        edition=edition,
    )


def test_a_worker_that_is_alone_counts_on_from_its_own_editions() -> None:
    assert OtherVersions().fence(12) == max(12, first_edition(STATE_VERSION, 0))
    assert OtherVersions().emitted(0) == {}


def test_a_newer_version_counts_as_long_as_it_has_workers() -> None:
    assert OtherVersions([newer(members=1)]).fence(12) < NEWER
    given_up = OtherVersions([newer(members=0)]).fence(12)
    assert given_up == first_edition(STATE_VERSION, 1) > NEWER + EDITIONS // 2


def test_a_turn_is_taken_once_and_an_upgrade_after_it_stays_in_it() -> None:
    back = OtherVersions([newer(members=0)]).fence(12) + 5
    assert OtherVersions([newer(members=0)]).fence(back) == back
    again = newer(members=1, edition=first_edition(STATE_VERSION + 1, 1) + 3)
    assert OtherVersions([again]).fence(back) == back < again.edition


def test_an_older_version_is_exceeded_with_or_without_workers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for module in ("streams.worker.other_versions", "streams.kafka.versions"):
        monkeypatch.setattr(f"{module}.STATE_VERSION", STATE_VERSION + 1)
    for members in (0, 2):
        edition = first_edition(STATE_VERSION, 2) + 9
        older = Version(STATE_VERSION, group=True, members=members, edition=edition)
        assert OtherVersions([older]).fence(12) == first_edition(STATE_VERSION + 1, 2) > edition


def test_the_emitted_offset_is_the_greatest_committed_one() -> None:
    other = Version(STATE_VERSION + 2, group=True, offsets={("alarms", 0): 55})
    assert OtherVersions([newer(0), other]).emitted(0) == {"alarms": 55, "labels": 3}
    assert OtherVersions([newer(0), other]).emitted(2) == {}


@pytest.mark.parametrize("error", [TopicsError("no broker"), ValueError("15 is odd")])
def test_a_worker_starts_although_the_broker_hides_its_settings(error: Exception) -> None:
    def refuse() -> list[Version]:
        raise error

    other_versions = OtherVersions([newer(members=1)], refuse)
    assert asyncio.run(other_versions.look()) is False
    assert other_versions.emitted(1) == {"alarms": 9}, "what was known stays"
    known = OtherVersions((), lambda: [newer(members=0)])
    assert asyncio.run(known.look()) is True
    assert known.emitted(0) == {"alarms": 40, "labels": 3}
