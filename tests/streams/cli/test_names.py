"""A mistyped facility, unit or alarm type is an error that says which there are."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.harness.elsewhere import serving
from tests.harness.workers import Done, run

AT = 1_772_352_000_000
PLACES = [("H1", "MICU"), ("H1", "SICU"), ("H2", "CCU")]


@pytest.fixture
def files(tmp_path: Path) -> dict[str, list[str]]:
    """By command: what reads three units of two hospitals."""
    with (tmp_path / "alarms.jsonl").open("w") as file:
        for place, (facility, unit) in enumerate(PLACES):
            alarm = {
                "alarm_id": f"a{place}",
                "facility": facility,
                "unit": unit,
                "bed": "1",
                "device_id": "m1",
                "device_type": "monitor",
                "source": "MDC_PULS_OXIM_SAT_O2",
                "code": "MDC_EVT_LO",
                "kind": "physiological",
                "priority": "high",
            }
            for phase, after in (("start", 0), ("end", 20_000)):
                event = {"event_id": f"{phase}{place}", "phase": phase, "at": AT + after}
                file.write(json.dumps(alarm | event) + "\n")
    alarms, episodes = str(tmp_path / "alarms.jsonl"), str(tmp_path / "episodes.jsonl")
    assert run("replay", "--alarms", alarms, "--episodes", episodes, "--at", str(AT + 10**7))
    return {
        "findings": ["findings", "--alarms", alarms],
        "tune": ["tune", "--episodes", episodes, "--delay", "15"],
        "compare": ["compare", "--episodes", episodes, "--at", str(AT)],
    }


def refused(done: Done, message: str) -> None:
    assert (done.status, done.out, done.err) == (2, b"", f"error: {message}\n")


@pytest.mark.parametrize("command", ["findings", "tune", "compare"])
def test_a_mistyped_place_names_those_there_are_the_nearest_first(
    command: str, files: dict[str, list[str]]
) -> None:
    refused(
        run(*files[command], "--unit", "micu"),
        "--unit: micu is not among the alarms; there are MICU, SICU, CCU",
    )
    refused(
        run(*files[command], "--unit", "CU", "--facility", "H2"),
        "--unit: CU is not among the alarms; there is CCU",
    )
    refused(
        run(*files[command], "--facility", "h2"),
        "--facility: h2 is not among the alarms; there are H2, H1",
    )


@pytest.mark.parametrize("command", ["tune", "compare"])
def test_a_mistyped_type_names_those_there_are(command: str, files: dict[str, list[str]]) -> None:
    refused(
        run(*files[command], "--type", "monitor/MDC_PULS_OXIM_SAT_O2/MDC_EVT_HI"),
        "--type: monitor/MDC_PULS_OXIM_SAT_O2/MDC_EVT_HI is not among the alarms; there is "
        "monitor/MDC_PULS_OXIM_SAT_O2/MDC_EVT_LO",
    )


def test_a_mistyped_control_unit_names_those_there_are(files: dict[str, list[str]]) -> None:
    refused(
        run(*files["compare"], "--unit", "MICU", "--control", "SIKU"),
        "--control: SIKU is not among the alarms; there are SICU, MICU, CCU",
    )


@pytest.mark.parametrize("command", ["findings", "tune"])
def test_a_right_place_is_answered(command: str, files: dict[str, list[str]]) -> None:
    assert run(*files[command], "--facility", "H1", "--unit", "SICU").status == 0


def test_a_unit_without_alarms_in_the_window_is_no_typing_error(
    files: dict[str, list[str]],
) -> None:
    hours_later = run(
        *files["findings"], "--unit", "MICU", "--window", "10m", "--at", str(AT + 5 * 3_600_000)
    )
    assert (hours_later.status, hours_later.out) == (0, b"no alarms\n")


def test_a_worker_that_finds_nothing_is_asked_which_units_there_are() -> None:
    units = [{"facility": facility, "unit": unit} for facility, unit in PLACES]
    answers = {"body": json.dumps({"units": units}).encode(), "chosen": b'{"units": []}'}
    with serving(**answers) as (address, _):
        refused(
            run("findings", "--worker", address, "--unit", "Micu", "--json"),
            "--unit: Micu is not among the alarms; there are MICU, SICU, CCU",
        )
        known = run("findings", "--worker", address, "--unit", "MICU", "--json")
    assert (known.status, known.out) == (0, b'{"units": []}')
