"""Meanings: maps the words of an alarm's facets to terms, with the profile of its sender."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple, TypeVar

from analyzer.hl7 import codes
from analyzer.hl7.codes import HlPhase
from analyzer.hl7.profile import Profile
from analyzer.hl7.text import Signs
from analyzer.model import Kind, Priority


class Meanings(NamedTuple):
    """The meanings of the words of an alarm's facets."""

    kind: Kind
    priority: Priority
    priority_given: bool
    phase: HlPhase
    state: str
    inactivation: tuple[str, ...] | None
    notes: tuple[str, ...]


@lru_cache(maxsize=1 << 13)
def meanings(
    profile: Profile,
    signs: Signs,
    flags: tuple[str, ...],
    kind: Kind,
    type_: str,
    priority_: str,
    phase_: str,
    state_: str,
    inactivation_: str,
) -> Meanings:
    """The meanings of the given words of facets (empty: the facet is missing).

    `flags` come from OBX-8 and replace missing facets. `kind` is the kind that the event's form
    suggests.
    """
    notes: list[str] = []
    if type_:
        known = _word(type_, profile.kinds, signs)
        if known is None:
            notes.append("unknown_type")
        kind = known or kind
    else:
        kind = next((profile.kinds[one.lower()] for one in flags if one in _TYPES), kind)
    priority, given = profile.priority, False
    words = priority_ or next((one for one in flags if one in _PRIORITIES), "")
    if words:
        shown = _word(words, profile.priorities, signs)
        if shown is not None:
            priority, given = shown, True
        elif (as_kind := _word(words, profile.kinds, signs)) is not None:
            kind, priority, given = as_kind, "low", True
        elif _word(words, _AS_UNKNOWN, signs) is None:
            notes.append("unknown_priority")
    if not given:
        notes.append("assumed_priority")
    phase: HlPhase = (_word(phase_, profile.phases, signs) or "") if phase_ else ""
    if phase_ and not phase:
        notes.append("unknown_phase")
    state = (_word(state_, profile.states, signs) or "") if state_ else ""
    if state_ and not state:
        notes.append("unknown_state")
    inactivation: tuple[str, ...] | None = None
    if inactivation_:
        shown_as = [
            _word(one, profile.inactivations, signs)
            for one in inactivation_.split(signs.repetition)
        ]
        if None in shown_as:
            notes.append("unknown_inactivation")
        if any(one is not None for one in shown_as):
            inactivation = tuple(sorted({one for one in shown_as if one}))
    return Meanings(kind, priority, given, phase, state, inactivation, tuple(notes))


_TYPES = frozenset({"SP", "ST", "SA"})
_PRIORITIES = frozenset({"PH", "PM", "PL", "PI", "PN", "PU"})
_AS_UNKNOWN = {word: word for word, known in codes.PRIORITIES.items() if known is None}


T = TypeVar("T")


def _word(text: str, table: Mapping[str, T], signs: Signs) -> T | None:
    """The meaning of a word in a table: of the whole text, or of its first part that is known.

    `Audio_Paused` and `audio paused` are `audio-paused`.
    """
    text = text.strip().lower()
    if text in table:
        return table[text]
    for one in text.replace(signs.repetition, signs.component).split(signs.component):
        for word in (one.strip(), _BLANKS.sub("-", one.strip())):
            if word in table:
                return table[word]
    return None


_BLANKS = re.compile(r"[\s_-]+")


@lru_cache(maxsize=1 << 10)
def flags_of(text: str, signs: Signs) -> tuple[str, ...]:
    """The flags of OBX-8, in capitals: repetitions, or parts of one."""
    parts = text.replace(signs.component, signs.repetition).split(signs.repetition)
    return tuple(filter(None, (one.strip().upper() for one in parts)))
