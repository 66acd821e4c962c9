"""Decoding: which JSON becomes which fact, and that malformed input raises `Malformed` without
quoting a value.
"""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import date, timedelta
from typing import get_args

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from analyzer import TOPICS, AlarmEvent, Assignment, Fact, Label, Response, Topic
from analyzer.model.facts import Action
from streams.formats.codec import Malformed
from tests.harness.records import AT, SAMPLES, TIMES, decode, detail, sample, times, topics


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
