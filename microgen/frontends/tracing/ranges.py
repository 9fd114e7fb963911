"""Scales that a file brings for what it computes (QuantizeLinear), carried through the conversion.

The conversion itself is in float32. A QuantizeLinear becomes a STABLEHLO_COMPOSITE that does nothing: it shows behind
the conversion which tensor its scale belongs to, and is taken out. Runs in a worker.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from ..converted import Scale
from ..rewriting.graph import Graph

_NAME = "microgen.range"
_TAG = re.compile(rf";{re.escape(_NAME)}(\d+)")
_MOVES = ("TRANSPOSE", "RESHAPE")
_LIMITS = {"int8": (-128, 127), "uint8": (0, 255), "int16": (-(2**15), 2**15 - 1), "uint16": (0, 2**16 - 1)}


class Quantize(torch.nn.Module):
    """QuantizeLinear with a constant scale, and the DequantizeLinear that follows.

    Attributes:
        exact: whether it rounds, as the file says; the model that is converted does not.
        title: for people.
    """

    def __init__(self, title: str, scale: npt.NDArray[Any], zero: npt.NDArray[Any], axis: int) -> None:
        super().__init__()
        self.exact, self.title = True, title
        self._scale, self._zero, self._axis = np.asarray(scale, np.float32), np.asarray(zero), axis
        self._number: int | None = None
        self._cuts = False

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the numbers that it stores, as float32; what it got where it is not `exact`."""
        low, high = _LIMITS[str(self._zero.dtype)]
        if not self.exact and (self._zero == low).all():
            # The smallest number stands for 0: a ReLU, which many exporters leave out.
            if self._number is None:
                self._cuts |= bool((x < 0).any())
            x = torch.relu(x) if self._cuts else x
        if self._number is not None:
            from litert_torch.hlfb import StableHLOCompositeBuilder

            builder = StableHLOCompositeBuilder(f"{_NAME}{self._number}")
            marked: torch.Tensor = builder.mark_outputs(builder.mark_inputs(x) * 2)
            return marked
        if not self.exact:
            return x
        scale, zero = self._along(x, self._scale), self._along(x, self._zero.astype(np.float32))
        return torch.clamp(torch.round(x / scale) + zero, low, high)

    def _along(self, x: torch.Tensor, values: npt.NDArray[Any]) -> torch.Tensor:
        shape = [1] * x.ndim
        if values.size > 1:
            shape[self._axis] = -1
        return torch.from_numpy(np.array(values, np.float32)).reshape(shape)

    @property
    def scale(self) -> Scale | None:
        """The scale for an int8 tensor; None where none is the same."""
        if self._scale.size != 1 or self._zero.dtype not in (np.int8, np.uint8):
            return None
        zero = int(self._zero.reshape(-1)[0]) - (128 if self._zero.dtype == np.uint8 else 0)
        return Scale(float(self._scale.reshape(-1)[0]), zero)


def found(module: torch.nn.Module) -> list[Quantize]:
    """Return the calls of a module, in their order."""
    return [part for part in module.modules() if isinstance(part, Quantize)]


def without_rounding(module: torch.nn.Module) -> torch.nn.Module:
    """Return a module that computes in float32 what a file computes in integers."""
    for part in module.modules():
        if hasattr(part, "exact"):
            part.exact = False
    return module


@contextmanager
def marked(parts: Sequence[Quantize]) -> Iterator[None]:
    """Let calls be converted as composites; their numbers are their places in `parts`."""
    try:
        for number, part in enumerate(parts):
            part._number = number if part.scale is not None else None
        yield
    finally:
        for part in parts:
            part._number = None


def tagged(tflite: bytes) -> bytes:
    """Return a model without composites, in which the names of the tensors have the composites' numbers."""
    graph = Graph(tflite)
    names = [graph.name(op) for op in graph.operators]
    if "STABLEHLO_COMPOSITE" not in names:
        return tflite
    for op in graph.operators:
        options = op.builtinOptions2
        if graph.name(op) != "STABLEHLO_COMPOSITE" or options is None:
            continue
        name = options.name.decode() if isinstance(options.name, bytes) else str(options.name)
        if not name.startswith(_NAME):
            continue
        (source,), (target,) = graph.inputs(op), graph.outputs(op)
        if target in graph.results and (source in graph.results or graph.producer(source) is None):
            graph.replace(op, [graph.reshape(source, target)])
        else:
            graph.return_instead(target, source)
            graph.redirect(target, source)
            graph.replace(op, [])
        tensor = source
        while (move := graph.producer(tensor)) is not None and graph.name(move) in _MOVES:
            _tag(graph, tensor, name)
            tensor = graph.inputs(move)[0]
        _tag(graph, tensor, name)
    graph.drop_subgraphs()
    graph.drop_tensors()
    return graph.pack()


def _tag(graph: Graph, tensor: int, name: str) -> None:
    graph.main.tensors[tensor].name = f"{graph.label(tensor)};{name}".encode()


def scale_of(label: str, scales: Sequence[Scale | None]) -> Scale | None:
    """Return the scale of a tensor whose name has the numbers of scales; None if it has none.

    Of several, which a file has for a value that it quantizes twice, it is the finest: that one cuts off most.
    """
    tagged = (scales[int(number)] for number in _TAG.findall(label))
    return min((scale for scale in tagged if scale is not None), key=lambda scale: scale.scale, default=None)
