"""Corrections outlive a restart, and states stored by earlier versions are read."""

from __future__ import annotations

from analyzer.model import MINUTE, SECOND, Levels, OverloadPolicy, Policy
from analyzer.model.overload import Correction, Reason
from analyzer.pipeline.overload_log import LoggedTransition
from tests.harness.engines import Stored, restore, store
from tests.harness.hospitals import NINE, Hospital, storm

POLICY = OverloadPolicy(alarms_1h=Levels(), protected_1h=Levels())


def charted_late() -> Hospital:
    """A storm; who had its bed is charted three minutes after the state would have risen."""
    hospital = Hospital(POLICY)
    hospital.assign("bob", "3")
    storm(hospital, NINE, minutes=10, every=40 * SECOND)
    hospital.run_live(NINE + 12 * MINUTE)
    hospital.assign("ann", "1", "2")
    return hospital


def test_a_correction_outlives_a_restart() -> None:
    hospital = charted_late()
    hospital.run(NINE + 12 * MINUTE)
    hospital.engine = restore(store(hospital.engine, Stored()), {}, Policy(overload=POLICY))
    hospital.engine.advance(NINE + 13 * MINUTE)
    ann = hospital.engine.status().clinicians["H", "ann"]
    assert ann.correction == Correction(NINE + 12 * MINUTE, ("assignments",), None)


def test_changes_found_before_a_restart_can_be_corrected_after_it() -> None:
    hospital = Hospital(POLICY)
    hospital.assign("bob", "3")
    storm(hospital, NINE, minutes=10, every=40 * SECOND)
    hospital.run_live(NINE + 12 * MINUTE)
    hospital.engine = restore(store(hospital.engine, Stored()), {}, Policy(overload=POLICY))
    hospital.assign("ann", "1", "2")
    hospital.engine.advance(NINE + 12 * MINUTE)
    [record] = [one for one in hospital.engine.emit_changes() if one.change.clinician == "ann"]
    assert record.correction == Correction(NINE + 12 * MINUTE, ("assignments",), None)


def test_the_first_evaluation_of_a_long_history_emits_no_correction() -> None:
    """Complete history is evaluated in one step: nobody has read anything before."""
    hospital = Hospital(POLICY)
    hospital.assign("ann", "1", "2")
    storm(hospital, NINE, minutes=10, every=40 * SECOND)
    hospital.engine.advance(NINE + 100 * MINUTE)
    records = hospital.engine.emit_changes()
    assert len(records) == 4
    assert all(one.correction is None for one in records)


def test_a_transition_stored_by_an_earlier_version_is_read() -> None:
    hospital = Hospital(POLICY)
    hospital.assign("ann", "1", "2")
    storm(hospital, NINE, minutes=10, every=40 * SECOND)
    [change] = [one for one in hospital.run(NINE + 12 * MINUTE) if one.clinician == "ann"]
    content = LoggedTransition(0, 2, change, emitted=True).dump()
    reasons = content[8]
    assert [type(one) for one in reasons] == [Reason]
    content[8] = [list(one)[:4] for one in reasons]
    found = LoggedTransition.load(content[:11], POLICY)
    assert (found.change, found.emitted, found.correction) == (change, True, None)
