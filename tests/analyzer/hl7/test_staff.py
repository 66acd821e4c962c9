"""ADT messages with roles are assignments."""

from __future__ import annotations

from analyzer.hl7 import Profile, Translator
from analyzer.model import Assignment
from tests.analyzer.hl7.messages import adt, outcomes, rol


def assignments(*data: bytes, profile: Profile | None = None) -> list[Assignment]:
    found = [fact for one in outcomes(*data, profile=profile) for fact in one.facts]
    assert all(isinstance(one, Assignment) for one in found)
    return [one for one in found if isinstance(one, Assignment)]


def test_a_role_is_added_and_deleted() -> None:
    [begun, ended] = assignments(
        adt(rol("AD")), adt(rol("DE", span="|20260301190000+0000"), time="20260301190000+0000")
    )
    assert (begun.clinician, begun.unit, begun.bed, begun.role) == ("N-1", "ICU", "B7", "nurse")
    assert begun.end is None
    assert ended.assignment_id == begun.assignment_id
    assert (ended.start, ended.end) == (begun.start, begun.start + 12 * 3_600_000)


def test_an_update_keeps_the_assignment() -> None:
    span = "20260301070000+0000|20260301150000+0000"
    [begun, updated] = assignments(adt(rol("AD")), adt(rol("UP", span=span)))
    assert updated.assignment_id == begun.assignment_id
    assert updated.end == begun.start + 8 * 3_600_000


def test_a_role_added_again_without_having_been_deleted_ends_the_earlier_one() -> None:
    next_day = "20260302070000+0000"
    first, ended, second = assignments(
        adt(rol("AD")), adt(rol("AD", span=f"{next_day}|"), time=next_day)
    )
    assert (ended.assignment_id, ended.end) == (first.assignment_id, second.start)
    assert second.assignment_id != first.assignment_id


def test_a_transfer_moves_the_patient_not_the_nurse() -> None:
    assert assignments(adt(rol("AD"), trigger="A02")) == []


def test_staff_who_answer_no_alarms_are_left_out_unless_a_profile_includes_them() -> None:
    attending = adt(rol("AD", "D-1", "AT^attending"))
    [outcome] = outcomes(attending)
    assert (outcome.kind, outcome.notes) == ("dropped", ("other_role",))
    [kept] = assignments(attending, profile=Profile(roles={"AT": "physician"}))
    assert kept.role == "physician"
    assert assignments(adt(rol("AD")), profile=Profile(roles={"RN": None})) == []


def test_a_role_without_a_bed_or_person_is_rejected_and_changes_nothing() -> None:
    nowhere = adt(rol("AD")).replace(b"ICU^R1^B7^General", b"")
    nobody = adt(rol("AD", person=""))
    translator = Translator()
    fields = []
    for one in (nowhere, nobody):
        refusal = translator.translate(one).refusal
        assert refusal is not None
        fields.append(refusal.field)
    assert fields == ["PV1-3", "ROL-4"]
    assert translator.roster.open == {}
