"""Every query of the board History on a real Prometheus that holds eight weeks of hourly totals,
with the numbers that these totals have.
"""

from __future__ import annotations

import subprocess
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.harness.boards import asked, the_query
from tests.harness.needs import need
from tests.harness.prometheus import Prometheus
from tests.harness.workers import eventually

HISTORY = "alarm-fatigue-history"
HOUR, WEEKS = 3600, 8
BEDS, CLINICIANS = {"ICU": 12, "WARD": 20}, {"ICU": 6, "WARD": 5}
SPAN = "28d"
VARIABLES = {"facility": "H1", "unit": ".*", "__range": SPAN}
Labels = tuple[str, ...]


def written(now: int) -> dict[tuple[str, str, str], dict[int, float]]:
    """The totals as the rules write them, by series and time (s), up to the last whole hour; in the
    last four weeks there are fewer alarms than before.
    """
    found: dict[tuple[str, str, str], dict[int, float]] = defaultdict(dict)
    for at in range(now - WEEKS * 7 * 24 * HOUR, now + 1, HOUR):
        hour = at // HOUR
        for unit, beds in BEDS.items():
            shift = "day" if 8 <= hour % 24 < 20 else "night"
            labels = f'facility="H1",unit="{unit}",shift="{shift}"'
            alarms = (20 + hour % 7 + (hour % 24 == 15) * 30) * (2 if at < now - 28 * 86400 else 1)
            totals: dict[tuple[str, str], float] = {
                ("unit:alarm_fatigue_shown:hour", ""): 1,
                ("unit:alarm_fatigue_alarms:hour", ""): alarms,
                ("unit:alarm_fatigue_assigned_alarms:hour", ""): alarms - 1,
                ("unit:alarm_fatigue_beds:hour", ""): beds,
                ("unit:alarm_fatigue_clinicians:hour", ""): CLINICIANS[unit],
                ("unit:alarm_fatigue_overloaded:hour", ""): 0.25 if shift == "day" else 0,
                ("unit:alarm_fatigue_elevated:hour", ""): 0.25,
                ("unit:alarm_fatigue_responses:hour", ""): 10,
                ("unit:alarm_fatigue_response_time:hour", ""): 300 if shift == "day" else 600,
            }
            for name, value in (("high", 4), ("medium", 8), ("low", alarms - 12)):
                totals["unit_priority:alarm_fatigue_alarms:hour", f',priority="{name}"'] = value
            for name, value in (
                ("actionable", 3), ("non_actionable", 9), ("technical", 2), ("pending", 1),
                ("unknown", alarms - 15),
            ):  # fmt: skip
                totals["unit_class:alarm_fatigue_alarms:hour", f',class="{name}"'] = value
            for (name, more), value in totals.items():
                found[name, labels + more, unit][at + 20] = value
    return found


@pytest.fixture(scope="module")
def now() -> int:
    return int(time.time()) // HOUR * HOUR


@pytest.fixture(scope="module")
def totals(now: int) -> dict[tuple[str, str, str], dict[int, float]]:
    return written(now)


@pytest.fixture(scope="module")
def prometheus(
    tmp_path_factory: pytest.TempPathFactory,
    totals: dict[tuple[str, str, str], dict[int, float]],
    now: int,
) -> Iterator[Prometheus]:
    folder = tmp_path_factory.mktemp("history")
    lines = [
        f"{name}{{{labels}}} {value} {at}\n"
        for (name, labels, _), values in sorted(totals.items())
        for at, value in values.items()
    ]
    for version, since, until in (("1", 0, 10), ("2", 10, WEEKS * 7)):
        lines += [
            f'alarm_fatigue_build_info{{version="{version}",policy="p"}} 1 '
            f"{now - WEEKS * 7 * 24 * HOUR + quarter * 900}\n"
            for quarter in range(since * 96, until * 96)
        ]
        lines += [
            f'alarm_fatigue_unit_overload_state{{facility="H1",unit="{unit}"}} 0 {now}\n'
            for unit in BEDS
            if version == "2"
        ]
    text = folder / "totals.openmetrics"
    text.write_text("".join(lines) + "# EOF\n")
    command = ["tsdb", "create-blocks-from", "--max-block-duration=1440h", "openmetrics"]
    subprocess.run(
        [need("promtool"), *command, text, folder / "tsdb"], check=True, stdout=subprocess.DEVNULL
    )
    server = Prometheus(folder, {}, keep="90d")
    try:
        eventually(lambda: server.query("vector(1)"), "Prometheus answers")
        yield server
    finally:
        server.stop()


def test_every_query_is_answered(prometheus: Prometheus, now: int) -> None:
    for one in asked(HISTORY):
        expression = one.filled(**VARIABLES)
        if one.instant:
            found = prometheus.ask("query", query=expression, time=now + 60)
        else:
            found = prometheus.ask(
                "query_range", query=expression, start=now - WEEKS * 7 * 86400, end=now, step=HOUR
            )
        assert found, one


def summed(totals: Any, chosen: Callable[[str, int], bool]) -> float:
    return sum(
        value
        for (name, labels, unit), values in totals.items()
        for at, value in values.items()
        if chosen(f"{name}{{{labels}}}", at)
    )


def ratio(totals: Any, above: str, below: str, begin: int, end: int, *which: str) -> float:
    def within(name: str, at: int, part: str) -> bool:
        return part in name and begin < at <= end and all(one in name for one in which)

    over = summed(totals, lambda name, at: within(name, at, below))
    return summed(totals, lambda name, at: within(name, at, above)) / over


@pytest.mark.parametrize(
    ("panel", "above", "below", "scale"),
    [
        ("Alarms per bed and day", ":alarm_fatigue_assigned_alarms:", ":alarm_fatigue_beds:", 24),
        ("Hours overloaded", ":alarm_fatigue_overloaded:", ":alarm_fatigue_shown:", 1),
        (
            "Mean time to respond", ":alarm_fatigue_response_time:", ":alarm_fatigue_responses:", 1
        ),
    ],
)  # fmt: skip
def test_a_rate_is_a_sum_over_a_sum_and_stands_beside_the_time_before(
    prometheus: Prometheus, totals: Any, now: int, panel: str, above: str, below: str, scale: int
) -> None:
    at, span = now + 60, 28 * 86400
    for series, end in (("this time", at), ("before", at - span)):
        query = the_query(HISTORY, panel, series).filled(**VARIABLES)
        [found] = prometheus.ask("query", query=query, time=at)
        expected = scale * ratio(totals, above, below, end - span, end)
        assert float(found["value"][1]) == pytest.approx(expected)


def test_the_share_of_known_class_is_9_of_12(prometheus: Prometheus, now: int) -> None:
    query = the_query(HISTORY, "Non-actionable share", "this time").filled(**VARIABLES)
    [found] = prometheus.ask("query", query=query, time=now + 60)
    assert float(found["value"][1]) == pytest.approx(9 / 12)


def test_the_heat_map_has_each_hour_at_the_time_when_it_began(
    prometheus: Prometheus, now: int
) -> None:
    query = the_query(HISTORY, "Alarms by weekday and hour", "Value #A").filled(**VARIABLES)
    begin = now - 14 * 86400
    [found] = prometheus.ask("query_range", query=query, start=begin, end=now, step=HOUR)
    values = {int(at): float(value) for at, value in found["values"]}
    assert set(values) == set(range(begin, now, HOUR))  # the present hour is not over
    for at, value in values.items():
        ended = at // HOUR + 1
        assert value == 2 * (20 + ended % 7 + (ended % 24 == 15) * 30)


def test_day_and_night_are_apart(prometheus: Prometheus, totals: Any, now: int) -> None:
    at, span = now + 60, 28 * 86400
    query = the_query(HISTORY, "Day and night", "Mean response").filled(**VARIABLES)
    found = {
        (one["metric"]["unit"], one["metric"]["shift"]): float(one["value"][1])
        for one in prometheus.ask("query", query=query, time=at)
    }
    assert found == {(unit, s): v for unit in BEDS for s, v in (("day", 30), ("night", 60))}
    query = the_query(HISTORY, "Day and night", "Alarms an hour each").filled(**VARIABLES)
    for one in prometheus.ask("query", query=query, time=at):
        labels = one["metric"]
        expected = ratio(
            totals, ":alarm_fatigue_assigned_alarms:", ":alarm_fatigue_clinicians:", at - span, at,
            f'unit="{labels["unit"]}"', f'shift="{labels["shift"]}"',
        )  # fmt: skip
        assert float(one["value"][1]) == pytest.approx(expected)


def test_a_change_of_settings_is_marked_once(prometheus: Prometheus, now: int) -> None:
    query = the_query(HISTORY, "annotation", "Worker's settings changed").filled()
    start = now - WEEKS * 7 * 86400 + 2 * HOUR
    [found] = prometheus.ask("query_range", query=query, start=start, end=now - HOUR, step=HOUR)
    assert found["metric"]["version"] == "2"
    assert len(found["values"]) == 1
