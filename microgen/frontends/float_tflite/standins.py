"""Operators that ai-edge-quantizer leaves in float32, although integers can compute them: LSTM, ABS, tables, ...

While the model is quantized, another operator stands in for each of them, one whose input and output the quantizer
gives scales of their own. The ranges come from the real model. Afterwards the real operator takes its place in int8.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from ..rewriting.graph import Graph, Object
from ..rewriting.rules import remove_unused
from .regions import Region, evaluate, regions

Array: TypeAlias = npt.NDArray[Any]
Ranges: TypeAlias = dict[str, dict[str, Array]]

_STANDIN, _LSTM_STANDIN = "GELU", "FULLY_CONNECTED"
_BYTES = np.arange(-128, 128)
_TOLERANCE = 1e-4  # of the largest value that a part has on the data
# Positions of the inputs of UNIDIRECTIONAL_SEQUENCE_LSTM.
_WEIGHTS, _RECURRENT, _BIASES, _HIDDEN, _CELL, _INPUTS = 1, 5, 12, 18, 19, 24
_LEFT_OUT = (9, 10, 11, 16, 17, 20, 21, 22, 23)  # peepholes, projection, layer normalization
_INTERMEDIATES = 5
# LiteRT's kernel takes powers of two for the cell's scale, and has no tanh for one below 2^-15.
_FINEST = 2.0**-15


@dataclass
class Hidden:
    """An operator behind a stand-in.

    Attributes:
        source, target: the names of its tensors.
        op: the operator itself; None for a part that becomes a table.
        region: the part.
        cell: the largest value that the cell of an LSTM has on the data, without sign.
    """

    source: str
    target: str
    op: Object | None = None
    region: Region | None = None
    cell: float = 0.0


class Standins:
    """The stand-ins of one model."""

    def __init__(self, model: bytes, bits: int) -> None:
        """Find what ai-edge-quantizer would leave in float32.

        Args:
            model: the float .tflite.
            bits: of activations; with 16, only LEAKY_RELU gets a stand-in.
        """
        self._model, self._graph = model, Graph(model)
        graph = self._graph
        self._hidden: list[Hidden] = []
        found: list[tuple[int, int, Object | None, Region | None]] = []
        parts = regions(graph) if bits == 8 else []
        alone = {id(part.operators[0]) for part in parts if len(part.operators) == 1}
        parts = [part for part in parts if graph.name(part.operators[-1]) != "ABS" or len(part.operators) > 1]
        inside = {id(op) for part in parts for op in part.operators}
        found += [(part.source, part.target, None, part) for part in parts]
        for op in graph.operators:
            is_lstm = bits == 8 and _is_plain_lstm(graph, op)
            is_kept = graph.name(op) == "LEAKY_RELU" and id(op) not in inside
            if is_lstm or is_kept or (graph.name(op) == "ABS" and id(op) in alone):
                found.append((graph.inputs(op)[0], graph.outputs(op)[0], op, None))
        for source, target, operator, region in found:
            self._hidden.append(Hidden(graph.label(source), graph.label(target), operator, region))

    def __bool__(self) -> bool:
        """Return whether there are any."""
        return bool(self._hidden)

    @property
    def has_state(self) -> bool:
        """Whether a sample leaves something behind that must be reset."""
        return any(self._is_lstm(hidden) for hidden in self._hidden)

    def model(self) -> bytes:
        """Return the model with the stand-ins, which has the same tensors."""
        graph = Graph(self._model)
        number = {graph.label(i): i for i in range(len(graph.main.tensors))}
        for hidden in self._hidden:
            source, target = number[hidden.source], number[hidden.target]
            last = graph.producer(target)
            assert last is not None
            graph.replace(last, [self._standin(graph, hidden, source, target)])
        remove_unused(graph)
        return graph.pack()

    def _standin(self, graph: Graph, hidden: Hidden, source: int, target: int) -> Object:
        if not self._is_lstm(hidden):
            return graph.operator(_STANDIN, [source], [target], graph.schema.GeluOptionsT())
        # The quantizer prepares the model, so the shapes must go together.
        assert hidden.op is not None
        options = graph.schema.FullyConnectedOptionsT()
        options.keepNumDims = True
        weights = graph.add_constant(
            f"{hidden.target}/standin", _constant(self._graph, self._graph.inputs(hidden.op)[1])
        )
        return graph.operator(_LSTM_STANDIN, [source, weights, -1], [target], options, 5)

    def _is_lstm(self, hidden: Hidden) -> bool:
        return hidden.op is not None and self._graph.name(hidden.op) == "UNIDIRECTIONAL_SEQUENCE_LSTM"

    def measure(self, data: Sequence[Array], ranges: Ranges) -> None:
        """Add the ranges that are not known yet, on the real model: each sample begins with a fresh state.

        Args:
            data: the representative dataset, one array per input, samples first.
            ranges: of tensors by name, none for a model with state; the smallest and the largest value.

        Raises:
            RuntimeError: a part computes something else than its table would hold.
        """
        from ...workers.litert import Interpreter

        graph, interpreter = self._graph, Interpreter(self._model, keep_all=True)
        computed = {i for op in graph.operators for i in graph.outputs(op)} | {int(i) for i in graph.main.inputs}
        number = {graph.label(i): i for i in sorted(computed) if graph.dtype(i) == "float32"}
        wanted = [name for name in number if name not in ranges] if self.has_state else []
        wanted = list(dict.fromkeys([*wanted, *(name for h in self._hidden for name in (h.source, h.target))]))
        seen = {name: (math.inf, -math.inf) for name in wanted}
        for sample in range(len(data[0])):
            interpreter.infer([np.ascontiguousarray(a[sample : sample + 1]) for a in data])
            values = {name: interpreter.tensor(number[name]) for name in wanted}
            for name, (low, high) in seen.items():
                seen[name] = (min(low, float(values[name].min())), max(high, float(values[name].max())))
            for hidden in self._hidden:
                if hidden.region is not None:
                    _check(graph, hidden, values)
                elif hidden.op is not None and self._is_lstm(hidden):
                    hidden.cell = max(hidden.cell, _largest_cell(graph, hidden.op, values[hidden.source]))
        for name, (low, high) in seen.items():
            shape = [1] * len(graph.shape(number[name]))
            limits = {"min": np.full(shape, low, np.float32), "max": np.full(shape, high, np.float32)}
            ranges.setdefault(name, limits)

    def restored(self, quantized: bytes) -> bytes:
        """Return the quantized model with the real operators in the places of the stand-ins."""
        graph = Graph(quantized)
        by_target = {hidden.target: hidden for hidden in self._hidden}
        for op in graph.operators:
            hidden = by_target.get(graph.label(graph.outputs(op)[0])) if graph.outputs(op) else None
            if hidden is None or graph.name(op) not in (_STANDIN, _LSTM_STANDIN):
                continue
            if hidden.region is not None:
                graph.replace(op, self._table(graph, op, hidden.region))
            elif hidden.op is not None and self._is_lstm(hidden):
                graph.replace(op, [self._lstm(graph, op, hidden.op, hidden.cell)])
            elif hidden.op is not None:
                name, options = self._graph.name(hidden.op), hidden.op.builtinOptions
                graph.replace(op, [graph.operator(name, graph.inputs(op), graph.outputs(op), options, 2)])
        graph.drop_tensors()
        return graph.pack()

    def _table(self, graph: Graph, op: Object, region: Region) -> list[Object]:
        """Return a table of 256 bytes as operators that exist: CAST to an index, ADD 128, GATHER."""
        (source,), (target,) = graph.inputs(op), graph.outputs(op)
        (scale_in, zero_in), (scale_out, zero_out) = (_quantization(graph, i) for i in (source, target))
        values = evaluate(self._graph, region, (_BYTES - zero_in) * scale_in)
        # A number that the function does not have (the logarithm of a negative one) does not occur in the data.
        steps = np.nan_to_num(values / scale_out, nan=0.0, posinf=1e9, neginf=-1e9)
        rounded = np.copysign(np.floor(np.abs(steps) + 0.5), steps) + zero_out
        label = graph.label(target)
        table = graph.add_constant(f"{label}/table", np.clip(rounded, -128, 127).astype(np.int8))
        graph.main.tensors[table].quantization = graph.main.tensors[target].quantization
        offset = graph.add_constant(f"{label}/offset", np.array(128, np.int32))
        signed, index = (_int32(graph, f"{label}/{what}", graph.shape(source)) for what in ("byte", "index"))
        schema = graph.schema
        cast = schema.CastOptionsT()
        cast.inDataType, cast.outDataType = schema.TensorType.INT8, schema.TensorType.INT32
        return [
            graph.operator("CAST", [source], [signed], cast),
            graph.operator("ADD", [signed, offset], [index], schema.AddOptionsT()),
            graph.operator("GATHER", [table, index], [target], schema.GatherOptionsT(), 2),
        ]

    def _lstm(self, graph: Graph, op: Object, real: Object, largest: float) -> Object:
        source, (target,) = graph.inputs(op)[0], graph.outputs(op)
        label, positions = graph.label(target), self._graph.inputs(real)
        scales = {0: _quantization(graph, source)[0], 1: _quantization(graph, target)[0]}
        inputs = [-1] * _INPUTS
        inputs[0] = source
        for first, scale in ((_WEIGHTS, scales[0]), (_RECURRENT, scales[1])):
            for k in range(first, first + 4):
                weights = _constant(self._graph, positions[k])
                step = max(float(np.abs(weights).max()), 1e-9) / 127
                inputs[k] = _quantized(graph, f"{label}/weights{k}", np.rint(weights / step).astype(np.int8), step)
                if first == _WEIGHTS:
                    bias, unit = _constant(self._graph, positions[_BIASES + k - first]), scale * step
                    rounded = np.clip(np.rint(bias / unit), -(2**31) + 1, 2**31 - 1).astype(np.int32)
                    inputs[_BIASES + k - first] = _quantized(graph, f"{label}/bias{k}", rounded, unit)
        units = self._graph.shape(positions[_HIDDEN])
        inputs[_HIDDEN] = graph.add_tensor(f"{label}/hidden", target, units)
        inputs[_CELL] = graph.add_tensor(f"{label}/cell", target, units)
        cell = graph.main.tensors[inputs[_CELL]]
        cell.type = graph.schema.TensorType.INT16
        power = 2.0 ** math.ceil(math.log2(max(largest, 2.0**-20))) / 32768
        cell.quantization = _parameters(graph, max(power, _FINEST))
        for k in (_HIDDEN, _CELL):
            graph.main.tensors[inputs[k]].isVariable = True
        options = graph.schema.UnidirectionalSequenceLSTMOptionsT()
        for field in ("fusedActivationFunction", "cellClip", "timeMajor"):
            setattr(options, field, getattr(real.builtinOptions, field))
        made = graph.operator("UNIDIRECTIONAL_SEQUENCE_LSTM", inputs, [target], options)
        # LiteRT asks for them; of a plain layer it reads the last alone, whose scale is the hidden state's.
        made.intermediates = [graph.add_tensor(f"{label}/between{k}", target, [0]) for k in range(_INTERMEDIATES)]
        for tensor in made.intermediates[:-1]:
            graph.main.tensors[tensor].type = graph.schema.TensorType.FLOAT32
            graph.main.tensors[tensor].quantization = None
        return made


def _is_plain_lstm(graph: Graph, op: Object) -> bool:
    """Return whether an operator is an LSTM of one sample with constant weights, without any addition."""
    if graph.name(op) != "UNIDIRECTIONAL_SEQUENCE_LSTM":
        return False
    inputs = graph.inputs(op)
    needed = [*range(_WEIGHTS, _WEIGHTS + 8), *range(_BIASES, _BIASES + 4)]
    return (
        len(inputs) >= _CELL + 1
        and all(inputs[k] < 0 for k in _LEFT_OUT if k < len(inputs))
        and all(inputs[k] >= 0 and graph.constant(inputs[k]) is not None for k in needed)
        and op.builtinOptions.fusedActivationFunction == 4
        and graph.shape(inputs[_HIDDEN])[0] == 1
    )


def _largest_cell(graph: Graph, op: Object, x: Array) -> float:
    """Return the largest value that the cell of an LSTM has over the steps of one sample, without sign."""
    positions = graph.inputs(op)
    matrix, recurrent, bias = (
        np.concatenate([_constant(graph, positions[k]) for k in range(first, first + 4)]).astype(np.float64)
        for first in (_WEIGHTS, _RECURRENT, _BIASES)
    )
    clip = float(op.builtinOptions.cellClip) or math.inf
    hidden = np.zeros(recurrent.shape[1])
    cell, largest = np.zeros_like(hidden), 0.0
    for step in x.reshape(-1, matrix.shape[1]).astype(np.float64) @ matrix.T + bias:
        write, keep, new, show = np.split(step + recurrent @ hidden, 4)
        cell = np.clip(cell / (1 + np.exp(-keep)) + np.tanh(new) / (1 + np.exp(-write)), -clip, clip)
        hidden = np.tanh(cell) / (1 + np.exp(-show))
        largest = max(largest, float(np.abs(cell).max()))
    return largest


def _check(graph: Graph, hidden: Hidden, values: Mapping[str, Array]) -> None:
    assert hidden.region is not None
    wanted = values[hidden.target].astype(np.float64)
    got = evaluate(graph, hidden.region, values[hidden.source])
    if not np.allclose(got, wanted, rtol=0, atol=_TOLERANCE * max(1e-6, float(np.abs(wanted).max()))):
        raise RuntimeError(f"'{hidden.target}' is no function of each element of '{hidden.source}'")


def _constant(graph: Graph, tensor: int) -> Array:
    values = graph.constant(tensor)
    assert values is not None
    return values


def _parameters(graph: Graph, scale: float) -> Any:  # noqa: ANN401 - of the schema
    parameters = graph.schema.QuantizationParametersT()
    parameters.scale, parameters.zeroPoint = [scale], [0]
    return parameters


def _quantized(graph: Graph, name: str, values: Array, scale: float) -> int:
    tensor = graph.add_constant(name, values)
    graph.main.tensors[tensor].quantization = _parameters(graph, scale)
    return tensor


def _int32(graph: Graph, name: str, shape: Sequence[int]) -> int:
    entry = graph.schema.TensorT()
    entry.name, entry.type, entry.shape = name, graph.schema.TensorType.INT32, list(shape)
    graph.main.tensors.append(entry)
    return len(graph.main.tensors) - 1


def _quantization(graph: Graph, tensor: int) -> tuple[float, int]:
    parameters = graph.main.tensors[tensor].quantization
    return float(parameters.scale[0]), int(parameters.zeroPoint[0])
