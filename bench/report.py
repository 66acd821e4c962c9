"""Report: progress lines, and the table of the results."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from statistics import median
from typing import Any

_began = time.monotonic()


def elapsed() -> float:
    """Seconds since the start."""
    return time.monotonic() - _began


def say(text: str) -> None:
    """A line on standard output, with the seconds since the start."""
    sys.stdout.write(f"{elapsed():6.1f} s  {text}\n")
    sys.stdout.flush()


def format_mix(mix: Mapping[str, int]) -> str:
    """The mix of an input in per cent, largest share first.

    >>> format_mix({"end": 250, "start": 750})
    'start 75.0 %, end 25.0 %'
    """
    total = sum(mix.values())
    return ", ".join(
        f"{kind} {count / total:.1%}".replace("%", " %")
        for kind, count in sorted(mix.items(), key=lambda one: -one[1])
    )


def markdown(sections: Mapping[str, Mapping[str, Any]]) -> str:
    """The tables of the measured sections."""
    parts = [_PARTS[name](section) for name, section in sections.items() if name in _PARTS]
    return "\n\n".join(["# Measured", *parts]) + "\n"


def _peers(section: Mapping[str, Any]) -> str:
    ours = section["worker"]
    rate = median(ours["rates"])
    load = section["load"]
    rows = [
        ("this worker, everything on", rate, ours["rates"]),
        *((name, median(rates), rates) for name, rates in section["peers"].items()),
    ]
    lines = [
        "## One core, one broker, one input",
        "",
        f"{_where(section)} {section['records']:,} records of {load['facilities']} facilities "
        f"with {load['beds']:,} beds and {load['clinicians']:,} clinicians; times as "
        f"{load['times']}. {format_mix(section['mix'])}.",
        "",
        f"The worker used {ours['cpu_s_per_million']:.2f} s of processor time a million records, "
        f"and {ours['peak_rss_mb']:.0f} MB at "
        f"most{'' if ours['complete'] else '; it was stopped before the end of the input'}.",
        "",
        *_table(
            ("", "events/s, median", "runs", "least - most", "this worker is"),
            [
                (
                    name,
                    f"{middle:,.0f}",
                    str(len(rates)),
                    f"{min(rates):,.0f} - {max(rates):,.0f}",
                    f"{rate / middle:,.2f} x",
                )
                for name, middle, rates in rows
            ],
        ),
        *_missing(section),
    ]
    return "\n".join(lines)


def _facilities(section: Mapping[str, Any]) -> str:
    return _scaling("## More facilities of 77 beds", section)


def _clinicians(section: Mapping[str, Any]) -> str:
    return _scaling("## More clinicians in one facility", section)


def _scaling(title: str, section: Mapping[str, Any]) -> str:
    table = _table(
        ("facilities", "clinicians", "events/s", "CPU s a million", "MB at most", "records"),
        [
            (
                f"{one['facilities']:,}",
                f"{one['clinicians']:,}",
                f"{one['rate']:,.0f}",
                f"{one['cpu_s_per_million']:.2f}",
                f"{one['peak_rss_mb']:.0f}",
                f"{one['records']:,}{'' if one['complete'] else ' (stopped)'}",
            )
            for one in section["points"]
        ],
    )
    return "\n".join([title, "", f"{_where(section)} One run each.", "", *table])


def _workers(section: Mapping[str, Any]) -> str:
    rates = section["rates"]
    one = median(rates["1"])
    spent = section.get("cpu_s_per_million", {})

    def of(number: str, place: int) -> str:
        """Median seconds, where they were measured."""
        return f"{median(run[place] for run in spent[number]):.1f}" if number in spent else ""

    table = _table(
        (
            "workers",
            "events/s, median",
            "runs",
            "against one",
            "CPU s a million: workers",
            "broker",
        ),
        [
            (
                number,
                f"{median(runs):,.0f}",
                str(len(runs)),
                f"{median(runs) / one:.2f} x",
                of(number, 0),
                of(number, 1),
            )
            for number, runs in rates.items()
        ],
    )
    return "\n".join(
        [
            "## More workers",
            "",
            f"{_where(section)} Nothing is pinned; workers and broker share the cores.",
            "",
            *table,
        ]
    )


def _recovery(section: Mapping[str, Any]) -> str:
    table = _table(
        ("alarms held", "to /ready", "to correct numbers", "bytes an alarm"),
        [
            (
                f"{one['held']:,}",
                f"{one['ready_seconds']:.1f} s",
                f"{one['correct_seconds']:.1f} s",
                f"{one['bytes_per_alarm']:.0f}",
            )
            for one in section["points"]
        ],
    )
    about = (
        "From the start of the new process, right after SIGKILL; the worker has a fixed name "
        "(`instance`)."
    )
    return "\n".join(
        [
            "## After SIGKILL",
            "",
            f"{_where(section)} {about} One run each.",
            "",
            *table,
            *_missing(section),
        ]
    )


_STEPS = {
    "read": "reading",
    "episodes": "episodes and overload changes",
    "findings": "findings",
    "burden of units": "burden of units over time, its own way through the facts included",
    "replay": "replay, reading included",
    "polars": "polars: counts by class alone, reading included",
    "pandas": "pandas: counts by class alone, reading included",
}


def _month(section: Mapping[str, Any]) -> str:
    facts = section["facts"]
    table = _table(
        ("", "CPU s", "CPU s a million facts", "MB at most"),
        [
            (
                text,
                f"{section[name]['cpu_seconds']:.1f}",
                f"{section[name]['cpu_seconds'] / facts * 1e6:.2f}",
                f"{section[name]['peak_rss_mb']:,}",
            )
            for name, text in _STEPS.items()
            if name in section
        ],
    )
    about = (
        f"{_where(section)} {section['days']} days of a hospital of {section['beds']} beds: "
        f"{facts:,} facts in JSON lines. One core, one process each, "
        "one run. The first three share a process."
    )
    moments = section.get("burden of units", {}).get("moments")
    times = [] if moments is None else ["", f"Burden: {moments:,} moments, an hour apart."]
    return "\n".join(["## A month in one process", "", about, "", *table, *times])


def _missing(section: Mapping[str, Any]) -> list[str]:
    """Lines that name the figures that could not be measured."""
    return [
        f"\n{name}: not measured; {reason}." for name, reason in section.get("missing", {}).items()
    ]


def _where(section: Mapping[str, Any]) -> str:
    return f"{section['date']}, {section['machine']}."


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    lines = [head, ["---"] + ["---:"] * (len(head) - 1), *rows]
    return [f"| {' | '.join(cells)} |" for cells in lines]


_PARTS: dict[str, Callable[[Mapping[str, Any]], str]] = {
    "peers": _peers,
    "facilities": _facilities,
    "clinicians": _clinicians,
    "workers": _workers,
    "recovery": _recovery,
    "month": _month,
}
