"""With --hl7, the demo's monitors speak HL7, and the table shows the same hospital."""

from __future__ import annotations

import re
import subprocess
import sys
from itertools import takewhile

import pytest

from analyzer.hl7 import Translator
from analyzer.model import HOUR, AlarmEvent, Response
from streams.demo.gateway import Spoken, told
from streams.demo.hospital import hospital
from streams.dev.broker import EmbeddedBroker, free_port
from streams.formats.codec import decode
from streams.simulator import simulate
from streams.simulator.perturbations import Record
from tests.harness.demos import COMMAND, assert_all_end, children, running

NOW = 1_772_500_000_000
HEARTBEAT = "MDC_EVT_WATCHDOG"  # no alarm in HL7


def test_every_alarm_is_one_alarm_and_responses_belong_to_it() -> None:
    ward, begins = hospital(1, NOW)
    records = list(takewhile(lambda one: one.due < begins + HOUR // 2, simulate(ward)))
    before = {one.value.get("alarm_id") for one in records if one.due < begins}
    simulated = {
        one.value["alarm_id"]
        for one in records
        if one.topic == "alarms"
        and one.value["alarm_id"] not in before
        and one.value["code"] != HEARTBEAT
    }
    translator = Translator()
    alarms: set[str] = set()
    answered: set[str | None] = set()
    spoken_actions = set()
    for message in told(iter(records), begins):
        if isinstance(message, Spoken):
            outcome = translator.translate(message.value)
            assert outcome.kind != "rejected", outcome.refusal
            for fact in outcome.facts:
                if isinstance(fact, AlarmEvent):
                    alarms.add(fact.alarm_id)
                elif isinstance(fact, Response):
                    spoken_actions.add(fact.action)
        elif message.topic == "responses" and (message.due or 0) >= begins:
            response = decode("responses", message.value)
            assert isinstance(response, Response)
            answered.add(response.alarm_id)
    assert len(alarms) == len(simulated) > 100
    assert len(answered & alarms) > 10
    assert not answered & simulated
    assert spoken_actions & {"silence", "pause", "acknowledge"}


def test_a_spoken_alarm_says_what_the_simulated_one_says() -> None:
    ward, begins = hospital(1, NOW)
    records = takewhile(lambda one: one.due < begins + HOUR // 4, simulate(ward))
    starts: dict[object, Record] = {}  # some come twice
    for one in records:
        wanted = one.topic == "alarms" and one.due >= begins and one.value["phase"] == "start"
        if wanted and one.value["code"] != HEARTBEAT:
            starts.setdefault(one.value["alarm_id"], one)
    kept = list(starts.values())
    translator = Translator()
    assert len(kept) > 30
    for record, message in zip(kept, told(iter(kept), begins), strict=True):
        [fact] = translator.translate(message.value).facts
        assert isinstance(fact, AlarmEvent)
        same = ("unit", "bed", "code", "source", "kind", "priority", "label", "device_id", "at")
        same += ("device_type", "facility")
        assert {name: getattr(fact, name) for name in same} == {
            name: record.value[name] for name in same
        }
        assert (fact.value, fact.limit) == (record.value.get("value"), record.value.get("limit"))


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux lists children")
def test_it_shows_numbers_and_leaves_nothing_behind(embedded_broker: EmbeddedBroker) -> None:
    with running("--hl7", "--for", "20", "--port", str(free_port())) as demo:
        demo.wait_for("first numbers after")
        pids = children(demo.process.pid)
        assert demo.status() == 0, demo.errors
        assert demo.errors == ""
        assert not demo.left_behind
        shown = demo.shown
    assert re.search(r"\nmonitors speak HL7 \(PCD-04\) to port \d+\n", shown)
    times = re.findall(r"^\w{3} \d+ \w{3} (\d\d:\d\d): [\d,]+ records/s", shown, re.MULTILINE)
    assert times[0] != times[-1]  # what the numbers show comes from HL7 alone
    for unit in ("MICU", "SICU", "PICU", "STEPDOWN"):
        assert re.search(
            rf"  {unit}: [\d,]+ alarms in 10 min, .*, \d+% non-actionable, .* \d beds, \d on duty",
            shown,
        )
    assert_all_end(pids, frozenset({"broker", "worker", "listen", "translate"}))


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux lists children")
@pytest.mark.parametrize("which", ["listen", "translate"])
def test_a_feed_that_ends_gives_one_line(which: str, embedded_broker: EmbeddedBroker) -> None:
    with running("--hl7", "--port", str(free_port())) as demo:
        demo.wait_for("monitors speak HL7")
        pids = children(demo.process.pid)
        subprocess.run(["/bin/kill", "-9", str(pids[which])], check=True)
        assert demo.status() == 1
        assert re.fullmatch(r"error: hl7 (listen|translate) .*\n", demo.errors)
    assert_all_end(pids, frozenset({"broker", "worker", "listen", "translate"}))


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--page"], "--hl7: cannot be combined with --page, --broker or --config"),
        (["--broker", "x:1"], "--hl7: cannot be combined with --page, --broker or --config"),
        (["--speed", "400"], "--speed: expected 1 to 300 with --hl7"),
    ],
)
def test_an_unsupported_request_is_one_error_line(options: list[str], says: str) -> None:
    done = subprocess.run(
        [COMMAND, "demo", "--hl7", *options], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (2, f"error: {says}\n")
