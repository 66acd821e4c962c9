"""The table of settings: what each is called, which variable sets it, and what it means.

It is read from the models of the settings and from the documentation of the policy's fields, so
that pages, `config check --explain` and errors say the same.
"""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from difflib import get_close_matches
from typing import Annotated, Any, get_args, get_origin, get_type_hints

import yaml
from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from analyzer.model import Levels

PREFIX, LEVEL = "ALARM_FATIGUE_", "__"
"""How a variable begins, and what stands in it for the dot of a setting's name."""
OF_TESTS = PREFIX + "TESTS_"
_OF_ORCHESTRATORS = re.compile(
    r"_(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)"
)
_ADDRESS = re.compile(r"(tcp|udp|sctp)://")


@dataclass(frozen=True, slots=True)
class Entry:
    """One setting: its `name` with dots, its variable, its type, and its meaning in a phrase.

    `field` is pydantic's, None for settings of the policy.
    """

    name: str
    variable: str
    hint: Any
    field: FieldInfo | None
    meaning: str

    @property
    def is_secret(self) -> bool:
        """Whether its value must never be printed."""
        return SecretStr in (self.hint, *get_args(self.hint))


def entries(model: type[Any], prefix: str = "") -> Iterator[Entry]:
    """The settings of a pydantic model, or of a dataclass, which documents its fields itself."""
    hints = get_type_hints(model, include_extras=True)
    described = documentation(model) if is_dataclass(model) else {}
    models: dict[str, FieldInfo] = getattr(model, "model_fields", {})
    for name in models or [one.name for one in fields(model)]:
        path, hint, field = prefix + name, hints[name], models.get(name)
        if get_origin(hint) is Annotated and is_dataclass(get_args(hint)[0]):
            hint = get_args(hint)[0]
        if (is_dataclass(hint) and hint is not Levels) or _is_model(hint):
            yield from entries(hint, path + ".")
            continue
        meaning = (field and field.description) or described[name]
        yield Entry(path, variable(path), hint, field, meaning)


def variable(name: str) -> str:
    """
    >>> variable("web.port")
    'ALARM_FATIGUE_WEB__PORT'
    """
    return PREFIX + name.replace(".", LEVEL).upper()


def value_of(values: Any, name: str) -> Any:
    """The value of a setting in nested mappings; None where it is not there.

    >>> value_of({"web": {"port": 9464}}, "web.port"), value_of({}, "web.port")
    (9464, None)
    """
    for part in name.split("."):
        values = values.get(part) if isinstance(values, Mapping) else None
    return values


def spelled(value: Any) -> str:
    """A value as YAML spells it on one line.

    >>> spelled(["10m", "1h"]), spelled("5s"), spelled(None)
    ('[10m, 1h]', '5s', 'null')
    >>> spelled({"elevated": None, "overloaded": {"enter": 10.0, "leave": 4.0}})
    '{overloaded: {enter: 10, leave: 4}}'
    """
    return (
        yaml.safe_dump(_plain(value), default_flow_style=True, width=1000, sort_keys=False)
        .removesuffix("...\n")
        .strip()
    )


def _plain(value: Any) -> Any:
    """Without levels that are none, and whole numbers as such."""
    if isinstance(value, dict):
        return {name: _plain(one) for name, one in value.items() if one is not None}
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _is_model(hint: Any) -> bool:
    return isinstance(hint, type) and issubclass(hint, BaseModel)


def unknown_variables(environment: Mapping[str, str], names: Iterable[str]) -> list[str]:
    """The variables that look like settings and are none.

    Left alone are those of the tests, and those that Kubernetes and Docker set in every container
    for a service whose name begins like ours. Capitals do not matter, as for settings themselves.

    >>> unknown_variables({"ALARM_FATIGUE_WEB_PORT": "1", "ALARM_FATIGUE_PORT": "tcp://10.0.0.1:80",
    ...     "ALARM_FATIGUE_SERVICE_HOST": "10.0.0.1", "ALARM_FATIGUE_WEB": "{}"}, ["web.port"])
    ['ALARM_FATIGUE_WEB_PORT']
    """
    known = {variable(name) for name in names}
    groups = {one.rpartition(LEVEL)[0] for one in known}
    groups |= {one.rpartition(LEVEL)[0] for one in groups} - {""}
    found = []
    for name, value in environment.items():
        capital = name.upper()
        if not capital.startswith(PREFIX) or capital.startswith(OF_TESTS):
            continue
        if _OF_ORCHESTRATORS.search(capital):
            continue
        if capital.endswith("_PORT") and _ADDRESS.match(value):
            continue
        # what is below a setting or a group is looked at when it is read
        above = capital
        while LEVEL in above and above not in known | groups:
            above = above.rpartition(LEVEL)[0]
        if above not in known | groups:
            found.append(name)
    return sorted(found)


def nearest(word: str, known: Iterable[str]) -> str:
    """What a mistyped name may have meant, as the end of a sentence; empty if nothing is like it.

    >>> nearest("brokr", ["broker", "group"]), nearest("zzz", ["broker"])
    ('; did you mean broker?', '')
    """
    folded = {_folded(one): one for one in known}
    found = get_close_matches(_folded(word), folded, n=1, cutoff=0.6)
    return f"; did you mean {folded[found[0]]}?" if found else ""


def _folded(name: str) -> str:
    return re.sub(r"[-_.]+", "_", name.lower()).removeprefix(PREFIX.lower())


def documentation(of: type[Any]) -> dict[str, str]:
    """The text below each field of a dataclass.

    >>> from analyzer.model import Policy
    >>> documentation(Policy)["min_classified"]
    'With fewer classified alarms than this, a ratio is absent (our own).'
    """
    (tree,) = ast.parse(inspect.getsource(of)).body
    assert isinstance(tree, ast.ClassDef)
    found: dict[str, str] = {}
    for field, text in zip(tree.body, tree.body[1:], strict=False):
        if (
            isinstance(field, ast.AnnAssign)
            and isinstance(field.target, ast.Name)
            and isinstance(text, ast.Expr)
        ):
            assert isinstance(text.value, ast.Constant)
            found[field.target.id] = " ".join(str(text.value.value).split())
    return found
