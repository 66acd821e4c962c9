"""Settings: the page about `streams.settings` and the policy."""

from __future__ import annotations

import types
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin

import annotated_types
from pydantic import AwareDatetime, SecretStr
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource

from analyzer.model import Action, Levels, Milliseconds
from reference import markdown
from reference.markdown import code, codes
from streams.access_settings import GrantSettings, Network
from streams.setting_table import LEVEL, PREFIX, entries, spelled, value_of
from streams.settings import (
    Duration,
    FacilityCalendarSettings,
    Settings,
    ShiftBegin,
    TimeZone,
)

LEVELS = '{"ICU": {"beds": {"elevated": {"enter": 2, "leave": 2}}}}'
INTRODUCTION = f"""
A setting can be given in three places: as an option of the command, as an environment variable, or
in the file that `--config` names. The first of these that has it counts. The file is YAML. A dot in
the name of a setting is one level in the file and `{LEVEL}` in the variable:

```yaml
broker: kafka-1:9092,kafka-2:9092
web:
  port: 9465
policy:
  overload:
    units:
      ICU:
        beds: {{elevated: {{enter: 2, leave: 2}}}}
```

```sh
{PREFIX}WEB__PORT=9465
{PREFIX}POLICY__OVERLOAD__UNITS='{LEVELS}'
```

- Durations are a whole number and a unit: `250ms`, `15s`, `10m`, `12h`, `7d`. In a variable, lists
  and levels are JSON.
- An unknown setting or an invalid value ends the command with one line that names it.
- `alarm-fatigue config check` prints every effective setting, without secrets.
"""

GROUPS = {
    "": ("The worker", "The broker, the topics and the name of a worker, and how it runs."),
    "kafka": (
        "Connection to Kafka",
        "How every command connects, and who it is to the broker. "
        "[Running it](../../deploy/README.md#connecting-to-kafka) says what belongs together.",
    ),
    "kafka.topics": (
        "Names of topics",
        "What the topics are called on the broker, after `kafka.topic_prefix`.",
    ),
    "web": (
        "Web server",
        "The address of the page, its interface and `/metrics`, and who may read them.",
    ),
    "web.proxy": (
        "Readers behind a proxy",
        "Headers of a proxy that authenticates readers. "
        "[Who may read](../access.md#readers-behind-a-login-page) has a whole example.",
    ),
    "audit": (
        "Audit",
        "Who read what about whom. [Who may read](../access.md#audit) says what is recorded, and "
        "how it is checked.",
    ),
    "archive": ("Archive", "Where the page finds what is older than the worker's 26 hours."),
    "privacy": ("Privacy", "Figures that are not shown, because they are about few clinicians."),
    "metrics": ("Caps of the metrics", "How many series a worker exports."),
    "calendar": (
        "Calendar",
        "The time zone and the shift times of each facility, for displayed times.",
    ),
    "alertmanager": (
        "Alertmanager",
        "Where the worker and `alarm-fatigue pages` read who has which page, and where a page is "
        "taken.",
    ),
    "paging": (
        "Links in pages",
        "The signed links by which whoever is paged takes a page with one tap. Without them, no "
        "link is promised.",
    ),
    "policy": ("Policy", "The clinical and operational figures that decide a number."),
    "policy.overload": (
        "Policy: overload",
        "When a load is elevated or overloaded. A state is entered above `enter` and left at "
        "`leave` or below; between the two nothing changes. For `protected_1h` less is worse, so "
        "its states are entered below `enter` and left at `leave` or above. The measures of a unit "
        "are those of its average clinician on duty. A measure is set as a whole: a level that is "
        "left out never applies.",
    ),
    "policy.relief": (
        "Policy: relief",
        "When moving a bed to a colleague is advised. That the colleague stays within all limits "
        "of the overload states is no setting: it always holds.",
    ),
    "policy.findings": (
        "Policy: findings",
        "When a pattern drives an alarm type. Shares are fractions of 1.",
    ),
}

HORIZON = (
    "at least the longest window + `cover` + `allowed_lateness` + `action_window`, and the longest "
    "window + 70 min"
)
BOUNDS = {
    "group": "1 to 100 letters, digits, `_`, `.` or `-`",
    "kafka.topic_prefix": "up to 100 letters, digits, `_`, `.` or `-`",
    "kafka.token_url": "https, or http on loopback",
    "web.token": "at least 16 printable ASCII characters without spaces",
    "audit.repeat": "1s to 1h",
    "audit.syslog": "HOST:PORT",
    "web.names": "names without scheme, port and path",
    "web.header_timeout": "100ms to 10m",
    "web.idle_timeout": "1s to 1h",
    "paging.key_file": "a file of at least 32 bytes",
    "paging.link_lifetime": "10m to 7d",
    "policy.windows": "at least one, each longer than zero",
    "policy.min_classified": "0 or more",
    "policy.top_types": "0 or more",
    "policy.horizon": HORIZON,
    "policy.overload.every": "a divisor of 10 min",
    "policy.overload.hold": "a multiple of `policy.overload.every`",
    "policy.overload.cool_down": "a multiple of `policy.overload.every`",
    "policy.relief.least_alarms": "1 or more",
    "policy.relief.least_share": "0 to 1",
    "policy.relief.beds_above_usual": "0 or more",
    "policy.findings.min_classified": "0 or more",
    "policy.findings.driving_share": "0 to 1",
    "policy.findings.sparing_share": "0 to 1",
    "policy.findings.hugging": "0 to 1",
}
"""Bounds that validators enforce; those of a field's own type are read from it."""


class Defaults(Settings):
    """The default settings, whatever variables the environment has."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003  # pydantic passes them by name
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return (init_settings,)


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting as users see it: `name` with dots, `default` as YAML on one line."""

    name: str
    variable: str
    kind: str
    default: str
    bounds: str
    meaning: str

    @property
    def group(self) -> str:
        return self.name.rpartition(".")[0]


def settings() -> list[Setting]:
    """Every setting, in the order of the program's own table."""
    defaults = Defaults().model_dump(mode="json")
    return [
        Setting(
            one.name,
            one.variable,
            _kind(one.hint),
            spelled(value_of(defaults, one.name)),
            BOUNDS.get(one.name) or (_bounds(one.field) if one.field else ""),
            one.meaning,
        )
        for one in entries(Settings)
    ]


def page() -> str:
    return markdown.page("Settings", INTRODUCTION, _parts())


def _parts() -> Iterator[str]:
    found = settings()
    for group, (heading, introduction) in GROUPS.items():
        yield f"## {heading}\n\n{introduction}"
        yield from (_entry(one) for one in found if one.group == group)


def _entry(of: Setting) -> str:
    default = "no default" if of.default == "null" else f"default {code(of.default)}"
    bounds = f"; {of.bounds}" if of.bounds else ""
    return (
        f"### {code(of.name)}\n\n{markdown.sentence(of.meaning)}\n\n"
        f"Type: {of.kind}{bounds}; {default}.  \nVariable: {code(of.variable)}"
    )


def _bounds(field: FieldInfo) -> str:
    least = [one.ge for one in field.metadata if isinstance(one, annotated_types.Ge)]
    most = [one.le for one in field.metadata if isinstance(one, annotated_types.Le)]
    if least and most:
        return f"{least[0]} to {most[0]}"
    if least:
        return f"{least[0]} or more"
    return ""


def _kind(hint: Any) -> str:
    """The type of a setting, in words."""
    if get_origin(hint) in (Union, types.UnionType):
        hint = next(one for one in get_args(hint) if one is not type(None))
    if hint in (Duration, Milliseconds):
        return "duration"
    if hint is Levels:
        return "levels, `elevated` and `overloaded`, each with `enter` and `leave`"
    if get_origin(hint) is Literal:
        return f"one of {codes(get_args(hint))}"
    if get_origin(hint) is dict and get_args(hint)[1] is not GrantSettings:
        return "list of durations"
    if hint == TimeZone:
        return "name of a time zone"
    if hint == tuple[ShiftBegin, ...]:
        return "list of local times, such as `07:00`"
    if hint == Mapping[str, FacilityCalendarSettings]:
        return "calendars by facility"
    if get_origin(hint) in (Mapping, dict) and issubclass(get_args(hint)[1], GrantSettings):
        return "readers by name" if get_origin(hint) is Mapping else "roles by group"
    if hint == tuple[str, ...]:
        return "list of texts"
    if hint == tuple[Network, ...]:
        return "list of addresses or networks, such as `10.0.0.0/8`"
    if get_origin(hint) is tuple:
        return f"list of {codes(get_args(Action))}"
    if get_origin(hint) is Mapping:
        return "levels by unit and measure"
    return {
        bool: "true or false",
        int: "whole number",
        float: "number",
        Path: "path of a file",
        AwareDatetime: "time (RFC 3339) with an offset, such as `2026-03-01T07:00:00Z`",
        str: "text",
        SecretStr: "text",
    }[hint]
