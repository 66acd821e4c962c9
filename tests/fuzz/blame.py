"""Reports about random wards, read for blame: `python -m tests.fuzz.blame --reports 1000`.

Each ward has people, beds and devices with names that invite it, and something that goes wrong.
The JSON, the page and the lines for a terminal must have no word of blame in any of some languages,
no call to try harder, no ranking of people, and no id of a clinician.
"""

from __future__ import annotations

import argparse
import random
import re
from collections.abc import Iterator
from hashlib import blake2b

import numpy as np

from analyzer import FACT_TYPES, Columns, Fact, Policy, Topic
from analyzer.incident import BANNED, Facts, Question, analyse
from analyzer.model.facts import values_of
from analyzer.model.policy import HOUR, MINUTE, SECOND
from analyzer.pipeline.admission import Outcomes
from streams import __version__
from streams.files.provenance import Provenance
from streams.formats.calendars import UTC_CALENDARS
from streams.formats.codec import to_json
from streams.incidents import as_json
from streams.incidents.page import page
from streams.incidents.taken import TakenFacts
from streams.incidents.words import words
from tests.harness.incidents import AT, alarm, assignment, response

WORDS = (
    *BANNED,
    # what a review must not say of people, in English
    *("guilty", "culpab", "incompetent", "sloppy", "lazy", "inexcusable", "misconduct", "punish"),
    *("ought to have", "could have", "must learn", "did not notice", "worst clinician", "slowest"),
    *("ranking of", "leaderboard", "best nurse", "worst nurse", "least attentive"),
    # and in other languages
    *("menschliches versagen", "schuld", "unachtsam", "nachlässig", "hätte müssen", "ermahn"),
    *("erreur humaine", "aurait dû", "négligen", "coupable", "fautif", "rappeler au personnel"),
    *("error humano", "debería haber", "descuido", "culpa", "neglig", "errore umano", "colpa"),
    *("menselijke fout", "had moeten", "nalatig", "mänskliga faktorn", "försumlig", "人为错误"),
)
PEOPLE = ("kim.blamable", "n-1047", "Dr. Okafor", "zoë@ward", "anna_lind", "pfleger-7")
BEDS = ("1", "2", "3", "4", "s", "12A")


def ward(seed: int) -> tuple[list[Fact], Question]:
    """A day and a half of a small ward in which some things go wrong, and a question about it."""
    dice, found = random.Random(seed), list[Fact]()
    begin = AT - dice.choice((8, 30, 36)) * HOUR
    people = dice.sample(PEOPLE, dice.randint(1, 4))
    if dice.random() < 0.85:
        for bed in BEDS:
            who = dice.choice(people if dice.random() < 0.5 else people[:1])
            found.append(assignment(f"a{bed}", who, bed, begin))
    answers = dice.random() < 0.85
    rush = dice.choice((0, 0, 30, 80))
    moments = [begin + round(dice.random() * (AT - begin)) for _ in range(dice.randint(20, 150))]
    moments += [AT - round(dice.random() * 45 * MINUTE) for _ in range(rush)]
    if dice.random() < 0.2:
        gap = AT - dice.randint(15, 90) * MINUTE
        moments = [one for one in moments if one < gap]
    busy = dice.choice(BEDS)
    for number, at in enumerate(sorted(moments)):
        bed = busy if number % 2 and rush else dice.choice(BEDS)
        technical = dice.random() < 0.3
        code = dice.choice(("MDC_EVT_LO", "MDC_EVT_HI", "MDC_EVT_LEADS_OFF", "REMINDER_BATT_LOW"))
        lasts = dice.choice((3, 9, 25, 70, 1500, None if dice.random() < 0.2 else 40))
        fields = {
            "bed": bed,
            "kind": "technical" if technical else "physiological",
            "priority": dice.choice(("low", "medium", "high")),
            "code": code,
            "limit": dice.choice((88.0, 90.0)),
            "recipients": (dice.choice(PEOPLE),) if dice.random() < 0.1 else None,
        }
        found += alarm(f"x{number}", at, lasts, **fields)
        if answers and dice.random() < 0.6:
            action = dice.choice(("silence", "pause", "attend", "acknowledge", "intervene"))
            after = min(at + dice.randint(5, 400) * SECOND, AT)
            by = dice.choice(people)
            found.append(response(f"r{number}", after, action, alarm_id=f"x{number}", clinician=by))
    if dice.random() < 0.15:
        found.append(response("pause", AT - 50 * MINUTE, "pause", bed=busy, clinician=people[0]))
    question = Question(
        at=AT - dice.choice((0, 0, 7, 90)) * MINUTE,
        facility="H",
        unit="ICU",
        bed=dice.choice((None, busy, BEDS[0])),
        window=dice.choice((20, 60, 60, 180)) * MINUTE,
    )
    return found, question


def reports(seed: int) -> Iterator[tuple[str, str]]:
    """The report about a ward in each form: its name and text, as `incident` writes it."""
    some, question = ward(seed)
    taken = TakenFacts("H", lambda name: blake2b(name.encode(), digest_size=8).hexdigest())
    for topic, columns, outcomes in _accepted(some):
        taken.take(topic, columns, outcomes)
    facts: Facts = taken.facts()
    policy = Policy()
    found = analyse(facts, question, policy)
    document = as_json(found, facts)
    made = Provenance(__version__, question.at, policy.fingerprint, {}, "incident", ())
    calendar = UTC_CALENDARS.of("H")
    yield "json", to_json(document).decode()
    yield "page", page(document, made, calendar)
    yield "lines", "\n".join(words(found, calendar))


def blame(seed: int) -> list[str]:
    """What a report about a ward says that it must not."""
    found = []
    for form, text in reports(seed):
        # names of alarms come from makers of devices
        told = re.sub(r"reminder_batt_low", "", text, flags=re.IGNORECASE).lower()
        told = told.replace("reminder batt low", "")
        found += [f"{seed} {form}: {word}" for word in WORDS if word in told]
        found += [f"{seed} {form}: {who}" for who in PEOPLE if who.lower() in told]
    return found


def _accepted(some: list[Fact]) -> Iterator[tuple[Topic, Columns, Outcomes]]:
    topics: dict[type, Topic] = {type_: topic for topic, type_ in FACT_TYPES.items()}
    for one in some:
        columns = tuple([value] for value in values_of(one))
        yield topics[type(one)], columns, np.zeros(1, dtype=np.int8)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--reports", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    found = []
    for seed in range(given.seed, given.seed + given.reports):
        found += blame(seed)
    print("\n".join(found) or f"no word of blame in {given.reports} reports")
    raise SystemExit(bool(found))


if __name__ == "__main__":
    main()
