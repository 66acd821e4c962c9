"""Settings of pages: where Alertmanager answers, and how the links in pages are made."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, model_validator

from streams.formats.times import parse_duration, show_duration

Duration = Annotated[int, BeforeValidator(parse_duration), PlainSerializer(show_duration)]


class AlertmanagerSettings(BaseModel):
    """Where silences are read and made: they say who has which page."""

    model_config = ConfigDict(extra="forbid")

    url: str | None = Field(
        None,
        description="address of Alertmanager; without it, nothing is known of who has which page",
    )
    token_file: Path | None = Field(
        None, description="file with the bearer token that a proxy before Alertmanager asks for"
    )

    @model_validator(mode="after")
    def _is_an_address(self) -> AlertmanagerSettings:
        if self.url is not None:
            expect_address("url", self.url)
        if self.token_file is not None and self.url is None:
            raise ValueError("token_file: expected alertmanager.url beside it")
        return self


class PagingSettings(BaseModel):
    """The links in pages, by which they are taken (see `streams.paging.links`)."""

    model_config = ConfigDict(extra="forbid", validate_default=True)

    url: str | None = Field(
        None,
        description="address of a worker's web server as phones reach it: links in pages begin "
        "with it. Without it, no page has a link",
    )
    key_file: Path | None = Field(
        None,
        description="file with the secret that links are signed with, of 32 bytes or more; the "
        "same for all workers and for `alarm-fatigue pages`",
    )
    link_lifetime: Duration = Field(
        "12h", description="how long after a page was sent its link can be used"
    )  # type: ignore[assignment]

    @model_validator(mode="after")
    def _can_be(self) -> PagingSettings:
        if self.url is not None:
            expect_address("url", self.url)
            if self.key_file is None:
                raise ValueError("url: expected paging.key_file beside it: links are signed")
        if not 600_000 <= self.link_lifetime <= 7 * 86_400_000:
            raise ValueError("link_lifetime: expected 10m to 7d")
        return self


def expect_address(name: str, url: str) -> None:
    """Raises `ValueError` unless a path can be added to the address."""
    try:
        parts = urlsplit(url)
        _ = parts.port  # raises `ValueError` unless it is a number
        fits = parts.scheme in ("http", "https") and parts.hostname and not parts.username
    except ValueError:
        fits = False
    if not fits or parts.query or parts.fragment or " " in url or not url.isprintable():
        raise ValueError(
            f"{name}: expected an address such as https://alarms.example.org, not {url}"
        )
