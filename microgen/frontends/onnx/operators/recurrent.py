"""Recurrent layers, whose gates torch has in another order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor as T

from .call import ACTIVATIONS, Call, op


def _gates(values: T, order: Sequence[int]) -> T:
    """Return the parts of a weight for the gates in another order."""
    if len(order) == 1:
        return values
    parts = values.chunk(len(order))
    return torch.cat([parts[k] for k in order])


@op("LSTM", "GRU", "RNN")
def _recurrent(call: Call, x: T, w: T, r: T, b: T | None = None, lengths: T | None = None, h0: T | None = None,
               c0: T | None = None, peepholes: T | None = None) -> Any:  # noqa: ANN401 # fmt: skip
    """A layer over all steps, shapes (steps, batch, values), in torch's own order of gates."""
    if call.get("layout", 0) or lengths is not None or peepholes is not None or call.get("clip"):
        call.refuse("has a batch in front, lengths, peepholes or a limit", "export a plain layer")
    hidden, both = call.get("hidden_size"), call.get("direction", "forward") == "bidirectional"
    usual = ACTIVATIONS[call.operator]
    activations = call.get("activations", usual[0])
    if call.get("direction", "forward") == "reverse" or activations not in [n * u for u in usual for n in (1, 2)]:
        call.refuse("runs backwards, or has other activations", "use a plain or bidirectional layer")
    if call.operator == "GRU" and not call.get("linear_before_reset", 0):
        call.refuse("resets before its product (linear_before_reset=0)", "export from PyTorch, which resets after it")
    order = {"LSTM": (0, 2, 3, 1), "GRU": (1, 0, 2), "RNN": (0,)}[call.operator]
    weights: list[T] = []
    for direction in range(w.shape[0]):
        weights += [_gates(w[direction], order), _gates(r[direction], order)]
        if b is not None:
            weights += [_gates(part, order) for part in b[direction].chunk(2)]
    directions = 2 if both else 1
    start = torch.zeros(directions, x.shape[1], hidden) if h0 is None else h0
    settings = (b is not None, 1, 0.0, False, both, False)
    if call.operator == "LSTM":
        cell = torch.zeros_like(start) if c0 is None else c0
        y, h, c = call.layer(x, [start, cell], weights, *settings)
    else:
        y, h = call.layer(x, start, weights, *settings)
    # ONNX has the directions as a dimension of their own, before the batch.
    y = y.reshape(y.shape[0], y.shape[1], directions, hidden).permute(0, 2, 1, 3)
    return (y, h, c) if call.operator == "LSTM" else (y, h)
