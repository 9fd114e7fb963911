"""The table of commands. A command's module is imported when the command is asked for, by a user or by the help."""

from __future__ import annotations

import importlib
import inspect
from collections import UserDict
from collections.abc import Callable
from typing import Any

import typer
from typer.core import TyperGroup

from .help import HelpCommand

# In the order of `microgen --help`. The command NAME is the function NAME of the file NAME.py.
NAMES = (
    "build",
    "quantize",
    "train",
    "recipes",
    "inspect",
    "boards",
    "verify",
    "bench",
    "selftest",
    "tune",
    "simulate",
    "flash",
    "monitor",
    "doctor",
    "compress",
    "sweep",
    "merge",
)
_Command = Any  # typer has no public type of a command, nor of what formats help


class _Commands(UserDict[str, _Command]):
    """Commands by name: those of NAMES, made when they are first asked for, and what a program adds."""

    def __init__(self, added: dict[str, _Command]) -> None:
        super().__init__({**dict.fromkeys(NAMES), **added})

    def __getitem__(self, name: str) -> _Command:
        if self.data[name] is None:
            alone = typer.Typer(add_completion=False, rich_markup_mode=None)
            alone.command(name, cls=HelpCommand)(_function(name))
            self.data[name] = typer.main.get_command(alone)
        return self.data[name]

    def summary(self, name: str) -> str:
        """Return what a command does, in one sentence, without making it: that takes longer than its import."""
        known = self.data[name]
        text = known.help if known is not None else inspect.getdoc(_function(name))
        return (text or "").partition("\n\n")[0].replace("\n", " ")


class CommandGroup(TyperGroup):
    """The program's commands, imported late."""

    def __init__(self, *, commands: dict[str, _Command] | None = None, **attributes: Any) -> None:  # noqa: ANN401
        super().__init__(**attributes)
        self._known = _Commands(dict(commands or {}))
        self.commands = self._known

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:  # noqa: ANN401
        """Parse the program's own options; without arguments, print the help as the answer to a bad command line."""
        if not args and not ctx.resilient_parsing:
            typer.echo(ctx.get_help())
            raise typer.Exit(2)
        rest: list[str] = super().parse_args(ctx, args)
        return rest

    def format_commands(self, ctx: Any, formatter: Any) -> None:  # noqa: ANN401
        """Write the list of commands, each with its whole summary."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, self._known.summary(name)) for name in self.list_commands(ctx)])


def _function(name: str) -> Callable[..., None]:
    function: Callable[..., None] = getattr(importlib.import_module(f".{name}", __package__), name)
    return function
