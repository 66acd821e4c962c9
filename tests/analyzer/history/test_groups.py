"""How many people surely stand behind each hour, against counting them one by one."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from analyzer.history import Spans, people_by_hour, union
from analyzer.windows.groups import LEAST_DUTY

HOURS = 6
STEP = LEAST_DUTY // 2  # a quarter of an hour
MOMENTS = st.integers(0, HOURS * 4)


@given(
    duties=st.lists(st.tuples(MOMENTS, MOMENTS, st.integers(0, 5)), max_size=12),
    alarms=st.lists(st.tuples(st.integers(0, HOURS * 4 - 1), st.integers(0, 5)), max_size=12),
    naming=st.lists(st.integers(0, 1), min_size=6, max_size=6),
)
def test_an_hour_has_the_most_names_of_one_period_that_stand_behind_it(
    duties: list[tuple[int, int, int]], alarms: list[tuple[int, int]], naming: list[int]
) -> None:
    spans = Spans(*(np.array([one[at] for one in duties], np.int64) for at in range(3)))
    spans = spans._replace(begin=spans.begin * STEP, end=spans.end * STEP)
    found = people_by_hour(
        union(spans),
        np.array([at * STEP for at, _ in alarms], np.int64),
        np.array([who for _, who in alarms], np.int64),
        np.array(naming),
        np.arange(HOURS + 1) * 4 * STEP,
    )
    on_duty = {
        (step, who) for begin, end, who in duties for step in range(begin, end)
    }  # quarters of an hour
    for hour in range(HOURS):
        quarters = range(4 * hour, 4 * hour + 4)
        counts = [0, 0]
        anybody = False
        for who, period in enumerate(naming):
            on = sum((step, who) in on_duty for step in quarters)
            rang = any(at in quarters and who == one for at, one in alarms)
            counts[period] += on >= 2 or (rang and not on)
            anybody |= bool(on) or rang
        assert found[hour] == max(*counts, anybody)
