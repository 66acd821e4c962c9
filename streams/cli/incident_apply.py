"""The command `incident apply`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from streams.cli.console import WRONG, fail, moment
from streams.cli.decisions import ChangeControl, Out, Owner, Review, TakesEffect
from streams.cli.paths import keep_apart


def apply_(
    answer: Annotated[
        Path,
        typer.Argument(
            metavar="ANSWER.json", help="Output of incident --json; - reads standard input."
        ),
    ],
    action: Annotated[
        int, typer.Option("--action", metavar="N", help="Which action of the answer, from 1 on.")
    ],
    owner: Owner,
    review: Review,
    change_control: ChangeControl,
    at: TakesEffect,
    out: Out = None,
) -> None:
    """Record an action that a review has decided, for an annotation and for `compare`. Changes no
    device and no roster.

    Example: alarm-fatigue incident apply answer.json --action 1 --owner "nurse manager"
    --review 2026-06-30 --change-control CC-1042 --at 2026-04-01T07:00:00Z --out change.json
    """
    from streams.files.changes import ChangeError, Decision
    from streams.formats.codec import to_json
    from streams.incidents.applying import record

    keep_apart({"--out": out}, [answer])
    try:
        decision = Decision(
            at=moment(at, "--at"), owner=owner, review_on=review, change_control=change_control
        )
        read = sys.stdin.buffer.read() if str(answer) == "-" else answer.read_bytes()
        written = to_json(record(read, action, decision)) + b"\n"
        if out is not None:
            out.write_bytes(written)
    except ChangeError as error:
        fail(error, WRONG)
    except OSError as error:
        fail(f"{error.filename}: {error.strerror}")
    if out is None:
        sys.stdout.buffer.write(written)
        sys.stdout.buffer.flush()
