"""The simulated ward keeps to its seed and to the contract."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter, defaultdict
from itertools import islice, pairwise
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analyzer.model.facts import FACT_TYPES
from analyzer.model.policy import HOUR, SECOND
from streams.simulator import Record, Storm, Ward, simulate
from streams.simulator import calibration as cal
from streams.simulator.ward import DAY
from tests.harness.simulated import EVERYTHING, Alarm, binomial, of


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
