"""PromQL: expressions that several boards share, or that need an explanation.

Each gauge is aggregated to its own labels. The worker that exported it does not matter; its label
would keep the columns of a table apart.
"""

from __future__ import annotations

FACILITY = 'facility="$facility"'
UNIT = 'facility="$facility", unit="$unit"'
UNITS = 'facility="$facility", unit=~"$unit"'
"""Several units may be chosen."""
CLINICIAN = 'facility="$facility", clinician="$clinician"'
"""One clinician, in every unit to which they are assigned."""

BEFORE = " offset 12h"
"""One shift earlier."""


def unit(metric: str, where: str, *, offset: str = "") -> str:
    """A gauge of units, by unit. `where`: label matchers, including the window if there is one."""
    return f"max by (facility, unit) (alarm_fatigue_unit_{metric}{{{where}}}{offset})"


def clinician(metric: str, where: str) -> str:
    """A gauge of clinicians, by clinician and unit."""
    return f"max by (facility, unit, clinician) (alarm_fatigue_clinician_{metric}{{{where}}})"


def on_duty(expression: str, where: str) -> str:
    """Only clinicians with a bed."""
    return f"{expression} and ({clinician('beds', where)} > 0)"


def alarms(where: str, window: str, offset: str = "") -> str:
    """Alarms of each unit that started in the window, of all priorities."""
    return (
        f'sum by (facility, unit) (alarm_fatigue_unit_alarms{{{where}, window="{window}"}}{offset})'
    )


def alarms_of_clinicians(where: str, window: str) -> str:
    gauge = f'alarm_fatigue_clinician_alarms{{{where}, window="{window}"}}'
    return f"sum by (facility, unit, clinician) ({gauge})"


def per_clinician(where: str, window: str, offset: str = "") -> str:
    """Alarms of each unit over the clinicians on duty there; absent where there are none."""
    return f"{alarms(where, window, offset)} / ({unit('clinicians', where, offset=offset)} > 0)"


def change_from_before(where: str) -> str:
    """The relative change of a unit's alarms from the previous 12 h to the last 12 h."""
    return f"{alarms(where, '12h')} / ({alarms(where, '12h', BEFORE)} > 0) - 1"


def average(metric: str, where: str, window: str) -> str:
    """A share of time, averaged over a unit's clinicians on duty.

    Clinicians who went home within the window also have a share; they are left out.
    """
    ratio = on_duty(clinician(metric, f'{where}, window="{window}"'), where)
    return f"avg by (facility, unit) ({ratio})"


def protected(where: str, window: str = "1h") -> str:
    return average("protected_ratio", where, window)


RELIEF = (
    "The same rule as the web page, the records and the pages use (policy.relief): the colleague "
    "who takes the bed stays within all limits and has at most one bed more than is usual on the "
    "unit. The web page says which bed. The charge nurse decides, and considers skills and breaks."
)


MEASURES = {
    "alarms_10m": "alarms in 10 min",
    "alarms_1h": "alarms in 1 h",
    "protected_1h": "protected share",
    "unanswered": "unanswered alarms",
    "beds": "beds",
}
"""Display names of the measures of the overload state, for the average clinician on duty."""


def beyond(what: str, where: str) -> str:
    """The measures that raised a unit's state.

    `what`: `reason` for their values at that time, or `limit` for the limits that they exceeded.
    """
    return f"max by (facility, unit, measure) (alarm_fatigue_unit_overload_{what}{{{where}}})"


def at_present(where: str) -> str:
    """The current values of the same measures, except `unanswered`, for which units have no metric.

    An alarm of several clinicians counts once.
    """
    now = {
        "alarms_10m": per_clinician(where, "10m"),
        "alarms_1h": per_clinician(where, "1h"),
        "protected_1h": protected(where),
        "beds": unit("beds_per_clinician", where),
    }
    found = " or ".join(
        f'label_replace({expression}, "measure", "{measure}", "", "")'
        for measure, expression in now.items()
    )
    return f"({found}) and {beyond('reason', where)}"


def classified(where: str, window: str) -> str:
    """The share of each unit's alarms in the window that are classified. Non-actionable ratios
    refer to these.
    """
    found = 'class=~"actionable|non_actionable|technical"'
    every = f'alarm_fatigue_unit_classified_alarms{{{where}, window="{window}"}}'
    some = f'alarm_fatigue_unit_classified_alarms{{{where}, window="{window}", {found}}}'
    return f"sum by (facility, unit) ({some}) / (sum by (facility, unit) ({every}) > 0)"


def estimated_nonactionable(where: str, window: str) -> str:
    """The estimated non-actionable alarms of each type: its alarms times the non-actionable share
    of the classified ones. Absent if too few are classified.
    """
    of = "(facility, unit, device_type, source, code)"
    ratio = (
        f'alarm_fatigue_unit_type_nonactionable_ratio{{{where}, window="{window}", scope="all"}}'
    )
    count = f'alarm_fatigue_unit_type_alarms{{{where}, window="{window}"}}'
    return f"max by {of} ({count}) * max by {of} ({ratio})"


TYPE = "{{type}}"


def with_short_name(expression: str) -> str:
    """Adds a label `type` for display: device, source and code, without ISO/IEEE 11073 prefixes."""
    whole = f'label_join({expression}, "type", " ", "device_type", "source", "code")'
    pattern = "(.*?) (?:MDC_)?(.*?) (?:MDC_EVT_|MDC_)?(.*)"
    return f'label_replace({whole}, "type", "$1 $2 $3", "type", "{pattern}")'


def by_short_name(metric: str, where: str, window: str) -> str:
    """A gauge of alarm types, with the label `type`."""
    return with_short_name(of_type(metric, where, window))


def of_type(metric: str, where: str, window: str, more: str = "") -> str:
    """A gauge of alarm types, by unit and type."""
    gauge = f'alarm_fatigue_unit_type_{metric}{{{where}, window="{window}"{more}}}'
    return f"max by (facility, unit, device_type, source, code) ({gauge})"
