"""The long run: every scenario at full dose, a line for each as it ends, and then the table."""

from __future__ import annotations

import argparse
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from statistics import median

from streams.dev.broker import BrokerError
from tests.chaos.live import LIVE, PARTITIONS, LiveScenario, run_live
from tests.chaos.load import Mix
from tests.chaos.scenarios import (
    Dose,
    Outcome,
    Scenario,
    aborts_between_joins,
    broker_outages,
    disturbed_records,
    everything,
    joins_and_leaves,
    kills,
    run,
    suspensions,
)

STEADY = Mix(hours=6)
SHUFFLED = [
    Mix(hours=6, duplicates=share, shuffled=shuffled, late=0.0, bad=0.0)
    for share, shuffled in ((0.05, 0.2), (0.25, 0.5), (0.5, 1.0))
]


def plan(options: argparse.Namespace) -> Iterator[tuple[str, Scenario | LiveScenario, Dose]]:
    """Label, scenario and dose of everything to be done.

    The kills get all the records, the others a third.
    """
    full = Dose(
        seed=options.seed,
        records=options.records,
        rate=options.rate,
        outage=options.outage,
        session=options.session,
        mix=STEADY,
    )
    third = replace(full, records=options.records // 3)
    yield "kills", kills, replace(full, faults=options.kills)
    yield "kills, static names", kills, replace(third, faults=options.kills // 2, static=True)
    yield "joins and leaves", joins_and_leaves, replace(third, faults=12)
    yield "aborts between joins", aborts_between_joins, replace(third, faults=8)
    yield "suspensions", suspensions, replace(third, faults=6)
    yield "broker outages", broker_outages, replace(third, faults=4)
    for mix in SHUFFLED:
        yield (
            f"{mix.duplicates:.0%} twice, {mix.shuffled:.0%} shuffled",
            disturbed_records,
            replace(third, mix=mix),
        )
    yield "10% bad", disturbed_records, replace(third, mix=replace(STEADY, bad=0.1))
    for label in LIVE:
        yield label, LIVE[label], replace(third, partitions=PARTITIONS, session="3s", faults=1)
    yield (
        "everything",
        everything,
        replace(
            third,
            faults=16,
            outage=min(options.outage, 10),
            mix=Mix(hours=6, duplicates=0.3, bad=0.1),
        ),
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """0 if every number of every scenario is exact."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.chaos",
        description="Fault tests on real Kafka; needs Java 17 and Maven.",
    )
    parser.add_argument("only", nargs="*", help="scenarios whose label begins so (default: all)")
    parser.add_argument(
        "--records",
        type=int,
        default=200_000,
        help="of the kills; a third of it for the others (default: %(default)s)",
    )
    parser.add_argument(
        "--rate", type=float, default=4_000, help="records a second (default: %(default)s)"
    )
    parser.add_argument(
        "--kills", type=int, default=20, help="rounds of SIGKILL (default: %(default)s)"
    )
    parser.add_argument(
        "--outage",
        type=float,
        default=30,
        help="seconds that the broker is away (default: %(default)s)",
    )
    parser.add_argument(
        "--session", default="6s", help="the workers' session timeout (default: %(default)s)"
    )
    parser.add_argument("--seed", type=int, default=1, help="(default: %(default)s)")
    parser.add_argument(
        "--rounds",
        type=int,
        default=1,
        help="everything so often, with seeds that follow (default: %(default)s)",
    )
    parser.add_argument("--verbose", action="store_true", help="tell each fault")
    options = parser.parse_args(arguments)
    # leaves as Ctrl-C does: with nothing left running
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    done: list[tuple[str, Outcome]] = []
    try:
        for seed in range(options.seed, options.seed + options.rounds):
            options.seed = seed
            for label, scenario, dose in plan(options):
                if not options.only or label.startswith(tuple(options.only)):
                    done.append((label, _run(label, scenario, dose, options.verbose)))
    except KeyboardInterrupt:
        print("interrupted")
        return 130
    except BrokerError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print()
    print("ends: of workers by themselves, to be restarted; times in seconds: median (worst)")
    print(
        f"{'scenario':28} {'dose':52} {'records':>8} {'kills':>5} {'ends':>4} "
        f"{'from kill / restart to exact':>32} {'wall':>6}  outcome"
    )
    for label, outcome in done:
        print(_row(label, outcome))
    return 1 if any(outcome.difference for _, outcome in done) else 0


def _run(label: str, scenario: Scenario | LiveScenario, dose: Dose, verbose: bool) -> Outcome:
    folder = Path(tempfile.mkdtemp(prefix="alarm-fatigue-chaos-"))
    print(f"{label}: seed {dose.seed} ...", flush=True)
    say = partial(print, flush=True) if verbose else lambda _: None
    outcome = (
        run_live(LIVE[label], dose, folder, say)
        if label in LIVE
        else run(scenario, dose, folder, say=say)
    )
    if outcome.difference is None:
        shutil.rmtree(folder)
        print(f"{label}: exact, {outcome.seconds:.0f} s", flush=True)
    else:
        print(
            f"{label}: DIFFERENCE, {outcome.seconds:.0f} s: {outcome.difference}\n"
            f"  workers' logs: {folder}",
            flush=True,
        )
    return outcome


def _row(label: str, one: Outcome) -> str:
    dose = one.dose
    parameters = (
        f"seed {dose.seed}, {dose.rate:.0f}/s, {dose.faults} faults, session {dose.session}, "
        f"{dose.partitions} partitions"
    )
    return (
        f"{label:28} {parameters:52} {one.records:8} {one.kills:5} {one.ends:4} "
        f"{_times(one):>32} {one.seconds:5.0f}s  "
        f"{'exact' if one.difference is None else 'DIFFERENCE'}"
    )


def _times(one: Outcome) -> str:
    """Medians and worst, in seconds; of the broker's faults, from their beginning and end."""
    if not one.recoveries:
        return "-"
    told = [
        f"{median(times):.1f} (worst {max(times):.1f})"
        for times in zip(*one.recoveries, strict=True)
    ]
    return " / ".join(told)


if __name__ == "__main__":
    sys.exit(main())
