"""Who: the local directory of pseudonyms, and the audit of every look-up in it.

The directory holds ids of clinicians, so it stays on the machine that has the key: nothing here
writes to a topic, a log or a metric. Its files, the key included, are for their owner alone (mode
0600), and are refused if others can read or write them.
"""

from __future__ import annotations

import hmac
import json
import os
import pwd
import re
import stat
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from analyzer import Assignment
from analyzer.model import HOUR
from streams.audit import AuditError, Trail
from streams.formats.archive_names import Names
from streams.formats.codec import Malformed, decode
from streams.formats.pseudonyms import DIGITS, Period, Pseudonyms, keyed, period_of

LEAST_DIGITS = 4
LONGEST_REASON = 1024
KNOWN_DAYS = 100
"""How far back pseudonyms of a day or week are looked up: `episodes` is kept for 90 days."""
ARCHIVED_DAYS = 400
"""How far back names in an archive of weeks are looked up: a year and the month after it."""
_ASKED = re.compile(rf"[0-9a-f]{{{LEAST_DIGITS},{DIGITS}}}")


class WhoError(Exception):
    """A look-up that is refused: one line."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The ids for which a pseudonym, or its first digits, stands, by full pseudonym."""

    asked: str
    found: Mapping[str, str]


def asked(text: str) -> str:
    """A pseudonym or its first digits, as people copy them. Raises `WhoError`.

    >>> asked("77BC01d2…")
    '77bc01d2'
    """
    digits = text.strip().rstrip("…").lower()
    if _ASKED.fullmatch(digits) is None:
        raise WhoError(
            f"PSEUDONYM: expected {LEAST_DIGITS} to {DIGITS} of its hexadecimal digits, from the "
            "first on"
        )
    return digits


def reason_of(text: str | None) -> str:
    """The reason for a look-up. Raises `WhoError`."""
    reason = (text or "").strip()
    if not (0 < len(reason) <= LONGEST_REASON and reason.isprintable()):
        raise WhoError(
            f"--reason: expected why you look this up, 1 to {LONGEST_REASON} characters on a line"
        )
    return reason


def clinicians_in(values: Iterable[bytes]) -> tuple[set[str], int]:
    """The clinicians of assignments as JSON objects, and how many values are no assignments."""
    found: set[str] = set()
    malformed = 0
    for value in values:
        try:
            fact = decode("assignments", value)
        except Malformed:
            malformed += 1
            continue
        assert isinstance(fact, Assignment)
        found.add(fact.clinician)
    return found, malformed


class Directory:
    """The ids that are known, by pseudonym.

    >>> known = Directory(b"key").with_ids(["ann"])
    >>> known.look_up("c5b2")
    Answer(asked='c5b2', found={})
    """

    def __init__(self, key: bytes, names: Mapping[str, str] | None = None) -> None:
        self._key = key
        self.names = dict(names or {})

    def with_ids(self, ids: Iterable[str]) -> Directory:
        pseudonym = keyed(self._key)
        return Directory(self._key, self.names | {pseudonym(one): one for one in ids})

    def without(self, id_: str) -> Directory:
        return Directory(self._key, {name: of for name, of in self.names.items() if of != id_})

    def look_up(self, digits: str, others: Iterable[Callable[[str], str]] = ()) -> Answer:
        """`others` give pseudonyms of other keys and periods, which count as well."""
        found = {name: id_ for name, id_ in self.names.items() if name.startswith(digits)}
        for pseudonym in others:
            for id_ in self.names.values():
                if (name := pseudonym(id_)).startswith(digits):
                    found[name] = id_
        return Answer(digits, found)

    @property
    def _fingerprint(self) -> str:
        return hmac.new(self._key, b"directory of pseudonyms", "sha512").hexdigest()[:32]

    def dump(self) -> str:
        content = {"key": self._fingerprint, "clinicians": dict(sorted(self.names.items()))}
        return json.dumps(content, ensure_ascii=False, indent=1) + "\n"

    @classmethod
    def load(cls, key: bytes, text: str, previous: bytes | None = None) -> Directory:
        """Read the text of `dump`; the directory is empty if the text was made with another key.
        Raises `WhoError`.
        """
        try:
            content = json.loads(text)
            if content["key"] == cls(key)._fingerprint:
                return cls(key, content["clinicians"])
            if previous is not None and content["key"] == cls(previous)._fingerprint:
                return cls(key).with_ids(content["clinicians"].values())
            return cls(key)
        except (ValueError, KeyError, TypeError):
            raise WhoError("expected a directory of pseudonyms; delete it and build it anew") from (
                None
            )


def check_private(path: Path) -> None:
    """Raises `WhoError` unless the file is a regular one of this account and of nobody else."""
    try:
        found = path.lstat()
    except OSError as error:
        raise WhoError(f"{path}: {error.strerror}") from None
    if not stat.S_ISREG(found.st_mode):
        raise WhoError(f"{path}: expected a regular file")
    if found.st_uid != os.geteuid():
        raise WhoError(f"{path}: belongs to another account")
    if found.st_mode & 0o077:
        mode = stat.S_IMODE(found.st_mode)
        raise WhoError(f"{path}: others have access to it (mode {mode:04o}); run: chmod 600 {path}")


def other_pseudonyms(
    key: bytes, previous: bytes | None, period: Period, now: int
) -> list[Callable[[str], str]]:
    """The functions that gave pseudonyms beside those of `key` without a period: those of the
    previous key, and of each day or week of the last `KNOWN_DAYS`. `now` in ms.
    """
    found: list[Callable[[str], str]] = [] if previous is None else [keyed(previous)]
    if period != "none":
        moments = [now - back * 24 * HOUR for back in range(KNOWN_DAYS + 1)]
        for one in (key, *([] if previous is None else [previous])):
            of_key = Pseudonyms(one, period)
            periods = dict.fromkeys(period_of(moment, period) for moment in moments)
            found += [of_key.of(name) for name in periods]
    return found


def archived_names(
    key: bytes, previous: bytes | None, period: Period, now: int
) -> list[Callable[[str], str]]:
    """The functions that gave clinicians their names in archives, in each week of the last
    `ARCHIVED_DAYS` and each of the last `KNOWN_DAYS`. `now` in ms.
    """
    kinds: tuple[tuple[Period, int], ...] = (("week", ARCHIVED_DAYS), ("day", KNOWN_DAYS))
    return [
        partial(_archived, Pseudonyms(one, period), of_archive, moment)
        for one in (key, *([] if previous is None else [previous]))
        for of_archive, days in kinds
        for moment in {
            (period_of(moment, of_archive), period_of(moment, period)): moment
            for moment in (now - back * 24 * HOUR for back in range(days + 1))
        }.values()
    ]


def _archived(shown: Pseudonyms, period: Period, moment: int, id_: str) -> str:
    return Names(shown, period)(shown.at(moment)(id_), moment)


def read_directory(path: Path, key: bytes, previous: bytes | None = None) -> Directory:
    """The directory in a file; empty if there is none. Raises `WhoError`."""
    if not path.exists():
        return Directory(key)
    check_private(path)
    try:
        return Directory.load(key, path.read_text(), previous)
    except (OSError, UnicodeDecodeError):
        raise WhoError(f"{path}: cannot be read") from None
    except WhoError as error:
        raise WhoError(f"{path}: {error}") from None


def write_directory(path: Path, directory: Directory) -> None:
    """Replace the file at once. Raises `WhoError`."""
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with os.fdopen(_new(partial, os.O_EXCL), "w") as file:
            file.write(directory.dump())
        partial.replace(path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise WhoError(f"{path}: cannot be written: {error.strerror}") from None


def audit(trail: Trail, at: str, answers: Iterable[Answer], reason: str) -> None:
    """Append an entry for each look-up, and wait until they are stored. Raises `WhoError`.

    An entry names the account, the time, the pseudonym and the reason; it holds no id of a
    clinician.
    """
    entries = [
        {
            "at": at,
            "event": "who",
            "user": account(),
            "pseudonym": next(iter(one.found)) if len(one.found) == 1 else one.asked,
            "reason": reason,
            "found": len(one.found) == 1,
        }
        for one in answers
    ]
    try:
        trail.append(entries)
    except AuditError as error:
        raise WhoError(f"the look-up cannot be recorded, so nothing is shown: {error}") from None


def _new(path: Path, flag: int) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | flag, 0o600)


def account() -> str:
    """The account of this process, and whose it is by sudo."""
    number = os.getuid()
    try:
        name = pwd.getpwuid(number).pw_name
    except KeyError:
        name = str(number)
    by = os.environ.get("SUDO_USER")
    return f"{name} (sudo by {by})" if by else name
