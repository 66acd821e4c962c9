"""Lanes: the timeline of an incident as a picture, drawn as SVG from the answer's JSON.

There is a lane for the feed and the unit, one for each clinician on duty, and one for each bed.
Patterns and shapes show what colours show.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from html import escape
from typing import Any

from streams.formats.texts import printable

WIDTH, LABEL, ROW = 960, 150, 20
MOST_BEDS = 24
"""Lanes of beds: those with most alarms (our own: more do not fit on a page)."""
MINUTE = 60_000
Show = Callable[[int], str]

_STATES = {1: "elevated", 2: "overloaded"}
_SHORT = 16


class _Axis:
    def __init__(self, begin: int, end: int) -> None:
        self._begin, self._end = begin, end

    def x(self, moment: float) -> float:
        inside = min(max(moment, self._begin), self._end)
        return LABEL + (inside - self._begin) / (self._end - self._begin) * (WIDTH - LABEL - 10)

    def ticks(self) -> Iterator[int]:
        minutes = (self._end - self._begin) / MINUTE
        step = next(one for one in (1, 2, 5, 10, 15, 30, 60, 120, 240) if minutes / one <= 12)
        first = -(-self._begin // (step * MINUTE)) * step * MINUTE
        yield from range(first, self._end + 1, step * MINUTE)


def lanes(found: dict[str, Any], show: Show) -> str:
    """The picture; `show` gives the local hour and minute of a time (ms)."""
    scope = found["scope"]
    axis = _Axis(scope["from"], scope["to"])
    rows: list[tuple[str, str]] = [("feed", "".join(_feed(found, axis, show)))]
    rows.append(("unit", "".join(_states(_of_unit(found), axis, show))))
    rows += [
        (name, "".join(_states(_of_person(found, name), axis, show))) for name in _people(found)
    ]
    rows += [(f"bed {bed}", "".join(_bed(found, bed, axis, show))) for bed in beds_shown(found)]
    height = (len(rows) + 2) * ROW + 10
    parts = [_grid(axis, height, show)]
    for number, (label, inside) in enumerate(rows):
        top = (number + 1) * ROW
        parts.append(
            f'<g transform="translate(0 {top})"><line class="lane" x1="{LABEL}" x2="{WIDTH - 10}" '
            f'y1="{ROW - 2}" y2="{ROW - 2}"/><text x="{LABEL - 8}" y="14" text-anchor="end">'
            f"{escape(_short(label))}</text>{inside}</g>"
        )
    return (
        f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="Timeline by lanes; the table '
        f'below has the same entries">{_PATTERN}{"".join(parts)}</svg>'
    )


def beds_shown(found: dict[str, Any]) -> list[str]:
    """The bed in question first, then those with most alarms, at most `MOST_BEDS`."""
    counts: dict[str, int] = {}
    for one in found["timeline"]:
        if one["bed"] is not None and one["kind"] != "assignment":
            counts[one["bed"]] = counts.get(one["bed"], 0) + 1
    own = found["scope"]["bed"]
    ordered = sorted(counts, key=lambda bed: (bed != own, -counts[bed], bed))[:MOST_BEDS]
    if own is not None and own not in ordered:
        ordered.insert(0, own)
    return ordered


def legend() -> str:
    """The legend as a line of HTML."""
    keys = (
        ("high", "alarm, high priority"),
        ("medium", "medium"),
        ("low", "low"),
        ("technical", "technical"),
        ("mute", "silenced, paused or switched off"),
        ("gap", "nothing received"),
        ("unknown", "not assessable"),
        ("elevated", "elevated"),
        ("overloaded", "overloaded"),
    )
    told = " ".join(
        f'<span class="entry"><span class="key k-{key}"></span>{words}</span>'
        for key, words in keys
    )
    return f'<p class="legend">{told} &#9650; somebody responded, &#10005; silence or pause.</p>'


_PATTERN = (
    '<defs><pattern id="hatch" width="6" height="6" patternUnits="userSpaceOnUse" '
    'patternTransform="rotate(45)"><line class="hatch" x1="0" y1="0" x2="0" y2="6"/></pattern>'
    "</defs>"
)


def _grid(axis: _Axis, height: int, show: Show) -> str:
    parts = []
    for tick in axis.ticks():
        x = round(axis.x(tick), 1)
        anchor = "end" if x > WIDTH - 30 else "middle"
        parts.append(
            f'<line class="grid" x1="{x}" x2="{x}" y1="{ROW - 4}" y2="{height - ROW}"/>'
            f'<text class="tick" x="{x}" y="12" text-anchor="{anchor}">{escape(show(tick))}</text>'
        )
    return "".join(parts)


def _box(axis: _Axis, begin: float, end: float, kind: str, title: str, top: int = 3) -> str:
    left, right = axis.x(begin), axis.x(end)
    width = max(right - left, 1.5)
    return (
        f'<rect class="{kind}" x="{left:.1f}" y="{top}" width="{width:.1f}" '
        f'height="{ROW - 6 - top + 3}"><title>{escape(printable(title))}</title></rect>'
    )


_FEED = {"gap": ("gap", "nothing received"), "not_recorded": ("unknown", "not assessable")}
"""By kind of a line of the timeline: its class in the picture, and its words."""


def _feed(found: dict[str, Any], axis: _Axis, show: Show) -> Iterator[str]:
    for one in found["timeline"]:
        if one["kind"] in _FEED and one["bed"] is None:
            kind, words = _FEED[one["kind"]]
            title = f"{words}, {show(one['at'])} to {show(one['until'])}"
            yield _box(axis, one["at"], one["until"], kind, title)


def _of_unit(found: dict[str, Any]) -> list[tuple[int, int | None]]:
    return [(one["at"], one["unit"].get("overload_state")) for one in found["conditions"]]


def _of_person(found: dict[str, Any], name: str) -> list[tuple[int, int | None]]:
    return [
        (one["at"], person["overload_state"])
        for one in found["conditions"]
        for person in one["clinicians"]
        if person["clinician"] == name
    ]


def _people(found: dict[str, Any]) -> list[str]:
    return sorted(
        {person["clinician"] for one in found["conditions"] for person in one["clinicians"]}
    )


def _states(minutes: list[tuple[int, int | None]], axis: _Axis, show: Show) -> Iterator[str]:
    """Bands of equal states, and a thin line while on duty."""
    start = 0
    for number, (at, state) in enumerate(minutes):
        last = number + 1 == len(minutes)
        if last or minutes[number + 1][1] != state or minutes[number + 1][0] > at + MINUTE:
            begin = minutes[start][0] - MINUTE
            words = _STATES.get(state or 0, "not assessable" if state is None else "normal")
            kind = {None: "unknown", 0: "duty"}.get(state, words)
            yield _box(axis, begin, at, kind, f"{words}, {show(begin)} to {show(at)}", 6)
            start = number + 1


def _bed(found: dict[str, Any], bed: str, axis: _Axis, show: Show) -> Iterator[str]:
    end = found["scope"]["to"]
    own = [one for one in found["timeline"] if one["bed"] == bed]
    ends = {name: one["until"] for one in own if one["kind"] == "alarm" for name in one["ids"]}
    for one in own:
        until = end if one["until"] is None else one["until"]
        title = f"{show(one['at'])} {one['text']}"
        if one["kind"] == "alarm":
            yield _box(axis, one["at"], until, _priority(one["text"]), title)
        elif one["kind"] == "muted":
            yield _box(axis, one["at"], until, "mute", title)
        elif one["kind"] == "gap":
            yield _box(axis, one["at"], end, "gap", title)
    for one in own:
        title = f"{show(one['at'])} {one['text']}"
        if one["kind"] in ("silence", "pause"):
            over = [ends[name] for name in one["ids"] if name in ends]
            if over:
                until = end if over[0] is None else over[0]
                yield _box(axis, one["at"], until, "mute", title)
            if one["at"] >= found["scope"]["from"]:
                yield _mark(axis, one["at"], "\u2715", title)
        elif one["kind"] == "response":
            yield _mark(axis, one["at"], "\u25b2", title)


def _mark(axis: _Axis, at: int, sign: str, title: str) -> str:
    return (
        f'<text class="mark" x="{axis.x(at):.1f}" y="14" text-anchor="middle">{sign}'
        f"<title>{escape(printable(title))}</title></text>"
    )


def _priority(text: str) -> str:
    if ", technical" in text:
        return "technical"
    return next((one for one in ("high", "medium", "low") if f"({one} priority" in text), "low")


def _short(text: str) -> str:
    text = printable(text)
    return text if len(text) <= _SHORT + 4 else f"{text[:_SHORT]}\u2026"
