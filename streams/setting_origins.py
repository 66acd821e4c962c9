"""Where each setting in force comes from: a variable, a line of the settings file, or nowhere."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from streams.setting_table import LEVEL, value_of, variable


def origins(
    names: Iterable[str], path: Path | None, environment: Mapping[str, str]
) -> dict[str, str]:
    """By name of a setting: `environment NAME`, `FILE:LINE` or `default`.

    The file must be one that `streams.settings.load` takes.
    """
    lines = {} if path is None else dict(_lines(yaml.compose(path.read_bytes()), ""))
    given = {name.upper(): (name, value) for name, value in environment.items()}
    return {
        name: _variable(name, given) or _place(name, path, lines) or "default" for name in names
    }


def _lines(node: Any, prefix: str) -> Iterator[tuple[str, int]]:
    """The lines of all keys of a mapping and of those in it, counted from 1."""
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            name = f"{prefix}{key.value}"
            yield name, key.start_mark.line + 1
            yield from _lines(value, f"{name}.")


def _variable(name: str, given: Mapping[str, tuple[str, str]]) -> str | None:
    own = variable(name)
    for capital, (spelled, _) in given.items():
        if capital == own or capital.startswith(own + LEVEL):
            return f"environment {spelled}"
    group, _, rest = name.rpartition(".")
    while group:  # a variable may hold a whole group as JSON
        spelled, value = given.get(variable(group), ("", ""))
        if spelled and value_of(_json(value), rest) is not None:
            return f"environment {spelled}"
        group, _, last = group.rpartition(".")
        rest = f"{last}.{rest}"
    return None


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None


def _place(name: str, path: Path | None, lines: Mapping[str, int]) -> str | None:
    return f"{path}:{lines[name]}" if name in lines else None
