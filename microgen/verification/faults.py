"""Known faults of the interpreters themselves, as `faults.toml` lists them."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from .. import toml
from ..tflite import Operator, Subgraph, TfliteModel

REFERENCE = "BUILTIN_REF"  # LiteRT's kernels that are "what Python computes"
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
        """Tell whether an operator meets the fault."""
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


def model_faults(model: TfliteModel) -> tuple[str, ...]:
    """Return the known faults that a model meets, one line an operator."""
    return tuple(
        f"operator {op.index} ({op.name}): {fault.text}"
        for graph in model.subgraphs
        for op in graph.operators
        for fault in faults_of(graph, op)
    )


def _same_quantization(graph: Subgraph, first: int, second: int) -> bool:
    a, b = graph.tensors[first], graph.tensors[second]
    return (a.scale, a.zero_point) == (b.scale, b.zero_point)


def _rescales(graph: Subgraph, op: Operator) -> bool:
    return bool(op.inputs and op.outputs) and not _same_quantization(graph, op.inputs[0], op.outputs[0])


def _state_differs(graph: Subgraph, op: Operator) -> bool:
    has_state = len(op.inputs) > _HIDDEN_STATE and op.inputs[_HIDDEN_STATE] >= 0 and bool(op.outputs)
    return has_state and not _same_quantization(graph, op.inputs[_HIDDEN_STATE], op.outputs[0])


def _cell_out_of_range(graph: Subgraph, op: Operator) -> bool:
    if len(op.inputs) <= _CELL_STATE or op.inputs[_CELL_STATE] < 0:
        return False
    cell = graph.tensors[op.inputs[_CELL_STATE]]
    return cell.dtype == "int16" and not 2.0**-15 <= cell.scale <= 2.0**-9


_CONDITIONS: dict[str, Callable[[Subgraph, Operator], bool]] = {
    "always": lambda graph, op: True,
    "rescales": _rescales,
    "state-differs": _state_differs,
    "cell-out-of-range": _cell_out_of_range,
}
