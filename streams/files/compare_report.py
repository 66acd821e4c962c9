"""The report of a comparison: one page with a run chart, for whoever decides whether a change
stays.

It is written from the JSON of `streams.files.comparing`, which it carries along.
"""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from typing import Any

from analyzer.whatif import Placebos
from streams.files.compare_chart import run_chart
from streams.files.compare_words import listed, placebo_words
from streams.files.comparing import (
    balance_rows,
    calendar_of,
    change_words,
    interval_words,
    rate_words,
    verdict_words,
)
from streams.files.provenance import Provenance
from streams.files.report_parts import document, figure, made_with, sign_off, table
from streams.files.tune_charts import svg
from streams.files.tune_words import scope_words
from streams.formats.texts import printable


def page(found: dict[str, Any], made: Provenance) -> str:
    """The HTML of an answer of `compare`. Raises `NoCharts`."""
    title = f"Before and after: {scope_words(found)}"
    days = found["days"]
    malformed = (
        f" {found['malformed']} malformed lines were left out." if found["malformed"] else ""
    )
    when = calendar_of(found).written(found["at"])
    parts = [
        f"<h1>{escape(title)}</h1>",
        f'<p class="quiet">The change was made at {when}. {days["before"]} days '
        f"before it are compared with {days['after']} days after it.{malformed}</p>",
    ]
    for part in (_verdict, _harm, _chart, _figures, _caveats):
        parts += part(found)
    parts += sign_off({})
    parts.append(made_with(made))
    return document(title, parts, found | {"made_with": made.fields()})


def _verdict(found: dict[str, Any]) -> Iterable[str]:
    said = verdict_words(found)
    if found["no_verdict"]:
        yield '<div class="bad"><b>No verdict.</b> '
        yield "<br>".join(escape(one["text"]) for one in found["no_verdict"]) + "</div>"
        return
    said = said[0].upper() + said[1:]
    best, than = found["alarms_a_day"]["changed"]["ratio"], "than before"
    if found["controls"] and found["beyond_control"]["value"] is not None:
        best, than = found["beyond_control"], "relative to the control units"
    yield f'<div class="note"><b>{escape(said)}.</b><br>'
    sure = f"{100 * found['confidence']:g} %"
    chance = placebo_words(Placebos(**found["placebo"]))
    yield f"{escape(interval_words(best, sure))} {than}; {escape(chance)}.</div>"


def _harm(found: dict[str, Any]) -> Iterable[str]:
    yield "<h2>What must not get worse</h2>"
    if found["no_verdict"]:
        yield "<p>Not comparable, for the reason above.</p>"
    yield table("", ("measure", "before", "after"), balance_rows(found))
    yield (
        "<p>An alarm was actionable if a clinician intervened or consulted at the bedside between "
        "its start and five minutes after its end, or if a reviewer said so.</p>"
    )


def _chart(found: dict[str, Any]) -> Iterable[str]:
    yield "<h2>Day by day</h2>"
    yield figure(
        svg(run_chart(found)),
        "Alarms of each 24 hours, counted from the time of the change. The median and the limits "
        "are those of the days before the change; the limits lie three standard deviations from "
        "it, by the mean distance of neighbouring days (Shewhart).",
    )
    signals = found["run_chart"]["signals"]
    if signals:
        yield "<p>Rules that fired:</p><ul>"
        yield from (f"<li>{escape(one['text'])}</li>" for one in signals)
        yield "</ul>"
    else:
        yield "<p>No rule fired.</p>"
    yield (
        '<p class="quiet">Rules: a day beyond the limits; 8 days in a row on one side of the '
        "median; 6 in a row that rise or fall (Provost and Murray 2011); too few runs before the "
        "change (Swed and Eisenhart 1943). They take days for independent. Patients who stay for "
        "days make them fire more often, so the interval counts, not a rule.</p>"
    )
    if found["missing_days"]:
        yield (
            f"<p>Missing, as a feed was silent, and not compared: "
            f"{escape(listed(found['missing_days'], calendar_of(found)))}.</p>"
        )


def _figures(found: dict[str, Any]) -> Iterable[str]:
    yield "<h2>Alarms a day</h2>"
    sure = f"{100 * found['confidence']:g} %"
    rows = []
    for name, key in (("changed", "changed"), ("control units", "control")):
        if key == "control" and not found["controls"]:
            continue
        rates = found["alarms_a_day"][key]
        if key == "control":
            name = f"control: {', '.join(map(printable, found['controls']))}"
        change = "not comparable" if found["no_verdict"] else interval_words(rates["ratio"], sure)
        rows.append((name, rate_words(rates["before"]), rate_words(rates["after"]), change))
    yield table("", ("alarms", "before", "after", f"change, with {sure} interval"), rows)
    if not found["no_verdict"]:
        earlier = interval_words(found["days_before_to_earlier"], sure)
        yield f"<p>The days before the change, relative to earlier days: {escape(earlier)}.</p>"
    if found["expected_ratio"] is not None:
        yield (
            "<p>Forecast when the change was decided: "
            f"{escape(change_words(found['expected_ratio']))}.</p>"
        )
    yield from (
        f"<p>No control: {escape(printable(one['unit']))}, as {escape(one['text'])}.</p>"
        for one in found["controls_excluded"]
    )
    yield (
        '<p class="quiet">The intervals take into account that patients differ and stay for days '
        "(jackknife over beds) and that neighbouring days are alike (an autoregressive process). "
        "On simulated months without a change, 95 % intervals contain no change in 93 to 99 of "
        "100. They do so less often, in 90 to 95 of 100, if only a week is compared and "
        "neighbouring days are very much alike (a correlation of 0.7).</p>"
    )


def _caveats(found: dict[str, Any]) -> Iterable[str]:
    yield "<h2>What these figures do not say</h2><ul>"
    yield from (f"<li>{escape(one)}</li>" for one in found["caveats"])
    yield "</ul>"
