"""Classes: the section of the board Unit about classes, responses, types and priorities."""

from __future__ import annotations

from grafana import promql
from grafana.frame import (
    Board,
    to_types,
)
from grafana.limits import (
    CLASSES,
    GREY,
    ORANGE,
    SKY,
    VERMILION,
    word,
)
from grafana.panels import MINUTES, bars, curves
from grafana.promql import UNIT as HERE
from grafana.queries import Query, of_now, query

_FEW = "Too few classified alarms: fewer than 5 (policy.min_classified)"


def add_to(one: Board) -> None:
    one.heading("Alarms by class")
    one.line(
        9,
        (
            8,
            curves(
                "Classes, alarms in 1 h",
                "Actionable: a clinician intervened or consulted (Bonafide 2015, 2017), or a "
                "reviewer said so. Non-actionable: no action was needed. Technical: about the "
                "device. Pending: still active, or ended within the last 5 min. Unknown: no feed "
                "reports interventions.",
                *_by_class(),
                colours={word(name): colour for name, colour in CLASSES.items()},
                stacked=True,
            ),
        ),
        (
            8,
            curves(
                "Non-actionable share (clinical)",
                "Share of the classified alarms of 12 h that needed no action, technical alarms "
                "left out (Bonafide 2015: 87 % in a PICU, 99 % on a ward). Technical: their share "
                "of all classified alarms; leads, sensors and batteries, avoidable at the source. "
                "Known: the classified share of all alarms. The lower it is, the less reliable "
                "the other two are.",
                query(promql.nonactionable(HERE, "12h"), "non-actionable (clinical)", "A"),
                query(promql.technical(HERE, "12h"), "technical: avoidable at the source", "B"),
                query(promql.classified(HERE, "12h"), "known", "C"),
                unit="percentunit",
                most=1,
                colours={
                    "non-actionable (clinical)": VERMILION,
                    "technical: avoidable at the source": ORANGE,
                    "known": GREY,
                },
                dashed=["known"],
                empty=_FEW,
            ),
        ),
        (
            8,
            curves(
                "First response",
                "Time from an alarm's start to the first response of any kind: median and 90th "
                "percentile over at least 30 min. Goerges 2009: median 17 s in an ICU. Bonafide "
                "2017: median 10.4 min.",
                _response(0.5, "median", "A"),
                _response(0.9, "90th percentile", "B"),
                _response(0.5, "median, high priority", "C", ', priority="high"'),
                unit=MINUTES,
                colours={
                    "median": SKY,
                    "90th percentile": ORANGE,
                    "median, high priority": VERMILION,
                },
                empty="No response to any alarm in this time, or no response feed",
            ),
        ),
    )
    one.line(
        11,
        (
            12,
            bars(
                "Most frequent alarm types, 12 h",
                "The ten most frequent types, as shares of the unit's alarms; see the board "
                "Alarm types. ISA-18.2: the ten most frequent should cause 1 to 5 % of the load, "
                "and each needs an action plan.",
                of_now(
                    f"sort_desc({promql.by_name('share', HERE, '12h')})",
                    legend=promql.NAME,
                ),
                above=True,
                unit="percentunit",
                empty="No alarm in 12 h",
            ).data_links([to_types()]),
        ),
        (
            6,
            curves(
                "Chattering, fleeting, 1 h",
                "Chattering: at least the third alarm of one device, source and code within 60 "
                "s. Fleeting: shorter than 15 s (policy.fleeting). ISA-18.2 aims at none of "
                "either. The usual remedy is a delay or deadband.",
                query(promql.unit("chattering_alarms", f'{HERE}, window="1h"'), "chattering", "A"),
                query(promql.unit("fleeting_alarms", f'{HERE}, window="1h"'), "fleeting", "B"),
                colours={"chattering": VERMILION, "fleeting": SKY},
            ),
        ),
        (
            6,
            bars(
                "Priorities, 12 h",
                "Share of alarms. ISA-18.2 aims at 80 % low, 15 % medium, 5 % high.",
                *(
                    of_now(
                        promql.unit("priority_share", f'{HERE}, window="12h", priority="{name}"'),
                        ref,
                        f"{name} (aim: {aim} %)",
                    )
                    for ref, name, aim in (("A", "low", 80), ("B", "medium", 15), ("C", "high", 5))
                ),
                unit="percentunit",
                above=True,
                most=1,
                empty="No alarm in 12 h",
            ),
        ),
    )


def _by_class() -> list[Query]:
    return [
        query(
            promql.unit("classified_alarms", f'{HERE}, window="1h", class="{name}"'),
            word(name),
            ref,
        )
        for ref, name in zip("ABCDE", CLASSES, strict=True)
    ]


def _response(share: float, name: str, ref: str, more: str = "") -> Query:
    found = promql.responses(f"{HERE}{more}")
    return query(f"histogram_quantile({share}, {found}) / 60", name, ref, interval="30m")
