"""All levers of a setting together give the naive answer."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from analyzer.whatif.levers import Refused, Scope, Setting
from streams.files.tuning import evaluated
from tests.harness.recordings import TYPES, recorded, records
from tests.oracle import whatif as naive

SCOPES = st.fixed_dictionaries(
    {
        "facility": st.sampled_from((None, None, "H")),
        "unit": st.sampled_from((None, None, "icu")),
        "type": st.sampled_from((None, *TYPES)),
        "priority": st.sampled_from((None, None, "medium")),
    }
)
SETTINGS = st.fixed_dictionaries(
    {
        "limit": st.sampled_from((None, None, 80.0, 86.0, 88.0, 90.0, 121.0, 125.0)),
        "delay": st.sampled_from((None, None, 0, 5_000, 14_000, 15_000)),
        "beside": st.sampled_from((None, None, *TYPES)),
        "holdoff": st.sampled_from((None, None, 0, 1_000, 15_000, 60_000)),
        "priority": st.sampled_from((None, None, "info", "low", "medium")),
        "sent_from": st.sampled_from(("low", "medium", "high")),
    }
)


@settings(max_examples=4 * settings.default.max_examples)
@given(records(), SCOPES, SETTINGS)
@example([], {}, {})
def test_all_levers_together_give_the_naive_answer(
    tmp_path_factory: pytest.TempPathFactory,
    episodes: list[naive.Episode],
    scope: dict[str, Any],
    setting: dict[str, Any],
) -> None:
    found = recorded(episodes, tmp_path_factory.mktemp("episodes"))
    try:
        expected = naive.tune(episodes, scope, setting)
    except naive.Refused:
        with pytest.raises(Refused, match="more sensitive"):
            evaluated(found, Scope(**scope), Setting(**setting))
        return
    answer = evaluated(found, Scope(**scope), Setting(**setting))
    effective = round(expected.pop("effective"), 1)
    assert answer["lost"]["effective"] == (effective if Setting(**setting).moves else None)
    assert {name: answer[name] for name in expected} == expected


@given(records(), SETTINGS, st.randoms())
@pytest.mark.slow
def test_the_order_of_lines_decides_nothing_but_which_version_counts(
    tmp_path_factory: pytest.TempPathFactory,
    episodes: list[naive.Episode],
    setting: dict[str, Any],
    random: Any,
) -> None:
    folder = tmp_path_factory.mktemp("episodes")
    latest = list({naive.key(one): one for one in episodes}.values())
    shuffled = random.sample(latest, len(latest))
    setting = setting | {"limit": None}
    answers = [
        evaluated(recorded(some, folder), Scope(), Setting(**setting))
        for some in (episodes, latest, shuffled)
    ]
    assert answers[0] == answers[1] == answers[2]
