"""PromQL: expressions that several boards share, or that need an explanation.

Each gauge is aggregated to its own labels. The worker that exported it does not matter; its label
would keep the columns of a table apart.
"""

from __future__ import annotations

from analyzer import STATES

FACILITY = 'facility=~"$facility"'
"""Several facilities may be chosen, or all."""
UNIT = 'facility="$facility", unit="$unit"'
UNITS = 'facility=~"$facility", unit=~"$unit"'
"""Several units of several facilities may be chosen, or all."""
CLINICIAN = 'facility="$facility", clinician="$clinician"'
"""One clinician, in every unit to which they are assigned."""

BEFORE = " offset 12h"
"""One shift earlier."""


LONG_AGO = "count(present_over_time(alarm_fatigue_build_info[12h:30m] offset {offset}h))"
"""Has a value where the time of the query is more than a shift, 12 h, ago: workers were scraped in
the 12 h that follow then. Queries cannot ask for the present time.
"""
FEW = "unit:alarm_fatigue_clinicians:few"
"""A recording rule: units with some clinicians on duty, but fewer than `privacy.smallest_group`."""


def within_shift(expression: str) -> str:
    """A figure about one clinician: of the last 12 h only, whatever range a board shows."""
    return f"(({expression}) unless on () {LONG_AGO.format(offset=-24)})"


def of_enough(expression: str, over: str = "", offset: str = "") -> str:
    """A figure about the clinicians of a unit, by facility and unit: what is older than 12 h is
    shown only where there were enough of them, or none that is known. `over`: for how long before
    the time of the query the figure is. `offset`: as in the expression.
    """
    few = f"max_over_time({FEW}[{over}]{offset})" if over else f"{FEW}{offset}"
    ago = LONG_AGO.format(offset=-12 if offset == BEFORE else -24)
    return f"(({expression}) unless on (facility, unit) ({few} and on () {ago}))"


ABOUT_PEOPLE = frozenset(
    {
        "load_spread",
        "overload_since_timestamp_seconds",
        "overload_state",
        "relief_alarms",
        "relief_available",
        "relief_taker_alarms",
    }
)
"""Gauges of units that follow from what single clinicians have to do."""


def unit(metric: str, where: str, *, offset: str = "") -> str:
    """A gauge of units, by unit. `where`: label matchers, including the window if there is one."""
    found = f"max by (facility, unit) (alarm_fatigue_unit_{metric}{{{where}}}{offset})"
    return of_enough(found, offset=offset) if metric in ABOUT_PEOPLE else found


def clinician(metric: str, where: str) -> str:
    """A gauge of clinicians, by clinician and unit."""
    return f"max by (facility, unit, clinician) (alarm_fatigue_clinician_{metric}{{{where}}})"


def on_duty(expression: str, where: str) -> str:
    """Only clinicians with a bed."""
    return f"{expression} and ({clinician('beds', where)} > 0)"


def of_assignments(expression: str, where: str) -> str:
    """A figure of each clinician with a bed, of the last 12 h only."""
    return within_shift(on_duty(expression, where))


def once(*labels: str, series: str) -> str:
    """The series by facility, unit and `labels`, from whichever worker. Two workers have the same
    facility where two versions are beside each other, and for a moment where it moves to another
    worker: what is added up must come from one of them.
    """
    return f"max by ({', '.join(('facility', 'unit', *labels))}) ({series})"


def alarms(where: str, window: str, offset: str = "") -> str:
    """Alarms of each unit that started in the window, of all priorities."""
    gauge = f'alarm_fatigue_unit_alarms{{{where}, window="{window}"}}{offset}'
    return f"sum by (facility, unit) ({once('priority', series=gauge)})"


def overloaded_clinicians(where: str) -> str:
    """How many clinicians with a bed are overloaded, by unit."""
    states = on_duty(f"{clinician('overload_state', where)} == bool 2", where)
    return of_enough(f"sum by (facility, unit) ({states})")


def alarms_of_clinicians(where: str, window: str) -> str:
    gauge = f'alarm_fatigue_clinician_alarms{{{where}, window="{window}"}}'
    return f"sum by (facility, unit, clinician) ({once('clinician', 'priority', series=gauge)})"


def per_clinician(where: str, window: str, offset: str = "") -> str:
    """Alarms of each unit over the clinicians on duty there; absent where there are none."""
    on_duty = f"{unit('clinicians', where, offset=offset)} > 0"
    return of_enough(f"{alarms(where, window, offset)} / ({on_duty})", window, offset)


def change_from_before(where: str) -> str:
    """The relative change of a unit's alarms from the previous 12 h to the last 12 h."""
    return f"{alarms(where, '12h')} / ({alarms(where, '12h', BEFORE)} > 0) - 1"


def average(metric: str, where: str, window: str) -> str:
    """A share of time, averaged over a unit's clinicians on duty.

    Clinicians who went home within the window also have a share; they are left out.
    """
    ratio = on_duty(clinician(metric, f'{where}, window="{window}"'), where)
    return of_enough(f"avg by (facility, unit) ({ratio})", window)


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
    "protected_1h": "protected, %",
    "unanswered": "unanswered",
    "beds": "beds",
}
"""Display names of the measures of the overload state, for the average clinician on duty."""


def when_it_rose(where: str) -> str:
    """The values with which the unit's state last rose, of the same measures as `at_present`."""
    return f"({_by_measure('overload_reason', where)}) and ({limit_in_force('leave', where)})"


def at_present(where: str) -> str:
    """The values now of the measures that raised a unit's state or hold it, and that have a limit
    for that state.
    """
    return f"({_by_measure('overload_present', where)}) and ({_limits_of_state('leave', where)})"


def limit_in_force(edge: str, where: str) -> str:
    """The policy's limit to enter or to leave (`edge`) the present state of each unit, of the same
    measures as `at_present`.
    """
    present = _by_measure("overload_present", where)
    return f"({_limits_of_state(edge, where)}) and ({present})"


def _limits_of_state(edge: str, where: str) -> str:
    """By unit and measure, the limits for the state that the unit has. A measure without a limit
    for elevated keeps a unit elevated until its limit to leave overloaded, as in the engine.
    """
    now = unit("overload_state", where)
    elevated, overloaded = (
        _by_measure("policy_limit", f'{where}, edge="{edge}", state="{state}"')
        for state in STATES[1:]
    )
    return (
        f"(({overloaded}) and on (facility, unit) {now} == 2) "
        f"or (({elevated} or {overloaded}) and on (facility, unit) {now} == 1)"
    )


def _by_measure(metric: str, where: str) -> str:
    """A gauge by unit and measure, in the units of `MEASURES`, rounded to tenths."""
    gauge, by = f"alarm_fatigue_unit_{metric}", "max by (facility, unit, measure)"
    plain = f'{gauge}{{{where}, measure!="protected_1h"}}'
    share = f'{gauge}{{{where}, measure="protected_1h"}}'
    return f"{by} (round({plain}, 0.1)) or {by} (round(100 * {share}, 0.1))"


def policy_limit(measure: str, state: str, edge: str, where: str) -> str:
    """A limit of the overload policy, by unit: to enter or to leave (`edge`) a state."""
    return unit("policy_limit", f'{where}, measure="{measure}", state="{state}", edge="{edge}"')


def since(where: str) -> str:
    """Since when the state of each unit that is not normal holds, in ms, as Grafana shows dates."""
    return f"1000 * {unit('overload_since_timestamp_seconds', where)}"


_KNOWN = 'class=~"actionable|non_actionable|technical"'


def classified(where: str, window: str) -> str:
    """The share of each unit's alarms in the window that are classified. Non-actionable ratios
    refer to these.
    """
    return f"{_classes(where, window, _KNOWN)} / ({_classes(where, window)} > 0)"


def technical(where: str, window: str) -> str:
    """The technical share of each unit's classified alarms: what is avoidable at the source."""
    only = _classes(where, window, 'class="technical"')
    return f"{only} / ({_classes(where, window, _KNOWN)} > 0)"


def _classes(where: str, window: str, which: str = 'class!=""') -> str:
    gauge = f'alarm_fatigue_unit_classified_alarms{{{where}, window="{window}", {which}}}'
    return f"sum by (facility, unit) ({once('class', series=gauge)})"


def nonactionable(where: str, window: str) -> str:
    """The non-actionable share of each unit's classified alarms, without technical alarms."""
    return unit("nonactionable_ratio", f'{where}, window="{window}", scope="clinical"')


def estimated_nonactionable(where: str, window: str) -> str:
    """The estimated non-actionable alarms of each type: its alarms times the non-actionable share
    of the classified ones, without technical alarms. Absent if too few are classified.
    """
    ratio = of_type("nonactionable_ratio", where, window, ', scope="clinical"')
    return f"{of_type('alarms', where, window)} * {ratio}"


def in_hour_from(where: str) -> str:
    """Alarms of all units that start in the hour after the time of the query.

    At whole hours, each alarm counts in one hour. Absent in the present hour.
    """
    gauge = f'alarm_fatigue_unit_alarms{{{where}, window="1h"}} offset -1h'
    return f"sum({once('priority', series=gauge)})"


def per_bed_and_day(where: str, by: str = "", later: int = 0) -> str:
    """Alarms per bed in the 24 h until `later` hours after the time of the query.

    Two windows of 12 h are one day without gap or overlap. Beds: those assigned, on average of the
    24 h. Absent where less than 24 h are known.
    """
    gauge = f'alarm_fatigue_unit_alarms{{{where}, window="12h"}}'
    of = f"by ({by}) " if by else ""
    alarms_of = " + ".join(
        f"sum {of}({once('priority', series=gauge + _shifted(offset - later))})"
        for offset in (0, 12)
    )
    average = f"avg_over_time({unit('beds', where)}[24h:15m]{_shifted(-later)})"
    return f"({alarms_of}) / (sum {of}({average}) > 0)"


def _shifted(hours: int) -> str:
    return f" offset {hours}h" if hours else ""


def responses(where: str) -> str:
    """First responses in each step, by the upper bound of the time that they took, in seconds."""
    counts = f"increase(alarm_fatigue_response_seconds_bucket{{{where}}}[$__rate_interval])"
    found = once("priority", "le", series=counts)
    return f"sum by (le) ({of_enough(found, '$__rate_interval')})"


NAME = "{{name}} ({{device_type}})"
"""The name of an alarm type in legends, from the labels of `with_name`."""


def with_name(expression: str) -> str:
    """Adds the label `name` to a figure of alarm types: what people call them, as the workers say
    (`alarm_names`). Where workers differ, as during an update, one of the names.
    """
    types = "(device_type, source, code)"
    names = "max by (device_type, source, code, name) (alarm_fatigue_alarm_type_info)"
    return f"({expression}) * on {types} group_left (name) topk by {types} (1, {names})"


def by_name(metric: str, where: str, window: str, more: str = "") -> str:
    """A gauge of alarm types, with the label `name`."""
    return with_name(of_type(metric, where, window, more))


def of_type(metric: str, where: str, window: str, more: str = "") -> str:
    """A gauge of alarm types, by unit and type."""
    gauge = f'alarm_fatigue_unit_type_{metric}{{{where}, window="{window}"{more}}}'
    return f"max by (facility, unit, device_type, source, code) ({gauge})"
