"""The command `rejected`: rejected records, the reasons, and sending them again once repaired."""

from __future__ import annotations

import asyncio
import heapq
import json
import re
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from analyzer.model import OUTCOMES, TOPICS
from streams.cli.console import (
    INTERRUPTED,
    WRONG,
    Broker,
    Config,
    fail,
    load_settings,
    moment,
)
from streams.cli.progress import counted, timed
from streams.formats.texts import printable
from streams.formats.times import parse_duration

REASONS = [one for one in OUTCOMES if one not in ("accepted", "duplicate")]
MOST = 10_000
"""Most records that one `replay` sends by default: an hour of errors, too few to flood workers."""
SHOWN_BYTES = 64 << 10
"""The most that `list` shows of a value; `show` shows all of it."""
OUR_HEADERS = frozenset(
    {"reason", "detail", "topic", "partition", "offset", "truncated", "original_size", "replayed"}
)
"""Headers that the worker writes; they hold no field values. Producers may have added others."""
NOT_SHOWN = "(not shown)"
REJECTED_AGAIN = {
    "late": "late records will be rejected again: the watermark of their facility has moved on",
    "future": "future records will be rejected again: they are compared with the time of their "
    "rejection",
    "malformed": "malformed records will be rejected again, unless the program was fixed",
    "misrouted": "misrouted records will be rejected again: they are sent with their original key",
}

rejected_app = typer.Typer(no_args_is_help=True, help="List, show or resend rejected records.")

Reason = Annotated[str | None, typer.Option("--reason", help=f"One of {', '.join(REASONS)}.")]
Topic = Annotated[str | None, typer.Option("--topic", help=f"One of {', '.join(TOPICS)}.")]
Facility = Annotated[str | None, typer.Option("--facility", help="Records with this key.")]
Since = Annotated[
    str | None,
    typer.Option(
        "--since",
        metavar="TIME",
        help="Rejected at or after this time, or this long ago (10m, 2h, 1d).",
    ),
]
Until = Annotated[
    str | None,
    typer.Option("--until", metavar="TIME", help="Rejected before this time; spelled as --since."),
]
Values = Annotated[
    bool, typer.Option("--values", help="Show keys and values, which may contain patient data.")
]


@rejected_app.command("list")
def list_(
    reason: Reason = None,
    topic: Topic = None,
    facility: Facility = None,
    since: Since = None,
    until: Until = None,
    limit: Annotated[
        int,
        typer.Option(
            "--limit",
            min=1,
            max=10_000,
            help="Print at most this many, the latest ones; all are counted.",
        ),
    ] = 100,
    values: Values = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object per line.")
    ] = False,
    config: Config = None,
    broker: Broker = None,
) -> None:
    """List rejected records: position, time and reason of each, and where it came from.

    Keys and values are hidden unless --values is given. Needs Kafka.

    Example: alarm-fatigue rejected list --broker 127.0.0.1:9092 --reason late --since 10m
    """
    from streams.kafka.rejections import Rejection, RejectionsError, read

    settings = load_settings(config, broker=broker)
    wanted = _wanted(reason, topic, facility, since, until)
    counts: Counter[str] = Counter()

    latest: list[tuple[int, int, int, Rejection]] = []  # a heap: the oldest first

    with _progress() as passed:

        async def run() -> None:
            async for one in read(settings, wanted, passed):
                counts[one.headers.get("reason", "unknown")] += 1
                kept = (
                    one.value[: SHOWN_BYTES + 1]
                    if values and one.value is not None
                    else one.value and b""
                )
                add = heapq.heappush if len(latest) < limit else heapq.heappushpop
                add(latest, (one.stamp, one.partition, one.offset, replace(one, value=kept)))

        _run(run(), RejectionsError)
    for *_, one in sorted(latest):
        _print(one, values, as_json)
    summary = (
        ", ".join(f"{count} {printable(name)}" for name, count in sorted(counts.items()))
        or "nothing rejected"
    )
    more = f" (the latest {limit} are shown)" if counts.total() > limit else ""
    typer.echo(f"{summary}{more}", err=True)


@rejected_app.command()
def show(
    place: Annotated[
        str, typer.Argument(metavar="PARTITION/OFFSET", help="As `rejected list` prints it.")
    ],
    values: Values = False,
    config: Config = None,
    broker: Broker = None,
) -> None:
    """Show one rejected record with all its headers. Needs Kafka.

    Example: alarm-fatigue rejected show 2/1041 --broker 127.0.0.1:9092
    """
    from streams.kafka.rejections import RejectionsError, find

    settings = load_settings(config, broker=broker)
    found = re.fullmatch(r"(\d{1,9})/(\d{1,18})", place)
    if found is None:
        fail("PARTITION/OFFSET: expected two numbers, such as 2/1041", WRONG)
    one = _run(find(settings, int(found[1]), int(found[2])), RejectionsError)
    if one is None:
        fail(f"{place}: no such record; it may have been deleted by the topic's retention")
    typer.echo(f"rejected at  {_time(one.stamp)}")
    for name, value in sorted(one.headers.items()):
        is_ours = values or name in OUR_HEADERS
        typer.echo(f"{printable(name):<12} {printable(value) if is_ours else NOT_SHOWN}")
    sizes = [
        f"{name} {'none' if part is None else f'{len(part)} bytes'}" for name, part in _parts(one)
    ]
    typer.echo(f"{'size':<12} {', '.join(sizes)}")
    if values:
        for name, part in _parts(one):
            typer.echo(
                f"{name:<12} "
                f"{'none' if part is None else printable(part.decode(errors='backslashreplace'))}"
            )
    else:
        typer.echo("--values shows key and value; they may contain patient data", err=True)


@rejected_app.command()
def replay(
    reason: Reason = None,
    topic: Topic = None,
    facility: Facility = None,
    since: Since = None,
    until: Until = None,
    most: Annotated[
        int, typer.Option("--max", min=1, help="Send nothing if more records than this match.")
    ] = MOST,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print what would be sent; send nothing.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Send without asking.")] = False,
    config: Config = None,
    broker: Broker = None,
) -> None:
    """Send rejected records again, unchanged, to the topics that they came from.

    Use this once the cause is repaired. A record that was accepted in the meantime is a duplicate
    and changes nothing. A record that is rejected again is not sent a second time. Late and future
    records will be rejected again. Needs Kafka.

    Example: alarm-fatigue rejected replay --broker 127.0.0.1:9092 --reason malformed --since 2h
    --dry-run
    """
    from streams.kafka.rejections import RejectionsError, plan, send

    settings = load_settings(config, broker=broker)
    wanted = _wanted(reason, topic, facility, since, until)
    if not (dry_run or yes or sys.stdin.isatty()):
        fail("expected --yes or --dry-run: there is no terminal to ask for confirmation", WRONG)
    with _progress() as passed:
        planned = _run(plan(settings, wanted, most, passed), RejectionsError)
    for why, count in sorted(planned.skipped.items()):
        typer.echo(f"skipped: {count} {why}")
    by_topic = Counter(
        (one.headers["topic"], one.headers.get("reason", "unknown")) for one in planned.ready
    )
    for (where, why), count in sorted(by_topic.items()):
        typer.echo(f"{'would send' if dry_run else 'to send'}: {count} {printable(why)} to {where}")
    for why in sorted({why for _, why in by_topic} & REJECTED_AGAIN.keys()):
        typer.echo(f"note: {REJECTED_AGAIN[why]}", err=True)
    if not planned.ready:
        typer.echo("nothing to send")
    elif not dry_run:
        if not yes and not typer.confirm(f"Send {len(planned.ready)} records?"):
            raise typer.Exit(1)
        with counted("replay", len(planned.ready)) as sent:
            refused = _run(send(settings, planned.ready, sent), RejectionsError)
        typer.echo(f"{len(planned.ready) - refused} records sent")
        if refused:
            fail(f"{refused} records are larger than their topic takes")


@contextmanager
def _progress() -> Iterator[Callable[[int, int], None]]:
    """A progress bar on standard error; call it with how much was read, and the total."""
    with timed("reading", 0, 100) as update:
        yield lambda done, total: update(100 * done // max(total, 1))


def _wanted(
    reason: str | None,
    topic: str | None,
    facility: str | None,
    since: str | None,
    until: str | None,
) -> Any:
    from streams.kafka.rejections import Wanted

    if reason is not None and reason not in REASONS:
        fail(f"--reason: expected one of {', '.join(REASONS)}", WRONG)
    if topic is not None and topic not in TOPICS:
        fail(f"--topic: expected one of {', '.join(TOPICS)}", WRONG)
    return Wanted(reason, topic, facility, _moment(since, "--since"), _moment(until, "--until"))


def _moment(text: str | None, option: str) -> int | None:
    """A time, or a duration before now (ms since 1970)."""
    if text is None:
        return None
    try:
        ago = parse_duration(text)
    except ValueError:
        return moment(text, option)
    return max(int(time.time() * 1000) - ago, 0)


def _run(work: Any, error_type: type[Exception]) -> Any:
    try:
        return asyncio.run(work)
    except error_type as error:
        fail(error)
    except KeyboardInterrupt:
        raise typer.Exit(INTERRUPTED) from None


def _parts(one: Any) -> list[tuple[str, bytes | None]]:
    return [("key", one.key), ("value", one.value)]


def _key(one: Any, values: bool) -> str | None:
    """The key, which is the facility; that of a misrouted record could be anything, so it is hidden
    unless `values`.
    """
    if one.key is None or values or one.headers.get("reason") != "misrouted":
        return str(one.facility) if one.key is not None else None
    return NOT_SHOWN


def _print(one: Any, values: bool, as_json: bool) -> None:
    source = one.headers.get("topic", "?")
    origin = f"{source}/{one.headers.get('partition', '?')}/{one.headers.get('offset', '?')}"
    if as_json:
        headers = {name: of for name, of in one.headers.items() if values or name in OUR_HEADERS}
        fields = {
            "place": one.place,
            "at": one.stamp,
            "facility": _key(one, values),
            "headers": headers,
        }
        if values:
            fields["value"] = (
                None
                if one.value is None
                else one.value[:SHOWN_BYTES].decode(errors="backslashreplace")
            )
            fields["value_cut"] = len(one.value or b"") > SHOWN_BYTES
        # only printable ASCII, so that it cannot control a terminal
        typer.echo(json.dumps(fields).replace("\x7f", "\\u007f"))
        return
    line = [
        one.place,
        _time(one.stamp),
        one.headers.get("reason", "unknown"),
        _key(one, values) or "-",
        origin,
    ]
    typer.echo("  ".join(printable(part) for part in [*line, one.headers.get("detail", "")]))
    if values and one.value is not None:
        cut = " ... (all of it: rejected show --values)" if len(one.value) > SHOWN_BYTES else ""
        typer.echo(
            f"    {printable(one.value[:SHOWN_BYTES].decode(errors='backslashreplace'))}{cut}"
        )


def _time(stamp: int) -> str:
    try:
        return datetime.fromtimestamp(stamp / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (ValueError, OverflowError, OSError):  # a producer may set any time
        return str(stamp)
