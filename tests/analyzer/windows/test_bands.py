"""The published bands that a clinician's counts are in."""

from __future__ import annotations

import pytest

from tests.harness.facts import alarm, duty, sample, verdict
from tests.harness.workloads import H, shown, to_ann


@pytest.mark.parametrize(
    ("count", "band"),
    [
        (0, "recommended"),
        (5, "recommended"),
        (6, "manageable"),
        (12, "manageable"),
        (13, "over_demanding"),
        (60, "over_demanding"),
        (61, "unacceptable"),
    ],
)
def test_the_band_of_an_hour_s_alarms(count: int, band: str) -> None:
    """Another alarm began exactly an hour ago, and so does not count."""
    found = shown([duty("ann", 0), *to_ann(0, *range(1, count + 1))], H)
    bands = ("recommended", "manageable", "over_demanding", "unacceptable")
    assert [
        one
        for one in bands
        if sample(found, "clinician_load_band", clinician="ann", unit="icu", band=one) == 1
    ] == [band]
    assert (
        sum(
            sample(found, "clinician_load_band", clinician="ann", unit="icu", band=one) or 0
            for one in bands
        )
        == 1
    )


@pytest.mark.parametrize(
    ("count", "band"), [(0, "0-29"), (29, "0-29"), (30, "30-79"), (79, "30-79"), (80, "80+")]
)
def test_the_band_of_two_hours_exposure(count: int, band: str) -> None:
    """Alarms of a second each are fleeting, so non-actionable. Not counted: a technical alarm, two
    that were actionable, and one that began exactly two hours ago.
    """
    facts = [duty("ann", 0), *to_ann(0, *range(1, count + 3)), *alarm("t", 5, 6, kind="technical")]
    facts.append(verdict(f"{count + 2}-{count + 2}", 300, "actionable"))
    facts += [verdict(f"{count + 1}-{count + 1}", 300, "actionable")]
    found = shown(facts, 2 * H)
    assert sample(found, "clinician_nonactionable_exposure", clinician="ann", unit="icu") == count
    bands = ("0-29", "30-79", "80+")
    assert [
        sample(found, "clinician_exposure_band", clinician="ann", unit="icu", band=one)
        for one in bands
    ] == [float(one == band) for one in bands]
