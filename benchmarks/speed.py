"""How long each tool takes for a model, from the command line to its last file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from .measure import Row, take_turns
from .models import Model
from .tools import Tool


def rows(models: Sequence[Model], tools: Sequence[Tool], runs: int) -> list[Row]:
    """Time all tools on the models; the quick way of microgen without verification stands beside its whole build."""
    found = []
    for model in models:
        able = {t.name: t for t in tools if t.reads(model)}
        commands = {name: _command(tool, model) for name, tool in able.items()}
        remarks = {name: tool.remark for name, tool in able.items()}
        ours = able.get("microgen build")
        if ours:
            name = f"{ours.name} --no-verify"
            commands[name] = lambda folder, ours=ours, model=model: [*ours.command(model, folder), "--no-verify"]
            remarks[name] = "arena measured, samples in LiteRT and TFLM, nothing compiled"
        found += take_turns("from a model to a project, or part of it", model.name, commands, runs, remarks)
    return found


def _command(tool: Tool, model: Model):
    def command(folder: Path) -> Sequence[str]:
        return tool.command(model, folder)

    return command
