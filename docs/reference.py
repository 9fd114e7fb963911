"""Writes commands.md from the command line and api.md from the docstrings: `make docs`."""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import typer

import microgen
from microgen.cli import app

HERE = Path(__file__).parent
_KINDS = {Path: "PATH", str: "TEXT", list[str]: "TEXT", int: "N", float: "X"}
_Parameter = Any  # typer has no public type of an option or argument


def commands() -> str:
    """Return the reference of the command line as Markdown."""
    group = typer.main.get_command(app)
    lines = [
        "# Commands",
        "",
        "Written by `docs/reference.py`. Exit codes: 0 done, 1 diverged, 2 bad input, 3 the machine lacks something.",
        "`--json` prints one JSON document on standard output; what is for people goes to standard error then.",
        "",
        "| command | |",
        "|---|---|",
        *(f"| [`{name}`](#{name}) | {_cell(c.help)} |" for name, c in group.commands.items()),
    ]
    for name, command in group.commands.items():
        taken = [p for p in command.params if p.param_type_name == "argument"]
        usage = " ".join(_value(p) if p.required else f"[{_value(p)}]" for p in taken)
        lines += [
            "",
            f"## {name}",
            "",
            command.help,
            "",
            "```text",
            f"usage: microgen {name} [OPTIONS] {usage}".strip(),
            "```",
            "",
        ]
        lines += ["| | default | |", "|---|---|---|"]
        lines += [f"| {_name(p)} | {_default(p)} | {_cell(p.help)} |" for p in command.params if p.name != "help"]
    return "\n".join(lines) + "\n"


def api() -> str:
    """Return the reference of the Python package as Markdown."""
    lines = [
        "# The Python package",
        "",
        "Written by `docs/reference.py` from the docstrings. [Use it from Python](python.md) is the guide.",
    ]
    found = {name: getattr(microgen, name) for name in microgen.__all__ if name != "__version__"}
    for title, wanted in (("Functions", inspect.isfunction), ("Classes", inspect.isclass)):
        lines += ["", f"## {title}"]
        for name, what in found.items():
            if wanted(what):
                lines += ["", f"### {name}", ""]
                if inspect.isfunction(what):
                    lines += ["```text", *_signature(name, what), "```", ""]
                lines += _docstring(inspect.getdoc(what) or "")
                if inspect.isclass(what) and _members(what):
                    lines += ["", "**Methods and properties**", "", *_members(what)]
    return "\n".join(lines) + "\n"


def _name(parameter: _Parameter) -> str:
    if parameter.param_type_name == "argument":
        return f"`{_value(parameter)}`"
    value = "" if parameter.is_flag else f" {_value(parameter)}"
    return ", ".join(f"`{name}{value}`" for name in (*parameter.opts, *parameter.secondary_opts))


def _value(parameter: _Parameter) -> str:
    """Return what stands for the value: its name for an argument, its kind for an option."""
    if parameter.metavar:
        return str(parameter.metavar)
    if parameter.param_type_name == "argument":
        return str(parameter.name).upper()
    return _KINDS[parameter.type_descriptor.annotation]


def _default(parameter: _Parameter) -> str:
    if parameter.required:
        return "required"
    default = parameter.default
    return "" if default is None or default is False or default == () else f"`{default}`"


def _cell(text: str | None) -> str:
    return (text or "").replace("|", "\\|").replace("\n", " ")


def _signature(name: str, function: Callable[..., object]) -> list[str]:
    """Return the call of a function, one parameter a line."""
    signature = inspect.signature(function)
    lines = [f"microgen.{name}("]
    kinds = [p.kind for p in signature.parameters.values()]
    for index, parameter in enumerate(signature.parameters.values()):
        if parameter.kind is parameter.KEYWORD_ONLY and parameter.KEYWORD_ONLY not in kinds[:index]:
            lines.append("    *,")
        star = "**" if parameter.kind is parameter.VAR_KEYWORD else ""
        default = parameter.default
        shown = "..." if callable(default) else repr(default)
        lines.append(
            f"    {star}{parameter.name}: {parameter.annotation}{'' if default is parameter.empty else f' = {shown}'},"
        )
    return [*lines, f") -> {signature.return_annotation}"]


def _members(what: type) -> list[str]:
    """Return a class's methods and properties, but for an error's, with the first line of what they say."""
    classes = [what] if issubclass(what, Exception) else [*reversed(what.__mro__)]
    classes = [c for c in classes if c.__module__.startswith("microgen")]
    found = {k: v for c in classes for k, v in vars(c).items() if not k.startswith("_")}
    return [
        f"- `{name}{'' if isinstance(value, property) else '()'}`: {inspect.getdoc(value).splitlines()[0]}"
        for name, value in found.items()
        if (inspect.isfunction(value) or isinstance(value, property)) and inspect.getdoc(value)
    ]


def _docstring(text: str) -> list[str]:
    """Return a docstring in Google's style as Markdown: its sections become lists."""
    lines: list[str] = []
    section = ""
    for line in text.splitlines():
        indent = len(line) - len(line.lstrip())
        if re.fullmatch(r"[A-Z][a-z]+:", line):
            section = line[:-1]
            lines += [f"**{section}**", ""]
        elif section and indent == 4 and (found := re.match(r"([\w, *]+): (.*)", line.strip())):
            lines.append(f"- `{found[1]}`: {found[2]}")
        elif section and line.strip():
            lines.append(f"  {line.strip()}" if lines[-1].startswith(("- ", "  ")) else line.strip())
        else:
            lines.append(line.strip())
    return lines


def main() -> None:
    """Write both pages into the folder that is given, or beside this file."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else HERE
    (folder / "commands.md").write_text(commands(), "utf-8")
    (folder / "api.md").write_text(api(), "utf-8")


if __name__ == "__main__":
    main()
