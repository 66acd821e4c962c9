"""The simulated ward does what its options promise."""

from __future__ import annotations

from collections import Counter, defaultdict
from itertools import pairwise
from typing import Any

import msgspec
import pytest

from analyzer.model.policy import HOUR, MINUTE
from streams.simulator import Storm, Ward, simulate
from streams.simulator.calibration import ALARM_TYPES
from streams.simulator.ward import DAY
from tests.harness.simulated import Alarm, alarms_in, binomial, of


class TestOptions:
    def test_duplicates_repeat_their_share_and_change_nothing_else(self) -> None:
        once = list(simulate(Ward(duration=6 * HOUR)))
        twice = list(simulate(Ward(duration=6 * HOUR, duplicates=0.2)))
        # 1 % due after the end
        assert (len(twice) - len(once)) / len(once) == pytest.approx(
            0.2, abs=binomial(0.2, len(once)) + 0.01
        )
        copies = Counter(map(msgspec.json.encode, (record[:2] for record in twice)))
        assert set(copies) == set(map(msgspec.json.encode, (record[:2] for record in once)))
        assert set(copies.values()) == {1, 2}

    @pytest.mark.parametrize(("option", "beyond"), [("late", False), ("late_beyond", True)])
    def test_late_records_come_late_and_only_beyond_the_allowance_too_late(
        self, option: str, beyond: bool
    ) -> None:
        records = [
            r
            for r in simulate(Ward(duration=6 * HOUR, **{option: 0.1}))
            if r.topic in {"alarms", "responses"}
        ]
        watermark = {"alarms": 0, "responses": 0}
        too_late = 0
        for topic, value, _ in records:
            at = int(str(value["at"]))
            too_late += at < watermark[topic] - 10 * MINUTE
            watermark[topic] = max(watermark[topic], at)
        delayed = sum(record.due - int(str(record.value["at"])) >= MINUTE for record in records)
        # What is delayed past the end of the run, up to an hour of six, is missing from both.
        assert 0.1 * 5 / 6 - 0.01 < delayed / len(records) < 0.1 + 0.01
        assert too_late == (delayed if beyond else 0)

    def test_understaffed_nights_have_half_the_nurses_and_days_all_of_them(self) -> None:
        for share, night_nurses in [(0.0, 6), (1.0, 3)]:
            rows = [
                r
                for r in of(
                    simulate(Ward(duration=23 * HOUR, understaffed_nights=share)), "assignments"
                )
                if r["role"] == "nurse"
            ]
            on_duty: defaultdict[tuple[str, int], set[str]] = defaultdict(set)
            for row in rows:
                on_duty[row["unit"], row["from"] // HOUR % 24].add(row["clinician"])
            assert {(hour, len(nurses)) for (_, hour), nurses in on_duty.items()} == {
                (7, 6),
                (19, night_nurses),
            }

    def test_a_storm_multiplies_the_alarms_of_its_unit_while_it_lasts(self) -> None:
        start = Ward().start + 3 * HOUR
        ward = Ward(
            duration=6 * HOUR, storms=(Storm(start=start, duration=HOUR, factor=10, unit="CCU"),)
        )
        during: Counter[str] = Counter()
        alarms = alarms_in(simulate(ward))
        for alarm in alarms.values():
            during[alarm.first["unit"]] += start <= alarm.start < start + HOUR
        usual = sum("-a" in alarm_id for alarm_id in alarms) / 42  # per unit and hour
        # Nine times an hourly rate of 86 is added: a Poisson count, four standard errors of which
        # are 13 %. A tenth more is allowed for the diurnal rhythm and for alarms pushed past the
        # storm by the one before.
        added = sum("-s" in alarm_id for alarm_id in alarms)
        assert added == pytest.approx(9 * usual, rel=0.23)
        assert during["CCU"] > 5 * max(during[unit] for unit in during if unit != "CCU")
        assert {alarm.first["unit"] for alarm_id, alarm in alarms.items() if "-s" in alarm_id} == {
            "CCU"
        }

    def test_random_storms_come_at_their_rate(self) -> None:
        alarms = alarms_in(simulate(Ward(seed=9, duration=4 * DAY, units=4, beds=2, storms=6.0)))
        stormy = sum("-s" in alarm_id for alarm_id in alarms)
        # 96 storms of 10 min expected, at nine times 2 beds' 15.6 alarms an hour. The count of
        # storms dominates the error: 4 / sqrt(96).
        assert stormy == pytest.approx(96 / 6 * 9 * 15.6, rel=0.41)

    def test_a_chattering_sensor_alarms_and_clears_three_times_a_minute(self) -> None:
        alarms = alarms_in(simulate(Ward(duration=4 * HOUR, chattering_sensors=3)))
        sensors: defaultdict[str, list[Alarm]] = defaultdict(list)
        for alarm_id, alarm in alarms.items():
            if "-c" in alarm_id:
                sensors[alarm.first["device_id"]].append(alarm)
        assert len(sensors) == 3
        for sensor in sensors.values():
            starts = sorted(alarm.start for alarm in sensor)
            assert len(starts) == 4 * 20  # a spell of 5 min an hour, every 15 s
            in_a_minute = sum(
                third - first <= MINUTE for first, third in zip(starts, starts[2:], strict=False)
            )
            # all but the two openers of a spell, save where a usual alarm came between
            assert in_a_minute >= 4 * 18 * 0.95
            assert all((alarm.seconds or 0) < 8 for alarm in sensor)

    def test_late_charting_is_wrong_first_and_then_corrected(self) -> None:
        rows: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
        for row in of(simulate(Ward(duration=3 * HOUR, late_charting=1.0)), "assignments"):
            rows[row["assignment_id"]].append(row)
        assert rows
        for versions in rows.values():
            versions.sort(key=lambda row: row["at"])
            assert 0 <= versions[0]["at"] - versions[0]["from"] <= HOUR
            # a correction after the run is cut off
            assert len(versions) >= 2 or versions[0]["at"] > Ward().start + 2 * HOUR
            if len(versions) > 1:
                assert versions[0]["clinician"] != versions[1]["clinician"]
                assert all(one["at"] < other["at"] for one, other in pairwise(versions))

    def test_adjudication_labels_its_share_of_arrhythmia_alarms(self) -> None:
        assert not of(simulate(Ward(duration=2 * HOUR, adjudicated=0.0)), "labels")
        records = list(simulate(Ward(seed=8, duration=DAY, adjudicated=0.5)))
        rhythms = {kind.code for kind in ALARM_TYPES if kind.false is not None}
        begun = sum(alarm.first["code"] in rhythms for alarm in alarms_in(records).values())
        # Labels take about an hour, so some of the last hours' are cut off: up to 8 % of a day's.
        labelled = len(of(records, "labels")) / begun
        assert 0.5 * 0.92 - binomial(0.5, begun) <= labelled <= 0.5 + binomial(0.5, begun)
