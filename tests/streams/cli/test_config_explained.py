"""`config check`: what is in force and why, and that a mistyped setting is never passed over."""

from __future__ import annotations

from pathlib import Path

import pytest

from streams.setting_table import entries
from streams.settings import Settings
from tests.harness.workers import run

SECRET = "a-token-of-20-letters"


def explained(*arguments: str | Path) -> dict[str, tuple[str, str, str]]:
    """By name: value, origin and meaning, as printed."""
    done = run("config", "check", "--explain", *arguments)
    assert (done.status, done.err) == (0, "")
    lines = done.out.decode().splitlines()
    found = {}
    for setting, meaning in zip(lines[::2], lines[1::2], strict=True):
        name, _, rest = setting.partition(": ")
        value, _, origin = rest.partition("  [")
        assert meaning.startswith("    ")
        found[name] = (value, origin.removesuffix("]"), meaning.strip())
    return found


def test_explain_names_every_setting_once_with_what_it_means() -> None:
    found = explained()
    assert list(found) == [one.name for one in entries(Settings)]
    assert all(meaning for _, _, meaning in found.values())
    assert {origin for _, origin, _ in found.values()} == {"default"}
    assert found["policy.fleeting"][0] == "15s"


def test_explain_says_where_each_value_comes_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tmp_path / "config.yaml"
    config.write_text(
        "# ours\ngroup: wards\nbroker: kafka:9092\npolicy:\n  fleeting: 20s\n"
        "  overload:\n    beds: {elevated: {enter: 6, leave: 6}}\n"
    )
    monkeypatch.setenv("ALARM_FATIGUE_GROUP", "other")
    monkeypatch.setenv("ALARM_FATIGUE_POLICY__OVERLOAD__HOLD", "7m")
    monkeypatch.setenv("ALARM_FATIGUE_METRICS", '{"max_units": 7}')
    found = {name: told[:2] for name, told in explained("--config", config).items()}
    assert found["broker"] == ("kafka:9092", f"{config}:3")
    assert found["group"] == ("other", "environment ALARM_FATIGUE_GROUP")
    assert found["policy.fleeting"] == ("20s", f"{config}:5")
    assert found["policy.overload.beds"] == ("{elevated: {enter: 6, leave: 6}}", f"{config}:7")
    assert found["policy.overload.hold"] == (
        "7m",
        "environment ALARM_FATIGUE_POLICY__OVERLOAD__HOLD",
    )
    assert found["metrics.max_units"] == ("7", "environment ALARM_FATIGUE_METRICS")
    assert found["metrics.max_facilities"][1] == "default"


def test_a_secret_is_printed_nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = tmp_path / "config.yaml"
    config.write_text(f"web: {{token: {SECRET}}}\n")
    assert explained("--config", config)["web.token"][:2] == ("set (not shown)", f"{config}:1")
    monkeypatch.setenv("ALARM_FATIGUE_WEB__TOKEN", SECRET)
    told = explained()["web.token"]
    assert told[:2] == ("set (not shown)", "environment ALARM_FATIGUE_WEB__TOKEN")
    assert SECRET.encode() not in run("config", "check", "--explain").out
    assert SECRET.encode() not in run("config", "check").out


@pytest.mark.parametrize(
    ("variable", "message"),
    [
        (
            "ALARM_FATIGUE_WEB_PORT",
            "ALARM_FATIGUE_WEB_PORT: no such setting; did you mean ALARM_FATIGUE_WEB__PORT?",
        ),
        (
            "ALARM_FATIGUE_BROKR",
            "ALARM_FATIGUE_BROKR: no such setting; did you mean ALARM_FATIGUE_BROKER?",
        ),
        ("alarm_fatigue_brokr", "alarm_fatigue_brokr: no such setting; did you mean ALARM_"),
        ("ALARM_FATIGUE_WEB__PROT", "web.prot: no such setting; did you mean web.port?"),
        ("ALARM_FATIGUE_QQQQ", "ALARM_FATIGUE_QQQQ: no such setting\n"),
    ],
)
@pytest.mark.parametrize("command", ["config check", "worker", "topics", "publish"])
def test_an_unknown_variable_ends_every_command_that_has_settings(
    variable: str, message: str, command: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv(variable, "1")
    (tmp_path / "alarms.jsonl").write_text("")
    files = ("--alarms", tmp_path / "alarms.jsonl") if command == "publish" else ()
    done = run(*command.split(), *files)
    assert (done.status, done.out) == (1, b"")
    assert done.err.startswith(f"error: {message}")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ALARM_FATIGUE_SERVICE_HOST", "10.0.0.7"),
        ("ALARM_FATIGUE_SERVICE_PORT_HTTP", "9464"),
        ("ALARM_FATIGUE_PORT", "tcp://10.0.0.7:9464"),
        ("ALARM_FATIGUE_WORKER_PORT_9464_TCP_ADDR", "10.0.0.7"),
        ("ALARM_FATIGUE_TESTS_REQUIRE_ALL", "1"),
    ],
)
def test_variables_that_an_orchestrator_sets_for_a_service_of_our_name_are_left_alone(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    assert run("config", "check").status == 0


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("brokr: x", "brokr: no such setting; did you mean broker?"),
        (
            "policy: {fleetting: 1s}",
            "policy.fleetting: no such setting; did you mean policy.fleeting?",
        ),
        ("web: {Port: 1}", "web.Port: no such setting; did you mean web.port?"),
        ("port: 9465", "port: no such setting; did you mean web.port?"),
        ("zebra: 1", "zebra: no such setting\n"),
    ],
)
def test_an_unknown_key_of_the_file_names_the_nearest_one(
    text: str, message: str, tmp_path: Path
) -> None:
    config = tmp_path / "config.yaml"
    config.write_text(text)
    done = run("config", "check", "--config", config)
    assert done.status == 1
    assert done.err.startswith(f"error: {message}")
