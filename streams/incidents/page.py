"""The page of an incident, which a review board reads, annotates and signs.

It is made from the answer's JSON, which it embeds. It loads nothing, and names nobody.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from html import escape
from typing import Any

from streams.files.alarm_words import short_name
from streams.files.provenance import Provenance
from streams.files.report_parts import document, figure, made_with, sign_off, table
from streams.formats.calendars import Calendar
from streams.formats.texts import printable
from streams.incidents.drawings import curves, strip
from streams.incidents.lanes import beds_shown, lanes, legend
from streams.incidents.style import STYLE
from streams.incidents.words import VERDICTS

MOST_LINES = 400
"""Lines of the timeline in the table; the embedded data has all of them."""


def page(found: dict[str, Any], made: Provenance, calendar: Calendar) -> str:
    """The HTML of an answer of `incident --json`."""
    scope = found["scope"]
    place = f"{scope['facility']} {scope['unit']}"
    place += "" if scope["bed"] is None else f", bed {scope['bed']}"
    title = printable(f"Conditions around {calendar.show(scope['at'], made.written_at)}: {place}")
    writer = _Writer(found, calendar)
    parts = [
        "<main>",
        f"<h1>{escape(title)}</h1>",
        f'<p class="lead">{escape(found["summary"])}</p>',
        '<p class="quiet">Input to a review, never its verdict. It shows what the system did at '
        "that time. It says nothing of what would have become of a patient, and names nobody: "
        "clinicians appear under pseudonyms.</p>",
    ]
    for part in (
        writer.completeness,
        writer.picture,
        writer.factors,
        writer.counterfactuals,
        writer.actions,
        writer.hour,
        writer.own_alarms,
        writer.conditions,
        writer.lines,
        writer.method,
    ):
        parts += part()
    parts += [*sign_off({}), made_with(made), "</main>"]
    return document(title, parts, found | {"made_with": made.fields()}, STYLE)


class _Writer:
    """The parts of the page."""

    def __init__(self, found: dict[str, Any], calendar: Calendar) -> None:
        self._found, self._calendar = found, calendar

    def _clock(self, moment: int) -> str:
        return self._calendar.local(moment).strftime("%H:%M")

    def completeness(self) -> Iterator[str]:
        yield "<h2>What was recorded</h2>"
        rows = []
        for name, one in self._found["completeness"].items():
            gaps = ", ".join(f"{self._clock(a)} to {self._clock(b)}" for a, b in one["gaps"])
            state = "recorded" if one["recorded"] else "not recorded"
            rows.append((name, state, gaps or "none", ", ".join(one["not_assessable"]) or "-"))
        yield table("", ("channel", "state", "gaps", "what cannot be said because of it"), rows)

    def picture(self) -> Iterator[str]:
        yield "<h2>Timeline</h2>"
        yield legend()
        beds = len(beds_shown(self._found))
        drawn = {0: "No bed had an entry", 1: "1 bed is drawn"}.get(
            beds, f"{beds} beds with most entries are drawn"
        )
        yield figure(
            lanes(self._found, self._clock),
            f"Local time. {drawn}. Where nothing is drawn, nothing was recorded.",
        )

    def factors(self) -> Iterator[str]:
        found = self._found
        yield "<h2>Conditions that stood out</h2>"
        if not found["factors"]:
            yield f'<div class="note"><b>{escape(found["summary"])}</b> No cause is named.</div>'
        for number, one in enumerate(found["factors"], 1):
            yield f'<section class="factor"><h3>{number}. {_words(one["kind"])}</h3>'
            yield f"<p>{escape(printable(one['statement']))}</p>{self._is_not(one)}"
            yield f"<p>{self._certainty(one)}</p></section>"
        yield "<h3>Looked at, and not a factor</h3>"
        rows = [(_words(one["kind"]), printable(one["statement"])) for one in found["not_factors"]]
        yield table("", ("condition", "what was seen"), rows)

    def _certainty(self, one: dict[str, Any]) -> str:
        """The confidence in the figure, and the changes that were tried on it."""
        prevented = [
            self._found["counterfactuals"][place]
            for place in one["counterfactuals"]
            if self._found["counterfactuals"][place]["verdict"] == "prevented"
        ]
        levers = ", ".join(dict.fromkeys(_words(of["lever"]) for of in prevented))
        tried = f"Would have prevented it: {levers}." if levers else ""
        if one["counterfactuals"] and not levers:
            tried = "No single change that was tried would have prevented it."
        return f"Confidence: {one['confidence']}. {tried}"

    def _is_not(self, one: dict[str, Any]) -> str:
        """The figure here, and in comparable hours without an incident."""
        usual = one["baseline"]
        if usual is None:
            return (
                '<p class="quiet">IS-NOT: it is told by what was recorded; there are no eight '
                "comparable times to set it against.</p>"
            )
        drawn = strip(usual, one["value"], one["limit"])
        return (
            f'<div class="isnot">{drawn}<p>IS {one["value"]:g} here. IS-NOT: median '
            f"{usual['median']:g} in {usual['n']} comparable hours of this unit; this hour stands "
            f"at percentile {usual['percentile']:g}.</p></div>"
        )

    def counterfactuals(self) -> Iterator[str]:
        tried = self._found["counterfactuals"]
        yield "<h2>What one change would have done</h2>"
        if not tried:
            yield "<p>No state of overload was to be prevented, so no change of load was tried.</p>"
            return
        yield (
            "<p>The same program over the same facts with exactly one change, in its smallest dose "
            "that suffices. Responses stay as recorded: it models load, not people.</p>"
        )
        head = ("change", "dose", "condition", "verdict", "needed alarms hidden", "detail")
        useful = [one for one in tried if one["verdict"] not in _NO_USE]
        rest = [one for one in tried if one["verdict"] in _NO_USE]
        if useful:
            yield table("", head, map(self._tried, useful))
        else:
            yield "<p><b>No single change that was tried would have helped.</b></p>"
        if rest:
            count = f"{len(rest)} with no effect, or not assessable"
            yield f"<details><summary>Also tried: {count}</summary>"
            yield table("", head, map(self._tried, rest)) + "</details>"

    def _tried(self, one: dict[str, Any]) -> tuple[Any, ...]:
        return (
            _words(one["lever"]),
            dose_words(one["dose"]),
            self._condition(one["condition"]),
            VERDICTS[one["verdict"]],
            one["hidden_actionable"],
            one["detail"],
        )

    def _condition(self, one: dict[str, Any]) -> str:
        if "state" not in one:
            what = one["kind"].replace("_", " ")
            return f"{what} at bed {printable(one['bed'])} from {self._clock(one['at'])}"
        who = "the unit" if one["clinician"] is None else one["clinician"]
        return f"{printable(who)} {one['state']} from {self._clock(one['at'])}"

    def actions(self) -> Iterator[str]:
        found = self._found
        yield "<h2>Changes for the board to decide</h2>"
        if not found["actions"]:
            yield (
                "<p><b>This data supports no system change.</b> To know more, collect what is "
                "named as not recorded above.</p>"
                if found["factors"]
                else "<p>Nothing stood out, so no change is proposed.</p>"
            )
            return
        for number, one in enumerate(found["actions"], 1):
            measure = one["measure"]
            because = ", ".join(
                f"{place + 1}. {_words(found['factors'][place]['kind'])}"
                for place in one["factors"]
            )
            rows = [
                ("Owner (role)", one["owner"]),
                ("Strength (action hierarchy)", one["strength"]),
                ("Because of", because),
                ("Expected effect and cost", one["effect"]),
                ("Measure", f"{measure['numerator']}, per {measure['denominator']}"),
                ("It worked if", f"{measure['threshold']}, {measure['review_after_days']} days on"),
                ("Decision", "\u2610 approved  \u2610 rejected  \u2610 more evidence"),
                ("Decided by (role), date", ""),
            ]
            change = escape(printable(one["change"]))
            yield f'<section class="action approval"><h3>{number}. {change}</h3>'
            yield table("", ("", ""), [(a, printable(b)) for a, b in rows]) + "</section>"

    def hour(self) -> Iterator[str]:
        """Other beds and clinicians in the same hour: a cause must explain them, too."""
        yield "<h2>The same hour elsewhere on the unit</h2>"
        rows = [self._person(name) for name in self._names()]
        if rows:
            head = ("clinician", "beds", "most alarms in 1 h", "least protected", "worst state")
            yield table("Clinicians on duty", head, rows)
        else:
            yield "<p>Not assessable for clinicians: no assignments were recorded.</p>"
        beds = [
            (
                printable(one["bed"]),
                one["alarms"],
                "?" if one["answered"] is None else one["answered"],
                "?" if one["silenced"] is None else one["silenced"],
                f"{one['signal_lost_minutes']:.0f} min",
            )
            for one in self._found["beds"]
        ]
        head = ("bed", "alarms", "answered", "silenced", "signal lost")
        yield table("Beds", head, beds)

    def _names(self) -> list[str]:
        minutes = self._found["conditions"]
        return sorted({one["clinician"] for each in minutes for one in each["clinicians"]})

    def _person(self, name: str) -> tuple[str, ...]:
        own = [
            one
            for each in self._found["conditions"]
            for one in each["clinicians"]
            if one["clinician"] == name
        ]
        state = max(
            (one["overload_state"] for one in own if one["overload_state"] is not None),
            default=None,
        )
        return (
            printable(name),
            _extreme(own, "beds", max),
            _extreme(own, "alarms_1h", max),
            _extreme(own, "protected_ratio_1h", min),
            "?" if state is None else _STATES[state],
        )

    def own_alarms(self) -> Iterator[str]:
        scope = self._found["scope"]
        where = "the unit" if scope["bed"] is None else f"bed {scope['bed']}"
        yield f"<h2>The alarms of {escape(printable(where))}, and their history</h2>"
        rows = []
        for one in self._found["own_alarms"]:
            limit = "not recorded" if one["limit"] is None else f"{one['limit']:g}"
            here, unit = one["at_bed"], one["on_unit"]
            rows.append(
                (
                    printable(one["name"]),
                    one["in_window"],
                    limit,
                    *_past(here),
                    *(() if scope["bed"] is None else _past(unit)),
                )
            )
        if not rows:
            yield "<p>None sounded.</p>"
            return
        head = ["alarm", "now", "limit", "before", "answered", "non-actionable"]
        if scope["bed"] is not None:
            head += ["unit before", "answered", "non-actionable"]
        days = self._found["own_alarms"][0]["days"]
        yield table(
            f"Now: in the window. Before: in the {days} days before it, as far as recorded. Share "
            "non-actionable with its 95 % interval (Wilson), of those known to have needed "
            "somebody or not. No feed records a delay.",
            head,
            rows,
        )

    def conditions(self) -> Iterator[str]:
        yield "<h2>Conditions by the minute</h2>"
        if self._names():
            yield figure(
                curves(self._found, self._clock),
                "One curve for each clinician on duty; the one with most alarms is drawn bold.",
            )
        names = ("alarms_10m", "alarms_1h", "open_alarms", "clinicians", "beds", "overload_state")
        step = max(1, len(self._found["conditions"]) // 60)
        rows = [
            (self._clock(one["at"]), *(_figure(one["unit"].get(name)) for name in names))
            for one in self._found["conditions"][::step]
        ]
        head = ("time", *(name.replace("_", " ") for name in names))
        yield f"<details><summary>The unit, every {step} min</summary>{table('', head, rows)}"
        yield "</details>"

    def lines(self) -> Iterator[str]:
        found = self._found["timeline"]
        kept = found[-MOST_LINES:]
        rows = [
            (
                self._calendar.show(one["at"], self._found["scope"]["at"]),
                printable(one["text"]),
                printable(", ".join(one["ids"])),
            )
            for one in kept
        ]
        more = "" if len(kept) == len(found) else f", the last {len(kept)}"
        yield "<h2>Every line, with its records</h2>"
        yield f"<details><summary>{len(found)} lines{more}</summary>"
        yield '<div class="made">' + table("", ("time", "what", "records"), rows)
        yield "</div></details>"

    def method(self) -> Iterator[str]:
        method = self._found["method"]
        yield "<h2>Method</h2>"
        yield (
            "<p>A condition stands out if it is beyond the policy's limit and rarer than in nine "
            "of ten comparable hours of the same unit: the same hour of the day, or the one before "
            "or after it, on days of the same kind within two weeks. With fewer than eight such "
            "hours it is told without a baseline. The strength of a change follows the action "
            "hierarchy of RCA2. What was not recorded is not assessable, and never zero.</p>"
        )
        rows = [(f"facts: {name}", value) for name, value in method["inputs"].items()]
        yield '<div class="made">' + table("", ("", ""), rows) + "</div>"


_NO_USE = ("unchanged", "not_assessable")
_STATES = {0: "normal", 1: "elevated", 2: "overloaded"}


def _words(name: str) -> str:
    return escape(name.replace("_", " "))


def dose_words(dose: dict[str, Any]) -> str:
    """A dose in words: "SpO2 low: 15 s"."""
    rest = [_of_dose(name, value) for name, value in dose.items() if name != "type"]
    told = ", ".join(rest)
    if "type" in dose:
        told = f"{short_name(tuple(dose['type'].split('/')))}: {told}"
    return printable(told)


def _of_dose(name: str, value: Any) -> str:
    if name.endswith("seconds"):
        return f"{'after ' if name != 'seconds' else ''}{value} s"
    if isinstance(value, dict):
        return f"and {value['lever'].replace('_', ' ')}: " + dose_words(
            {key: one for key, one in value.items() if key != "lever"}
        )
    if isinstance(value, list):
        return f"{name} {', '.join(map(str, value))}"
    return f"{name.replace('_', ' ')} {value}"


def _figure(value: float | None) -> str:
    return "?" if value is None else f"{value:g}"


def _extreme(rows: Iterable[dict[str, Any]], name: str, of: Any) -> str:
    known = [one[name] for one in rows if one[name] is not None]
    if not known:
        return "?"
    value = of(known)
    return f"{100 * value:.0f} %" if "ratio" in name else f"{value:g}"


def _past(one: dict[str, Any]) -> tuple[str, str, str]:
    share = one["non_actionable"]
    told = (
        "unknown"
        if share["value"] is None
        else (
            f"{100 * share['value']:.0f} % ({100 * share['low']:.0f} to {100 * share['high']:.0f})"
        )
    )
    return str(one["raised"]), "?" if one["answered"] is None else str(one["answered"]), told
