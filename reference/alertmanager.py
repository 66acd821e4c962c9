"""The routes and inhibitions of deploy/alertmanager as the Prometheus operator's AlertmanagerConfig
has them (monitoring.coreos.com/v1alpha1), for the Helm chart.

Receivers and time intervals are for the chart's values. The operator's resource has no templates,
no time zones, and receivers of its own, so the example of a unit with its own pager is left out.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parent.parent
SOURCE = ROOT / "deploy" / "alertmanager" / "alertmanager.yml"
HEADER = (
    "# Written by `make reference` from deploy/alertmanager/alertmanager.yml. "
    "Changes made here are lost.\n"
)
_MATCHER = re.compile(r'(\w+)\s*(=~|!~|!=|=)\s*"(.*)"')
_ROUTE = {
    "receiver": "receiver",
    "group_by": "groupBy",
    "group_wait": "groupWait",
    "group_interval": "groupInterval",
    "repeat_interval": "repeatInterval",
    "active_time_intervals": "activeTimeIntervals",
    "continue": "continue",
}


def text() -> str:
    """The file of the chart: `route`, `inhibitRules` and the names of the `receivers`."""
    return HEADER + yaml.safe_dump(converted(yaml.safe_load(SOURCE.read_text())), sort_keys=False)


def converted(config: dict[str, Any]) -> dict[str, Any]:
    """`config` is Alertmanager's. Raises `ValueError` for what has no counterpart."""
    webhooks = [one for one in config["receivers"] if "webhook_configs" in one]
    names = [one["name"] for one in webhooks]
    return {
        "route": _route(config["route"], frozenset(names)),
        "inhibitRules": [
            {
                "sourceMatch": _matchers(rule["source_matchers"]),
                "targetMatch": _matchers(rule["target_matchers"]),
            }
            | ({"equal": rule["equal"]} if "equal" in rule else {})
            for rule in config["inhibit_rules"]
        ],
        "receivers": [
            {"name": one["name"], "sendResolved": one["webhook_configs"][0]["send_resolved"]}
            for one in webhooks
        ],
    }


def _route(route: dict[str, Any], receivers: frozenset[str]) -> dict[str, Any]:
    unknown = route.keys() - _ROUTE.keys() - {"matchers", "routes"}
    if unknown:
        raise ValueError(f"a route has {sorted(unknown)}, which AlertmanagerConfig does not know")
    found: dict[str, Any] = {new: route[old] for old, new in _ROUTE.items() if old in route}
    if "matchers" in route:
        found["matchers"] = _matchers(route["matchers"])
    inner = [one for one in route.get("routes", []) if one["receiver"] in receivers]
    if inner:
        found["routes"] = [_route(one, receivers) for one in inner]
    return found


def _matchers(texts: list[str]) -> list[dict[str, str]]:
    found = []
    for one in texts:
        parts = _MATCHER.fullmatch(one)
        if parts is None:
            raise ValueError(f'expected a matcher such as tier="biomed", not {one}')
        # equality is the default, and a lone `=` is more than text to some readers of YAML
        kind = {} if parts[2] == "=" else {"matchType": parts[2]}
        found.append({"name": parts[1], **kind, "value": parts[3]})
    return found
