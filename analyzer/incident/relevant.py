"""Selects the facts that a unit's figures need: of its beds, and of its clinicians elsewhere."""

from __future__ import annotations

from dataclasses import replace

from analyzer.incident.facts import Facts, Table
from analyzer.incident.question import Question


def concerning(facts: Facts, question: Question, since: int) -> Facts:
    """The facts of a facility from `since` (ms) that the unit's figures need.

    The figures are the same as with all facts of the facility: alarms count for a unit by its beds,
    and for a clinician by beds and recipients. Assignments in force, and alarms still open at
    `since`, are kept.
    """
    roster = facts.assignments
    # A later record may end an open assignment: the last one counts.
    ends = dict(zip(roster["assignment_id"], roster["end"], strict=True))
    in_force = {name for name, end in ends.items() if end is None or end > since}
    people = {
        clinician
        for clinician, unit, start, name in zip(
            roster["clinician"],
            roster["unit"],
            roster["start"],
            roster["assignment_id"],
            strict=True,
        )
        if unit == question.unit and start <= question.at and name in in_force
    }
    beds = {
        (unit, bed)
        for clinician, unit, bed in zip(
            roster["clinician"], roster["unit"], roster["bed"], strict=True
        )
        if clinician in people
    }
    alarms = facts.alarms
    last = dict(zip(alarms["alarm_id"], alarms["at"], strict=True))
    phases = dict(zip(alarms["alarm_id"], alarms["phase"], strict=True))
    recent = {name for name, at in last.items() if at > since or phases[name] != "end"}

    def alarm(row: int) -> bool:
        return alarms["alarm_id"][row] in recent and (
            alarms["unit"][row] == question.unit
            or (alarms["unit"][row], alarms["bed"][row]) in beds
            or not people.isdisjoint(alarms["recipients"][row] or ())
        )

    def assignment(row: int) -> bool:
        return roster["assignment_id"][row] in in_force and (
            roster["unit"][row] == question.unit or roster["clinician"][row] in people
        )

    found = facts.where("alarms", alarm).where("assignments", assignment)
    kept = set(found.alarms["alarm_id"])
    places = {bed for _, bed in zip(found.alarms["unit"], found.alarms["bed"], strict=True)}
    responses, labels = facts.responses, facts.tables["labels"]
    found = found.where(
        "responses",
        lambda row: (
            responses["at"][row] > since
            and (responses["alarm_id"][row] in kept or responses["bed"][row] in places)
        ),
    ).where("labels", lambda row: labels["alarm_id"][row] in kept)
    return replace(found, first_alarm=_first_start(alarms))


def _first_start(alarms: Table) -> int | None:
    """When the first alarm that counts started (ms)."""
    columns = (alarms[name] for name in ("at", "phase", "kind", "priority"))
    return next(
        (
            at
            for at, phase, kind, priority in zip(*columns, strict=True)
            if phase != "end" and kind != "advisory" and priority != "info"
        ),
        None,
    )
