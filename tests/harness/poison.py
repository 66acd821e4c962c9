"""The poison list: inputs of a feed that must not harm a worker."""

from __future__ import annotations

import json

from tests.harness.poison_batches import (
    aborted_transaction,
    every_codec,
    inflating_batches,
    junk_in_the_checkpoint_topic,
    long_value_in_a_batch,
    no_batch_at_all,
    nulls,
)
from tests.harness.produce import MINUTE, Place, Poison, alarm, as_bytes, assignment, now_ms

GREATEST = 1.7976931348623157e308


def unset_clocks(place: Place) -> None:
    """Years 0001 (.NET's least time), 1970 and 1601, in all fields that hold times."""
    for topic, fields in (
        ("alarms", alarm(place.facility, "clock")),
        ("assignments", assignment(place.facility, "clock")),
    ):
        times = (
            0,
            "0001-01-01T00:00:00Z",
            "1601-01-01T00:00:00Z",
            "1970-01-01T00:00:00Z",
            -62_135_596_800_000,
        )
        place.send(
            topic,
            *(
                as_bytes(fields | {"event_id": f"c{number}", "at": time})
                for number, time in enumerate(times)
            ),
        )
    place.send(
        "assignments",
        as_bytes(assignment(place.facility, "from", **{"from": "0001-01-01T00:00:00Z"})),
    )
    place.send(
        "assignments",
        as_bytes(assignment(place.facility, "2000", **{"from": "2000-01-01T00:00:00Z"})),
    )
    place.send("alarms", as_bytes(alarm(place.facility, "2000", at="2000-01-01T00:00:00Z")))


def year_9999(place: Place) -> None:
    """The greatest time allowed, also as the end of an assignment."""
    last = "9999-12-31T23:59:59.999Z"
    place.send(
        "alarms",
        as_bytes(alarm(place.facility, "late", at=last)),
        as_bytes(alarm(place.facility, "ok")),
    )
    place.send(
        "assignments",
        as_bytes(assignment(place.facility, "end", to=last)),
        as_bytes(assignment(place.facility, "at", at=last)),
    )


def an_hour_ahead(place: Place) -> None:
    """59 min ahead, the record's own timestamp as well; then normal alarms of the same hospital."""
    ahead = now_ms() + 59 * MINUTE
    place.send("alarms", as_bytes(alarm(place.facility, "ahead", at=ahead)), stamp=ahead)
    place.send(
        "alarms", *(as_bytes(alarm(place.facility, f"after-{number}")) for number in range(50))
    )


def long_label(place: Place) -> None:
    """Labels of 1 MiB, and of all that a record's limit leaves; their alarms are final at once and
    go out.
    """
    place.send(
        "alarms",
        *(
            as_bytes(alarm(place.facility, f"l{size}", label="x" * size))
            for size in (1 << 20, (1 << 20) - 400)
        ),
    )
    began = now_ms() - 8 * MINUTE
    for number, (label, kind) in enumerate(
        (("x", "technical"), ("é", "physiological"), ("\x00", "technical"))
    ):
        text = label * (((1 << 20) - 500) // len(json.dumps(label)[1:-1]))
        over = alarm(place.facility, f"over-{number}", at=began, label=text, kind=kind)
        end = {"event_id": f"over-{number}", "phase": "end", "at": began + 20_000}
        place.send("alarms", as_bytes(over))
        place.send("alarms", as_bytes(over | end | {"label": None}))
    place.send(
        "alarms",
        as_bytes(
            alarm(
                place.facility,
                "l-end",
                label="x" * ((1 << 20) - 400),
                phase="end",
                at=now_ms() + 100,
            )
        ),
    )


def many_recipients(place: Place) -> None:
    """60,000 recipients in 360 kB, and as many as a record may have."""
    place.send(
        "alarms",
        as_bytes(
            alarm(place.facility, "r", recipients=[f"{number:x}" for number in range(60_000)])
        ),
    )
    place.send(
        "alarms",
        as_bytes(
            alarm(place.facility, "r256", recipients=[f"{number:0128}" for number in range(256)])
        ),
    )
    began = now_ms() - 8 * MINUTE
    for number, many in enumerate((60_000, 256)):
        over = alarm(
            place.facility,
            f"over-{number}",
            at=began,
            recipients=[f"{clinician:x}" for clinician in range(many)],
        )
        end = {"event_id": f"over-{number}", "phase": "end", "at": began + 20_000}
        place.send("alarms", as_bytes(over))
        place.send("alarms", as_bytes(over | end | {"recipients": None}))


def greatest_floats(place: Place) -> None:
    """The greatest floats in every number field; twice, so that their sum overflows."""
    place.send(
        "alarms",
        *(
            as_bytes(alarm(place.facility, f"f{number}", value=one, limit=-one))
            for number, one in enumerate((GREATEST, -GREATEST))
        ),
    )
    at = now_ms() + 500
    place.send(
        "alarms",
        *(
            as_bytes(
                alarm(
                    place.facility,
                    f"f{number}",
                    event_id=f"f{number}",
                    phase="end",
                    at=at,
                    value=-GREATEST,
                )
            )
            for number in range(2)
        ),
    )
    place.send(
        "assignments",
        *(
            as_bytes(assignment(place.facility, number, acuity=GREATEST, bed=str(number)))
            for number in range(2)
        ),
    )
    place.send(
        "assignments",
        as_bytes(assignment(place.facility, "inf")).replace(b'"unit"', b'"acuity":1e999,"unit"'),
    )


def many_units(place: Place) -> None:
    """20,000 units in one hospital."""
    place.send(
        "alarms",
        *(
            as_bytes(alarm(place.facility, f"u{number}", unit=f"unit-{number}"))
            for number in range(20_000)
        ),
    )


def strange_characters(place: Place) -> None:
    """In ids: control and format characters, line separators, lone surrogates, invalid text."""
    characters = (
        "\x00",
        "\n",
        "\x1b[2J",
        "\x7f",
        "\u200b",
        "\u202e",
        "\u2028",
        "\u2029",
        "\ufeff",
        '"',
        "\\",
        "{}",
        "é",
        "🏥",
    )
    for field in ("unit", "bed", "alarm_id", "code"):
        values = [
            as_bytes(alarm(place.facility, f"{field}-{number}", **{field: f"a{one}b"}))
            for number, one in enumerate(characters)
        ]
        place.send("alarms", *values)
    plain = as_bytes(alarm(place.facility, "surrogate", label="LABEL"))
    surrogates = (b"\\ud800", b"\\udfff", b"\\udc00\\ud800", b"\xed\xa0\x80", b"\xff\xfe")
    place.send(
        "alarms",
        *(plain.replace(b"ICU", one) for one in surrogates),
        *(plain.replace(b"LABEL", one) for one in surrogates),
    )
    responses = as_bytes(
        {
            "event_id": "r",
            "facility": place.facility,
            "at": now_ms(),
            "action": "attend",
            "bed": "BED",
        }
    )
    place.send("responses", *(responses.replace(b"BED", one) for one in surrogates))


def deep_nesting(place: Place) -> None:
    """100,000 brackets, as a value and in a field."""
    deep = b"[" * 100_000
    place.send(
        "alarms",
        deep,
        deep + b"]" * 100_000,
        b'{"a":' * 100_000,
        as_bytes(alarm(place.facility, "deep")).replace(b'"ICU"', deep),
    )
    place.send(
        "labels",
        as_bytes(alarm(place.facility, "deep")).replace(
            b'"unit"', b'"x":' + deep + b"]" * 100_000 + b',"unit"'
        ),
    )


def long_numbers(place: Place) -> None:
    """Numbers of 5 MB of digits, and of as many as a record may have; exponents beyond floats."""
    plain = as_bytes(alarm(place.facility, "number", value=7))
    for digits in (
        b"9" * 5_000_000,
        b"9" * 1_000_000,
        b"1e999999999",
        b"-1e-999999999",
        b"0." + b"1" * 1_000_000,
    ):
        place.send(
            "alarms",
            plain.replace(b'"value":7', b'"value":' + digits),
            plain.replace(b'"at":', b'"at":%b' % digits, 1),
        )


def recipients_in_turn(place: Place) -> None:
    """12,000 updates of one alarm, a new recipient each."""
    updates = (
        alarm(
            place.facility, "one", event_id=f"u{number}", phase="update", recipients=[f"c{number}"]
        )
        for number in range(12_000)
    )
    place.send("alarms", *map(as_bytes, updates))


def ends(place: Place) -> None:
    """100,000 ends of one alarm, the later first."""
    at = now_ms()
    place.send("alarms", as_bytes(alarm(place.facility, "one", at=at)))
    of_one = (
        alarm(place.facility, "one", event_id=f"n{number}", phase="end", at=at + 100_000 - number)
        for number in range(100_000)
    )
    place.send("alarms", *map(as_bytes, of_one))


POISONS: tuple[Poison, ...] = (
    unset_clocks,
    year_9999,
    an_hour_ahead,
    long_label,
    many_recipients,
    greatest_floats,
    every_codec,
    long_value_in_a_batch,
    inflating_batches,
    many_units,
    junk_in_the_checkpoint_topic,
    aborted_transaction,
    strange_characters,
    deep_nesting,
    long_numbers,
    nulls,
    recipients_in_turn,
    ends,
    no_batch_at_all,
)
