"""Where settings come from, and how `config check` prints them."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from analyzer.model.policy import MINUTE
from tests.harness.files import NINE, event
from tests.harness.workers import run


def test_config_check_prints_settings_that_it_accepts_again(tmp_path: Path) -> None:
    config = tmp_path / "config.yaml"
    config.write_text(
        "broker: kafka:9092\npolicy: {fleeting: 20s, windows: [5m, 1h]}\nweb: {port: 9999}\n"
    )
    first = run("config", "check", "--config", config)
    told = yaml.safe_load(first.out)
    assert (
        told["broker"],
        told["policy"]["fleeting"],
        told["policy"]["windows"],
        told["web"]["port"],
    ) == (
        "kafka:9092",
        "20s",
        ["5m", "1h"],
        9999,
    )
    assert told["policy"]["horizon"] == "26h"
    assert told["policy"]["cover_by"] == ["adjust_limits", "attend", "consult", "intervene"]
    config.write_bytes(first.out)
    assert run("config", "check", "--config", config).out == first.out


def test_the_environment_overrides_the_file_and_the_command_line_both(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, alarms: Path
) -> None:
    config = tmp_path / "config.yaml"
    config.write_text("group: from-file\npseudonyms: false\npolicy: {windows: [5m]}\n")
    monkeypatch.setenv("ALARM_FATIGUE_GROUP", "from-environment")
    monkeypatch.setenv("ALARM_FATIGUE_POLICY__FLEETING", "1s")
    told = yaml.safe_load(run("config", "check", "--config", config).out)
    assert (
        told["group"],
        told["pseudonyms"],
        told["policy"]["windows"],
        told["policy"]["fleeting"],
    ) == (
        "from-environment",
        False,
        ["5m"],
        "1s",
    )
    recipients = event("start", 0, recipients=["ann"])
    assert b"ann" in run("replay", "--alarms", "-", "--config", config, stdin=recipients).out
    assert (
        b"ann"
        not in run(
            "replay", "--alarms", "-", "--config", config, "--pseudonyms", "on", stdin=recipients
        ).out
    )


def test_the_policy_of_the_config_decides(tmp_path: Path, alarms: Path) -> None:
    config = tmp_path / "config.yaml"
    config.write_text("policy: {windows: [30s], action_window: 1m}\n")
    numbers = run(
        "replay", "--alarms", alarms, "--config", config, "--at", str(NINE + 20_000 + MINUTE)
    ).numbers
    windows = {
        dict(labels).get("window")
        for name, labels in numbers
        if name == "alarm_fatigue_unit_alarms"
    }
    assert windows <= {"30s"}
    at_once = run(
        "replay", "--alarms", alarms, "--config", config, "--at", str(NINE + 20_000)
    ).numbers
    assert (
        at_once[
            "alarm_fatigue_unit_alarms",
            frozenset(
                {"facility": "F", "unit": "ICU", "window": "30s", "priority": "high"}.items()
            ),
        ]
        == 1
    )
