"""`python -m bench quick|full|render|profile|tune|report|import|...`: see bench/README.md."""

from __future__ import annotations

import argparse
import json
import logging
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from kafka.errors import KafkaError

from bench import kafka
from bench.hospital import CACHE, Load
from bench.worker import BenchError
from streams.dev.broker import BrokerError
from streams.kafka.handshake import NotConnected
from streams.kafka.topics import TopicsError
from streams.settings import SettingsError


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    # End as Ctrl-C does, which stops everything that was started.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    # aiokafka warns of every retry on a new topic.
    logging.getLogger("aiokafka").setLevel(logging.ERROR)
    folder = Path(tempfile.mkdtemp(prefix="bench-"))
    try:
        if options.what == "quick":
            from bench import quick

            if options.config is None:
                found = quick.run(folder, _load(options), options.limit)
            else:
                existing = kafka.on_existing(options.config)
                found = quick.run_on(existing, folder, _load(options), options.limit)
            sys.stdout.write(quick.line(found) + "\n")
        elif options.what == "full":
            from bench import full

            full.run(
                folder, options.results, _load(options), options.repeat, options.only, options.limit
            )
        elif options.what == "tune":
            from bench import tuning

            sys.stdout.write(json.dumps(tuning.run(options.alarms)) + "\n")
        elif options.what == "month":
            from bench import month

            month.run(options.days, options.results, options.only)
        elif options.what == "import":
            from bench import importing

            sys.stdout.write(importing.line(importing.run(options.rows)) + "\n")
        elif options.what == "report":
            from bench import history

            sys.stdout.write(history.line(history.run(folder, options.days)) + "\n")
        elif options.what == "calibration":
            from bench import calibration

            for line in calibration.table(options.months, options.seed, options.confidence / 100):
                sys.stdout.write(line + "\n")
                sys.stdout.flush()
        elif options.what == "stages":
            from bench import stages

            for line in stages.run(options.results, options.records, options.only, options.note):
                sys.stdout.write(line + "\n")
        elif options.what == "start":
            from bench import start

            for line in start.run(folder, options.results, options.repeat, options.note):
                sys.stdout.write(line + "\n")
        elif options.what == "hl7":
            from bench import hl7

            sys.stdout.write(hl7.line(hl7.run(folder)) + "\n")
        elif options.what == "render":
            from bench import full

            full.render(options.results)
        else:
            from bench import profile

            profile.run(folder, _load(options), options.limit, options.out)
    except KeyboardInterrupt:
        shutil.rmtree(folder, ignore_errors=True)
        return 130
    except (
        BenchError,
        BrokerError,
        SettingsError,
        TopicsError,
        TimeoutError,
        KafkaError,
        NotConnected,
    ) as error:
        sys.stderr.write(f"error: {error} (logs: {folder})\n")
        return 1
    shutil.rmtree(folder, ignore_errors=True)
    return 0


def _load(options: argparse.Namespace) -> Load:
    return Load(records=options.records, facilities=options.facilities, times=options.times)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m bench", description="Measure the worker and its peers on a real Kafka."
    )
    kinds = parser.add_subparsers(dest="what", required=True)

    def kind(name: str, text: str, records: int, limit: float) -> argparse.ArgumentParser:
        one = kinds.add_parser(
            name, help=text, formatter_class=argparse.ArgumentDefaultsHelpFormatter
        )
        one.add_argument(
            "--records",
            type=int,
            default=int(os.environ.get("BENCH_RECORDS", records)),
            help="about how many records",
        )
        one.add_argument(
            "--facilities",
            type=int,
            default=100,
            help="number of hospitals, of 77 equally busy beds each",
        )
        one.add_argument(
            "--times",
            choices=["integer", "text"],
            default="integer",
            help="format of the times in the input",
        )
        one.add_argument(
            "--limit",
            type=float,
            default=limit,
            help="seconds after which a worker is stopped; what it has done by then counts",
        )
        return one

    one = kind("quick", "worker, stock Faust and aiokafka once, in under 50 s", 800_000, 20.0)
    one.add_argument(
        "--config",
        type=Path,
        help="settings file (YAML) of an existing Kafka: measure the worker alone there, in topics "
        "of its own, which are deleted afterwards",
    )
    full = kind("full", "everything, with repetitions, peers and scaling", 1_000_000, 60.0)
    full.add_argument(
        "--repeat", type=int, default=5, help="runs of the cheap parts; the median is reported"
    )
    full.add_argument("--only", action="append", help="run only this section; may be repeated")
    tune = kinds.add_parser(
        "tune",
        help="a month of alarms under 500 settings, compared with polars",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    tune.add_argument(
        "--alarms", type=int, default=2_558_760, help="number of alarms in the month (Drew 2014)"
    )
    month = kinds.add_parser(
        "month",
        help="a month of a 77-bed hospital in the library, beside pandas and polars",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    month.add_argument("--days", type=int, default=31, help="length of the recording")
    month.add_argument("--only", action="append", help="measure only this; may be repeated")
    tables = kinds.add_parser(
        "import",
        help="rows of a hospital's table a second, beside polars only reading it",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    tables.add_argument("--rows", type=int, default=2_000_000, help="of the table")
    kinds.add_parser(
        "hl7", help="messages a second of hl7 listen and hl7 translate, and of the core alone"
    )
    stages = kinds.add_parser(
        "stages",
        help="processor time of each stage of a record's path, without Kafka, beside the last time",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    stages.add_argument("--records", type=int, default=200_000, help="of each size of the input")
    stages.add_argument("--only", help="run only the sizes whose name contains this")
    stages.add_argument("--note", default="", help="what was changed, for the history")
    start = kinds.add_parser(
        "start",
        help="processor time of a worker until it holds its partitions, and of each --help",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    start.add_argument("--repeat", type=int, default=3, help="the median is reported")
    start.add_argument("--note", default="", help="what was changed, for the history")
    report = kinds.add_parser(
        "report",
        help="the report on a month and a year of 77 beds, beside the same counts in SQL",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    report.add_argument("--days", type=int, default=365, help="days of the archive")
    calibration = kinds.add_parser(
        "calibration",
        help="how often the intervals of compare cover the truth",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    calibration.add_argument("--months", type=int, default=1000, help="simulated, of each kind")
    calibration.add_argument("--seed", type=int, default=1, help="of the simulation")
    calibration.add_argument("--confidence", type=float, default=95.0, help="in percent")
    render = kinds.add_parser(
        "render", help="write table and picture again, from the stored results"
    )
    for one in (full, render, month, stages, start):
        one.add_argument(
            "--results",
            type=Path,
            default=Path(__file__).parent / "results",
            help="folder of results",
        )
    profile = kind("profile", "where the worker spends its time, by py-spy", 800_000, 20.0)
    profile.add_argument(
        "--out",
        type=Path,
        default=CACHE / "profile.txt",
        help="collapsed stacks, for flame graphs; a table is printed",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
