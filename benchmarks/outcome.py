"""What each tool's product is worth: does it compile, run in TFLM, register the right operators, reserve enough?"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .measure import CommandFailed, run
from .models import Model
from .tools import Outcome, Tool


def outcomes(models: Sequence[Model], tools: Sequence[Tool]) -> list[dict[str, Any]]:
    """Let each tool do each model that it reads once, and look at what came out; a refusal is in the tool's words."""
    found = []
    for model in models:
        for tool in (t for t in tools if t.reads(model)):
            with tempfile.TemporaryDirectory() as folder:
                found.append({"model": model.name, "tool": tool.name, **vars(_one(tool, model, Path(folder)))})
    return found


def _one(tool: Tool, model: Model, folder: Path) -> Outcome:
    try:
        *_, said = run(tool.command(model, folder), folder)
    except CommandFailed as error:
        return Outcome(f"nothing: {error}", check="-")
    return tool.examine(model, folder, said)
