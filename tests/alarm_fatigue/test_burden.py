"""Burden over time: at each moment what `replay --at` prints, and what the oracle computes."""

from __future__ import annotations

import json
import random
from itertools import pairwise
from math import isclose
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import alarm_fatigue as af
from analyzer import Engine, Policy
from analyzer.model.policy import HOUR, MINUTE
from tests.harness.burden_rows import assert_same, expected, moments, replayed
from tests.harness.files import NINE, Files, event
from tests.oracle import overload as naive

MINUTES_15 = 15 * MINUTE
BOTH = ("unit", "clinician")


def read(files: Files) -> af.History:
    return af.read(**files.paths)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("window", "every", "step"), [("1h", "15m", 5), ("10m", "7m", 20), ("12h", "1h", 4)]
)
def test_each_row_of_a_day_equals_replay_at_its_time(
    day: Files, window: str, every: str, step: int
) -> None:
    history = read(day)
    frames = {by: history.burden(window=window, every=every, by=by) for by in BOTH}
    times = moments(frames["unit"])
    assert len(times) >= 23
    for now in times[step // 2 :: step]:
        samples = replayed(day, now)
        for by, frame in frames.items():
            assert_same(frame, now, expected(samples, by, window))


def test_all_gauges_of_units_and_clinicians_are_columns(day: Files) -> None:
    """Also those that are absent all day."""
    history = read(day)
    for by in BOTH:
        columns = set(history.burden(every="12h", by=by).columns)
        for row in expected(replayed(day, day.watermark), by, "1h").values():
            assert set(row) - {"types"} <= columns
        assert {f"nonactionable_ratio_{scope}" for scope in ("all", "clinical")} <= columns


def test_the_times_are_multiples_from_the_first_alarm_to_the_watermark(day: Files) -> None:
    times = moments(read(day).burden(every="15m"))
    first = min(fact.at for fact in day.facts if hasattr(fact, "phase"))
    assert times[0] == -(-first // MINUTES_15) * MINUTES_15
    assert times[-1] == day.watermark // MINUTES_15 * MINUTES_15
    assert {after - before for before, after in pairwise(times)} == {MINUTES_15}


def test_it_equals_the_oracle(shift: Files) -> None:
    frame = read(shift).burden(every="1h", by="unit")
    for now in moments(frame)[2::2]:
        found = naive.metrics(shift.facts, now, Policy())
        wanted = expected(found, "unit", "1h")
        rows = frame.filter(pl.col("at").dt.epoch("ms") == now).to_dicts()
        assert {(row["facility"], row["unit"]) for row in rows} == set(wanted)
        for row in rows:
            for name, value in wanted[row["facility"], row["unit"]].items():
                assert name == "types" or isclose(row[name], value, rel_tol=1e-12), name


@pytest.mark.slow
def test_the_order_of_lines_changes_nothing(day: Files, tmp_path: Path) -> None:
    first = read(day)
    mixed = read(
        day.rewritten(tmp_path / "mixed", lambda lines: random.Random(3).sample(lines, len(lines)))
    )
    for by in ("unit", "clinician"):
        assert mixed.burden(by=by).equals(first.burden(by=by))
    assert mixed.episodes().equals(first.episodes())


def assignment(number: int, start: int, end: int | None, at: int, **more: Any) -> bytes:
    fields = {"event_id": f"s{number}-{at}", "assignment_id": f"s{number}", "facility": "F"}
    fields |= {"unit": "ICU", "bed": "1", "clinician": "ann"}
    return json.dumps(
        fields | {"from": NINE + start, "to": end and NINE + end, "at": NINE + at} | more
    ).encode()


def written(folder: Path, alarms: list[bytes], assignments: list[bytes]) -> Files:
    folder.mkdir(exist_ok=True)
    lines = {"alarms": alarms, "assignments": assignments, "responses": [], "labels": []}
    for topic, some in lines.items():
        (folder / f"{topic}.jsonl").write_bytes(b"".join(line + b"\n" for line in some))
    return Files({topic: folder / f"{topic}.jsonl" for topic in lines})  # type: ignore[misc]  # the topics


def alarm(start: int, end: int | None, **more: Any) -> list[bytes]:
    id_ = {"alarm_id": f"a{start}"} | more
    return [
        event("start", start, **id_),
        *([] if end is None else [event("end", end, **id_)]),
    ]


def test_assignments_charted_days_later_count_from_then_on_as_in_replay(tmp_path: Path) -> None:
    """Ten beds from the first day on, charted on the fourth; the load of beds holds its state."""
    days = 24 * HOUR
    files = written(
        tmp_path / "late",
        [line for hour in range(0, 6 * 24, 5) for line in alarm(hour * HOUR, hour * HOUR + 30_000)],
        [assignment(bed, 0, None, 4 * days + bed, bed=str(bed)) for bed in range(10)]
        + [assignment(20, 0, 2 * days, 10), assignment(20, 0, 3 * days, 5 * days)],
    )
    history = read(files)
    frames = {by: history.burden(every="6h", by=by) for by in BOTH}
    for now in moments(frames["unit"]):
        samples = replayed(files, now)
        for by, frame in frames.items():
            assert_same(frame, now, expected(samples, by, "1h"))


def quiet_files(folder: Path, years: int) -> Files:
    gap = years * 365 * 24 * HOUR
    return written(
        folder,
        alarm(0, None) + alarm(MINUTE, 2 * MINUTE) + alarm(gap, gap + MINUTE),
        [assignment(1, 0, 8 * HOUR, 0), assignment(2, 4 * HOUR, None, 0, clinician="bea")],
    )


@pytest.mark.parametrize("by", ["unit", "clinician"])
def test_an_empty_stretch_of_months_has_the_rows_of_replay(tmp_path: Path, by: str) -> None:
    files = quiet_files(tmp_path / "quiet", 1)
    frame = read(files).burden(every="6h", by=by)
    times = moments(frame)
    assert len(times) == 365 * 4
    for now in [*times[:20], *times[::200], *times[-5:]]:
        assert_same(frame, now, expected(replayed(files, now), by, "1h"))


class Counted:
    """How often the engine counted."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.times = 0
        measure = Engine.measure

        def counted(engine: Engine) -> Any:
            self.times += 1
            return measure(engine)

        monkeypatch.setattr(Engine, "measure", counted)


def test_years_without_facts_are_not_counted_through(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted = []
    for years in (1, 5):
        files = quiet_files(tmp_path / str(years), years)
        count = Counted(monkeypatch)
        read(files).burden(every="15m")
        counted.append(count.times)
    assert counted[0] == counted[1] < 1000


def test_hours_without_clinicians_have_no_row(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gap = 20 * 365 * 24 * HOUR
    files = written(tmp_path / "far", alarm(0, 1000) + alarm(gap, gap + 1000), [])
    count = Counted(monkeypatch)
    frame = read(files).burden(every="15m")
    assert count.times < 200
    assert len(frame) == 49  # 12 h, and once at the end


def test_a_record_of_1970_is_rejected_without_extra_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = written(tmp_path / "stray", [event("start", -NINE), *alarm(0, HOUR)], [])
    history = read(files)
    assert history.rejected.rows() == [
        (str(files.paths["alarms"]), 1, "at", "expected a time from 2000 to 2100")
    ]
    count = Counted(monkeypatch)
    assert len(history.burden()) == 5
    assert count.times < 10


def test_another_window_and_times_of_ones_own(day: Files) -> None:
    history = read(day)
    policy = Policy(windows=Policy().windows | {"30m": 30 * MINUTE})
    since, until = day.watermark - 2 * HOUR, day.watermark + HOUR
    frame = history.burden(window="30m", every="20m", start=since, end=until)
    assert since <= moments(frame)[0] <= moments(frame)[-1] <= until
    for now in moments(frame):
        assert_same(frame, now, expected(replayed(day, now, policy), "unit", "30m"))


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ({"by": "bed"}, "by: expected unit or clinician, found bed"),
        ({"window": "1 hour"}, "window: expected a duration such as 15s, or seconds"),
        ({"every": 0}, "every: expected more than zero"),
        ({"window": "7d"}, "window: horizon: expected at least 180.25 h"),
        ({"start": "yesterday"}, "start: expected an RFC 3339 time"),
    ],
)
def test_an_unanswerable_question_says_why(day: Files, asked: dict[str, Any], says: str) -> None:
    with pytest.raises(af.InputError, match=says.replace("(", r"\(")):
        read(day).burden(**asked)
