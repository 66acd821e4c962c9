"""Roles and scopes: each reader sees what is theirs and nothing else, by whatever way they ask."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from streams.access import Attempts
from streams.health.health import Health
from streams.http.guard import ACTS, OPEN_PATHS, SIGNED_PATHS
from streams.http.site import page_files
from streams.settings import WebSettings
from tests.harness.readers import READERS, token, tokens
from tests.harness.site import Answer, FakeWorker, Site, pseudonym, simulated
from tests.harness.sockets import ask as asked_raw

PLACE = "facility=H01&unit=MICU"
TYPE = "type=monitor/MDC_ECG_HEART_RATE/MDC_EVT_HI&delay=5"


@pytest.fixture(scope="module")
def hospital(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Two hospitals of three units each; unit names are the same in both."""
    settings = WebSettings(tokens=tokens(tmp_path_factory.mktemp("tokens")))
    worker = FakeWorker(simulated(facilities=2))
    recent: dict[Any, int] = {(name, "alarms", "accepted"): 90 for name in ("H01", "H02")}
    recent |= {(name, "alarms", "late"): 17 for name in ("H01", "H02")}
    worker.condition = Health(now=2.0, answered_at=0.0, recent=recent)
    with Site(worker, settings, reuse=1000.0, pseudonym=pseudonym) as site:
        yield site


def get(site: Site, path: str, name: str) -> Answer:
    return site.get(path, Authorization=f"Bearer {token(name)}")


# --- roles

PATHS = {
    "/": "view",
    "/unit": "view",
    "/page.js": "view",
    "/api/v1/openapi.json": "view",
    "/api/v1/units": "view",
    f"/api/v1/unit?{PLACE}": "view",
    f"/api/v1/clinicians?{PLACE}": "view",
    "/api/v1/findings": "view",
    f"/api/v1/whatif/types?{PLACE}": "try",
    f"/api/v1/whatif?{PLACE}&{TYPE}": "try",
    "/metrics": "scrape",
    "/api/v1/reader": "know",
}
MAY = {
    "prometheus": {"scrape", "know"},
    "nurse": {"view", "know"},
    "biomed": {"view", "try", "know"},
    "office": {"scrape", "view", "try", "know"},
}


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("name", MAY)
def test_a_role_allows_what_it_names_and_nothing_else(hospital: Site, name: str, path: str) -> None:
    answer = get(hospital, path, name)
    assert answer.status == (200 if PATHS[path] in MAY[name] else 403)
    if answer.status == 403:
        role = READERS[name]["role"]
        assert answer.json == {"error": f"your role ({role}) does not allow this"}


def test_every_page_of_a_worker_has_its_rule(hospital: Site) -> None:
    assert hospital.paths <= {*ACTS, *OPEN_PATHS, *SIGNED_PATHS}


def test_a_path_without_a_permission_rule_is_refused_to_everybody(tmp_path: Path) -> None:
    site = Site(FakeWorker(simulated()), WebSettings(tokens=tokens(tmp_path)))

    @site.pages.page("/forgotten")
    async def forgotten(_page: object, _request: object) -> object:
        raise AssertionError("never called")

    with site:
        assert get(site, "/forgotten", "office").status == 403


def test_the_reader_is_told_what_they_may_do(hospital: Site) -> None:
    assert get(hospital, "/api/v1/reader", "micu").json == {
        "name": "micu",
        "by": "token",
        "roles": ["tuner"],
        "scrape": [],
        "view": [{"facility": "H01", "unit": "MICU"}],
        "try": [{"facility": "H01", "unit": "MICU"}],
    }
    assert get(hospital, "/api/v1/reader", "office").json["view"] is None


# --- scopes

SCOPED = (
    "/api/v1/units",
    f"/api/v1/unit?{PLACE}",
    f"/api/v1/clinicians?{PLACE}",
    "/api/v1/findings",
    f"/api/v1/whatif/types?{PLACE}",
    f"/api/v1/whatif?{PLACE}&{TYPE}",
)


def of_others(site: Site) -> set[str]:
    """The pseudonyms of clinicians of other units than MICU in H01."""
    every = get(site, "/api/v1/units", "office").json["units"]
    people = {
        (one["facility"], one["unit"]): {
            who["clinician"]
            for who in get(
                site, f"/api/v1/clinicians?facility={one['facility']}&unit={one['unit']}", "office"
            ).json["clinicians"]
        }
        for one in every
    }
    mine = people.pop(("H01", "MICU"))
    return set().union(*people.values()) - mine


@pytest.mark.parametrize("path", SCOPED)
def test_a_token_for_one_unit_gets_that_unit_as_everybody_does_and_no_word_of_another(
    hospital: Site, path: str
) -> None:
    answer = get(hospital, path, "micu")
    assert answer.status == 200
    text = answer.body.decode()
    assert "H02" not in text
    assert "PICU" not in text
    assert not [one for one in of_others(hospital) if one in text or one[:8] in text]
    whole = get(hospital, path, "office").json
    if "units" in whole:
        own = [one for one in whole["units"] if (one["facility"], one["unit"]) == ("H01", "MICU")]
        assert own
        assert answer.json["units"] == own
    else:
        mine = answer.json
        for document in (whole, mine):
            document.pop("currency", None)
        assert mine == whole


def test_a_scoped_reader_gets_no_numbers_about_more_than_the_unit(hospital: Site) -> None:
    """A facility's events, less the unit's own, are those of the other units."""
    currency = get(hospital, "/api/v1/units", "micu").json["currency"]
    assert [one["facility"] for one in currency["facilities"]] == ["H01"]
    assert currency["facilities"][0]["recent_alarm_events"] is None
    assert currency["state"] == "incomplete"
    assert [one["says"] for one in currency["warnings"]] == [
        "H01: some alarm events were refused in the last 10 min: late"
    ]
    assert not re.search("90|17|107", currency["says"])
    whole = get(hospital, "/api/v1/units", "h01").json["currency"]
    assert whole["facilities"][0]["recent_alarm_events"]["accepted"] == 90
    assert "90 of 107 alarm events" in whole["warnings"][0]["says"]
    assert [one["facility"] for one in whole["facilities"]] == ["H01"]


def test_several_units_and_whole_facilities_are_scopes_too(hospital: Site) -> None:
    def shown(name: str) -> set[tuple[str, str]]:
        found = get(hospital, "/api/v1/units", name).json["units"]
        return {(one["facility"], one["unit"]) for one in found}

    every = shown("office")
    assert shown("two") == {("H01", "MICU"), ("H01", "PICU")}
    assert shown("h01") == {one for one in every if one[0] == "H01"}
    assert len(every) == 2 * len(shown("h01")) == 6
    assert get(hospital, "/api/v1/units?limit=1", "two").json["left_out"] == 1


ELSEWHERE = (
    "facility=H02",
    "facility=H03",
    "facility=",
    "facility=h01",
    "facility=H01%20",
    "facility=H01%00",
    "facility=H01/MICU",
    "facility=H02&unit=MICU",
    "facility=H01&unit=PICU",
    "facility=H01&unit=micu",
    "facility=H01&unit=MICU%20",
    "facility=H01&unit=",
    "facility=H01&unit=NOWHERE",
    "facility=%EF%BC%A801&unit=MICU",
)


@pytest.mark.parametrize("place", ELSEWHERE)
@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/units?{}",
        "/api/v1/unit?{}",
        "/api/v1/clinicians?{}",
        "/api/v1/findings?{}",
        "/api/v1/whatif/types?{}",
        "/api/v1/whatif?{}&" + TYPE,
        "/api/v1/week?{}",
        "/api/v1/incident?{}&at=2026-03-01T09:30:00Z",
        "/incident?{}&at=2026-03-01T09:30:00Z",
    ],
)
def test_asking_for_another_place_is_refused_whether_it_exists_or_not(
    hospital: Site, path: str, place: str
) -> None:
    answer = get(hospital, path.format(place), "micu")
    # Some of these lack a parameter or have one too many, which is said first.
    assert answer.status in (400, 403)
    assert answer.status == 403 or "parameters" in answer.json["error"]
    assert not re.search("H02|H03|PICU|NOWHERE", answer.body.decode())
    if answer.status == 403:
        assert answer.json == {"error": "you may not read about this place: ask for a wider scope"}


def test_every_path_that_takes_a_place_is_asked_for_another_one() -> None:
    """A new page of the interface is added to the test above, or it takes no place."""
    mark = next(
        one
        for one in test_asking_for_another_place_is_refused_whether_it_exists_or_not.pytestmark
        if one.args[0] == "path"
    )
    attacked = {path.partition("?")[0] for path in mark.args[1]}
    files = {one.path for one in page_files()}
    assert attacked == set(ACTS) - files - {"/metrics", "/api/v1/reader"}


@pytest.mark.parametrize("place", ["facility=H01&unit=PICU", "facility=H01&unit=NOWHERE"])
def test_that_a_place_exists_is_not_told(hospital: Site, place: str) -> None:
    answers = [get(hospital, f"/api/v1/{path}?{place}", "micu") for path in ("unit", "clinicians")]
    assert {one.status for one in answers} == {403}
    assert len({one.body for one in answers}) == 1


@pytest.mark.parametrize(
    "path",
    [
        f"/api/v1/unit?{PLACE}&unit=PICU",
        "/api/v1/unit?facility=H01&unit=PICU&unit=MICU",
        "/api/v1/units?facility=H01&facility=H02",
        "/api/v1/findings?unit=MICU&unit=PICU",
    ],
)
def test_a_parameter_given_twice_is_refused(hospital: Site, path: str) -> None:
    assert get(hospital, path, "micu").status == 400


@pytest.mark.parametrize(
    ("target", "status"),
    [
        ("//api/v1/units", 404),
        ("/api/v1//units", 404),
        ("/api/v1/units/", 404),
        ("/API/v1/units", 404),
        ("/api/v1/./units", 403),
        ("/healthz/../api/v1/units", 403),
        ("/healthz/%2e%2e/metrics", 403),
        ("/take/../metrics", 403),
        ("/%6detrics", 403),
        ("/metrics%2f", 404),
        ("/metrics;x", 404),
        ("/healthz%00/metrics", 404),
        ("http://127.0.0.1/metrics", 403),
    ],
)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_no_spelling_of_a_path_goes_round_the_check(
    hospital: Site, target: str, status: int, method: str
) -> None:
    """Without a token nothing; with one whose role does not allow it, what it is or nothing."""
    name = "nurse" if "etrics" in target else "prometheus"
    head = f"{method} {target} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n".encode()
    assert asked_raw(hospital, head + b"\r\n")[0] == 401
    found = asked_raw(hospital, head + f"Authorization: Bearer {token(name)}\r\n\r\n".encode())
    assert found[0] == status or (found[0], status) == (404, 403)
    assert b"alarm_fatigue" not in found[2]


@pytest.mark.parametrize("method", ["OPTIONS", "POST", "PUT", "DELETE", "TRACE", "PATCH"])
@pytest.mark.parametrize("path", sorted(ACTS))
def test_other_methods_read_nothing(hospital: Site, method: str, path: str) -> None:
    head = f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n".encode()
    assert asked_raw(hospital, head + b"\r\n")[0] == 401
    bearer = f"Authorization: Bearer {token('office')}\r\n\r\n".encode()
    assert asked_raw(hospital, head + bearer)[0] == 405


# --- metrics


def samples(answer: Answer) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    assert answer.status == 200
    return {
        (one.name, frozenset(one.labels.items())): one.value
        for family in text_string_to_metric_families(answer.body.decode())
        for one in family.samples
    }


def test_the_scrape_role_gets_every_series_and_a_scoped_one_the_same_numbers_of_its_unit(
    hospital: Site,
) -> None:
    whole = samples(get(hospital, "/metrics", "prometheus"))
    assert whole == samples(get(hospital, "/metrics", "office"))
    mine = samples(get(hospital, "/metrics", "scrape-micu"))
    own = {("facility", "H01"), ("unit", "MICU")}
    in_unit = {key: value for key, value in whole.items() if own <= key[1]}
    assert len(in_unit) > 300
    assert in_unit.items() <= mine.items()
    beside = {key[0] for key in mine.keys() - in_unit.keys()}
    assert beside == {
        "alarm_fatigue_build_info",
        "alarm_fatigue_alarm_type_info",
        "alarm_fatigue_watermark_timestamp_seconds",
    }
    assert not [key for key in mine if ("facility", "H02") in key[1]]
    of_h01 = samples(get(hospital, "/metrics", "h01"))
    assert {
        key: value for key, value in whole.items() if ("facility", "H01") in key[1]
    }.items() <= of_h01.items()


# --- storing


@pytest.mark.parametrize("path", [path for path in PATHS if "api" in path or "metrics" in path])
def test_answers_that_may_name_a_clinician_are_not_cached(hospital: Site, path: str) -> None:
    stored = get(hospital, path, "office").headers["Cache-Control"]
    assert stored == ("no-cache" if "openapi" in path else "no-store")


def test_an_answer_that_is_kept_in_memory_is_not_sent_twice(hospital: Site) -> None:
    first = get(hospital, "/api/v1/units", "micu")
    bearer = {"Authorization": f"Bearer {token('micu')}", "If_None_Match": first.headers["ETag"]}
    again = hospital.get("/api/v1/units", **bearer)
    assert (again.status, again.headers["Cache-Control"]) == (304, "no-store")
    # another reader's answer is another
    assert get(hospital, "/api/v1/units", "office").headers["ETag"] != first.headers["ETag"]


# --- attempts


def test_guessing_is_slow_and_hits_only_the_address_that_guesses(tmp_path: Path) -> None:
    now = [1000.0]
    attempts = Attempts(clock=lambda: now[0])
    worker = FakeWorker(simulated())
    with Site(worker, WebSettings(tokens=tokens(tmp_path)), attempts=attempts) as site:
        wrong = [site.get("/metrics", Authorization=f"Bearer guess-{n:030}") for n in range(12)]
        assert [one.status for one in wrong] == [401] * 10 + [429] * 2
        assert wrong[-1].headers["Retry-After"] == "6"
        assert get(site, "/metrics", "prometheus").status == 429, "not even looked at"
        assert site.get("/metrics").status == 401, "nothing was guessed"
        assert site.get("/healthz").status == 200
        now[0] += 6
        assert get(site, "/metrics", "prometheus").status == 200
        assert site.refusals.totals["too_many_attempts"] == 3


# --- no secrets


def test_no_token_is_logged_or_sent_back(
    hospital: Site, caplog: pytest.LogCaptureFixture, structured: None
) -> None:
    canary = "canary-token-0123456789abcdef"
    for path in ("/metrics", f"/{canary}", f"/api/v1/unit?token={canary}", "/api/v1/units"):
        answer = hospital.get(path, Authorization=f"Bearer {canary}")
        assert canary not in answer.body.decode() + json.dumps(dict(answer.headers))
    assert canary not in caplog.text
    assert all(token(name) not in caplog.text for name in READERS)
