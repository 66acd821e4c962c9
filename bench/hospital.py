"""Input: a simulated day of one hospital, multiplied to any number of hospitals, beds and days.

The simulator draws a day once, and it is cached. Every other hospital is the same day under another
name; nothing else has to differ, because ids are unique within a facility only. `parts` puts copies
of the hospital into one facility, each with its own units, beds, staff and ids. After a day, the
same day follows again, 24 h later.

All hospitals are in step: record n of each comes before record n + 1 of any.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, NamedTuple

from analyzer import Topic
from streams import simulator
from streams.formats.codec import to_json
from streams.simulator import Ward, simulate
from streams.simulator.ward import DAY

CACHE = Path(__file__).resolve().parent.parent / ".cache" / "bench"
Times = Literal["integer", "text"]

_FACILITY = b'"facility":"H01"'
_TIME = re.compile(rb'(?<=":)1\d{12}(?=[,}])')
_CLINICIAN = re.compile(rb'"clinician":"([^"]+)"')


class Drawn(NamedTuple):
    """A record of the simulated hospital; `due` in ms."""

    topic: Topic
    due: int
    value: bytes


class Row(NamedTuple):
    """A record of all facilities: its value is `head` + the facility's name + `tail`. `due` in
    ms.
    """

    topic: Topic
    due: int
    head: bytes
    tail: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """The input to produce: about `records` in total, the same number in each of `facilities`.

    `phases`: only assignments and alarm events of these phases (None: everything).
    """

    records: int
    facilities: int = 20
    parts: int = 1
    times: Times = "integer"
    phases: tuple[str, ...] | None = None
    ward: Ward = field(default_factory=Ward)

    def __post_init__(self) -> None:
        if self.ward.facilities != 1 or self.ward.duration != DAY:
            raise ValueError("ward: expected one facility and one day, which are multiplied here")
        if min(self.records, self.facilities, self.parts) < 1:
            raise ValueError("records, facilities, parts: expected at least 1")

    @property
    def names(self) -> list[bytes]:
        """The names of the facilities; their hashes spread over the partitions."""
        return [b"H%04d" % number for number in range(1, self.facilities + 1)]

    def rows(self) -> Iterator[Row]:
        """The records, in order of `due`."""
        drawn = day(self.ward)
        if self.phases is not None:
            wanted = tuple(b'"phase":"%s"' % phase.encode() for phase in self.phases)
            drawn = [
                one
                for one in drawn
                if one.topic == "assignments" or any(phase in one.value for phase in wanted)
            ]
        left = -(-self.records // self.facilities)
        number = 0
        while True:
            again = [
                one._replace(
                    due=one.due + number * DAY, value=_moved(one.value, number * DAY, self.times)
                )
                for one in drawn
            ]
            for topic, due, value in again:
                for part in range(self.parts):
                    if left == 0:
                        return
                    left -= 1
                    head, tail = _named(value, self._prefix(number, part)).split(_FACILITY)
                    yield Row(topic, due, head + b'"facility":"', b'"' + tail)
            number += 1

    def _prefix(self, day_number: int, part: int) -> tuple[bytes, bytes]:
        """Prefixes of ids, and of units, beds and people; the latter are the same every day."""
        of_part = b"p%d-" % part if self.parts > 1 else b""
        return (b"d%d-" % day_number if day_number else b"") + of_part, of_part


def _moved(value: bytes, shift: int, times: Times) -> bytes:
    """The value with every time `shift` ms later, in the format `times`."""
    if times == "text":
        return _TIME.sub(lambda found: b'"%s"' % _rfc3339(int(found[0]) + shift), value)
    return _TIME.sub(lambda found: b"%d" % (int(found[0]) + shift), value) if shift else value


def _rfc3339(milliseconds: int) -> bytes:
    moment = datetime.fromtimestamp(milliseconds // 1000, UTC).replace(
        microsecond=milliseconds % 1000 * 1000
    )
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z").encode()


def _named(value: bytes, prefix: tuple[bytes, bytes]) -> bytes:
    ids, places = prefix
    if ids:
        value = value.replace(b'"H01-', b'"H01-' + ids)
    if places:
        for key in (b'"unit":"', b'"bed":"', b'"device_id":"', b'"nurse-'):
            value = value.replace(key, key + places)
    return value


def clinicians(load: Load) -> int:
    """The number of distinct clinicians with an assignment in the input."""
    named = {
        found[1]
        for row in load.rows()
        if row.topic == "assignments" and (found := _CLINICIAN.search(row.head + row.tail))
    }
    return len(named) * load.facilities


def mix(load: Load) -> dict[str, int]:
    """The number of records by kind: alarm events by phase, the others by topic."""
    counts: dict[str, int] = {}
    for row in load.rows():
        kind: str = row.topic
        if row.topic == "alarms":
            kind = next(name for name, mark in _PHASES.items() if mark in row.head)
        elif row.topic == "responses":
            kind = (
                "responses by alarm" if b'"alarm_id"' in row.head + row.tail else "responses by bed"
            )
        counts[kind] = counts.get(kind, 0) + load.facilities
    return counts


_PHASES = {name: b'"phase":"%s"' % name.encode() for name in ("start", "update", "end")}


def day(ward: Ward) -> list[Drawn]:
    """A day of `ward`, from the cache if the same version of the simulator has drawn it before."""
    source = b"".join(
        path.read_bytes() for path in sorted(Path(simulator.__file__).parent.glob("*.py"))
    )
    path = CACHE / f"day-{hashlib.sha256(source + repr(ward).encode()).hexdigest()[:16]}.jsonl"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(".part")
        lines = [
            b"%s %d %s\n" % (one.topic.encode(), one.due, to_json(one.value))
            for one in simulate(ward)
        ]
        partial.write_bytes(b"".join(lines))
        partial.replace(path)
    drawn = []
    for line in path.read_bytes().splitlines():
        topic, due, value = line.split(b" ", 2)
        drawn.append(Drawn(topic.decode(), int(due), value))  # type: ignore[arg-type]
    return drawn
