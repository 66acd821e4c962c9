"""Target `restore`: arbitrary records of the checkpoint topic, and real ones changed."""

from __future__ import annotations

import json
from functools import cache

import msgspec
from zstandard import ZstdCompressor, ZstdDecompressor, ZstdError

from analyzer import Engine
from streams.formats.codec import to_json
from streams.partitions.checkpoint import CheckpointError, Checkpoints, is_key, restore
from streams.partitions.partition import Partition
from tests.fuzz.facts import BASE, POLICY, new_partition, numbers, take_in

Stored = dict[bytes, bytes]


@cache
def real() -> Stored:
    """The checkpoint of a partition that holds some of everything."""
    partition = new_partition()
    of = {"facility": "H", "unit": "ICU", "bed": "1"}
    start = of | {
        "device_id": "m",
        "device_type": "monitor",
        "code": "LO",
        "kind": "physiological",
        "priority": "high",
        "value": 80,
        "limit": 90,
        "recipients": ["ann"],
    }
    work = []
    for number in range(12):
        at = BASE + number * 60_000
        event = start | {"alarm_id": f"a{number}", "label": f"l{number}"}
        work.append(
            ("alarms", at, to_json(event | {"event_id": f"s{number}", "phase": "start", "at": at}))
        )
        if number % 3:
            work.append(
                (
                    "alarms",
                    at,
                    to_json(event | {"event_id": f"e{number}", "phase": "end", "at": at + 20_000}),
                )
            )
    work += [
        (
            "assignments",
            BASE,
            to_json(
                of
                | {
                    "event_id": "x",
                    "assignment_id": "x",
                    "clinician": "bob",
                    "from": BASE,
                    "at": BASE,
                }
            ),
        ),
        (
            "responses",
            BASE,
            to_json(
                of | {"event_id": "r", "action": "attend", "clinician": "bob", "at": BASE + 5_000}
            ),
        ),
        (
            "labels",
            BASE,
            to_json(
                {
                    "event_id": "v",
                    "facility": "H",
                    "alarm_id": "a1",
                    "verdict": "actionable",
                    "at": BASE,
                }
            ),
        ),
        BASE + 3_600_000,
    ]
    take_in(partition, work, 64)  # type: ignore[arg-type]
    plan = Checkpoints("w").plan(partition)
    return {key: value for key, value in plan.shards + plan.manifest if value is not None}


def parse(data: bytes) -> Stored:
    """Lines that change the real checkpoint.

    `put KEY VALUE` and `pack KEY JSON` add a record with a value as it is, or packed as a real one
    is; `drop N` takes the Nth record away, `cut N AT` shortens it, `flip N AT BYTE` changes a byte
    of what it holds unpacked, and packs it again; `raw N AT BYTE` a byte of the record itself.
    `none` begins with an empty topic.
    """
    stored = dict(real())
    for line in data.split(b"\n"):
        word, *rest = line.split(b" ", 3)
        if word == b"none":
            stored.clear()
        elif word in (b"put", b"pack") and rest:
            value = b" ".join(rest[1:])
            stored[rest[0]] = _packed(value) if word == b"pack" else value
        elif word in (b"drop", b"cut", b"flip", b"raw") and stored:
            first, second, third = (*(_number(one) for one in rest), 0, 0, 0)[:3]
            key = sorted(stored)[first % len(stored)]
            value = stored[key]
            if word == b"drop":
                del stored[key]
            elif word == b"cut":
                stored[key] = value[: second % (len(value) + 1)]
            elif word == b"raw":
                stored[key] = _changed(value, second, third)
            else:
                try:
                    stored[key] = ZstdCompressor(level=1).compress(
                        _changed(ZstdDecompressor().decompress(value), second, third)
                    )
                except ZstdError:
                    stored[key] = _changed(value, second, third)
    return stored


def _number(text: bytes) -> int:
    return int(text) if text.isdigit() and len(text) < 10 else sum(text)


def _changed(value: bytes, place: int, byte: int) -> bytes:
    place %= len(value) or 1
    return value[:place] + bytes([byte % 256]) + value[place + 1 :]


def _packed(value: bytes) -> bytes:
    try:
        content = json.loads(value)
        return ZstdCompressor(level=1).compress(msgspec.msgpack.encode(content))
    except (ValueError, RecursionError, OverflowError, msgspec.MsgspecError):
        return ZstdCompressor(level=1).compress(value)


def restore_stored(data: bytes) -> None:
    """Check that records restore to a working state, or are refused in one line, every time the
    same.
    """
    # recovery leaves out the others
    stored = {key: value for key, value in parse(data).items() if is_key(key)}
    first, second = _outcome(stored), _outcome(stored)
    assert first == second
    assert not (isinstance(first, list) and isinstance(first[0], str)), "an error of several lines"


def _outcome(stored: Stored) -> object:
    try:
        found = restore(dict(stored), POLICY)
    except CheckpointError as error:
        told = str(error)
        return told if "\n" not in told else [told]
    if found is None:
        return None
    assert isinstance(found.engine, Engine)
    partition = Partition(0, 1, found.engine, found.next_offsets, str, 1 << 20, found.outbox)
    partition.advance(BASE + 7_200_000)
    Checkpoints("v", stored).plan(partition)
    return sorted(
        (name, sorted(labels), value) for (name, labels), value in numbers(partition).items()
    )
