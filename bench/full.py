"""Full: all sections of `make bench`, one after another. Each is stored as soon as it is
complete.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from statistics import median
from typing import Any

from kafka.errors import KafkaError

from bench import kafka, machine, peer_runs, recovery, worker
from bench.hospital import Load, clinicians, mix
from bench.plot import draw
from bench.report import format_mix, markdown, say
from bench.worker import BenchError
from streams.dev.broker import BrokerError
from streams.kafka.topics import TopicsError
from streams.simulator import Ward

SLOW = 3
"""Maximum number of runs of slow peers."""
FACILITIES = (1, 10, 100, 1000)
PARTS = (1, 10, 100, 1400)
"""Numbers of units in one facility, of eleven beds and at least seven clinicians each: up to about
10,000 clinicians.
"""
HELD = (100_000, 300_000, 1_000_000)
FAUST_SECONDS = 4.0
QUIX_SECONDS = 8.0

Section = dict[str, Any]


def run(
    folder: Path, results: Path, load: Load, repeat: int, only: Sequence[str] | None, limit: float
) -> None:
    """Measure the sections (or `only` these), store each in results.json, and render the results.

    Raises `BenchError` if a section fails; the others are still measured.
    """
    sections: dict[str, Callable[[kafka.BenchKafka], Section]] = {
        "peers": lambda broker: _peers(broker, folder, load, repeat, limit),
        "facilities": lambda broker: _facilities(
            broker, folder, replace(load, records=load.records // 3), limit
        ),
        "clinicians": lambda broker: _clinicians(
            broker, folder, replace(load, records=load.records // 3), limit
        ),
        "workers": lambda broker: _workers(broker, folder, load, min(repeat, SLOW), limit),
        "recovery": lambda broker: _recovery(broker, folder, load, limit),
    }
    if unknown := set(only or ()) - sections.keys():
        raise BenchError(
            f"--only: expected {', '.join(sections)}; got {', '.join(sorted(unknown))}"
        )
    say(machine.description())
    failed = []
    for name, measure in sections.items():
        if only and name not in only:
            continue
        say(f"--- {name}")
        try:
            # A new broker for each section, so that none inherits files.
            with kafka.BenchKafka() as broker:
                found = measure(broker)
        except (BenchError, BrokerError, TopicsError, TimeoutError, KafkaError) as error:
            failed.append(f"{name}: {error}")
            say(failed[-1])
            continue
        if name != "peers":
            failed += [f"{name}: {what}: {why}" for what, why in found.get("missing", {}).items()]
        store(
            results,
            name,
            found | machine.stamp(),
        )
    render(results)
    say(f"table and picture in {results}")
    if failed:
        raise BenchError("; ".join(failed))


def render(results: Path) -> None:
    """Write the table and the picture of the stored results, and print the table."""
    sections = stored(results)
    text = markdown(sections)
    (results / "results.md").write_text(text)
    draw(sections, results / "scaling.svg")
    say("\n\n" + text)


def stored(results: Path) -> dict[str, Section]:
    """The sections of results.json."""
    path = results / "results.json"
    return json.loads(path.read_text()) if path.exists() else {}


def store(results: Path, name: str, section: Section) -> None:
    """Put a section into results.json."""
    results.mkdir(parents=True, exist_ok=True)
    (results / "results.json").write_text(
        json.dumps(stored(results) | {name: section}, indent=1) + "\n"
    )


def _peers(
    broker: kafka.BenchKafka, folder: Path, load: Load, repeat: int, limit: float
) -> Section:
    """Runs everything in rounds, so that other load on the machine affects all alike."""
    broker.new_topics("bench")
    ends = broker.fill(load)
    total = sum(ends.values())
    alarms = sum(count for (topic, _), count in ends.items() if topic == "alarms")
    say(f"input: {total} records, {alarms} of them alarm events: {format_mix(mix(load))}")
    runs: list[worker.Run] = []
    rates: dict[str, list[float]] = {}
    missing: dict[str, str] = {}

    def peer(name: str, program: str, *arguments: object, **more: Any) -> None:
        group = f"{program}-{len(rates.get(name, []))}-{arguments[-1]}"
        try:
            found = peer_runs.run(
                folder, program, broker.address, group, *arguments, patience=180.0, **more
            )
        except (BenchError, OSError) as error:  # reported as missing; never estimated
            missing[name] = str(error)
            say(f"{name}: {error}")
        else:
            rates.setdefault(name, []).append(found.rate)
            say(f"{name}: {found.rate:,.0f}/s")

    for number in range(repeat):
        runs.append(
            _logged(
                worker.measure(broker.settings, folder, ends, group=f"bench-{number}", limit=limit)
            )
        )
        peer("bare aiokafka getmany", "bare_aiokafka", total)
        for mode in ("nothing", "plain", "hopping"):
            peer(f"stock Faust, {mode}", "stock_faust", FAUST_SECONDS, mode)
        if number >= SLOW:
            continue
        if peer_runs.PYTHON.exists():
            peer("Quix Streams, sliding", "quix_sliding", QUIX_SECONDS, python=peer_runs.PYTHON)
        if peer_runs.PYTHON.exists() and (connector := peer_runs.flink_connector()) is not None:
            for query in ("hop", "over"):
                flink = ("flink_sql", connector, query, alarms)
                peer(f"Flink SQL, {query}", *flink, python=peer_runs.PYTHON)
                # Its compiler and garbage collector run in other threads.
                if number == 0:
                    peer(
                        f"Flink SQL, {query}, all cores",
                        *flink,
                        python=peer_runs.PYTHON,
                        cpus=machine.ALL,
                    )
    if not peer_runs.PYTHON.exists():
        missing["Quix Streams, Flink SQL"] = "their environment is missing: run `make bench`"
    elif peer_runs.flink_connector() is None:
        missing["Flink SQL"] = "its Kafka connector could not be fetched"
    return {
        "records": total,
        "load": _described(load),
        "mix": mix(load),
        "worker": {
            "rates": [one.rate for one in runs],
            "cpu_s_per_million": median(one.cpu_per_million for one in runs),
            "peak_rss_mb": median(one.peak_rss_mb for one in runs),
            "complete": all(one.records == one.expected for one in runs),
        },
        "peers": rates,
        "missing": missing,
    }


def _facilities(broker: kafka.BenchKafka, folder: Path, load: Load, limit: float) -> Section:
    loads = [replace(load, facilities=number) for number in FACILITIES]
    return {"points": list(_scale(broker, folder, loads, "facilities", limit))}


def _clinicians(broker: kafka.BenchKafka, folder: Path, load: Load, limit: float) -> Section:
    loads = [replace(load, facilities=1, parts=parts, ward=Ward(units=1)) for parts in PARTS]
    return {"points": list(_scale(broker, folder, loads, "clinicians", limit))}


def _scale(
    broker: kafka.BenchKafka, folder: Path, loads: Sequence[Load], name: str, limit: float
) -> Iterator[Section]:
    for number, load in enumerate(loads):
        group = f"bench-{name}-{number}"
        broker.new_topics(group)
        ends = broker.fill(load)
        found = _logged(worker.measure(broker.settings, folder, ends, group=group, limit=limit))
        yield {
            "facilities": load.facilities,
            "clinicians": clinicians(load),
            "rate": found.rate,
            "cpu_s_per_million": found.cpu_per_million,
            "peak_rss_mb": found.peak_rss_mb,
            "records": found.records,
            "complete": found.records == found.expected,
        }


def _workers(
    broker: kafka.BenchKafka, folder: Path, load: Load, repeat: int, limit: float
) -> Section:
    rates: dict[str, list[float]] = {"1": [], "2": []}
    spent: dict[str, list[tuple[float, float]]] = {"1": [], "2": []}
    for round_ in range(repeat):
        for number in (1, 2):
            machine.confine(broker.pid or 0, machine.ALL)
            group = f"bench-{number}-workers-{round_}"
            found = worker.measure_together(
                broker.settings,
                folder,
                load,
                group=group,
                number=number,
                limit=limit,
                broker=broker.pid or 0,
            )
            rates[str(number)].append(_logged(found, f"{number} worker(s): ").rate)
            of_broker = found.broker_cpu_seconds / found.records * 1e6
            spent[str(number)].append((found.cpu_per_million, of_broker))
    return {"rates": rates, "cpu_s_per_million": spent}


def _recovery(broker: kafka.BenchKafka, folder: Path, load: Load, limit: float) -> Section:
    points = []
    missing = {}
    scale = min(load.records / 1_000_000, 1.0)  # a small trial stays small
    for alarms in HELD:
        machine.confine(broker.pid or 0, machine.OTHERS)
        try:
            found = recovery.measure(broker, folder, round(alarms * scale), limit)
        except BenchError as error:
            missing[f"{alarms * scale:,.0f} alarms"] = str(error)
            say(f"{alarms * scale:.0f} alarms: {error}")
            continue
        say(
            f"{found.held} held: ready after {found.ready_seconds:.1f} s, correct after "
            f"{found.correct_seconds:.1f} s, {found.bytes_per_alarm:.0f} bytes an alarm"
        )
        points.append(asdict(found))
    if not points:
        raise BenchError("; ".join(missing.values()))
    return {"points": points, "missing": missing}


def _logged(run: worker.Run, prefix: str = "worker: ") -> worker.Run:
    short = (
        ""
        if run.records == run.expected
        else f", stopped after {run.records} of {run.expected} records"
    )
    say(
        f"{prefix}{run.rate:,.0f}/s, {run.cpu_per_million:.2f} CPU s a million, "
        f"{run.peak_rss_mb:.0f} MB{short}"
    )
    return run


def _described(load: Load) -> Section:
    return {
        "facilities": load.facilities,
        "beds": load.facilities * load.ward.units * load.ward.beds,
        "clinicians": clinicians(load),
        "times": load.times,
    }
