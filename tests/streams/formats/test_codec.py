"""The wire's spellings: what becomes which fact, what is malformed and how it is told, and that no
detail quotes a value.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import date, timedelta
from typing import Any, get_args

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from analyzer import (
    TOPICS,
    AlarmEvent,
    Assignment,
    EpisodeRecord,
    Fact,
    Finished,
    Label,
    Response,
    Topic,
)
from analyzer.model.facts import FACT_TYPES, Action, FactError, fact_of
from streams.formats import codec
from streams.formats.codec import MAX_RECORD_BYTES, Malformed, decode_slice
from streams.formats.sinks import encode_episodes

AT = 1_772_344_800_000  # 2026-03-01T06:00:00Z
SAMPLES: dict[Topic, dict[str, Any]] = {
    "alarms": {
        "event_id": "e",
        "alarm_id": "a",
        "phase": "start",
        "at": AT,
        "facility": "F",
        "unit": "ICU",
        "bed": "1",
        "device_id": "mon-1",
        "device_type": "monitor",
        "code": "MDC_EVT_LO",
        "kind": "physiological",
        "priority": "high",
    },
    "assignments": {
        "event_id": "e",
        "assignment_id": "s",
        "facility": "F",
        "unit": "ICU",
        "bed": "1",
        "clinician": "ann",
        "from": AT,
        "at": AT - 100,
    },
    "responses": {"event_id": "e", "facility": "F", "at": AT, "action": "attend", "bed": "1"},
    "labels": {
        "event_id": "e",
        "facility": "F",
        "alarm_id": "a",
        "verdict": "actionable",
        "at": AT,
    },
}
TIMES: dict[Topic, tuple[str, ...]] = {
    "alarms": ("at",),
    "assignments": ("at", "from", "to"),
    "responses": ("at",),
    "labels": ("at",),
}
A_TIME = "expected an RFC 3339 time with an offset, or integer milliseconds since 1970"
topics = pytest.mark.parametrize("topic", TOPICS)
times = pytest.mark.parametrize(
    ("topic", "field"), [(topic, field) for topic, fields in TIMES.items() for field in fields]
)


def sample(topic: Topic, /, **changes: Any) -> bytes:
    return json.dumps(SAMPLES[topic] | changes).encode()


def decode(topic: Topic, raw: bytes | None, **more: Any) -> Fact:
    """Both ways to decode agree on every record of this file, alone and among others."""
    good = sample(topic, event_id="another")
    decoded = decode_slice(topic, [good, raw, good], **more)
    facts = [fact_of(FACT_TYPES[topic], values) for values in zip(*decoded.columns, strict=True)]
    another = codec.decode(topic, good)
    if decoded.malformed:
        with pytest.raises(Malformed) as caught:
            codec.decode(topic, raw, **more)
        assert decoded.malformed == [(1, str(caught.value))]
        assert (list(decoded.places), facts) == ([0, 2], [another, another])
        raise caught.value
    fact = codec.decode(topic, raw, **more)
    assert (decoded.malformed, list(decoded.places), facts) == (
        [],
        [0, 1, 2],
        [another, fact, another],
    )
    return fact


def detail(topic: Topic, raw: bytes | None, **more: Any) -> str:
    with pytest.raises(Malformed) as caught:
        decode(topic, raw, **more)
    return str(caught.value)


# --- what becomes a fact


def test_required_fields_suffice_and_the_others_take_their_defaults() -> None:
    assert decode("alarms", sample("alarms")) == AlarmEvent(
        event_id="e",
        alarm_id="a",
        phase="start",
        at=AT,
        facility="F",
        unit="ICU",
        bed="1",
        device_id="mon-1",
        device_type="monitor",
        code="MDC_EVT_LO",
        kind="physiological",
        priority="high",
        source="",
        label=None,
        value=None,
        limit=None,
        recipients=None,
    )
    assert decode("assignments", sample("assignments")) == Assignment(
        event_id="e",
        assignment_id="s",
        facility="F",
        unit="ICU",
        bed="1",
        clinician="ann",
        start=AT,
        at=AT - 100,
        end=None,
        role="nurse",
        acuity=1.0,
    )
    assert decode("responses", sample("responses")) == Response(
        event_id="e", facility="F", at=AT, action="attend", bed="1"
    )
    assert decode("labels", sample("labels")) == Label(
        event_id="e", facility="F", alarm_id="a", verdict="actionable", at=AT
    )


@pytest.mark.parametrize(
    ("topic", "changes"),
    [
        (
            "alarms",
            {"source": None, "label": None, "value": None, "limit": None, "recipients": None},
        ),
        ("assignments", {"to": None}),
        ("responses", {"alarm_id": None, "clinician": None, "unit": None}),
        ("labels", {"reviewer": None, "reason": None}),
    ],
)
def test_null_is_as_good_as_absent_where_a_field_is_optional(
    topic: Topic, changes: dict[str, None]
) -> None:
    assert decode(topic, sample(topic, **changes)) == decode(topic, sample(topic))


def test_optional_fields_arrive() -> None:
    event = decode(
        "alarms",
        sample(
            "alarms", source="SpO2", label="low", value=85, limit=90.5, recipients=["ann", "bob"]
        ),
    )
    assert isinstance(event, AlarmEvent)
    assert (event.source, event.label, event.value, event.limit, event.recipients) == (
        "SpO2",
        "low",
        85.0,
        90.5,
        ("ann", "bob"),
    )
    assignment = decode("assignments", sample("assignments", to=AT + 1000, role="charge", acuity=0))
    assert isinstance(assignment, Assignment)
    assert (assignment.start, assignment.end, assignment.role, assignment.acuity) == (
        AT,
        AT + 1000,
        "charge",
        0.0,
    )


@topics
@pytest.mark.parametrize(
    "extra", ['"x"', "null", "[[1], {}]", '{"at": 5}', "1e999", "123456789012345678901234567890"]
)
@pytest.mark.parametrize("at", [AT, "2026-03-01T06:00:00Z"])
def test_unknown_fields_are_ignored_whatever_they_hold(
    topic: Topic, extra: str, at: object
) -> None:
    raw = sample(topic, at=at)
    assert decode(topic, raw[:-1] + f', "extra": {extra}'.encode() + b"}") == decode(topic, raw)


def test_our_own_names_of_times_are_unknown_fields_on_the_wire() -> None:
    assert decode("assignments", sample("assignments", start="never", end=[])) == decode(
        "assignments", sample("assignments")
    )


@times
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2000-01-01T00:00:01Z", 946_684_801_000),
        ("2000-01-01t00:00:01z", 946_684_801_000),
        ("2000-01-01T01:00:01+01:00", 946_684_801_000),
        ("1999-12-31T18:30:01-05:30", 946_684_801_000),
        ("2000-01-01T00:00:01-00:00", 946_684_801_000),
        ("2000-01-01T00:00:01.5Z", 946_684_801_500),
        ("2000-01-01T00:00:01.25+00:00", 946_684_801_250),
        ("2000-01-01T00:00:01.1239Z", 946_684_801_123),
        ("2000-01-01T00:00:01.1239999Z", 946_684_801_123),
        ("2000-01-01T00:00:00.999999999Z", 946_684_800_999),
        ("2026-03-01T07:00:00.250+01:00", 1_772_344_800_250),
        ("2024-02-29T00:00:00Z", 1_709_164_800_000),
        ("2000-01-01T00:00:00Z", 946_684_800_000),
        ("2100-12-31T23:59:59.999Z", 4_133_980_799_999),
        ("2101-01-01T00:59:59.999+01:00", 4_133_980_799_999),
        ("2026-03-01T06:00:00." + "0" * 43 + "Z", AT),  # 64 characters
    ],
)
def test_times_as_text_are_read_to_the_millisecond_and_cut_below(
    topic: Topic, field: str, text: str, expected: int
) -> None:
    fact = decode(topic, sample(topic, **{field: text}))
    assert getattr(fact, {"from": "start", "to": "end"}.get(field, field)) == expected


@times
@pytest.mark.parametrize("moment", [1_772_344_800_250, 946_684_800_000, 4_133_980_799_999])
def test_times_as_integers_are_milliseconds(topic: Topic, field: str, moment: int) -> None:
    fact = decode(topic, sample(topic, **{field: moment}))
    assert getattr(fact, {"from": "start", "to": "end"}.get(field, field)) == moment


@given(
    st.integers(946_684_800_000, 4_133_980_799_999),
    st.sampled_from(["+00:00", "+14:00", "-11:30", "+05:45"]),
)
@example(946_684_800_000, "-11:30")
def test_text_and_integers_say_the_same(moment: int, offset: str) -> None:
    minutes = int(offset[0] + "1") * (int(offset[1:3]) * 60 + int(offset[4:]))
    seconds, milliseconds = divmod(moment + minutes * 60_000, 1000)
    days, seconds = divmod(seconds, 86_400)
    if not 0 <= days + 719_162 <= 3_652_058:
        return  # local time outside the calendar
    day = date(1970, 1, 1) + timedelta(days=days)
    clock = f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}.{milliseconds:03}"
    as_text = decode("labels", sample("labels", at=f"{day.isoformat()}T{clock}{offset}"))
    assert as_text == decode("labels", sample("labels", at=moment))


@pytest.mark.parametrize("action", get_args(Action))
def test_every_action_is_known(action: Action) -> None:
    assert decode("responses", sample("responses", action=action)) == Response(
        event_id="e", facility="F", at=AT, action=action, bed="1"
    )


@pytest.mark.parametrize(
    "name",
    [
        "x",
        "x" * 128,
        "日" * 128,
        " ",
        '"',
        "a\\/b",
        "Süd\u00a03",
        "\ue000",
        "\U0001f6cf",
        "e\u0301",
    ],
)
def test_ids_are_1_to_128_characters(name: str) -> None:
    event = decode("alarms", sample("alarms", alarm_id=name, bed=name))
    assert isinstance(event, AlarmEvent)
    assert (event.alarm_id, event.bed) == (name, name)


# --- what is malformed


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
def test_what_is_no_json_object_is_told_apart(
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
def test_what_is_no_time_is_malformed(topic: Topic, field: str, moment: object) -> None:
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
def test_numbers_without_end_are_no_times(topic: Topic, field: str, digits: str) -> None:
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


def test_what_is_malformed_counts_as_no_text_that_was_cut() -> None:
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
def test_a_fact_takes_no_number_that_is_none(field: str, wrong: float) -> None:
    with pytest.raises(FactError, match=f"{field}: expected a finite number"):
        replace(codec.decode("alarms", sample("alarms")), **{field: wrong})


# --- what must never happen

MARK = "Mrs Q"  # stands for what must not travel on
JSON = st.recursive(
    st.sampled_from(
        [
            None,
            True,
            0,
            1.5,
            -1,
            10**25,
            "",
            MARK,
            MARK * 50,
            "start",
            "1970-01-01T00:00:00Z",
            f"1970-01-01T00:00:00{MARK}",
        ]
    ),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["at", "bed", MARK]), inner, max_size=3)
    ),
    max_leaves=5,
)


@given(
    st.sampled_from(TOPICS),
    st.binary() | st.text().map(str.encode) | JSON.map(lambda value: json.dumps(value).encode()),
)
def test_no_bytes_make_decode_raise_anything_but_malformed(topic: Topic, raw: bytes) -> None:
    assert MARK not in detail(topic, raw)


@given(st.data(), st.sampled_from(TOPICS))
def test_no_detail_quotes_a_value_and_details_are_one_line(
    data: st.DataObject, topic: Topic
) -> None:
    known = sorted(
        {
            *SAMPLES[topic],
            *TIMES[topic],
            "value",
            "limit",
            "recipients",
            "label",
            "source",
            "acuity",
            "clinician",
            "unit",
        }
    )
    changes = data.draw(
        st.dictionaries(st.sampled_from([*known, MARK]), JSON, min_size=1, max_size=4)
    )
    try:
        fact: Fact | str = decode(topic, sample(topic, **changes))
    except Malformed as error:
        fact = str(error)
        assert MARK not in fact
        assert "\n" not in fact
        assert len(fact) < 150
    else:
        assert fact.facility == (SAMPLES[topic] | changes)["facility"]


@given(st.sampled_from(TOPICS), st.data())
def test_damaged_bytes_give_a_fact_or_malformed_and_nothing_else(
    topic: Topic, data: st.DataObject
) -> None:
    raw = bytearray(sample(topic))
    for place in data.draw(st.lists(st.integers(0, len(raw) - 1), max_size=3)):
        raw[place] = data.draw(st.integers(0, 255))
    with suppress(Malformed):
        decode(topic, bytes(raw[: data.draw(st.integers(0, len(raw)))]))


# --- sinks

RECORD = EpisodeRecord(
    facility="F",
    unit="ICU",
    bed="1",
    alarm_id="a",
    device_id="mon-1",
    device_type="monitor",
    source="",
    code="MDC_EVT_LO",
    kind="physiological",
    label=None,
    priority="high",
    start=1000,
    end=2000,
    value=85.0,
    limit=90.0,
    clinicians=("ann", "bob"),
    class_="actionable",
    basis="response",
    first_response=1500,
)


def encoded(
    record: EpisodeRecord, pseudonym: Callable[[str], str] = str
) -> tuple[str, dict[str, Any]]:
    nowhere = np.zeros(1, np.int64), np.zeros(1, np.uint64)
    columns = [[getattr(record, name)] for name in EpisodeRecord.__slots__]
    [value] = encode_episodes(Finished(columns, *nowhere), pseudonym)
    fields = json.loads(value)
    return fields["id"], fields


def test_an_episode_goes_out_with_its_fields_and_pseudonyms_in_an_order_of_their_own() -> None:
    id_, fields = encoded(RECORD, {"ann": "z", "bob": "y"}.__getitem__)
    assert fields == {
        "id": id_,
        "facility": "F",
        "unit": "ICU",
        "bed": "1",
        "alarm_id": "a",
        "device_id": "mon-1",
        "device_type": "monitor",
        "source": "",
        "code": "MDC_EVT_LO",
        "kind": "physiological",
        "label": None,
        "priority": "high",
        "start": 1000,
        "end": 2000,
        "value": 85.0,
        "limit": 90.0,
        "clinicians": ["y", "z"],
        "class": "actionable",
        "basis": "response",
        "first_response": 1500,
    }


def test_the_id_names_the_content() -> None:
    id_, _ = encoded(RECORD)
    assert re.fullmatch("[0-9a-f]{32}", id_)
    assert encoded(RECORD)[0] == id_
    assert encoded(replace(RECORD, class_="unknown"))[0] != id_
    assert encoded(replace(RECORD, alarm_id="b"))[0] != id_
    assert encoded(RECORD, lambda name: name + "x")[0] != id_


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
