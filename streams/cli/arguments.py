"""Arguments of the what-if commands: alarm types, priorities, numbers, percentages and seconds."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from itertools import combinations
from math import isfinite
from typing import TYPE_CHECKING, cast, get_args

from analyzer.model import SECOND, Priority
from streams.cli.console import WRONG, fail
from streams.cli.names import check_name

if TYPE_CHECKING:
    from analyzer.columns import AlarmType
    from analyzer.whatif import Recorded


def alarm_type(text: str, option: str) -> AlarmType:
    """
    >>> alarm_type("monitor/MDC_PULS_OXIM_SAT_O2/MDC_EVT_LO", "--type")
    ('monitor', 'MDC_PULS_OXIM_SAT_O2', 'MDC_EVT_LO')
    >>> alarm_type("pump//OCCLUDED", "--type")
    ('pump', '', 'OCCLUDED')
    """
    device_type, slash, rest = text.partition("/")
    source, other, code = rest.rpartition("/")
    if not (slash and other and device_type and code):
        fail(
            f"{option}: expected DEVICE_TYPE/SOURCE/CODE, such as "
            "monitor/MDC_PULS_OXIM_SAT_O2/MDC_EVT_LO; SOURCE may be empty",
            WRONG,
        )
    return device_type, source, code


def possible_types(text: str) -> list[AlarmType]:
    """Every type that this text may name, as its parts may contain slashes.

    >>> possible_types("pump//CO2 LOW/HIGH")
    [('pump', '', 'CO2 LOW/HIGH'), ('pump', '/CO2 LOW', 'HIGH'), ('pump/', 'CO2 LOW', 'HIGH')]
    """
    slashes = [place for place, one in enumerate(text) if one == "/"]
    found = [
        (text[:first], text[first + 1 : second], text[second + 1 :])
        for first, second in combinations(slashes, 2)
    ]
    return [one for one in found if one[0] and one[2]]


def known_type(recorded: Recorded, text: str, option: str) -> AlarmType:
    """The recorded type of this name, wherever its parts contain a slash.

    Exits with an error that lists the types if there is none, or if two have this name.
    """
    import numpy as np

    parsed = alarm_type(text, option)
    known = [recorded.types[number] for number in np.unique(recorded.type).tolist()]
    found = [one for one in known if "/".join(one) == text]
    if len(found) > 1:
        fail(f"{option}: {len(found)} types have this name: {', '.join(map(str, found))}", WRONG)
    if not found:
        check_name(text, option, {"/".join(one) for one in known})
    return found[0] if found else parsed


def as_priority(text: str | None, option: str) -> Priority | None:
    if text is not None and text not in get_args(Priority):
        fail(f"{option}: expected one of {', '.join(get_args(Priority))}", WRONG)
    return cast("Priority | None", text)


def as_number(text: str, option: str) -> float:
    return float(_decimal(text, option))


def as_percent(text: str, option: str) -> float:
    found = float(_decimal(text, option) / 100)
    if not 0 < found < 1:
        fail(f"{option}: expected a percentage above 0 and below 100", WRONG)
    return found


def as_milliseconds(text: str, option: str) -> int:
    """A duration in seconds, truncated to whole milliseconds."""
    from analyzer.whatif import LONGEST

    found = _decimal(text, option)
    if not 0 <= found <= LONGEST // SECOND:
        fail(f"{option}: expected 0 to {LONGEST // SECOND} s", WRONG)
    return int(found * SECOND)


def _decimal(text: str, option: str) -> Decimal:
    try:
        found = Decimal(text)
    except InvalidOperation:
        found = Decimal("nan")
    if not isfinite(float(found)):
        fail(f"{option}: expected a number", WRONG)
    return found
