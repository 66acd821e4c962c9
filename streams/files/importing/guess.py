"""Proposes a mapping for an unknown table.

What the table does not show is marked `# DECIDE:`, with a provisional value, so that the mapping is
complete.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from itertools import islice, pairwise
from pathlib import Path

import polars as pl

from streams.files.importing.batches import LINE, open_table
from streams.files.importing.guess_words import (
    LEVELS,
    TECHNICAL,
    VERDICTS,
    escaped,
    meant,
    pairs,
    patterns_of,
    phase_of,
    phases_in,
)
from streams.files.importing.roles import Column, columns_of
from streams.files.importing.unknown_text import how_written
from streams.files.lines import InputError, shown
from streams.files.tables import Csv
from streams.formats.texts import printable

_ROWS = 5000
"""How many rows are examined."""
_MOST_WORDS = 20
_LONGEST_WORD = 60
_DAYS_OFF = frozenset({"u", "k", "x", "off", "frei", "al", "sick", "krank", "vac", "-"})
_SNAPSHOTS = 0.5
"""Share of rows that repeat the previous row of their bed; alarm logs repeat far less."""


def guessed(path: Path) -> str:
    """The mapping as YAML. Raises `InputError`."""
    csv, notes = how_written(path)
    table = open_table(path, csv, None, (), lambda _: None)
    parts = list(islice(table.frames(table.columns), 1))
    frame = parts[0].head(_ROWS) if parts else pl.DataFrame()
    if sum(re.search(r"\d{4}|^[\d.,:/-]+$", one) is not None for one in table.columns) > 1:
        raise InputError(
            f"{shown(path)}: the first line seems to hold data, not the names of the columns; "
            "write names above it"
        )
    known = columns_of(frame.drop(LINE, strict=False))
    return "".join(f"{line}\n" for line in _Guess(path, csv, notes, known).lines())


class _Guess:
    def __init__(
        self, path: Path, csv: Csv, notes: Sequence[str], columns: Sequence[Column]
    ) -> None:
        self._path, self._csv, self._notes = path, csv, notes
        self._columns = [one for one in columns if one.role != "patient"]
        self._patient = [one.name for one in columns if one.role == "patient"]
        self._used: set[str] = set()

    def lines(self) -> Iterator[str]:
        yield f"# A proposal for {printable(shown(self._path))}. Decide what is marked, then:"
        yield f"# alarm-fatigue import --mapping MAP.yml {printable(shown(self._path))} --out facts"
        yield from self._file()
        shift, people = self._of("shift"), self._of("clinician")
        is_roster = people is not None and (shift is not None or self._text() is None)
        body = list(self._roster() if is_roster else self._alarms())
        yield from body
        rest = [one.name for one in self._columns if one.name not in self._used]
        if rest:
            yield f"# Not read: {', '.join(map(printable, rest))}"
        if self._patient:
            names = ", ".join(map(printable, self._patient))
            yield f"# Not read, since it seems to be about patients: {names}"

    def _file(self) -> Iterator[str]:
        options = [f"encoding: {self._csv.encoding}"] if self._csv.encoding else []
        options += [f"skip: {self._csv.skip}"] if self._csv.skip else []
        numbers = [one for one in self._columns if one.is_number]
        comma = any("," in text for one in numbers for text in one.texts)
        texts = self._text()
        comma = comma or (
            texts is not None and any(re.search(r"\d,\d+ *[<>]", one) for one in texts.texts)
        )
        options += ['decimal: ","'] if comma else []
        if options:
            yield f"csv: {{{', '.join(options)}}}"
        yield from (f"# {one}" for one in self._notes)
        times = [one for one in self._columns if one.is_time or one.is_date or one.is_clock]
        if any(not set(one.formats) & {"rfc3339", "s", "ms"} for one in times):
            is_utc = all("utc" in one.name.lower() for one in times if not one.is_date)
            remark = "  # DECIDE: the zone of the clocks, such as Europe/Berlin"
            yield f"zone: UTC{'' if is_utc else remark}"

    def _alarms(self) -> Iterator[str]:
        start, end = self._start(), self._of("end", lambda one: one.is_time)
        lasts, text = self._of("lasts"), self._text()
        phase = self._phase() if end is None and lasts is None else None
        said = {} if phase or end or lasts or text is None else phases_in(text)
        patterns = [] if text is None else patterns_of(text, list(said))
        if text is not None and patterns:
            yield "texts:"
            yield f"  - column: {_name(text.name)}"
            yield "    patterns:"
            yield from (f"      - '{one}'" for one in patterns)
        yield "alarms:"
        if phase is not None or said:
            form, remark = "events", ""
        elif end is not None or lasts is not None:
            form, remark = "intervals", ""
        elif self._repeats(text):
            form, remark = "snapshots", "  # DECIDE: is each row an alarm that is on at this time?"
        else:
            form = "intervals"
            remark = "  # DECIDE: no column says when an alarm ended; all stay open"
        yield f"  rows: {form}{remark}"
        yield from self._section()
        if said and text is not None:
            pattern = f"'/.* ({'|'.join(said)})/'"
            yield f"  only: {{{_name(text.name)}: {pattern}}}  # DECIDE: the others?"
        elif phase is not None and (
            other := [one for one in _short(phase.distinct) if not phase_of(one)]
        ):
            named = [one for one in phase.distinct if phase_of(one)]
            yield f"  only: {{{_name(phase.name)}: [{', '.join(map(_name, named))}]}}"
            names = ", ".join(map(printable, other[:_MOST_WORDS]))
            yield f"  # DECIDE: what are {names}? Perhaps responses"
        yield "  fields:"
        yield from self._place()
        yield "    device_type: {value: monitor}  # DECIDE: or ventilator, infusion_pump, ...?"
        yield from self._type(text, patterns, phase)
        yield from self._priority(text)
        yield from self._kind(text)
        for role in ("value", "limit"):
            column = self._of(role)
            if column is not None and not patterns:
                number = "" if column.is_number else ", pattern: '-?[0-9]+(?:[.,][0-9]+)?'"
                found = self._use(column)
                yield f"    {role}: {f'{{column: {found}{number}}}' if number else found}"
        if form == "intervals":
            yield from self._times_of_intervals(start, end, lasts)
        else:
            if phase is not None:
                yield "    phase:"
                yield f"      column: {self._use(phase)}"
                kinds = [(one, kind) for one in phase.distinct if (kind := phase_of(one))]
                words = ", ".join(f"{_name(one)}: {kind}" for one, kind in kinds)
                yield f"      words: {{{words}}}"
            elif said:
                words = ", ".join(f"{_name(one)}: {kind}" for one, kind in said.items())
                yield f"    phase: {{column: phase_word, words: {{{words}}}}}"
            yield from self._time("at", start)
        yield from self._id()

    def _times_of_intervals(
        self, start: Column | None, end: Column | None, lasts: Column | None
    ) -> Iterator[str]:
        yield from self._time("start", start)
        if end is not None:
            yield from self._time("end", end)
        elif lasts is not None:
            yield f"    lasts: {self._use(lasts)}  # DECIDE: is it in seconds?"
        response = self._of("first_response", lambda one: one.is_time)
        if response is not None:
            yield from self._time("first_response", response)
        verdict = self._of("class")
        if verdict is not None and len(verdict.distinct) <= _MOST_WORDS:
            yield from self._words("class", verdict, VERDICTS, "unknown")

    def _roster(self) -> Iterator[str]:
        yield "assignments:"
        yield from self._section()
        yield "  fields:"
        yield from self._place(several=True)
        people, shift = self._of("clinician"), self._of("shift")
        if people is not None:
            yield f"    clinician: {self._use(people)}"
        day = self._of("date") or next((one for one in self._columns if one.is_date), None)
        start, end = self._of("start"), self._of("end")
        if shift is not None:
            if day is not None:
                form = _formats_of(day)
                yield f"    date: {{column: {self._use(day)}{form}}}{_either(day)}"
            else:
                yield "    date: Date  # DECIDE: which column is the day?"
            yield "    shift:"
            yield f"      column: {self._use(shift)}"
            codes = [one for one in _short(shift.distinct) if not re.search(r"\d", one)]
            if codes:
                yield "      words:  # DECIDE: the hours of each code, or null for a day off"
                for one in codes[:_MOST_WORDS]:
                    at_night = one.lower().startswith("n")
                    hours = '"19:00-07:00"' if at_night else '"07:00-19:00"'
                    hours = "null" if one.lower() in _DAYS_OFF else hours
                    yield f"        {_name(one)}: {hours}"
        else:
            for role, column in (("from", start), ("to", end)):
                if column is not None and column.is_clock and day is not None:
                    form = f'"{day.formats[0]} {column.formats[0]}"'
                    names = f"[{self._use(day)}, {self._use(column)}]"
                    yield f"    {role}: {{columns: {names}, time: {form}}}"
                else:
                    yield from self._time(role, column)
        for role in ("role", "acuity"):
            if (column := self._of(role)) is not None:
                yield f"    {role}: {self._use(column)}"

    def _section(self) -> Iterator[str]:
        down = [
            one.name
            for role in ("unit", "bed")
            if (one := self._of(role)) is not None and 0.2 < one.empty < 1
        ]
        if down:
            yield f"  fill_down: [{', '.join(map(_name, down))}]"
        order = self._order()
        if order is not None:
            yield f"  order: {order}"
        start, end = self._of("start"), self._of("end")
        if start is not None and end is not None and start.is_clock and end.is_clock:
            yield "  over_midnight: yes"

    def _order(self) -> str | None:
        start = self._start()
        if start is None or not start.formats or start.is_either_order or start.is_clock:
            return None
        form = start.formats[0]
        if form.startswith(("%d", "%m")):  # such texts do not sort like times
            from datetime import datetime

            found = []
            for one in start.texts:
                try:
                    found.append(datetime.strptime(one, form).isoformat())
                except ValueError:
                    continue
        else:
            found = start.texts
        rises = sum(two > one for one, two in pairwise(found))
        falls = sum(two < one for one, two in pairwise(found))
        if falls and not rises:
            return "newest first"
        return "oldest first" if rises and not falls else None

    def _place(self, several: bool = False) -> Iterator[str]:
        yield "    facility: {value: hospital}  # DECIDE: the name of the hospital"
        unit, bed = self._of("unit"), self._of("bed")
        if unit is not None:
            yield f"    unit: {self._use(unit)}"
        else:
            yield "    unit: {value: ICU}  # DECIDE: the unit, or the column that names it"
        if bed is not None:
            mark = next((one for one in (",", ";", "/") if any(one in t for t in bed.texts)), None)
            if several and mark is not None:
                yield f'    bed: {{column: {self._use(bed)}, separator: "{mark}"}}'
            else:
                yield f"    bed: {self._use(bed)}"
        else:
            yield '    bed: {value: "?"}  # DECIDE: the column that names the bed'

    def _type(
        self, text: Column | None, patterns: Sequence[str], phase: Column | None
    ) -> Iterator[str]:
        source, device = self._of("source"), self._of("device_id")
        if source is not None and not patterns:
            yield f"    source: {self._use(source)}"
        if phase is not None and pairs(phase.distinct):
            yield f"    code: {{column: {_name(phase.name)}, pattern: '^[^ ]+'}}"
            if text is not None:
                yield f"    label: {self._use(text)}"
        elif text is None:
            yield "    code: {value: unknown}  # DECIDE: the column that names the alarm"
        elif patterns:
            self._used.add(text.name)
            if any("[<>]" in one for one in patterns):
                yield '    code: {column: code, words: {"<": low, ">": high}}'
            else:
                yield "    code: code"
            yield f"    label: {_name(text.name)}"
        else:
            yield f"    code: {self._use(text)}"
        if device is not None:
            yield f"    device_id: {self._use(device)}"

    def _priority(self, text: Column | None) -> Iterator[str]:
        found = self._of("priority")
        if found is not None and 0 < len(found.distinct) <= _MOST_WORDS:
            yield from self._words("priority", found, LEVELS, None)
        elif text is not None and any(one.startswith("*") for one in text.texts):
            yield "    priority:"
            yield f"      column: {_name(text.name)}"
            yield '      marks: {"***": high, "**": medium, "*": low, "!!!": high, "!!": medium}'
            yield "      otherwise: low  # DECIDE: the priority of texts without a mark"
        else:
            yield "    priority: {value: medium}  # DECIDE: the column that tells the priority"

    def _kind(self, text: Column | None) -> Iterator[str]:
        level = self._of("priority")
        colours = [
            one
            for one in (level.distinct if level is not None else [])
            if re.search(r"(?i)cyan|inop|technical|system", one)
        ]
        if colours and level is not None:
            words = ", ".join(f"{_name(one)}: technical" for one in colours)
            yield (
                f"    kind: {{column: {_name(level.name)}, words: {{{words}}}, "
                "otherwise: physiological}  # DECIDE: are these the technical alarms?"
            )
            return
        some = sorted(
            {m[0] for one in (text.texts if text else []) if (m := re.search(TECHNICAL, one))}
        )
        if some and text is not None:
            yield "    kind:  # DECIDE: which texts are technical?"
            yield f"      column: {_name(text.name)}"
            yield f"      pattern: '{'|'.join(map(escaped, some))}'"
            yield f"      words: {{{', '.join(f'{_name(one)}: technical' for one in some)}}}"
            yield "      otherwise: physiological"
        else:
            yield "    kind: {value: physiological}  # DECIDE: which alarms are technical?"

    def _words(
        self, name: str, column: Column, known: Sequence[tuple[str, str]], otherwise: str | None
    ) -> Iterator[str]:
        yield f"    {name}:"
        yield f"      column: {self._use(column)}"
        yield "      words:"
        choices = ", ".join(value for value, _ in known)
        for one in _short(column.distinct)[:_MOST_WORDS]:
            found = meant(one, known)
            mark = "" if found else f"  # DECIDE: {choices}?"
            yield f"        {_name(one)}: {found or known[1][0]}{mark}"
        if otherwise is not None:
            yield f"      otherwise: {otherwise}"

    def _time(self, role: str, column: Column | None) -> Iterator[str]:
        if column is None:
            yield f"    {role}: Time  # DECIDE: which column is it?"
            return
        if column.is_clock:
            day = next((one for one in self._columns if one.is_date), None)
            if day is not None:
                date, clock = day.formats[0], column.formats[0]
                if day.is_either_order and "%p" in clock:  # as in America
                    date = date.replace("%d/%m", "%m/%d")
                names = f"[{self._use(day)}, {self._use(column)}]"
                form = f'"{date} {clock}"'
                yield f"    {role}: {{columns: {names}, time: {form}}}{_either(day)}"
                return
        form = _formats_of(column)
        yield f"    {role}: {{column: {self._use(column)}{form}}}{_either(column)}"

    def _id(self) -> Iterator[str]:
        column = self._of("alarm_id")
        if column is None or not column.texts:
            return
        bed = self._of("bed")
        if len(column.distinct) == len(column.texts) and column.empty == 0:
            yield f"    alarm_id: {self._use(column)}  # DECIDE: unique in the whole hospital?"
        elif bed is not None and column.empty == 0:
            names = f"[{_name(bed.name)}, {self._use(column)}]"
            yield f"    # DECIDE: ids repeat; if each device counts for itself: alarm_id: {names}"

    def _start(self) -> Column | None:
        end = self._of("end", lambda one: one.is_time)
        times = [one for one in self._columns if one.is_time and one is not end]
        named = [one for one in times if one.role in ("start", "time")]
        clocks = [one for one in self._columns if one.is_clock]
        return next(iter([*named, *times, *clocks]), None)

    def _text(self) -> Column | None:
        phase = self._phase()
        found = [
            one
            for one in self._columns
            if one.role == "code"
            and one is not phase
            and not (one.is_time or one.is_number or one.is_date)
        ]
        return max(found, key=lambda one: len(one.distinct), default=None)

    def _phase(self) -> Column | None:
        for one in self._columns:
            if one.role in ("phase", "code", None) and 2 <= len(one.distinct) <= 12:
                kinds = set(map(phase_of, one.distinct))
                if {"start", "end"} <= kinds or pairs(one.distinct):
                    return one
        return None

    def _repeats(self, text: Column | None) -> bool:
        if text is None or len(text.texts) < 20:
            return False
        return len(text.distinct) < (1 - _SNAPSHOTS) * len(text.texts) / 4 and any(
            one.is_time and len(one.distinct) < 0.8 * len(one.texts) for one in self._columns
        )

    def _of(self, role: str, fits: object = None) -> Column | None:
        found = [one for one in self._columns if one.role == role]
        if fits is not None:
            assert callable(fits)
            found = [one for one in found if fits(one)]
        return found[0] if found else None

    def _use(self, column: Column) -> str:
        self._used.add(column.name)
        return _name(column.name)


def _short(texts: Sequence[str]) -> list[str]:
    """The texts that are words. Longer ones are free text, which a mapping does not list."""
    return [one for one in texts if len(one) <= _LONGEST_WORD]


def _formats_of(column: Column) -> str:
    if column.is_typed_time or column.formats in ([], ["rfc3339"]):
        return ""
    texts = [one if one in ("s", "ms", "rfc3339") else f'"{one}"' for one in column.formats]
    return f", time: {texts[0]}" if len(texts) == 1 else f", time: [{', '.join(texts)}]"


def _either(column: Column) -> str:
    if not (column.is_typed_time or column.formats):
        return "  # DECIDE: how are its times written?"
    return "  # DECIDE: is the day or the month first?" if column.is_either_order else ""


def _name(text: str) -> str:
    """A text in YAML's notation."""
    is_plain = re.fullmatch(r"[^\W\d_][\w ]*", text) is not None and text.strip() == text
    if is_plain and text.isprintable() and text.lower() != "null":
        return text
    return json.dumps(text, ensure_ascii=not text.isprintable())
