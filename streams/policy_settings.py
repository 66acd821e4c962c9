"""The policy as settings: pydantic validates the frozen dataclasses of `analyzer.model.policy`.

The policy is declared only there, and the dataclasses check which values are possible. This module
knows how users write the fields: durations as `15s`, windows as a list of durations, levels as
mappings.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from types import NoneType
from typing import Any, get_args, get_origin, get_type_hints

from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema
from pydantic_core import core_schema as cs

from analyzer.model import Action, Milliseconds
from streams.formats.times import parse_duration, show_duration


class Spelled:
    """Marks a settings field that is a dataclass: `Annotated[Policy, Spelled()]`."""

    def __get_pydantic_core_schema__(
        self,
        source: Any,
        handler: GetCoreSchemaHandler,  # passed by pydantic
    ) -> CoreSchema:
        shown = cs.plain_serializer_function_ser_schema(lambda value: spelled(value, source))
        return cs.chain_schema([_dataclass(source)], serialization=shown)


def spelled(value: Any, hint: Any) -> Any:
    """The `value` of a field with the type `hint`, as written in a settings file."""
    if value is None:
        return None
    if hint == Milliseconds:
        return show_duration(value)
    if get_origin(hint) is dict or get_origin(hint) is tuple:
        return list(value)
    if get_origin(hint) is Mapping or isinstance(value, Mapping):
        inner = get_args(hint)[1]
        return {name: spelled(one, inner) for name, one in value.items()}
    if dataclasses.is_dataclass(value):
        hints = get_type_hints(type(value), include_extras=True)
        return {
            one.name: spelled(getattr(value, one.name), hints[one.name])
            for one in dataclasses.fields(value)
        }
    return float(value) if hint is float else value


def _schema(hint: Any) -> CoreSchema:
    """How pydantic reads a field of the type `hint`."""
    if hint == Milliseconds:
        return cs.no_info_before_validator_function(parse_duration, cs.int_schema())
    if dataclasses.is_dataclass(hint):
        return _dataclass(hint)
    if NoneType in get_args(hint):
        (inner,) = (one for one in get_args(hint) if one is not NoneType)
        return cs.nullable_schema(_schema(inner))
    if get_origin(hint) is dict:
        window = cs.no_info_after_validator_function(_window, cs.str_schema())
        windows = cs.no_info_after_validator_function(dict, cs.list_schema(window))
        return _or_json(windows)
    if get_origin(hint) is tuple:
        actions = cs.list_schema(cs.literal_schema(list(get_args(Action))))
        return _or_json(
            cs.no_info_after_validator_function(lambda found: tuple(sorted(set(found))), actions)
        )
    if get_origin(hint) is Mapping:
        return _or_json(cs.dict_schema(cs.str_schema(), _schema(get_args(hint)[1])))
    return {int: cs.int_schema(), float: cs.float_schema()}[hint]


def _dataclass(of: Any) -> CoreSchema:
    """A dataclass from a mapping of its fields; fields that are not given keep their defaults."""
    hints = get_type_hints(of, include_extras=True)
    fields = {}
    for one in dataclasses.fields(of):
        schema, default = _schema(hints[one.name]), one.default
        if one.default_factory is not dataclasses.MISSING:
            default = one.default_factory()
        if default is not dataclasses.MISSING:
            default = spelled(default, hints[one.name])
            schema = cs.with_default_schema(schema, default=default, validate_default=True)
        fields[one.name] = cs.typed_dict_field(schema, required=default is dataclasses.MISSING)
    given = cs.no_info_after_validator_function(
        lambda found: of(**found), cs.typed_dict_schema(fields, extra_behavior="forbid")
    )
    instance = cs.no_info_before_validator_function(
        lambda value: spelled(value, of) if isinstance(value, of) else value, given
    )
    return _or_json(instance)


def _window(name: str) -> tuple[str, int]:
    """A window's name is its length."""
    return name, parse_duration(name)


def _or_json(schema: CoreSchema) -> CoreSchema:
    """Environment variables hold lists and mappings as JSON."""
    return cs.no_info_before_validator_function(_decoded, schema)


def _decoded(value: Any) -> Any:
    try:
        return json.loads(value) if isinstance(value, str) else value
    except ValueError:
        return value
