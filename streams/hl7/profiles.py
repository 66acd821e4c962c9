"""Profiles of senders, from a YAML file.

    defaults:                       # senders without a profile; profiles inherit it
      zone: Europe/Berlin           # of times without an offset
      priority: low                 # where a message names none
    profiles:                       # the first one that fits counts
      - name: ICU gateway           # for people, metrics and alerts
        application: PIC_IX         # MSH-3.1; leave out what may be anything
        sending_facility: H1        # MSH-4.1
        port: 2575                  # that `hl7 listen` took the message on
        facility: General           # what the hospital is called here; else MSH-4.1
        identity: parent            # or filler (OBR-3 alone), or source (device and source)
        codes: {"196650": MDC_EVT_HI_GT_LIM, SENSOR OFF: MDC_EVT_SENSOR_DISCONN}
        words:
          priority: {crisis: high, warning: medium}
          kind: {inop: technical}
          phase: {begin: start}
          state: {on: active}
          inactivation: {muted: silence}
        units: {3W: 3 West}
        beds: {810A: "810"}
        bed: "{room}-{bed}"         # how PV1-3 makes a bed's name; else its third part
        bed_pattern: "0*([0-9]+)[A-Z]?"    # what of it counts: its groups
        accept: [P]                 # processing ids (MSH-11)
        heartbeats: [MDCX_ALIVE]    # codes that only show that the sender lives
        roles: {RN: nurse, AT: none}    # ROL-3; none: not at the bed
        device_type: monitor        # where a message does not tell
        unit: unknown               # where a message names no unit, or no bed
        bed_unknown: unknown

All that the file says is text: `No` and numbers are not changed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal, get_args
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from analyzer.hl7 import (
    INACTIVATIONS,
    KINDS,
    PHASES,
    PRIORITIES,
    STATES,
    UNKNOWN,
    Identity,
    Profile,
    Profiles,
    Zone,
)
from analyzer.model import MAX_ID_LENGTH, Kind, Priority, is_plain
from streams.files.lines import InputError
from streams.files.local_times import Twice, reading
from streams.formats.texts import printable
from streams.formats.yaml_files import BaseLoader, expected

_NONE = ("none", "")
_START = datetime(1970, 1, 1)  # local times have no zone
_Phase = Literal["tpoint", "start", "continue", "update", "escalate", "de-escalate", "end", "reset"]


def zone_of(name: str) -> Zone:
    """The time zone of this name, as a function for the analyzer.

    >>> zone_of("Europe/Berlin")(1792895400000)   # 2026-10-25 02:30, which came twice
    (1792888200000, 1792891800000)
    """

    def moments(local: int) -> tuple[int, ...]:
        minute, rest = divmod(local, 60_000)
        return tuple(one + rest for one in _minute(name, minute))

    return moments


@lru_cache(maxsize=1 << 14)
def _minute(name: str, minute: int) -> tuple[int, ...]:
    try:
        found = reading(_START + timedelta(minutes=minute), name)
    except (OverflowError, ValueError):
        return ()
    if isinstance(found, Twice):
        return (found.first, found.second) if found.exists else ()
    return (found,)


def _a_zone(name: str) -> str:
    try:
        return ZoneInfo(name).key
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError("expected a time zone such as Europe/Berlin") from None


def _an_id(text: str) -> str:
    if not (0 < len(text) <= MAX_ID_LENGTH and is_plain(text)):
        raise ValueError(f"expected 1 to {MAX_ID_LENGTH} printable characters")
    return text


def _a_pattern(text: str) -> str:
    try:
        if re.compile(text).groups:
            return text
    except (re.error, RecursionError, OverflowError):
        pass
    raise ValueError("expected a regular expression with a group, such as 0*([0-9]+)[A-Z]?")


def _a_form(text: str) -> str:
    rest = text.replace("{room}", "").replace("{bed}", "")
    if rest == text or "{" in rest or "}" in rest:
        raise ValueError("expected a text with {room} or {bed}, such as {room}-{bed}")
    return text


_Id = Annotated[str, AfterValidator(_an_id)]


class _Words(BaseModel):
    model_config = ConfigDict(extra="forbid")

    priority: dict[str, Priority] = {}
    kind: dict[str, Kind] = {}
    phase: dict[str, _Phase] = {}
    state: dict[str, Literal["active", "inactive", "latched"]] = {}
    inactivation: dict[str, Literal["silence", "pause", "acknowledge", "none"]] = {}


class _Sender(BaseModel):
    """The fields of a profile; None: as in the defaults."""

    model_config = ConfigDict(extra="forbid")

    zone: Annotated[str, AfterValidator(_a_zone)] | None = None
    facility: _Id | None = None
    identity: Identity | None = None
    priority: Priority | None = None
    device_type: _Id | None = None
    unit: _Id | None = None
    bed_unknown: _Id | None = None
    codes: dict[str, _Id] = {}
    words: _Words = _Words()
    units: dict[str, _Id] = {}
    beds: dict[str, _Id] = {}
    bed: Annotated[str, AfterValidator(_a_form)] | None = None
    bed_pattern: Annotated[str, AfterValidator(_a_pattern)] | None = None
    accept: list[Annotated[str, Field(pattern="^[A-Z]$")]] | None = None
    heartbeats: list[str] = []
    roles: dict[str, str] = {}


class _Named(_Sender):
    name: _Id
    application: str | None = None
    sending_facility: str | None = None
    port: Annotated[int, Field(ge=1, le=65535)] | None = None


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid")

    defaults: _Sender = _Sender()
    profiles: list[_Named] = []


def load_profiles(path: Path | None) -> Profiles:
    """Read a file of profiles; None: there are none. Raises `InputError`."""
    if path is None:
        return Profiles()
    try:
        found = yaml.load(path.read_text("utf-8-sig"), BaseLoader) or {}  # noqa: S506
        file = _File.model_validate(found)
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from None
    except ValidationError as error:
        one = error.errors()[0]
        where = ".".join(map(str, one["loc"]))
        says = one["msg"].removeprefix("Value error, ").replace("Input should be", "expected")
        if one["type"] == "extra_forbidden":
            known = {**_Named.model_fields, **_File.model_fields, **_Words.model_fields}
            says = f"unknown; expected one of {', '.join(sorted(known))}"
        # a name in the file may hold any character
        raise InputError(printable(f"{path}: {where}{': ' if where else ''}{says}")) from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        line = "" if mark is None else f" (line {mark.line + 1})"
        raise InputError(printable(f"{path}: {expected(error)}{line}")) from None
    names = [one.name for one in file.profiles]
    for name in names:
        if names.count(name) > 1:
            raise InputError(f"{path}: profiles: two are called {name}")
    return Profiles(
        [_profile(one, file.defaults) for one in file.profiles], _profile(file.defaults, _Sender())
    )


def _profile(given: _Sender, defaults: _Sender) -> Profile:
    def either(name: str, otherwise: Any = None) -> Any:
        for one in (given, defaults):
            if getattr(one, name) is not None:
                return getattr(one, name)
        return otherwise

    def both(name: str) -> dict[str, Any]:
        return {**getattr(defaults, name), **getattr(given, name)}

    def words(name: str, standard: Mapping[str, Any]) -> dict[str, Any]:
        said = {**getattr(defaults.words, name), **getattr(given.words, name)}
        ours = {word.lower(): "" if means == "none" else means for word, means in said.items()}
        return {**standard, **ours}

    zone, pattern, accept = either("zone"), either("bed_pattern"), either("accept", ["P"])
    ours = given if isinstance(given, _Named) else None
    return Profile(
        name="" if ours is None else ours.name,
        application=None if ours is None else ours.application,
        sending_facility=None if ours is None else ours.sending_facility,
        port=None if ours is None else ours.port,
        facility=either("facility"),
        zone=None if zone is None else zone_of(zone),
        identity=either("identity", get_args(Identity)[0]),
        priority=either("priority", "medium"),
        device_type=either("device_type", "device"),
        unit=either("unit", UNKNOWN),
        bed=either("bed_unknown", UNKNOWN),
        codes=both("codes"),
        priorities=words("priority", PRIORITIES),
        kinds=words("kind", KINDS),
        phases=words("phase", PHASES),
        states=words("state", STATES),
        inactivations=words("inactivation", INACTIVATIONS),
        units=both("units"),
        beds=both("beds"),
        bed_form=either("bed"),
        bed_pattern=None if pattern is None else re.compile(pattern),
        accept=frozenset({*accept, *([""] if "P" in accept else [])}),
        heartbeats=frozenset([*defaults.heartbeats, *given.heartbeats]),
        roles={code: None if to.lower() in _NONE else to for code, to in both("roles").items()},
    )
