"""Overload states in small scenarios: an alarm storm enters once, a load at the limit does not
flap, silence lowers the state; and relief.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from typer.testing import CliRunner

from analyzer import Change, ChangeRecord
from analyzer.model.policy import HOUR, MINUTE, SECOND, Level, Levels, OverloadPolicy
from streams.cli.main import app
from streams.formats.sinks import encode_change
from streams.settings import SettingsError, load
from tests.harness.hospitals import NINE, Hospital, storm


def of(changes: Sequence[Change], clinician: str | None) -> list[tuple[float, str]]:
    """(minutes after nine, new state) of a clinician, or of the unit."""
    return [((one.at - NINE) / MINUTE, one.after) for one in changes if one.clinician == clinician]


def test_a_storm_enters_once_and_silence_leaves_it() -> None:
    hospital = Hospital()
    hospital.assign("ann", "1", "2")
    hospital.alarm(NINE - HOUR)
    storm(hospital, NINE, minutes=10, every=40 * SECOND)  # 15 alarms, the last one at 9:09:20
    # The eleventh alarm is at 9:06:40: more than 10 at 9:07, held for 2 min at 9:09. Down to 4 at
    # 9:17 (alarms from 9:07:20 on), cooled down for 10 min at 9:27.
    expected = [(9.0, "overloaded"), (27.0, "normal")]
    assert of(hospital.run(NINE + 2 * HOUR), "ann") == expected


def test_metrics_show_the_values_by_which_a_unit_became_overloaded(tmp_path: Path) -> None:
    hospital = Hospital()
    hospital.assign("ann", "1", "2")
    storm(hospital, NINE, minutes=10, every=40 * SECOND)
    hospital.run(NINE + HOUR)
    shown = []
    for minutes in (8, 9, 12, 28):
        for topic, lines in hospital.lines.items():
            (tmp_path / f"{topic}.jsonl").write_text("\n".join(lines))
        arguments = [f"--{topic}={tmp_path / topic}.jsonl" for topic in ("alarms", "assignments")]
        done = CliRunner().invoke(app, ["replay", *arguments, "--at", str(NINE + minutes * MINUTE)])
        shown.append(
            [
                line.removeprefix("alarm_fatigue_unit_overload_")
                for line in done.stdout.splitlines()
                if "unit_overload_" in line[:30]
            ]
        )
    # The state rose at 9:09, with 14 alarms (9:00:00 to 9:08:40) in the ten minutes before.
    since = "1.77235614e+09"
    assert float(since) == (NINE + 9 * MINUTE) / 1000

    def why(present: float) -> list[str]:
        return [
            'state{facility="H",unit="ICU"} 2.0',
            'reason{facility="H",measure="alarms_10m",unit="ICU"} 14.0',
            'limit{facility="H",measure="alarms_10m",unit="ICU"} 10.0',
            f'present{{facility="H",measure="alarms_10m",unit="ICU"}} {present}',
            f'since_timestamp_seconds{{facility="H",unit="ICU"}} {since}',
        ]

    calm = ['state{facility="H",unit="ICU"} 0.0']
    assert shown == [calm, why(14.0), why(11.0), calm]


def test_live_and_in_replay_the_changes_are_the_same(tmp_path: Path) -> None:
    live, replayed = Hospital(), Hospital()
    for hospital in (live, replayed):
        hospital.assign("ann", "1", "2")
        hospital.assign("bob", "3")
        storm(hospital, NINE, minutes=10, every=40 * SECOND)
        storm(hospital, NINE + 50 * MINUTE, minutes=10, every=30 * SECOND, bed="3")
    changes = live.run_live(NINE + 2 * HOUR)
    assert changes == replayed.run(NINE + 2 * HOUR)
    for topic, lines in live.lines.items():
        (tmp_path / f"{topic}.jsonl").write_text("\n".join(lines))
    arguments = [f"--{topic}={tmp_path / topic}.jsonl" for topic in ("alarms", "assignments")]
    out = tmp_path / "overload.jsonl"
    done = CliRunner().invoke(
        app,
        [
            "replay",
            *arguments,
            "--at",
            str(NINE + 2 * HOUR),
            "--overload",
            str(out),
            "--pseudonyms",
            "off",
        ],
    )
    assert done.exit_code == 0, done.output
    assert out.read_bytes().splitlines() == [
        encode_change(ChangeRecord(one), str) for one in changes
    ]
    assert (
        'alarm_fatigue_clinician_overload_state{clinician="ann",facility="H",unit="ICU"} 0.0'
        in done.stdout
    )


@pytest.mark.parametrize("count", [10, 11])
def test_a_load_at_the_limit_does_not_flap(count: int) -> None:
    """A constant number of alarms in any 10 min for two hours. At the limit nothing happens; one
    alarm more gives one change up, and one down at the end.
    """
    hospital = Hospital(OverloadPolicy(alarms_1h=Levels(), protected_1h=Levels()))
    hospital.assign("ann", "1", "2")
    for at in range(NINE, NINE + 2 * HOUR, 10 * MINUTE):
        for number in range(count):
            hospital.alarm(at + number * 10 * MINUTE // count)
    changes = of(hospital.run(NINE + 4 * HOUR), "ann")
    assert [state for _, state in changes] == ([] if count == 10 else ["overloaded", "normal"])


def test_between_enter_and_leave_a_state_stays() -> None:
    hospital = Hospital(OverloadPolicy(alarms_1h=Levels(), protected_1h=Levels()))
    hospital.assign("ann", "1", "2")
    storm(hospital, NINE, minutes=10, every=40 * SECOND)
    # 5 in 10 min: too few to enter a state, too many to leave it
    storm(hospital, NINE + 10 * MINUTE, minutes=50, every=2 * MINUTE)
    # The last alarm is at 9:58: at most 4 in 10 min from 10:00 on, cooled down at 10:10.
    assert of(hospital.run(NINE + 2 * HOUR), "ann") == [(9.0, "overloaded"), (70.0, "normal")]


def test_a_burst_shorter_than_the_hold_does_not_change_the_state() -> None:
    hospital = Hospital(
        OverloadPolicy(alarms_10m=Levels(overloaded=Level(3, 1)), protected_1h=Levels())
    )
    hospital.assign("ann", "1", "2")
    for minute in (0, 8, 9, 9.5):  # four in 10 min only from 9:09:30 until 9:10
        hospital.alarm(NINE + int(minute * MINUTE))
    assert of(hospital.run(NINE + HOUR), "ann") == []


def test_unanswered_alarms_raise_the_state_and_a_response_lowers_it() -> None:
    hospital = Hospital(OverloadPolicy(protected_1h=Levels()))
    hospital.assign("ann", "1", "2")
    ids = [hospital.alarm(NINE, seconds=3600) for _ in range(4)]
    for alarm_id in ids[1:]:
        hospital.respond(alarm_id, NINE + 20 * MINUTE)
    changes = hospital.run(NINE + 55 * MINUTE)
    assert of(changes, "ann") == [(2.0, "elevated"), (30.0, "normal")]
    assert [(why.measure, why.value, why.limit) for why in changes[0].reasons] == [
        ("unanswered", 4.0, 3)
    ]


def test_the_state_of_a_unit_follows_averages_per_clinician_on_duty_and_its_own_levels() -> None:
    policy = OverloadPolicy(
        units={
            "ICU": {"beds": Levels(elevated=Level(2, 2))},
            "H/CCU": {"beds": Levels(elevated=Level(1, 1))},
        }
    )
    hospital = Hospital(policy)
    hospital.assign("ann", "1", "2", "3")
    hospital.assign("bob", "4", start=NINE + 30 * MINUTE)
    hospital.assign("cyd", "1", "2", unit="CCU")
    hospital.alarm(NINE)
    changes = hospital.run(NINE + 2 * HOUR)
    assert of(changes, "ann") == [(2.0, "elevated")]
    assert of(changes, "cyd") == [(2.0, "elevated")]
    assert [
        (one.unit, (one.at - NINE) / MINUTE, one.after) for one in changes if one.clinician is None
    ] == [
        ("CCU", 2.0, "elevated"),
        ("ICU", 2.0, "elevated"),
        ("ICU", 40.0, "normal"),
    ]


MOVE = "Move bed 1 from a11 to b22: alarms per hour 14 → 7 and 0 → 7; b22 then has 2 beds."


def test_the_record_of_a_change() -> None:
    hospital = Hospital()
    hospital.assign("ann", "1", "2")
    hospital.assign("bob", "3")
    hospital.alarm(NINE - HOUR)
    for number in range(15):
        hospital.alarm(
            NINE + number * 40 * SECOND,
            bed="12"[number % 2],
            code=("MDC_EVT_LO", "MDC_EVT_HI", "MDC_EVT_LO")[number % 3],
        )
    [change] = [one for one in hospital.run(NINE + 10 * MINUTE) if one.clinician == "ann"]
    record = json.loads(
        encode_change(ChangeRecord(change), {"ann": "a11", "bob": "b22"}.__getitem__)
    )
    assert len(record.pop("id")) == 32
    assert record == {
        "facility": "H",
        "unit": "ICU",
        "level": "clinician",
        "clinician": "a11",
        "at": NINE + 9 * MINUTE,
        "from": "normal",
        "to": "overloaded",
        "withdrawn": False,
        "reasons": [
            {
                "measure": "alarms_10m",
                "value": 14.0,
                "limit": 10,
                "state": "overloaded",
                "enter": 10,
                "leave": 4,
                "text": "14 alarms in 10 min, limit 10",
            }
        ],
        "top_types": [
            {
                "device_type": "monitor",
                "source": "",
                "code": "MDC_EVT_LO",
                "name": "Low",
                "alarms": 9,
            },
            {
                "device_type": "monitor",
                "source": "",
                "code": "MDC_EVT_HI",
                "name": "High",
                "alarms": 5,
            },
        ],
        "relief": {
            "bed": "1",
            "from": {"clinician": "a11", "alarms_1h": 14, "alarms_1h_after": 7},
            "to": {"clinician": "b22", "alarms_1h": 0, "alarms_1h_after": 7, "beds_after": 2},
            "text": MOVE,
        },
        "relief_text": MOVE,
        "corrected_at": None,
        "corrected_by": [],
        "corrects": None,
        "pseudonym_key": None,
        "pseudonym_period": None,
    }


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ("hold: 90s", "overload.hold: expected a multiple of overload.every"),
        ("every: 7m", "overload.every: expected a divisor of 10 min"),
        (
            "alarms_10m: {overloaded: {enter: 10, leave: 11}}",
            "overload.alarms_10m.overloaded: expected leave on the quiet side of enter, or",
        ),
        (
            "protected_1h: {elevated: {enter: 0.4, leave: 0.3}}",
            "overload.protected_1h.elevated: expected leave on the quiet side of enter, or",
        ),
        (
            "alarms_1h: {elevated: {enter: 30, leave: 20}, overloaded: {enter: 20, leave: 10}}",
            "overload.alarms_1h: expected overloaded to be",
        ),
        (
            "units: {ICU: {bed: {elevated: {enter: 2, leave: 2}}}}",
            "overload.units.ICU.bed: expected one of alarms_10m, alarms_1h, ",
        ),
        (
            "units: {ICU: {beds: {elevated: {enter: 2}}}}",
            "policy.overload.units.ICU.beds.elevated.leave: Field required",
        ),
    ],
)
def test_impossible_levels_are_refused_by_name(
    tmp_path: Path, settings: str, complaint: str
) -> None:
    file = tmp_path / "settings.yaml"
    file.write_text(f"policy:\n  overload:\n    {settings}\n")
    with pytest.raises(SettingsError) as error:
        load(file)
    assert complaint in str(error.value)


def test_levels_in_a_file_are_those_of_the_policy(tmp_path: Path) -> None:
    file = tmp_path / "settings.yaml"
    beds = "{elevated: {enter: 2, leave: 2}}"
    file.write_text(f"policy: {{overload: {{cool_down: 5m, units: {{ICU: {{beds: {beds}}}}}}}}}")
    assert load(file).policy.overload == OverloadPolicy(
        cool_down=5 * MINUTE, units={"ICU": {"beds": Levels(elevated=Level(2, 2))}}
    )
    assert load().policy.overload == OverloadPolicy()
