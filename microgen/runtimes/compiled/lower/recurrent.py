"""Lowering of operators that keep state: resource variables, SVDF, LSTM."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ....tflite import Tensor
from ..arithmetic import quantize_multiplier, reduced
from ..steps import Alias, Gate, Lstm, Move, Nothing, Step, Svdf
from ..values import Int8, Int64, Loops, Part, Value
from .context import Context, Op

_PREACTIVATION, _ACTIVATION = 2.0**-12, 2.0**-15


# ---- resource variables


def var_handle(op: Op) -> Step:
    """VAR_HANDLE: the variable itself is found by its name where it is read or assigned."""
    return Nothing(index=op.op.index, name=op.name, inputs=(), outputs=())


def call_once(op: Op) -> Step:
    """CALL_ONCE: what its subgraph assigns is the start of the variables."""
    context = op.context
    graph = context.model.subgraphs[op.op.subgraphs[0]]
    names: dict[int, str] = {}
    for inner in graph.operators:
        if inner.name == "VAR_HANDLE":
            names[inner.outputs[0]] = inner.options.shared_name
        elif inner.name == "ASSIGN_VARIABLE" and graph.tensors[inner.inputs[1]].is_constant:
            t = graph.tensors[inner.inputs[1]]
            _variable(context, names[inner.inputs[0]], t)
            context.initial[context.variables[names[inner.inputs[0]]].index] = context.model.constant(t)
        else:
            op.refuse(f"{inner.name} in what it runs")
    return Nothing(index=op.op.index, name=op.name, inputs=(), outputs=())


def _variable(context: Context, name: str, like: Tensor) -> Value:
    if name not in context.variables:
        value = context.fresh(name, like.shape, like.dtype, persistent=True)
        context.variables[name] = value
        # TFLM fills the bytes of a variable with the zero point of what is first assigned.
        assigned = _first_assigned(context, name) or like
        byte = assigned.zero_point & 255
        context.initial[value.index] = np.frombuffer(bytes([byte]) * value.bytes, value.dtype).reshape(like.shape)
    return context.variables[name]


def _name(op: Op) -> str:
    """Return the name of the variable whose handle is the first input."""
    handle = op.op.inputs[0]
    for other in op.context.graph.operators:
        if other.name == "VAR_HANDLE" and handle in other.outputs:
            return other.options.shared_name
    return op.refuse("a variable without a handle in the same graph")


def _first_assigned(context: Context, name: str) -> Tensor | None:
    for op in context.graph.operators:
        if op.name == "ASSIGN_VARIABLE" and _name(Op(context, op)) == name:
            return context.tensor(op.inputs[1])
    return None


def read_variable(op: Op) -> Step:
    """READ_VARIABLE: a copy, until all steps are known."""
    variable = _variable(op.context, _name(op), op.output)
    base: dict[str, Any] = {
        "index": op.op.index,
        "name": op.name,
        "inputs": (variable,),
        "outputs": (op.output_value(),),
    }
    return _copy(base, variable)


def without_copies(steps: Sequence[Step], outputs: Sequence[Value]) -> tuple[Step, ...]:
    """Let what was read share the memory of its variable, if nothing uses it after the variable is assigned."""
    return tuple(
        Alias(index=step.index, name=step.name, inputs=step.inputs, outputs=step.outputs)
        if step.name == "READ_VARIABLE" and not _outlives(step, steps[k + 1 :], outputs)
        else step
        for k, step in enumerate(steps)
    )


def _outlives(read: Step, later: Sequence[Step], outputs: Sequence[Value]) -> bool:
    """Tell whether an output, or a step after the variable is assigned, uses what was read or shares its memory."""
    sharing, is_assigned = {read.output.index}, False
    for step in later:
        is_assigned |= read.input in step.outputs
        if sharing.isdisjoint(v.index for v in step.inputs):
            continue
        if is_assigned:
            return True
        if isinstance(step, Alias):
            sharing.add(step.output.index)
    return not sharing.isdisjoint(v.index for v in outputs)


def assign_variable(op: Op) -> Step:
    """ASSIGN_VARIABLE."""
    source = op.tensor(1)
    variable = _variable(op.context, _name(op), source)
    base: dict[str, Any] = {
        "index": op.op.index,
        "name": op.name,
        "inputs": (op.input_value(1),),
        "outputs": (variable,),
    }
    return _copy(base, variable)


def _copy(base: dict[str, Any], like: Value) -> Step:
    n = like.elements
    part = Part(0, 0, (0, 0), Loops((n,), ((1,), (1,))))
    return Move(**base, parts=(part,) if n else ())


# ---- SVDF


def svdf(op: Op) -> Step:
    """SVDF of int8 with a state and time weights of int16 or int8; TFLM applies no activation."""
    types = tuple(op.tensor(k).dtype for k in (0, 1, 2, 4))
    is_known = types[:2] == ("int8", "int8") and types[2] == types[3] and types[2] in ("int16", "int8")
    op.need(is_known and op.output.dtype == "int8", " x ".join(types))
    source, features, time, state = (op.tensor(k) for k in (0, 1, 2, 4))
    weights = op.constant(1, "its features").astype(np.int8)
    taps = op.constant(2, "its time weights").astype(np.int64)
    rank = op.options.rank
    op.need(rank > 0, f"a rank of {rank}")
    units = len(weights) // rank
    op.need(state.zero_point == 0, "a state with a zero point")
    batches, memory = source.shape[0], taps.shape[1]
    op.need(
        source.shape == (batches, weights.shape[1])
        and taps.shape == (len(weights), memory)
        and units * rank == len(weights)
        and state.elements == batches * len(weights) * memory
        and op.output.elements == batches * units,
        "tensors of these shapes",
    )
    bias = np.zeros(units, np.int64)
    if op.has(3):
        bias = op.constant(3, "its bias").reshape(-1).astype(np.int64)
        op.need(len(bias) == units, f"a bias of {len(bias)} for {units} units")
    base = op.base(0, 4)
    to_state = quantize_multiplier(source.scale * features.scale / state.scale)
    to_output = quantize_multiplier(state.scale * time.scale / op.output.scale)
    op.need(max(to_state[1], to_output[1]) <= 30, "these scales")
    return Svdf(
        **base,
        features=weights,
        time=taps,
        feature_bias=-source.zero_point * weights.astype(np.int64).sum(1),
        bias=bias,
        rank=rank,
        to_state=to_state,
        to_output=to_output,
    )


# ---- LSTM

_INPUT, _INPUT_WEIGHTS, _STATE_WEIGHTS, _BIASES, _HIDDEN, _CELL = 0, 1, 5, 12, 18, 19
_PRESENT = (0, 1, 2, 3, 4, 5, 6, 7, 8, 12, 13, 14, 15, 18, 19)


def lstm(op: Op) -> Step:
    """UNIDIRECTIONAL_SEQUENCE_LSTM of int8, or of int16 with a bias of int64."""
    present = tuple(k for k in range(len(op.op.inputs)) if op.has(k))
    op.need(present == _PRESENT, "peepholes, a projection, layer normalization or gates left out")
    source, hidden, cell = op.tensor(_INPUT), op.tensor(_HIDDEN), op.tensor(_CELL)
    types = tuple(t.dtype for t in (source, hidden, cell, op.output))
    op.need(types in (("int8", "int8", "int16", "int8"), ("int16",) * 4), " x ".join(types))
    op.need(source.dtype == "int8" or not (source.zero_point or hidden.zero_point), "a zero point with int16")
    op.need(op.op.activation == "TANH", f"the activation {op.op.activation or 'none'}")
    _need_shapes(op)
    base = op.base(_INPUT, _HIDDEN, _CELL)
    power = round(math.log2(cell.scale))
    shift = 15 + power - 3
    # A scale above the table's is multiplied up, one below it is shifted down.
    tanh = (3 << shift, 0) if shift >= 0 else (3, -shift)
    op.need(shift <= 15, "this scale of the cell state")
    clip = op.op.cell_clip
    quantized = int(min(clip / cell.scale, 32767.0)) if clip > 0 else 0

    def gate(k: int) -> Gate:
        return _gate(op, k, source, hidden)

    return Lstm(
        **base,
        gates=(gate(0), gate(1), gate(2), gate(3)),
        forget=quantize_multiplier(_ACTIVATION * cell.scale / cell.scale),
        update=quantize_multiplier(_ACTIVATION * _ACTIVATION / cell.scale),
        hidden=quantize_multiplier(_ACTIVATION * _ACTIVATION / hidden.scale),
        tanh=tanh,
        clip=quantized,
        time_major=op.op.time_major,
    )


def _need_shapes(op: Op) -> None:
    """Refuse tensors whose shapes do not go together."""
    source, hidden, output = op.tensor(_INPUT), op.tensor(_HIDDEN), op.output
    op.need(len(source.shape) == len(output.shape) == 3 and len(hidden.shape) == 2, "tensors of these shapes")
    units, depth = hidden.shape[1], source.shape[2]
    batches = source.shape[1 if op.op.time_major else 0]
    wanted: dict[int, tuple[int, ...]] = {_HIDDEN: (batches, units), _CELL: (batches, units)}
    for k in range(4):
        wanted |= {_INPUT_WEIGHTS + k: (units, depth), _STATE_WEIGHTS + k: (units, units), _BIASES + k: (units,)}
    op.need(all(op.tensor(k).shape == shape for k, shape in wanted.items()), "tensors of these shapes")
    op.need_shape((*source.shape[:2], units))


def _gate(op: Op, k: int, source: Tensor, hidden: Tensor) -> Gate:
    def folded(position: int, zero: int, bias: Int64) -> tuple[Int8, Int64]:
        w = op.constant(position, "its weights")
        op.need(w.dtype == np.int8, f"weights of {w.dtype}")
        return w, bias - zero * w.astype(np.int64).sum(1)

    def factor(t: Tensor, position: int) -> tuple[int, int]:
        multiplier, shift = quantize_multiplier(t.scale * op.tensor(position).scale / _PREACTIVATION)
        op.need(shift <= 30, "these scales")
        if t.dtype == "int8":
            return multiplier, shift
        op.need(shift <= 7, "a scale of more than 2**7")
        return reduced(multiplier), 15 - shift

    bias = op.constant(_BIASES + k, "its biases").astype(np.int64)
    wanted = "int32" if source.dtype == "int8" else "int64"
    op.need(op.tensor(_BIASES + k).dtype == wanted, f"biases of {op.tensor(_BIASES + k).dtype}")
    input_weights, input_bias = folded(_INPUT_WEIGHTS + k, source.zero_point, bias)
    state_weights, state_bias = folded(_STATE_WEIGHTS + k, hidden.zero_point, np.zeros_like(bias))
    factors = factor(source, _INPUT_WEIGHTS + k), factor(hidden, _STATE_WEIGHTS + k)
    return Gate(input_weights, state_weights, input_bias, state_bias, *factors)
