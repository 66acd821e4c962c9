"""The simulated ward keeps to its seed, to the contract, to the published figures, and to what its
options promise.

Statistical tests run on fixed seeds, so they pass or fail for good. Their tolerances are four
standard errors of the figure in question, given how many alarms were drawn: wide enough for any
honest seed, too narrow for a wrong formula.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice, pairwise
from math import sqrt
from statistics import median
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analyzer.model.facts import FACT_TYPES
from analyzer.model.policy import HOUR, MINUTE, SECOND
from streams.simulator import Record, Storm, Ward, simulate
from streams.simulator import calibration as cal
from streams.simulator.calibration import ALARM_TYPES
from streams.simulator.hospital import DAY

EVERYTHING = {
    "storms": 4.0,
    "chattering_sensors": 1,
    "understaffed_nights": 0.5,
    "duplicates": 0.1,
    "late": 0.1,
    "late_beyond": 0.05,
    "late_charting": 0.3,
    "adjudicated": 0.5,
}


def of(records: Iterable[Record], topic: str) -> list[dict[str, Any]]:
    return [record.value for record in records if record.topic == topic]


def binomial(share: float, count: int) -> float:
    """Four standard errors of a share of `count` independent draws."""
    return 4 * sqrt(share * (1 - share) / count)


@dataclass
class Alarm:
    """An audible alarm, put together naively from its events; `answers` by their event ids,
    bed-only ones included.
    """

    events: list[dict[str, Any]]
    answers: list[dict[str, Any]]

    @property
    def first(self) -> dict[str, Any]:
        return min(self.events, key=lambda event: event["at"])

    @property
    def start(self) -> int:
        return int(self.first["at"])

    @property
    def seconds(self) -> float | None:
        ends = [event["at"] for event in self.events if event["phase"] == "end"]
        return (ends[0] - self.start) / SECOND if ends else None

    @property
    def acted_on(self) -> bool:
        return any(answer["action"] in {"intervene", "consult"} for answer in self.answers)


def alarms_in(records: Iterable[Record]) -> dict[str, Alarm]:
    alarms: dict[str, Alarm] = {}
    answers: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
    for topic, value, _ in records:
        if topic == "alarms" and value["priority"] != "info":
            alarms.setdefault(str(value["alarm_id"]), Alarm([], [])).events.append(value)
        elif topic == "responses":
            answers[str(value["event_id"]).rpartition("-")[0]].append(value)
    for alarm_id, alarm in alarms.items():
        alarm.answers = answers[alarm_id]
    # An answer may still be on its way when the run ends, and an end may be all that is left of an
    # update: keep what began.
    return {alarm_id: alarm for alarm_id, alarm in alarms.items() if alarm.first["phase"] != "end"}


@pytest.fixture(scope="module")
def usual_records() -> list[Record]:
    """Three undisturbed days of the 77 default beds, every arrhythmia adjudicated: about 43,000
    audible alarms.
    """
    return list(simulate(Ward(seed=11, duration=3 * DAY, adjudicated=1.0)))


@pytest.fixture(scope="module")
def usual(usual_records: list[Record]) -> dict[str, Alarm]:
    return alarms_in(usual_records)


class TestSeed:
    def test_same_seed_and_settings_give_the_same_bytes_in_another_process(self) -> None:
        program = (
            "import hashlib, msgspec; from streams.simulator import *; "
            f"ward = Ward(seed=5, duration={3 * HOUR}, facilities=2, profiles=('micu', 'ward'), "
            f"**{EVERYTHING}); run = simulate(ward); "
            "print(hashlib.sha256(msgspec.json.encode(list(run))).hexdigest())"
        )
        # The order of sets must not matter, so each process has another hash seed.
        digests = {
            subprocess.run(
                [sys.executable, "-c", program],
                env=os.environ | {"PYTHONHASHSEED": salt},
                check=True,
                capture_output=True,
            ).stdout
            for salt in ("1", "2")
        }
        assert len(digests) == 1

    def test_another_seed_gives_another_ward(self) -> None:
        one, other = (list(simulate(Ward(seed=seed, duration=HOUR))) for seed in (1, 2))
        assert one != other

    def test_a_long_run_is_drawn_as_it_is_read(self) -> None:
        """Ten years would take minutes and gigabytes; the first thousand records come at once."""
        assert len(list(islice(simulate(Ward(duration=3650 * DAY)), 1000))) == 1000


class TestContract:
    @settings(max_examples=settings.default.max_examples * 3 // 10)
    @given(
        seed=st.integers(0, 2**40),
        start=st.integers(950_000_000_000, 4_000_000_000_000),
        duration=st.integers(1, 3 * HOUR),
        facilities=st.integers(1, 2),
        units=st.integers(1, 9),
        beds=st.integers(1, 4),
        beds_per_nurse=st.integers(1, 5),
        profiles=st.lists(st.sampled_from(["micu", "picu", "ward"]), min_size=1, max_size=3).map(
            tuple
        ),
        options=st.sampled_from([{}, EVERYTHING]),
    )
    def test_every_record_is_a_valid_fact_in_order_of_delivery(
        self, options: dict[str, Any], **settings: Any
    ) -> None:
        ward = Ward(**settings, **options)
        due = ward.start
        for record in simulate(ward):
            value = dict(record.value)
            if record.topic == "assignments":
                value |= {"start": value.pop("from"), "end": value.pop("to")}
            fact_type = FACT_TYPES[record.topic]
            assert set(value) <= {*fact_type.__annotations__}
            # checks every type and enumerated word; constructing checks the rest
            msgspec.convert(value, fact_type)
            assert due <= record.due < ward.start + ward.duration
            due = record.due

    def test_an_event_id_is_unique_in_its_topic_and_facility(
        self, usual_records: list[Record]
    ) -> None:
        ids = Counter((record.topic, record.value["event_id"]) for record in usual_records)
        assert set(ids.values()) == {1}

    def test_an_alarm_opens_once_moves_and_ends_once(self, usual: dict[str, Alarm]) -> None:
        for alarm in usual.values():
            events = sorted(alarm.events, key=lambda event: event["at"])
            phases = [event["phase"] for event in events]
            assert phases.count("end") <= 1
            assert "start" not in phases[1:]
            assert "end" not in phases[:-1]
            readings = [event["value"] for event in events if "value" in event]
            # They move, but for what vanishes in the one decimal that readings have, and at zero.
            assert all(
                one != other or other == 0 or abs(other - events[0]["limit"]) < 0.5
                for one, other in pairwise(readings)
            )

    def test_a_device_raises_one_condition_once_at_a_time(self, usual: dict[str, Alarm]) -> None:
        lines: defaultdict[tuple[str, ...], list[Alarm]] = defaultdict(list)
        for alarm in usual.values():
            lines[alarm.first["device_id"], alarm.first["source"], alarm.first["code"]].append(
                alarm
            )
        for line in lines.values():
            line.sort(key=lambda alarm: alarm.start)
            assert all(
                one.start + (one.seconds or 0) * SECOND < other.start
                for one, other in pairwise(line)
            )

    def test_oddities_of_real_feeds_occur(
        self, usual: dict[str, Alarm], usual_records: list[Record]
    ) -> None:
        for share, found in [
            (
                cal.OPENS_WITH_UPDATE,
                sum(alarm.first["phase"] == "update" for alarm in usual.values()),
            ),
            (cal.NEVER_ENDS, sum(alarm.seconds is None for alarm in usual.values())),
            (cal.SENT_TO_CHARGE, sum("recipients" in alarm.first for alarm in usual.values())),
        ]:
            assert found / len(usual) == pytest.approx(share, abs=binomial(share, len(usual)))
        assert any("alarm_id" not in response for response in of(usual_records, "responses"))
        assert any("clinician" not in response for response in of(usual_records, "responses"))
        assert {"advisory"} <= {
            event["kind"] for event in of(usual_records, "alarms") if event["priority"] == "info"
        }
        assert any(
            len({event["priority"] for event in alarm.events}) == 2 for alarm in usual.values()
        )

    def test_every_bed_has_a_nurse_at_any_time_and_two_at_handover(self) -> None:
        ward = Ward(duration=DAY, understaffed_nights=0.5)
        rows = [row for row in of(simulate(ward), "assignments") if row["role"] == "nurse"]
        for hour, at_least in [(0.5, 1), (5, 1), (12.1, 2), (12.5, 1), (20, 1)]:
            moment = ward.start + int(hour * HOUR)
            nurses: defaultdict[str, set[str]] = defaultdict(set)
            for row in rows:
                if row["from"] <= moment < (row["to"] or moment + 1):
                    nurses[row["bed"]].add(row["clinician"])
            assert len(nurses) == ward.units * ward.beds
            assert min(map(len, nurses.values())) >= at_least

    @pytest.mark.parametrize(
        "wrong",
        [
            {"duration": 0},
            {"beds": 0},
            {"duplicates": 1.1},
            {"late": 0.6, "late_beyond": 0.6},
            {"profiles": ("icu",)},
            {"chattering_sensors": 78},
            {"storms": -1.0},
            {"storms": (Storm(start=0, duration=1, unit="ATTIC"),)},
        ],
    )
    def test_an_impossible_ward_is_refused_by_the_name_of_the_setting(
        self, wrong: dict[str, Any]
    ) -> None:
        with pytest.raises(ValueError, match=next(iter(wrong))):
            Ward(**wrong)


class TestCalibration:
    def test_alarms_per_bed_and_day(self, usual: dict[str, Alarm]) -> None:
        # A Poisson total, spread by no more than its root: 187 +- 3.6.
        assert len(usual) / (77 * 3) == pytest.approx(187, rel=4 / sqrt(len(usual)))

    def test_technical_share(self, usual: dict[str, Alarm]) -> None:
        technical = sum(alarm.first["kind"] == "technical" for alarm in usual.values()) / len(usual)
        assert technical == pytest.approx(791_632 / 2_558_760, abs=binomial(0.31, len(usual)))

    def test_a_tenth_of_the_patients_makes_about_half_of_the_alarms(self) -> None:
        """On a day most beds have one patient. Lansdowne's 57.4 % falls to 53 % by the bound on
        rates, and to about 50 % by the patients that leave; between small hospitals it varies by 2
        points, hence 220 beds.
        """
        beds = Counter(
            alarm.first["bed"]
            for alarm in alarms_in(simulate(Ward(seed=3, duration=6 * HOUR, units=20))).values()
        )
        assert sum(count for _, count in beds.most_common(22)) / beds.total() == pytest.approx(
            0.52, abs=0.06
        )

    def test_median_duration(self, usual: dict[str, Alarm]) -> None:
        seconds = [alarm.seconds for alarm in usual.values() if alarm.seconds]
        # Standard error of a median: 1 / (2 f sqrt(n)), f = 0.03 per second at 17 s: 0.08 s.
        assert median(seconds) == pytest.approx(17, abs=0.33)

    @pytest.mark.parametrize(("delay", "removed"), [(14, 0.50), (19, 0.67)])
    def test_a_delay_removes_the_published_share_of_ignored_and_ineffective_alarms(
        self, usual: dict[str, Alarm], delay: int, removed: float
    ) -> None:
        seconds = [
            alarm.seconds
            for alarm in usual.values()
            if not alarm.acted_on and alarm.seconds is not None
        ]
        share = sum(length <= delay for length in seconds) / len(seconds)
        assert share == pytest.approx(removed, abs=binomial(removed, len(seconds)))

    def test_effective_ineffective_and_ignored_shares(self, usual: dict[str, Alarm]) -> None:
        acted = sum(alarm.acted_on for alarm in usual.values()) / len(usual)
        ignored = sum(not alarm.answers for alarm in usual.values()) / len(usual)
        assert acted == pytest.approx(0.23, abs=binomial(0.23, len(usual)))
        assert ignored == pytest.approx(0.41, abs=binomial(0.41, len(usual)))

    def test_actions_fall_within_five_minutes_of_the_end(self, usual: dict[str, Alarm]) -> None:
        for alarm in usual.values():
            for answer in alarm.answers:
                assert answer["at"] >= alarm.start
                if answer["action"] in {"intervene", "consult"} and alarm.seconds is not None:
                    assert answer["at"] <= alarm.start + alarm.seconds * SECOND + 5 * MINUTE

    @pytest.mark.parametrize(("profile", "actionable"), [("picu", 0.129), ("ward", 0.010)])
    def test_other_units_act_on_their_published_share_of_clinical_alarms(
        self, profile: Any, actionable: float
    ) -> None:
        alarms = alarms_in(simulate(Ward(seed=4, duration=DAY, profiles=(profile,)))).values()
        clinical = [alarm.acted_on for alarm in alarms if alarm.first["kind"] == "physiological"]
        assert np.mean(clinical) == pytest.approx(
            actionable, abs=binomial(actionable, len(clinical))
        )

    def test_false_shares_of_arrhythmia_alarms(
        self, usual: dict[str, Alarm], usual_records: list[Record]
    ) -> None:
        reasons: defaultdict[str, list[bool]] = defaultdict(list)
        for label in of(usual_records, "labels"):
            reasons[usual[label["alarm_id"]].first["code"]].append(label["reason"] == "false_alarm")
            assert (label["verdict"] == "actionable") <= (label["reason"] == "true_alarm")
        published = {kind.code: kind.false for kind in ALARM_TYPES if kind.false is not None}
        assert set(reasons) == set(published)
        for code, found in reasons.items():
            assert np.mean(found) == pytest.approx(
                published[code], abs=binomial(published[code], len(found))
            )

    def test_a_lower_saturation_limit_removes_the_published_share(
        self, usual: dict[str, Alarm]
    ) -> None:
        lowest = [
            min(event["value"] for event in alarm.events if "value" in event)
            for alarm in usual.values()
            if (alarm.first["source"], alarm.first["code"])
            == ("MDC_PULS_OXIM_SAT_O2", "MDC_EVT_LO")
        ]
        # Readings have one decimal, which moves up to a further 1 % across the limit.
        assert sum(value >= 88 for value in lowest) / len(lowest) == pytest.approx(
            0.63, abs=binomial(0.63, len(lowest)) + 0.01
        )

    def test_answers_slow_down_with_the_load_of_the_nurse(self) -> None:
        """A nurse of twelve beds is always in the highest band of exposure, one of a single bed
        only beside the worst patients: over seeds the ratio of medians is 1.30 to 1.34.
        """
        delays = []
        for beds_per_nurse in (1, 12):
            alarms = alarms_in(
                simulate(Ward(seed=6, duration=6 * HOUR, beds=12, beds_per_nurse=beds_per_nurse))
            )
            delays.append(
                median(
                    alarm.answers[0]["at"] - alarm.start
                    for alarm in alarms.values()
                    if alarm.answers
                )
            )
        assert delays[0] * 1.15 < delays[1]


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
