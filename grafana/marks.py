"""Marks: annotations of all boards. Overload, alerts, shifts, and changes of settings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from grafana_foundation_sdk.builders import dashboard, prometheus
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.cog.variants import Dataquery
from grafana_foundation_sdk.models import common as shapes

from grafana.limits import BLUE, GREEN, GREY, PURPLE, VERMILION
from grafana.promql import FACILITY, UNITS, unit
from grafana.queries import DATASOURCE

CHANGE_TAGS = ("alarm-fatigue", "alarm-setting-change")
"""The tags of change records (`alarm-fatigue tune --record`)."""

_GRAFANA = shapes.DataSourceRef(type_val="grafana", uid="-- Grafana --")
"""Grafana's own store of annotations."""


@dataclass(frozen=True)
class _Own(Dataquery, Builder[Dataquery]):
    """A query of Grafana's own annotations."""

    fields: Mapping[str, object]

    def build(self) -> Dataquery:
        return self

    def to_json(self) -> dict[str, object]:
        return {"refId": "Anno", **self.fields}


def mark(
    name: str, colour: str, expression: str, title: str, text: str = ""
) -> dashboard.AnnotationQuery:
    """Annotations where the expression has a value, one for each period."""
    target = (
        prometheus.Dataquery()
        .datasource(DATASOURCE)
        .expr(" ".join(expression.split()))
        .ref_id("Anno")
        .range()
    )
    return (
        _annotation(name, colour)
        .datasource(DATASOURCE)
        .target(target)
        .expr(" ".join(expression.split()))
        .title_format(title)
        .text_format(text)
        .use_value_for_time(False)
        .step("60s")
    )


def _annotation(name: str, colour: str) -> dashboard.AnnotationQuery:
    return dashboard.AnnotationQuery().name(name).enable(True).hide(False).icon_color(colour)


def _state(where: str, name: str) -> dashboard.AnnotationQuery:
    found = f"{unit('overload_state', where)} == 2"
    return mark("Unit overloaded", VERMILION, found, name)


OVERLOAD = _state(UNITS, "{{unit}} ({{facility}}) overloaded")
PAGED = mark(
    "Alert firing",
    PURPLE,
    f'ALERTS{{alertstate="firing", {FACILITY}, unit=~"$unit|"}}',
    "{{alertname}} {{unit}}",
    "{{facility}}, tier {{tier}}",
)
PAGED_ANYWHERE = mark(
    "Alert firing",
    PURPLE,
    'ALERTS{alertstate="firing", severity!="none"}',
    "{{alertname}} {{unit}}",
    "{{facility}} {{severity}}",
)
CHANGED = mark(
    "Worker's settings changed",
    BLUE,
    """count by (version, policy) (alarm_fatigue_build_info)
    unless count by (version, policy) (alarm_fatigue_build_info offset 10m)
    and on () count(alarm_fatigue_build_info offset 10m)""",
    "Settings or version changed",
    "version {{version}}, policy {{policy}}",
)
CHANGED_IN_HOUR = mark(
    "Worker's settings changed",
    BLUE,
    """count by (version, policy) (last_over_time(alarm_fatigue_build_info[1h]))
    unless count by (version, policy) (last_over_time(alarm_fatigue_build_info[1h] offset 1h))
    and on () count(last_over_time(alarm_fatigue_build_info[1h] offset 1h))""",
    "Settings or version changed",
    "version {{version}}, policy {{policy}}",
).step("1h")
"""For weeks, which have too many minutes for one query."""
CHANGE_RECORDS = (
    _annotation("Alarm limits and delays changed", GREEN)
    .datasource(_GRAFANA)
    .target(_Own({"type": "tags", "tags": [*CHANGE_TAGS], "matchAny": False, "limit": 100}))
)
NIGHT_SHIFT = mark(
    "Night shift",
    GREY,
    f"max by (facility) (alarm_fatigue_night_shift{{{FACILITY}}}) == 1",
    "Night shift",
    "{{facility}}",
)
ALWAYS = (CHANGED, CHANGE_RECORDS, NIGHT_SHIFT)
"""The marks of every board about load."""
