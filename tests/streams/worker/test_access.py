"""A worker with tokens and an audit, killed and started again, as its security office sees it."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from pathlib import Path

from streams.dev.broker import EmbeddedBroker
from tests.harness.wards import small_ward
from tests.harness.workers import WorkerProcess, eventually, run, send

TOKENS = {name: f"the-token-of-{name}-0123456789" for name in ("office", "micu", "scraper")}


def ask(worker: WorkerProcess, path: str, token: str | None, host: str | None = None) -> int:
    request = urllib.request.Request(f"http://127.0.0.1:{worker.port}{path}")
    if token is not None:
        request.add_header("Authorization", f"Bearer {token}")
    if host is not None:
        request.add_header("Host", host)
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:  # it starts
        return 0


def test_a_killed_worker_goes_on_with_its_audit_and_no_secret_is_written_anywhere(
    own_broker: EmbeddedBroker, tmp_path: Path
) -> None:
    audit, files = tmp_path / "audit" / "audit.jsonl", {}
    for name, token in TOKENS.items():
        files[name] = tmp_path / name
        files[name].write_text(token)
        files[name].chmod(0o600)
    roles = {
        "office": {"role": "admin"},
        "micu": {"role": "viewer", "facility": "H01", "unit": "MICU"},
        "scraper": {"role": "metrics"},
    }
    worker = WorkerProcess(own_broker, tmp_path, audit={"file": str(audit)})
    tokens = {name: {"file": str(files[name]), **role} for name, role in roles.items()}
    worker.configure(web={"port": worker.port, "tokens": tokens, "names": ["alarms.example.org"]})
    delivery = small_ward(3)
    send(own_broker, delivery.messages)
    with worker:
        eventually(lambda: ask(worker, "/ready", None) == 200, "it is ready")
        assert ask(worker, "/metrics", None) == 401
        assert ask(worker, "/metrics", "a-wrong-token-0123456789") == 401
        assert ask(worker, "/metrics", TOKENS["scraper"]) == 200
        assert ask(worker, "/metrics", TOKENS["micu"]) == 403
        assert ask(worker, "/api/v1/units?facility=H02", TOKENS["micu"]) == 403
        assert ask(worker, "/api/v1/units", TOKENS["micu"]) == 200
        assert ask(worker, "/api/v1/units", TOKENS["office"], "evil.example") == 421
        assert ask(worker, "/api/v1/units", TOKENS["office"], "alarms.example.org") == 200
        eventually(lambda: b'"status":421' in audit.read_bytes(), "it is recorded")
        worker.kill()
        worker.start()
        eventually(lambda: ask(worker, "/ready", None) == 200, "it is ready again")
        files["micu"].write_text("another-token-0123456789")
        eventually(lambda: ask(worker, "/api/v1/units", TOKENS["micu"]) == 401, "it is revoked")
        assert ask(worker, "/api/v1/units", "another-token-0123456789") == 200
        eventually(lambda: audit.read_text().count('"reader":"micu"') >= 4, "it is recorded")
        worker.stop()
    entries = [json.loads(line) for line in audit.read_text().splitlines()]
    events = [one["event"] for one in entries]
    assert events.count("start") == 2
    assert events[0] == "start"
    assert events[-1] == "stop"
    assert entries[0]["tokens"] == [
        {"reader": "micu", "role": "viewer", "facility": "H01", "units": ["MICU"]},
        {"reader": "office", "role": "admin"},
        {"reader": "scraper", "role": "metrics"},
    ]
    done = run("audit", "verify", *audit.parent.iterdir())
    assert (done.status, done.err) == (0, "")
    secrets = [*TOKENS.values(), "another-token-0123456789", "a-wrong-token-0123456789"]
    written = audit.read_text() + worker.log.read_text()
    assert not [one for one in secrets if one in written]
    patients = {
        str(value)
        for one in delivery.messages
        for name, value in json.loads(one.value or b"{}").items()
        if name in ("bed", "device_id", "alarm_id", "event_id") and len(str(value)) > 5
    }
    assert patients
    assert not [one for one in patients if one in audit.read_text()]
