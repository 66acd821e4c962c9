"""The workbench counts what the tuner counts, of what the worker holds; it is bounded, and says no
where it cannot know.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from math import nan
from pathlib import Path
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer import CLASSES, AlarmEvent, Engine, Policy
from analyzer.model.episodes import PRIORITIES
from analyzer.model.policy import HOUR, MINUTE
from analyzer.whatif.episode_table import Recorded
from analyzer.whatif.levers import Refused, Scope, Setting, fates, room, sides
from streams.files.tuning import type_of
from streams.formats.codec import to_json
from streams.http import what_ifs, workbench
from streams.http.candidate import Candidate
from streams.simulator import Storm, Ward, simulate
from tests.harness.engines import POLICY, feed, restore, store
from tests.harness.hospitals import NINE, Hospital
from tests.harness.recordings import TYPES, recorded, records
from tests.harness.site import START, Answer, FakeWorker, Site
from tests.harness.strategies import deliveries, nows, wards
from tests.harness.ward_values import FACILITY
from tests.harness.whole_files import take_in
from tests.harness.workers import run
from tests.oracle import whatif as naive

SPO2 = "monitor/MDC_PULS_OXIM_SAT_O2/MDC_EVT_LO"
HIGH_RATE = "monitor/MDC_ECG_HEART_RATE/MDC_EVT_HI"
LEADS = "monitor/MDC_ECG_HEART_RATE/MDC_EVT_LEADS_OFF"
SAME = (
    "scope",
    "setting",
    "before",
    "after",
    "removed",
    "delayed",
    "by",
    "not_evaluable",
    "at_limit",
    "known",
    "lost",
    "among_removed",
    "late",
    "sounding_seconds",
)
"""What does not depend on the alarms of other types and units."""


def ask(site: Site, of: str, unit: str = "MICU", facility: str = "H01", **setting: str) -> Answer:
    return site.get(
        "/api/v1/whatif?" + urlencode({"facility": facility, "unit": unit, "type": of} | setting)
    )


# --- the same numbers


@pytest.fixture(scope="module")
def hospital(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[str], Path]:
    """Records of ten hours, and the finished alarms that `replay` makes of them."""
    folder = tmp_path_factory.mktemp("hospital")
    ward = Ward(
        seed=11,
        start=START,
        duration=10 * HOUR,
        facilities=2,
        units=2,
        beds=6,
        beds_per_nurse=2,
        storms=(Storm(start=START + 9 * HOUR, duration=20 * MINUTE, factor=8.0, unit="MICU"),),
        profiles=("micu", "ward"),
    )
    lines: dict[str, list[bytes]] = {}
    for topic, value, _ in simulate(ward):
        lines.setdefault(topic, []).append(to_json(value) + b"\n")
    arguments = []
    for name, of in lines.items():
        (folder / name).write_bytes(b"".join(of))
        arguments += [f"--{name}", str(folder / name)]
    episodes = folder / "episodes.jsonl"
    run("replay", *arguments, "--episodes", str(episodes))
    return arguments, episodes


@pytest.fixture(scope="module")
def site(hospital: tuple[list[str], Path]) -> Iterator[Site]:
    arguments, _ = hospital
    engine = Engine(Policy())
    files = [
        (name.removeprefix("--"), Path(path))
        for name, path in zip(arguments[::2], arguments[1::2], strict=True)
    ]
    assert take_in(engine, files) == 0  # type: ignore[arg-type]
    engine.advance(None)
    with Site(FakeWorker(engine), reuse=1000.0) as served:
        yield served


@pytest.mark.parametrize(
    ("of", "setting"),
    [
        (SPO2, {}),
        (SPO2, {"delay": "0"}),
        (SPO2, {"delay": "14.5"}),
        (SPO2, {"limit": "86.5"}),
        (SPO2, {"delay": "10", "limit": "88"}),
        (HIGH_RATE, {"limit": "131"}),
        (HIGH_RATE, {"delay": "60", "limit": "120"}),
        (LEADS, {"delay": "20"}),
        (LEADS, {"limit": "1"}),
    ],
)
@pytest.mark.parametrize(("facility", "unit"), [("H01", "MICU"), ("H02", "STEPDOWN")])
def test_the_numbers_are_those_of_tune_over_what_replay_wrote(
    hospital: tuple[list[str], Path],
    site: Site,
    facility: str,
    unit: str,
    of: str,
    setting: dict[str, str],
) -> None:
    _, episodes = hospital
    options = [text for name, value in setting.items() for text in (f"--{name}", value)]
    tuned = run(
        "tune",
        "--episodes",
        str(episodes),
        "--facility",
        facility,
        "--unit",
        unit,
        "--type",
        of,
        *options,
        "--json",
    )
    expected, found = json.loads(tuned.out), ask(site, of, unit, facility, **setting).json
    assert expected["before"]["alarms"] > 10
    assert {name: found[name] for name in SAME} == {name: expected[name] for name in SAME}
    assert found["caveats"][:-1] == [
        one for one in expected["caveats"] if not one.startswith("Duty is inferred")
    ]
    of_unit = [
        one
        for one in map(json.loads, episodes.read_text().splitlines())
        if (one["facility"], one["unit"]) == (facility, unit)
    ]
    of_unit = [one for one in of_unit if one["priority"] != "info" and one["kind"] != "advisory"]
    assert found["span"]["from"] == min(one["start"] for one in of_unit)
    assert found["span"]["to"] == max(one["end"] for one in of_unit)


def test_types_are_those_of_the_unit_with_their_readings_and_limits(
    hospital: tuple[list[str], Path], site: Site
) -> None:
    _, episodes = hospital
    rows = [
        one
        for one in map(json.loads, episodes.read_text().splitlines())
        if (one["facility"], one["unit"]) == ("H01", "MICU")
    ]
    rows = [one for one in rows if one["priority"] != "info" and one["kind"] != "advisory"]
    told = site.get("/api/v1/whatif/types?facility=H01&unit=MICU").json
    by_name = {"/".join(type_of(one["type"])): one for one in told["types"]}
    assert sum(one["alarms"] for one in told["types"]) == len(rows)
    spo2 = [
        one
        for one in rows
        if (one["source"], one["code"]) == ("MDC_PULS_OXIM_SAT_O2", "MDC_EVT_LO")
    ]
    found = by_name[SPO2]
    assert found["alarms"] == len(spo2)
    assert found["high_priority"] == sum(one["priority"] == "high" for one in spo2)
    assert found["room"] == {
        "present": min(one["limit"] for one in spo2),
        "furthest": min(one["value"] for one in spo2),
    }
    assert by_name[LEADS]["room"] is None
    assert ask(site, SPO2, limit=str(found["room"]["furthest"])).json["after"]["alarms"] == found[
        "alarms"
    ] - sum(one["value"] is not None for one in spo2)
    load = [one["alarms"] - one["classes"]["actionable"] for one in told["types"]]
    assert load == sorted(load, reverse=True)


@given(records(), st.sampled_from(TYPES))
def test_from_end_to_end_of_its_room_no_limit_is_refused_and_beyond_it_every_one(
    tmp_path_factory: pytest.TempPathFactory,
    episodes: list[naive.Episode],
    of: tuple[str, str, str],
) -> None:
    found = recorded(episodes, tmp_path_factory.mktemp("episodes"))
    rows = Scope(type=of).rows(found)
    space = room(found.of(rows))
    if space is None:
        return
    for share in (0.0, 0.5, 1.0):
        fates(found, rows, Setting(limit=space.present + share * (space.furthest - space.present)))
    silent = ~fates(found, rows, Setting(limit=space.furthest)).sounds
    low, high = sides(found.of(rows))
    assert (silent == (low | high)).all(), (
        "of those that the limit decides, none sounds at the furthest reading"
    )
    with pytest.raises(Refused, match="more sensitive"):
        fates(found, rows, Setting(limit=space.present + 0.01 * (space.present - space.furthest)))


# --- stored facts


@given(st.data())
def test_held_assignments_do_not_depend_on_the_order_of_messages_or_restarts(
    data: st.DataObject,
) -> None:
    facts = data.draw(wards())
    now = data.draw(nows(facts, POLICY))
    engine, whole = Engine(POLICY), Engine(POLICY)
    delivered = data.draw(deliveries(facts))
    cut = data.draw(st.integers(0, len(delivered)))
    feed(engine, delivered[:cut])
    engine.advance(data.draw(st.integers(now - HOUR, now)))
    feed(engine, delivered[cut:])
    engine.advance(now)
    feed(whole, delivered)
    said = [one for one in whole.advance(now) if one.priority != "info" and one.kind != "advisory"]
    again = restore(store(engine, {}), engine.outcome_counts)
    again.advance(now)
    for one in (engine, again):
        for unit in {record.unit for record in said}:
            found = one.recall(FACILITY, unit)
            assert found is not None
            held = zip(
                map(found.types.__getitem__, found.type.tolist()),
                map(PRIORITIES.__getitem__, found.rank.tolist()),
                map(CLASSES.__getitem__, found.klass.tolist()),
                found.start.tolist(),
                found.end.tolist(),
                map(repr, found.value.tolist()),
                map(repr, found.limit.tolist()),
                strict=True,
            )
            assert sorted(held) == sorted(
                (
                    (record.device_type, record.source, record.code),
                    record.priority,
                    record.class_,
                    record.start,
                    record.end,
                    repr(nan if record.value is None else record.value),
                    repr(nan if record.limit is None else record.limit),
                )
                for record in said
                if record.unit == unit
            )


def test_open_alarms_and_those_that_may_yet_be_answered_are_not_counted() -> None:
    hospital = Hospital()
    for minute in (0, 5, 14):
        hospital.alarm(NINE + minute * MINUTE)
    hospital._apply(
        "alarms",
        AlarmEvent(
            event_id="open",
            alarm_id="open",
            phase="start",
            at=NINE,
            facility="H",
            unit="ICU",
            bed="1",
            device_id="m1",
            device_type="monitor",
            code="MDC_EVT_LO",
            kind="physiological",
            priority="medium",
        ),
    )
    hospital.run(NINE + 15 * MINUTE)
    with Site(FakeWorker(hospital.engine)) as site:
        found = ask(site, "monitor//MDC_EVT_LO", "ICU", "H").json
        assert (found["before"]["alarms"], found["span"]["hours"]) == (2, 0.1)
        hospital.run(NINE + 25 * MINUTE)
        assert ask(site, "monitor//MDC_EVT_LO", "ICU", "H").json["before"]["alarms"] == 3


def test_a_type_is_found_whatever_slashes_its_names_hold() -> None:
    hospital = Hospital()
    hospital.alarm(NINE, code="A/B")
    hospital.run(NINE + HOUR)
    with Site(FakeWorker(hospital.engine)) as site:
        assert ask(site, "monitor//A/B", "ICU", "H").json["scope"]["type"] == {
            "device_type": "monitor",
            "source": "",
            "code": "A/B",
            "name": "A/B",
        }


# --- bounded, and once


class Counting(Engine):
    """Counts how often its alarms are taken."""

    taken = 0

    def recall(self, facility: str, unit: str) -> Recorded | None:
        self.taken += 1
        return super().recall(facility, unit)


def counting(*units: str) -> Hospital:
    hospital = Hospital()
    hospital.engine = Counting(Policy())
    for number, unit in enumerate(units):
        hospital.alarm(NINE + number, unit=unit)
    hospital.run(NINE + HOUR)
    return hospital


def test_while_a_slider_is_dragged_the_alarms_are_the_same_and_taken_once() -> None:
    hospital = counting("ICU")
    with Site(FakeWorker(hospital.engine), reuse=10.0) as site:
        first = ask(site, "monitor//MDC_EVT_LO", "ICU", "H", delay="1")
        hospital.alarm(NINE + HOUR)
        hospital.run(NINE + 2 * HOUR)
        assert [
            ask(site, "monitor//MDC_EVT_LO", "ICU", "H", delay=str(delay)).json["before"]["alarms"]
            for delay in range(5)
        ] == [1] * 5
        assert hospital.engine.taken == 1
        again = site.get(
            "/api/v1/whatif?facility=H&unit=ICU&type=monitor//MDC_EVT_LO&delay=1",
            If_None_Match=first.headers["ETag"],
        )
        assert (again.status, again.body) == (304, b"")
        site.moment = 10.0
        assert ask(site, "monitor//MDC_EVT_LO", "ICU", "H").json["before"]["alarms"] == 2
        assert hospital.engine.taken == 2
        site.moment = 30.0
        assert ask(site, "monitor//MDC_EVT_LO", "ICU", "H").json["before"]["alarms"] == 2
        assert hospital.engine.taken == 2, "nothing has changed since"


def test_the_same_question_is_worked_out_once_and_only_so_many_answers_are_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[Candidate] = []

    def what_if(of: Recorded, candidate: Candidate, tolerated: float) -> dict[str, object]:
        asked.append(candidate)
        return {}

    monkeypatch.setattr(what_ifs, "what_if", what_if)
    monkeypatch.setattr(workbench, "MOST_ANSWERS", 2)
    with Site(FakeWorker(counting("ICU").engine), reuse=10.0) as site:
        for delay in ("1", "2", "1.0", "3", "1", "2"):
            ask(site, "monitor//MDC_EVT_LO", "ICU", "H", delay=delay)
    assert [one.setting.delay for one in asked] == [1000, 2000, 3000, 2000], (
        "the one asked for least lately has gone"
    )


def test_only_so_many_units_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workbench, "MOST_UNITS", 2)
    hospital = counting("A", "B", "C")
    with Site(FakeWorker(hospital.engine), reuse=10.0) as site:
        for unit in ("A", "B", "A", "C", "A", "B"):
            assert ask(site, "monitor//MDC_EVT_LO", unit, "H").status == 200
    assert hospital.engine.taken == 4


def test_a_revoked_partition_is_left_out_at_once() -> None:
    worker = FakeWorker(counting("ICU").engine)
    with Site(worker, reuse=1000.0) as site:
        assert ask(site, "monitor//MDC_EVT_LO", "ICU", "H").status == 200
        worker.hold()
        assert ask(site, "monitor//MDC_EVT_LO", "ICU", "H").status == 404


# --- what cannot be answered

EXPECTED = "expected the parameters facility, unit and type, and delay, limit or both"
MORE_SENSITIVE = (
    "limit: 90.5 is more sensitive than 90, which was in force for low alarms among those chosen: "
    "what it would have added was not "
    "recorded. Expected a less sensitive one, or the readings themselves (tune trend)"
)


@pytest.mark.parametrize(
    ("query", "status", "error"),
    [
        ("facility=H01&unit=MICU", 400, EXPECTED),
        (f"facility=H01&unit=MICU&type={SPO2}&clinician=x", 400, EXPECTED),
        (f"facility=H01&unit=MICU&type={SPO2}&delay=", 400, "delay: expected a number"),
        (f"facility=H01&unit=MICU&type={SPO2}&delay=-1", 400, "delay: expected 0 to 604800 s"),
        (f"facility=H01&unit=MICU&type={SPO2}&delay=1e400", 400, "delay: expected a number"),
        (f"facility=H01&unit=MICU&type={SPO2}&limit=snan", 400, "limit: expected a number"),
        (f"facility=H01&unit=MICU&type={SPO2}&limit={'1' * 33}", 400, "limit: expected a number"),
        (f"facility=H01&unit=MICU&type={SPO2}&limit=90.5", 400, MORE_SENSITIVE),
        (
            "facility=H01&unit=MICU&type=a/b/c",
            404,
            "no such alarm type among the finished alarms of this unit",
        ),
        (f"facility=H01&unit=nowhere&type={SPO2}", 404, "no such unit among those of this worker"),
        (f"facility=H09&unit=MICU&type={SPO2}", 404, "no such unit among those of this worker"),
    ],
)
def test_a_query_that_cannot_be_answered_is_told_so(
    site: Site, query: str, status: int, error: str
) -> None:
    answer = site.get(f"/api/v1/whatif?{query}")
    assert (answer.status, answer.json) == (status, {"error": error})


def test_nothing_is_called_safe_and_what_is_of_high_priority_needs_a_review(site: Site) -> None:
    found = ask(site, HIGH_RATE, limit="125", delay="10").json
    assert found["high_priority"] > 0
    assert any("without a clinical review" in one for one in found["caveats"])
    assert found["says"][0].startswith("would hide ")
    assert "upper bound 95 %" in found["says"][0]
    assert any(one.startswith("class known for ") for one in found["says"])
    assert "safe" not in json.dumps(found)


def test_the_bound_is_that_of_beds_and_days_and_names_no_bed(
    hospital: tuple[list[str], Path], site: Site
) -> None:
    _, episodes = hospital
    beds = {json.loads(line)["bed"] for line in episodes.read_text().splitlines()}
    answer = ask(site, SPO2, delay="10").json
    assert 1 <= answer["lost"]["effective"] < answer["lost"]["of"]
    assert answer["says"][0].endswith("BEYOND the tolerance of 1 %")
    unchanged = ask(site, SPO2).json
    assert unchanged["says"][0].endswith("as nothing is changed")
    assert not [bed for bed in beds if f'"{bed}"' in json.dumps(answer)]
