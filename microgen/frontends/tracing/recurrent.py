"""LSTM layers as one UNIDIRECTIONAL_SEQUENCE_LSTM each, instead of the operators of all steps. Runs in a worker.

litert-torch writes out each step of a recurrent layer. An LSTM is therefore converted as a STABLEHLO_COMPOSITE, which
litert-torch passes through, and which is replaced afterwards. LSTMs in both directions, with projections, with a start
that is not 0, or whose cell state is read stay as they are; for GRU and RNN, see `stepping`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from ..rewriting.graph import Graph, Object

_NAME = "microgen.lstm"
_TANH = 4  # ActivationFunctionType of the schema
_GATES = 4
# Operators that litert-torch writes for one step of a layer in one direction.
UNROLLED = {"gru": 19, "lstm": 17, "rnn_tanh": 4, "rnn_relu": 4}


@dataclass(frozen=True)
class _Layer:
    """The weights of one layer, gates in the order input, forget, cell, output.

    Attributes:
        matrix: [4 * units, depth].
        recurrent: [4 * units, units].
        bias: [4 * units].
    """

    matrix: npt.NDArray[np.float32]
    recurrent: npt.NDArray[np.float32]
    bias: npt.NDArray[np.float32]


class Lstm(torch.nn.Module):
    """A call of `aten.lstm.input`; as a composite while `fused` runs, if one operator computes the same.

    Attributes:
        operators: about how many all of its steps are, known after it ran once.
    """

    def __init__(self) -> None:
        super().__init__()
        self._layers: list[_Layer] = []
        self._first: int | None = None
        self.operators = 0

    def forward(
        self,
        x: torch.Tensor,
        state: Sequence[torch.Tensor],
        weights: Sequence[torch.Tensor],
        has_biases: bool,
        layers: int,
        dropout: float,
        train: bool,
        both: bool,
        batch_first: bool,
    ) -> Any:  # noqa: ANN401 - what aten.lstm.input returns
        """Return the outputs of all steps, the last hidden state and the last cell state of each layer."""
        if self._first is not None:
            return self._composite(x, batch_first)
        result = torch.ops.aten.lstm.input(
            x, list(state), list(weights), has_biases, layers, dropout, train, both, batch_first
        )
        if not torch.compiler.is_compiling():
            count = _GATES if has_biases else 2
            self.operators = UNROLLED["lstm"] * x.shape[1 if batch_first else 0] * layers * (2 if both else 1)
            plain = not both and len(weights) == count * layers and all(not bool(s.any()) for s in state)
            self._layers = [_layer(weights[k : k + count]) for k in range(0, len(weights), count)] if plain else []
        return result

    def _composite(self, x: torch.Tensor, batch_first: bool) -> Any:  # noqa: ANN401
        from litert_torch.hlfb import StableHLOCompositeBuilder

        x = x if batch_first else x.movedim(1, 0)
        last = []
        for k, layer in enumerate(self._layers):
            builder = StableHLOCompositeBuilder(f"{_NAME}{(self._first or 0) + k}")
            inner = builder.mark_inputs(x)
            # A composite needs a body; this one has the right shape, and nobody runs it.
            x = builder.mark_outputs(inner.mean(-1, keepdim=True).repeat(1, 1, layer.recurrent.shape[1]))
            last.append(x[:, -1])
        hidden = torch.stack(last)
        return x if batch_first else x.movedim(0, 1), hidden, torch.full_like(hidden, float("nan"))


def is_fused(module: torch.nn.Module) -> bool:
    """Return whether a call that has run once can be one operator for each layer."""
    return any(isinstance(part, Lstm) and part._layers for part in module.modules())


def _layer(weights: Sequence[torch.Tensor]) -> _Layer:
    matrix, recurrent, *biases = (w.detach().numpy().copy() for w in weights)
    return _Layer(matrix, recurrent, sum(biases) if biases else np.zeros(len(matrix), np.float32))


@contextmanager
def fused(parts: Iterable[torch.nn.Module]) -> Iterator[list[_Layer]]:
    """Let LSTMs be converted as composites, and give the layers in the order of their numbers.

    Args:
        parts: modules that have run once and hold the LSTMs concerned, those whose cell state nobody reads.
    """
    found = [part for module in parts for part in module.modules() if isinstance(part, Lstm)]
    layers: list[_Layer] = []
    try:
        for lstm in found:
            lstm._first = len(layers) if lstm._layers else None
            layers += lstm._layers
        yield layers
    finally:
        for lstm in found:
            lstm._first = None


def with_operators(tflite: bytes, layers: Sequence[_Layer]) -> bytes:
    """Return a model with UNIDIRECTIONAL_SEQUENCE_LSTM in the place of composites."""
    if not layers:
        return tflite
    graph = Graph(tflite)
    for op in graph.operators:
        options = op.builtinOptions2
        if graph.name(op) != "STABLEHLO_COMPOSITE" or options is None:
            continue
        name = options.name.decode() if isinstance(options.name, bytes) else str(options.name)
        if name.startswith(_NAME):
            graph.replace(op, [_operator(graph, op, layers[int(name[len(_NAME) :])])])
    graph.drop_subgraphs()
    graph.drop_tensors()
    return graph.pack()


def _operator(graph: Graph, op: Object, layer: _Layer) -> Object:
    (source,), (target,) = graph.inputs(op), graph.outputs(op)
    label, units = graph.label(target), layer.recurrent.shape[1]
    parts = [
        [graph.add_constant(f"{label}/{what}{k}", part) for k, part in enumerate(np.split(values, _GATES))]
        for what, values in (("weights", layer.matrix), ("recurrent", layer.recurrent), ("bias", layer.bias))
    ]
    states = []
    for what in ("hidden", "cell"):
        state = graph.add_tensor(f"{label}/{what}", target, [1, units])
        graph.main.tensors[state].isVariable = True
        states.append(state)
    options = graph.schema.UnidirectionalSequenceLSTMOptionsT()
    options.fusedActivationFunction = _TANH
    inputs = [source, *parts[0], *parts[1], -1, -1, -1, *parts[2], -1, -1, *states, -1, -1, -1, -1]
    return graph.operator("UNIDIRECTIONAL_SEQUENCE_LSTM", inputs, [target], options)
