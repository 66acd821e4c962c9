"""Converting: turns files of messages into files of facts, in the form of the input topics."""

from __future__ import annotations

import mmap
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from analyzer.hl7 import OUTCOMES, Outcome, Profiles, Translator, pieces
from analyzer.hl7 import Refusal as Expected
from analyzer.model import AlarmEvent
from streams.files.lines import STDIN, InputError, content, shown
from streams.formats.codec import to_json
from streams.hl7.facts import encode, topic_of

FILES = ("alarms", "assignments", "responses", "labels", "rejected")
_NO_MESSAGE = Expected("MSH", "a message that begins with MSH")


class Translated(NamedTuple):
    """The result of one message of a file."""

    path: Path
    line: int
    outcome: Outcome


@dataclass(slots=True)
class Tally:
    """Counts over the messages of all files."""

    files: int = 0
    messages: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    rules: Counter[str] = field(default_factory=Counter)
    types: Counter[str] = field(default_factory=Counter)
    """Dropped messages by reason and type."""
    phases: Counter[str] = field(default_factory=Counter)
    notes: Counter[str] = field(default_factory=Counter)
    senders: Counter[str] = field(default_factory=Counter)
    facilities: Counter[str] = field(default_factory=Counter)
    unmapped: Counter[str] = field(default_factory=Counter)
    refusals: Counter[tuple[str, str]] = field(default_factory=Counter)
    first: int | None = None
    last: int | None = None
    open: int = 0
    ends_without_start: int = 0

    def add(self, one: Outcome) -> None:
        self.messages += 1
        self.kinds[one.kind] += 1
        self.rules[one.rule] += 1
        self.notes.update(one.notes)
        self.senders[one.sender] += 1
        if one.facility:
            self.facilities[one.facility] += 1
        if one.kind == "dropped":
            self.types[f"{one.message_type or 'no type'}: {one.rule}"] += 1
        if one.unmapped:
            self.unmapped[one.unmapped] += 1
        if one.refusal is not None:
            self.refusals[one.refusal] += 1
        self.phases.update(fact.phase for fact in one.facts if isinstance(fact, AlarmEvent))
        if one.sent is not None:
            self.first = one.sent if self.first is None else min(self.first, one.sent)
            self.last = one.sent if self.last is None else max(self.last, one.sent)

    def as_fields(self) -> dict[str, object]:
        """The counts as JSON."""
        return {
            "files": self.files,
            "messages": self.messages,
            "became": {kind: self.kinds[kind] for kind in OUTCOMES},
            "events": {phase: self.phases[phase] for phase in ("start", "update", "end")},
            "rules": dict(self.rules.most_common()),
            "dropped": dict(self.types.most_common()),
            "notes": dict(self.notes.most_common()),
            "senders": dict(self.senders.most_common()),
            "facilities": dict(self.facilities.most_common()),
            "unmapped": dict(self.unmapped.most_common()),
            "rejected": [
                {"field": field, "expected": expected, "messages": count}
                for (field, expected), count in self.refusals.most_common()
            ],
            "from": self.first,
            "to": self.last,
            "open": self.open,
            "ends_without_start": self.ends_without_start,
        }


def translated(
    paths: Sequence[Path], profiles: Profiles, tally: Tally, passed: Callable[[], object]
) -> Iterator[Translated]:
    """Translate the messages of files, in order. `passed` is called for each.

    Raises `InputError` for a file that cannot be read or holds no message.
    """
    translator = Translator(profiles)
    for path in paths:
        tally.files += 1
        found = 0
        for line, data, is_message in _pieces(path):
            passed()
            if is_message:
                found += 1
                outcome = translator.translate(data)
            else:
                outcome = Outcome(
                    "rejected", "no message", (), (), "?", "", "", None, None, _NO_MESSAGE
                )
            tally.add(outcome)
            yield Translated(path, line, outcome)
        if not found:
            raise InputError(
                f"{shown(path)}: no HL7 message; expected messages that begin with MSH, framed by "
                "MLLP, or separated by blank lines or by the next MSH"
            )
    tally.open = translator.episodes.open
    tally.ends_without_start = translator.episodes.waiting + translator.episodes.forgotten_ends


def _pieces(path: Path) -> Iterator[tuple[int, bytes, bool]]:
    try:
        with ExitStack() as stack:
            data: bytes | mmap.mmap
            if path == STDIN:
                data = content(path)
            else:
                file = stack.enter_context(path.open("rb"))
                head = file.read(4)
                if not head:
                    return
                if head[:2] == b"\x1f\x8b" or head == b"\x28\xb5\x2f\xfd":
                    data = content(path)
                else:
                    data = stack.enter_context(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
            yield from pieces(data)
    except OSError as error:
        raise InputError(f"{shown(path)}: {error.strerror or error}") from None
    except (EOFError, ValueError) as error:  # compressed data that is cut off
        raise InputError(f"{shown(path)}: {error}") from None


def convert(
    paths: Sequence[Path], profiles: Profiles, out: Path, passed: Callable[[], object]
) -> tuple[Tally, Counter[str]]:
    """Write the facts and the rejected messages of `paths` into the folder `out`.

    Returns the tally, and the number of lines of each file. A file appears once it is complete.
    Raises `InputError`.
    """
    tally, lines = Tally(), Counter[str](dict.fromkeys(FILES, 0))
    try:
        out.mkdir(parents=True, exist_ok=True)
        parts = {name: out / f".{name}.jsonl.part" for name in FILES}
        with ExitStack() as stack:
            files = {name: stack.enter_context(part.open("wb")) for name, part in parts.items()}
            for path, line, outcome in translated(paths, profiles, tally, passed):
                for fact in outcome.facts:
                    topic = topic_of(fact)
                    files[topic].write(encode(fact) + b"\n")
                    lines[topic] += 1
                if outcome.refusal is not None:
                    files["rejected"].write(rejection(path, line, outcome) + b"\n")
                    lines["rejected"] += 1
        for name, part in parts.items():
            part.replace(out / f"{name}.jsonl")
    except OSError as error:
        raise InputError(f"{out}: {error.strerror or error}") from None
    return tally, lines


def rejection(path: Path, line: int, outcome: Outcome) -> bytes:
    """A line of `rejected.jsonl`: file, line, field, reason, and what was expected; no value."""
    assert outcome.refusal is not None
    return to_json(
        {
            "file": shown(path),
            "line": line,
            "field": outcome.refusal.field,
            "reason": outcome.rule,
            "expected": outcome.refusal.expected,
            "sender": outcome.sender,
        }
    )
