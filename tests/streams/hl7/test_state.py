"""What `hl7 translate` stores names nobody, and is state again under the key that sealed it."""

from __future__ import annotations

import pytest

from analyzer.hl7 import Profiles, Translator
from streams.hl7.state import Record, State
from streams.partitions.checkpoint import CheckpointError
from streams.partitions.sealing import CLEAR, Sealing
from tests.analyzer.hl7.messages import STORY, adt, rol

KEY, OLD = b"k" * 32, b"o" * 32
PERSON = "nurse-4711"
ALL = (adt(rol("AD", person=PERSON)), *STORY[:4])
REST = (adt(rol("DE", person=PERSON, span="|20260301190000+0000")), *STORY[4:])


def written(sealing: Sealing) -> tuple[Translator, list[Record]]:
    translator = Translator()
    for one in ALL:
        translator.translate(one)
    return translator, State(sealing).changes(translator, 17)


def clear(records: list[Record]) -> bool:
    return any(PERSON.encode() in key + (value or b"") for key, value in records)


def test_no_record_names_a_clinician_in_clear() -> None:
    assert not clear(written(Sealing(KEY))[1])
    assert clear(written(CLEAR)[1])  # so the test can fail


@pytest.mark.parametrize("sealing", [CLEAR, Sealing(KEY)], ids=["clear", "sealed"])
def test_a_restored_translator_goes_on_as_the_one_before(sealing: Sealing) -> None:
    before, records = written(sealing)
    after, offset = State(sealing).restored(records, Profiles())
    assert offset == 17
    assert [after.translate(one).facts for one in REST] == [
        before.translate(one).facts for one in REST
    ]


@pytest.mark.parametrize("before", [CLEAR, Sealing(OLD)], ids=["clear", "another key"])
def test_state_of_before_is_sealed_anew_and_its_records_are_deleted(before: Sealing) -> None:
    _, stored = written(before)
    state = State(Sealing(KEY, [OLD]))
    translator, _ = state.restored(stored, Profiles())
    anew = state.changes(translator, 18)
    topic = dict([*stored, *anew])
    left = [(key, value) for key, value in topic.items() if value is not None]
    assert not clear(left)
    assert State(Sealing(KEY)).restored(left, Profiles())[1] == 18
    state.stored(translator)
    assert [key for key, _ in state.changes(translator, 19)] == [b"offset"]


def test_an_unknown_key_is_named() -> None:
    with pytest.raises(CheckpointError, match="another pseudonym key"):
        State(Sealing(KEY)).restored(written(Sealing(OLD))[1], Profiles())


def test_state_of_another_version_is_refused_with_the_remedy() -> None:
    with pytest.raises(ValueError, match="version 1; expected 2: start a new group"):
        State().restored([(b"offset", b"[1,5]")], Profiles())
