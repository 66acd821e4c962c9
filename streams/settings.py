"""Settings: one typed object from the command line, the environment (`ALARM_FATIGUE_...`) and a
YAML file, in this order of precedence.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from contextvars import ContextVar
from datetime import time as time_of_day
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import yaml
from pydantic import (
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    ValidationError,
    model_validator,
)
from pydantic_settings import (
    BaseSettings,
    InitSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from analyzer.model import Policy
from streams.audit_settings import AuditSettings
from streams.formats.alarm_names import AlarmNames, read_names
from streams.formats.calendars import DAY_AND_NIGHT, Calendar, Calendars
from streams.formats.pseudonyms import Period
from streams.formats.texts import printable
from streams.formats.yaml_files import SafeLoader, expected
from streams.kafka_settings import KafkaSettings
from streams.paging_settings import AlertmanagerSettings, Duration, PagingSettings
from streams.policy_settings import Spelled
from streams.setting_table import (
    LEVEL,
    PREFIX,
    entries,
    nearest,
    unknown_variables,
    variable,
)
from streams.web_settings import LOOPBACK, WebSettings

__all__ = [
    "LOOPBACK",
    "CalendarSettings",
    "Duration",
    "FacilityCalendarSettings",
    "MetricsSettings",
    "Settings",
    "SettingsError",
    "ShiftBegin",
    "TimeZone",
    "WebSettings",
    "load",
]


class SettingsError(Exception):
    """Invalid settings: one line that names the setting and what was expected."""


class MetricsSettings(BaseModel):
    """How many clinicians, units and facilities /metrics and the page show (see
    `streams.metrics.caps`).
    """

    model_config = ConfigDict(extra="forbid")

    clinicians: bool = Field(
        True, description="export series of clinicians; off exports those of units only"
    )
    max_clinicians: int = Field(
        10_000,
        ge=1,
        description="most clinicians with series; further ones are counted in `dropped_clinicians`",
    )
    """A clinician has 68 series with four windows. 10,000 clinicians are eight hospitals of 30
    units with 40 clinicians each. They have 680,000 series: 3 to 6 GB of a Prometheus server's
    memory, and 90 MB of text per scrape (6 MB compressed).
    """
    max_units: int = Field(
        500,
        ge=1,
        description="most units with series, rows on the page and findings; further ones are "
        "counted in `dropped_units`",
    )
    """A unit has up to 280 series with four windows and ten alarm types. 500 units are 16 hospitals
    of 30 units, with 140,000 series.
    """
    max_facilities: int = Field(
        200,
        ge=1,
        description="most facilities with series; further ones are counted in `dropped_facilities`",
    )


class ArchiveSettings(BaseModel):
    """The archive that the page reads (see `streams.archive`)."""

    model_config = ConfigDict(extra="forbid")

    path: str | None = Field(
        None,
        description="the folder or URL that `alarm-fatigue archive --to` writes; with it, the page "
        "shows the last 7 days of each unit, and incidents older than what the worker holds are "
        "answered",
    )


class PrivacySettings(BaseModel):
    """Whose figures are not shown (see `streams.http.privacy`)."""

    model_config = ConfigDict(extra="forbid")

    smallest_group: int = Field(
        5,
        ge=1,
        description="figures over fewer clinicians than this are left out of the page and its "
        "interface, in views longer than a shift; 1: none are. /metrics stays whole",
    )


def _parse_zone(name: Any) -> ZoneInfo:
    """Raises `ValueError` for a name that the time zone database does not have."""
    if isinstance(name, ZoneInfo):
        return name
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, TypeError, OSError):
        raise ValueError("expected a time zone such as Europe/Berlin") from None


def _parse_time_of_day(text: Any) -> time_of_day:
    """Raises `ValueError` for anything but `07:00`."""
    if isinstance(text, time_of_day):
        return text
    # YAML 1.1 reads an unquoted 19:00 as a number of base 60.
    if isinstance(text, int) and not isinstance(text, bool) and 0 <= text < 24 * 60:
        return time_of_day(text // 60, text % 60)
    found = re.fullmatch(r"([01]\d|2[0-3]):([0-5]\d)", text) if isinstance(text, str) else None
    if found is None:
        raise ValueError("expected local times such as 07:00")
    return time_of_day(int(found[1]), int(found[2]))


TimeZone = Annotated[ZoneInfo, BeforeValidator(_parse_zone), PlainSerializer(str)]
ShiftBegin = Annotated[
    time_of_day,
    BeforeValidator(_parse_time_of_day),
    PlainSerializer(lambda begin: f"{begin:%H:%M}"),
]


class FacilityCalendarSettings(BaseModel):
    """Where one facility differs from the calendar of all."""

    model_config = ConfigDict(extra="forbid", arbitrary_types_allowed=True)

    time_zone: TimeZone | None = Field(None, description="its time zone")
    shifts: tuple[ShiftBegin, ...] | None = Field(None, description="when its shifts begin")


class CalendarSettings(BaseModel):
    """The local time and the shifts that page, pages and reports use.

    They change no number: windows are lengths of time.
    """

    model_config = ConfigDict(extra="forbid", validate_default=True, arbitrary_types_allowed=True)

    time_zone: TimeZone = Field(
        ZoneInfo("UTC"), description="time zone of the facilities (IANA name, `Europe/Berlin`)"
    )
    shifts: tuple[ShiftBegin, ...] = Field(
        DAY_AND_NIGHT, description="local times at which shifts begin, ascending"
    )
    facilities: Mapping[str, FacilityCalendarSettings] = Field(
        default_factory=dict,
        description="by facility, a `time_zone` or `shifts` of its own",
    )

    @property
    def calendars(self) -> Calendars:
        default = Calendar(self.time_zone, self.shifts)
        return Calendars(
            default,
            {
                name: Calendar(own.time_zone or self.time_zone, own.shifts or self.shifts)
                for name, own in self.facilities.items()
            },
        )

    @model_validator(mode="after")
    def _is_possible(self) -> CalendarSettings:
        _ = self.calendars  # raises `ValueError`
        return self


_CONTENT: ContextVar[Mapping[str, Any]] = ContextVar("content", default=MappingProxyType({}))
"""The file that `load` has read."""


class Settings(BaseSettings):
    """All settings. Durations are written as 15s, 10m, 12h."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_nested_delimiter=LEVEL,
        extra="forbid",
        validate_default=True,
    )

    broker: str = Field(
        "127.0.0.1:9092",
        description="bootstrap address of Kafka, HOST:PORT; several are separated by commas",
    )
    group: str = Field(
        "alarm-fatigue",
        description="consumer group, and prefix of the worker's own topics",
        pattern=r"^[a-zA-Z0-9._-]{1,100}$",
    )
    instance: str | None = Field(
        None, description="this worker's fixed name in the group (static membership)"
    )
    partitions: int = Field(
        4, ge=1, description="partitions of topics that `alarm-fatigue topics` creates"
    )
    replication: int = Field(
        1, ge=1, description="replication factor of topics that `alarm-fatigue topics` creates"
    )
    clock: Literal["wall", "event"] = Field(
        "wall", description="what `now` is: the wall clock, or each facility's watermark"
    )
    pseudonyms: bool = Field(
        True, description="show clinicians under pseudonyms; off shows their ids"
    )
    pseudonym_key_file: Path | None = Field(
        None,
        description="file with the key that pseudonyms are made with, the same for all workers; "
        "it also encrypts the stored state. Without it, a key is made for the account",
    )
    pseudonym_previous_key_file: Path | None = Field(
        None,
        description="file with the key before this one, for the state that it sealed and for `who`",
    )
    pseudonym_previous_until: AwareDatetime | None = Field(
        None, description="time at which the previous key stops being used; not set: never"
    )
    pseudonym_period: Period = Field(
        "none",
        description="`day` or `week`: a clinician gets a new pseudonym with each, UTC, everywhere",
    )
    max_record_bytes: int = Field(
        1 << 20, ge=1024, description="longest input record, in bytes; longer ones are malformed"
    )
    checkpoint_interval: Duration = Field(
        "5s", description="how often state is stored and offsets are committed"
    )  # type: ignore[assignment]
    session_timeout: Duration = Field(
        "6s",
        description="after this long without a heartbeat, the group gives a worker's partitions "
        "to others",
    )  # type: ignore[assignment]
    stall_timeout: Duration = Field(
        "2m",
        description="a worker that makes no progress for this long exits, so that its service "
        "manager restarts it",
    )  # type: ignore[assignment]
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="the least severe messages that are logged"
    )
    alarm_names: Path | None = Field(
        None,
        description="file (CSV with the columns `device_type`, `source`, `code`, `name`) with what "
        "people here call alarm types, such as those of private codes; `*` as `device_type` is any",
    )
    kafka: KafkaSettings = KafkaSettings()
    web: WebSettings = WebSettings()
    audit: AuditSettings = AuditSettings()
    privacy: PrivacySettings = PrivacySettings()
    archive: ArchiveSettings = ArchiveSettings()
    metrics: MetricsSettings = MetricsSettings()
    calendar: CalendarSettings = CalendarSettings()
    alertmanager: AlertmanagerSettings = AlertmanagerSettings()
    paging: PagingSettings = PagingSettings()
    policy: Annotated[Policy, Spelled()] = Policy()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003  # pydantic passes them by name
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        content = InitSettingsSource(settings_cls, init_kwargs=dict(_CONTENT.get()))
        return init_settings, env_settings, content

    @property
    def names(self) -> AlarmNames:
        """What people here call alarm types. Raises `ValueError` if the file cannot be used."""
        return AlarmNames() if self.alarm_names is None else read_names(self.alarm_names)

    @model_validator(mode="after")
    def _names_can_be_read(self) -> Settings:
        try:
            _ = self.names
        except ValueError as error:
            raise ValueError(f"alarm_names: {error}") from None
        return self

    @model_validator(mode="after")
    def _links_lead_somewhere(self) -> Settings:
        if self.paging.url is not None and self.alertmanager.url is None:
            raise ValueError(
                "paging.url: expected alertmanager.url beside it: a page is taken there"
            )
        return self


def load(path: Path | None = None, **overrides: Any) -> Settings:
    """The effective settings; `overrides` that are None do not override. Raises `SettingsError`."""
    content = _read(path) if path else {}
    _refuse_unknown_variables()

    in_file = _CONTENT.set(content)
    try:
        return Settings(**{name: value for name, value in overrides.items() if value is not None})
    except ValidationError as error:
        raise SettingsError("; ".join(_explain(one) for one in error.errors())) from None
    finally:
        _CONTENT.reset(in_file)


def _refuse_unknown_variables() -> None:
    """A variable with a typing error would otherwise silently leave a default in force."""
    if not any(name.upper().startswith(PREFIX) for name in os.environ):
        return
    names = [one.name for one in entries(Settings)]
    if unknown := unknown_variables(os.environ, names):
        variables = list(map(variable, names))
        raise SettingsError(
            "; ".join(f"{one}: no such setting{nearest(one, variables)}" for one in unknown)
        )


def _read(path: Path) -> dict[str, Any]:
    try:
        content = yaml.load(path.read_bytes(), SafeLoader)  # noqa: S506  # it is one
    except OSError as error:
        raise SettingsError(f"{path}: {error.strerror}") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        mark = getattr(error, "problem_mark", None)
        raise SettingsError(
            printable(f"{path}{f', line {mark.line + 1}' if mark else ''}: {expected(error)}")
        ) from None
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise SettingsError(f"{path}: expected settings as `name: value`")
    return content


def _explain(error: Any) -> str:
    parts = [str(part) for part in error["loc"]]
    message = (
        f"no such setting{nearest('.'.join(parts), [one.name for one in entries(Settings)])}"
        if error["type"] == "extra_forbidden"
        else error["msg"].removeprefix("Value error, ")
    )
    if parts and message.startswith(f"{parts[-1]}."):  # the message names its group itself
        parts.pop()
    place = ".".join(parts)
    # a name in a file may hold any character
    return printable(f"{place}: {message}" if place else message)
