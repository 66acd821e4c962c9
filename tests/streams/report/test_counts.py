"""A report's figures are those of the same questions in DuckDB's SQL over the Parquet files."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

from analyzer import Policy
from streams.archive import Archive
from streams.formats.calendars import Calendar
from streams.report import Hospital, report_on
from streams.report.figures import by_key
from tests.harness.archives import DAY, HOUR, ZONE, Place

PLACE = Place()
BEGIN, END = PLACE.day(7), PLACE.day(21)  # the clocks change on its 7th day


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Archive:
    return PLACE.archived(tmp_path_factory.mktemp("archive") / "archive")


@pytest.fixture(scope="module")
def found(archive: Archive) -> Hospital:
    return report_on(archive, "H03", BEGIN, END, Calendar(ZONE), Policy())


@pytest.fixture(scope="module")
def database(archive: Archive) -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        connection.sql("set timezone = 'Europe/Berlin'")
        for table in ("episodes", "assignments", "overload"):
            connection.sql(
                f"create view {table} as select * from '{archive.folder}/{table}/*/*/*.parquet'"
            )
        connection.sql(
            f"""create view alarms as select * from episodes
            where priority <> 'info' and kind <> 'advisory'
            and epoch_ms(start) >= {BEGIN} and epoch_ms(start) < {END}"""
        )
        connection.sql(
            f"""create view duty as select clinician, unit, bed,
            greatest(epoch_ms("from"), {BEGIN}) as b, least(epoch_ms("to"), {END}) as e
            from assignments where epoch_ms("to") > {BEGIN} and epoch_ms("from") < {END}"""
        )
        yield connection


def value(database: duckdb.DuckDBPyConnection, query: str) -> Any:
    [row] = database.sql(query).fetchall()
    return row[0] if len(row) == 1 else row


def figure(found: Hospital, unit: str | None, key: str) -> Any:
    [section] = [one for one in found.sections if one.unit == unit]
    return by_key(section.figures)[key]


@pytest.mark.parametrize("priority", ["high", "medium", "low"])
def test_alarms_per_bed_and_day(
    found: Hospital, database: duckdb.DuckDBPyConnection, priority: str
) -> None:
    for unit, where in (("MICU", "unit = 'MICU'"), (None, "true")):
        alarms = value(
            database, f"select count(*) from alarms where priority = '{priority}' and {where}"
        )
        bed_days = value(database, f"select sum(e - b) / {DAY} from duty where {where}")
        mine = figure(found, unit, f"alarms_per_bed_day.{priority}")
        assert (mine.above, mine.below) == (alarms, pytest.approx(bed_days))
        assert mine.value == pytest.approx(alarms / bed_days)
        assert mine.missing is None


def test_classes_and_the_nonactionable_ratio(
    found: Hospital, database: duckdb.DuckDBPyConnection
) -> None:
    non, known, clinical = value(
        database,
        """select count(*) filter (class = 'non_actionable'),
        count(*) filter (class in ('non_actionable', 'actionable')),
        count(*) filter (class <> 'technical') from alarms""",
    )
    ratio = figure(found, None, "nonactionable_ratio")
    assert (ratio.above, ratio.below) == (non, known)
    assert f"{clinical - known:,} clinical alarms are of unknown class" in ratio.missing
    assert figure(found, None, "coverage").value == pytest.approx(known / clinical)


@pytest.mark.parametrize("priority", ["high", "medium", "low"])
def test_response_times(
    found: Hospital, database: duckdb.DuckDBPyConnection, priority: str
) -> None:
    median, ninth, answered = value(
        database,
        f"""select quantile_cont(s, 0.5), quantile_cont(s, 0.9), count(s) from (select
        (epoch_ms(first_response) - epoch_ms(start)) / 1000 as s from alarms
        where unit = 'SICU' and priority = '{priority}')""",
    )
    mine = figure(found, "SICU", f"response_median.{priority}")
    assert (mine.value, mine.below) == (pytest.approx(median), answered)
    assert figure(found, "SICU", f"response_nine_in_ten.{priority}").value == pytest.approx(ninth)


def test_hours_over_30_and_overload(tmp_path: Path) -> None:
    place = Place(units={"MICU": 6}, burst="MICU", days=14)
    archive = place.archived(tmp_path / "archive")
    found = report_on(archive, "H03", place.day(7), place.day(14), Calendar(ZONE), Policy())
    with duckdb.connect() as database:
        database.sql("set timezone = 'Europe/Berlin'")
        hours = value(
            database,
            f"""select count(*) from (select 1 from
            (select unnest(clinicians) as who, start from
             '{archive.folder}/episodes/*/*/*.parquet' where priority <> 'info'
             and kind <> 'advisory' and epoch_ms(start) >= {place.day(7)})
            group by who, date_trunc('hour', start) having count(*) > 30)""",
        )
    busy = figure(found, "MICU", "hours_over_30")
    assert busy.above == hours
    assert busy.below == 7 * 24 * 6 - 6  # the clocks were put forward
    overloaded = figure(found, "MICU", "clinician_overloaded")
    assert (overloaded.above, overloaded.below) == (7, 7 * 24 * 6 - 6)


def test_fleeting_alarms_and_the_most_frequent_types(
    found: Hospital, database: duckdb.DuckDBPyConnection
) -> None:
    fleeting, alarms = value(
        database,
        'select count(*) filter (epoch_ms("end") - epoch_ms(start) < 15000), count(*) from alarms',
    )
    mine = figure(found, None, "fleeting")
    assert (mine.above, mine.below) == (fleeting, alarms)
    rows = database.sql(
        """select device_type, source, code, count(*) from alarms where unit = 'MICU'
        group by all order by 4 desc, 1, 2, 3 limit 10"""
    ).fetchall()
    [section] = [one for one in found.sections if one.unit == "MICU"]
    assert [(*one.type, one.alarms) for one in section.types] == rows


def test_the_heat_map_is_in_local_time_also_when_the_clocks_change(
    found: Hospital, database: duckdb.DuckDBPyConnection
) -> None:
    rows = database.sql(
        "select isodow(start) - 1, hour(start), count(*) from alarms group by all"
    ).fetchall()
    heat = found.sections[0].heat
    for day, hour, alarms in rows:
        assert heat.alarms[day, hour] == alarms
    assert heat.alarms.sum() == sum(one[2] for one in rows)
    assert heat.hours[6, 2] == 2  # of two units; there was no 02:00 on one of two Sundays
    assert heat.hours[6, 3] == 4
    assert heat.hours.sum() == 2 * (14 * 24 - 1)


def test_staffing_by_shift(found: Hospital, database: duckdb.DuckDBPyConnection) -> None:
    [section] = [one for one in found.sections if one.unit == "MICU"]
    assert (section.shifts.hours, section.shifts.shown) == (14 * 24 - 1, 14 * 24 - 1)
    day, night, weekend = section.shifts.rows
    assert day.clinicians == pytest.approx(6)
    assert day.beds_per_clinician == pytest.approx(1)
    assert day.acuity_per_clinician == pytest.approx(1.5)
    assert (day.hours, night.hours, weekend.hours) == (120, 120, 4 * 24 - 1)
    alarms = value(
        database,
        """select count(*) from alarms where unit = 'MICU' and isodow(start) < 6
        and hour(start) between 7 and 18""",
    )
    assert day.alarms_per_clinician_hour == pytest.approx(alarms / (120 * 6))


def test_floods_and_protected_time_are_those_of_the_alarms_of_each_clinician(
    found: Hospital, database: duckdb.DuckDBPyConnection
) -> None:
    """The gaps of at least five minutes between alarms and the ends of a duty."""
    rows = database.sql(
        f"""with spans as (select clinician as who, b, e from duty where unit = 'MICU'),
        points as (
          select s.who, s.b as t, s.b, s.e from spans s union all
          select s.who, s.e, s.b, s.e from spans s union all
          select s.who, epoch_ms(a.start), s.b, s.e from spans s join
          (select unnest(clinicians) as who, start from alarms where unit = 'MICU') a
          on a.who = s.who and epoch_ms(a.start) >= s.b and epoch_ms(a.start) < s.e),
        gaps as (select t - lag(t) over (partition by who, b order by t) as gap from points)
        select sum(gap) filter (gap >= 300000) / {HOUR} from gaps"""
    ).fetchall()
    mine = figure(found, "MICU", "protected_share")
    assert mine.above == pytest.approx(rows[0][0], rel=2e-3)  # midnight cuts a duty in SQL only
    assert mine.below == pytest.approx(6 * (14 * 24 - 1))
