"""From which operator to which each buffer lives.

Source: `micro_allocation_info.cc` of TensorFlow Lite Micro. Time is counted in scopes: one for each operator in the
order of execution, and one for each subgraph that control flow enters.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from ....tflite import TfliteModel
from ...memory import Buffer


class Lifetimes:
    """The lifetimes of all buffers of a model.

    Args:
        model: the model.
        scratch: for each operator, by (subgraph, operator), the sizes in bytes that its kernel asks for.

    Attributes:
        buffers: not yet placed.
        scopes: the operator, as (subgraph, operator), of each scope; None where a subgraph begins.
    """

    def __init__(self, model: TfliteModel, scratch: Mapping[tuple[int, int], Sequence[int]]) -> None:
        self._model = model
        self._scratch = scratch
        self._first: dict[tuple[int, int], int] = {}
        self._last: dict[tuple[int, int], int] = {}
        self._kernels: list[Buffer] = []
        self.scopes: list[tuple[int, int] | None] = [None]
        self._walk(0)
        # In TFLM's order: the tensors of all subgraphs, then scratch in the order in which it was asked for.
        self._kernels.sort(key=lambda b: (b.subgraph, b.index))
        self.buffers = (*self._tensors(), *self._kernels)

    def _walk(self, subgraph: int) -> None:
        graph = self._model.subgraphs[subgraph]
        self._use(subgraph, graph.inputs)
        for op in graph.operators:
            self.scopes.append((subgraph, op.index))
            start = self._now
            for tensor in op.outputs:
                self._first.setdefault((subgraph, tensor), start)
            for called in op.subgraphs:
                self.scopes.append(None)
                self._walk(called)
            for tensor in (*op.inputs, *op.outputs):
                self._last[subgraph, tensor] = self._now
            name = f"{op.name} {op.index}"
            self._kernels += [
                Buffer(name, "scratch", subgraph, op.index, size, start, self._now)
                for size in self._scratch[subgraph, op.index]
            ]
        self._use(subgraph, graph.outputs)

    @property
    def _now(self) -> int:
        return len(self.scopes) - 1

    def _use(self, subgraph: int, tensors: Sequence[int]) -> None:
        for tensor in tensors:
            self._first.setdefault((subgraph, tensor), self._now)
            self._last[subgraph, tensor] = self._now

    def _tensors(self) -> list[Buffer]:
        # A tensor that nothing uses has the lifetime -1 to -1 in TFLM, and still takes a place.
        return [
            Buffer(
                tensor.name,
                "tensor",
                graph.index,
                tensor.index,
                tensor.bytes,
                self._first.get((graph.index, tensor.index), -1),
                self._last.get((graph.index, tensor.index), -1),
                fixed=tensor.offline_offset,
            )
            for graph in self._model.subgraphs
            for tensor in graph.tensors
            if not tensor.is_constant and tensor.bytes and (not tensor.is_variable or tensor.offline_offset >= 0)
        ]


def with_offsets(buffers: Sequence[Buffer], offsets: Sequence[int]) -> tuple[Buffer, ...]:
    """Return the buffers with their places."""
    return tuple(replace(b, offset=o) for b, o in zip(buffers, offsets, strict=True))
