"""The page on privacy says of each topic what the code does."""

from __future__ import annotations

import re
from pathlib import Path

from streams.formats.times import show_duration
from streams.kafka.topics import plans
from streams.settings import Settings

PAGE = (Path(__file__).parents[2] / "docs" / "privacy.md").read_text()


def test_each_topic_is_listed_with_the_time_for_which_it_is_created() -> None:
    listed = dict(re.findall(r"^\| topic `(\w+)` \|[^|]*\| ([^|]*) \|", PAGE, re.MULTILINE))
    planned = {
        plan.name: show_duration(plan.retention).replace("d", " days")
        for plan in plans(Settings(), 1)
        if plan.retention is not None
    }
    assert listed == planned


def test_the_horizon_is_the_one_that_is_named() -> None:
    assert f"({show_duration(Settings().policy.horizon).replace('h', ' h')})" in PAGE
