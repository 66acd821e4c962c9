"""Alarm burden for analysts: the engine of the worker and of the command line, as a library.

    read          recorded facts, from files and frames: a `History`
    read_archive  the same from an archive of finished alarms
    History       its episodes, burden over time, overload changes, findings, and rejected rows
    whatif        what another setting would have done to recorded alarms: a `WhatIf`
    compare       the days after a change beside those before it: a `Comparison`
    Counts        how many alarms, and how many of each class
    Policy        every clinical and operational figure that decides a number
    InputError    something given cannot be used; one line that says what was expected

Frames are polars. Everything else here is private.

>>> import alarm_fatigue as af
>>> import polars as pl
>>> alarm = {
...     "alarm_id": "a1", "facility": "H1", "unit": "MICU", "bed": "3", "device_id": "mon-3",
...     "device_type": "monitor", "code": "MDC_EVT_LO", "kind": "physiological",
...     "priority": "medium"}
>>> day = af.read(alarms=pl.DataFrame([
...     {"event_id": "e1", "phase": "start", "at": 1_772_344_800_000} | alarm,
...     {"event_id": "e2", "phase": "end", "at": 1_772_344_810_000} | alarm,
...     {"event_id": "e3", "phase": "start", "at": 1_772_348_400_000} | alarm | {"alarm_id": "a2"},
... ]))
>>> day.episodes().select("alarm_id", "class", "basis").rows()
[('a1', 'non_actionable', 'fleeting')]
>>> day.burden(every="30m").select("at", "unit", "alarms", "open_alarms").rows()[-1][1:]
('MICU', 1, 1)
>>> af.whatif(day.episodes(), unit="MICU", delay="15s").removed.alarms
1
"""

from alarm_fatigue._answers import Comparison, Counts, WhatIf, compare, whatif
from alarm_fatigue._history import History, read, read_archive
from analyzer import Policy
from streams.files.lines import InputError

__all__ = [
    "Comparison",
    "Counts",
    "History",
    "InputError",
    "Policy",
    "WhatIf",
    "compare",
    "read",
    "read_archive",
    "whatif",
]
