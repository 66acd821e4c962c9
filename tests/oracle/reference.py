"""The oracle: every number of docs/semantics.md, computed slowly from the bare list of facts.

It keeps no state between calls and takes no shortcuts; the incremental engine must equal it
exactly. The facts are those of one facility, accepted and deduplicated (except in `admission`,
which decides exactly that). Times and durations are integer milliseconds. Only the set of facts
matters, never their order in the list.
"""

from __future__ import annotations

from collections.abc import Sequence

from analyzer.model.facts import Fact
from analyzer.model.policy import Policy
from tests.oracle.admission import Outcome, admission, judged
from tests.oracle.clinicians import put_clinician
from tests.oracle.episodes import Episode, episodes, facts_known_at, winning_assignments
from tests.oracle.samples import Metrics, Samples
from tests.oracle.units import put_response_seconds, put_staffing, put_unit

__all__ = ["Episode", "Outcome", "admission", "episodes", "judged", "metrics"]


def metrics(facts: Sequence[Fact], now: int, policy: Policy) -> Metrics:
    """The facility's samples at `now`, without those of overload; clinicians by their raw ids."""
    facts = facts_known_at(facts, now)
    if not facts:
        return {}
    out = Samples(facts[0].facility)
    alarms = [episode for episode in episodes(facts, now, policy).values() if episode.is_alarm]
    assignments = winning_assignments(facts)

    clinicians = {assignment.clinician for assignment in assignments}
    units = {assignment.unit for assignment in assignments}
    for episode in alarms:
        clinicians |= episode.clinicians
        units.add(episode.unit)

    for clinician in clinicians:
        put_clinician(out, clinician, alarms, assignments, now, policy)
    for unit in units:
        put_unit(out, unit, alarms, assignments, now, policy)
        put_staffing(out, unit, alarms, assignments, now, policy)
        put_response_seconds(out, unit, alarms)
    return out.samples
