"""The OpenAPI file describes what is served under /api, and nothing else."""

from __future__ import annotations

from typing import Any

import pytest
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate

from streams.settings import WebSettings
from tests.harness.site import SPO2, UNTIL, FakeWorker, Site, simulated


def strict(schema: Any) -> Any:
    """What is described, and nothing beside it."""
    if isinstance(schema, list):
        return [strict(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    found = {key: strict(value) for key, value in schema.items()}
    return (
        found | {"additionalProperties": False}
        if "properties" in schema and "type" in schema
        else found
    )


@pytest.fixture(scope="module")
def described(site: Site) -> Any:
    found = site.get("/api/v1/openapi.json").json
    validate(found)
    return found


def assert_described(described: Any, path: str, status: int, content: Any) -> None:
    response = described["paths"][path]["get"]["responses"][str(status)]
    schema = strict(response["content"]["application/json"]["schema"])
    Draft202012Validator(schema | {"components": strict(described["components"])}).validate(content)


@pytest.mark.slow
def test_everything_served_under_api_is_described_and_nothing_else(
    site: Site, described: Any
) -> None:
    assert {path for path in site.paths if path.startswith("/api/")} - {
        "/api/v1/openapi.json"
    } == set(described["paths"])


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/units",
        "/api/v1/units?limit=1",
        "/api/v1/units?limit=0",
        "/api/v1/unit?facility=H01&unit=PICU",
        "/api/v1/unit?facility=H01&unit=nowhere",
        "/api/v1/unit",
        "/api/v1/week?facility=H01&unit=PICU",
        "/api/v1/week?facility=H01&unit=nowhere",
        "/api/v1/week",
        "/api/v1/clinicians?facility=H01&unit=PICU",
        "/api/v1/clinicians?facility=H01&unit=nowhere",
        "/api/v1/clinicians",
        "/api/v1/findings?top=50",
        "/api/v1/findings?top=0",
        f"/api/v1/whatif?{SPO2}",
        f"/api/v1/whatif?{SPO2}&delay=15&limit=85",
        f"/api/v1/whatif?{SPO2}&limit=99",
        "/api/v1/whatif",
        "/api/v1/whatif?facility=H01&unit=PICU&type=a/b/c",
        "/api/v1/whatif/types?facility=H01&unit=PICU",
        "/api/v1/whatif/types",
        "/api/v1/whatif/types?facility=H01&unit=nowhere",
        f"/api/v1/incident?facility=H01&unit=MICU&at={UNTIL}",
        f"/api/v1/incident?facility=H01&unit=nowhere&at={UNTIL}",
        "/api/v1/incident",
    ],
)
def test_answers_have_the_form_described(site: Site, described: Any, path: str) -> None:
    answer = site.get(path)
    assert_described(described, path.partition("?")[0], answer.status, answer.json)


def test_a_described_form_is_not_just_any(site: Site, described: Any) -> None:
    found = site.get("/api/v1/units").json
    del found["units"][0]["state"]
    with pytest.raises(Exception, match="'state' is a required property"):
        assert_described(described, "/api/v1/units", 200, found)


def test_the_parameters_described_are_those_taken(described: Any) -> None:
    given = {
        "facility": "H01",
        "unit": "MICU",
        "limit": "1",
        "window": "1h",
        "top": "1",
        "delay": "1",
        "at": str(UNTIL),
        "bed": "MICU-01",
    }
    given["type"] = SPO2.partition("type=")[2]
    with Site(FakeWorker(simulated()), WebSettings(show_beds=True)) as site:
        for path, of in described["paths"].items():
            names = [one["name"] for one in of["get"]["parameters"]]
            asked = "&".join(f"{name}={given[name]}" for name in names)
            assert site.get(f"{path}?{asked}").status == 200
            assert site.get(f"{path}?other=1").status == 400
