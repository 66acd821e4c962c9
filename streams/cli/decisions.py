"""The options of commands that record a decided change: `tune apply` and `incident apply`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Owner = Annotated[
    str, typer.Option("--owner", help="The role or office that is responsible for the change.")
]
Review = Annotated[str, typer.Option("--review", metavar="DATE", help="Date of the review.")]
ChangeControl = Annotated[
    str, typer.Option("--change-control", help="Change-control number of the hospital.")
]
TakesEffect = Annotated[
    str,
    typer.Option(
        "--at", metavar="TIME", help="When the change takes effect: RFC 3339, or ms since 1970."
    ),
]
Out = Annotated[
    Path | None,
    typer.Option("--out", metavar="FILE.json", help="Output file.", show_default="standard output"),
]
