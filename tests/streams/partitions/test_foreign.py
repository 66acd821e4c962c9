"""Records of others beside stored state, and stored state that is none: what is ignored, what is
told, and that nothing bloats.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from zstandard import ZstdCompressor, ZstdDecompressor

from streams.kafka.state_version import STATE_VERSION
from streams.partitions.checkpoint import (
    MANIFEST_BYTES,
    SHARD_BYTES,
    CheckpointError,
    damaged_manifests,
    is_key,
    new_writer,
    restore,
)
from streams.partitions.store import Found
from streams.settings import load
from streams.worker.app import create_app
from tests.harness.partitions import MANIFEST, POLICY, new_partition, numbers, stored_state

pack = msgspec.msgpack.encode
MINIMAL = {
    "version": STATE_VERSION,
    "edition": 1,
    "places": [],
    "policy": {},
    "next_offsets": {},
    "tally": [],
}
compress = ZstdCompressor().compress
JUNK = {
    "nothing": b"",
    "no zstd": b"junk",
    "half a frame": compress(b"whole")[:-3],
    "a bomb": compress(bytes(MANIFEST_BYTES + 1)),
    "a frame that claims a terabyte": b"\x28\xb5\x2f\xfd\xc0"
    + b"\0"
    + (1 << 40).to_bytes(8, "little")
    + b"\1\0\0",
    "no msgpack": compress(b"\xc1"),
    "a list of four billion": compress(b"\xdd\xff\xff\xff\xff"),
    "too deep": compress(b"\x91" * 50_000),
    "text": compress(pack("manifest")),
    "another shape": compress(pack({"version": STATE_VERSION, "places": "none"})),
    "negative offsets": compress(
        pack(
            {
                "version": STATE_VERSION,
                "edition": 1,
                "places": [],
                "policy": {},
                "next_offsets": {"alarms": -1},
                "tally": [],
            }
        )
    ),
    "a topic of others": compress(pack(MINIMAL | {"next_offsets": {"x": 1}})),
}


@pytest.mark.parametrize("name", JUNK)
def test_junk_under_the_key_of_a_manifest_is_no_state_and_hides_none(name: str) -> None:
    key = b'["manifest","0123456789ab"]'
    assert is_key(key)
    assert list(damaged_manifests({key: JUNK[name]})) == [key]
    assert restore({key: JUNK[name]}, POLICY) is None
    alone, beside = (
        restore(stored_state(), POLICY),
        restore(stored_state() | {key: JUNK[name]}, POLICY),
    )
    assert alone is not None
    assert beside is not None
    assert beside.next_offsets == alone.next_offsets
    assert numbers(new_partition(beside)) == numbers(new_partition(alone))


@pytest.mark.parametrize("name", JUNK)
def test_state_whose_manifest_is_overwritten_is_reported_and_not_taken_for_none(name: str) -> None:
    with pytest.raises(
        CheckpointError, match=r"stored state cannot be read .*: start a new group"
    ) as told:
        restore(stored_state() | {MANIFEST: JUNK[name]}, POLICY)
    assert told.value.key == MANIFEST
    assert str(told.value.at("topic", 3, {MANIFEST: 17})).startswith(
        "topic, partition 3, offset 17: stored state cannot be read"
    )


HOSTILE = [
    compress(pack(one))
    for one in (
        None,
        7,
        "text",
        [],
        [[1, 2, 3]],
        {"rows": [b"x"]},
        [b"", -1, {}, None, [[]]],
        {"a": {}},
    )
] + [compress(bytes(SHARD_BYTES + 65 * 8192))]


@pytest.mark.parametrize("value", HOSTILE, ids=range(len(HOSTILE)))
def test_shards_of_other_shapes_are_reported_or_hold_nothing(value: bytes) -> None:
    """Whatever is in a shard, the worker ends with a line that names a record, or has a state."""
    for key in stored_state().keys() - {MANIFEST}:
        try:
            restore(stored_state() | {key: value}, POLICY)
        except CheckpointError as error:
            assert error.key in (key, MANIFEST)  # noqa: PT017  # both ends are right


def test_a_manifest_that_names_a_vast_number_of_parts_is_incomplete() -> None:
    stored = stored_state()
    manifest = msgspec.msgpack.decode(ZstdDecompressor().decompress(stored[MANIFEST]))
    manifest["places"][0][-1] = 1 << 60
    with pytest.raises(CheckpointError, match="incomplete"):
        restore(stored | {MANIFEST: compress(pack(manifest))}, POLICY)


def test_keys_of_workers_are_told_from_others() -> None:
    writer = new_writer()
    assert is_key(msgspec.json.encode(["manifest", writer]))
    assert is_key(msgspec.json.encode(["shard", writer, 1, "ids-alarms", 0, 12]))
    others: list[bytes | None] = [
        None,
        b"",
        b"key",
        b"\xff",
        b"{}",
        b"[]",
        b"null",
        b"1",
        b'["manifest"]',
        b'["manifest","w"]',
        b'["manifest",1]',
        b"[" * 10_000,
        b'["shard","0123456789ab"]',
        b'["shard","0123456789ab",1,"head",0,"0"]',
        b'["manifest","0123456789ab",1]',
        b'["m\xff"]',
    ]
    assert [key for key in others if is_key(key)] == []


@given(st.binary(max_size=40) | st.text(max_size=20).map(str.encode))
def test_any_key_at_all_is_told_from_those_of_workers(key: bytes) -> None:
    assert not is_key(key)


def event(offset: int, key: bytes | None, value: bytes | None) -> Any:
    return SimpleNamespace(
        message=SimpleNamespace(topic="t", partition=2, offset=offset, key=key, value=value)
    )


def test_recovery_keeps_the_records_of_workers_and_drops_foreign_ones() -> None:
    app: Any = create_app(load())
    found: Found = app.tables["checkpoint"].data
    kept, gone = b'["manifest","0123456789ab"]', b'["manifest","ba9876543210"]'
    found.apply_changelog_batch(
        [
            event(0, b"junk", b"x" * 1000),
            event(1, kept, b"old"),
            event(2, None, b"no key"),
            event(3, None, None),
            event(4, gone, b"1"),
            event(5, kept, b"new"),
            event(6, gone, None),
            event(7, b"junk", None),
            event(8, b"", b""),
        ],
        None,
        None,
    )
    assert (found.records, found.offsets[2][kept]) == ({2: {kept: b"new"}}, 5)

    def fail() -> None:
        with found.taken(2) as records:
            assert records == {kept: b"new"}
            raise CheckpointError("stored state is odd", kept)

    with pytest.raises(
        CheckpointError,
        match="alarm-fatigue-checkpoint-changelog, partition 2, offset 5: stored state is odd",
    ):
        fail()
    with found.taken(2) as nothing:
        assert nothing == {}
