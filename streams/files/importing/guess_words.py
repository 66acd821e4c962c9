"""The meanings of words in an unknown table: priorities, phases, verdicts, technical alarms."""

from __future__ import annotations

import re
from collections.abc import Sequence

from streams.files.importing.roles import Column

LEVELS = (
    ("high", r"red|crisis|high|rot|hoch|critical|life|emergency|\*\*\*|!!!|\u8d64|\u7dca\u6025"),
    ("medium", r"yellow|warning|medium|gelb|mittel|\*\*|!!|amber|assist|\u9ec4"),
    ("low", r"cyan|blue|low|advisory|niedrig|tief|blau|inop|\*|!|\u9752"),
    ("info", r"info|message|hinweis|none"),
)
PHASES = (
    (
        "end",
        r"end(ed)?|off|clear(ed)?|reset|inactive|return(ed)?|cancel(led)?|.*\bnr|recovered|rtn|"
        r"gone|resolved|gegangen|geht|beendet|\u89e3\u9664",
    ),
    ("update", r"updated?|continued?|changed?|escalated?"),
    (
        "start",
        r"start(ed)?|on|raised?|active|generated|set|call|kommt|gekommen|beg[iu]n|new|alm|"
        r"annunciated|\u767a\u751f",
    ),
)
VERDICTS = (
    ("non_actionable", r"fp|false|non|no\b|^n$|^0$|nein|irrelevant|nuisance"),
    ("actionable", r"tp|true|action|yes|^[yj]$|^1$|ja|relevant"),
)
TECHNICAL = (
    r"(?i)leads?[ _-]?off|leads? fail|electrode|elektrode|disconnect|sensor|probe|cable|artifact|"
    r"battery|batterie|\u96fb\u6975|\u30d7\u30ed\u30fc\u30d6|\u30bb\u30f3\u30b5|\u96fb\u6ce2"
)
_WITH_LIMIT = re.compile(r"[*!]* *.+? *[0-9.,]+ *[<>] *[0-9.,]+")
_WITH_WORD = re.compile(r"[*!]* *.+? (HI|LO|HIGH|LOW|TIEF|HOCH) +[0-9.,]+")


def meant(text: str, known: Sequence[tuple[str, str]]) -> str | None:
    """The meaning of a word."""
    return next((one for one, words in known if re.search(words, text.lower())), None)


def phase_of(text: str) -> str | None:
    """The phase that a whole cell names: `off` is an end, `leads off` is not."""
    found = next((one for one, words in PHASES if re.fullmatch(words, text.lower())), None)
    return found or ("start" if re.fullmatch(r"(?i)h|hh|l|ll|hi|lo", text) else None)


def pairs(texts: Sequence[str]) -> bool:
    """Whether the name of an end is that of its start plus a word, such as `H` and `H NR`."""
    ends = [one for one in texts if " " in one and one.rpartition(" ")[0] in texts]
    return 0 < len(ends) >= len(texts) // 2 and all(phase_of(one) == "end" for one in ends)


def escaped(text: str) -> str:
    return re.escape(text).replace("\\ ", " ").replace("'", "''")


def phases_in(text: Column) -> dict[str, str]:
    """The last words of texts that say whether an alarm was raised or ended."""
    last = [one.rpartition(" ")[2] for one in text.texts]
    found = {one: kind for one in dict.fromkeys(last) if (kind := phase_of(one)) and one.isalpha()}
    enough = sum(one in found for one in last) > len(last) / 2
    return found if enough and {"start", "end"} <= set(found.values()) else {}


def patterns_of(text: Column, said: Sequence[str]) -> list[str]:
    number = "[0-9.,]+"
    behind = f" +(?P<phase_word>{'|'.join(said)})" if said else ""
    texts = text.texts
    if said:
        texts = [one.rpartition(" ")[0].strip() for one in texts if one.endswith(tuple(said))]
    found = []
    if sum(_WITH_LIMIT.fullmatch(one) is not None for one in texts) > 0.02 * len(texts):
        found.append(
            rf"[*!]* *(?P<source>.+?) *(?P<value>{number}) *(?P<code>[<>]) *(?P<limit>{number})"
        )
    if sum(_WITH_WORD.fullmatch(one) is not None for one in texts) > 0.02 * len(texts):
        found.append(
            rf"[*!]* *(?P<source>.+?) +(?P<code>HI|LO|HIGH|LOW|TIEF|HOCH) +(?P<value>{number})"
        )
    if not found and not said:
        return []
    return [*(one + behind for one in found), rf"[*!]* *(?P<code>.+?){behind}"]
