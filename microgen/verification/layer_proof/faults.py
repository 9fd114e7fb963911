"""Known faults of the interpreters themselves, as `faults.toml` lists them."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ...support import toml
from ...tflite import Operator, Subgraph, Tensor, TfliteModel
from ...workers.litert import REFERENCE

_HIDDEN_STATE, _CELL_STATE = 18, 19  # positions among an LSTM's inputs


@dataclass(frozen=True)
class Fault:
    """Something that an interpreter is known to compute wrongly.

    Attributes:
        engine: which interpreter.
        ops: the operators concerned.
        when: the name of a condition.
        text: what is wrong, for people.
        instead: the LiteRT kernels to compare with where LiteRT's reference is the one that is wrong, or "".
    """

    engine: str
    ops: tuple[str, ...]
    when: str
    text: str
    instead: str = ""

    def meets(self, graph: Subgraph, op: Operator) -> bool:
        """Return whether an operator meets the fault."""
        return op.name in self.ops and _CONDITIONS[self.when](graph, op)


@functools.cache
def faults() -> tuple[Fault, ...]:
    """Return all known faults."""
    entries = toml.load(Path(__file__).with_name("faults.toml"))["fault"]
    return tuple(Fault(**{**entry, "ops": tuple(entry["ops"])}) for entry in entries)


def faults_of(graph: Subgraph, op: Operator) -> tuple[Fault, ...]:
    """Return the known faults that an operator meets."""
    return tuple(fault for fault in faults() if fault.meets(graph, op))


def reference_kernels(graph: Subgraph, op: Operator) -> str:
    """Return which of LiteRT's kernels an operator is compared with: the reference, unless that one is faulty."""
    return next((fault.instead for fault in faults_of(graph, op) if fault.instead), REFERENCE)


def faulty_references(model: TfliteModel) -> tuple[str, ...]:
    """Return the operators of a model for which LiteRT's reference kernels are not the reference, by name."""
    places = [(graph, op) for graph in model.subgraphs for op in graph.operators]
    return tuple(sorted({op.name for graph, op in places if reference_kernels(graph, op) != REFERENCE}))


def model_faults(model: TfliteModel) -> tuple[str, ...]:
    """Return the known faults that a model meets, one line per operator."""
    return tuple(
        f"operator {op.index} ({op.name}): {fault.text}"
        for graph in model.subgraphs
        for op in graph.operators
        for fault in faults_of(graph, op)
    )


def _input(graph: Subgraph, op: Operator, position: int) -> Tensor | None:
    is_there = position < len(op.inputs) and op.inputs[position] >= 0
    return graph.tensors[op.inputs[position]] if is_there else None


def _differs_from_output(graph: Subgraph, op: Operator, position: int) -> bool:
    """Return whether an input is there, and quantized differently from the first output."""
    tensor = _input(graph, op, position)
    if tensor is None or not op.outputs:
        return False
    output = graph.tensors[op.outputs[0]]
    return (tensor.scale, tensor.zero_point) != (output.scale, output.zero_point)


def _cell_out_of_range(graph: Subgraph, op: Operator) -> bool:
    cell = _input(graph, op, _CELL_STATE)
    return cell is not None and cell.dtype == "int16" and not 2.0**-15 <= cell.scale <= 2.0**-9


_CONDITIONS: dict[str, Callable[[Subgraph, Operator], bool]] = {
    "always": lambda graph, op: True,
    "rescales": lambda graph, op: _differs_from_output(graph, op, 0),
    "state-differs": lambda graph, op: _differs_from_output(graph, op, _HIDDEN_STATE),
    "cell-out-of-range": _cell_out_of_range,
}
