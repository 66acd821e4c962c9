"""What others wrote never steers a terminal, and nobody else gets the worker's token."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.harness.elsewhere import serving
from tests.harness.workers import Done, run

TOKEN = "a-token-of-20-letters"


def findings(address: str, folder: Path) -> Done:
    (folder / "token").write_text(TOKEN)
    return run("findings", "--worker", address, "--token-file", folder / "token")


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_does_not_carry_the_token_elsewhere(status: int, tmp_path: Path) -> None:
    with (
        serving() as (other, asked_there),
        serving(status=status, location=f"{other}/x") as (address, asked),
    ):
        done = findings(address, tmp_path)
    assert (asked, asked_there) == ([f"Bearer {TOKEN}"], [])
    assert (done.status, done.out) == (1, b"")
    assert f"is redirected to {other}/x, which was not followed" in done.err


def test_a_workers_error_is_one_line_without_control_characters(tmp_path: Path) -> None:
    body = json.dumps({"error": "no\x1b[2J\nerror: forged"}).encode()
    with serving(status=400, body=body) as (address, _):
        done = findings(address, tmp_path)
    assert done.status == 1
    assert done.err.endswith(r"no\x1b[2J\nerror: forged" + "\n")
    assert len(done.err.splitlines()) == 1


def test_names_in_records_do_not_steer_the_terminal(tmp_path: Path) -> None:
    """Records of others, which no admission has looked at."""
    bad = "ICU\x1b[2J\nforged\x9b1A"
    episode = {
        "facility": "H1",
        "unit": bad,
        "bed": "1",
        "alarm_id": "a1",
        "device_type": "monitor",
        "code": bad,
        "kind": "physiological",
        "priority": "high",
        "start": 1_772_352_000_000,
        "end": 1_772_352_009_000,
        "class": "unknown",
    }
    path = tmp_path / "episodes.jsonl"
    path.write_text(json.dumps(episode) + "\n")
    done = run("tune", "--episodes", path, "--unit", bad, "--delay", "15")
    assert done.status == 0
    text = done.out.decode() + done.err
    assert "ICU" in text
    assert [one for one in text if one != "\n" and not one.isprintable()] == []
    assert not any(line.startswith("forged") for line in text.splitlines())
