"""Load before and after a setting equals the naive gauges."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.model.policy import HOUR, MINUTE
from analyzer.whatif.effects import duty_by_alarms, workload_before_after
from analyzer.whatif.levers import Setting, fates
from tests.harness.recordings import episode, recorded
from tests.oracle import whatif as naive
from tests.oracle.clinicians import flood_length, union_length


@st.composite
def rushes(draw: st.DrawFn) -> list[naive.Episode]:
    """Three people's alarms, some by the dozen, over a few hours."""
    found: list[naive.Episode] = []
    for _ in range(draw(st.integers(1, 5))):
        start = draw(st.integers(0, 20)) * 15 * MINUTE
        team = draw(st.sampled_from((["ann"], ["bob"], ["ann", "bob"], [], ["cyd"])))
        lasts, apart = (
            draw(st.sampled_from((1, 10_000, 14_000, 20_000, 400_000, None))),
            draw(st.sampled_from((0, 5_000, 30_000, 4 * MINUTE))),
        )
        for number in range(draw(st.sampled_from((1, 4, 12, 40)))):
            begin = start + number * apart
            end = None if lasts is None else begin + lasts * (1 + number % 2)
            found.append(episode(len(found), start=begin, end=end, clinicians=team))
    return found


@given(rushes(), st.sampled_from((None, 10_000, 14_000)))
def test_the_weight_of_alarms_is_that_of_the_naive_gauges(
    tmp_path_factory: pytest.TempPathFactory, episodes: list[naive.Episode], delay: int | None
) -> None:
    alarms = recorded(episodes, tmp_path_factory.mktemp("episodes"))
    rows, setting = np.arange(len(alarms)), Setting(delay=delay)
    before, after = workload_before_after(
        alarms, rows, fates(alarms, rows, setting), duty_by_alarms(alarms)
    )
    hours = {(who, one["start"] // HOUR) for one in episodes for who in one["clinicians"]}
    assert before.duty == after.duty == len(hours) * HOUR
    first = min(one["start"] for one in episodes)
    last = max(max(one["start"], one["end"] or 0) for one in episodes)
    until = max(last, max((hour + 1) * HOUR for _, hour in hours)) if hours else last
    since = min(first, min(hour * HOUR for _, hour in hours)) if hours else first
    for load, late, kept in (
        (before, 0, episodes),
        (after, delay or 0, [one for one in episodes if sounds(one, delay)]),
    ):
        shifted = [
            one | {"start": min(one["start"] + late, naive.ending(one), until)} for one in kept
        ]
        assert load.alarms == sum(len(one["clinicians"]) for one in kept)
        flood = free = sounding = heavy = busy = 0
        for who in ("ann", "bob", "cyd"):
            own = [one for one in shifted if who in one["clinicians"]]
            starts = [one["start"] for one in own]
            flood += flood_length(starts, since - HOUR, since - 1, until + 1)
            duty = sorted(hour * HOUR for person, hour in hours if person == who)
            free += protected_length(duty, starts)
            sounding += union_length(
                [(one["start"], min(naive.ending(one), until)) for one in own], since, until
            )
            heavy += sum(sum(begin <= one < begin + HOUR for one in starts) > 30 for begin in duty)
            for begin in (begin + part * 10 * MINUTE for begin in duty for part in range(6)):
                busy += sum(begin <= one < begin + 10 * MINUTE for one in starts) > 10
        assert (load.flood, load.protected, load.sounding) == (flood, free, sounding)
        assert (load.heavy_hours, load.hours, load.busy_intervals, load.intervals) == (
            heavy,
            len(hours),
            busy,
            6 * len(hours),
        )


def sounds(one: naive.Episode, delay: int | None) -> bool:
    return delay is None or naive.ending(one) - one["start"] > delay


def protected_length(duty: list[int], starts: list[int]) -> int:
    """Protected ms within whole hours on duty (ms); adjacent hours form one stretch."""
    stretches: list[list[int]] = []
    for begin in duty:
        if stretches and stretches[-1][1] == begin:
            stretches[-1][1] += HOUR
        else:
            stretches.append([begin, begin + HOUR])
    pieces = []
    for begin, end in stretches:
        cuts = sorted({one for one in starts if begin < one < end})
        pieces += [
            later - earlier for earlier, later in zip([begin, *cuts], [*cuts, end], strict=True)
        ]
    return sum(piece for piece in pieces if piece >= 5 * MINUTE)
