"""The probable roles of the columns of an unknown table, from their names and contents."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

import polars as pl

from streams.files.importing.cells import as_text

_NAMES: dict[str, str] = {
    "patient": r"patient|surname|first ?name|last ?name|full ?name|dob|birth|geburt|mrn|"
    r"\u6c0f\u540d|\u60a3\u8005|^name$|vorname|nachname",
    "first_response": r"ack|quitt|respon|silenc|\u78ba\u8a8d",
    "end": r"\bend|end ?time|ended|clear|reset|\bto\b|until|\btill\b|\bbis\b|ende|stop|offset|"
    r"\u89e3\u9664|\u7d42\u4e86",
    "lasts": r"duration|dauer|lasts|length|seconds|\u6301\u7d9a|\u671f\u9593",
    "start": r"start|begin|onset|beginn|from|\bvon\b|\u767a\u751f|raised|alarm ?time",
    "date": r"^date$|datum|\bday\b|^tag$|\u65e5\u4ed8",
    "time": r"time|zeit|uhr|stamp|\bwhen\b|\u6642\u523b|\bat\b",
    "shift": r"shift|dienst|schicht|\u52e4\u52d9",
    "clinician": r"nurse|staff|clinician|employee|personal|pflegekraft|mitarbeiter|\bwho\b|"
    r"\u62c5\u5f53|\u770b\u8b77",
    "role": r"\brole\b|rolle|function",
    "acuity": r"acuity|pflegestufe|weight",
    "unit": r"ward|\bunit|unitname|station|dep(ar)?t|service|\u75c5\u68df",
    "bed": r"\bbed|bett|room|zimmer|location|monitor ?name|\blit\b|"
    r"\u30d9\u30c3\u30c9|\u75c5\u5e8a|\u90e8\u5c4b",
    "priority": r"prio|level|severity|colou?r|farbe|grade|urgency|stufe|"
    r"\u30ec\u30d9\u30eb|\u512a\u5148",
    "class": r"judg|verdict|adjudic|annotat|bewert|relevan|^actionable",
    "phase": r"phase|state|status|action|\u72b6\u614b|event ?type|zustand",
    "limit": r"limit|threshold|grenz|setting|\u8a2d\u5b9a",
    "value": r"value|wert|reading|\u5024",
    "device_id": r"device|geraet|ger\u00e4t|monitor|serial",
    "alarm_id": r"\bid\b|[a-z]id$|^no\.?$|^nr\.?$|number|nummer|\u756a\u53f7",
    "source": r"source|param|signal|label|kanal|channel|tag",
    "code": r"alarm|text|message|event|meldung|descr|msg|code|condition|call|"
    r"\u30a2\u30e9\u30fc\u30e0|\u5185\u5bb9",
}
"""Words by role, in order: a column gets the first role of which its name has a word."""
FORMATS = (
    "%Y-%m-%d %H:%M:%S.%f",
    "%Y-%m-%d %H:%M:%S",
    "%Y-%m-%d %H:%M",
    "%Y-%m-%dT%H:%M:%S.%f",
    "%Y-%m-%dT%H:%M:%S",
    "%Y/%m/%d %H:%M:%S",
    "%Y/%m/%d %H:%M",
    "%d.%m.%Y %H:%M:%S",
    "%d.%m.%Y %H:%M",
    "%d.%m.%y %H:%M:%S",
    "%d.%m.%y %H:%M",
    "%d/%m/%Y %H:%M:%S",
    "%m/%d/%Y %H:%M:%S",
    "%d/%m/%Y %H:%M",
    "%m/%d/%Y %H:%M",
    "%m/%d/%Y %I:%M:%S %p",
    "%m/%d/%Y %I:%M %p",
    "%d/%m/%Y %I:%M:%S %p",
    "%d-%b-%Y %H:%M:%S",
    "%d %b %Y %H:%M:%S",
    "%Y%m%d%H%M%S",
    "%Y-%m-%d %H:%M:%S:%f",
    "%Y-%m-%d %H:%M:%S,%f",
    "%d.%m.%Y %H:%M:%S.%f",
    "%d.%m.%Y %H:%M:%S,%f",
    "%m/%d/%Y %H:%M:%S.%f",
)
DATES = ("%Y-%m-%d", "%d.%m.%Y", "%d.%m.%y", "%d/%m/%Y", "%m/%d/%Y", "%Y/%m/%d", "%d-%b-%Y")
CLOCKS = ("%H:%M:%S", "%H:%M:%S.%f", "%H:%M", "%I:%M:%S %p", "%I:%M %p")
_RFC3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)")
_NANOSECONDS = re.compile(r"(?<=[.,:]\d{6})\d+$")
_MOST = 0.9
"""Least share of a column's cells that must have a format. `import` rejects the rest."""


@dataclass(slots=True)
class Column:
    """A column: its name, its possible role, and the formats of its times."""

    name: str
    role: str | None
    texts: list[str]
    empty: float
    """Share of empty cells."""
    formats: list[str] = field(default_factory=list)
    """Formats of times and dates, several if cells differ; also `ms`, `s` and `rfc3339`."""
    is_either_order: bool = False
    """Day and month may be swapped."""
    is_clock: bool = False
    is_date: bool = False
    is_number: bool = False
    is_typed_time: bool = False

    @property
    def is_time(self) -> bool:
        return self.is_typed_time or (bool(self.formats) and not (self.is_clock or self.is_date))

    @property
    def distinct(self) -> list[str]:
        """Different texts, most frequent first."""
        return pl.Series(self.texts).value_counts(sort=True).to_series(0).to_list()


def columns_of(frame: pl.DataFrame) -> list[Column]:
    """The columns of the first rows of a table."""
    found = []
    for name in frame.columns:
        series = frame[name]
        texts = as_text(series)
        some = (
            []
            if texts is None
            else [
                one
                for cell in texts.drop_nulls().to_list()
                if (one := cell.strip()) and not re.fullmatch(r"[-\u2013\u2014.]+", one)
            ]
        )
        empty = 1 - len(some) / max(frame.height, 1)
        one = Column(name, _role(name), some, empty)
        if series.dtype in (pl.Datetime, pl.Date):
            one.is_typed_time = True
        elif some:
            _find_times(one)
            if one.role == "date" and not one.formats:
                one.role = _role(name, but="date")
            one.is_number = not one.formats and _share(some, _is_number) >= _MOST
        found.append(one)
    return found


def _role(name: str, but: str | None = None) -> str | None:
    if re.search(r"(uid|guid)$", name.lower()) and "alarm" not in name.lower():
        return None
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])|_", " ", name).lower()
    for role, words in _NAMES.items():
        if role == but:
            continue
        if re.search(words, spaced) or re.search(words, name.lower()):
            return role
    return None


def _find_times(column: Column) -> None:
    texts = column.texts
    if _share(texts, lambda one: _RFC3339.fullmatch(one) is not None) >= _MOST:
        column.formats = ["rfc3339"]
        return
    numbers = [_float(one) for one in texts if _is_number(one)]
    if len(numbers) >= _MOST * len(texts):
        year_2000, year_2100 = 946_684_800, 4_133_980_800
        inside = sum(year_2000 <= one <= year_2100 for one in numbers)
        inside_ms = sum(year_2000 <= one / 1000 <= year_2100 for one in numbers)
        if inside >= _MOST * len(numbers):
            column.formats = ["s"]
        elif inside_ms >= _MOST * len(numbers) and column.role != "alarm_id":
            column.formats = ["ms"]
        if column.formats or not all(len(one) == 14 for one in texts[:5]):
            return
    for formats, kind in ((FORMATS, ""), (DATES, "is_date"), (CLOCKS, "is_clock")):
        if chosen := _formats(texts, formats):
            column.formats = chosen
            if kind:
                setattr(column, kind, True)
            column.is_either_order = any(_is_swapped_too(texts, one) for one in chosen)
            return


def _formats(texts: Sequence[str], formats: Sequence[str]) -> list[str]:
    """The formats that together fit nearly all cells."""
    rest = list(texts)
    chosen: list[str] = []
    while rest and len(chosen) < 3:
        fits = [
            (sum(_fits(one, form) for one in rest), -place) for place, form in enumerate(formats)
        ]
        most, place = max(fits)
        if not most or most < 0.02 * len(texts):
            break
        chosen.append(formats[-place])
        rest = [one for one in rest if not _fits(one, formats[-place])]
    return chosen if len(rest) <= (1 - _MOST) * len(texts) else []


def _is_swapped_too(texts: Sequence[str], form: str) -> bool:
    if not form.startswith(("%d/%m", "%m/%d")):
        return False
    swapped = form.replace("%d", "%x").replace("%m", "%d").replace("%x", "%m")
    return all(_fits(one, swapped) for one in texts if _fits(one, form))


def _fits(text: str, form: str) -> bool:
    try:
        datetime.strptime(_NANOSECONDS.sub("", text), form)  # checks only whether it can be parsed
    except ValueError:
        return False
    return True


def _is_number(text: str) -> bool:
    return re.fullmatch(r"[+-]?\d+([.,]\d+)?|[+-]?\d{1,3}(\.\d{3})+,\d+", text) is not None


def _float(text: str) -> float:
    return float((text.replace(".", "") if "," in text else text).replace(",", "."))


def _share(texts: Sequence[str], fits: object) -> float:
    assert callable(fits)
    return sum(bool(fits(one)) for one in texts) / len(texts)
