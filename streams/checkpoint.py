"""Checkpoints: a partition's state as records of a compacted topic, whole or not at all.

A checkpoint writes the shards that changed under keys that nobody used before, and then one manifest that names, for every
shard, where it lies and which offsets the state has reached. Until the manifest is there, the older one and its shards are;
what it no longer names is deleted afterwards. Each writer (one worker between two rebalances) stores everything once more
before it relies on it, so that another writer that does not know yet that it lost the partition can harm nothing but its own.

What goes out after a checkpoint bears its edition, which grows from each checkpoint of a partition to the next, whoever writes
it. A worker that was suspended in the middle of sending sends the rest when it wakes up, after its successor has said more:
of several records about one thing, the one of the greatest edition counts, and the last of those.

Keys are JSON lists, values zstd over msgpack:

    ["manifest", writer]                            -> version, edition, policy, next offsets, tally, places of shards
    ["shard", writer, n, kind, block, part] -> part of one shard, as of the writer's n-th checkpoint
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import msgspec
import numpy as np
import zstandard

from analyzer import JUDGING, Engine, Policy, ShardKey, Topic
from streams.partition import Outgoing, Partition, restored_engine

VERSION = 4
EDITION = "edition"
"""The header by which records of `episodes` and `overload` are told apart: a decimal number."""
PART_BYTES = 400_000
"""Longest value of a record: safely below a broker's default limit of 1 MB, whatever a facility holds."""

_SAID: ShardKey = ("said", 0)
"""Where the episodes of a checkpoint are named, among the engine's shards."""

Pair = tuple[bytes, bytes | None]
Place = tuple[str, int, int]
"""Where a shard lies: writer, checkpoint, number of parts."""

_pack = msgspec.msgpack.encode
_unpack = msgspec.msgpack.decode
_compress = zstandard.ZstdCompressor(level=1, write_checksum=True).compress
_decompress = zstandard.ZstdDecompressor().decompress
_key = msgspec.json.encode
_parse_key = msgspec.json.decode


class CheckpointError(Exception):
    """Stored state that cannot be restored: one line that says why and what to do."""


@dataclass(slots=True)
class Plan:
    """Records of one checkpoint, to be produced in this order: each list delivered before the next is begun."""

    shards: list[Pair] = field(default_factory=list)
    manifest: list[Pair] = field(default_factory=list)
    episodes: list[Outgoing] = field(default_factory=list)
    """For topics of their own. Stored, too, and handed out again after a crash: so what was said is what the state says."""
    deletions: list[Pair] = field(default_factory=list)


class Checkpoints:
    """The checkpoints of one partition by one writer; `found` is what others left, to be deleted after the first."""

    def __init__(self, writer: str, found: Mapping[bytes, bytes] | None = None, unwritten: Iterable[ShardKey] = ()) -> None:
        self._writer = writer
        self._superseded = set(found or ())
        self._edition = max((one.get(EDITION, 0) for one in _manifests(found or {})), default=0)
        self._unwritten = set(unwritten)
        self._count = 0
        self._places: dict[ShardKey, Place] = {}

    def renewed(self, writer: str, found: Mapping[bytes, bytes] | None = None) -> Checkpoints:
        """The same state under another writer's name, for a partition that may have been others' for a while.

        They may not know yet that they lost it again, and then delete what they found: our keys of before. `found` is
        what they may have left.
        """
        new = Checkpoints(writer, found, (self._unwritten | self._places.keys()) - {_SAID})
        new._superseded |= {*self._superseded, self._manifest_key}
        new._superseded.update(part for key, place in self._places.items() for part in _keys(key, place))
        new._edition = max(new._edition, self._edition)
        return new

    @property
    def _manifest_key(self) -> bytes:
        return _key(["manifest", self._writer])

    def plan(self, partition: Partition, part_bytes: int | None = None) -> Plan:
        """What to produce so that the partition's state of this moment can be restored; it counts as stored from now on.

        `part_bytes`: the longest value that the topic takes, if that is less than `PART_BYTES`.
        """
        part_bytes = min(PART_BYTES, part_bytes or PART_BYTES)
        self._count += 1
        self._edition += 1
        episodes, said, whole = partition.take_episodes()
        headers = [(EDITION, b"%d" % self._edition)]
        plan, engine = Plan(episodes=[Outgoing(one.topic, one.key, one.value, headers) for one in episodes]), partition.engine
        contents: list[tuple[ShardKey, Any]] = [(_SAID, [said, whole] if episodes else None)]
        contents += [(key, engine.dump(key)) for key in dict.fromkeys([*sorted(self._unwritten), *engine.changed_shards()])]
        for key, content in contents:
            before = self._places.pop(key, None)
            if before is not None:
                self._superseded.update(_keys(key, before))
            if content is not None:
                packed = _compress(_pack(content))
                parts = [packed[start : start + part_bytes] for start in range(0, len(packed), part_bytes)]
                place = self._places[key] = (self._writer, self._count, len(parts))
                plan.shards += zip(_keys(key, place), parts, strict=True)
        places = [[*key, *place] for key, place in self._places.items()]
        manifest = {"version": VERSION, EDITION: self._edition, "places": places, "policy": asdict(engine.policy)} | partition.state()
        plan.manifest.append((self._manifest_key, _compress(_pack(manifest))))
        plan.deletions = [(key, None) for key in sorted(self._superseded)]
        self._superseded.clear()
        self._unwritten.clear()
        engine.stored()
        partition.changed = False
        return plan


def _keys(key: ShardKey, place: Place) -> Iterator[bytes]:
    writer, checkpoint, parts = place
    return (_key(["shard", writer, checkpoint, *key, part]) for part in range(parts))


@dataclass(frozen=True, slots=True)
class Restored:
    """A stored state, in the arguments of `Partition`."""

    engine: Engine
    next_offsets: dict[Topic, int]
    said: list[int]
    episodes: list[Outgoing]
    changed_policy: list[str] = field(default_factory=list)
    """Settings of the policy that differ from those the state was computed under."""


def restore(stored: Mapping[bytes, bytes], policy: Policy) -> Restored | None:
    """The furthest complete state out of everything found in the topic; None if there is no manifest.

    By offsets, not by order: a writer that did not know it had lost the partition may have written last. Its manifest may
    name shards that its successor has deleted; then the successor's is there, and complete.

    A state computed under another policy is taken over, for the facts in it are the same. Where the figures of the classes
    differ, finished episodes are judged anew (and given out again where that changes them). What the old policy refused as
    late, or dropped behind its horizon, does not come back: `changed_policy` tells whoever restores, to tell people.
    """
    manifests = _manifests(stored)
    if not manifests:
        return None
    for manifest in manifests:
        if manifest["version"] != VERSION:
            raise CheckpointError(
                f"stored state has version {manifest['version']}, this program reads version {VERSION}: "
                "run the program that wrote it, or start a new group to compute everything anew"
            )
    complete = [manifest for manifest in manifests if all(part in stored for part in _parts(manifest))]
    if not complete:
        raise CheckpointError("stored state is incomplete: start a new group to compute everything anew")
    best = max(complete, key=lambda manifest: sum(manifest["next_offsets"].values()))
    shards: dict[ShardKey, Any] = {}
    for kind, block, *place in best["places"]:
        packed = b"".join(stored[part] for part in _keys((kind, block), tuple(place)))
        shards[kind, block] = _open(packed)
    said, whole = shards.pop(_SAID, ([], []))
    episodes = [Outgoing(topic, key, value) for topic, key, value, _ in whole]
    now = _unpack(_pack(asdict(policy)))  # lists for tuples, as stored
    changed = sorted(name for name in now if now[name] != best["policy"].get(name))
    anew = bool(JUDGING & set(changed))
    engine = restored_engine(policy, shards, best, anew)
    if anew:  # what these say is not known before time has come to them
        engine.say_again(np.array(said, dtype=np.int64))
        said = []
    return Restored(engine, best["next_offsets"], said, episodes, changed)


def _manifests(stored: Mapping[bytes, bytes]) -> list[dict[str, Any]]:
    return [_open(value) for key, value in stored.items() if _parse_key(key)[0] == "manifest"]


def _parts(manifest: dict[str, Any]) -> Iterator[bytes]:
    for kind, block, *place in manifest["places"]:
        yield from _keys((kind, block), tuple(place))


def _open(value: bytes) -> Any:
    try:
        return _unpack(_decompress(value))
    except (zstandard.ZstdError, msgspec.DecodeError) as error:
        raise CheckpointError(f"stored state cannot be read ({error}): start a new group to compute everything anew") from None
