"""A search over a grid of settings: each gives its own answer, and the bound holds the truth."""

from __future__ import annotations

from math import log
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analyzer.model.policy import SECOND
from analyzer.stats.bounds import upper_bound
from analyzer.whatif.episode_table import Recorder
from analyzer.whatif.grid import Grid, search
from analyzer.whatif.levers import Refused, count_by_class, fates
from analyzer.whatif.verdict import loss
from streams.simulator import calibration
from tests.harness.recordings import recorded, records
from tests.oracle import whatif as naive

GRIDS = st.builds(
    Grid,
    limits=st.lists(
        st.sampled_from((None, 80.0, 84.0, 85.0)), min_size=1, max_size=3, unique=True
    ).map(tuple),
    delays=st.lists(
        st.sampled_from((None, 0, 5_000, 14_000, 15_000)), min_size=1, max_size=3, unique=True
    ).map(tuple),
    holdoffs=st.lists(
        st.sampled_from((None, 0, 1_000, 15_000, 60_000, 5_000_000)),
        min_size=1,
        max_size=3,
        unique=True,
    ).map(tuple),
)


@settings(max_examples=2 * settings.default.max_examples)
@given(records(), GRIDS)
def test_a_grid_gives_what_each_of_its_settings_gives_alone(
    tmp_path_factory: pytest.TempPathFactory, episodes: list[naive.Episode], grid: Grid
) -> None:
    low = [one for one in episodes if one["value"] is None or one["value"] < 100]
    alarms = recorded(low, tmp_path_factory.mktemp("episodes"))
    try:
        found = search(alarms, grid)
    except Refused:
        return
    _, last = alarms.span
    sounded = np.minimum(alarms.end, last) - alarms.start
    for place, setting in enumerate(found.settings):
        fate = fates(alarms, np.arange(len(alarms)), setting)
        assert found.risk(place, 0.95) == loss(alarms, np.arange(len(alarms)), fate)
        assert found.removed[place].tolist() == count_by_class(alarms.klass[~fate.sounds]).tolist()
        assert (
            found.silenced[place]
            == sounded[~fate.sounds].sum() + (setting.delay or 0) * fate.sounds.sum()
        )
    front = found.pareto().tolist()
    pairs = list(zip(found.spared.tolist(), found.lost.tolist(), strict=True))
    for place, (spared, lost) in enumerate(pairs):
        beaten = any(
            (more >= spared and fewer <= lost and (more, fewer) != (spared, lost))
            for more, fewer in pairs
        )
        first = pairs.index((spared, lost)) == place
        assert (place in front) == (not beaten and first)


def test_the_bound_covers_the_truth_in_a_thousand_simulated_hospitals() -> None:
    """The true share that a delay of 10 s removes follows from the simulator's durations; each
    hospital has 20 to 2,000 actionable alarms.

    At 95 % confidence, the bound is expected below the truth in 50 hospitals; more than 70 would
    have odds of 1 in 400.
    """
    rng = np.random.default_rng(14)
    delay = 10 * SECOND
    truth = NormalDist().cdf(
        log(delay / calibration.ACTIONABLE_DURATION) / calibration.ACTIONABLE_SIGMA
    )
    missed = 0
    for _ in range(1_000):
        needed = int(rng.integers(20, 2_000))
        lasts = calibration.ACTIONABLE_DURATION * np.exp(
            calibration.ACTIONABLE_SIGMA * rng.standard_normal(needed)
        )
        start = np.arange(needed) * 60_000
        recorder = Recorder()
        recorder.take(
            [
                ["H"] * needed,
                ["U"] * needed,
                ["1"] * needed,
                list(map(str, range(needed))),
                [""] * needed,
                ["m"] * needed,
                [""] * needed,
                ["LO"] * needed,
                ["physiological"] * needed,
                ["medium"] * needed,
                start.tolist(),
                (start + lasts.astype(np.int64)).tolist(),
                [None] * needed,
                [None] * needed,
                [()] * needed,
                ["actionable"] * needed,
                [None] * needed,
            ]
        )
        found = search(recorder.recorded(), Grid(delays=(delay,)))
        bound = upper_bound(int(found.lost[0]), needed, 0.95)
        assert bound is not None
        missed += bound < truth
    assert 20 < missed < 70
