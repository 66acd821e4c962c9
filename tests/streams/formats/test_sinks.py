"""Episodes as JSON records for the sink topic."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from analyzer import EpisodeRecord, Finished
from streams.formats.sinks import encode_episodes

RECORD = EpisodeRecord(
    facility="F",
    unit="ICU",
    bed="1",
    alarm_id="a",
    device_id="mon-1",
    device_type="monitor",
    source="",
    code="MDC_EVT_LO",
    kind="physiological",
    label=None,
    priority="high",
    start=1000,
    end=2000,
    value=85.0,
    limit=90.0,
    clinicians=("ann", "bob"),
    class_="actionable",
    basis="response",
    first_response=1500,
)


def encoded(
    record: EpisodeRecord, pseudonym: Callable[[str], str] = str
) -> tuple[str, dict[str, Any]]:
    nowhere = np.zeros(1, np.int64), np.zeros(1, np.uint64)
    columns = [[getattr(record, name)] for name in EpisodeRecord.__slots__]
    [value] = encode_episodes(Finished(columns, *nowhere), pseudonym)
    fields = json.loads(value)
    return fields["id"], fields


def test_an_episode_goes_out_with_its_fields_and_pseudonyms_in_an_order_of_their_own() -> None:
    id_, fields = encoded(RECORD, {"ann": "z", "bob": "y"}.__getitem__)
    assert fields == {
        "id": id_,
        "facility": "F",
        "unit": "ICU",
        "bed": "1",
        "alarm_id": "a",
        "device_id": "mon-1",
        "device_type": "monitor",
        "source": "",
        "code": "MDC_EVT_LO",
        "kind": "physiological",
        "label": None,
        "priority": "high",
        "start": 1000,
        "end": 2000,
        "value": 85.0,
        "limit": 90.0,
        "clinicians": ["y", "z"],
        "class": "actionable",
        "basis": "response",
        "first_response": 1500,
        "pseudonym_key": None,
        "pseudonym_period": None,
    }


def test_the_id_names_the_content() -> None:
    id_, _ = encoded(RECORD)
    assert re.fullmatch("[0-9a-f]{32}", id_)
    assert encoded(RECORD)[0] == id_
    assert encoded(replace(RECORD, class_="unknown"))[0] != id_
    assert encoded(replace(RECORD, alarm_id="b"))[0] != id_
    assert encoded(RECORD, lambda name: name + "x")[0] != id_
