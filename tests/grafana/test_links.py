"""Where the boards' links lead, and which annotations they show."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from streams.files.changes import TAGS
from tests.harness.boards import UIDS, asked, board, marks, panels, values

ROOT = Path(__file__).parents[2]
RULES = sorted((ROOT / "deploy" / "prometheus" / "rules").glob("*.yml"))
CLINICIAN, UNIT = "alarm-fatigue-clinician", "alarm-fatigue-unit"
HISTORY = "alarm-fatigue-history"

every_board = pytest.mark.parametrize("uid", UIDS)


def _links(uid: str, start: str = "/d/") -> list[str]:
    """Addresses that start so: by default, of boards."""
    texts = [one["options"]["content"] for one in panels(uid) if one["type"] == "text"]
    found = [one for one in values(board(uid), "url") if isinstance(one, str)]
    within = [url for text in texts for url in re.findall(r"\]\(([^)]*)\)", text)]
    return [one for one in (*found, *within) if one.startswith(start)]


@every_board
def test_links_lead_to_boards_to_the_page_and_to_runbooks_alone(uid: str) -> None:
    assert len(_links(uid, "")) == sum(
        len(_links(uid, start)) for start in ("/d/", "${web:raw}/", "${runbooks:raw}/")
    )


@every_board
def test_links_lead_to_boards_and_keep_time_and_variables(uid: str) -> None:
    for url in _links(uid):
        target, _, query = url.partition("?")
        theirs = {one["name"] for one in board(target.removeprefix("/d/"))["templating"]["list"]}
        parts = query.split("&")
        assert parts[:2] == ["${__url_time_range}", "${datasource:queryparam}"]
        # the facility of the board, or of the row or series, where several may be shown
        assert re.match(
            r"\$\{facility:queryparam\}$|var-facility=\$\{__(data|field)\.", parts[2]
        ), url
        given = {
            re.sub(r"\$\{(\w+):queryparam\}", r"\1", part).removeprefix("var-").partition("=")[0]
            for part in parts[1:]
        }
        assert given <= theirs, url
    boards = board(uid)["links"][0]
    assert (boards["keepTime"], boards["includeVars"], boards["tags"]) == (
        True,
        True,
        ["alarm-fatigue"],
    )


def test_alarm_types_lead_to_what_if_and_findings_of_their_unit() -> None:
    what_if, findings = _links("alarm-fatigue-types", "${web:raw}/")
    field = r'\$\{__data\.fields\["(\w+)"\]:percentencode\}'
    place = ["Facility", "Unit"]
    assert re.findall(field, what_if) == [*place, "Device", "Source", "Code"]
    assert re.sub(field, "X", what_if) == "${web:raw}/unit?facility=X&unit=X&type=X/X/X#whatif"
    assert re.findall(field, findings) == place
    assert re.sub(field, "X", findings) == "${web:raw}/unit?facility=X&unit=X#fixes"


def test_units_lead_to_their_page() -> None:
    """At the address that the page's own script gives a unit."""
    own, *incidents = _links(UNIT, "${web:raw}/")
    assert len(incidents) == 2
    for one in incidents:
        assert one == own.replace("/unit?", "/incident?") + "&at=${__value.time}"
    assert own == "${web:raw}/unit?facility=${facility:percentencode}&unit=${unit:percentencode}"
    [of_row] = _links("alarm-fatigue-hospital", "${web:raw}/")
    assert re.sub(r"\$\{__data\.[^}]*\}", "X", of_row) == "${web:raw}/unit?facility=X&unit=X"
    script = (ROOT / "streams" / "http" / "site" / "place.js").read_text()
    assert 'address("unit", { facility, unit })' in script
    page = (ROOT / "streams" / "http" / "site" / "index.html").read_text()
    assert 'id="fixes"' in page
    assert 'id="whatif"' in page


@pytest.mark.parametrize("uid", ["alarm-fatigue-hospital", "alarm-fatigue-pipeline"])
def test_each_alert_leads_to_its_runbook(uid: str) -> None:
    [link] = _links(uid, "${runbooks:raw}/")
    assert link == '${runbooks:raw}/${__data.fields["Alert"]:percentencode}.md'


def test_addresses_are_those_that_prometheus_is_given() -> None:
    """The rules write them on the alert Watchdog, and Alertmanager does not get them."""
    config = yaml.safe_load((ROOT / "deploy" / "prometheus" / "prometheus.yml").read_text())
    [watchdog] = [
        rule
        for path in RULES
        for group in yaml.safe_load(path.read_text())["groups"]
        for rule in group["rules"]
        if rule.get("alert") == "Watchdog"
    ]
    [dropped] = config["alerting"]["alert_relabel_configs"]
    variables = {
        one["name"]: one["query"]["query"]
        for uid in UIDS
        for one in board(uid)["templating"]["list"]
        if one["name"] in ("web", "runbooks")
    }
    assert set(variables) == {"web", "runbooks"}
    for name, asked_for in variables.items():
        assert f"$externalLabels.{name} " in watchdog["labels"][name]
        assert name in config["global"]["external_labels"]
        assert re.fullmatch(dropped["regex"], name)
        assert asked_for == f'label_values(ALERTS{{alertname="Watchdog"}}, {name})'


def test_alerts_lead_to_boards_that_know_their_variables() -> None:
    rules = [
        rule
        for path in RULES
        for group in yaml.safe_load(path.read_text())["groups"]
        for rule in group["rules"]
    ]
    urls = [rule["annotations"]["dashboard_url"] for rule in rules if "alert" in rule]
    assert urls
    for uid, query in (
        re.fullmatch(r"\{\{ \$externalLabels\.grafana \}\}/d/([\w-]+)\??(.*)", url).groups()
        for url in urls
    ):  # type: ignore[union-attr]
        variables = {one["name"] for one in board(uid)["templating"]["list"]}
        assert set(re.findall(r"var-(\w+)=", query)) <= variables


# --- annotations


@every_board
def test_overload_and_changed_settings_are_marked(uid: str) -> None:
    expressions = {one["name"]: one["target"]["expr"] for one in marks(uid)}
    assert "alarm_fatigue_build_info" in expressions["Worker's settings changed"]
    if uid == HISTORY:
        return  # weeks have too many of the others
    assert any(
        "overload_state" in expression or "ALERTS" in expression
        for expression in expressions.values()
    )


@pytest.mark.parametrize("uid", [one for one in UIDS if one != "alarm-fatigue-pipeline"])
def test_recorded_changes_and_shifts_are_marked(uid: str) -> None:
    """By the tags that change records have, and by the shifts of the hospital's own calendar."""
    own = {one["name"]: one["target"] for one in marks(uid, "grafana")}
    wanted = own["Alarm limits and delays changed"]
    assert (wanted["type"], wanted["matchAny"]) == ("tags", False)
    assert wanted["tags"] == [*TAGS]
    if uid == HISTORY:
        return
    [night] = [one for one in marks(uid) if one["name"] == "Night shift"]
    assert "alarm_fatigue_night_shift" in night["target"]["expr"]


# --- nobody is ranked


def test_a_clinician_s_board_opens_from_a_unit_alone() -> None:
    to = {uid: [url for url in _links(uid) if url.startswith(f"/d/{CLINICIAN}?")] for uid in UIDS}
    assert {uid for uid, urls in to.items() if urls} == {UNIT}
    assert "alarm-fatigue" not in board(CLINICIAN)["tags"], (
        "otherwise the other boards' links would list it"
    )
    given = [one for one in board(CLINICIAN)["templating"]["list"] if one["name"] != "datasource"]
    assert [(one["name"], one["type"], one["hide"], one["query"]) for one in given] == [
        (name, "textbox", 2, "") for name in ("facility", "unit", "clinician")
    ], "variables from the link cannot be chosen"
    assert all(
        'clinician="$clinician"' in one.expression
        for one in asked(CLINICIAN)
        if "alarm_fatigue_clinician_" in one.expression
    )
