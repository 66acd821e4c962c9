"""Pages below the table of the demo."""

from __future__ import annotations

import re

import pytest

from streams.demo.pager import Arrived, block
from streams.http.pages import Page


def arrived(*receivers: str, **annotations: str) -> list[Arrived]:
    told = {
        "alertname": "UnitOverloaded",
        "summary": "MICU, H01: overloaded.",
        "suggestion": "Bring in help.",
        "reason": "14 alarms (limit 10).",
    }
    told |= {"dashboard_url": "http://grafana", "runbook_url": "http://runbooks"} | annotations
    return [Arrived(0.0, Page(receiver, (told,), (), "H01", "MICU")) for receiver in receivers]


def texts(pages: list[Arrived], width: int = 100, height: int = 12) -> list[str]:
    return [line.plain for line in block(pages, width, height)]


def test_the_latest_page_stands_in_full_under_those_before_it() -> None:
    *before, head = texts(arrived("charge-nurse", "house-supervisor"))[:2]
    assert re.fullmatch(r"\d\d:\d\d:\d\d to charge nurse: MICU, H01: overloaded\.", before[0])
    assert re.fullmatch(r"▌ \d\d:\d\d:\d\d to house supervisor", head)
    assert texts(arrived("charge-nurse"))[1:] == [
        "▌ MICU, H01: overloaded.",
        "▌ Do: Bring in help.",
        "▌ Why: 14 alarms (limit 10).",
    ]
    assert texts([]) == []


@pytest.mark.parametrize("width", [30, 80, 200])
@pytest.mark.parametrize("height", [4, 8, 30])
def test_pages_keep_to_the_room_they_have_and_the_latest_to_itself(width: int, height: int) -> None:
    lines = texts(arrived(*["charge-nurse"] * 9, suggestion="Move a bed. " * 20), width, height)
    assert len(lines) <= height
    assert sum(line.startswith("▌") for line in lines) >= 4
    assert max(len(line) for line in lines if line.startswith("▌")) <= width
    assert height > 4 or lines[-1] == "▌ ..."
