"""What a worker's web server records of its readers, and that no secret is in it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from streams.audit import Recorder, Trail
from streams.audit.files import checked
from streams.settings import WebSettings
from tests.harness.readers import READERS, token, tokens
from tests.harness.site import FakeWorker, Site, pseudonym, simulated

PLACE = "facility=H01&unit=MICU"


class Recorded:
    """A site, and the audit that it leaves when it is closed."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "audit.jsonl"
        self.recorder = Recorder(Trail(self.path), 3600.0, wake=0.01)
        settings = WebSettings(tokens=tokens(folder))
        worker = FakeWorker(simulated())
        self.site = Site(
            worker, settings, reuse=1000.0, pseudonym=pseudonym, recorder=self.recorder
        ).start()

    def get(self, path: str, name: str | None = None) -> int:
        shown = {} if name is None else {"Authorization": f"Bearer {token(name)}"}
        return self.site.get(path, **shown).status

    @property
    def entries(self) -> list[dict[str, Any]]:
        """All that was recorded; nothing can be asked any more."""
        self.site.stop()
        self.recorder.close()
        found = [json.loads(line) for line in self.path.read_bytes().splitlines()]
        assert checked([self.path]).count == len(found)
        return found


@pytest.fixture
def recorded(tmp_path: Path) -> Iterator[Recorded]:
    one = Recorded(tmp_path)
    yield one
    one.site.stop()


def test_reads_are_audited_with_reader_place_and_clinicians(recorded: Recorded) -> None:
    answer = recorded.site.get(
        f"/api/v1/clinicians?{PLACE}", Authorization=f"Bearer {token('micu')}"
    )
    names = sorted(one["clinician"] for one in answer.json["clinicians"])
    assert len(names) > 2
    recorded.get("/metrics", "prometheus")
    recorded.get("/api/v1/units", "nurse")
    recorded.get("/api/v1/findings?unit=PICU", "nurse")
    for skipped in ("/", "/page.js", "/healthz", "/api/v1/reader"):
        recorded.get(skipped, "nurse")
    wanted = ("event", "reader", "by", "address", "path", "facility", "unit", "status")
    found = {one["path"]: one for one in recorded.entries}
    assert {path: tuple(map(one.get, wanted)) for path, one in found.items()} == {
        "/api/v1/clinicians": (
            "read", "micu", "token", "127.0.0.1", "/api/v1/clinicians", "H01", "MICU", 200,
        ),
        "/metrics": ("read", "prometheus", "token", "127.0.0.1", "/metrics", None, None, 200),
        "/api/v1/units": ("read", "nurse", "token", "127.0.0.1", "/api/v1/units", None, None, 200),
        "/api/v1/findings": (
            "read", "nurse", "token", "127.0.0.1", "/api/v1/findings", None, "PICU", 200,
        ),
    }  # fmt: skip
    assert found["/api/v1/clinicians"]["clinicians"] == names
    assert found["/metrics"]["clinicians"] == "all"
    assert "clinicians" not in found["/api/v1/findings"]


def test_refusals_are_audited_with_the_reader(recorded: Recorded) -> None:
    recorded.get("/metrics")
    recorded.get("/metrics", "nurse")
    recorded.get("/api/v1/unit?facility=H02&unit=PICU", "micu")
    recorded.get("/api/v1/unit?facility=H01&unit=NOWHERE", "nurse")
    recorded.get("/secret-in-the-path", "nurse")
    recorded.site.get("/metrics", Authorization="Bearer a-wrong-token-0123456789")
    recorded.site.get("/metrics", Host="evil.example")
    found = [
        tuple(map(one.get, ("status", "reader", "by", "path", "facility", "unit")))
        for one in recorded.entries
    ]
    assert sorted(found, key=str) == [
        (401, None, "invalid token", "/metrics", None, None),
        (401, None, None, "/metrics", None, None),
        (403, "micu", "token", "/api/v1/unit", "H02", "PICU"),
        (403, "nurse", "token", "/metrics", None, None),
        (404, "nurse", "token", "/api/v1/unit", "H01", "NOWHERE"),
        (404, "nurse", "token", "no page", None, None),
        (421, None, None, "/metrics", None, None),
    ]
    assert {one["event"] for one in recorded.entries} == {"refused"}


def test_what_ifs_are_audited_with_their_parameters(recorded: Recorded) -> None:
    kind = "monitor/MDC_ECG_HEART_RATE/MDC_EVT_HI"
    assert recorded.get(f"/api/v1/whatif?{PLACE}&type={kind}&delay=9", "biomed") == 200
    assert recorded.get(f"/api/v1/whatif?{PLACE}&type=a/secret/x&delay=9", "biomed") == 404
    first, second = recorded.entries
    assert (first["event"], first["reader"], first["unit"]) == ("whatif", "biomed", "MICU")
    assert (first["type"], first["delay"]) == (kind, "9")
    assert "secret" not in json.dumps(second)


def test_no_secret_and_nothing_that_was_typed_wrongly_is_recorded(recorded: Recorded) -> None:
    canary = "canary-0123456789abcdef"
    recorded.site.get(f"/{canary}", Authorization=f"Bearer {canary}")
    recorded.site.get("/metrics", Authorization=f"Bearer {canary}", Cookie=canary, Referer=canary)
    recorded.site.get(f"/api/v1/unit?{PLACE}&token={canary}", Authorization=f"Bearer {canary}")
    recorded.get(f"/api/v1/unit?{PLACE}&token={canary}", "nurse")
    recorded.get(f"/api/v1/unit?facility={canary * 10}&unit=x", "nurse")
    recorded.get("/api/v1/unit?facility=a%0Ab&unit=x", "nurse")
    text = json.dumps(recorded.entries)
    assert canary not in text
    assert all(token(name) not in text for name in READERS)
    assert "not a name" in text


def test_a_page_that_asks_every_few_seconds_makes_few_entries(recorded: Recorded) -> None:
    for _ in range(30):
        recorded.get(f"/api/v1/unit?{PLACE}", "nurse")
    found = recorded.entries
    assert len(found) == 2, "the first, and the sum of the others"
    assert sum(one.get("count", 1) for one in found) == 30
