"""Alarm types, for biomed: which to fix first, and their causes."""

from __future__ import annotations

from grafana import pareto, promql
from grafana.frame import TO_FINDINGS, TO_WHAT_IF, TYPES, Board, address, facility, unit, window
from grafana.limits import BLUE, GREEN, ORANGE, PURPLE, SKY, SOME_ELEVATED, VERMILION, Steps
from grafana.marks import ALWAYS, OVERLOAD
from grafana.panels import curves, figure, named, note
from grafana.promql import UNITS as HERE
from grafana.queries import of_now, query
from grafana.tables import Column, grid

_W = "$window"
_NAME = "{{unit}}: " + promql.NAME
_NO_ALARM = "No alarm in this window"
_EXPORTED = "Each unit exports only its ten most frequent types (policy.top_types)."
_FEW = "Too few classified alarms: no type has 5 in this window (policy.min_classified)"
_NON_ACTIONABLE: Steps = (
    (None, GREEN, "under half"),
    (0.5, ORANGE, "half or more"),
    (0.9, VERMILION, "nearly all"),
)


def board() -> Board:
    one = Board(
        TYPES,
        "Alarm types",
        "For biomed and alarm committees: the most frequent alarms, their non-actionable share, "
        "and their causes.",
        [
            facility(several=True),
            unit(several=True),
            window("Window", "12h", "2h", "1h"),
            address("web"),
        ],
        [OVERLOAD, *ALWAYS],
    )
    one.line(
        5,
        (
            7,
            named(
                "Fix first (clinical)",
                "The type with the most non-actionable alarms, estimated as its alarms times the "
                "non-actionable share of the classified ones, technical ones left out. This is "
                "a proposal for review under change control.",
                of_now(
                    f"topk(1, {promql.with_name(promql.estimated_nonactionable(HERE, _W))})",
                    legend=_NAME,
                ),
                empty=_FEW,
            ),
        ),
        (
            5,
            figure(
                "Avoidable at the source",
                "Technical alarms: their share of all alarms of the chosen units. They come from "
                "leads, sensors, lines and batteries. Remedies: supplies, skin preparation and "
                "maintenance (our own: no published limit).",
                of_now(_technical()),
                unit="percentunit",
                decimals=0,
                steps=((None, ORANGE, ""),),
                empty=_NO_ALARM,
            ),
        ),
        (
            3,
            figure(
                "Top ten",
                "Share of all alarms of the chosen units. ISA-18.2-2016: the ten most frequent "
                "should cause 1 to 5 %, and each needs an action plan. A far larger share is an "
                "opportunity: few changes have a large effect.",
                of_now(f"sum(topk(10, {_all_units()})) / (sum({promql.alarms(HERE, _W)}) > 0)"),
                unit="percentunit",
                decimals=0,
                empty=_NO_ALARM,
            ),
        ),
        (
            3,
            figure(
                "Chattering",
                "Alarms that are at least the third of one device, source and code within 60 s. "
                "The target of ISA-18.2 is none.",
                of_now(f"sum({promql.unit('chattering_alarms', _windowed())})"),
                steps=SOME_ELEVATED,
            ),
        ),
        (
            3,
            figure(
                "Fleeting",
                "Alarms shorter than 15 s (policy.fleeting). The target of ISA-18.2 is none. A "
                "14 s delay removes half of the ignored or ineffective alarms (Goerges 2009).",
                of_now(f"sum({promql.unit('fleeting_alarms', _windowed())})"),
                steps=SOME_ELEVATED,
            ),
        ),
        (
            3,
            figure(
                "Stale",
                "Alarms open for more than 24 h (ISA-18.2: under 5 on any day).",
                of_now(f"sum({promql.unit('stale_alarms', HERE)})"),
                steps=((None, GREEN, "under 5"), (5, VERMILION, "too many")),
            ),
        ),
    )
    one.line(
        9,
        (
            24,
            grid(
                "What to fix: types by non-actionable alarms (clinical)",
                "Est. non-actionable: alarms times the non-actionable share of the classified "
                "ones, technical ones left out; empty for technical types, and if fewer than five "
                "are classified. A type links to *What if?* for its unit (try another limit or "
                "delay) and to the unit's findings. Share: of all alarms of the unit. False "
                "alarms (Drew 2014) are a different measure and not shown here.",
                Column("Facility", label="facility", width=70),
                Column("Unit", label="unit", width=95),
                Column(
                    "Type",
                    label="name",
                    width=200,
                    links=[
                        ("What if? Try another limit or delay", TO_WHAT_IF),
                        ("Findings of this unit", TO_FINDINGS),
                    ],
                ),
                Column("Alarms", promql.by_name("alarms", HERE, _W), width=70),
                Column(
                    "Share",
                    promql.by_name("share", HERE, _W),
                    "percentunit",
                    decimals=0,
                    width=70,
                ),
                Column(
                    "Non-actionable",
                    promql.by_name("nonactionable_ratio", HERE, _W, ', scope="clinical"'),
                    "percentunit",
                    decimals=0,
                    steps=_NON_ACTIONABLE,
                ),
                Column(
                    "Est. non-actionable",
                    promql.with_name(promql.estimated_nonactionable(HERE, _W)),
                    decimals=0,
                ),
                Column("Device", label="device_type", width=105),
                Column("Source", label="source", width=220),
                Column("Code", label="code", width=165),
                sort=("Est. non-actionable", "Alarms"),
                empty=_NO_ALARM,
            ),
        ),
    )
    one.line(
        10,
        (
            10,
            pareto.curve(
                "Pareto: alarms by type",
                "The most frequent types of the chosen units, at most fifteen. Bars: alarms. "
                "Curve: their shares of all alarms, added up (right axis). The table gives the "
                f"name of each rank. {_EXPORTED}",
                _by_type(),
                _share_by_type(),
                empty=_NO_ALARM,
            ),
        ),
        (
            14,
            pareto.ranks(
                "Types by rank",
                f"The ranks of the Pareto curve. {_EXPORTED}",
                _by_type(),
                _share_by_type(),
                empty=_NO_ALARM,
            ),
        ),
    )
    one.line(
        8,
        (
            24,
            grid(
                "Chatter by unit",
                "Chattering and fleeting alarms of each unit in the window, next to all its "
                "alarms.",
                Column("Facility", label="facility"),
                Column("Unit", label="unit"),
                Column("Alarms", promql.alarms(HERE, _W)),
                Column(
                    "Chattering", promql.unit("chattering_alarms", _windowed()), steps=SOME_ELEVATED
                ),
                Column(
                    "Fleeting", promql.unit("fleeting_alarms", _windowed()), steps=SOME_ELEVATED
                ),
                Column(
                    "Non-actionable (clinical)",
                    promql.nonactionable(HERE, _W),
                    "percentunit",
                    decimals=0,
                    steps=_NON_ACTIONABLE,
                ),
                sort=("Chattering",),
                empty=_NO_ALARM,
            ),
        ),
    )
    one.heading("Causes")
    one.line(
        8,
        (
            8,
            curves(
                "Chattering, fleeting and standing",
                "Alarms of the chosen units in the window. Standing: open for over 1 h (our "
                "own). Remedies: a delay or deadband for the first two (Welch 2011: 15 s at SpO2 "
                "90 % removed 60 %), a changed limit or a repair for the last.",
                query(f"sum({promql.unit('chattering_alarms', _windowed())})", "chattering", "A"),
                query(f"sum({promql.unit('fleeting_alarms', _windowed())})", "fleeting", "B"),
                query(f"sum({promql.unit('standing_alarms', HERE)})", "standing now", "C"),
                colours={"chattering": VERMILION, "fleeting": SKY, "standing now": PURPLE},
            ),
        ),
        (
            8,
            curves(
                "Technical: avoidable at the source",
                "Share of all alarms of the chosen units. They come from leads, sensors, lines "
                "and batteries. Remedies: supplies, skin preparation and maintenance (our own: "
                "no published limit).",
                query(_technical(), "technical"),
                unit="percentunit",
                most=1,
                colours={"technical": ORANGE},
                empty=_NO_ALARM,
            ),
        ),
        (
            8,
            curves(
                "Priorities",
                "Share of alarms of the chosen units. ISA-18.2 aims at 80 % low, 15 % medium, 5 "
                "% high.",
                *(
                    query(_share_of_priority(name), name, ref)
                    for ref, name in (("A", "low"), ("B", "medium"), ("C", "high"))
                ),
                unit="percentunit",
                most=1,
                colours={"low": SKY, "medium": BLUE, "high": VERMILION},
                empty=_NO_ALARM,
            ),
        ),
    )
    one.line(
        4,
        (
            24,
            note(
                "Next steps",
                "*What if?* on the worker's page, where each type above leads, tries another limit "
                "or delay. `alarm-fatigue findings --worker URL` names the pattern behind each "
                "type (technical, duplicate, chattering, threshold hugging, fleeting, standing, "
                "stale, answered late), a remedy and its owner, with 95 % intervals. "
                "`alarm-fatigue tune` shows how many alarms another limit or delay would remove, "
                "and how many actionable ones it would lose.\n\nProposals need qualified review "
                "under the hospital's change control.",
            ),
        ),
    )
    return one


def _windowed() -> str:
    return f'{HERE}, window="{_W}"'


def _all_units() -> str:
    return f"sum by (device_type, source, code) ({promql.of_type('alarms', HERE, _W)})"


def _by_type() -> str:
    return promql.with_name(_all_units())


def _share_by_type() -> str:
    every = f"sum({promql.alarms(HERE, _W)}) > 0"
    return promql.with_name(f"{_all_units()} / on () group_left () ({every})")


def _technical() -> str:
    return _share("alarm_fatigue_unit_classified_alarms", "class", "technical")


def _share_of_priority(name: str) -> str:
    return _share("alarm_fatigue_unit_alarms", "priority", name)


def _share(gauge: str, label: str, value: str) -> str:
    """The alarms whose label has the value, over all."""
    chosen = promql.once(label, series=f'{gauge}{{{_windowed()}, {label}="{value}"}}')
    every = promql.once(label, series=f"{gauge}{{{_windowed()}}}")
    return f"sum({chosen}) / (sum({every}) > 0)"
