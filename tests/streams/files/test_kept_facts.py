"""Kept facts: packed, put aside and unpacked, they are what they were."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer import TOPICS, Topic
from analyzer.model.facts import values_of
from streams.files import coded
from streams.files.coded import FIELDS, Coding
from streams.files.kept_facts import Kept
from streams.files.spool import Spool
from tests.harness.engines import TOPIC_OF
from tests.harness.facts import alarm, ms
from tests.harness.strategies import deliveries, wards

Row = tuple[Any, ...]


def by_time(rows: list[Row], topic: Topic) -> list[Row]:
    """The first of each event id, in order of time; those of one time as they came."""
    facility, at = FIELDS[topic].index("facility"), FIELDS[topic].index("at")
    first: dict[tuple[str, str], Row] = {}
    for row in rows:
        first.setdefault((row[facility], row[0]), row)
    return sorted(first.values(), key=lambda row: row[at])


@given(st.data())
def test_facts_come_back_in_order_of_time(data: st.DataObject) -> None:
    delivered = data.draw(deliveries(data.draw(wards())))
    most = data.draw(st.sampled_from([6, 1 << 16]), label="values that have numbers")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(coded, "_MOST", most)
        for topic in TOPICS:
            rows = [tuple(values_of(one)) for one in delivered if TOPIC_OF[type(one)] == topic]
            kept = Kept(topic, at_once=4)
            for begin in range(0, len(rows), 3):
                kept.take(tuple(map(list, zip(*rows[begin : begin + 3], strict=True))))
            found = kept.by_time()
            expected = by_time(rows, topic)
            assert list(zip(*found.columns(), strict=True)) == expected
            low, high = len(expected) // 3, 2 * len(expected) // 3
            some = [row for part in found.slices(low, high) for row in zip(*part, strict=True)]
            assert some == expected[low:high]


def test_each_value_keeps_its_type() -> None:
    [start, _] = alarm("a", 0, 1)
    row = tuple(values_of(start))
    coding = Coding("alarms")
    facts = coding.coded(tuple([one, one] for one in row))
    back = coding.decoded(coding.unpacked(coding.packed(facts), facts.at, facts.of))
    assert list(zip(*back, strict=True)) == [row, row]
    assert [type(column[0]) for column in back] == [type(one) for one in row]


def test_the_last_time_is_that_of_each_facility() -> None:
    kept = Kept("labels", at_once=2)
    rows = [(f"e{number}", of, "a", "actionable", ms(number), None, None)
            for number, of in enumerate("AABABB")]  # fmt: skip
    kept.take(tuple(map(list, zip(*rows, strict=True))))
    assert kept.by_time().last() == {"A": ms(3), "B": ms(5)}


def test_large_histories_are_kept_in_a_file() -> None:
    spool = Spool(in_memory=10)
    put = [spool.put(bytes([number]) * 4) for number in range(6)]
    assert [one.read() for one in put] == [bytes([number]) * 4 for number in range(6)]
    assert [one.is_in_memory for one in put] == [True, True, False, False, False, False]


def test_without_a_place_for_a_file_it_stays_in_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "absent"))
    put = [one.read() for one in map(Spool(in_memory=1).put, (b"some", b"more"))]
    assert put == [b"some", b"more"]
