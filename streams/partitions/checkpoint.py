"""Checkpoints: a partition's state as records of a compacted topic, stored whole or not at all.

A checkpoint first writes the shards that changed, under keys that were never used before. It then
writes one manifest, which says where every shard is stored and which offsets the state has reached.
The older manifest and its shards remain until the new manifest is stored. Records that the new
manifest no longer refers to are deleted afterwards.

Each writer (one worker, for as long as nobody else can have held the partition) begins by storing
every shard itself, and deletes records only after the group has accepted a commit. So a writer that
has lost the partition without knowing it can only damage its own records.

`streams.partitions.outbox` explains what a checkpoint emits, and why that is exactly once in
effect.

Keys are JSON lists. Values are msgpack, compressed with zstd:

    ["manifest", writer]                    -> version, edition (the generation), policy, next
                                               offsets, tally (outcome counts), places of shards
    ["shard", writer, n, kind, block, part] -> part of one shard, as of the writer's n-th checkpoint
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Annotated, Any

import msgspec
import numpy as np
import zstandard

from analyzer import JUDGING, Engine, Policy, ShardKey, Topic
from streams.kafka.outgoing import Outgoing
from streams.kafka.state_version import STATE_VERSION
from streams.partitions.outbox import NOTHING_STORED, OUTBOX_SHARD, StoredOutbox
from streams.partitions.partition import Partition, restored_engine

PART_BYTES = 400_000
"""Longest value of a record, well below a broker's default limit of 1 MB."""

_WRITER = re.compile("[0-9a-f]{12}")
"""The name of a writer (see `new_writer`)."""
Pair = tuple[bytes, bytes | None]
Place = tuple[str, int, int]
"""Where a shard is stored: writer, checkpoint, number of parts."""

MANIFEST_BYTES = 16 << 20
"""Longest manifest after decompression: half a million places of shards. The largest hospitals have
a few thousand.
"""
SHARD_BYTES = 64 << 20
SHARD_RATIO = 64
"""A shard may have up to `SHARD_BYTES` after decompression, plus `SHARD_RATIO` times its stored
size. State compresses 3 to 20 times, a decompression bomb 30,000 times.
"""
LONGEST_KEY = 256
"""Bytes of a key; our own have about 60."""
RECOMPUTE = "start a new group to compute everything again"

_pack = msgspec.msgpack.encode
_unpack = msgspec.msgpack.decode
_compress = zstandard.ZstdCompressor(level=1, write_checksum=True).compress
_decompress = zstandard.ZstdDecompressor().decompress
_key = msgspec.json.encode
_parse_key = msgspec.json.decode


class CheckpointError(Exception):
    """Stored state that cannot be restored: one line that says why, and what to do.

    `key` is the key of the record at fault, if there is one.
    """

    def __init__(self, message: str, key: bytes | None = None) -> None:
        super().__init__(message)
        self.key = key

    def at(self, topic: str, partition: int, offsets: Mapping[bytes, int]) -> CheckpointError:
        """The same error with the offset of the record, from `offsets` by key."""
        offset = (
            f", offset {offsets[self.key]}" if self.key is not None and self.key in offsets else ""
        )
        return CheckpointError(f"{topic}, partition {partition}{offset}: {self}", self.key)


@dataclass(slots=True)
class Plan:
    """The records of one checkpoint. They must be produced in this order; each list must be
    delivered before the next one is begun.
    """

    shards: list[Pair] = field(default_factory=list)
    manifest: list[Pair] = field(default_factory=list)
    episodes: list[Outgoing] = field(default_factory=list)
    """Episodes and overload transitions, to be sent to the output topics once the manifest is
    delivered.
    """
    deletions: list[Pair] = field(default_factory=list)
    superseded: set[bytes] = field(default_factory=set)
    """The keys in `deletions` that are certainly stored."""


class Checkpoints:
    """The checkpoints of one partition by one writer.

    `found` holds records of other writers, to be deleted after the first checkpoint. `unwritten`
    are shards that the first checkpoint stores although they have not changed.
    """

    def __init__(
        self,
        writer: str,
        found: Mapping[bytes, bytes] | None = None,
        unwritten: Iterable[ShardKey] = (),
    ) -> None:
        self._writer = writer
        self._superseded = set(found or ())
        """Keys of stored records that the next manifest makes obsolete."""
        self._leftovers: set[bytes] = set()
        """Keys of the last refused checkpoint, which may be stored in part."""
        self._unwritten = set(unwritten)
        self._count = 0
        self._places: dict[ShardKey, Place] = {}

    def renewed(self, writer: str, found: Mapping[bytes, bytes] | None = None) -> Checkpoints:
        """The same state under a new writer's name, after others may have held the partition.

        They may not know that they have lost it again, and may delete the records that they found:
        our old ones. `found` holds records that they may have left.
        """
        new = self._successor(writer)
        new._superseded |= self._superseded | set(found or ())
        new._superseded.update(_keys_of(self._places))
        if self._count:
            new._superseded.add(self._manifest_key)
        new._leftovers = set(self._leftovers)
        return new

    def wrote_all(self, keys: Iterable[bytes]) -> bool:
        """Whether this writer wrote all records under these keys."""
        return all(_parse_key(key)[1] == self._writer for key in keys)

    def not_deleted(self, plan: Plan) -> None:
        """The last plan, of this writer or the one before, is stored, but its deletions were not
        sent: the next plan repeats them.
        """
        self._superseded |= plan.superseded
        self._leftovers |= {key for key, _ in plan.deletions} - plan.superseded

    def after_refusal(self, writer: str, refused: Plan) -> Checkpoints:
        """The same state under a new writer's name, after the broker refused the last plan.

        The next checkpoint still deletes all records that were stored before. Of refused
        checkpoints, only the last one is remembered, however many there are; a worker that starts
        later finds and deletes what the others have left.
        """
        planned = {key for key, _ in (*refused.shards, *refused.manifest)}
        new = self._successor(writer)
        new._superseded = refused.superseded.union(_keys_of(self._places)) - planned
        new._leftovers = planned
        if self._count > 1:  # an earlier manifest of this writer is stored
            new._superseded.add(self._manifest_key)
            new._leftovers.discard(self._manifest_key)
        return new

    def _successor(self, writer: str) -> Checkpoints:
        return Checkpoints(
            writer, unwritten=(self._unwritten | self._places.keys()) - {OUTBOX_SHARD}
        )

    @property
    def _manifest_key(self) -> bytes:
        return _key(["manifest", self._writer])

    def plan(self, partition: Partition, part_bytes: int | None = None) -> Plan:
        """The records that store the partition's present state. From now on it counts as stored; if
        the broker refuses them, go on with `after_refusal`.

        `part_bytes` is the longest value that the topic accepts, if less than `PART_BYTES`.
        """
        part_bytes = min(PART_BYTES, part_bytes or PART_BYTES)
        self._count += 1
        emission, engine = partition.outbox.emit(), partition.engine
        plan = Plan(episodes=emission.records)
        contents: list[tuple[ShardKey, Any]] = [(OUTBOX_SHARD, emission.stored)]
        contents += [
            (key, engine.dump(key))
            for key in dict.fromkeys([*sorted(self._unwritten), *engine.changed_shards()])
        ]
        for key, content in contents:
            before = self._places.pop(key, None)
            if before is not None:
                self._superseded.update(_keys(key, before))
            if content is not None:
                packed = _compress(_pack(content))
                parts = [
                    packed[start : start + part_bytes]
                    for start in range(0, len(packed), part_bytes)
                ]
                place = self._places[key] = (self._writer, self._count, len(parts))
                plan.shards += zip(_keys(key, place), parts, strict=True)
        places = [[*key, *place] for key, place in self._places.items()]
        manifest = {
            "version": STATE_VERSION,
            "edition": partition.outbox.generation,
            "places": places,
            "policy": asdict(engine.policy),
        } | partition.state()
        plan.manifest.append((self._manifest_key, _compress(_pack(manifest))))
        plan.deletions = [(key, None) for key in sorted(self._superseded | self._leftovers)]
        plan.superseded, self._superseded, self._leftovers = self._superseded, set(), set()
        self._unwritten.clear()
        engine.stored()
        partition.changed = False
        return plan


def _keys_of(places: Mapping[ShardKey, Place]) -> Iterator[bytes]:
    for key, place in places.items():
        yield from _keys(key, place)


def _keys(key: ShardKey, place: Place) -> Iterator[bytes]:
    writer, checkpoint, parts = place
    return (_key(["shard", writer, checkpoint, *key, part]) for part in range(parts))


@dataclass(frozen=True, slots=True)
class Restored:
    """A stored state, as arguments of `Partition`."""

    engine: Engine
    next_offsets: dict[Topic, int]
    outbox: StoredOutbox = NOTHING_STORED
    changed_policy: list[str] = field(default_factory=list)
    """Settings of the policy that differ from those under which the state was computed."""
    recomputing: Any = None
    """The result of `Recomputing.stored`; None: the state had reached the end of its inputs."""
    again_before: int | None = None
    """See `Partition`."""
    records: frozenset[bytes] = frozenset()
    """The keys of the records that the state consists of."""


def restore(stored: Mapping[bytes, bytes], policy: Policy) -> Restored | None:
    """The complete state in `stored` with the greatest offsets; None if there is no manifest.

    Offsets decide, not the order of writing: a writer that did not know that it had lost the
    partition may have written last. If its manifest refers to shards that its successor has
    deleted, then the successor's manifest is stored and complete.

    A state that was computed under another policy is still used, because it holds the same facts.
    Where thresholds of the classes differ, finished episodes are reclassified, and emitted again if
    they change. Facts that the old policy refused as late or evicted beyond its horizon are not
    recovered. `changed_policy` lists the changed settings for a warning.

    Raises `CheckpointError` if the stored state is incomplete, damaged or of another version.
    """
    manifests, damaged = _manifests(stored)
    if not manifests:
        _check_no_state_is_lost(stored, damaged)
        return None
    complete = [
        manifest
        for manifest in manifests.values()
        if all(part in stored for part in _parts(manifest))
    ]
    if not complete:
        raise CheckpointError(f"stored state is incomplete: {RECOMPUTE}", next(iter(manifests)))
    best = max(complete, key=lambda manifest: sum(manifest["next_offsets"].values()))
    shards: dict[ShardKey, Any] = {}
    for kind, block, *place in best["places"]:
        keys = list(_keys((kind, block), tuple(place)))
        packed = b"".join(stored[part] for part in keys)
        try:
            shards[kind, block] = _open(packed, SHARD_BYTES + SHARD_RATIO * len(packed))
        except _Unreadable as error:
            raise CheckpointError(
                f"stored state cannot be read ({error}): {RECOMPUTE}", keys[0]
            ) from None
    try:
        found = _restored(best, shards, policy, _generation(manifests))
        own = (key for key, one in manifests.items() if one is best)
        return replace(found, records=frozenset((*own, *_parts(best))))
    except Exception as error:  # no worker has written this content
        [blamed] = [key for key, one in manifests.items() if one is best]
        raise CheckpointError(
            f"stored state cannot be restored ({type(error).__name__}): {RECOMPUTE}", blamed
        ) from error


def latest_generation(stored: Mapping[bytes, bytes]) -> int:
    """The greatest generation of any manifest found in the topic; 0 if there is none.

    Raises `CheckpointError` for a manifest of another version.
    """
    return _generation(_manifests(stored)[0])


def _generation(manifests: Mapping[bytes, dict[str, Any]]) -> int:
    return max((one["edition"] for one in manifests.values()), default=0)


def _restored(
    best: dict[str, Any], shards: dict[ShardKey, Any], policy: Policy, generation: int
) -> Restored:
    outbox = StoredOutbox.read(shards.pop(OUTBOX_SHARD, None), generation)
    now = _unpack(_pack(asdict(policy)))  # lists for tuples, as stored
    changed = sorted(name for name in now if now[name] != best["policy"].get(name))
    reclassify = bool(JUDGING & set(changed))
    engine = restored_engine(policy, shards, best, reclassify)
    if reclassify:  # their content is only known after the engine has advanced
        engine.emit_again(np.array(outbox.rows, dtype=np.int64))
        outbox = outbox._replace(rows=[])
    return Restored(
        engine,
        best["next_offsets"],
        outbox,
        changed,
        best.get("recomputing"),
        best.get("again_before"),
    )


class _Manifest(msgspec.Struct):
    """The fields that a manifest must have; it may have more."""

    version: int
    edition: Annotated[int, msgspec.Meta(ge=0, lt=1 << 62)]
    places: list[
        tuple[
            str,
            Annotated[int, msgspec.Meta(ge=0, lt=1 << 31)],
            str,
            int,
            Annotated[int, msgspec.Meta(ge=1)],
        ]
    ]
    policy: dict[str, Any]
    next_offsets: dict[Topic, Annotated[int, msgspec.Meta(ge=0)]]
    tally: list[tuple[Topic, str, int]]


def _manifests(
    stored: Mapping[bytes, bytes],
) -> tuple[dict[bytes, dict[str, Any]], dict[bytes, str]]:
    """All manifests by key, and why other records under such keys are not manifests.

    Raises `CheckpointError` for a manifest of another version.
    """
    found: dict[bytes, dict[str, Any]] = {}
    damaged: dict[bytes, str] = {}
    for key, value in stored.items():
        if _parse_key(key)[0] != "manifest":
            continue
        try:
            one = _open(value, MANIFEST_BYTES)
            if (
                isinstance(one, dict)
                and isinstance(version := one.get("version"), int)
                and version != STATE_VERSION
                and "places" in one
            ):
                raise CheckpointError(
                    f"stored state has version {version}, this program reads version "
                    f"{STATE_VERSION}: run the program that wrote it, or {RECOMPUTE}",
                    key,
                )
            msgspec.convert(one, _Manifest)
        except (_Unreadable, msgspec.ValidationError) as error:
            damaged[key] = " ".join(str(error).split())
        else:
            found[key] = one
    return found, damaged


def damaged_manifests(stored: Mapping[bytes, bytes]) -> dict[bytes, str]:
    """Records that `restore` ignores although they have the key of a manifest, with the reason.

    Raises `CheckpointError` for a manifest of another version.
    """
    return _manifests(stored)[1]


def _check_no_state_is_lost(stored: Mapping[bytes, bytes], damaged: Mapping[bytes, str]) -> None:
    """Raise `CheckpointError` if the writer of a damaged manifest has shards.

    Without shards there is no state to lose, so foreign data under a manifest's key is ignored.
    """
    writers = {_parse_key(key)[1] for key in stored if _parse_key(key)[0] == "shard"}
    for key, reason in damaged.items():
        if _parse_key(key)[1] in writers:
            raise CheckpointError(f"stored state cannot be read ({reason}): {RECOMPUTE}", key)


def new_writer() -> str:
    """A new, unique name for a writer."""
    return uuid.uuid4().hex[:12]


def is_key(key: bytes | None) -> bool:
    """Whether a record under this key may be part of a checkpoint."""
    try:
        match _parse_key(key) if key is not None and len(key) <= LONGEST_KEY else None:
            case ["manifest", str(writer)] | ["shard", str(writer), int(), str(), int(), int()]:
                return _WRITER.fullmatch(writer) is not None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        pass
    return False


def _parts(manifest: dict[str, Any]) -> Iterator[bytes]:
    for kind, block, *place in manifest["places"]:
        yield from _keys((kind, block), tuple(place))


class _Unreadable(ValueError):
    """A value that cannot be the content of a checkpoint's record."""


def _open(value: bytes, bound: int) -> Any:
    """The content of a record whose decompressed value has at most `bound` bytes."""
    try:
        size = zstandard.frame_content_size(value)
    except zstandard.ZstdError:
        raise _Unreadable("no zstd data") from None
    try:
        if size > bound:
            raise _Unreadable(f"more than {bound} bytes when inflated")
        return _unpack(_decompress(value, max_output_size=bound) if size else b"")
    except (
        zstandard.ZstdError,
        msgspec.DecodeError,
        UnicodeDecodeError,
        RecursionError,
        MemoryError,
    ) as error:
        raise _Unreadable(" ".join(str(error).split()) or type(error).__name__) from None
