"""mcufit: does a .tflite fit on a board? It makes nothing; its arena figure is compared."""

from __future__ import annotations

import json
from pathlib import Path

from .. import peers
from ..models import Model
from .tool import BOARD, Outcome, Tool, arena


def _command(model: Model, folder: Path) -> list[str]:
    return [str(peers.BIN / "mcufit"), "check", str(model.tflite), "--board", BOARD, "--json"]


def _examine(model: Model, folder: Path, said: str) -> Outcome:
    estimate = json.loads(said[said.index("{") :])["estimate"]
    origin = f"{estimate['method']}: {estimate.get('caveat') or 'no caveat'}"
    return Outcome("a report", arena=f"{arena(model.tflite, int(estimate['total_arena_bytes']))} ({origin})")


TOOL = Tool("mcufit check", ("mcufit==0.5.2",), ("tflite",), _command, _examine, "an estimate, or TFLM in node.js")
