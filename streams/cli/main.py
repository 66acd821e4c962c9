"""The command line: finds the command, and turns what ends it early into an exit status.

Commands are imported when they are called (see `streams.cli.later`).
"""

from __future__ import annotations

import errno
import gc
import os
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from streams.cli.later import Later, lazily
from streams.extras import lacking

FAILED, WRONG = 1, 2
_BETWEEN_COLLECTIONS = 50_000
"""Objects. Python itself looks for garbage after each 700: a twelfth of the time of `--help`."""

_NO_SPACE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""What the system says where a file, such as standard output, cannot grow."""

_OF_RECORDS = ("--alarms", "--assignments", "--responses", "--labels", "--episodes")

COMMANDS = {
    "worker": Later(
        "streams.cli.worker:worker",
        "Run a worker until SIGTERM or Ctrl-C. Needs a Kafka with the service's topics (see "
        "`topics`).",
    ),
    "healthy": Later(
        "streams.cli.healthy:healthy",
        "Report in one line whether the worker on this machine is healthy; for service managers.",
    ),
    "topics": Later(
        "streams.cli.topics:topics_app", "Create missing topics and check existing ones."
    ),
    "state": Later(
        "streams.cli.state:state_app",
        "List the stored states of all versions of the program, and delete old ones.",
    ),
    "replay": Later(
        "streams.cli.replay:replay", "Compute the metrics of recorded files, without Kafka."
    ),
    "publish": Later(
        "streams.cli.publish:publish",
        "Send recorded files to Kafka, in order of event time. Needs the topics (see `topics`).",
    ),
    "import": Later(
        "streams.cli.importing:import_",
        "Turn a hospital's tables into files of alarms, assignments, responses and labels.",
    ),
    "doctor": Later(
        "streams.cli.doctor:doctor",
        "Report what the facts can be used for: what is missing, odd or late, and which figures "
        "will be unknown.",
    ),
    "findings": Later(
        "streams.cli.findings:findings",
        "Rank each unit's alarm types by their non-actionable and technical alarms.",
    ),
    "pages": Later(
        "streams.cli.pages:pages",
        "Print the pages that Alertmanager sends by webhook, and warn when its heartbeat stops.",
    ),
    "who": Later(
        "streams.cli.who:who",
        "Look up whose pseudonyms these are. Needs the key file, so it works only where the key "
        "is.",
    ),
    "simulate": Later(
        "streams.cli.simulate:simulate",
        "Simulate a hospital's alarms, assignments, responses and labels.",
    ),
    "demo": Later(
        "streams.cli.demo:demo", "Show a simulated hospital in time-lapse, as a live table."
    ),
    "tune": Later(
        "streams.cli.tune:tune_app",
        "Compute what another setting would have done to recorded alarms, or search for the best "
        "ones.",
    ),
    "compare": Later(
        "streams.cli.compare:compare",
        "Compare the days after a change with the days before it, and with control units.",
    ),
    "incident": Later(
        "streams.cli.incident:incident_app",
        "Show the conditions around a moment that went wrong, and which changes would have "
        "prevented them.",
    ),
    "audit": Later("streams.cli.audit:audit_app", "Check the audit of who read what."),
    "hl7": Later(
        "streams.cli.hl7:hl7_app",
        "Read alarms from HL7 messages: from files, from gateways, or from Kafka.",
    ),
    "config": Later("streams.cli.config:config_app", "Check the settings."),
    "archive": Later(
        "streams.cli.archive:archive_app",
        "Keep finished alarms, overload changes, assignments and responses as Parquet files.",
    ),
    "report": Later(
        "streams.cli.report:report",
        "Write the alarm committee's report on some days or months, compared with those before "
        "them.",
    ),
    "rejected": Later(
        "streams.cli.rejected:rejected_app", "List, show or resend rejected records."
    ),
    "facility": Later(
        "streams.cli.facility:facility_app",
        "Repair one facility after a wrong clock, or forget it or one of its clinicians.",
    ),
}

app = typer.Typer(
    cls=lazily(COMMANDS),
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Measures the alarm load of a hospital's clinicians and units: reads device alarms from "
    "Kafka and exports Prometheus metrics.",
)


def main() -> NoReturn:
    """The command `alarm-fatigue`."""
    gc.set_threshold(_BETWEEN_COLLECTIONS, 10, 10)
    _reopen_closed_streams()
    if (option := given_twice(sys.argv[1:])) is not None:
        sys.stderr.write(
            f"error: {option}: given twice, and only one file is read; join them first (cat)\n"
        )
        sys.exit(WRONG)
    try:
        app()
    except BrokenPipeError:  # `| head` has seen enough
        _discard_output()
        sys.exit(FAILED)
    except OSError as error:
        if error.errno not in _NO_SPACE:
            raise
        _discard_output()
        sys.stderr.write(f"error: cannot write: {error.strerror}\n")
        sys.exit(FAILED)
    except ModuleNotFoundError as error:
        said = lacking(next((one for one in sys.argv[1:] if one in COMMANDS), ""), error.name)
        if said is None:
            raise
        sys.stderr.write(f"error: {said}\n")
        sys.exit(WRONG)
    raise AssertionError("typer exits")


def given_twice(arguments: Sequence[str]) -> str | None:
    """An option for a file of records that is given twice. Typer would silently take the last.

    >>> given_twice(["replay", "--alarms", "monday.jsonl", "--alarms=tuesday.jsonl"])
    '--alarms'
    """
    names = Counter(one.partition("=")[0] for one in arguments)
    return next((one for one in _OF_RECORDS if names[one] > 1), None)


def _discard_output() -> None:
    """Python writes what is still buffered when it exits, which would fail again."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _reopen_closed_streams() -> None:
    """Python has no `sys.stdout` if the shell closed it (`>&-`); then nobody wants the output."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115


def _version(wanted: bool) -> None:
    if wanted:
        from streams import __version__

        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    pass


if __name__ == "__main__":  # `python -m streams.cli.main`, as the demo starts its worker
    main()
