"""How long microgen's commands take to start, and cheap ones to end."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from .measure import Row, take_turns
from .models import Model

_BIN = str(Path(sys.executable).parent / "microgen")


def rows(models: Sequence[Model], runs: int) -> list[Row]:
    """Time `--help` of every command, and the commands that ask little."""
    asked: dict[str, list[str]] = {"python -c pass (for comparison)": [sys.executable, "-c", "pass"]}
    asked["microgen --help"] = [_BIN, "--help"]
    asked["microgen --version"] = [_BIN, "--version"]
    for name in command_names():
        asked[f"microgen {name} --help"] = [_BIN, name, "--help"]
    for command in (["boards"], ["boards", "esp32"], ["recipes"], ["doctor"]):
        asked[f"microgen {' '.join(command)}"] = [_BIN, *command]
    if models:
        asked["microgen inspect MODEL"] = [_BIN, "inspect", str(models[-1].tflite)]
        asked["microgen inspect MODEL --board esp32"] = [_BIN, "inspect", str(models[-1].tflite), "--board", "esp32"]
    commands = {name: (lambda _, argv=argv: argv) for name, argv in asked.items()}
    return take_turns("start", "a command", commands, runs, {})


def command_names() -> list[str]:
    """Return the names of microgen's commands."""
    import typer.main

    from microgen.cli import app

    return sorted(typer.main.get_command(app).commands)
