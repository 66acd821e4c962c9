"""The command line: `replay` prints the naive numbers, byte for byte again, and every error is one
line and a status.
"""

from __future__ import annotations

import json
import os
import random
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from math import isclose
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from analyzer import TOPICS, AlarmEvent, Fact, Policy, Topic
from analyzer.model.policy import HOUR, MINUTE
from streams.cli.main import app
from streams.formats.codec import decode
from streams.pseudonyms import pseudonyms
from streams.settings import Settings
from streams.simulator import Ward, simulate
from tests.harness.workers import COMMAND, Done, Numbers, burdens, run
from tests.oracle import overload as naive_overload
from tests.oracle import reference as naive

POLICY = Policy()
NINE = 1_772_355_600_000  # 2026-03-01T09:00:00Z
WARD = Ward(
    seed=7,
    duration=5 * HOUR,
    units=2,
    beds=4,
    storms=6.0,
    chattering_sensors=1,
    duplicates=0.05,
    late=0.05,
    late_beyond=0.02,
    late_charting=0.3,
)
SHARED = Path(__file__).resolve().parents[4] / "shared"
NOTHING_LISTENS = "127.0.0.1:1"


@pytest.fixture(autouse=True)
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No setting and no key of whoever runs the tests."""
    for name in os.environ:
        if name.startswith("ALARM_FATIGUE_") and "TESTS" not in name:
            monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


@dataclass
class Files:
    """Recorded files, and the facts in them, each once."""

    paths: dict[Topic, Path]
    lines: dict[Topic, list[bytes]] = field(init=False)

    def __post_init__(self) -> None:
        self.lines = {topic: path.read_bytes().splitlines() for topic, path in self.paths.items()}

    @property
    def facts(self) -> list[Fact]:
        return list(
            {
                (topic, fact.event_id): fact
                for topic, lines in self.lines.items()
                for fact in (decode(topic, one) for one in lines)
            }.values()
        )

    @property
    def watermark(self) -> int:
        return max(fact.at for fact in self.facts if isinstance(fact, AlarmEvent))

    @property
    def arguments(self) -> list[str]:
        return [part for topic, path in self.paths.items() for part in (f"--{topic}", str(path))]

    def rewritten(self, folder: Path, change: Callable[[list[bytes]], list[bytes]]) -> Files:
        folder.mkdir()
        for topic, lines in self.lines.items():
            (folder / f"{topic}.jsonl").write_bytes(
                b"".join(line + b"\n" for line in change(list(lines)))
            )
        return Files({topic: folder / f"{topic}.jsonl" for topic in self.paths})


@pytest.fixture(scope="module")
def ward(tmp_path_factory: pytest.TempPathFactory) -> Files:
    folder = tmp_path_factory.mktemp("ward")
    lines: dict[Topic, list[str]] = {topic: [] for topic in TOPICS}
    for record in simulate(WARD):
        lines[record.topic].append(json.dumps(record.value) + "\n")
    for topic, texts in lines.items():
        (folder / f"{topic}.jsonl").write_text("".join(texts))
    return Files({topic: folder / f"{topic}.jsonl" for topic in TOPICS})


@pytest.fixture
def alarms(tmp_path: Path) -> Path:
    """A file of one short alarm."""
    path = tmp_path / "alarms.jsonl"
    path.write_bytes(event("start", 0) + b"\n" + event("end", 20_000) + b"\n")
    return path


def event(phase: str, after: int, **changes: Any) -> bytes:
    """`after`: ms since `NINE`."""
    fields = {
        "event_id": f"{phase}-{after}",
        "alarm_id": "a",
        "phase": phase,
        "at": NINE + after,
        "facility": "F",
        "unit": "ICU",
        "bed": "1",
        "device_id": "mon-1",
        "device_type": "monitor",
        "code": "MDC_EVT_LO",
        "kind": "physiological",
        "priority": "high",
    }
    return json.dumps(fields | changes).encode()


def assert_naive(done: Done, facts: list[Fact], now: int) -> None:
    assert done.status == 0, done.err
    found, expected = burdens(done.numbers), naive_overload.metrics(facts, now, POLICY)
    assert found.keys() == expected.keys()
    assert [
        key for key, value in expected.items() if not isclose(found[key], value, rel_tol=1e-12)
    ] == []


# --- replay


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


def test_malformed_lines_are_told_by_file_and_line_and_passed_over(
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
        done.err
        == f"malformed: {path}:2: at: expected milliseconds since 1970, found what looks like seconds\n"
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
    key.write_text("a secret of this test\n")
    config = tmp_path / "config.yaml"
    config.write_text(f"pseudonym_key_file: {key}\n")
    shown, out = run("replay", *ward.arguments, "--pseudonyms", "off"), tmp_path / "episodes.jsonl"
    hidden = run("replay", *ward.arguments, "--config", config, "--episodes", out)
    assert b"nurse-" in shown.out
    assert b"nurse-" not in hidden.out + out.read_bytes()
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
        "device_type",
        "source",
        "code",
        "le",
        "topic",
        "outcome",
    }


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


# --- settings


def test_config_check_prints_settings_that_it_takes_back(tmp_path: Path) -> None:
    config = tmp_path / "config.yaml"
    config.write_text(
        "broker: kafka:9092\npolicy: {fleeting: 20s, windows: [5m, 1h]}\nweb: {port: 9999}\n"
    )
    first = run("config", "check", "--config", config)
    told = yaml.safe_load(first.out)
    assert (
        told["broker"],
        told["policy"]["fleeting"],
        told["policy"]["windows"],
        told["web"]["port"],
    ) == (
        "kafka:9092",
        "20s",
        ["5m", "1h"],
        9999,
    )
    assert told["policy"]["horizon"] == "26h"
    assert told["policy"]["cover_by"] == ["adjust_limits", "attend", "consult", "intervene"]
    config.write_bytes(first.out)
    assert run("config", "check", "--config", config).out == first.out


def test_the_environment_overrides_the_file_and_the_command_line_both(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, alarms: Path
) -> None:
    config = tmp_path / "config.yaml"
    config.write_text("group: from-file\npseudonyms: false\npolicy: {windows: [5m]}\n")
    monkeypatch.setenv("ALARM_FATIGUE_GROUP", "from-environment")
    monkeypatch.setenv("ALARM_FATIGUE_POLICY__FLEETING", "1s")
    told = yaml.safe_load(run("config", "check", "--config", config).out)
    assert (
        told["group"],
        told["pseudonyms"],
        told["policy"]["windows"],
        told["policy"]["fleeting"],
    ) == (
        "from-environment",
        False,
        ["5m"],
        "1s",
    )
    recipients = event("start", 0, recipients=["ann"])
    assert b"ann" in run("replay", "--alarms", "-", "--config", config, stdin=recipients).out
    assert (
        b"ann"
        not in run(
            "replay", "--alarms", "-", "--config", config, "--pseudonyms", "on", stdin=recipients
        ).out
    )


def test_the_policy_of_the_config_decides(tmp_path: Path, alarms: Path) -> None:
    config = tmp_path / "config.yaml"
    config.write_text("policy: {windows: [30s], action_window: 1m}\n")
    numbers = run(
        "replay", "--alarms", alarms, "--config", config, "--at", str(NINE + 20_000 + MINUTE)
    ).numbers
    windows = {
        dict(labels).get("window")
        for name, labels in numbers
        if name == "alarm_fatigue_unit_alarms"
    }
    assert windows <= {"30s"}
    at_once = run(
        "replay", "--alarms", alarms, "--config", config, "--at", str(NINE + 20_000)
    ).numbers
    assert (
        at_once[
            "alarm_fatigue_unit_alarms",
            frozenset(
                {"facility": "F", "unit": "ICU", "window": "30s", "priority": "high"}.items()
            ),
        ]
        == 1
    )


# --- errors


@dataclass
class Place:
    """A folder with everything that the command lines below can get wrong; `{names}` in them stand
    for its paths.
    """

    folder: Path
    port: int

    def fill(self, text: str) -> str:
        names = {path.stem: path for path in self.folder.glob("*.yaml")} | {
            "key": self.folder / "empty.key"
        }
        names |= {
            "alarms": self.folder / "alarms.jsonl",
            "folder": self.folder,
            "missing": self.folder / "missing",
        }
        return text.format(port=self.port, nobody=NOTHING_LISTENS, **names)


@pytest.fixture
def place(tmp_path: Path, alarms: Path) -> Iterator[Place]:
    configs = {
        "unknown": "brokers: x",
        "nested": "policy: {fleetting: 15s}",
        "duration": "policy: {fleeting: 5 minutes}",
        "number": "policy: {fleeting: 15}",
        "window": "policy: {windows: [10]}",
        "horizon": "policy: {horizon: 1h}",
        "cover_by": "policy: {cover_by: [attend, dance]}",
        "negative": "policy: {min_classified: -1}",
        "syntax": "a: 1\nb: [",
        "list": "- a",
        "remote": "web: {host: 0.0.0.0}",
        "port_number": "web: {port: 70000}",
        "no_key": f"pseudonym_key_file: {tmp_path / 'missing'}",
        "empty_key": f"pseudonym_key_file: {tmp_path / 'empty.key'}",
        "folder_key": f"pseudonym_key_file: {tmp_path}",
    }
    for name, text in configs.items():
        (tmp_path / f"{name}.yaml").write_text(text + "\n")
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\x00")
    (tmp_path / "empty.key").write_text("\n")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        yield Place(tmp_path, taken.getsockname()[1])


@pytest.mark.parametrize(
    ("command", "status", "message"),
    [
        ("config check --config {missing}", 1, "{missing}: No such file or directory"),
        ("config check --config {folder}", 1, "{folder}: Is a directory"),
        ("config check --config {syntax}", 1, "{syntax}, line 3: expected YAML"),
        ("config check --config {binary}", 1, "{binary}: expected YAML"),
        ("config check --config {list}", 1, "{list}: expected settings as `name: value`"),
        ("config check --config {unknown}", 1, "brokers: no such setting"),
        ("config check --config {nested}", 1, "policy.fleetting: no such setting"),
        (
            "config check --config {duration}",
            1,
            "policy.fleeting: expected a duration such as 15s, 10m or 12h",
        ),
        (
            "config check --config {number}",
            1,
            "policy.fleeting: expected a duration such as 15s, 10m or 12h",
        ),
        ("config check --config {window}", 1, "policy.windows.0: Input should be a valid string"),
        (
            "config check --config {cover_by}",
            1,
            "policy.cover_by.1: Input should be 'acknowledge', ",
        ),
        (
            "config check --config {horizon}",
            1,
            "policy: horizon: expected at least 24.25 h (longest window + cover",
        ),
        ("config check --config {negative}", 1, "policy: min_classified: expected zero or more"),
        (
            "config check --config {remote}",
            1,
            "web: host: 0.0.0.0 would serve without authentication",
        ),
        (
            "config check --config {port_number}",
            1,
            "web.port: Input should be less than or equal to 65535",
        ),
        (
            "config check --config {no_key}",
            1,
            "pseudonym_key_file: {missing}: No such file or directory",
        ),
        (
            "config check --config {empty_key}",
            1,
            "pseudonym_key_file: {key}: expected a secret, found an empty file",
        ),
        ("config check --config {folder_key}", 1, "pseudonym_key_file: {folder}: Is a directory"),
        ("replay", 2, "--alarms: expected a file of alarm events, or -"),
        ("replay --alarms {missing}", 1, "{missing}: no such file"),
        ("replay --alarms {folder}", 1, "{folder}: expected a file, found a directory"),
        ("replay --alarms {alarms} --labels {missing}", 1, "{missing}: no such file"),
        ("replay --alarms - --labels -", 2, "-: only one file can be read from standard input"),
        (
            "replay --alarms {alarms} --at yesterday",
            2,
            "--at: expected an RFC 3339 time with an offset",
        ),
        (
            "replay --alarms {alarms} --at 2026-03-01T07:00:00",
            2,
            "--at: expected an RFC 3339 time with an offset",
        ),
        ("replay --alarms {alarms} --at -", 2, "--at: expected an RFC 3339 time with an offset"),
        ("replay --alarms {alarms} --at 99999999999999999999", 2, "--at: expected"),
        (
            "replay --alarms {alarms} --episodes {missing}/e.jsonl",
            1,
            "{missing}/e.jsonl: No such file or directory",
        ),
        (
            "replay --alarms {alarms} --episodes /dev/null/e.jsonl",
            1,
            "/dev/null/e.jsonl: Not a directory",
        ),
        ("replay --alarms {alarms} --episodes {folder}", 1, "{folder}: Is a directory"),
        ("replay --alarms {alarms} --config {unknown}", 1, "brokers: no such setting"),
        (
            "replay --alarms {alarms} --config {empty_key}",
            1,
            "pseudonym_key_file: {key}: expected a secret",
        ),
        ("worker --host 0.0.0.0", 1, "web: host: 0.0.0.0 would serve without authentication"),
        (
            "worker --host 192.0.2.1 --port 80",
            1,
            "web: host: 192.0.2.1 would serve without authentication",
        ),
        ("worker --port 0", 1, "web.port: Input should be greater than or equal to 1"),
        ("worker --config {syntax}", 1, "{syntax}, line 3: expected YAML"),
        ("worker --group a/b", 1, "group: "),
        ("publish --broker {nobody} --alarms {missing}", 1, "{missing}: no such file"),
        ("publish --broker {nobody}", 2, "expected at least one file"),
        (
            "publish --broker {nobody} --alarms {alarms} --speed 0",
            2,
            "--speed: expected a number above 0",
        ),
        ("publish --broker {nobody} --alarms {alarms} --speed 2 --fast", 2, "--speed: "),
    ],
)
def test_an_error_is_one_line_that_says_what_and_a_status(
    place: Place, command: str, status: int, message: str
) -> None:
    done = run(*place.fill(command).split())
    assert done.status == status
    assert done.out == b""
    [line] = done.err.splitlines()
    assert line.startswith("error: " + place.fill(message))


def test_a_broker_that_is_not_there_is_one_line(alarms: Path) -> None:
    commands = [
        ("worker", "--broker", NOTHING_LISTENS),
        ("topics", "--broker", NOTHING_LISTENS),
        ("publish", "--broker", NOTHING_LISTENS, "--alarms", str(alarms)),
        ("worker", "--broker", "nonsense"),
    ]
    running = [
        subprocess.Popen([COMMAND, *one], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for one in commands
    ]
    for command, process in zip(commands, running, strict=True):
        out, err = process.communicate(timeout=60)
        assert (process.returncode, out) == (1, "")
        assert (
            err
            == f"error: no Kafka broker answers at {command[2]} (KafkaTimeoutError); is it running?\n"
        )


@pytest.mark.parametrize(
    "arguments",
    [["frobnicate"], ["replay", "--frob"], ["replay", "--alarms"], ["worker", "--port", "x"]],
)
def test_wrong_arguments_end_with_2(arguments: list[str]) -> None:
    done = run(*arguments)
    assert (done.status, done.out) == (2, b"")
    assert next(one for one in reversed(arguments) if len(one) > 1).lstrip("-") in done.err


def test_a_reader_that_has_seen_enough_is_no_error(ward: Files) -> None:
    command = f"{COMMAND} replay {' '.join(ward.arguments)} | head -n 1"
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("# HELP ")
    assert done.stderr == ""


# --- help


def commands(group: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, (*path, name))
        else:
            yield (*path, name)


@pytest.mark.parametrize("command", list(commands(typer.main.get_command(app))), ids=" ".join)
def test_help_of_every_command_gives_an_example_of_it(command: tuple[str, ...]) -> None:
    done = run(*command, "--help")
    assert done.status == 0
    assert f"Example: alarm-fatigue {' '.join(command)}" in " ".join(done.out.decode().split())


def test_the_command_alone_lists_its_commands() -> None:
    done = run("--help")
    assert done.status == 0
    assert all(
        name in done.out.decode() for name in ("worker", "topics", "replay", "publish", "config")
    )
