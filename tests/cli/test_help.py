"""The help of each command: groups that hold, examples that work as they are typed."""

from __future__ import annotations

import shlex

import pytest
import typer

from microgen.cli import app
from microgen.cli.commands import NAMES
from microgen.cli.help import EXAMPLES, GROUPS
from microgen.projects import PROJECTS

COMMANDS = {name: typer.main.get_command(app).commands[name] for name in NAMES}


def test_every_grouped_parameter_is_one_of_a_command():
    known = {p.name for command in COMMANDS.values() for p in command.params}
    grouped = [name for names in GROUPS.values() for name in names]
    assert len(grouped) == len(set(grouped)) and known.issuperset(grouped)


@pytest.mark.parametrize("example", [e for examples in EXAMPLES.values() for e in examples])
def test_examples_are_parsed(example):
    program, name, *arguments = shlex.split(example.partition(" > ")[0])
    assert program == "microgen" and example in EXAMPLES[name]
    context = COMMANDS[name].make_context(name, arguments)
    assert not context.args


@pytest.mark.parametrize("name", NAMES)
def test_every_option_is_shown_once_and_kinds_are_words(name):
    command = COMMANDS[name]
    text = command.get_help(typer.Context(command, info_name=name, terminal_width=80))
    assert all(len(line) <= 80 for line in text.splitlines()) and "<" not in text.split("Examples")[0]
    for parameter in command.params:
        shown = (
            parameter.opts[0]
            if parameter.param_type_name == "option"
            else str(parameter.name).upper() + "..." * (parameter.nargs != 1)
        )
        heads = [line.strip() for line in text.splitlines() if line.startswith("  ") and line.strip()]
        assert any(shown in line.split("  ")[0].replace(",", "").split() for line in heads), shown


def test_build_names_every_kind_of_project():
    (option,) = (p for p in COMMANDS["build"].params if p.name == "project")
    assert option.help.rstrip(".").rpartition(": ")[2].split(", ") == list(PROJECTS.names)
