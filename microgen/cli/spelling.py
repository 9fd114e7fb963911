"""How the parameters and functions of the Python package are written on a command line; see `microgen.errors.spell`."""

from __future__ import annotations

from collections.abc import Sequence
from shlex import quote

from ..errors import Spelling

# The options whose name is not that of the parameter, and the functions that are a command and an option.
_OPTIONS = {
    "application_options": "application-option",
    "arena_bytes": "arena",
    "candidates": "try",
    "float_model": "float",
    "methods": "method",
    "other": "with",
    "project_kind": "project",
    "rate_hz": "rate",
    "value_range": "range",
}
_COMMANDS = {"build_all": ("build", "all_boards")}


class _Shell:
    def option(self, name: str, value: str | bool) -> str:
        flag = _OPTIONS.get(name, name).replace("_", "-")
        if isinstance(value, bool):
            return f"--{flag}" if value else f"--no-{flag}"
        return f"--{flag} {'none' if value == 'None' else value}".rstrip()

    def command(self, name: str, arguments: Sequence[str]) -> str:
        command, *switches = _COMMANDS.get(name, (name,))
        return " ".join(["microgen", command, *arguments, *(self.option(switch, True) for switch in switches)])


SHELL: Spelling = _Shell()


def command_line(command: str, *arguments: str, **options: str | bool) -> str:
    """Return a command as a user types it, quoted for a shell."""
    spelled = [SHELL.option(name, v if isinstance(v, bool) else quote(v)) for name, v in options.items()]
    return " ".join(["microgen", command, *map(quote, arguments), *spelled])
