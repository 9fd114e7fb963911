"""How long an interpreter may take."""

from __future__ import annotations

from ..tflite import TfliteModel
from ..tflite.macs import model_macs

# An engine that takes longer is hung: so long to start, and so many multiply-accumulates a second, a hundredth of what
# reference kernels do on a PC.
_START_S, _MACS_PER_S = 8.0, 2e6


def deadline(model: TfliteModel, samples: int) -> float:
    """Return after how many seconds an engine that runs a model on so many samples is hung."""
    # Operators without multiplications take time by their bytes.
    work = model_macs(model) + sum(t.bytes for g in model.subgraphs for t in g.tensors)
    return _START_S + samples * work / _MACS_PER_S
