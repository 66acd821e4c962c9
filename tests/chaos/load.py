"""What is produced: many small simulated hospitals at once, disturbed as a dose says. The same seed
gives the same records.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count
from typing import Any

import msgspec

from analyzer.model.policy import HOUR, MINUTE
from streams.formats.codec import to_json
from streams.simulator import Ward, simulate
from tests.harness.workers import Message

BASE = 1_772_348_400_000  # ms, 2026-03-01T07:00Z
_TOO_FAR_AHEAD = (3 * MINUTE, HOUR)  # of the record's timestamp, where 2 min are allowed


@dataclass(frozen=True, kw_only=True)
class Mix:
    """What the records are like; shares are 0 to 1."""

    duplicates: float = 0.05
    shuffled: float = 0.2
    """Share of alarm events and responses that arrive 1 to 9 min after they happened, past newer
    ones but inside the allowance.
    """
    late: float = 0.02
    """Share of them that arrive 15 to 60 min after."""
    bad: float = 0.02
    """Share of all records that are malformed, misrouted or from the future."""
    hours: float = 10.0
    """How long each hospital is simulated; with four beds, ten hours are about 900 records."""


def draw(seed: int, records: int, mix: Mix) -> list[Message]:
    """At least `records` messages in order of delivery; whole hospitals, so a few more."""
    dice = random.Random(seed)
    messages: list[Message] = []
    for number in count(1):
        messages += _hospital(f"H{number:03d}", dice, mix)
        if len(messages) >= records * (1 - mix.bad):
            break
    messages.sort(key=lambda one: one.stamp)
    return list(_with_bad_ones(messages, dice, mix.bad))


def _hospital(name: str, dice: random.Random, mix: Mix) -> Iterator[Message]:
    """Two units of two beds, with storms, a loose sensor, late charting and adjudication."""
    ward = Ward(
        seed=dice.randrange(1 << 30),
        start=BASE + dice.randrange(HOUR),
        duration=int(mix.hours * HOUR),
        units=2,
        beds=2,
        alarms_per_bed_day=110,
        storms=2.0,
        chattering_sensors=1,
        duplicates=mix.duplicates,
        late=mix.shuffled,
        late_beyond=mix.late,
        late_charting=0.3,
        adjudicated=0.5,
    )
    for topic, value, due in simulate(ward):
        yield Message(topic, name.encode(), to_json(value | {"facility": name}), due)


def _with_bad_ones(messages: list[Message], dice: random.Random, share: float) -> Iterator[Message]:
    """The messages, and among them so many bad ones that they make up `share` of all: what real
    producers would get wrong.
    """
    keys = sorted({one.key for one in messages if one.key})
    for number, one in enumerate(messages):
        yield one
        while dice.random() < share:
            yield dice.choice(_WRONGS)(one, dice, keys, f"bad-{number}")


def _changed(one: Message, **changes: Any) -> Message:
    return one._replace(value=to_json(msgspec.json.decode(one.value or b"") | changes))


def _cut_short(one: Message, dice: random.Random, keys: list[bytes], event_id: str) -> Message:
    value = one.value or b""
    return one._replace(value=value[: dice.randrange(len(value))])


def _no_text(one: Message, dice: random.Random, keys: list[bytes], event_id: str) -> Message:
    return one._replace(value=b"\xff\xfe" + (one.value or b""))


def _no_value(one: Message, dice: random.Random, keys: list[bytes], event_id: str) -> Message:
    return one._replace(value=None)


def _no_object(one: Message, dice: random.Random, keys: list[bytes], event_id: str) -> Message:
    return one._replace(value=b"[" + (one.value or b"") + b"]")


def _wrong_field(one: Message, dice: random.Random, keys: list[bytes], event_id: str) -> Message:
    wrong: dict[str, Any] = dice.choice(
        [
            {"at": "at noon"},
            {"at": None},
            {"facility": 7},
            {"event_id": ""},
            {"facility": "H" * 129},
        ]
    )
    return _changed(one, **wrong)


def _misrouted(one: Message, dice: random.Random, keys: list[bytes], event_id: str) -> Message:
    key = dice.choice([key for key in keys if key != one.key] or [b"elsewhere"])
    return _changed(one, event_id=event_id)._replace(key=key)


def _from_the_future(
    one: Message, dice: random.Random, keys: list[bytes], event_id: str
) -> Message:
    return _changed(one, event_id=event_id, at=one.stamp + dice.randint(*_TOO_FAR_AHEAD))


_WRONGS: tuple[Callable[[Message, random.Random, list[bytes], str], Message], ...] = (
    _cut_short,
    _no_text,
    _no_value,
    _no_object,
    _wrong_field,
    _misrouted,
    _from_the_future,
)
