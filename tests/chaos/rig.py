"""The rig: a real Kafka, workers that are restarted when they end, and a producer that runs
meanwhile.

Every wait has a limit and an error that names it; leaving the rig kills all its processes.
"""

from __future__ import annotations

import json
import signal
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

from streams.dev.broker import ApacheKafka
from tests.chaos.production import PATIENCE, Failed, Production, message_of
from tests.chaos.reference import Reference, Truth, difference
from tests.chaos.workers import Worker, parse
from tests.harness.workers import Message, Numbers, ends, new_topics, read, read_by_generation

TOPICS = ("alarms", "assignments", "responses", "labels")


MOST_ENDS = 5
"""A worker may end itself to be restarted, as it would by its service manager, but not for ever."""


class Recovery(NamedTuple):
    """Seconds until every number was right again about everything produced: from the kill, and from
    the new process's start.
    """

    from_kill: float
    from_restart: float


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
        """Restart workers that ended by themselves, as a service manager would."""
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
        """Wait until all workers are ready and together hold each partition once."""

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
                    known = self._parsed[series] = parse(series)
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
                    f"{what}: not right within {PATIENCE:.0f} s: "
                    f"{self._differences(found, expected)}; {self._lags()}"
                )
            self.tend()
            # a scrape costs the worker time that it needs to catch up
            time.sleep(max(0.1, 2 * (seen - began)))

    @staticmethod
    def _differences(found: Truth | None, expected: Truth) -> str:
        if found is None:
            return "a worker does not answer, or two show the same series"
        parts = (
            difference(found.events, expected.events, "events_total"),
            difference(found.numbers, expected.numbers, "burdens"),
        )
        return "; ".join(one for one in parts if one)

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
        records = sum(ends(self.broker).values())
        return f"{records} records in the topics; lag: {', '.join(lags) or 'none'}"

    def recover(self, moments: tuple[float, float], count: int) -> None:
        """Wait until all numbers are right about the first `count` messages, and note how long that
        took from (kill, restart).
        """
        killed, restarted = moments
        expected = self.plan.truth(count)
        # a producer whose broker is killed sends again what it got no answer to
        if sum(ends(self.broker).values()) != count:
            expected = Reference([message_of(one) for one in self._log()]).truth()
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
        produced = [message_of(one) for one in log]
        lost = Counter((one.topic, one.key, one.value) for one in self.messages)
        lost.subtract(Counter((one.topic, one.key, one.value) for one in produced))
        if any(count > 0 for count in lost.values()):
            raise Failed(
                "nothing to compare, as the broker lost acknowledged records: "
                f"{sum(count for count in lost.values() if count > 0)}"
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
        """The reason by source position; a record may be there several times."""
        found = {}
        for one in read(self.broker, "rejected"):
            headers = {name: value.decode() for name, value in one.headers}
            found[headers["topic"], int(headers["partition"]), int(headers["offset"])] = headers[
                "reason"
            ]
        return found

    def _episodes_differ(self, expected: dict[tuple[str, str], dict[str, Any]]) -> str | None:
        """How the episodes differ from the expected ones, with all records of the first wrong
        alarm.
        """
        found: dict[tuple[str, str], dict[str, Any]] = {}
        history: dict[tuple[str, str], list[str]] = {}
        for one in read_by_generation(self.broker, "episodes"):
            fields = json.loads(one.value)
            id_, alarm = fields.pop("id"), (fields["facility"], fields["alarm_id"])
            # the rig's workers show ids
            assert (fields.pop("pseudonym_key"), fields.pop("pseudonym_period")) == (None, None)
            found[alarm] = fields
            history.setdefault(alarm, []).append(
                f"{id_[:6]} at {one.partition}/{one.offset}, "
                f"generation {dict(one.headers)['edition'].decode()}, {one.timestamp / 1000:.3f} s"
            )
        differ = difference(found, expected, "episodes")
        wrong = next((alarm for alarm in history if found[alarm] != expected.get(alarm)), None)
        return (
            differ
            if wrong is None
            else f"{differ}; records of {wrong}: {', '.join(history[wrong])}"
        )
