"""Limits the time of an interpreter."""

from __future__ import annotations

from ..tflite import TfliteModel
from ..tflite.macs import model_macs

# An engine that takes longer counts as hung: seconds to start, and multiply-accumulates per second, a hundredth of the
# speed of reference kernels on a PC.
_START_S, _MACS_PER_S = 8.0, 2e6


def deadline(model: TfliteModel, samples: int) -> float:
    """Return the seconds after which an engine that runs a model on this many samples counts as hung."""
    # Operators without multiplications take time by their bytes.
    work = model_macs(model) + sum(t.bytes for g in model.subgraphs for t in g.tensors)
    return _START_S + samples * work / _MACS_PER_S
