"""Small groups: what rests on few clinicians is not shown in views longer than a shift, and cannot
be worked out by subtracting what is.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Any

import pytest

from analyzer import Engine, Policy
from analyzer.model import AlarmEvent, Assignment
from analyzer.model.policy import HOUR, MINUTE
from streams.http.privacy import Privacy
from tests.harness.site import START, FakeWorker, Site, pseudonym

NOW = START + 25 * HOUR
NURSES = {"BIG": (8, 8, 8), "NIGHT": (6, 1, 6), "SMALL": (3, 3, 3), "NOBODY": (0, 0, 0)}
"""By unit: nurses on duty in each of the last three shifts, the oldest first."""
SHIFTS = (START - HOUR, START + 7 * HOUR, START + 19 * HOUR, NOW + HOUR)
BEDS = 8


def ward() -> Engine:
    """Units with an alarm at each bed every ten minutes, half of them answered."""
    engine = Engine(Policy())
    for unit, counts in NURSES.items():
        for shift, count in enumerate(counts):
            for number in range(BEDS if count else 0):
                one = Assignment(
                    event_id=f"{unit}-{shift}-{number}",
                    assignment_id=f"{unit}-{shift}-{number}",
                    facility="H01",
                    unit=unit,
                    bed=f"{unit}-{number}",
                    clinician=f"{unit}-{shift}-{number % count}",
                    start=SHIFTS[shift],
                    end=SHIFTS[shift + 1],
                    at=SHIFTS[shift],
                )
                engine.apply("assignments", one, None)
    for number, (at, unit, bed) in enumerate(
        product(range(START, NOW, 10 * MINUTE), NURSES, range(BEDS))
    ):
        for phase, later in (("start", 0), ("end", 20_000)):
            event = AlarmEvent(
                event_id=f"{phase}{number}",
                alarm_id=str(number),
                phase=phase,  # type: ignore[arg-type]
                at=at + bed * 30_000 + later,
                facility="H01",
                unit=unit,
                bed=f"{unit}-{bed}",
                device_id="d",
                device_type="monitor",
                code="MDC_EVT_LO",
                source="s",
                kind="physiological",
                priority="low",
            )
            engine.apply("alarms", event, None)
    engine.advance(NOW)
    return engine


@pytest.fixture(scope="module")
def engine() -> Engine:
    return ward()


@pytest.fixture(scope="module")
def private(engine: Engine) -> Iterator[Site]:
    with Site(FakeWorker(engine), now=NOW / 1000, pseudonym=pseudonym, smallest_group=5) as site:
        yield site


@pytest.fixture(scope="module")
def exact(engine: Engine) -> Iterator[Site]:
    with Site(FakeWorker(engine), now=NOW / 1000, pseudonym=pseudonym) as site:
        yield site


def unit_of(site: Site, unit: str) -> dict[str, Any]:
    found: dict[str, Any] = site.get(f"/api/v1/unit?facility=H01&unit={unit}").json
    return found


def test_a_unit_with_enough_clinicians_at_all_times_is_shown_whole(
    private: Site, exact: Site
) -> None:
    assert unit_of(private, "BIG")["unit"] == unit_of(exact, "BIG")["unit"]
    assert unit_of(private, "BIG")["states"] == unit_of(exact, "BIG")["states"]
    for path in ("findings?unit=BIG", "whatif/types?facility=H01&unit=BIG"):
        assert private.get(f"/api/v1/{path}").json == exact.get(f"/api/v1/{path}").json


def test_where_no_clinician_is_known_nothing_is_hidden(private: Site, exact: Site) -> None:
    assert unit_of(private, "NOBODY")["unit"] == unit_of(exact, "NOBODY")["unit"]


@pytest.mark.parametrize("unit", ["SMALL", "NIGHT"])
def test_longer_views_of_a_small_unit_are_left_out_and_live_ones_stay(
    private: Site, exact: Site, unit: str
) -> None:
    shown, whole = (unit_of(site, unit)["unit"] for site in (private, exact))
    for name in ("alarms", "nonactionable", "unassigned_alarms", "chattering_alarms"):
        assert shown[name]["12h"] is None
        for window in ("10m", "1h", "2h"):
            assert shown[name][window] == whole[name][window]
    assert shown["trend"]["minutes"] == whole["trend"]["minutes"]
    assert shown["suppressed"] == ["12h", "hours", "shifts"]
    assert [one["alarms"] for one in (shown["trend"]["shifts"][p] for p in ("before", "last"))] == [
        0, 0,
    ]  # fmt: skip
    assert shown["trend"]["shifts"]["says"] == "not shown: fewer than 5 clinicians in some hours"
    same = {"alarms", "nonactionable", "unassigned_alarms", "chattering_alarms", "trend"}
    same |= {"suppressed"}
    assert {k: v for k, v in shown.items() if k not in same} == {
        k: v for k, v in whole.items() if k not in same
    }


def test_the_night_with_one_nurse_is_hidden_hour_by_hour_and_the_day_is_not(
    private: Site, exact: Site, engine: Engine
) -> None:
    shown, whole = (unit_of(site, "NIGHT")["unit"]["trend"]["hours"] for site in (private, exact))
    groups = engine.groups()["H01", "NIGHT"][23::-1]  # the oldest of 24 hours first
    assert {1, 6} == set(groups)
    assert [one is None for one in shown] == [group == 1 for group in groups]
    assert all(one in (None, other) for one, other in zip(shown, whole, strict=True))


def test_of_clinicians_only_figures_within_a_shift_are_shown(private: Site, exact: Site) -> None:
    path = "/api/v1/clinicians?facility=H01&unit=BIG"
    shown, whole = (site.get(path).json["clinicians"] for site in (private, exact))
    assert len(shown) == len(whole) > 5
    names = ("alarms", "alarm_seconds", "protected_ratio", "flood_ratio", "overlapping_alarms")
    for one, other in zip(shown, whole, strict=True):
        for name in (*names, "nonactionable"):
            assert one[name]["12h"] is None
            assert one[name] | {"12h": 0} == other[name] | {"12h": 0}


@pytest.mark.parametrize("unit", ["SMALL", "NIGHT"])
def test_findings_and_what_ifs_about_few_are_not_given(private: Site, unit: str) -> None:
    [found] = private.get(f"/api/v1/findings?unit={unit}").json["units"]
    assert (found["findings"], found["alarms"], found["types"]) == ([], 0, 0)
    assert found["suppressed"] == "not shown: fewer than 5 clinicians in some hours"
    place = f"facility=H01&unit={unit}"
    for path in (f"whatif/types?{place}", f"whatif?{place}&type=monitor/s/MDC_EVT_LO&delay=5"):
        answer = private.get(f"/api/v1/{path}")
        assert (answer.status, answer.json) == (404, {"error": found["suppressed"]})


def test_how_fast_one_nurse_answers_is_not_given_in_a_short_window_either(engine: Engine) -> None:
    """At 3 in the morning, one nurse has the unit NIGHT alone, and three have SMALL."""
    night = Privacy.of(5, Policy())
    alone, three = [1] * 26, [3] * 26
    assert not night.shows_findings(alone, "1h")
    assert night.shows_findings(three, "1h")
    assert not night.shows_findings(three, "12h")
    assert Privacy.of(1, Policy()).shows_findings(alone, "1h")


def test_metrics_stay_whole(private: Site, exact: Site) -> None:
    def burdens(site: Site) -> list[str]:
        text = site.get("/metrics").body.decode()
        return [line for line in text.splitlines() if "unit=" in line]

    assert burdens(private) == burdens(exact)
    assert any('window="12h"' in line and '"SMALL"' in line for line in burdens(private))


# --- the attack: every figure of a unit's alarms that is shown, as a sum of hours


def equations(unit: dict[str, Any]) -> Iterator[tuple[frozenset[int], int]]:
    """The hours (0: the latest) that a shown figure is the sum of, and the figure."""
    hours = unit["trend"]["hours"][::-1]
    yield from ((frozenset({h}), count) for h, count in enumerate(hours) if count is not None)
    for window, length in (("1h", 1), ("2h", 2), ("12h", 12)):
        for name in ("alarms", "nonactionable"):
            if unit[name][window] is not None:
                figure = unit[name][window]
                count = figure["all"] if name == "alarms" else figure["alarms"]
                yield frozenset(range(length)), count
    shifts = unit["trend"]["shifts"]
    for part in (shifts["before"], shifts["last"]):
        if part["hours"]:
            first, last = ((NOW - part[end]) // HOUR for end in ("begin", "end"))
            yield frozenset(range(last, first)), part["alarms"]


def derivable(known: list[tuple[frozenset[int], int]]) -> dict[frozenset[int], int]:
    """All sums of hours that follow by subtracting one known sum from another that holds it."""
    found = dict(known)
    while True:
        news = {
            whole - part: found[whole] - found[part]
            for whole in found
            for part in found
            if part < whole and whole - part not in found
        }
        if not news:
            return found
        found |= news


@pytest.mark.parametrize("unit", NURSES)
def test_no_difference_of_two_figures_is_about_few_clinicians(
    private: Site, exact: Site, engine: Engine, unit: str
) -> None:
    groups = engine.groups().get(("H01", unit), [0] * 26)
    known = list(equations(unit_of(private, unit)["unit"]))
    live = {0, 1}
    for hours, count in derivable(known).items():
        assert count >= 0
        for hour in hours - live:
            assert groups[hour] == 0 or groups[hour] >= 5, (sorted(hours), groups)
    # The attack works where nothing is hidden.
    every = derivable([*equations(unit_of(exact, unit)["unit"])])
    assert len(every) > len(derivable(known)) or unit in ("BIG", "NOBODY")


def test_no_list_filter_or_total_gives_more_than_the_units_themselves(private: Site) -> None:
    every = {one["unit"]: one for one in private.get("/api/v1/units").json["units"]}
    chosen = {one["unit"]: one for one in private.get("/api/v1/units?facility=H01").json["units"]}
    assert every == chosen
    for unit, one in every.items():
        assert one == unit_of(private, unit)["unit"]
    totals = private.get("/api/v1/units").json
    assert totals.keys() == {
        "at", "refresh_seconds", "windows", "currency", "rules", "units", "left_out", "takings",
    }  # fmt: skip


def test_the_history_of_states_ends_where_few_clinicians_begin(private: Site, exact: Site) -> None:
    shown, whole = (unit_of(site, "NIGHT")["states"] for site in (private, exact))
    assert whole[0]["from"] < whole[-1]["until"] - 20 * HOUR
    assert shown[0]["from"] == NOW - 6 * HOUR
    assert shown[-1] == whole[-1] | {"from": max(whole[-1]["from"], NOW - 6 * HOUR)}
