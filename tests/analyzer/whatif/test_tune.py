"""The tuner against its naive reference, what it refuses, and how the command reads files."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from math import log
from pathlib import Path
from statistics import NormalDist
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from analyzer.model.policy import HOUR, MINUTE, SECOND
from analyzer.stats.bounds import upper_bound
from analyzer.whatif.effects import duty_by_alarms, workload_before_after
from analyzer.whatif.episode_table import Recorder
from analyzer.whatif.grid import Grid, search
from analyzer.whatif.levers import Refused, Scope, Setting, count_by_class, fates
from streams.files.tuning import evaluated
from streams.simulator import calibration
from tests.harness.recordings import TYPES, episode, recorded, records, written
from tests.harness.workers import run
from tests.oracle import whatif as naive
from tests.oracle.reference import _flood_length, _union_length

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


@settings(max_examples=400)
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
    assert {name: answer[name] for name in expected} == expected


@pytest.mark.parametrize(("holdoff", "merged"), [("29.999", 0), ("30", 1), ("45", 2)])
def test_what_returns_within_the_hold_off_carries_the_alarm_on(
    tmp_path: Path, holdoff: str, merged: int
) -> None:
    """Over at 20 s and back 30 s later; over again at 60 s, and back 45 s later. Another device has
    a quiet of its own.
    """
    rows = [
        episode(number, start=start * 1000, end=end * 1000, device_id=device)
        for number, (start, end, device) in enumerate(
            [(0, 20, "m1"), (50, 60, "m1"), (105, 110, "m1"), (61, 62, "m2")]
        )
    ]
    ask = ("tune", "--episodes", written(tmp_path, *rows), "--json")
    assert json.loads(run(*ask, "--holdoff", holdoff).out)["by"]["holdoff"] == merged


@given(records(), SETTINGS, st.randoms())
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


# --- the command


def test_delay_and_limit_as_the_contract_has_them(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        episode(1),
        episode(2, end=120_000 + 14_000, value=89.0),
        episode(3, end=None),
        episode(4, value=None),
        episode(5, kind="technical", value=89.9, **{"class": "technical"}),
        episode(6, value=89.0, **{"class": "actionable"}),
        episode(7, unit="nicu"),
        episode(8, priority="info"),
    )
    done = run(
        "tune",
        "--episodes",
        path,
        "--unit",
        "icu",
        "--type",
        "monitor/SpO2/LO",
        "--delay",
        "14",
        "--limit",
        "88",
        "--json",
    )
    assert done.status == 0
    found = json.loads(done.out)
    assert found["before"]["alarms"] == 6
    assert found["removed"] == {
        "alarms": 2,
        "classes": {
            "actionable": 1,
            "non_actionable": 1,
            "technical": 0,
            "pending": 0,
            "unknown": 0,
        },
    }
    assert (found["after"]["alarms"], found["delayed"]["alarms"], found["not_evaluable"]) == (
        4,
        4,
        1,
    )
    assert found["lost"] == {"count": 1, "of": 1, "share": 1.0, "upper": 1.0, "confidence": 0.95}


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--limit", "88"], "--limit: needs --type"),
        (["--type", "monitor/SpO2/LO", "--limit", "90.1"], "more sensitive than 90"),
        (["--type", "SpO2"], "--type: expected DEVICE_TYPE/SOURCE/CODE"),
        (["--delay", "-1"], "--delay: expected 0 to 604800 s"),
        (["--delay", "1e9999999"], "--delay: expected a number"),
        (["--type", "monitor/SpO2/LO", "--limit", "1e400"], "--limit: expected a number"),
        (["--delay", "soon"], "--delay: expected a number"),
        (["--type", "monitor/SpO2/LO", "--limit", "nan"], "--limit: expected a number"),
    ],
)
def test_what_cannot_be_answered_is_refused_with_the_reason(
    tmp_path: Path, arguments: list[str], says: str
) -> None:
    done = run("tune", "--episodes", written(tmp_path, episode(1)), *arguments, "--json")
    assert (done.status, done.out) == (2, b"")
    assert says in done.err


def test_a_more_sensitive_limit_of_any_chosen_alarm_is_refused_on_either_side(
    tmp_path: Path,
) -> None:
    path = written(
        tmp_path,
        episode(1),
        episode(2, limit=85.0, value=80.0),
        episode(3, unit="nicu", limit=80.0, value=70.0),
    )
    ask = ("tune", "--episodes", path, "--type", "monitor/SpO2/LO", "--json")
    assert run(*ask, "--unit", "icu", "--limit", "85").status == 0
    assert run(*ask, "--unit", "icu", "--limit", "85.5").status == 2
    assert run(*ask, "--limit", "85").status == 2


def test_malformed_lines_are_told_by_file_line_and_field_and_passed_over(tmp_path: Path) -> None:
    path = written(tmp_path, episode(1))
    bad: list[Any] = [
        "not json",
        [],
        {name: one for name, one in episode(2).items() if name != "start"},
        episode(3, **{"class": "perhaps"}),
        episode(4, start="noon"),
        episode(5, end=0),
        episode(6, unit=""),
        episode(7, value="low"),
        episode(8, clinicians="n1"),
        episode(9, start=10**18),
    ]
    with path.open("ab") as file:
        file.write(b"\n\xff\n")
        for one in bad:
            file.write(
                one.encode() + b"\n" if isinstance(one, str) else json.dumps(one).encode() + b"\n"
            )
        file.write(json.dumps(episode(10)).encode())
    done = run("tune", "--episodes", path, "--delay", "30", "--json")
    assert done.status == 0
    assert json.loads(done.out)["before"]["alarms"] == 2
    assert json.loads(done.out)["malformed"] == 11
    a_time = "an RFC 3339 time with an offset, or integer milliseconds since 1970"
    assert done.err.splitlines() == [
        f"malformed: {path}:{line}: {says}"
        for line, says in (
            (3, "value: expected JSON"),
            (4, "value: expected JSON"),
            (5, "value: expected a JSON object"),
            (6, "start: required, but missing"),
            (7, "class: expected one of actionable, non_actionable, technical, pending, unknown"),
            (8, f"start: expected {a_time}"),
            (9, "end: expected no earlier than start"),
            (10, "unit: expected 1 to 128 characters"),
            (11, "value: expected a number"),
            (12, "clinicians: expected a list of clinician ids"),
            (13, "start: expected a time from 1970 to 2100"),
        )
    ]
    assert run("tune", "--episodes", path, "--delay", "30", "--json", "--strict").status == 3


def test_pending_and_unknown_alarms_are_not_known(tmp_path: Path) -> None:
    classes = ("actionable", "technical", "pending", "unknown", "non_actionable")
    rows = [episode(number, **{"class": klass}) for number, klass in enumerate(classes)]
    found = json.loads(
        run("tune", "--episodes", written(tmp_path, *rows), "--delay", "20", "--json").out
    )
    assert found["known"] == {"count": 3, "of": 5, "share": 0.6}
    assert "The class of 2 of 5 alarms is unknown" in " ".join(found["caveats"])


def test_times_are_read_as_text_too(tmp_path: Path) -> None:
    path = written(
        tmp_path, episode(1, start="2026-03-01T07:00:00.250+01:00", end="2026-03-01T06:00:14.250Z")
    )
    assert (
        json.loads(run("tune", "--episodes", path, "--delay", "14", "--json").out)["removed"][
            "alarms"
        ]
        == 1
    )
    assert (
        json.loads(run("tune", "--episodes", path, "--delay", "13.999", "--json").out)["removed"][
            "alarms"
        ]
        == 0
    )


def test_an_empty_file_and_a_scope_without_alarms_count_nothing(tmp_path: Path) -> None:
    for episodes, more in (([], ()), ([episode(1)], ("--unit", "elsewhere"))):
        done = run(
            "tune", "--episodes", written(tmp_path, *episodes), "--delay", "14", *more, "--json"
        )
        assert done.status == 0
        found = json.loads(done.out)
        assert {found[name]["alarms"] for name in ("before", "after", "removed", "delayed")} == {0}
        assert found["lost"] == {
            "count": 0,
            "of": 0,
            "share": None,
            "upper": None,
            "confidence": 0.95,
        }


def test_help_gives_an_example_and_names_what_stands_below() -> None:
    said = " ".join(run("tune", "--help").out.decode().split())
    assert "Example: alarm-fatigue tune --episodes" in said
    assert "apply" in said
    assert "trend" in said


def test_a_file_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    done = run("tune", "--episodes", tmp_path / "none.jsonl", "--json")
    assert (done.status, done.err) == (1, f"error: {tmp_path / 'none.jsonl'}: no such file\n")
    assert run("tune", "--json").status == 2


# --- effects and search


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


@settings(max_examples=200)
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
        alarms, rows, setting, fates(alarms, rows, setting), duty_by_alarms(alarms)
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
            flood += _flood_length(starts, since - HOUR, since - 1, until + 1)
            duty = sorted(hour * HOUR for person, hour in hours if person == who)
            free += protected_length(duty, starts)
            sounding += _union_length(
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
    """Of whole hours on duty, those that touch being one stretch."""
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


# --- the promise


def test_the_bound_covers_the_truth_in_a_thousand_simulated_hospitals() -> None:
    """A delay of 10 s hides each actionable alarm with a chance that the simulator's durations
    tell; hospitals have 20 to 2,000 of these.

    At 95 % confidence the bound may lie below the truth in 50 of them; 70 would have odds of 1 in
    400.
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


def test_published_delays_remove_what_was_published_of_the_calibrated_ward(
    calibrated: Path,
) -> None:
    """Goerges 2009: 14 s removes 50 % of ignored and ineffective alarms, 19 s 67 %."""
    for delay, published in ((14, 0.50), (19, 0.67)):
        found = json.loads(
            run("tune", "--episodes", calibrated, "--delay", str(delay), "--json").out
        )
        idle = [
            sum(found[part]["classes"][name] for name in ("non_actionable",))
            for part in ("removed", "before")
        ]
        assert idle[1] > 1_000
        assert idle[0] / idle[1] == pytest.approx(published, abs=0.04)


@pytest.fixture(scope="module")
def calibrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A day of two simulated intensive care units, replayed."""
    folder = tmp_path_factory.mktemp("calibrated")
    assert run("simulate", "--out", folder, "--duration", "24h", "--units", "2").status == 0
    files = [
        part
        for name in ("alarms", "assignments", "responses", "labels")
        for part in (f"--{name}", folder / f"{name}.jsonl")
    ]
    assert (
        run("replay", *files, "--pseudonyms", "off", "--episodes", folder / "episodes.jsonl").status
        == 0
    )
    return folder / "episodes.jsonl"


def test_a_search_recommends_what_keeps_its_promise_and_tests_it_on_the_rest(
    calibrated: Path,
) -> None:
    ask = ("tune", "--episodes", calibrated, "--search", "--tolerance", "5", "--json")
    found = json.loads(run(*ask).out)["search"]
    best, held = found["best"], found["held_out"]
    assert best["lost"]["upper"] <= 0.05 < max(one["lost"]["upper"] for one in found["pareto"])
    assert best["spared"] == max(
        one["spared"] for one in found["pareto"] if one["lost"]["upper"] <= 0.05
    )
    assert held["before"]["alarms"] + found["before"]["alarms"] == 4160
    assert held["promise"] == (
        "kept"
        if held["lost"]["upper"] <= 0.05
        else "broken"
        if held["lost"]["share"] > 0.05
        else "open"
    )
    late = json.loads(run(*ask, "--most-late", "4").out)["search"]["best"]
    assert late["setting"]["delay_seconds"] in (None, 2.0, 4.0)
    assert run(*ask).out == run(*ask).out


def test_where_too_few_were_actionable_nothing_is_recommended(tmp_path: Path) -> None:
    useless = [episode(number, end=number * 60_000 + 5_000) for number in range(400)]
    for episodes, says in (
        (useless, "0 alarms are known to have been actionable; at least 299 are needed"),
        (
            [one | {"class": "unknown"} for one in useless],
            "0 alarms are known to have been actionable",
        ),
        ([], "there are no alarms of that scope"),
    ):
        path = written(tmp_path, *episodes)
        found = json.loads(run("tune", "--episodes", path, "--search", "--json").out)
        assert found["search"]["best"] is None
        assert found["search"]["reason"].startswith(says)
        assert found["after"] == found["before"]
        said = run("tune", "--episodes", path, "--search").out.decode()
        assert "no recommendation" in said or "no alarms" in said.lower()
        assert "safe" not in said


# --- the report and the record


def test_the_report_is_one_page_that_needs_and_names_nothing_else(
    calibrated: Path, tmp_path: Path
) -> None:
    out = tmp_path / "report.html"
    done = run(
        "tune",
        "--episodes",
        calibrated,
        "--search",
        "--tolerance",
        "5",
        "--report",
        out,
        "--owner",
        "<b>biomed</b>",
        "--json",
    )
    assert done.status == 0
    text = out.read_text()
    elements = _Page()
    elements.feed(text)
    assert elements.tags.count("svg") == 3
    assert not {"link", "iframe", "img", "object"} & set(elements.tags)
    assert [one for one in elements.addresses if not one.startswith("#")] == []
    assert "&lt;b&gt;biomed" in text
    assert "<b>biomed" not in text
    for word in (
        "Approval",
        "Change-control number",
        "Limits of these figures",
        "at 95 % confidence",
    ):
        assert word in text
    carried = json.loads(elements.data)
    assert carried == json.loads(done.out)
    shown = "".join(elements.texts)
    assert "nurse-" not in text
    assert "MICU-" not in shown
    again = tmp_path / "again.html"
    run(
        "tune",
        "--episodes",
        calibrated,
        "--search",
        "--tolerance",
        "5",
        "--report",
        again,
        "--owner",
        "<b>biomed</b>",
        "--json",
    )
    assert again.read_bytes() == out.read_bytes()


class _Page(HTMLParser):
    """What a page is made of."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.addresses: list[str] = []
        self.texts: list[str] = []
        self.data = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.addresses += [
            value or "" for name, value in attrs if name in ("src", "href", "xlink:href", "action")
        ]

    def handle_data(self, data: str) -> None:
        if self.tags[-1:] == ["script"]:
            self.data = data
            self.tags.append("")
        else:
            self.texts.append(data)


@pytest.mark.parametrize(
    "episodes",
    [
        [],
        [episode(1)],
        [episode(1, **{"class": "unknown"})],
        [episode(1, unit="<script>", clinicians=[])],
    ],
)
def test_reports_of_little_or_nothing_are_written_too(
    tmp_path: Path, episodes: list[naive.Episode]
) -> None:
    out = tmp_path / "report.html"
    done = run("tune", "--episodes", written(tmp_path, *episodes), "--search", "--report", out)
    assert done.status == 0, done.err
    assert "<script>" not in out.read_text().replace('<script type="application/json"', "")


def test_a_decided_change_becomes_a_record_with_an_annotation(tmp_path: Path) -> None:
    answer = tmp_path / "answer.json"
    answer.write_bytes(
        run(
            "tune",
            "--episodes",
            written(tmp_path, episode(1)),
            "--unit",
            "icu",
            "--delay",
            "30",
            "--json",
        ).out
    )
    ask = (
        "tune",
        "apply",
        answer,
        "--owner",
        "biomed",
        "--change-control",
        "CC-7",
        "--at",
        "2026-04-01T07:00:00Z",
        "--review",
    )
    found = json.loads(run(*ask, "2026-06-30").out)
    assert (found["at"], found["annotation"]["time"]) == (1_775_026_800_000, 1_775_026_800_000)
    assert found["setting"]["delay_seconds"] == 30
    assert "unit:icu" in found["annotation"]["tags"]
    assert "actionable lost unknown" in found["annotation"]["text"]
    assert found["expected"]["removed_share"] == 1.0
    assert run(*ask, "soon").status == 2
    answer.write_bytes(run("tune", "--episodes", written(tmp_path, episode(1)), "--json").out)
    done = run(*ask, "2026-06-30")
    assert (done.status, "no change" in done.err) == (2, True)
    for junk in ("{}", "[" * 3_000_000):
        answer.write_text(junk)
        assert run(*ask, "2026-06-30").err == "error: expected what tune --json prints\n"


# --- rosters and single types


def test_a_roster_tells_duty_better_than_alarms_do(tmp_path: Path) -> None:
    """One alarm in eight hours of duty, of which the later record of the assignment took four."""
    day = 1_772_323_200_000  # 2026-03-01T00:00:00Z
    ours = [
        episode(number, start=day + hour * HOUR, end=day + hour * HOUR + 20_000)
        for number, hour in ((1, 4), (2, 9))
    ]
    path, roster = written(tmp_path, *ours), tmp_path / "a.jsonl"
    fact = {
        "event_id": "e1",
        "assignment_id": "s1",
        "facility": "H",
        "unit": "icu",
        "bed": "1",
        "clinician": "n1",
        "from": day + 4 * HOUR,
        "to": day + 8 * HOUR,
        "at": day + 1,
    }
    lines = [
        fact,
        fact | {"event_id": "e0", "to": day + 12 * HOUR, "at": day},
        fact | {"event_id": "e3", "assignment_id": "s2", "clinician": "n9"},
    ]
    roster.write_text("".join(json.dumps(one) + "\n" for one in [*lines, {}]))
    ask = ("tune", "--episodes", path, "--delay", "30", "--json")
    done = run(*ask, "--assignments", roster)
    load = json.loads(done.out)["load"]
    assert done.err == f"malformed: {roster}:4: event_id: required, but missing\n"
    assert (load["duty"], load["before"]["duty_hours"]) == ("roster", 4.0)
    assert json.loads(run(*ask).out)["load"]["before"]["duty_hours"] == 2.0
    roster.write_text(json.dumps(lines[2]))
    assert "no clinician in it had any of these alarms" in run(*ask, "--assignments", roster).err


def test_pseudonyms_in_records_are_found_in_the_roster(calibrated: Path, tmp_path: Path) -> None:
    files = [
        part
        for name in ("alarms", "assignments")
        for part in (f"--{name}", calibrated.parent / f"{name}.jsonl")
    ]
    assert run("replay", *files, "--episodes", tmp_path / "e.jsonl").status == 0
    roster = ("--assignments", calibrated.parent / "assignments.jsonl", "--json")
    hidden, shown = (
        json.loads(run("tune", "--episodes", one, *roster).out)
        for one in (tmp_path / "e.jsonl", calibrated)
    )
    assert hidden["load"] == shown["load"]
    assert hidden["load"]["before"]["duty_hours"] > 200


def test_each_type_gets_a_search_of_its_own_with_limits_beyond_its_own(calibrated: Path) -> None:
    found = json.loads(
        run(
            "tune",
            "--episodes",
            calibrated,
            "--search",
            "--tolerance",
            "10",
            "--each-type",
            "3",
            "--json",
        ).out
    )
    assert [one["type"]["code"] for one in found["types"]] == [
        "MDC_EVT_LO",
        "MDC_EVT_SENSOR_DISCONN",
        "MDC_EVT_LEADS_OFF",
    ]
    spo2, technical = found["types"][:2]
    assert spo2["search"]["settings"] == 160 * 9
    assert {one["setting"]["limit"] for one in spo2["search"]["pareto"]} > {None}
    assert all(
        one["setting"]["limit"] is None or one["setting"]["limit"] < 90
        for one in spo2["search"]["pareto"]
    )
    assert (technical["search"]["settings"], technical["search"]["best"]) == (160, None)


def test_what_was_judged_among_the_removed_bounds_them_where_nothing_was_actionable(
    tmp_path: Path,
) -> None:
    path = written(
        tmp_path,
        *(
            episode(number, **{"class": "unknown" if number > 300 else "non_actionable"})
            for number in range(1, 400)
        ),
    )
    found = json.loads(run("tune", "--episodes", path, "--delay", "20", "--json").out)
    assert found["lost"]["upper"] is None
    assert found["among_removed"] == {
        "count": 0,
        "of": 300,
        "share": 0.0,
        "upper": 0.009936,
        "confidence": 0.95,
    }
