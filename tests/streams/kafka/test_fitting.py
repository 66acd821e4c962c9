"""Output records cut to what their topic takes."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.kafka.fitting import KAFKA_DEFAULT_BYTES, Limits, fitted, size
from streams.kafka.outgoing import Outgoing

SOURCE = [
    ("reason", b"malformed"),
    ("detail", b"at: expected"),
    ("topic", b"alarms"),
    ("partition", b"3"),
    ("offset", b"17"),
]


def rejected(key: bytes | None, value: bytes | None) -> Outgoing:
    return Outgoing("rejected", key, value, SOURCE)


def episode(**fields: Any) -> Outgoing:
    whole = {
        "id": "0" * 32,
        "facility": "H01",
        "alarm_id": "a",
        "label": "SpO2 low",
        "clinicians": [],
        "class": "unknown",
    }
    return Outgoing("episodes", b"H01", json.dumps(whole | fields).encode(), [("edition", b"4")])


@given(
    st.binary(max_size=3000) | st.none(),
    st.binary(max_size=9000) | st.none(),
    st.integers(400, 12_000),
)
def test_a_rejected_record_keeps_the_first_bytes_and_says_what_it_was(
    key: bytes | None, value: bytes | None, limit: int
) -> None:
    before = rejected(key, value)
    one = fitted(before, limit)
    assert one is not None
    assert size(one) <= limit
    if size(before) <= limit:
        assert one is before
        return
    assert (key or b"").startswith(one.key or b"")
    assert (value or b"").startswith(one.value or b"")
    assert (one.key is None, one.value is None) == (key is None, value is None)
    assert one.headers == [
        *SOURCE,
        ("truncated", b"true"),
        ("original_size", b"%d" % (len(key or b"") + len(value or b""))),
    ]
    assert size(one) > limit - 20  # as much as there is room for


def test_a_long_value_is_cut_and_its_short_key_is_kept_whole() -> None:
    one = fitted(rejected(b"H01", b"x" * 20_000_000), 1_000_000)
    assert one is not None
    assert one.key == b"H01"
    assert len(one.value or b"") > 999_000


@pytest.mark.parametrize(
    ("fields", "kept"),
    [
        ({"label": "x" * 5000}, {"label": "x" * 64, "clinicians": []}),
        ({"clinicians": [f"{number:016x}" for number in range(1000)]}, {"label": "SpO2 low"}),
        (
            {"reasons": [{"text": "y" * 9000, "value": 12}]},
            {"reasons": [{"text": "y" * 64, "value": 12}]},
        ),
    ],
)
def test_an_episode_loses_free_text_and_then_entries_of_lists_and_says_so(
    fields: dict[str, Any], kept: dict[str, Any]
) -> None:
    one = fitted(episode(**fields), 2000)
    assert one is not None
    assert size(one) <= 2000
    found = json.loads(one.value or b"")
    assert (
        found | {"truncated": True, "id": "0" * 32, "facility": "H01", "class": "unknown"} | kept
        == found
    )
    assert one.headers == [("edition", b"4")]
    if "clinicians" in fields:
        assert found["clinicians"] == fields["clinicians"][: len(found["clinicians"])]
        assert len(found["clinicians"]) >= 20


def test_a_record_that_cannot_be_cut_is_dropped() -> None:
    assert fitted(episode(alarm_id="a" * 5000), 2000) is None
    assert fitted(episode(), 20) is None
    assert fitted(Outgoing("episodes", b"H01", b"no object" * 1000), 2000) is None
    assert fitted(rejected(b"H01", b"x"), 20) is None


def test_limits_are_those_of_the_broker_else_those_planned_and_at_most_the_clients_own() -> None:
    limits = Limits({"rejected": 16_000_000, "episodes": 1_000_000}, largest=8_000_000)
    assert limits.of("rejected") == 8_000_000
    assert limits.of("episodes") == 1_000_000
    limits.update({"episodes": 50_000})
    assert limits.of("episodes") == 50_000
    assert 40_000 < limits.surely_fits < 49_500  # bytes of key and value that need no measuring
    limits.lower("rejected", 2_000_000)
    assert limits.of("rejected") == KAFKA_DEFAULT_BYTES
    limits.lower("rejected", 1_000_000)
    assert limits.of("rejected") == 750_000
