"""/api/v1/unit: the unit as on the list, its states over the last 24 hours, and its board."""

from __future__ import annotations

from dataclasses import replace

import pytest
from pydantic import ValidationError

from analyzer.model.policy import HOUR, MINUTE
from streams.http.documents.unit import MOST_PHASES
from streams.http.standings import states_of
from streams.settings import WebSettings
from tests.harness.hospitals import NINE, Hospital, storm, troubled
from tests.harness.site import FakeWorker, Site

DAY = 24 * HOUR


def test_it_is_the_unit_of_the_list_at_the_same_time() -> None:
    with Site(FakeWorker(troubled().engine), now=(NINE + 10 * MINUTE) / 1000, reuse=5.0) as site:
        listed = site.get("/api/v1/units").json
        for unit in listed["units"]:
            found = site.get(f"/api/v1/unit?facility=H&unit={unit['unit']}").json
            assert found["unit"] == unit
            for name in ("at", "refresh_seconds", "windows", "currency"):
                assert found[name] == listed[name]
            assert found["states"][-1]["state"] == unit["state"]
            assert found["states"][-1]["until"] == NINE + 10 * MINUTE
            if unit["since"] is not None:
                assert found["states"][-1]["from"] == unit["since"]


def test_the_states_are_those_of_the_changes_that_were_emitted() -> None:
    hospital = Hospital()
    hospital.assign("ann", "1", start=NINE - DAY)
    hospital.alarm(NINE - DAY - HOUR)
    storm(hospital, NINE - 5 * HOUR, minutes=12, every=20 * 1000)
    changes = [one for one in hospital.run(NINE) if one.clinician is None]
    with Site(FakeWorker(hospital.engine), now=NINE / 1000) as site:
        states = site.get("/api/v1/unit?facility=H&unit=ICU").json["states"]
    assert len(changes) >= 2
    assert states[0] == {"state": "normal", "from": NINE - DAY, "until": changes[0].at}
    assert [(one["state"], one["from"]) for one in states[1:]] == [
        (one.after, one.at) for one in changes
    ]


def test_an_unknown_state_is_not_exported() -> None:
    hospital = Hospital()
    hospital.assign("ann", "1")
    hospital.alarm(NINE - HOUR)
    hospital.run(NINE)
    with Site(FakeWorker(hospital.engine), now=NINE / 1000) as site:
        states = site.get("/api/v1/unit?facility=H&unit=ICU").json["states"]
    assert states == [{"state": "normal", "from": NINE - HOUR, "until": NINE}]


def test_however_often_a_state_changes_the_answer_is_bounded() -> None:
    hospital = Hospital()
    hospital.alarm(NINE - DAY)
    hospital.run(NINE)
    status = hospital.engine.status()
    changes = [(NINE - DAY + number * MINUTE, number % 2) for number in range(1, 1400)]
    found = states_of(replace(status, unit_changes={("H", "ICU"): changes}), ("H", "ICU"))
    assert len(found) == MOST_PHASES
    assert found[-1].until == NINE


@pytest.mark.parametrize(
    "url",
    [
        "grafana.example.org",
        "javascript:alert(1)",
        "ftp://grafana.example.org",
        "https://",
        "https://user:secret@grafana.example.org",
        "https://grafana.example.org/?orgId=1",
        "https://grafana.example.org/#x",
        "https://grafana.example.org:x/",
        "https://grafana.example.org/a b",
    ],
)
def test_an_address_of_grafana_that_a_link_cannot_have_is_refused(url: str) -> None:
    with pytest.raises(ValidationError, match="grafana_url: expected an address such as"):
        WebSettings(grafana_url=url)
