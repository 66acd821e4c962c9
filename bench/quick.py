"""Quick: the worker, stock Faust and bare aiokafka in under 50 s; the last line is a JSON
object.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from bench import kafka, machine, peer_runs, worker
from bench.hospital import Load, clinicians, mix
from bench.report import elapsed, format_mix, say
from streams.settings import Settings

FAUST_SECONDS = 4.0
BUDGET = 48.0
"""Seconds for everything. On a slow or busy machine, the worker is stopped early."""
LOADING = 12.0
"""Seconds after which no more input is produced."""
_THE_REST = 17.0
"""Seconds of the budget for the start and end of the worker, and for the peers."""


def run(folder: Path, load: Load, limit: float) -> dict[str, Any]:
    """One run of each on the same topics. The worker runs for at most `limit` seconds, or the rest
    of `BUDGET`.
    """
    say(machine.description())
    say(
        f"input: {load.records} records, {load.facilities} facilities, {clinicians(load)} "
        f"clinicians: {format_mix(mix(load))}"
    )
    with kafka.BenchKafka() as broker:
        broker.new_topics("bench")
        ends = broker.fill(load, LOADING)
        total = sum(ends.values())
        say(
            f"{total} records in Kafka; the worker, scraped every {worker.SCRAPE_SECONDS:.0f} s, "
            f"on core {min(machine.MEASURED)} ..."
        )
        limit = min(limit, max(BUDGET - _THE_REST - elapsed(), 3.0))
        ours = worker.measure(broker.settings, folder, ends, group="bench", limit=limit)
        if ours.records < total:
            say(f"stopped after {limit:.0f} s, when it had counted {ours.records} of them")
        say(
            f"{ours.rate:,.0f} events/s, {ours.cpu_per_million:.2f} s of processor time a "
            f"million, {ours.peak_rss_mb:.0f} MB at most"
        )
        faust = peer_runs.run(
            folder, "stock_faust", broker.address, "bench-faust", FAUST_SECONDS, "hopping"
        )
        say(
            f"stock Faust, hopping table, on the first {faust.records} alarm events: "
            f"{faust.rate:,.0f} events/s"
        )
        bare = peer_runs.run(folder, "bare_aiokafka", broker.address, "bench-aiokafka", total)
        say(f"bare aiokafka getmany: {bare.rate:,.0f} events/s")
    return result(total, load, ours, faust, bare)


def run_on(settings: Settings, folder: Path, load: Load, limit: float) -> dict[str, Any]:
    """The worker alone on an existing Kafka, in topics of its own (see `kafka.on_existing`). Peers
    know nothing of users and certificates.
    """
    group = settings.group
    say(f"input: {load.records} records, for {settings.broker}")
    try:
        kafka.new_topics(settings, group)
        ends = kafka.produce(settings, load, kafka.within(load.rows(), LOADING))
        total = sum(ends.values())
        say(f"{total} records in topics {settings.kafka.topic_prefix}*; the worker ...")
        ours = worker.measure(settings, folder, ends, group=group, limit=limit)
    finally:
        kafka.remove(settings, group)
    return result(total, load, ours, None, None)


def result(
    total: int,
    load: Load,
    ours: worker.Run,
    faust: peer_runs.Outcome | None,
    bare: peer_runs.Outcome | None,
) -> dict[str, Any]:
    """The content of the last line; null where a peer was not measured."""
    return {
        "events_per_s": round(ours.rate),
        "faust_hopping_events_per_s": None if faust is None else round(faust.rate),
        "aiokafka_events_per_s": None if bare is None else round(bare.rate),
        "cpu_s_per_million": round(ours.cpu_per_million, 2),
        "peak_rss_mb": round(ours.peak_rss_mb),
        "times_faust_hopping": None if faust is None else round(ours.rate / faust.rate),
        "share_of_aiokafka": None if bare is None else round(ours.rate / bare.rate, 3),
        "records": ours.records,
        "records_offered": total,
        "facilities": load.facilities,
        "seconds": round(ours.seconds, 2),
        "scrapes": ours.scrapes,
    }


def line(found: dict[str, Any]) -> str:
    return json.dumps(found)
