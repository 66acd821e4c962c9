"""Library: the page about `alarm_fatigue`, from its docstrings and its frames."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any

import polars as pl

import alarm_fatigue as af
from alarm_fatigue._burden import LABELS, TYPES, columns
from alarm_fatigue._history import REJECTED
from alarm_fatigue._whole import CHANGES, EPISODES, FINDINGS
from analyzer import Policy
from reference import markdown
from reference.markdown import code
from streams.metrics.definitions import DEFINITIONS

INTRODUCTION = """
Everything public in the package `alarm_fatigue`. [The library](../library.md) says how it is used.
"""

LINE = 100
"""Characters of code in a line."""

FRAMES = {
    "rejected": REJECTED,
    "episodes": EPISODES,
    "overload_changes": CHANGES | {"at": pl.Datetime("ms", "UTC")},
    "findings": FINDINGS,
}


def page() -> str:
    return markdown.page("The library's reference", INTRODUCTION, _parts())


def _parts() -> Iterator[str]:
    for name in ("read", "read_archive", "whatif", "compare"):
        yield f"## {code(name)}"
        yield from _function(getattr(af, name))
    for of in (af.History, af.WhatIf, af.Comparison, af.Counts):
        yield f"## {code(of.__name__)}"
        yield inspect.getdoc(of) or ""
        for name, member in vars(of).items():
            if name.startswith("_") or not (callable(member) or isinstance(member, property)):
                continue
            yield f"### {code(f'{of.__name__}.{name}')}"
            yield from _function(member) if callable(member) else [inspect.getdoc(member) or ""]
            if of is af.History and name in FRAMES:
                yield markdown.table(["column", "type"], _columns(FRAMES[name]))
    yield "## Columns of `History.burden`"
    yield "Each begins with `at`, " + " and ".join(
        f"by {by}: {', '.join(map(code, labels))}" for by, labels in LABELS.items()
    )
    for by in LABELS:
        yield f"### By {by}"
        yield markdown.table(["column", "metric", "meaning"], _measures(by))


def _function(member: Any) -> Iterator[str]:
    signature = inspect.signature(member, eval_str=False)
    shown = [one for one in signature.parameters.values() if one.name != "self"]
    names = [
        one.name if one.default is one.empty else f"{one.name}={_written(one.default)}"
        for one in shown
    ]
    call = f"{member.__name__}({', '.join(names)})"
    if len(call) > LINE:
        call = "\n".join([f"{member.__name__}(", *(f"    {one}," for one in names), ")"])
    yield f"```python\n{call}\n```"
    yield inspect.getdoc(member) or ""


def _written(value: object) -> str:
    return f'"{value}"' if isinstance(value, str) else repr(value)


def _columns(schema: dict[str, Any]) -> Iterator[list[str]]:
    for name, kind in schema.items():
        yield [code(name), code(_kind(kind))]


def _kind(kind: Any) -> str:
    if isinstance(kind, pl.List):
        return f"list of {_kind(kind.inner)}"
    if isinstance(kind, pl.Struct):
        return "{" + ", ".join(one.name for one in kind.fields) + "}"
    return str(kind)


def _measures(by: Any) -> Iterator[list[str]]:
    for column, metric in columns(by, Policy()).items():
        yield [code(column), code(f"alarm_fatigue_{metric}"), DEFINITIONS[metric].help]
    if by == "unit":
        types = f"{DEFINITIONS['unit_type_alarms'].help} A {_kind(TYPES)}."
        yield [code("type_alarms"), code("alarm_fatigue_unit_type_alarms"), types]
