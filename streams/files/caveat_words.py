"""The sentences of `analyzer.whatif.caveats`."""

from __future__ import annotations

from analyzer.whatif import Caveat, CaveatKind

_SENTENCES: dict[CaveatKind, str] = {
    "no_alarms": "The recording contains no alarms of this scope.",
    "none_actionable": "No alarm is known to have been actionable, so the share of actionable "
    "alarms lost cannot be bounded.",
    "class_unknown": "The class of {unknown} of {alarms} alarms is unknown; {removed} of these "
    "would not have sounded, and none of them is counted as lost.",
    "no_class_known": "No class is known at all: record responses, or review a sample, before you "
    "change anything.",
    "all_actionable": "Every alarm of known class was actionable: none should be removed.",
    "not_evaluable": "{not_evaluable} alarms have no reading or limit, and {at_limit} have a "
    "reading equal to the limit: they are assumed to sound as before.",
    "other_limit": "With another limit, the remaining alarms would begin later and end earlier; "
    "only trend data can show by how much.",
    "merged": "Alarms merged into the previous one are counted as not sounding, and actionable "
    "ones as lost.",
    "not_sent": "Alarms below {sent_from} priority are assumed to sound only at the bed and to "
    "reach no clinician elsewhere.",
    "technical": "{alarms} of the alarms that would not sound, or would sound later, are "
    "technical. They are avoidable at the source: mend the sensor, cable, lead or battery; a delay "
    "would hide the fault.",
    "high_priority": "{alarms} alarms of the scope have high priority: change nothing without a "
    "clinical review.",
    "similar_alarms": "The bound counts the alarms of one bed and day as one observation, because "
    "alarms of one patient are alike.",
    "inferred_duty": "Duty is inferred: a clinician counts as on duty in every clock hour with an "
    "alarm.",
    "short_recording": "These are {hours:g} h of one unit. Base a change on weeks of finished "
    "alarms (alarm-fatigue tune), and take it through change control.",
    "regression_to_the_mean": "Regression to the mean: alarms that were chosen because they were "
    "bad tend to improve by themselves. Compare with the control units, and with the earlier days.",
    "no_earlier_days": "Too little was recorded before the compared days to tell whether these "
    "were typical.",
    "unusual_before": "The days before the change had {ratio:.2f} times the alarms of the earlier "
    "days: part of any fall may be a return to the usual level.",
    "few_beds": "Fewer than 5 beds had such alarms: how patients differ is not known, so one "
    "patient may account for more than the interval allows.",
    "no_controls": "There are no control units: any other change at that time is part of the "
    "effect.",
    "cost_unknown": "Without actionable alarms both before and after the change, its cost is "
    "unknown.",
    "no_adverse_events": "Adverse events are not part of these records: check the hospital's "
    "incident reports for the same days.",
}


def caveat_words(caveat: Caveat) -> str:
    """
    >>> caveat_words(Caveat("short_recording", {"hours": 26.0}))[:32]
    'These are 26 h of one unit. Base'
    """
    return _SENTENCES[caveat.kind].format(**caveat.values)
