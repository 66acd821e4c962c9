"""Commands that are imported when they are called, so that the command line starts at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, MutableMapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup


@dataclass(frozen=True, slots=True)
class Later:
    """Where a command is (`module:name`, a function or a Typer), and its line in the list of
    commands: the first paragraph of its own help.
    """

    place: str
    summary: str

    def load(self, name: str) -> Any:
        """The command, imported."""
        module, _, attribute = self.place.partition(":")
        found = getattr(import_module(module), attribute)
        parent = typer.Typer(add_completion=False, callback=_nothing)
        if isinstance(found, typer.Typer):
            parent.add_typer(found, name=name)
        else:
            parent.command(name)(found)
        group: Any = typer.main.get_command(parent)
        return group.commands[name]


def _nothing() -> None:
    """A Typer with a callback is a group, also of one command."""


class Commands(MutableMapping[str, Any]):
    """Commands by name; what is looked up is imported."""

    def __init__(self, known: Mapping[str, Any], later: Mapping[str, Later]) -> None:
        self.later = later
        self._known = {name: known.get(name) for name in [*later, *known]}

    def __getitem__(self, name: str) -> Any:
        if self._known[name] is None:
            self._known[name] = self.later[name].load(name)
        return self._known[name]

    def __setitem__(self, name: str, command: Any) -> None:
        self._known[name] = command

    def __delitem__(self, name: str) -> None:
        del self._known[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._known)

    def __len__(self) -> int:
        return len(self._known)


def lazily(later: Mapping[str, Later]) -> type[TyperGroup]:
    """The `cls` of a Typer that has these commands beside its own."""

    class Group(TyperGroup):
        def __init__(self, *, commands: Any = None, **attributes: Any) -> None:
            super().__init__(commands=commands, **attributes)
            self.commands = Commands(dict(self.commands), later)

        def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002  # as Typer calls it
            return list(self.commands)

        def get_command(self, ctx: Any, cmd_name: str) -> Any:
            """The command for the list of --help, which needs only a name and a summary."""
            if cmd_name in later:
                return TyperCommand(cmd_name, help=later[cmd_name].summary)
            return super().get_command(ctx, cmd_name)

        def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
            name, command, rest = super().resolve_command(ctx, args)
            return name, self.commands[name] if name and name in later else command, rest

    return Group
