"""The committed dashboards are current, follow the rules of grafana/dashboard-linter, and rank
nobody.

Two rules of the linter do not apply: no board has variables for job and instance, because all
numbers of a facility come from one worker, whichever it is. `make check-dashboards` runs this file.
"""

from __future__ import annotations

import doctest
import re
import subprocess
from itertools import combinations
from pathlib import Path

import pytest
import yaml

from grafana import limits
from grafana.__main__ import rendered
from grafana.limits import BLUE, GREEN, GREY, ORANGE, PURPLE, SHADES, SKY, VERMILION
from streams.metrics.definitions import DEFINITIONS as WORKERS
from streams.metrics.definitions import PREFIX
from streams.metrics.hl7_definitions import HL7
from tests.harness.boards import (
    BUILT_IN,
    DASHBOARDS,
    UIDS,
    Asked,
    asked,
    board,
    marks,
    panels,
    queried,
    the_query,
    transformation,
    values,
)
from tests.harness.needs import need
from tests.harness.rules import rules

DEFINITIONS = WORKERS | HL7

ROOT = Path(__file__).parents[2]
RULES = sorted((ROOT / "deploy" / "prometheus" / "rules").glob("*.yml"))
PROVISIONING = ROOT / "grafana" / "provisioning"
UNITS = {"none", "percentunit", "s", "h", "cps", "time:ddd D MMM HH:mm"}
AXES = {"none", "percentunit", "cps", "suffix:min", "suffix:s", "suffix:h"}
"""Grafana's own units of time put the marks of an axis at times such as 8.33 min."""
CLINICIAN, UNIT = "alarm-fatigue-clinician", "alarm-fatigue-unit"
RECORDED = {rule["record"] for rule in rules() if "record" in rule}
EVERYTHING = [one for uid in UIDS for one in asked(uid)]

every_board = pytest.mark.parametrize("uid", UIDS)
every_query = pytest.mark.parametrize("query", EVERYTHING, ids=str)


def test_the_committed_json_equals_the_generated_one() -> None:
    """After a change to the code, run `python -m grafana`."""
    assert {path.name: path.read_bytes() for path in DASHBOARDS.iterdir()} == rendered()
    assert [f"{uid}.json" for uid in UIDS] == sorted(rendered())


# --- the rules of grafana/dashboard-linter


@every_board
def test_a_board_comes_from_its_file_and_cannot_be_edited(uid: str) -> None:
    found = board(uid)
    assert found["uid"] == uid
    assert found["schemaVersion"] == 42
    assert found["editable"] is False
    assert found["title"]
    assert found["description"]
    assert not {"id", "version", "iteration"} & set(found), (
        "these belong to the database of one Grafana"
    )


@every_board
def test_the_data_source_is_a_variable_everywhere(uid: str) -> None:
    variables = board(uid)["templating"]["list"]
    assert (variables[0]["name"], variables[0]["type"], variables[0]["query"]) == (
        "datasource",
        "datasource",
        "prometheus",
    )
    templated = {"type": "prometheus", "uid": "${datasource}"}
    using = [
        *queried(uid),
        *(target for one in queried(uid) for target in one["targets"]),
        *marks(uid),
    ]
    using += [one for one in variables if one["type"] == "query"]
    assert [one for one in using if one["datasource"] != templated] == []


@every_board
def test_choices_are_renewed_with_the_time_shown(uid: str) -> None:
    """Otherwise the variables of a board that was opened before there was data would stay empty."""
    assert {
        one["refresh"] for one in board(uid)["templating"]["list"] if one["type"] == "query"
    } <= {2}


@every_board
def test_panels_say_what_they_show_in_what_unit_and_why_they_may_be_empty(uid: str) -> None:
    for one in panels(uid):
        assert len(one["description"]) > 20, one
    for one in queried(uid):
        assert one["title"], one
        properties = [
            each for override in one["fieldConfig"]["overrides"] for each in override["properties"]
        ]
        assert {
            one["fieldConfig"]["defaults"]["unit"],
            *(each["value"] for each in properties if each["id"] == "unit"),
        } <= (AXES if one["type"] == "timeseries" else UNITS)
        assert len(one["fieldConfig"]["defaults"]["noValue"]) > 7, one["title"]
    titles = [one["title"] for one in queried(uid)]
    assert len(titles) == len(set(titles))


@every_board
def test_titles_fit_their_panels_where_a_board_is_1200_pixels_wide(uid: str) -> None:
    """As measured in pictures: 14 characters in 3 columns, and 5 more for each column more."""
    long = {one["title"]: one["gridPos"]["w"] for one in panels(uid)}
    assert {title for title, width in long.items() if len(title) > 5 * width - 1} == set()


def _overlap(one: dict[str, int], other: dict[str, int]) -> bool:
    return all(
        one[at] < other[at] + other[size] and other[at] < one[at] + one[size]
        for at, size in (("x", "w"), ("y", "h"))
    )


@every_board
def test_panels_have_unique_numbers_and_do_not_overlap_on_24_columns(uid: str) -> None:
    rows = [one for one in board(uid)["panels"] if one["type"] == "row"]
    everything = [*rows, *panels(uid)]
    assert sorted(one["id"] for one in everything) == list(range(1, len(everything) + 1))
    places = [one["gridPos"] | {"title": one["title"]} for one in everything]
    assert all(one["x"] >= 0 and one["x"] + one["w"] <= 24 for one in places)
    assert [pair for pair in combinations(places, 2) if _overlap(*pair)] == []


def test_promtool_reads_every_query(tmp_path: Path) -> None:
    """As recording rules, all at once; the rule's name is the number of the query."""
    variables = {"facility": "H1", "unit": "ICU", "clinician": "0123456789abcdef", "window": "1h"}
    rules = [
        {"record": f"query:{number}", "expr": one.filled(**variables)}
        for number, one in enumerate(EVERYTHING)
    ]
    path = tmp_path / "queries.yml"
    path.write_text(yaml.safe_dump({"groups": [{"name": "queries", "rules": rules}]}))
    done = subprocess.run(
        [need("promtool"), "check", "rules", "--lint=none", path],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{len(EVERYTHING)} rules found" in done.stdout


@every_query
def test_counters_are_asked_for_their_rate_over_the_interval_that_suits_the_scrape(
    query: Asked,
) -> None:
    rated = re.findall(
        r"\b(?:rate|increase|irate)\((\w+)(?:\{[^}]*\})?\[([^]]+)\]", query.expression
    )
    assert len(rated) == len(
        re.findall(r"\b(?:i?rate|increase|delta|deriv|changes)\(", query.expression)
    )
    assert all(interval == "$__rate_interval" for _, interval in rated)
    counters = re.findall(r"\b\w+_(?:total|bucket|sum|count)\b", query.expression)
    assert counters == [name for name, _ in rated], (
        "each counter is under a rate, and nothing else is"
    )


@every_query
def test_variables_that_a_query_uses_exist_on_its_board(query: Asked) -> None:
    known = {one["name"] for one in board(query.board)["templating"]["list"]} | set(BUILT_IN)
    assert set(re.findall(r"\$\{?([a-z_]\w*)", query.expression)) <= known


@every_query
def test_a_query_matches_labels_that_its_metrics_have(query: Asked) -> None:
    """tests/streams/metrics/test_tiny.py compares `DEFINITIONS` with the real exposition."""
    for name, matchers in re.findall(r"\b(\w+:\w+:hour)\{([^}]*)\}", query.expression):
        assert name in RECORDED
        assert set(re.findall(r'(\w+)\s*(?:=~|!~|!=|=)\s*"', matchers)) <= {
            "facility",
            "unit",
            "shift",
            *({"class", "priority"} & {name.partition(":")[0].removeprefix("unit_")}),
        }
    for full, matchers in re.findall(
        rf"(?<!:)\b{PREFIX}(\w+)(?:\{{([^}}]*)\}})?", query.expression
    ):
        name = full if full in DEFINITIONS else re.sub(r"_(total|bucket|sum|count)$", "", full)
        definition = DEFINITIONS[name]
        assert (full == name) == (definition.kind == "gauge"), query.expression
        assert set(re.findall(r'(\w+)\s*(?:=~|!~|!=|=)\s*"', matchers)) <= set(definition.labels)
    known = {label for one in DEFINITIONS.values() for label in one.labels} | {
        "le",
        "alertname",
        "severity",
        "tier",
        "type",
        "runbooks",
        "web",
        "shift",
    }
    grouped = re.findall(r"\b(?:by|on|without|ignoring|group_left)\s*\(([^)]*)\)", query.expression)
    assert {
        label.strip() for labels in grouped for label in labels.split(",") if label.strip()
    } <= known


# --- colours, words and ways


@every_board
def test_colours_can_be_told_apart_by_everybody(uid: str) -> None:
    colours = {
        one
        for key in ("color", "fixedColor", "iconColor")
        for one in values(board(uid), key)
        if isinstance(one, str)
    }
    assert colours <= {ORANGE, SKY, GREEN, BLUE, VERMILION, PURPLE, GREY, *SHADES}
    for one in queried(uid):
        if one["type"] == "timeseries":
            coloured = {
                override["matcher"]["options"] for override in one["fieldConfig"]["overrides"]
            }
            named = {target["legendFormat"] for target in one["targets"]}
            assert named <= coloured, "the classic palette is hard to read for colour-blind people"


@every_board
def test_every_colour_has_a_word(uid: str) -> None:
    for one in queried(uid):
        steps = one["fieldConfig"]["defaults"].get("thresholds", {"steps": []})["steps"]
        if len(steps) > 1:
            assert "Colours: " in one["description"], one["title"]
        if one["type"] == "state-timeline":
            texts = list(values(one["fieldConfig"]["defaults"]["mappings"], "text"))
            assert len(texts) == len(steps), one["title"]


def test_descriptions_state_the_limits_as_drawn() -> None:
    found = doctest.testmod(limits)
    assert (found.failed, found.attempted > 0) == (0, True)


def test_a_value_at_a_limit_is_on_its_quiet_side() -> None:
    """In EEMUA-191, 12 alarms an hour are manageable. Grafana uses the first range with the
    value.
    """
    [strip] = [
        one for one in queried("alarm-fatigue-hospital") if one["title"] == "Load bands of units"
    ]
    ranges = [one["options"] for one in strip["fieldConfig"]["defaults"]["mappings"]]

    def word(value: float) -> str:
        held = (
            one
            for one in ranges
            if (one["from"] is None or one["from"] <= value)
            and (one["to"] is None or value <= one["to"])
        )
        return str(next(held)["result"]["text"])

    found = [word(value) for value in (0, 5.9, 6, 12, 12.1, 60, 60.1, 500)]
    assert found == [
        "recommended",
        "recommended",
        *["manageable"] * 2,
        *["over-demanding"] * 2,
        *["unacceptable"] * 2,
    ]


@every_board
def test_tables_name_every_column_and_link_by_names_that_they_have(uid: str) -> None:
    for one in queried(uid):
        if one["type"] == "table" and one["targets"][0]["instant"]:
            organized = transformation(one, "organize")
            names = set(organized["renameByName"].values())
            assert set(organized["indexByName"]) == set(organized["renameByName"])
            asked_for = {
                f"Value #{each['refId']}" if len(one["targets"]) > 1 else "Value"
                for each in one["targets"]
            }
            assert asked_for <= set(organized["renameByName"])
            labels = {
                label.strip()
                for each in one["targets"]
                for by in re.findall(r"^(?:sort_desc\()?\w+ by \(([^)]*)\)", each["expr"])
                for label in by.split(",")
            }
            assert labels <= set(organized["renameByName"]) | set(organized["excludeByName"]), (
                "a label without a column would show"
            )
            assert {
                override["matcher"]["options"] for override in one["fieldConfig"]["overrides"]
            } <= names
            assert {sort["displayName"] for sort in one["options"].get("sortBy", [])} <= names
            fields = [
                name
                for url in values(one, "url")
                for name in re.findall(r'__data\.fields\["([^"]+)"\]', str(url))
            ]
            assert set(fields) <= names


def test_heartbeats_are_not_counted_as_pages() -> None:
    """Alertmanager is told to name its receivers, and the heartbeat's has this name."""
    compose = yaml.safe_load((ROOT / "deploy" / "compose.yml").read_text())
    command = compose["services"]["alertmanager"]["command"]
    assert "--enable-feature=receiver-name-in-metrics" in command
    config = yaml.safe_load((ROOT / "deploy" / "alertmanager" / "alertmanager.yml").read_text())
    [heartbeat] = [
        one["receiver"] for one in config["route"]["routes"] if "Watchdog" in str(one["matchers"])
    ]
    sent = the_query("alarm-fatigue-pipeline", "Pages and tickets sent", "sent").expression
    assert f'receiver_name!="{heartbeat}"' in sent


# --- nobody is ranked


@every_query
def test_no_query_orders_or_picks_clinicians(query: Asked) -> None:
    if "clinician" in re.sub(r"alarm_fatigue_unit_\w+", "", query.expression):
        assert not re.search(
            r"\b(topk|bottomk|sort|sort_desc|max|min|quantile|limitk)\s*\(", query.expression
        ), query
        assert query.place != "variable", "there is no list of people to choose from"


@every_board
def test_tables_of_clinicians_are_in_the_order_of_pseudonyms(uid: str) -> None:
    for one in queried(uid):
        names = transformation(one, "organize")["renameByName"] if one["type"] == "table" else {}
        if "clinician" in names:
            assert one["options"]["sortBy"] == [{"displayName": "Clinician", "desc": False}]
        elif one["type"] != "table":
            assert not any(
                "{{clinician}}" in target.get("legendFormat", "") for target in one["targets"]
            ), "graphs do not compare people"


@every_query
def test_boards_show_no_patient_bed_or_device(query: Asked) -> None:
    assert not re.search(r"\b(bed|patient|device_id|room|label)\b", query.expression)


# --- how Grafana gets them


def test_grafana_is_given_the_boards_and_their_data_source() -> None:
    [provider] = yaml.safe_load((PROVISIONING / "dashboards" / "alarm-fatigue.yml").read_text())[
        "providers"
    ]
    assert provider["allowUiUpdates"] is False
    [source] = yaml.safe_load((PROVISIONING / "datasources" / "prometheus.yml").read_text())[
        "datasources"
    ]
    assert (source["uid"], source["type"], source["isDefault"]) == (
        "prometheus",
        "prometheus",
        True,
    )
    grafana = yaml.safe_load((ROOT / "deploy" / "compose.yml").read_text())["services"]["grafana"]
    mounts = {
        target: (ROOT / "deploy" / source).resolve()
        for source, target, _ in (one.split(":") for one in grafana["volumes"])
    }
    assert mounts == {
        provider["options"]["path"]: DASHBOARDS.resolve(),
        "/etc/grafana/provisioning": PROVISIONING.resolve(),
    }
    assert grafana["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"].startswith(
        provider["options"]["path"]
    )


def test_the_query_that_a_name_stands_for_is_found() -> None:
    assert the_query(UNIT, "State").instant
    assert the_query(UNIT, "Assignments", "Beds").expression.startswith(
        "((max by (facility, unit, clinician)"
    )
