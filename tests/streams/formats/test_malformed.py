"""Which records are malformed, and how the detail names the field and the expectation."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from analyzer import AlarmEvent, Topic
from analyzer.model.facts import FactError
from streams.formats import codec
from streams.formats.codec import MAX_RECORD_BYTES, decode_slice
from tests.harness.records import A_TIME, AT, SAMPLES, decode, detail, sample, times, topics


@topics
@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (None, "value: expected a JSON object, found none"),
        (b"", "value: expected JSON"),
        (b"{", "value: expected JSON"),
        (b"nonsense", "value: expected JSON"),
        (b"\xef\xbb\xbf{}", "value: expected JSON"),
        (b'{"at": NaN}', "value: expected JSON"),
        (b'{"facility": "\\ud800"}', "value: expected JSON"),
        (b'{"x": ' + b"[" * 200_000 + b"]" * 200_000 + b"}", "value: expected JSON"),
        (b"\xff\xfe{}", "value: expected UTF-8"),
        ('{"facility": "Zürich"}'.encode("latin-1"), "value: expected UTF-8"),
        (b"[]", "value: expected a JSON object"),
        (b'"text"', "value: expected a JSON object"),
        (b"5", "value: expected a JSON object"),
        (b"null", "value: expected a JSON object"),
    ],
)
def test_lines_that_are_no_json_object_are_told_apart(
    topic: Topic, raw: bytes | None, expected: str
) -> None:
    assert detail(topic, raw) == expected


@topics
def test_something_after_the_object_is_malformed(topic: Topic) -> None:
    assert decode(topic, sample(topic) + b" \n") == decode(topic, sample(topic))
    assert detail(topic, sample(topic) * 2) == "value: expected JSON"


@topics
def test_an_unknown_field_that_is_not_utf_8_spoils_the_record_too(topic: Topic) -> None:
    assert detail(topic, sample(topic)[:-1] + b', "x": "\xff"}') == "value: expected UTF-8"


def test_records_over_the_limit_are_not_even_parsed() -> None:
    padding = " " * (MAX_RECORD_BYTES - len(sample("labels")))
    raw = sample("labels") + padding.encode()
    assert decode("labels", raw) == decode("labels", sample("labels"))
    assert detail("labels", raw + b" ") == "value: expected at most 1048576 bytes"
    assert detail("labels", raw, max_bytes=2000) == "value: expected at most 2000 bytes"


REQUIRED = [
    (topic, field)
    for topic, fields in SAMPLES.items()
    for field in fields
    if field != "bed" or topic != "responses"
]
ACTIONS = (
    "expected one of acknowledge, silence, pause, attend, consult, intervene, adjust_limits, "
    "escalate, decline"
)


@pytest.mark.parametrize(("topic", "field"), REQUIRED)
def test_a_missing_required_field_is_named(topic: Topic, field: str) -> None:
    without = {name: value for name, value in SAMPLES[topic].items() if name != field}
    assert detail(topic, json.dumps(without).encode()) == f"{field}: required, but missing"


@pytest.mark.parametrize(("topic", "field"), REQUIRED)
def test_null_does_not_do_for_a_required_field(topic: Topic, field: str) -> None:
    assert detail(topic, sample(topic, **{field: None})).startswith(f"{field}: expected ")


@times
@pytest.mark.parametrize(
    "moment",
    [
        "",
        "yesterday",
        "1000",
        "1970-01-01",
        "1970-01-01T00:00:00",
        "1970-01-01T00:00Z",
        "1970-01-01T24:00:00Z",
        "1970-13-01T00:00:00Z",
        "2023-02-29T00:00:00Z",
        "1970-01-01T00:00:60Z",
        "1970-01-01T00:00:00,5Z",
        "1970-01-01T00:00:00.Z",
        "1970-01-01T00:00:00+24:00",
        "1970-01-01T00:00:00.123456xZ",
        " 1970-01-01T00:00:00Z",
        1000.0,
        1.5,
        True,
        [],
        {},
    ],
)
def test_an_invalid_time_is_malformed(topic: Topic, field: str, moment: object) -> None:
    assert detail(topic, sample(topic, **{field: moment})) == f"{field}: {A_TIME}"


@times
@pytest.mark.parametrize(
    "moment",
    [
        946_684_799_999,
        4_133_980_800_000,
        0,
        -1,
        10**18,
        10**25,
        2**64,
        -(2**63) - 1,
        946_684_799,
        4_133_980_800,
        "1999-12-31T23:59:59.999Z",
        "2000-01-01T00:00:00+00:01",
        "2101-01-01T00:00:00Z",
        "0001-01-01T00:00:00Z",
        "9999-12-31T23:59:59.999Z",
    ],
)
def test_times_before_2000_or_after_2100_are_malformed(
    topic: Topic, field: str, moment: object
) -> None:
    assert (
        detail(topic, sample(topic, **{field: moment}))
        == f"{field}: expected a time from 2000 to 2100"
    )


@times
@pytest.mark.parametrize("moment", [946_684_800, 1_772_344_800, 4_133_980_799])
def test_seconds_in_the_place_of_milliseconds_are_named(
    topic: Topic, field: str, moment: int
) -> None:
    expected = f"{field}: expected milliseconds since 1970, found what looks like seconds"
    assert detail(topic, sample(topic, **{field: moment})) == expected


@times
@pytest.mark.parametrize("digits", ["1" * 900_000, "-" + "9" * 900_000, "1e999999", "1e3"])
def test_infinite_numbers_are_not_times(topic: Topic, field: str, digits: str) -> None:
    raw = sample(topic, **{field: "@"}).replace(b'"@"', digits.encode())
    assert detail(topic, raw) == f"{field}: {A_TIME}"


@times
def test_a_time_of_more_than_64_characters_is_malformed(topic: Topic, field: str) -> None:
    for digits in (44, 900_000):
        assert (
            detail(topic, sample(topic, **{field: "2026-03-01T06:00:00." + "0" * digits + "Z"}))
            == f"{field}: {A_TIME}"
        )


IDS = {
    "alarms": (
        "event_id",
        "alarm_id",
        "facility",
        "unit",
        "bed",
        "device_id",
        "device_type",
        "code",
    ),
    "assignments": ("event_id", "assignment_id", "facility", "unit", "bed", "clinician"),
    "responses": ("event_id", "facility", "alarm_id", "bed", "clinician", "unit"),
    "labels": ("event_id", "facility", "alarm_id"),
}


@pytest.mark.parametrize(
    ("topic", "field"), [(topic, field) for topic, fields in IDS.items() for field in fields]
)
@pytest.mark.parametrize("at", [AT, "2026-03-01T06:00:00Z"])
def test_ids_that_are_empty_too_long_or_no_text_are_malformed(
    topic: Topic, field: str, at: object
) -> None:
    for wrong in ("", "x" * 129):
        assert (
            detail(topic, sample(topic, at=at, **{field: wrong}))
            == f"{field}: expected 1 to 128 characters"
        )
    for wrong in (5, ["x"], {"x": 1}, True):
        assert (
            detail(topic, sample(topic, at=at, **{field: wrong})) == f"{field}: expected a string"
        )


@pytest.mark.parametrize(
    ("topic", "changes", "expected"),
    [
        ("alarms", {"phase": "begin"}, "phase: expected one of start, update, end"),
        ("alarms", {"phase": "START"}, "phase: expected one of start, update, end"),
        (
            "alarms",
            {"kind": "clinical"},
            "kind: expected one of physiological, technical, advisory",
        ),
        ("alarms", {"priority": 1}, "priority: expected one of high, medium, low, info"),
        ("responses", {"action": "shrug"}, f"action: {ACTIONS}"),
        ("labels", {"verdict": ""}, "verdict: expected one of actionable, non_actionable"),
        ("alarms", {"source": "x" * 129}, "source: expected at most 128 characters"),
        ("alarms", {"label": 5}, "label: expected a string"),
        ("alarms", {"value": "85"}, "value: expected a number"),
        ("alarms", {"limit": True}, "limit: expected a number"),
        ("alarms", {"recipients": "ann"}, "recipients: expected a list of clinician ids"),
        ("alarms", {"recipients": ["ann", 5]}, "recipients: expected a list of clinician ids"),
        ("alarms", {"recipients": [""]}, "recipients: expected 1 to 128 characters"),
        ("alarms", {"recipients": ["x" * 129]}, "recipients: expected 1 to 128 characters"),
        ("assignments", {"acuity": -0.5}, "acuity: expected a number from 0 to 1,000"),
        ("assignments", {"acuity": 1000.0001}, "acuity: expected a number from 0 to 1,000"),
        ("assignments", {"acuity": 1.7e308}, "acuity: expected a number from 0 to 1,000"),
        ("alarms", {"recipients": ["x"] * 257}, "recipients: expected at most 256 clinician ids"),
        ("assignments", {"acuity": "high"}, "acuity: expected a number"),
        ("assignments", {"role": 5}, "role: expected a string"),
        ("responses", {"bed": None}, "alarm_id: expected alarm_id or bed to be given"),
        ("responses", {"clinician": ""}, "clinician: expected 1 to 128 characters"),
        ("labels", {"reviewer": 5}, "reviewer: expected a string"),
    ],
)
def test_wrong_types_and_words_are_told_by_field_and_expectation(
    topic: Topic, changes: dict[str, Any], expected: str
) -> None:
    assert detail(topic, sample(topic, **changes)) == expected


UNPRINTABLE = [
    "\u0000",
    "\n",
    "\x1f",
    "\x7f",
    "\x85",
    "\xad",
    "\u200b",
    "\u202e",
    "\u2028",
    "\u2029",
    "\ufeff",
    "\U000e0001",
]
UNPRINTABLE_ID = "expected no control, format or line-separator characters"


@pytest.mark.parametrize(
    ("topic", "field"),
    [*((topic, field) for topic, fields in IDS.items() for field in fields), ("alarms", "source")],
)
@pytest.mark.parametrize("escaped", [True, False])
def test_ids_with_control_format_or_separator_characters_are_malformed(
    topic: Topic, field: str, escaped: bool
) -> None:
    for one in UNPRINTABLE:
        for name in (one, f"a{one}b", "Süd" + one):
            if escaped or one >= "\x7f":  # JSON takes control characters escaped only, but for DEL
                raw = json.dumps(SAMPLES[topic] | {field: name}, ensure_ascii=escaped).encode()
                assert detail(topic, raw) == f"{field}: {UNPRINTABLE_ID}"


def test_recipients_with_such_characters_are_malformed() -> None:
    assert (
        detail("alarms", sample("alarms", recipients=["ann", "bob\u200b"]))
        == f"recipients: {UNPRINTABLE_ID}"
    )


def test_as_many_recipients_as_may_be_arrive() -> None:
    event = decode("alarms", sample("alarms", recipients=[f"n{number}" for number in range(256)]))
    assert isinstance(event, AlarmEvent)
    assert event.recipients is not None
    assert len(event.recipients) == 256


@pytest.mark.parametrize(
    ("topic", "field"),
    [("alarms", "label"), ("assignments", "role"), ("labels", "reviewer"), ("labels", "reason")],
)
@pytest.mark.parametrize("letter", ["x", "日", "\n"])
def test_texts_for_people_are_cut_at_1024_characters_and_counted(
    topic: Topic, field: str, letter: str
) -> None:
    for length in (1024, 1025, 100_000):
        raw = sample(topic, **{field: letter * length})
        assert getattr(decode(topic, raw), field) == letter * 1024
        assert decode_slice(topic, [sample(topic), raw, raw]).truncated == (
            0 if length == 1024 else 2
        )


def test_malformed_records_do_not_count_as_cut_texts() -> None:
    assert decode_slice("alarms", [sample("alarms", label="x" * 2000, bed="")]).truncated == 0


@pytest.mark.parametrize("number", ["1e999", "1e999999", "-1e999999", "9" * 900_000])
@pytest.mark.parametrize("field", ["value", "limit"])
def test_numbers_beyond_floats_are_malformed(field: str, number: str) -> None:
    raw = sample("alarms", **{field: "@"}).replace(b'"@"', number.encode())
    assert detail("alarms", raw) == f"{field}: expected a number"


@topics
def test_of_a_key_given_twice_the_last_one_counts(topic: Topic) -> None:
    raw = sample(topic)
    assert decode(topic, b'{"facility": "first", ' + raw[1:]) == decode(topic, raw)
    assert (
        detail(topic, raw[:-1] + b', "facility": ""}') == "facility: expected 1 to 128 characters"
    )


@pytest.mark.parametrize(("field", "wrong"), [("value", float("nan")), ("limit", float("inf"))])
def test_a_fact_refuses_values_that_are_not_numbers(field: str, wrong: float) -> None:
    with pytest.raises(FactError, match=f"{field}: expected a finite number"):
        replace(codec.decode("alarms", sample("alarms")), **{field: wrong})


@pytest.mark.parametrize(
    ("field", "first"),
    [
        ("device_id", ""),
        ("unit", "x" * 129),
        ("source", "x" * 129),
        ("recipients", ["c"] * 257),
        ("recipients", [""]),
    ],
)
def test_a_field_given_twice_is_refused_if_the_earlier_value_is_out_of_bounds(
    field: str, first: object
) -> None:
    """JSON's readers take the last of two values; the decoder of slices judges both."""
    twice = (
        b"{"
        + json.dumps({field: first}).encode()[1:-1]
        + b","
        + sample("alarms", recipients=["ann"], source="s")[1:]
    )
    assert detail("alarms", twice) == f"{field}: expected once, within its bounds"


def test_of_a_field_given_twice_the_last_counts() -> None:
    assert decode("alarms", b'{"unit":"first",' + sample("alarms", unit="last")[1:]).unit == "last"  # type: ignore[union-attr]
