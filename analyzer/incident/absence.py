"""Absence: signals that were lost, and alarms that were silenced while their cause went on.

Most published harm with alarms came from silence (35 deaths in Pennsylvania 2004 to 2010: 14 not
connected, 6 off for tests, 4 silenced), so it is looked for as closely as floods are.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass

from analyzer.incident.alarms import STALE_OF_UNIT, end_of, is_stale, name_of
from analyzer.incident.completeness import Completeness
from analyzer.incident.figures import History
from analyzer.model.episodes import EpisodeRecord
from analyzer.model.policy import HOUR, MINUTE, STALE

LONG = 10 * MINUTE
"""A signal lost, or an alarm silenced, for longer than this (ms) is reported (our own: the
10-minute interval of ISA-18.2).
"""
LONG_OF_UNIT = 30 * MINUTE
"""The same (ms) for a question about a whole unit, where some sensor is usually off (our own)."""
_QUIETENING = ("silence", "pause")
_AT_THE_BED = ("attend", "consult", "intervene", "adjust_limits")
_RESPONSE = ("at", "action", "alarm_id", "bed", "event_id")
_OFF = re.compile(
    r"(ALARMS?|AUDIO|SOUND)[ _-]*(ARE[ _-]*)?"
    r"(ALL[ _-]*)?(OFF|PAUSE|SUSPEND|INHIBIT|INACTIV|DISABLE|SILENC|MUTE)",
    re.IGNORECASE,
)
"""Texts with which devices report that their alarms are off: "Alarms off", "ALARM_PAUSED"."""


@dataclass(frozen=True, slots=True)
class Absent:
    """A lost signal, or a silenced alarm, at a bed in [since, until) (ms)."""

    bed: str
    since: int
    until: int
    what: str
    ids: tuple[str, ...]

    @property
    def minutes(self) -> float:
        return (self.until - self.since) / MINUTE


def long_for(bed: str | None) -> int:
    """The shortest absence that is reported (ms)."""
    return LONG_OF_UNIT if bed is None else LONG


def signals_lost(history: History, begin: int, at: int) -> list[Absent]:
    """Long technical alarms that sounded in (begin, at]; the longest first."""
    bed, found = history.question.bed, []
    least = long_for(bed)
    for one in history.alarms.sounding(begin, at):
        if one.kind != "technical" or bed not in (None, one.bed):
            continue
        end, longest = end_of(one, at), STALE_OF_UNIT if bed is None else STALE
        if end - one.start >= least and not is_stale(one, at, longest):
            found.append(Absent(one.bed, one.start, end, name_of(one), (one.alarm_id,)))
    return _longest_first(found)


def fallen_silent(history: History, known: Completeness) -> list[Absent]:
    """Devices that stopped sending while the feed continued; the longest first."""
    question, found = history.question, []
    alarms = {one.alarm_id: one for one in history.alarms.records}
    for one in known.dark:
        last = alarms.get(one.last_alarm)
        after = f" after {name_of(last)}" if last and last.kind == "technical" else ""
        what = f"nothing more from the device{after}"
        found.append(Absent(one.bed, one.since, question.at, what, (one.last_alarm,)))
    return _longest_first(found)


@dataclass(frozen=True, slots=True)
class Answers:
    """The responses of a unit, indexed for the search for absences; times in ms, ascending."""

    quietened: dict[str, list[tuple[int, str]]]
    """By alarm id: silences and pauses, and their ids. If several alarms have the same id, it has
    those of all of them.
    """
    quietened_beds: dict[str, tuple[int, str]]
    """By bed: the last silence or pause of all its alarms, and its id."""
    tended: dict[str, list[int]]
    """By bed: when somebody was at the bed."""

    @classmethod
    def of(cls, history: History) -> Answers:
        found = cls({}, {}, {})
        bed_of = {one.alarm_id: one.bed for one in history.alarms.records}
        columns = (history.facts.responses[name] for name in _RESPONSE)
        for at, action, alarm, bed, event in zip(*columns, strict=True):
            where = bed if bed is not None else bed_of.get(alarm or "")
            if where is None:
                continue
            if action in _AT_THE_BED:
                found.tended.setdefault(where, []).append(at)
            elif action in _QUIETENING and alarm is not None:
                found.quietened.setdefault(alarm, []).append((at, event))
            elif action in _QUIETENING:
                found.quietened_beds[where] = (at, event)
        return found

    def first_quietened(self, one: EpisodeRecord) -> tuple[int, str] | None:
        """The first silence or pause of an alarm while it lasted, and its id."""
        during = (said for said in self.quietened.get(one.alarm_id, ()) if one.start <= said[0])
        found = next(during, None)
        return found if found is not None and found[0] <= one.end else None

    def tended_after(self, bed: str, moment: int) -> list[int]:
        times = self.tended.get(bed, [])
        return times[bisect_right(times, moment) :][:1]


def silenced(history: History, answers: Answers, begin: int, at: int) -> list[Absent]:
    """Alarms that were silenced or paused, lasted in (begin, at], and had no recorded response at
    the bed; the longest first.
    """
    found = []
    for one in history.alarms.sounding(begin, at):
        quietened = answers.first_quietened(one)
        if history.question.bed not in (None, one.bed) or quietened is None:
            continue
        since, event = quietened
        # Somebody at the bed may be treating the patient. A lost signal ends with its alarm.
        tended = [] if one.kind == "technical" else answers.tended_after(one.bed, since)
        until = min([end_of(one, at), *tended])
        least = long_for(history.question.bed)
        if until - since >= least and until > begin and not is_stale(one, at):
            what = f"{name_of(one)} silenced while it went on"
            found.append(Absent(one.bed, since, until, what, (one.alarm_id, event)))
    return _longest_first(found)


def muted_beds(history: History, answers: Answers) -> list[Absent]:
    """Beds whose alarms were all paused or switched off, and that have since had no alarm and no
    recorded response at the bed; the longest first.
    """
    question, found = history.question, []
    for bed, (since, event) in answers.quietened_beds.items():
        if question.bed not in (None, bed):
            continue
        starts = [
            one.start
            for one in history.alarms.records
            if one.bed == bed and one.kind == "physiological"
        ]
        after = [one for one in starts if one > since]
        before = sum(since - 24 * HOUR < one <= since for one in starts)
        until = min([question.at, *after, *answers.tended_after(bed, since)])
        if before and until - since >= 3 * LONG and until > question.begin:
            what = f"alarms of the bed paused, none since ({before} in the 24 h before)"
            found.append(Absent(bed, since, until, what, (event,)))
    return _longest_first(found + _switched_off(history))


def _switched_off(history: History) -> list[Absent]:
    """Alarms with which a device reports that its alarms are off or paused."""
    question, alarms = history.question, history.facts.alarms
    since: dict[str, tuple[int, str, str]] = {}
    ended: dict[str, int] = {}
    names = ("at", "phase", "kind", "unit", "bed", "code", "label", "alarm_id")
    for at, phase, kind, unit, bed, code, label, alarm in zip(
        *(alarms[name] for name in names), strict=True
    ):
        if kind == "physiological" or unit != question.unit or question.bed not in (None, bed):
            continue
        if _OFF.search(code) or (label and _OFF.search(label)):
            if phase == "end":
                ended[alarm] = at
            else:
                since.setdefault(alarm, (at, bed, code))
    found = []
    for alarm, (at, bed, _) in since.items():
        until = min(ended.get(alarm, question.at), question.at)
        if until - at >= LONG and until > question.begin:
            found.append(Absent(bed, at, until, "alarms switched off at the device", (alarm,)))
    return found


def _longest_first(found: list[Absent]) -> list[Absent]:
    return sorted(found, key=lambda one: (one.since - one.until, one.bed, one.since, one.what))
