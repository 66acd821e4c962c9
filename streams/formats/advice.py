"""Advice: the sentence that people read about a bed that a colleague could take. The web page, the
records of `overload` and their consumers all have it from here.
"""

from __future__ import annotations

from collections.abc import Callable

from analyzer import Relief

NOBODY = "No one on the unit can take a bed: ask for help from outside."
_LONGEST = 10
_SHOWN = 8
"""Digits of a pseudonym that people read: two of 40 clinicians have the same ones with odds of 1 in
5 million. `alarm-fatigue who` takes them as they are.
"""


def short(name: str) -> str:
    """A clinician as people read it.

    >>> short("77bc01d2a4f09e13"), short("ann")
    ('77bc01d2…', 'ann')
    """
    return name if len(name) <= _LONGEST else f"{name[:_SHOWN]}…"


def advice(move: Relief | None, pseudonym: Callable[[str], str] | None, with_bed: bool) -> str:
    """A move in words; None: nobody can take a bed.

    `pseudonym` None: no clinician may be named. `with_bed`: whether the bed may be named.

    >>> move = Relief("12", "ann", (41, 22), "bob", (9, 28), 3)
    >>> advice(move, str.upper, with_bed=True)
    'Move bed 12 from ANN to BOB: alarms per hour 41 → 22 and 9 → 28; BOB then has 3 beds.'
    >>> advice(move, None, with_bed=False).partition(";")[0]
    'Move one bed to a colleague: alarms per hour 41 → 22 and 9 → 28'
    """
    if move is None:
        return NOBODY
    bed = f"bed {move.bed}" if with_bed else "one bed"
    (before, left), (has, gets) = move.giver_alarms, move.taker_alarms
    if pseudonym is None:
        people, taker = "to a colleague", "the colleague"
    else:
        giver, taker = (short(pseudonym(one)) for one in (move.giver, move.taker))
        people = f"from {giver} to {taker}"
    return (
        f"Move {bed} {people}: alarms per hour {before} → {left} and {has} → {gets}; "
        f"{taker} then has {move.taker_beds} beds."
    )
