"""`incident apply`: the record of a decided action, which `compare` takes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.harness.files import Files
from tests.harness.recordings import bed_days, written
from tests.harness.workers import run

AT = 1_772_719_200_000
DECIDED = ("--owner", "alarm committee", "--review", "2026-06-30", "--change-control", "CC-7")
TYPE = "monitor/MDC_PULS_OXIM_SAT_O2/MDC_EVT_LO"


def answer(folder: Path) -> Path:
    """An answer with an action on a setting, one on the roster, and one on neither."""
    tried = [
        {"lever": "delay", "dose": {"type": TYPE, "seconds": 15}},
        {"lever": "move_bed", "dose": {"bed": "1", "from": "a", "to": "b"}},
    ]
    measure = {"numerator": "alarms", "denominator": "bed-days", "threshold": "half"}
    actions = [
        {
            "change": f"change {place}",
            "owner": "alarm committee",
            "strength": "intermediate",
            "measure": measure | {"review_after_days": 30},
            "counterfactual": place,
        }
        for place in (0, 1, None)
    ]
    scope = {"at": AT, "from": AT - 1, "to": AT, "facility": "H01", "unit": "MICU", "bed": None}
    found = {
        "scope": scope,
        "actions": actions,
        "counterfactuals": tried,
        "method": {"policy": "p"},
    }
    path = folder / "answer.json"
    path.write_text(json.dumps(found))
    return path


def applied(path: Path, number: int, at: int = AT) -> dict[str, Any]:
    done = run("incident", "apply", path, "--action", str(number), *DECIDED, "--at", str(at))
    assert done.status == 0, done.err
    found: dict[str, Any] = json.loads(done.out)
    return found


def test_an_action_on_a_setting_becomes_the_change_of_a_setting(tmp_path: Path) -> None:
    found = applied(answer(tmp_path), 1)
    assert found["kind"] == "alarm_setting_change"
    assert found["setting"]["delay_seconds"] == 15
    assert found["scope"]["type"]["code"] == "MDC_EVT_LO"
    assert found["measure"]["review_after_days"] == 30
    assert "unit:MICU" in found["annotation"]["tags"]


@pytest.mark.parametrize("number", [2, 3])
def test_another_action_becomes_a_change_of_the_system(number: int, tmp_path: Path) -> None:
    found = applied(answer(tmp_path), number)
    assert (found["kind"], found["scope"]["type"]) == ("system_change", None)
    assert set(found["setting"].values()) == {None}


@pytest.mark.parametrize("number", [1, 2])
def test_compare_takes_the_record(number: int, tmp_path: Path) -> None:
    recorded = bed_days(480)
    of = recorded[0]
    where = answer(tmp_path)
    text = where.read_text().replace(TYPE, f"{of['device_type']}/{of['source']}/{of['code']}")
    found = json.loads(text)
    found["scope"] |= {"facility": of["facility"], "unit": of["unit"]}
    where.write_text(json.dumps(found))
    middle = sorted(int(one["start"]) for one in recorded)[len(recorded) // 2]
    change = tmp_path / "change.json"
    change.write_text(json.dumps(applied(where, number, middle)))
    episodes = written(tmp_path, *recorded)
    done = run("compare", "--episodes", episodes, "--change", change, "--json")
    assert done.status == 0, done.err
    compared = json.loads(done.out)
    assert compared["scope"]["unit"] == of["unit"]
    assert (compared["scope"]["type"] is None) == (number == 2)
    assert compared["expected_ratio"] is None


def test_the_answer_of_a_real_question_is_taken(ward: Files, tmp_path: Path) -> None:
    asked = ("--at", str(ward.watermark), "--facility", "H01", "--unit", "MICU", "--json")
    done = run("incident", *ward.arguments, *asked)
    assert done.status == 0, done.err
    path = tmp_path / "answer.json"
    path.write_bytes(done.out)
    again = run("incident", "apply", path, "--action", "99", *DECIDED, "--at", str(AT))
    count = len(json.loads(done.out)["actions"])
    said = f"expected 1 to {count}" if count else "the answer proposes no change"
    assert (again.status, said in again.err) == (2, True)


def test_an_invalid_answer_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "answer.json"
    path.write_text("{}")
    done = run("incident", "apply", path, "--action", "1", *DECIDED, "--at", str(AT))
    assert (done.status, "expected what incident --json prints" in done.err) == (2, True)
    gone = run("incident", "apply", tmp_path / "x", "--action", "1", *DECIDED, "--at", str(AT))
    assert (gone.status, "No such file" in gone.err) == (1, True)
