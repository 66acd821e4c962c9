"""The rig: a real Kafka, workers that are started again when they end, and a producer that goes on
meanwhile.

Every wait has an end and says what it waited for; leaving the rig kills whatever it started.
"""

from __future__ import annotations

import contextlib
import json
import re
import signal
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

from kafka import KafkaProducer
from kafka.errors import KafkaError

from streams.dev.broker import ApacheKafka
from streams.kafka.topics import LARGEST_RECORD
from tests.chaos.reference import Reference, Truth, difference
from tests.harness.workers import (
    Message,
    Numbers,
    WorkerProcess,
    ends,
    new_topics,
    read,
    read_by_generation,
)

TOPICS = ("alarms", "assignments", "responses", "labels")
PATIENCE = 150.0
"""Seconds until what should become true counts as a failure; most of it for machines that are busy
otherwise.
"""
MOST_ENDS = 5
"""A worker may end itself to be restarted, as it would by its service manager, but not for ever."""


class Failed(Exception):
    """Something did not come true, or is not equal: one line."""


class Recovery(NamedTuple):
    """Seconds until every number was right again about everything produced: from the kill, and from
    the new process's start.
    """

    from_kill: float
    from_restart: float


class Production:
    """A thread that sends messages in order at a steady rate, as far as a mark that can be moved
    on.
    """

    def __init__(self, broker: ApacheKafka, messages: Sequence[Message], rate: float) -> None:
        self._messages = messages
        self._rate = rate
        self._producer = KafkaProducer(
            bootstrap_servers=broker.address,
            max_request_size=LARGEST_RECORD,
            linger_ms=5,
            enable_idempotence=True,  # its retries over an outage must not be records of their own
            max_block_ms=PATIENCE * 1000,
            delivery_timeout_ms=PATIENCE * 1000,  # it must outlast the broker's absence
            request_timeout_ms=5_000,
            reconnect_backoff_max_ms=500,
        )
        self._mark = self._handed_over = self._delivered = 0
        self._moved = threading.Condition()
        self._error: BaseException | None = None
        self._ended = False
        self._thread = threading.Thread(target=self._run, name="production", daemon=True)
        self._thread.start()

    def go(self, mark: int) -> None:
        """Send up to `mark` messages in all, at the rate, without waiting for it."""
        with self._moved:
            self._mark = max(self._mark, min(mark, len(self._messages)))
            self._moved.notify_all()

    def _wait(self, reached: Callable[[], bool], what: str) -> None:
        with self._moved:
            if not self._moved.wait_for(
                lambda: self._error is not None or reached(),
                PATIENCE + len(self._messages) / self._rate,
            ):
                raise Failed(f"not in time: {what}")
        if self._error is not None:
            raise Failed(f"the producer failed: {self._error!r}")

    def wait_until_sent(self, count: int) -> None:
        """Until so many have been handed to the producer; they may be under way."""
        self._wait(lambda: self._handed_over >= count, f"{count} records sent")

    def wait_until_delivered(self) -> None:
        """Until the broker has acknowledged everything up to the mark."""
        self._wait(lambda: self._delivered >= self._mark, f"{self._mark} records delivered")

    @property
    def sent(self) -> int:
        return self._handed_over

    def close(self) -> None:
        with self._moved:
            self._ended = True
            self._moved.notify_all()
        with contextlib.suppress(KafkaError):  # what could not be sent any more is no news
            self._producer.close(timeout=1)
        self._thread.join(10)

    def _run(self) -> None:
        try:
            while True:
                with self._moved:
                    self._moved.wait_for(lambda: self._ended or self._handed_over < self._mark)
                    if self._ended:
                        return
                self._send_up_to_mark()
        except BaseException as error:  # whoever waits for records gets to know
            with self._moved:
                self._error = error
                self._moved.notify_all()

    def _send_up_to_mark(self) -> None:
        began, before = time.monotonic(), self._handed_over
        while not self._ended and self._handed_over < self._mark:
            due = min(self._mark, before + int((time.monotonic() - began) * self._rate) + 1)
            for one in self._messages[self._handed_over : due]:
                sent = self._producer.send(
                    one.topic,
                    key=one.key,
                    value=one.value,
                    timestamp_ms=one.stamp,
                    partition=one.partition,
                )
                sent.add_errback(self._failed)
            self._report(handed_over=due)
            time.sleep(0.01)
        self._producer.flush(timeout=PATIENCE)
        self._report(delivered=self._handed_over)

    def _failed(self, error: BaseException) -> None:
        with self._moved:
            self._error = error
            self._moved.notify_all()

    def _report(self, handed_over: int | None = None, delivered: int | None = None) -> None:
        with self._moved:
            self._handed_over = self._handed_over if handed_over is None else handed_over
            self._delivered = self._delivered if delivered is None else delivered
            self._moved.notify_all()


class Worker(WorkerProcess):
    """A worker that is meant to run, or not, or to stand still."""

    wanted = False
    ends = 0
    """How often it ended without being told to."""
    _lines_before = 0

    def start(self) -> Self:
        self._lines_before = len(self._lines())
        return super().start()

    def _lines(self) -> list[str]:
        return self.log.read_text(errors="replace").splitlines() if self.log.exists() else []

    def end(self) -> str | None:
        """SIGTERM, which it must heed by draining, or by ending at once as long as it holds
        nothing; else what is wrong.
        """
        try:
            status = self.stop()
        except subprocess.TimeoutExpired as error:
            return f"did not end within {error.timeout:.0f} s of SIGTERM"
        if status == 0 or (
            status == -signal.SIGTERM
            and not any("partitions held" in line for line in self._lines()[self._lines_before :])
        ):
            return None
        return f"ended with status {status} when stopped: {self.last_words()}"

    def last_words(self) -> str:
        """The last complaint in its log."""
        lines = [line for line in self._lines() if line.strip()]
        complaints = [
            line
            for line in lines
            if '"level": "error"' in line
            or '"level": "critical"' in line
            or line.startswith("error")
        ]
        return (complaints or lines or ["it printed nothing"])[-1][:300]


class Rig:
    """One broker with empty topics of `partitions`, any number of workers, one production of
    `messages`.
    """

    def __init__(
        self,
        broker: ApacheKafka,
        folder: Path,
        messages: Sequence[Message],
        *,
        partitions: int,
        rate: float,
        static: bool,
        say: Callable[[str], object],
        **settings: Any,
    ) -> None:
        self.broker = broker
        self.messages = messages
        self.plan = Reference(messages)
        self.workers: dict[str, Worker] = {}
        self.kills = 0
        self.recoveries: list[Recovery] = []
        self._folder = folder
        self._partitions = partitions
        self._static = static
        self._say = say
        self._began = time.monotonic()
        self._settings = settings
        self._parsed: dict[str, Any] = {}
        new_topics(broker, partitions)
        self.production = Production(broker, messages, rate)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for worker in self.workers.values():
            worker.kill()
        self.production.close()

    # -- workers

    def start(self, *names: str) -> None:
        """Start workers, new ones or ones of before."""
        for name in names:
            if name not in self.workers:
                fixed = {"instance": name} if self._static else {}
                self.workers[name] = Worker(
                    self.broker, self._folder, name, **self._settings, **fixed
                )
            self.workers[name].start()
            self.workers[name].wanted = True

    def note(self, text: str) -> None:
        """Tell what goes on, for those who wait."""
        self._say(
            f"  {time.monotonic() - self._began:5.0f} s, {self.production.sent:7} records: {text}"
        )

    def kill_and_restart(self, *names: str) -> tuple[float, float]:
        """SIGKILL, all at once, and new processes right after; the moments of both."""
        killed = time.monotonic()
        self.kill(*names)
        self.start(*names)
        return killed, time.monotonic()

    def kill(self, *names: str) -> None:
        for name in names:
            self.workers[name].wanted = False
            self.workers[name].kill()
            self.kills += 1

    def stop(self, *names: str) -> None:
        """SIGTERM: they must drain and end well."""
        for name in names:
            self.workers[name].wanted = False
        for name in names:
            if not self.workers[name].running:
                self.workers[name].ends += 1
            elif wrong := self.workers[name].end():
                raise Failed(f"{name} {wrong}")

    def suspend(self, name: str) -> None:
        """SIGSTOP: it neither works nor answers, and does not know it."""
        self.workers[name].wanted = False
        self.workers[name].signal(signal.SIGSTOP)

    def wake(self, name: str) -> None:
        """SIGCONT."""
        self.workers[name].signal(signal.SIGCONT)
        self.workers[name].wanted = True

    def tend(self) -> None:
        """Start again whoever ended without being told to, as a service manager would."""
        for name, worker in self.workers.items():
            if worker.wanted and not worker.running:
                worker.ends += 1
                if worker.ends > MOST_ENDS:
                    raise Failed(
                        f"{name} ended by itself {worker.ends} times: {worker.last_words()}"
                    )
                worker.start()

    @property
    def ends(self) -> int:
        """How often workers ended by themselves."""
        return sum(worker.ends for worker in self.workers.values())

    @property
    def running(self) -> list[str]:
        """Names of those that are meant to run."""
        return [name for name, worker in self.workers.items() if worker.wanted]

    @property
    def wanted(self) -> list[Worker]:
        return [worker for worker in self.workers.values() if worker.wanted]

    def until_shared(self) -> None:
        """Until all workers that are meant to run are ready, and together hold each partition once."""

        def shared() -> bool:
            held = [worker.held for worker in self.wanted]
            return sum(map(len, held)) == self._partitions == len(set().union(*held)) and all(held)

        self.until(
            lambda: all(worker.running and worker.ready for worker in self.wanted) and shared(),
            "workers share the partitions",
        )

    def until(self, holds: Callable[[], Any], what: str) -> None:
        deadline = time.monotonic() + PATIENCE
        while not holds():
            if time.monotonic() > deadline:
                raise Failed(f"not within {PATIENCE:.0f} s: {what}")
            self.tend()
            time.sleep(0.1)

    def pass_time(self, seconds: float) -> None:
        """Let it go on for so long."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            self.tend()
            time.sleep(min(0.1, max(until - time.monotonic(), 0)))

    # -- numbers

    def look(self) -> Truth | None:
        """What all workers show together; None where one does not answer, or two show the same
        series.
        """
        numbers: Numbers = {}
        events: Counter[tuple[str, str]] = Counter()
        for worker in self.wanted:
            status, text = worker.get("/metrics")
            if status != 200:
                return None
            for line in text.splitlines():
                series, _, value = line.rpartition(" ")
                known = self._parsed.get(series, ...)
                if known is ...:
                    known = self._parsed[series] = _parse(series)
                if known is None:
                    continue
                if known[0] == "events":
                    events[known[1]] += int(float(value))
                elif known in numbers:
                    return None
                else:
                    numbers[known] = float(value)
        return Truth(numbers, {key: count for key, count in events.items() if count})

    def until_exact(self, expected: Truth, what: str) -> float:
        """Until all numbers are right; when that was seen, by the monotonic clock."""
        deadline = time.monotonic() + PATIENCE
        while True:
            began = time.monotonic()
            found = self.look()
            seen = time.monotonic()
            if found == expected:
                return seen
            if seen > deadline:
                raise Failed(
                    f"{what}: not right within {PATIENCE:.0f} s: {self._differences(found, expected)}; {self._lags()}"
                )
            self.tend()
            # a scrape costs the worker time that it needs to catch up
            time.sleep(max(0.1, 2 * (seen - began)))

    @staticmethod
    def _differences(found: Truth | None, expected: Truth) -> str:
        if found is None:
            return "a worker does not answer, or two show the same series"
        told = (
            difference(found.events, expected.events, "events_total"),
            difference(found.numbers, expected.numbers, "burdens"),
        )
        return "; ".join(one for one in told if one)

    def _lags(self) -> str:
        """Where workers say that they are behind: a record not taken in yet is no record
        miscounted.
        """
        shown = {name: worker.numbers for name, worker in self.workers.items() if worker.wanted}
        lags = [
            f"{name} {dict(labels)['topic']}-{dict(labels)['partition']} {value:.0f}"
            for name, numbers in shown.items()
            for (metric, labels), value in numbers.items()
            if metric == "alarm_fatigue_consumer_lag_records" and value
        ]
        return f"{sum(ends(self.broker).values())} records in the topics; lag: {', '.join(lags) or 'none'}"

    def recover(self, moments: tuple[float, float], count: int) -> None:
        """Wait until all numbers are right about the first `count` messages, and note how long that
        took from (kill, restart).
        """
        killed, restarted = moments
        expected = self.plan.truth(count)
        # a producer whose broker is killed sends again what it got no answer to
        if sum(ends(self.broker).values()) != count:
            expected = Reference([_message(one) for one in self._log()]).truth()
        exact = self.until_exact(expected, f"after kill {self.kills}, {count} records")
        self.recoveries.append(Recovery(exact - killed, exact - restarted))
        self.note(
            f"exact {exact - killed:.1f} s after the fault, {exact - restarted:.1f} s after its end"
        )

    # -- the end

    def settle(self) -> int:
        """Finish production, and compare everything with the reference over what the topics hold;
        how many records that is.
        """
        self.production.go(len(self.messages))
        self.production.wait_until_delivered()
        log = self._log()
        produced = [_message(one) for one in log]
        lost = Counter((one.topic, one.key, one.value) for one in self.messages)
        lost.subtract(Counter((one.topic, one.key, one.value) for one in produced))
        if any(count > 0 for count in lost.values()):
            raise Failed(
                f"the broker lost {sum(count for count in lost.values() if count > 0)} acknowledged records, so there is nothing to compare"
            )
        reference = Reference(produced)
        self.until_exact(reference.truth(), "in the end")
        self.stop(*self.running)
        bad = {
            (log[number].topic, log[number].partition, log[number].offset): reference.outcomes[
                number
            ]
            for number in reference.bad()
        }
        differences = [
            difference(self._rejected(), bad, "rejected"),
            self._episodes_differ(reference.episodes()),
        ]
        if any(differences):
            raise Failed("; ".join(one for one in differences if one))
        return len(log)

    def _log(self) -> list[Any]:
        return sorted(
            (one for topic in TOPICS for one in read(self.broker, topic)),
            key=lambda one: (one.topic, one.partition, one.offset),
        )

    def _rejected(self) -> dict[tuple[str, int, int], str]:
        """The reason by place; a record may be there several times."""
        found = {}
        for one in read(self.broker, "rejected"):
            headers = {name: value.decode() for name, value in one.headers}
            found[headers["topic"], int(headers["partition"]), int(headers["offset"])] = headers[
                "reason"
            ]
        return found

    def _episodes_differ(self, expected: dict[tuple[str, str], dict[str, Any]]) -> str | None:
        """Whether the record of an alarm that counts is not the true one; with all that was said of
        the first such alarm, and when.
        """
        found: dict[tuple[str, str], dict[str, Any]] = {}
        said: dict[tuple[str, str], list[str]] = {}
        for one in read_by_generation(self.broker, "episodes"):
            fields = json.loads(one.value)
            id_, alarm = fields.pop("id"), (fields["facility"], fields["alarm_id"])
            found[alarm] = fields
            said.setdefault(alarm, []).append(
                f"{id_[:6]} at {one.partition}/{one.offset}, edition {dict(one.headers)['edition'].decode()}, {one.timestamp / 1000:.3f} s"
            )
        differ = difference(found, expected, "episodes")
        wrong = next((alarm for alarm in said if found[alarm] != expected.get(alarm)), None)
        return differ if wrong is None else f"{differ}; said of {wrong}: {', '.join(said[wrong])}"


def _message(record: Any) -> Message:
    return Message(record.topic, record.key, record.value, record.timestamp)


_LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')
_BURDENS = ("alarm_fatigue_clinician_", "alarm_fatigue_unit_", "alarm_fatigue_response_seconds")


def _parse(series: str) -> Any:
    """A series of the exposition as the reference names it, ("events", (topic, outcome)), or None
    for all others.
    """
    name, _, rest = series.partition("{")
    if name == "alarm_fatigue_events_total":
        labels = dict(_LABEL.findall(rest))
        return "events", (labels["topic"], labels["outcome"])
    return (name, frozenset(_LABEL.findall(rest))) if name.startswith(_BURDENS) else None
