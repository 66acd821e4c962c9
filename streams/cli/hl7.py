"""The commands `hl7 check`, `hl7 convert`, `hl7 listen` and `hl7 translate`."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from streams.cli.console import STRICT, WRONG, Broker, Config, fail, load_settings
from streams.cli.progress import counted
from streams.formats.texts import printable

hl7_app = typer.Typer(
    no_args_is_help=True,
    help="Read alarms from HL7 messages: from files, from gateways, or from Kafka.",
)

Files = Annotated[
    list[Path],
    typer.Argument(
        metavar="FILE...",
        help="Messages framed by MLLP, or separated by blank lines or by the next MSH; - reads "
        "standard input.",
        show_default=False,
    ),
]
ProfilesFile = Annotated[
    Path | None,
    typer.Option(
        "--profiles",
        metavar="P.yml",
        help="What is known about the senders: time zones, default priorities, names of units, "
        "beds and codes. docs/hl7.md has an example.",
    ),
]
Strict = Annotated[
    bool, typer.Option("--strict", help="Exit with status 3 if any message was rejected.")
]


@hl7_app.command()
def check(
    files: Files,
    profiles: ProfilesFile = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object for programs.")
    ] = False,
    strict: Strict = False,
) -> None:
    """Tell of each HL7 message what it becomes and why, then sum up in ten lines.

    Nothing is written. Names and numbers of patients are not shown.

    Example: alarm-fatigue hl7 check gateway.hl7 --profiles senders.yml
    """
    from streams.files.lines import InputError
    from streams.formats.codec import to_json
    from streams.hl7 import words
    from streams.hl7.converting import Tally, translated
    from streams.hl7.profiles import load_profiles

    tally = Tally()
    each = []
    try:
        for one in translated(files, load_profiles(profiles), tally, lambda: None):
            if as_json:
                each.append(words.as_fields(one))
            else:
                typer.echo(printable(words.of_message(one)))
    except InputError as error:
        fail(error, WRONG)
    if as_json:
        sys.stdout.buffer.write(to_json(tally.as_fields() | {"each": each}) + b"\n")
        sys.stdout.buffer.flush()
    else:
        typer.echo("")
        for line in words.summary(tally):
            typer.echo(printable(line))
    if strict and tally.kinds["rejected"]:
        raise typer.Exit(STRICT)


@hl7_app.command()
def convert(
    files: Files,
    out: Annotated[
        Path,
        typer.Option(
            "--out",
            metavar="DIR",
            help="Folder for the facts; its files are replaced.",
        ),
    ],
    profiles: ProfilesFile = None,
    strict: Strict = False,
) -> None:
    """Write the facts of HL7 messages to DIR, for replay, tune, findings and publish.

    These are alarms.jsonl, assignments.jsonl, responses.jsonl, labels.jsonl (HL7 has none) and
    rejected.jsonl, which names file, line, field, reason and what was expected.

    Example: alarm-fatigue hl7 convert gateway.hl7 --out facts --profiles senders.yml
    """
    from streams.files.lines import InputError
    from streams.hl7 import words
    from streams.hl7.converting import convert as converted
    from streams.hl7.profiles import load_profiles

    try:
        known = load_profiles(profiles)
        with counted("reading", None) as progress:
            tally, lines = converted(files, known, out, progress)
    except InputError as error:
        fail(error, WRONG)
    for line in words.summary(tally):
        typer.echo(printable(line), err=True)
    written = ", ".join(f"{name}.jsonl {count:,}" for name, count in lines.items())
    typer.echo(printable(f"lines in {out}: {written}"), err=True)
    if strict and tally.kinds["rejected"]:
        raise typer.Exit(STRICT)


MetricsHost = Annotated[
    str, typer.Option("--metrics-host", help="Address to serve /metrics and /ready on.")
]


WithoutTransactions = Annotated[
    bool,
    typer.Option(
        "--without-transactions",
        help="Only for a broker without transactions, such as the demo's: after a crash a record "
        "may be written twice. Facts keep their ids, so workers count them once. Run a single one.",
    ),
]


class Ack(StrEnum):
    auto = "auto"
    accept = "accept"
    application = "application"


@hl7_app.command()
def listen(
    ports: Annotated[
        list[int],
        typer.Option("--port", min=0, max=65535, help="Port for gateways; may be repeated."),
    ],
    host: Annotated[
        str,
        typer.Option("--host", help="Address to listen on; 0.0.0.0 is all of this machine's."),
    ] = "127.0.0.1",
    profiles: ProfilesFile = None,
    tls_cert: Annotated[
        Path | None, typer.Option("--tls-cert", help="Certificate (PEM) to listen with TLS.")
    ] = None,
    tls_key: Annotated[
        Path | None, typer.Option("--tls-key", help="Private key (PEM) of that certificate.")
    ] = None,
    tls_client_ca: Annotated[
        Path | None,
        typer.Option(
            "--tls-client-ca",
            help="Refuse gateways without a certificate of this authority (PEM).",
        ),
    ] = None,
    ack: Annotated[
        Ack,
        typer.Option(
            "--ack",
            help="Codes of acknowledgements: accept (CA, CE, CR), application (AA, AE, AR), or "
            "auto: accept for messages that ask for it in MSH-15.",
        ),
    ] = Ack.auto,
    recorded: Annotated[
        bool,
        typer.Option(
            "--recorded",
            help="Date records by MSH-7 instead of by their arrival: for recordings that are sent "
            "again, whose alarms would otherwise count as late.",
        ),
    ] = False,
    without_transactions: WithoutTransactions = False,
    config: Config = None,
    broker: Broker = None,
    metrics_host: MetricsHost = "127.0.0.1",
    metrics_port: Annotated[
        int, typer.Option("--metrics-port", min=0, max=65535, help="Port of /metrics.")
    ] = 9465,
) -> None:
    """Take HL7 messages from gateways (MLLP), keep them in the topic hl7, then acknowledge.

    A message is acknowledged when all in-sync replicas have it. What is written holds nothing of a
    patient. Any number of these may run beside each other.

    Example: alarm-fatigue hl7 listen --port 2575 --host 0.0.0.0 --tls-cert c.pem --tls-key k.pem
    """
    import asyncio

    from streams.files.lines import InputError
    from streams.hl7.listening import Hl7Error, Listeners, prepare
    from streams.hl7.listening import listen as listening
    from streams.hl7.profiles import load_profiles

    if (tls_cert is None) != (tls_key is None):
        fail("--tls-cert: expected --tls-key as well, or neither", WRONG)
    if tls_client_ca is not None and tls_cert is None:
        fail("--tls-client-ca: expected --tls-cert and --tls-key as well", WRONG)
    settings = load_settings(config, broker=broker)
    prepare(settings)
    listeners = Listeners(host, ports, tls_cert, tls_key, tls_client_ca)
    try:
        known = load_profiles(profiles)
    except InputError as error:
        fail(error, WRONG)
    try:
        asyncio.run(
            listening(
                settings,
                listeners,
                known,
                (metrics_host, metrics_port),
                ack.value,
                idempotent=not without_transactions,
                recorded=recorded,
            )
        )
    except Hl7Error as error:
        fail(error)


@hl7_app.command()
def translate(
    profiles: ProfilesFile = None,
    config: Config = None,
    broker: Broker = None,
    group: Annotated[
        str | None, typer.Option("--group", help="Consumer group of the service.")
    ] = None,
    without_transactions: WithoutTransactions = False,
    metrics_host: MetricsHost = "127.0.0.1",
    metrics_port: Annotated[
        int, typer.Option("--metrics-port", min=0, max=65535, help="Port of /metrics.")
    ] = 9466,
) -> None:
    """Translate the topic hl7 into the four inputs, each fact exactly once.

    Messages may come from hl7 listen or from an interface engine; their keys are facilities.
    Open alarms are kept in a topic, so it may be killed at any time. Several share the partitions.

    Example: alarm-fatigue hl7 translate --broker 127.0.0.1:9092 --profiles senders.yml
    """
    import asyncio

    from streams.files.lines import InputError
    from streams.hl7.listening import Hl7Error, prepare
    from streams.hl7.profiles import load_profiles
    from streams.hl7.translating import translate as translating

    settings = load_settings(config, broker=broker, group=group)
    prepare(settings)
    try:
        known = load_profiles(profiles)
    except InputError as error:
        fail(error, WRONG)
    try:
        asyncio.run(
            translating(
                settings,
                known,
                (metrics_host, metrics_port),
                transactions=not without_transactions,
            )
        )
    except Hl7Error as error:
        fail(error)
