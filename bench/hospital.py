"""The input: a simulated day of one hospital, multiplied to any number of hospitals, beds and days.

The simulator draws a day once (and keeps it in a cache). Every further hospital is that day under
another name: ids are unique within a facility only, so nothing else need differ. `parts` puts the
hospital several times into one facility, each time with units, beds, staff and ids of its own. A
day that is used up follows once more, 24 h later.

All hospitals keep step, so the n-th record of each comes before the n+1-st of any.
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
from streams.simulator.hospital import DAY

CACHE = Path(__file__).resolve().parent.parent / ".cache" / "bench"
Times = Literal["integer", "text"]

_FACILITY = b'"facility":"H01"'
_TIME = re.compile(rb'(?<=":)1\d{12}(?=[,}])')
_CLINICIAN = re.compile(rb'"clinician":"([^"]+)"')


class Drawn(NamedTuple):
    """A record of the one simulated hospital; `due` in ms."""

    topic: Topic
    due: int
    value: bytes


class Row(NamedTuple):
    """A record in all facilities at once: its value is `head` + the facility's name + `tail`. `due`
    in ms.
    """

    topic: Topic
    due: int
    head: bytes
    tail: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What to produce: about `records` in all, to equal parts in each of `facilities`.

    `phases`: only assignments, and alarm events of these phases; None: everything.
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
        """The facilities. The digits differ, so that partitions get about equally many."""
        return [b"H%04d" % number for number in range(1, self.facilities + 1)]

    def rows(self) -> Iterator[Row]:
        """In order of `due`."""
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
        """What ids begin with, and what places and people do: the same ones from day to day."""
        place = b"p%d-" % part if self.parts > 1 else b""
        return (b"d%d-" % day_number if day_number else b"") + place, place


def _moved(value: bytes, shift: int, times: Times) -> bytes:
    """Every time `shift` ms later, and spelled as wanted."""
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
    """Distinct ones that have an assignment in the input."""
    named = {
        found[1]
        for row in load.rows()
        if row.topic == "assignments" and (found := _CLINICIAN.search(row.head + row.tail))
    }
    return len(named) * load.facilities


def mix(load: Load) -> dict[str, int]:
    """How many records of each kind: alarm events by phase, the others by topic."""
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
    """A day of `ward`, from the cache if it was drawn before by the same simulator."""
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
