"""The command `replay`: its numbers, records, input lines and privacy."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from math import isclose
from pathlib import Path

import pytest

from analyzer import TOPICS, Fact, Policy, Topic
from analyzer.model.policy import HOUR
from streams.pseudonyms import pseudonyms
from streams.settings import Settings
from tests.harness.files import NINE, WARD, Files, event
from tests.harness.workers import COMMAND, Done, Numbers, burdens, run
from tests.oracle import overload as naive_overload
from tests.oracle import reference as naive

POLICY = Policy()


SHARED = Path(__file__).resolve().parents[4] / "shared"


def assert_naive(done: Done, facts: list[Fact], now: int) -> None:
    assert done.status == 0, done.err
    found, expected = burdens(done.numbers), naive_overload.metrics(facts, now, POLICY)
    assert found.keys() == expected.keys()
    assert [
        key for key, value in expected.items() if not isclose(found[key], value, rel_tol=1e-12)
    ] == []


def test_replay_prints_the_naive_numbers_at_the_watermark(ward: Files) -> None:
    assert_naive(run("replay", *ward.arguments, "--pseudonyms", "off"), ward.facts, ward.watermark)


@pytest.mark.parametrize("share", [0.0, 0.3, 0.7, 1.0, 1.5, 4.0])
def test_replay_at_a_time_prints_the_naive_numbers_of_that_time(ward: Files, share: float) -> None:
    now = WARD.start + round(WARD.duration * share) + 1
    done = run("replay", *ward.arguments, "--pseudonyms", "off", "--at", str(now))
    assert_naive(done, ward.facts, now)


def test_at_is_spelled_as_text_too(ward: Files) -> None:
    now = WARD.start + 2 * HOUR + 250
    assert (
        run("replay", *ward.arguments, "--at", "2026-03-01T10:00:00.250+01:00").out
        == run("replay", *ward.arguments, "--at", str(now)).out
    )


def test_facts_after_at_do_not_count(ward: Files, tmp_path: Path) -> None:
    now = WARD.start + 2 * HOUR
    known = {
        topic: [line for line in lines if json.loads(line)["at"] <= now]
        for topic, lines in ward.lines.items()
    }
    topics = iter(ward.lines)
    past = ward.rewritten(tmp_path / "past", lambda _: known[next(topics)])
    complete = run("replay", *ward.arguments, "--at", str(now))
    assert burdens(run("replay", *past.arguments, "--at", str(now)).numbers) == burdens(
        complete.numbers
    )


def test_replay_is_the_same_bytes_in_whatever_order_the_lines_stand(
    ward: Files, tmp_path: Path
) -> None:
    shuffled = ward.rewritten(
        tmp_path / "shuffled", lambda lines: random.Random(4).sample(lines, len(lines))
    )
    backwards = ward.rewritten(tmp_path / "backwards", lambda lines: lines[::-1])
    first = run("replay", *ward.arguments).out
    assert run("replay", *shuffled.arguments).out == first
    assert run("replay", *backwards.arguments).out == first
    assert run("replay", *reversed_pairs(ward.arguments)).out == first


def reversed_pairs(arguments: list[str]) -> list[str]:
    return [
        part for index in range(len(arguments) - 2, -1, -2) for part in arguments[index : index + 2]
    ]


def test_replay_and_its_episodes_are_the_same_bytes_in_every_process(
    ward: Files, tmp_path: Path
) -> None:
    outputs = set()
    for hash_seed in ("1", "2"):
        out = tmp_path / f"{hash_seed}.jsonl"
        command = [COMMAND, "replay", *ward.arguments, "--episodes", str(out)]
        environment = os.environ | {"PYTHONHASHSEED": hash_seed}
        done = subprocess.run(command, capture_output=True, check=True, env=environment)
        outputs.add((done.stdout, out.read_bytes()))
    [(exposition, episodes)] = outputs
    assert exposition.endswith(b"# EOF\n")
    assert episodes


def test_repeated_lines_are_counted_and_change_nothing(ward: Files, tmp_path: Path) -> None:
    twice = ward.rewritten(tmp_path / "twice", lambda lines: lines * 2)
    once, again = run("replay", *ward.arguments).numbers, run("replay", *twice.arguments).numbers
    assert burdens(again) == burdens(once)
    for topic, lines in ward.lines.items():
        accepted = counted(once, topic, "accepted")
        assert accepted == len({json.loads(line)["event_id"] for line in lines})
        assert counted(again, topic, "accepted") == accepted
        assert counted(again, topic, "duplicate") == 2 * len(lines) - accepted


def counted(numbers: Numbers, topic: str, outcome: str) -> float:
    return numbers[
        "alarm_fatigue_events_total", frozenset({("topic", topic), ("outcome", outcome)})
    ]


def test_nothing_in_files_is_late_or_in_the_future(ward: Files) -> None:
    numbers = run("replay", *ward.arguments).numbers
    assert {
        counted(numbers, topic, outcome)
        for topic in TOPICS
        for outcome in ("late", "future", "misrouted", "malformed")
    } == {0}


def test_samples_are_ordered_by_what_is_shown_not_by_what_is_hidden(ward: Files) -> None:
    """The order of the raw ids would give them away."""
    order = [
        dict(labels)
        for name, labels in run("replay", *ward.arguments).numbers
        if name == "alarm_fatigue_clinician_beds"
    ]
    shown = [(one["facility"], one["unit"], one["clinician"]) for one in order]
    assert shown == sorted(shown)
    assert len(shown) > 3


@pytest.mark.parametrize("topic", TOPICS)
def test_any_one_file_may_come_from_standard_input(ward: Files, topic: Topic) -> None:
    arguments = ["-" if part == str(ward.paths[topic]) else part for part in ward.arguments]
    assert (
        run("replay", *arguments, stdin=ward.paths[topic].read_bytes()).out
        == run("replay", *ward.arguments).out
    )


def test_malformed_lines_are_reported_with_file_and_line_and_skipped(
    ward: Files, tmp_path: Path
) -> None:
    bad = [b"not json", b"[]", b"\xff", event("begin", 0), event("start", 0, bed="")]
    path = tmp_path / "mixed.jsonl"
    path.write_bytes(b"\n".join([bad[0], b"", *ward.lines["alarms"], *bad[1:]]) + b"\n")
    arguments = [
        str(path) if part == str(ward.paths["alarms"]) else part for part in ward.arguments
    ]
    done, clean = run("replay", *arguments), run("replay", *ward.arguments)
    assert done.status == 0
    last = len(ward.lines["alarms"]) + 2  # after the first bad line and the empty one
    assert done.err.splitlines() == [
        f"malformed: {path}:1: value: expected JSON",
        f"malformed: {path}:{last + 1}: value: expected a JSON object",
        f"malformed: {path}:{last + 2}: value: expected UTF-8",
        f"malformed: {path}:{last + 3}: phase: expected one of start, update, end",
        f"malformed: {path}:{last + 4}: bed: expected 1 to 128 characters",
    ]
    assert counted(done.numbers, "alarms", "malformed") == 5
    assert burdens(done.numbers) == burdens(clean.numbers)


def test_giant_and_nested_lines_are_malformed_and_the_lines_after_them_count(
    tmp_path: Path,
) -> None:
    """40 MB in a line, of which 16 MiB are looked at; a million brackets; no text at all."""
    path = tmp_path / "junk.jsonl"
    path.write_bytes(
        b"\n".join(
            [
                b"x" * 40_000_000,
                b'{"a":' + b"[" * 1_000_000,
                b"\0" * 100,
                event("start", 0),
                b"y" * (1 << 24),
            ]
        )
    )
    done = run("replay", "--alarms", path)
    assert done.status == 0
    assert done.err.splitlines() == [
        f"malformed: {path}:1: value: expected at most 1048576 bytes",
        f"malformed: {path}:2: value: expected JSON",
        f"malformed: {path}:3: value: expected JSON",
        f"malformed: {path}:5: value: expected at most 1048576 bytes",
    ]
    assert counted(done.numbers, "alarms", "accepted") == 1


def test_seconds_in_the_place_of_milliseconds_are_told_and_the_monitor_s_alarms_count(
    tmp_path: Path,
) -> None:
    path = tmp_path / "alarms.jsonl"
    path.write_bytes(event("start", 0) + b"\n" + event("start", 1, at=NINE // 1000))
    done = run("replay", "--alarms", path)
    assert (
        done.err == f"malformed: {path}:2: at: expected milliseconds since 1970, "
        "found what looks like seconds\n"
    )
    assert counted(done.numbers, "alarms", "accepted") == 1


def test_a_null_source_is_as_none(tmp_path: Path) -> None:
    without, null = tmp_path / "without.jsonl", tmp_path / "null.jsonl"
    without.write_bytes(event("start", 0))
    null.write_bytes(event("start", 0, source=None))
    done = run("replay", "--alarms", null)
    assert (done.err, done.out) == ("", run("replay", "--alarms", without).out)


def test_an_end_before_the_start_leaves_the_alarm_open(tmp_path: Path) -> None:
    path = tmp_path / "alarms.jsonl"
    path.write_bytes(event("start", 0) + b"\n" + event("end", -3000))
    numbers = run("replay", "--alarms", path, "--at", str(NINE + HOUR)).numbers
    assert (
        numbers[
            "alarm_fatigue_unit_open_alarms", frozenset({"facility": "F", "unit": "ICU"}.items())
        ]
        == 1
    )


def test_strict_ends_with_3_only_where_lines_were_malformed(alarms: Path) -> None:
    good = run("replay", "--alarms", alarms, "--strict")
    assert (good.status, good.err) == (0, "")
    bad = run("replay", "--alarms", "-", "--strict", stdin=alarms.read_bytes() + b"{}")
    assert (bad.status, bad.err) == (3, "malformed: <stdin>:3: event_id: required, but missing\n")
    assert burdens(bad.numbers) == burdens(good.numbers)


def test_an_empty_file_gives_an_exposition_without_burdens(tmp_path: Path) -> None:
    (tmp_path / "empty.jsonl").touch()
    done = run("replay", "--alarms", tmp_path / "empty.jsonl")
    assert done.status == 0
    assert burdens(done.numbers) == {}
    assert counted(done.numbers, "alarms", "accepted") == 0


def test_json_says_what_openmetrics_says(ward: Files) -> None:
    [line] = run("replay", *ward.arguments, "--format", "json").out.splitlines()
    families = json.loads(line)["metrics"]
    assert all(family.keys() == {"name", "type", "help", "samples"} for family in families)
    samples = {
        (one["name"], frozenset(one["labels"].items())): one["value"]
        for family in families
        for one in family["samples"]
    }
    assert samples == run("replay", *ward.arguments).numbers


def test_episodes_are_the_final_ones_with_the_fields_that_tuning_reads(
    ward: Files, tmp_path: Path
) -> None:
    out = tmp_path / "episodes.jsonl"
    assert run("replay", *ward.arguments, "--pseudonyms", "off", "--episodes", out).status == 0
    found = [json.loads(line) for line in out.read_bytes().splitlines()]
    expected = {
        name: one
        for name, one in naive.episodes(ward.facts, ward.watermark, POLICY).items()
        if one.final
    }
    assert {one["alarm_id"] for one in found} == expected.keys()
    assert len(found) == len(expected) > 100
    for one in found:
        truth = expected[one["alarm_id"]]
        same = (
            "unit",
            "bed",
            "alarm_id",
            "device_type",
            "source",
            "code",
            "kind",
            "priority",
            "start",
            "end",
            "basis",
            "value",
            "limit",
        )
        assert {name: one[name] for name in same} == {name: getattr(truth, name) for name in same}
        assert (one["facility"], one["class"], one["clinicians"]) == (
            "H01",
            truth.klass,
            sorted(truth.clinicians),
        )
    assert len({one["id"] for one in found}) == len(found)


def test_clinicians_are_pseudonyms_unless_switched_off(ward: Files, tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_text("a secret of this test that is long enough\n")
    key.chmod(0o600)
    config = tmp_path / "config.yaml"
    config.write_text(f"pseudonym_key_file: {key}\n")
    shown, out = run("replay", *ward.arguments, "--pseudonyms", "off"), tmp_path / "episodes.jsonl"
    hidden = run("replay", *ward.arguments, "--config", config, "--episodes", out)
    assert b"nurse-" in shown.out
    assert b"nurse-" not in hidden.out + out.read_bytes()
    assert hidden.err == shown.err
    pseudonym = pseudonyms(Settings(pseudonym_key_file=key))
    renamed = {
        (
            name,
            frozenset(
                (label, pseudonym(value) if label == "clinician" else value)
                for label, value in labels
            ),
        ): value
        for (name, labels), value in shown.numbers.items()
    }
    assert renamed == hidden.numbers


def test_no_series_grows_without_bounds_or_names_a_bed_or_device(ward: Files) -> None:
    labels = {name for _, labels in run("replay", *ward.arguments).numbers for name, _ in labels}
    assert labels == {
        "facility",
        "unit",
        "clinician",
        "window",
        "priority",
        "class",
        "scope",
        "band",
        "measure",
        "state",
        "edge",
        "device_type",
        "source",
        "code",
        "name",
        "le",
        "topic",
        "outcome",
    }


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "log", "count"),
    [
        ("mp90", "mp90/1D_alarm.txt", 13),
        ("tep", "tep/text_alarms_deadband_9.csv", None),
        ("tep", "tep/text_alarms_filter_9.csv", None),
    ],
)
def test_real_logs_give_the_naive_numbers(
    kind: str, log: str, count: int | None, tmp_path: Path
) -> None:
    if not (SHARED / "data").is_dir():
        pytest.skip(f"the recorded logs are not part of the project: {SHARED / 'data'} is absent")
    subprocess.run(
        [sys.executable, SHARED / "tools" / "to_events.py", kind, SHARED / "data" / log, tmp_path],
        check=True,
    )
    files = Files({topic: tmp_path / f"{topic}.jsonl" for topic in ("assignments", "alarms")})
    assert count is None or len(files.lines["alarms"]) == count
    assert_naive(
        run("replay", *files.arguments, "--pseudonyms", "off"), files.facts, files.watermark
    )
    moments = sorted(fact.at for fact in files.facts)
    for place in (len(moments) // 5, len(moments) // 2, -2):
        now = moments[place] + 30_000
        assert_naive(
            run("replay", *files.arguments, "--pseudonyms", "off", "--at", str(now)),
            files.facts,
            now,
        )
