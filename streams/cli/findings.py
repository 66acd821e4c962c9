"""The command `findings`: what to fix first, from recorded files or from a running worker."""

from __future__ import annotations

import json
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlencode

import typer

from streams.cli.archived import Archived, replay_archive
from streams.cli.console import WRONG, Config, fact_time, fail, load_settings
from streams.cli.files import (
    Alarms,
    Assignments,
    At,
    Labels,
    Mapped,
    Responses,
    Strict,
    recorded_files,
    replay_files,
)
from streams.cli.names import check_place
from streams.cli.progress import working
from streams.files.extent import MOST, TOP, WHOLE

WORKER_SECONDS = 60.0
"""A worker's first answer may take a while."""


def findings(
    alarms: Alarms = None,
    assignments: Assignments = None,
    responses: Responses = None,
    labels: Labels = None,
    mapping: Mapped = None,
    archive: Archived = None,
    worker: Annotated[
        str | None,
        typer.Option(
            "--worker", metavar="URL", help="Ask a running worker instead of reading files."
        ),
    ] = None,
    token_file: Annotated[
        Path | None,
        typer.Option(
            "--token-file",
            metavar="FILE",
            help="File with the worker's token (its web.token_file), if it needs one.",
        ),
    ] = None,
    at: At = None,
    since: Annotated[
        str | None,
        typer.Option(
            "--since",
            metavar="TIME",
            help="Of files, only alarms from this time on: RFC 3339, or ms since 1970.",
            show_default="the first alarm",
        ),
    ] = None,
    until: Annotated[
        str | None,
        typer.Option(
            "--until",
            metavar="TIME",
            help="Of files, only what happened up to this time.",
            show_default="the last alarm event",
        ),
    ] = None,
    window: Annotated[
        str | None,
        typer.Option(
            "--window",
            help="Only the last alarms: one of policy.windows.",
            show_default="files whole; of a worker, the longest",
        ),
    ] = None,
    facility: Annotated[str | None, typer.Option("--facility", help="Only this facility.")] = None,
    unit: Annotated[str | None, typer.Option("--unit", help="Only units of this name.")] = None,
    top: Annotated[
        int, typer.Option("--top", min=1, max=MOST, help="Number of alarm types per unit.")
    ] = TOP,
    as_json: Annotated[
        bool,
        typer.Option(
            "--json", help="Print one JSON object, as the worker's /api/v1/findings does."
        ),
    ] = False,
    config: Config = None,
    strict: Strict = False,
) -> None:
    """Rank each unit's alarm types by their non-actionable and technical alarms.

    Files are looked at whole. It advises only changes that `tune` would propose, too: none that
    would hide more needed alarms than the tolerance allows.

    For each type, it names the pattern that drives these alarms, a remedy and its owner. It needs
    either recorded files, as replay does, or the address of a running worker. Labels and responses
    show which alarms were actionable; without them, most alarms stay unknown. The same input
    always gives the same output, byte for byte.

    Example: alarm-fatigue findings --alarms alarms.jsonl --responses responses.jsonl --unit MICU
    --since 2026-03-01T00:00:00Z

    Example: alarm-fatigue findings --worker http://127.0.0.1:9464 --top 5
    """
    from streams.files.findings import document, written

    if worker is not None:
        if (
            config is not None
            or at is not None
            or strict
            or any((alarms, assignments, responses, labels, mapping, archive))
        ):
            fail("--worker: cannot be combined with files, --at, --strict or --config", WRONG)
        if since is not None or until is not None:
            fail("--worker: knows the last hours only: use --window", WRONG)
        asked = {"window": window, "facility": facility, "unit": unit, "top": str(top)}
        answer = _ask(
            worker, {name: value for name, value in asked.items() if value is not None}, token_file
        )
        status = 0
        if facility is not None or unit is not None:
            _check_place_of_worker(worker, answer, facility, unit, token_file)
    else:
        files = (alarms, assignments, responses, labels)
        if archive is not None and (strict or window or any((*files, mapping))):
            fail("--archive: cannot be combined with files, --window or --strict", WRONG)
        if archive is None and alarms is None:
            fail("expected --alarms FILE, --archive DIR, or --worker URL", WRONG)
        settings = load_settings(config)
        policy = settings.policy
        if window is not None and window not in policy.windows:
            fail(f"--window: expected one of {', '.join(policy.windows)}", WRONG)
        if at is not None and until is not None:
            fail("--until: cannot be combined with --at, which means the same", WRONG)
        if since is not None and window is not None:
            fail("--since: cannot be combined with --window", WRONG)
        begin = None if since is None else fact_time(since, "--since")
        end, option = (until, "--until") if until is not None else (at, "--at")
        last = None if end is None else fact_time(end, option)
        if begin is not None and last is not None and last <= begin:
            fail("--until: expected a time after --since", WRONG)
        if archive is None:
            replayed = replay_files(settings, recorded_files(*files), end, mapping)
        else:
            replayed = replay_archive(settings, archive, facility, begin, last)
        with working("measuring"):
            if window is None:
                evidence = replayed.engine.evidence_since(begin)
            else:
                evidence = [replayed.engine.evidence(policy.windows[window])]
            units = [unit for one in evidence for unit in one.findings(top)]
        if facility is not None or unit is not None:
            held = replayed.engine.measure().units
            with_alarms = ((one.facility, one.unit) for one in units)
            known = [*zip(held.facility, held.unit, strict=True), *with_alarms]
            check_place(facility, unit, known)
        window = window or WHOLE
        answer = document(list(written(units, window, policy)), window, policy, facility, unit, top)
        status = replayed.status(strict)
    if as_json:
        sys.stdout.buffer.write(answer)
        sys.stdout.buffer.flush()
    else:
        _show(answer)
    if status:
        raise typer.Exit(status)


def _check_place_of_worker(
    worker: str, answer: bytes, facility: str | None, unit: str | None, token_file: Path | None
) -> None:
    """If a worker found nothing, end with an error unless it has such a facility and unit."""
    try:
        if json.loads(answer)["units"]:
            return
        known = json.loads(_ask(worker, {"top": "1"}, token_file))["units"]
        places = [(one["facility"], one["unit"]) for one in known]
    except (ValueError, KeyError, TypeError):
        return  # `_show` says that this is no worker
    check_place(facility, unit, places)


def _ask(worker: str, asked: dict[str, str], token_file: Path | None) -> bytes:
    from streams.access import token_of
    from streams.settings import SettingsError, WebSettings

    address = f"{worker.rstrip('/')}/api/v1/findings"
    if not address.startswith(("http://", "https://")):
        fail("--worker: expected an address such as http://127.0.0.1:9464", WRONG)
    try:
        headers = (
            {}
            if token_file is None
            else {"Authorization": f"Bearer {token_of(WebSettings(token_file=token_file))}"}
        )
    except SettingsError as error:
        fail(str(error).replace("web.token_file", "--token-file"))
    request = urllib.request.Request(f"{address}?{urlencode(asked)}", headers=headers)  # noqa: S310  # checked above
    try:
        with urllib.request.build_opener(_NoRedirects).open(
            request, timeout=WORKER_SECONDS
        ) as found:
            return bytes(found.read())
    except urllib.error.HTTPError as error:
        if (elsewhere := error.headers.get("Location")) is not None:
            fail(
                f"{address}: is redirected to {elsewhere}, which was not followed: it would get "
                "the token; give the worker's own address"
            )
        fail(f"{address}: {_reason(error)}")
    except (OSError, ValueError) as error:
        fail(f"{address}: {getattr(error, 'reason', error)}")


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """A redirect may lead to another host, which must not learn the token."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


def _reason(error: urllib.error.HTTPError) -> str:
    try:
        return str(json.loads(error.read())["error"])
    except (ValueError, KeyError, TypeError):
        return f"status {error.code}"


def _show(answer: bytes) -> None:
    from rich.console import Console
    from rich.text import Text

    from streams.files.findings import words

    try:
        units = list(words(json.loads(answer)))
    except (ValueError, KeyError, TypeError):
        fail("--worker: this address does not answer as a worker does")
    if not units:
        typer.echo("no alarms")
    console = Console()
    show: Any = console.print if console.is_terminal else lambda text: typer.echo(text.plain)
    for index, (heading, lines) in enumerate(units):
        show(Text(("\n" if index else "") + heading, style="bold"))
        for line in lines:
            show(Text(f"  {line}"))
