"""The recorder: takes what happens in a worker, and has a thread write it, so that neither a slow
disk nor a syslog server ever holds up an answer.

Equal reads within `audit.repeat` become one entry with their number: the page asks every few
seconds. The first is written at once. Memory is bounded: of too many different reads the rest is
summed up without address, place and clinicians.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, NamedTuple

from streams.audit.syslog import Syslog
from streams.audit.trail import AuditError, Trail, audit_key
from streams.audit_settings import AuditSettings

WAKE_SECONDS = 0.5
"""How soon an entry is written."""
MOST_READS = 5000
"""Different reads that are summed up at once, 1 kB each."""
MOST_WAITING = 10_000
"""Entries that wait while the file cannot be written; of further ones only the number is kept."""
RETRY_SECONDS = 5.0
LOG_SECONDS = 60.0
EVERYBODY = "all"
"""Instead of a list: every clinician of the places that were read."""


def log() -> Any:
    """The logger; loaded when something is logged, as commands that only check need none."""
    import structlog

    return structlog.get_logger("alarm_fatigue")


class Read(NamedTuple):
    """The fields by which two reads are equal. Empty texts: not known, or not asked for."""

    event: str
    reader: str
    by: str
    address: str
    path: str
    facility: str
    unit: str
    status: int
    asked: tuple[tuple[str, object], ...] = ()


@dataclass(slots=True)
class _Sum:
    """Equal reads since the last entry about them."""

    since: float
    count: int = 0
    first: float = 0.0
    last: float = 0.0
    clinicians: set[str] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class Counts:
    """Since the start: entries in the file; entries lost because it could not be written; entries
    that the syslog server did not get.
    """

    written: int = 0
    lost: int = 0
    unsent: int = 0


class Recorder:
    """`named`: whether clinicians may be listed, which are pseudonyms then. `wall` in s."""

    def __init__(
        self,
        trail: Trail,
        repeat: float,
        syslog: Syslog | None = None,
        named: bool = True,
        wall: Callable[[], float] = time.time,
        wake: float = WAKE_SECONDS,
    ) -> None:
        self._trail = trail
        self._repeat = repeat
        self._syslog = syslog
        self._named = named
        self._wall = wall
        self._wake = wake
        self._lock = threading.Lock()
        self._reads: dict[Read, _Sum] = {}
        self._waiting: list[dict[str, Any]] = []
        self._written = self._lost = self._lost_said = self._unsent_said = 0
        self._retry_at = 0.0
        self._logged = -LOG_SECONDS
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="audit", daemon=True)
        self._thread.start()

    def counts_now(self) -> Counts:
        unsent = 0 if self._syslog is None else self._syslog.dropped
        return Counts(self._written, self._lost, unsent)

    def event(self, name: str, /, **fields: Any) -> None:
        """Record something that is written as it is. Returns at once."""
        with self._lock:
            self._add({"at": _moment(self._wall()), "event": name, **fields})

    def read(self, read: Read, clinicians: set[str] | str | None = None) -> None:
        """Record a read, and whom its answer named. Returns at once."""
        now = self._wall()
        with self._lock:
            if read not in self._reads and len(self._reads) >= MOST_READS:
                read = read._replace(address="", facility="", unit="", asked=())
                clinicians = None
            one = self._reads.setdefault(read, _Sum(now - self._repeat))
            one.count += 1
            one.first = one.first or now
            one.last = now
            if isinstance(clinicians, str):
                one.clinicians.add(clinicians)
            elif clinicians:
                one.clinicians |= clinicians

    def close(self, seconds: float = 3.0, last: str | None = None) -> None:
        """Write what is left, and as the last entry the event of this name."""
        with self._lock:
            self._sum_up(self._wall(), everything=True)
        if last is not None:
            self.event(last)
        self._stop.set()
        self._thread.join(seconds)
        if self._syslog is not None:
            self._syslog.close()

    def _add(self, entry: dict[str, Any]) -> None:
        if len(self._waiting) < MOST_WAITING:
            self._waiting.append(entry)
        else:
            self._lost += 1

    def _run(self) -> None:
        while not self._stop.wait(self._wake):
            self._turn(self._wall())
        self._turn(self._wall(), last=True)

    def _turn(self, now: float, last: bool = False) -> None:
        with self._lock:
            self._sum_up(now, last)
            if not self._waiting or (now < self._retry_at and not last):
                return
            waiting = len(self._waiting)
            batch = [*self._waiting, *self._news(now)]
        try:
            lines = self._trail.append(batch)
        except AuditError as error:
            self._retry_at = now + RETRY_SECONDS
            self._say(error, now)
            return
        except Exception as error:  # the thread must not end: nothing would be recorded any more
            self._retry_at = now + RETRY_SECONDS
            self._say(type(error).__name__, now)
            return
        with self._lock:
            del self._waiting[:waiting]
            self._lost_said += sum(one["entries"] for one in batch if one["event"] == "lost")
            self._unsent_said += sum(
                one["entries"] for one in batch if one["event"] == "syslog_dropped"
            )
            self._written += len(lines)
        if self._syslog is not None:
            for line, entry in zip(lines[len(lines) - len(batch) :], batch, strict=True):
                self._syslog.offer(line, entry)

    def _news(self, now: float) -> list[dict[str, Any]]:
        """Entries about entries that are missing here or at the syslog server."""
        found: list[dict[str, Any]] = []
        if self._lost > self._lost_said:
            found.append(
                {"at": _moment(now), "event": "lost", "entries": self._lost - self._lost_said}
            )
        dropped = 0 if self._syslog is None else self._syslog.dropped
        if dropped > self._unsent_said:
            count = dropped - self._unsent_said
            found.append({"at": _moment(now), "event": "syslog_dropped", "entries": count})
        return found

    def _sum_up(self, now: float, everything: bool) -> None:
        for read, one in list(self._reads.items()):
            if not everything and now - one.since < self._repeat:
                continue
            if one.count:
                self._add(self._entry(read, one))
            if one.count and not everything:
                self._reads[read] = _Sum(now)
            else:
                del self._reads[read]

    def _entry(self, read: Read, one: _Sum) -> dict[str, Any]:
        entry: dict[str, Any] = {"at": _moment(one.first), "event": read.event}
        known = ("reader", "by", "address", "path", "facility", "unit")
        entry |= {name: value for name in known if (value := getattr(read, name))}
        entry |= dict(read.asked)
        entry["status"] = read.status
        if EVERYBODY in one.clinicians:
            entry["clinicians"] = EVERYBODY
        elif one.clinicians:
            entry["clinicians"] = sorted(one.clinicians) if self._named else len(one.clinicians)
        if one.count > 1:
            entry |= {"count": one.count, "until": _moment(one.last)}
        return entry

    def _say(self, error: object, now: float) -> None:
        if now - self._logged >= LOG_SECONDS:
            self._logged = now
            log().error(
                "the audit cannot be written; entries wait in memory",
                error=str(error),
                waiting=len(self._waiting),
                lost=self._lost,
            )


def _moment(seconds: float) -> str:
    at = datetime.fromtimestamp(seconds, UTC)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def recorder_of(
    settings: AuditSettings, named: bool, wall: Callable[[], float] = time.time
) -> Recorder | None:
    """The recorder for settings; None: nothing is recorded. Raises `SettingsError`."""
    if settings.file is None:
        return None
    trail = Trail(settings.file, audit_key(settings.key_file), settings.rotate_bytes)
    syslog = None if settings.syslog is None else Syslog(settings)
    return Recorder(trail, settings.repeat / 1000, syslog, named, wall)


def listed(readers: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Readers of the settings with their roles and places, without secrets."""
    return [
        {
            "reader": name,
            "role": one.role,
            **({} if one.facility is None else {"facility": one.facility}),
            **({"units": list(one.unit)} if one.unit else {}),
        }
        for name, one in readers.items()
    ]
