"""Names of clinicians in an archive. They outlive a day, so they change by day or week, also where
the pseudonyms in the topics stay the same.

The archive does not know ids, because the records of `episodes` and `overload` hold none. So a name
is made from what stands in the topic, in all tables alike:

    HMAC-SHA256(HMAC-SHA256(key, "alarm-fatigue: names in archives of 2026-W09"), pseudonym)

Its first 16 hex digits are the name in rows of that week.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from streams.formats.pseudonyms import Period, Pseudonyms, Shown, period_of, shown_at

LABEL = "alarm-fatigue: names in archives of "


@dataclass(frozen=True, slots=True)
class Names:
    """The names in an archive whose names change by `period`, `day` or `week`."""

    shown: Pseudonyms
    period: Period

    def __call__(self, pseudonym: str, moment: int) -> str:
        """The name, from the pseudonym in the topic and the time (ms) that dates the row."""
        return self.shown.derived(LABEL + period_of(moment, self.period))(pseudonym)


def names_of(shown: Shown, period: Period) -> Names | None:
    """The names in an archive of this period; None: those in the topics, or ids, are kept."""
    if not isinstance(shown, Pseudonyms) or period == "none":
        return None
    return Names(shown, period)


def names_of_one(shown: Shown, period: Period, asked: str, moment: int) -> Iterator[str]:
    """All names that rows dated `moment` (ms) may have for a clinician; `asked` is an id, a
    pseudonym of the topics, or a name.
    """
    names = names_of(shown, period)
    for one in (asked, shown_at(shown, moment)(asked)):
        yield one
        if names is not None:
            yield names(one, moment)
