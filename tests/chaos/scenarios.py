"""What is done to workers and to the broker while records come in.

Each scenario ends with everything compared.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import cycle, islice, pairwise
from pathlib import Path

from streams.dev.broker import ApacheKafka, BrokerError
from streams.formats.times import parse_duration
from tests.chaos.load import Mix, draw
from tests.chaos.production import Failed
from tests.chaos.rig import Recovery, Rig


@dataclass(frozen=True, kw_only=True)
class Dose:
    """How much of it.

    The seed decides the records and every choice made; how processes interleave is left to chance.
    """

    seed: int = 1
    records: int = 20_000
    rate: float = 2_000
    """Records a second."""
    faults: int = 4
    outage: float = 5.0
    """Seconds for which a broker is away."""
    partitions: int = 5
    session: str = "6s"
    checkpoint: str = "500ms"
    static: bool = False
    """Whether workers have fixed names in the group: one that comes back then gets its partitions
    without a rebalance.
    """
    mix: Mix = field(default_factory=Mix)


@dataclass(frozen=True)
class Outcome:
    """What came of a scenario; `difference` None: every number exact."""

    scenario: str
    dose: Dose
    records: int
    kills: int
    ends: int
    recoveries: list[Recovery]
    seconds: float
    difference: str | None


Scenario = Callable[[Rig, Dose, random.Random], None]


def run(
    scenario: Scenario,
    dose: Dose,
    folder: Path,
    broker: ApacheKafka | None = None,
    say: Callable[[str], object] = lambda _: None,
) -> Outcome:
    """Run the scenario, by default on a broker of its own.

    `folder` gets the workers' settings and logs, `say` the progress.
    """
    began = time.monotonic()
    messages = draw(dose.seed, dose.records, dose.mix)
    records, difference = len(messages), None
    kafka = broker or ApacheKafka()
    try:
        kafka.start()
        with Rig(
            kafka,
            folder,
            messages,
            partitions=dose.partitions,
            rate=dose.rate,
            static=dose.static,
            say=say,
            checkpoint_interval=dose.checkpoint,
            session_timeout=dose.session,
        ) as rig:
            try:
                scenario(rig, dose, random.Random(dose.seed))
                records = rig.settle()
            except (Failed, BrokerError) as error:
                difference = f"seed {dose.seed}: {error}"
    finally:
        if broker is None:
            kafka.close()
    return Outcome(
        _name(scenario),
        dose,
        records,
        rig.kills,
        rig.ends,
        rig.recoveries,
        time.monotonic() - began,
        difference,
    )


def _name(scenario: Scenario) -> str:
    return scenario.__name__.replace("_", " ")


def _slices(rig: Rig, dose: Dose, dice: random.Random) -> Iterator[tuple[int, int]]:
    """For each fault, how many records are sent before it, and where production halts if it comes
    as far; never twice the same.
    """
    marks = [number * len(rig.messages) // dose.faults for number in range(dose.faults + 1)]
    return ((dice.randrange(begin, end), end) for begin, end in pairwise(marks))


# --- workers


def kills(rig: Rig, dose: Dose, dice: random.Random) -> None:
    """SIGKILL of one of two workers or of both, while records come in; every fourth time or so
    again while they recover.

    A second after, production halts until all numbers are right.
    """
    slices = [
        (mark, min(mark + int(dose.rate), len(rig.messages)))
        for mark, _ in _slices(rig, dose, dice)
    ]
    for _, end in slices:
        rig.plan.truth(end)  # worked out now, to be there when it is needed
    rig.start("one", "two")
    rig.until_shared()
    for mark, end in slices:
        rig.production.go(end)
        rig.production.wait_until_sent(mark)
        victims = dice.choice((("one",), ("two",), ("one", "two")))
        moments = rig.kill_and_restart(*victims)
        if dice.random() < 0.25:
            time.sleep(dice.uniform(0.2, 4))
            moments = rig.kill_and_restart(*victims)
        rig.production.wait_until_delivered()
        rig.recover(moments, end)


def joins_and_leaves(rig: Rig, dose: Dose, dice: random.Random) -> None:
    """Up to three workers join and leave in good order while records come in, often before the last
    change is complete.
    """
    rig.start("one")
    rig.until_shared()
    for mark, end in _slices(rig, dose, dice):
        rig.production.go(end)
        rig.production.wait_until_sent(mark)
        absent = [name for name in ("one", "two", "three") if name not in rig.running]
        if absent and (len(rig.running) == 1 or dice.random() < 0.5):
            rig.start(dice.choice(absent))
        else:
            rig.stop(dice.choice(rig.running))
        if dice.random() < 0.5:
            rig.until_shared()


def aborts_between_joins(rig: Rig, dose: Dose, dice: random.Random) -> None:
    """As Kafka Streams' exactly-once system test: clean joins, then one aborts and the others carry
    on, and it joins again.
    """
    names = ["one", "two", "three"]
    for name in names:
        rig.start(name)
        rig.until_shared()
        rig.production.go(len(rig.messages) // 20)
    for mark, end in _slices(rig, dose, dice):
        rig.production.go(end)
        rig.production.wait_until_sent(mark)
        victim = dice.choice(names)
        rig.kill(victim)
        rig.until_shared()
        rig.start(victim)
        rig.until_shared()
    rig.stop(names[0])
    rig.until_shared()


def suspensions(rig: Rig, dose: Dose, dice: random.Random) -> None:
    """SIGSTOP of a worker until the other holds everything, and somewhat longer; then it wakes with
    state of the past.
    """
    rig.start("one", "two")
    rig.until_shared()
    for mark, end in _slices(rig, dose, dice):
        rig.production.go(end)
        rig.production.wait_until_sent(mark)
        sleeper = dice.choice(("one", "two"))
        rig.suspend(sleeper)
        rig.until_shared()
        time.sleep(dice.uniform(0, parse_duration(dose.session) / 1000))
        rig.wake(sleeper)
        if dice.random() < 0.5:
            rig.until_shared()
    rig.until_shared()


# --- the broker


def broker_outages(rig: Rig, dose: Dose, dice: random.Random) -> None:
    """The broker hangs (SIGSTOP), is killed and restarted later, is stopped, is killed and
    restarted at once.
    """
    slices = list(_slices(rig, dose, dice))
    for _, end in slices:
        rig.plan.truth(end)
    rig.start("one", "two")
    rig.until_shared()
    for (mark, end), how in zip(
        slices, islice(cycle(("hang", "kill", "stop", "kill at once")), dose.faults), strict=True
    ):
        rig.production.go(end)
        rig.production.wait_until_sent(mark)
        began = time.monotonic()
        match how:
            case "hang":
                rig.broker.pause()
            case "stop":
                rig.broker.stop()
            case _:
                rig.broker.kill()
        if how != "kill at once":
            rig.pass_time(dose.outage)
        rig.broker.resume()
        rig.broker.start()
        back = time.monotonic()
        rig.production.wait_until_delivered()
        rig.recover((began, back), end)


# --- records


def disturbed_records(rig: Rig, dose: Dose, dice: random.Random) -> None:
    """Nothing happens to anybody; it is the records that come twice, shuffled, late or broken."""
    rig.start("one", "two")
    rig.until_shared()
    rig.production.go(len(rig.messages))


# --- all of it


def everything(rig: Rig, dose: Dose, dice: random.Random) -> None:
    """Any of the faults, in any order, without waiting for the last one to be over."""
    rig.start("one", "two")
    for mark, end in _slices(rig, dose, dice):
        rig.production.go(end)
        rig.production.wait_until_sent(mark)
        absent = [name for name in ("one", "two", "three") if name not in rig.running]
        fault = dice.choice(
            ("kill", "kill all", "join", "leave", "suspend", "hang", "kill the broker")
        )
        rig.note(fault)
        match fault:
            case "kill":
                rig.kill_and_restart(dice.choice(rig.running))
            case "kill all":
                rig.kill_and_restart(*rig.running)
            case "join" if absent:
                rig.start(dice.choice(absent))
            case "leave" if len(rig.running) > 1:
                rig.stop(dice.choice(rig.running))
            case "suspend" | "join" | "leave":
                sleeper = dice.choice(rig.running)
                rig.suspend(sleeper)
                rig.pass_time(dice.uniform(0.5, 2) * parse_duration(dose.session) / 1000)
                rig.wake(sleeper)
            case "hang":
                rig.broker.pause()
                rig.pass_time(dose.outage)
                rig.broker.resume()
            case _:
                rig.broker.kill()
                rig.broker.start()
        rig.pass_time(dice.uniform(0, 5))
