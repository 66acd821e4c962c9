"""Incidents: the incident view of one worker, from the facts that it holds.

It asks what `alarm-fatigue incident` asks, about a moment of the last day, and names nobody. One
answer is worked out at a time, in a thread; a second question is refused meanwhile, with the time
after which to ask again.
"""

from __future__ import annotations

import gzip
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from hashlib import blake2b
from itertools import compress
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from analyzer import FACT_TYPES, Columns, Policy, Topic
from analyzer.model import HOUR
from analyzer.pipeline import Held
from streams import __version__
from streams.access import EVERYWHERE, Scope
from streams.formats.calendars import Calendars
from streams.formats.times import parse_duration, parse_time
from streams.http.answers import Answer, NotHere, QueryError
from streams.http.completeness import expect_complete
from streams.http.privacy import Privacy
from streams.metrics.exporter import Source, in_turns

if TYPE_CHECKING:
    from analyzer.incident import Incident, Question

LONGEST = 12 * HOUR
"""The longest window that a worker works out: it also has alarms to take in."""
RETRY_SECONDS = 10
REUSE_SECONDS = 60.0
"""How old an answer may be: facts that come late may change it."""
MOST_ANSWERS = 8
"""Answers kept, of up to some MB each."""
_ARCHIVED = "archived "
_NEEDED = {"facility", "unit", "at"}


class Busy(RuntimeError):
    """Another answer is being worked out: one line."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A request about a moment (ms), which need not be answerable."""

    facility: str
    unit: str
    at: int
    bed: str | None
    window: int

    @classmethod
    def of(cls, given: Mapping[str, str]) -> Asked:
        """From the parameters of a request. Raises `QueryError`."""
        if not given.keys() >= _NEEDED or not given.keys() <= _NEEDED | {"bed", "window"}:
            raise QueryError(
                "expected the parameters facility, unit and at, and bed, window or both"
            )
        try:
            at = parse_time(given["at"])
        except ValueError as error:
            raise QueryError(f"at: {error}") from None
        try:
            window = parse_duration(given.get("window", "60m"))
        except ValueError as error:
            raise QueryError(f"window: {error}") from None
        if not 60_000 <= window <= LONGEST:
            raise QueryError(f"window: expected 1m to {LONGEST // HOUR}h")
        return cls(given["facility"], given["unit"], at, given.get("bed"), window)


class Incidents:
    """/incident and /api/v1/incident of one worker.

    `archive`: the folder or URL of an archive for what is older than the worker's facts, and for
    the hours that a moment is compared with. `privacy`: what is too small to be shown.
    """

    def __init__(
        self,
        source: Source,
        policy: Policy,
        pseudonym: Callable[[str], str],
        calendars: Calendars,
        privacy: Privacy,
        *,
        shows_beds: bool,
        archive: Path | str | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._source, self._policy, self._pseudonym = source, policy, pseudonym
        self._calendars, self._privacy, self._archive = calendars, privacy, archive
        self._shows_beds, self._clock = shows_beds, clock
        self._kept: OrderedDict[Asked, tuple[float, dict[str, Any]]] = OrderedDict()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="incidents")
        self._is_busy = False

    async def document(self, given: Mapping[str, str], places: Scope = EVERYWHERE) -> Answer:
        """The answer as JSON, as `incident --json` prints it.

        Raises `QueryError`, `NotHere`, `Elsewhere`, `Incomplete`, `Busy`.
        """
        return Answer.of(await self._found(Asked.of(given), places))

    async def page(self, given: Mapping[str, str], places: Scope = EVERYWHERE) -> Answer:
        """The answer as a page. Raises as `document`."""
        from streams.files.provenance import Provenance
        from streams.incidents.page import page

        asked = Asked.of(given)
        found = await self._found(asked, places)
        made = Provenance(
            __version__,
            asked.at,
            self._policy.fingerprint,
            asdict(self._policy),
            f"GET /incident?{urlencode(given)}",
            (),
        )
        body = page(found, made, self._calendars.of(asked.facility)).encode()
        etag = f'"{blake2b(body, digest_size=12).hexdigest()}"'
        return Answer(body, gzip.compress(body, 1, mtime=0), etag)

    async def _found(self, asked: Asked, places: Scope) -> dict[str, Any]:
        places.expect(asked.facility, asked.unit)
        if asked.bed is not None and not self._shows_beds:
            raise QueryError("bed: this worker names no beds (web.show_beds)")
        if (known := self._kept.get(asked)) and self._clock() - known[0] < REUSE_SECONDS:
            return known[1]
        if self._is_busy:
            raise Busy("another incident is being worked out")
        self._is_busy = True
        try:
            self._source.advance()
            held, groups = self._held(asked)
            found = await in_turns(self._thread.submit(self._worked_out, asked, held, groups))
        finally:
            self._is_busy = False
        self._kept[asked] = self._clock(), found
        if len(self._kept) > MOST_ANSWERS:
            self._kept.popitem(last=False)
        return found

    def _held(self, asked: Asked) -> tuple[Held, Sequence[int]]:
        """A copy of what is held of the facility, and the clinicians behind each hour of the unit.

        Raises `NotHere`, `QueryError`, `Incomplete`.
        """
        expect_complete(self._source, asked.facility)
        for one in self._source.partitions:
            held = one.engine.copied(asked.facility)
            if held is not None:
                if asked.at > held.now:
                    raise QueryError("at: expected a moment that is not in the future")
                return held, one.engine.groups().get((asked.facility, asked.unit), [])
        raise NotHere("no such unit among those of this worker")

    def _worked_out(self, asked: Asked, held: Held, groups: Sequence[int]) -> dict[str, Any]:
        """Runs in the thread. Raises `NotHere`."""
        # not imported at the start of a worker, which would take longer
        from analyzer.incident import Facts, Question, analyse
        from streams.incidents import as_json
        from streams.incidents.nameless import nameless

        offset = self._calendars.of(asked.facility).local(asked.at).utcoffset()
        question = Question(
            at=asked.at,
            facility=asked.facility,
            unit=asked.unit,
            bed=asked.bed,
            window=asked.window,
            offset=0 if offset is None else round(offset.total_seconds() * 1000),
        )
        from_archive = question.at <= held.since
        if from_archive:
            if self._archive is None:
                raise NotHere(
                    f"the moment is older than the {self._policy.horizon // HOUR} h that this "
                    "worker holds, and it has no archive (archive.path)"
                )
            facts = Facts.of(self._archived(question, question.at))
        else:
            if not self._privacy.shows(groups, held.now - question.begin, live=False):
                raise NotHere(self._privacy.says)
            facts = Facts.of([*held.facts(), *self._before(question, held)])
        if asked.unit not in facts.alarms["unit"] and asked.unit not in facts.assignments["unit"]:
            raise NotHere("no such unit among those of this worker")
        if asked.bed is not None and (asked.unit, asked.bed) not in {
            *zip(facts.alarms["unit"], facts.alarms["bed"], strict=True),
            *zip(facts.assignments["unit"], facts.assignments["bed"], strict=True),
        }:
            raise NotHere("no such bed in this unit")
        facts = nameless(facts, self._pseudonym, self._shows_beds)
        found = analyse(
            facts,
            question,
            self._policy,
            finished_only=from_archive,
            goes_on=not from_archive,
            held_since=None if from_archive else held.since,
        )
        if self._privacy.is_small(len(_people(found))):
            raise NotHere(self._privacy.says)
        return as_json(found, facts)

    def _before(self, question: Question, held: Held) -> Iterator[tuple[Topic, Columns]]:
        """The archived facts before those that are held: the hours to compare with."""
        if self._archive is None:
            return
        # Those that went on when the held facts begin are in both.
        begun = zip(held.ids, held.columns["start"].tolist(), strict=True)
        ids = {alarm for alarm, start in begun if start <= held.since}
        for topic, columns in self._archived(question, held.since):
            yield topic, _ended(topic, columns, held.since, ids)

    def _archived(self, question: Question, until: int) -> Iterator[tuple[Topic, Columns]]:
        """Raises `NotHere`."""
        from analyzer.incident import BASELINE
        from streams.archive import Archive, ArchiveError, archived_facts

        assert self._archive is not None
        try:
            archive = Archive(self._archive)
            yield from archived_facts(archive, question.facility, question.begin - BASELINE, until)
        except ArchiveError as error:
            raise NotHere(f"the archive cannot be read: {error}") from None


def _people(found: Incident) -> set[str]:
    return {name for one in found.conditions for name in one.clinicians}


def _ended(topic: Topic, columns: Columns, moment: int, known: set[str]) -> Columns:
    """Without alarms that are `known`, and assignments that were in force at a moment (ms). Ids may
    be used again after some days, so those of records get a prefix.
    """
    names = list(FACT_TYPES[topic].__slots__)
    if topic == "assignments":
        ends = columns[names.index("end")]
        kept = [end is not None and end <= moment for end in ends]
    elif topic in ("alarms", "labels"):
        kept = [one not in known for one in columns[names.index("alarm_id")]]
    else:
        kept = [True] * len(columns[0])
    return tuple(
        [f"{_ARCHIVED}{one}" for one in compress(each, kept)]
        if name in ("event_id", "assignment_id")
        else list(compress(each, kept))
        for name, each in zip(names, columns, strict=True)
    )
