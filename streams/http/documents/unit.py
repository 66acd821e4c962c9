"""/api/v1/unit: one unit with the history of its state."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct, field

from streams.http.documents.board import Currency, Unit, WorkedOutAt
from streams.http.documents.common import Moment, RefreshSeconds, WindowNames
from streams.http.documents.states import State
from streams.http.documents.taken import Takings

MOST_PHASES = 500
"""With the default policy, at most three changes in 12 min (hold and cool-down): 360 in 24 h."""


class Phase(Struct, frozen=True):
    """A time in one state."""

    state: State
    begin: Moment = field(name="from")
    until: Moment


class UnitHistory(Struct, frozen=True):
    """One unit now, and its states over the last 24 h."""

    at: WorkedOutAt
    refresh_seconds: RefreshSeconds
    windows: WindowNames
    currency: Currency
    unit: Unit
    takings: Takings
    states: Annotated[
        list[Phase],
        Meta(
            max_length=MOST_PHASES,
            description="The states of the last 24 h, oldest first and without gaps. They begin "
            "later if less is known, or if there were more; empty: nothing is known",
        ),
    ]
    board_url: Annotated[
        str | None,
        Meta(
            description="The unit's board in Grafana; null: `web.grafana_url` is not set",
            examples=["https://grafana.example.org/d/alarm-fatigue-unit?var-facility=H01"],
        ),
    ]
