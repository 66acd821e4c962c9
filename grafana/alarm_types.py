"""Alarm types, for biomed: which to fix first, and what drives it."""

from __future__ import annotations

from grafana import asked
from grafana.asked import UNITS as HERE
from grafana.frame import CHANGED, OVERLOAD, TYPES, Board, facility, unit, window
from grafana.parts import (
    BLUE,
    GREEN,
    ORANGE,
    PURPLE,
    SKY,
    SOME_ELEVATED,
    VERMILION,
    Column,
    Steps,
    bars,
    curves,
    figure,
    grid,
    named,
    note,
    of_now,
    query,
)

_W = "$window"
_NAME = "{{unit}}: " + asked.TYPE
_NO_ALARM = "No alarm in this window"
_FEW = "No type has 5 classified alarms in this window (policy.min_classified): too few to say"
_NEEDLESS: Steps = (
    (None, GREEN, "mostly needed"),
    (0.5, ORANGE, "mostly not needed"),
    (0.9, VERMILION, "hardly ever needed"),
)


def board() -> Board:
    one = Board(
        TYPES,
        "Alarm types",
        "For biomed and alarm committees: what sounds most, what of it needed nobody, and what drives it.",
        [facility(), unit(several=True), window("Window", "12h", "2h", "1h")],
        [OVERLOAD, CHANGED],
    )
    one.line(
        5,
        (
            10,
            named(
                "Fix first",
                "The type with most alarms that needed nobody: its alarms times the non-actionable share of the classified ones "
                "(technical ones count). A proposal to look at, under change control.",
                of_now(f"topk(1, {asked.in_a_word(asked.needless(HERE, _W))})", legend=_NAME),
                empty=_FEW,
            ),
        ),
        (
            4,
            figure(
                "Top ten types' share",
                "Of all alarms of the chosen units. ISA-18.2-2016: the ten most frequent should make 1 to 5 %, and have action plans; "
                "what is far above is a chance: few changes reach much.",
                of_now(f"sum(topk(10, {_all_units()})) / (sum({asked.alarms(HERE, _W)}) > 0)"),
                unit="percentunit",
                decimals=0,
                empty=_NO_ALARM,
            ),
        ),
        (
            4,
            figure(
                "Chattering",
                "Alarms that are at least the third within 60 s of one device, source and code. ISA-18.2: none.",
                of_now(f"sum({asked.unit('chattering_alarms', _windowed())})"),
                steps=SOME_ELEVATED,
            ),
        ),
        (
            3,
            figure(
                "Fleeting",
                "Alarms over sooner than 15 s (policy.fleeting). ISA-18.2: none. A 14 s delay removes half of what was ignored or "
                "ineffective (Goerges 2009).",
                of_now(f"sum({asked.unit('fleeting_alarms', _windowed())})"),
                steps=SOME_ELEVATED,
            ),
        ),
        (
            3,
            figure(
                "Stale",
                "Alarms open for more than 24 h (ISA-18.2: under 5 on any day).",
                of_now(f"sum({asked.unit('stale_alarms', HERE)})"),
                steps=((None, GREEN, "under 5"), (5, VERMILION, "too many")),
            ),
        ),
    )
    one.line(
        9,
        (
            24,
            grid(
                "What to fix: types by the alarms that needed nobody",
                "Needless: alarms times the non-actionable share of the classified ones; empty where fewer than five are classified, "
                "which is too few to say. Share: of all alarms of the unit. Drew's false alarms are another thing, and not counted here.",
                Column("Unit", label="unit"),
                Column("Device", label="device_type"),
                Column("Source", label="source", width=230),
                Column("Code", label="code", width=230),
                Column("Alarms", asked.of_type("alarms", HERE, _W)),
                Column("Share", asked.of_type("share", HERE, _W), "percentunit", decimals=0),
                Column(
                    "Non-actionable",
                    asked.of_type("nonactionable_ratio", HERE, _W, ', scope="all"'),
                    "percentunit",
                    decimals=0,
                    steps=_NEEDLESS,
                ),
                Column(
                    "Clinical",
                    asked.of_type("nonactionable_ratio", HERE, _W, ', scope="clinical"'),
                    "percentunit",
                    decimals=0,
                    steps=_NEEDLESS,
                ),
                Column("Needless", asked.needless(HERE, _W), decimals=0),
                sort=("Needless", "Alarms"),
                empty=_NO_ALARM,
            ),
        ),
    )
    one.line(
        10,
        (
            12,
            bars(
                "Pareto: alarms by type",
                "The fifteen most frequent types of the chosen units, the most frequent first. A unit tells only of its ten most "
                "frequent types (policy.top_types).",
                of_now(
                    f"sort_desc(topk(15, {asked.in_a_word(_all_units())}))",
                    legend=asked.TYPE,
                ),
                empty=_NO_ALARM,
            ),
        ),
        (
            12,
            grid(
                "Chatter by unit",
                "Chattering and fleeting alarms of the window over all of the unit's.",
                Column("Unit", label="unit"),
                Column("Alarms", asked.alarms(HERE, _W)),
                Column(
                    "Chattering", asked.unit("chattering_alarms", _windowed()), steps=SOME_ELEVATED
                ),
                Column("Fleeting", asked.unit("fleeting_alarms", _windowed()), steps=SOME_ELEVATED),
                Column(
                    "Non-actionable",
                    asked.unit("nonactionable_ratio", f'{_windowed()}, scope="all"'),
                    "percentunit",
                    decimals=0,
                    steps=_NEEDLESS,
                ),
                sort=("Chattering",),
                empty=_NO_ALARM,
            ),
        ),
    )
    one.heading("What drives it")
    one.line(
        8,
        (
            8,
            curves(
                "Chattering, fleeting and standing",
                "Of the chosen units, in the window; standing: open for over 1 h (our own). A delay or deadband for the first two (Welch "
                "2011: 15 s at SpO2 90 % removed 60 %), a changed limit or a repair for the last.",
                query(f"sum({asked.unit('chattering_alarms', _windowed())})", "chattering", "A"),
                query(f"sum({asked.unit('fleeting_alarms', _windowed())})", "fleeting", "B"),
                query(f"sum({asked.unit('standing_alarms', HERE)})", "standing now", "C"),
                colours={"chattering": VERMILION, "fleeting": SKY, "standing now": PURPLE},
            ),
        ),
        (
            8,
            curves(
                "Technical alarms",
                "Share of all alarms of the chosen units: leads, sensors, lines and batteries, whose remedies are supplies, skin "
                "preparation and maintenance (our own: no published limit).",
                query(
                    f'sum(alarm_fatigue_unit_classified_alarms{{{_windowed()}, class="technical"}})'
                    f" / (sum(alarm_fatigue_unit_classified_alarms{{{_windowed()}}}) > 0)",
                    "technical",
                ),
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
                "Share of alarms of the chosen units; ISA-18.2 aims at 80 % low, 15 % medium, 5 % high.",
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
                "And then",
                "`alarm-fatigue findings --worker URL` names, for each type, the pattern behind it - technical, duplicate, chattering, "
                "threshold hugging, fleeting, standing, stale, answered late -, the remedy, and who owns it, with 95 % intervals. `tune` "
                "tells what another limit or delay would have left, and what it would have hidden.\n\nProposals need qualified review "
                "under the hospital's change control.",
            ),
        ),
    )
    return one


def _windowed() -> str:
    return f'{HERE}, window="{_W}"'


def _all_units() -> str:
    return f"sum by (facility, device_type, source, code) ({asked.of_type('alarms', HERE, _W)})"


def _share_of_priority(name: str) -> str:
    found = f"alarm_fatigue_unit_alarms{{{_windowed()}"
    return f'sum({found}, priority="{name}"}}) / (sum({found}}}) > 0)'
