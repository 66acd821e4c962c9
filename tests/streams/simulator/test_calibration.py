"""The simulated ward keeps to the published figures.

Statistical tests run on fixed seeds, so they pass or fail for good. Their tolerances are four
standard errors of the figure in question, given how many alarms were drawn: wide enough for any
honest seed, too narrow for a wrong formula.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from math import sqrt
from statistics import median
from typing import Any

import numpy as np
import pytest

from analyzer.model.policy import HOUR, MINUTE, SECOND
from streams.simulator import Record, Ward, simulate
from streams.simulator.calibration import ALARM_TYPES
from streams.simulator.ward import DAY
from tests.harness.simulated import Alarm, alarms_in, binomial, of


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
