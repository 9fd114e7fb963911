"""A .tflite as frozen objects (tensors, operators, subgraphs), which `microgen.tflite.reader` makes."""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from ..errors import InputError
from . import schema
from .options import Options


@dataclass(frozen=True)
class Quantization:
    """Affine quantization, real = scale * (q - zero_point); one scale per tensor, or one per channel."""

    scales: tuple[float, ...]
    zero_points: tuple[int, ...]
    dimension: int

    @property
    def per_channel(self) -> bool:
        """Whether each channel has a scale of its own."""
        return len(self.scales) > 1


@dataclass(frozen=True)
class Tensor:
    """A tensor of the graph.

    Attributes:
        index: its number in the subgraph.
        shape: its dimensions; `signature` is the same with -1 where a dimension is dynamic.
        dtype: its element type by name ("int8", "float32", ...).
        offset, size: where its constant bytes lie in the file; size 0 if it has none.
        offline_offset: where it lies in the arena, if the file says so; -1 where TFLM chooses.
    """

    index: int
    name: str
    shape: tuple[int, ...]
    signature: tuple[int, ...]
    dtype: str
    quantization: Quantization | None
    is_variable: bool
    is_sparse: bool
    buffer: int
    offset: int
    size: int
    offline_offset: int = -1

    @property
    def elements(self) -> int:
        """Number of elements."""
        return math.prod(self.shape)

    @property
    def bytes(self) -> int:
        """Size in memory, in bytes."""
        return (self.elements * _TYPE_BY_NAME[self.dtype].bits + 7) // 8

    @property
    def is_constant(self) -> bool:
        """Whether its values are in the file."""
        return self.size > 0

    @property
    def scale(self) -> float:
        """Scale of the whole tensor, 0.0 if it is not quantized."""
        return self.quantization.scales[0] if self.quantization else 0.0

    @property
    def zero_point(self) -> int:
        """Zero point of the whole tensor, 0 if it is not quantized."""
        return self.quantization.zero_points[0] if self.quantization else 0

    @property
    def affine(self) -> str:
        """The mapping to real values, "real = 0.5 * (q + 3)"; "" if it is not quantized."""
        if not self.quantization:
            return ""
        zero = self.zero_point
        shifted = f"(q {'-' if zero > 0 else '+'} {abs(zero)})" if zero else "q"
        return f"real = {self.scale:.9g} * {shifted}"

    @property
    def numpy_dtype(self) -> np.dtype[np.generic]:
        """Its NumPy dtype.

        Raises:
            InputError: NumPy has no such type.
        """
        name = _TYPE_BY_NAME[self.dtype].numpy
        if not name:
            raise InputError(
                f"tensor '{self.name}' has type {self.dtype}, which microgen cannot read or write",
                "convert the model with int8 inputs and outputs",
            )
        return np.dtype(name)


@dataclass(frozen=True)
class Operator:
    """One operator.

    Attributes:
        name: "CONV_2D" and so on, or a custom operator's own code.
        inputs, outputs, intermediates: tensors by index; -1 is an omitted input.
        strides, dilations: (vertical, horizontal); strides are None for operators that have none.
        subgraphs: the subgraphs that control flow runs, in the order of its options.
        adjoint: for BATCH_MATMUL, whether the first and the second factor are stored transposed.
        activation: the activation fused into a FULLY_CONNECTED, MUL or LSTM, "" for none.
        time_major: for an LSTM, whether the steps are the first dimension, not the second.
        cell_clip: for an LSTM, where its cell state is cut; 0 for nowhere.
        options: its other options.
        custom_options: those of a custom operator, as its own code reads them.
    """

    index: int
    name: str
    is_custom: bool
    version: int
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    intermediates: tuple[int, ...]
    strides: tuple[int, int] | None = None
    dilations: tuple[int, int] = (1, 1)
    subgraphs: tuple[int, ...] = ()
    adjoint: tuple[bool, bool] = (False, False)
    activation: str = ""
    time_major: bool = False
    cell_clip: float = 0.0
    options: Options = Options()  # noqa: RUF009 - frozen
    custom_options: bytes = b""


@dataclass(frozen=True)
class Subgraph:
    """A graph of operators in the order in which they run."""

    index: int
    tensors: tuple[Tensor, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    operators: tuple[Operator, ...]


@dataclass(frozen=True)
class TfliteModel:
    """A .tflite file and its contents.

    Attributes:
        name: a name for people and for the firmware.
        data: the bytes of the file; a firmware may contain fewer, see `microgen.tflite.flashed`.
        subgraphs: the graphs; the first is the model, others are bodies of control flow.
        signatures: the names under which the file offers its graphs.
    """

    name: str
    data: bytes
    description: str
    subgraphs: tuple[Subgraph, ...]
    signatures: tuple[str, ...] = ()

    @cached_property
    def sha256(self) -> str:
        """SHA-256 of the file in hex."""
        return hashlib.sha256(self.data).hexdigest()

    @property
    def main(self) -> Subgraph:
        """The graph that is called."""
        return self.subgraphs[0]

    @property
    def inputs(self) -> tuple[Tensor, ...]:
        """The tensors that the caller fills."""
        return tuple(self.main.tensors[i] for i in self.main.inputs)

    @property
    def outputs(self) -> tuple[Tensor, ...]:
        """The tensors that the caller reads."""
        return tuple(self.main.tensors[i] for i in self.main.outputs)

    @property
    def ops(self) -> Counter[str]:
        """How often each operator occurs, over all subgraphs."""
        return Counter(op.name for graph in self.subgraphs for op in graph.operators)

    @property
    def is_stateful(self) -> bool:
        """Whether a tensor keeps its value from one inference to the next."""
        return any(t.is_variable for graph in self.subgraphs for t in graph.tensors) or self.has_variables

    @property
    def has_variables(self) -> bool:
        """Whether it keeps variables beside the graph; see `microgen.tflite.variables`."""
        return "VAR_HANDLE" in self.ops

    def constant(self, tensor: Tensor) -> npt.NDArray[np.generic]:
        """Return the values of a constant tensor, in its shape and dtype; of an int4 tensor as int8."""
        if tensor.dtype == "int4":
            stored = np.frombuffer(self.data, np.int8, tensor.bytes, tensor.offset)
            # Two in a byte, the low half first.
            both = np.stack([(stored << 4) >> 4, stored >> 4], axis=1)
            return both.reshape(-1)[: tensor.elements].reshape(tensor.shape)
        flat = np.frombuffer(self.data, tensor.numpy_dtype, tensor.elements, tensor.offset)
        return flat.reshape(tensor.shape)

    def describe_byte(self, offset: int) -> str:
        """Describe the tensor that a byte of the file belongs to, and the operator that reads it."""
        for graph in self.subgraphs:
            for tensor in graph.tensors:
                if tensor.offset <= offset < tensor.offset + tensor.size:
                    readers = [op for op in graph.operators if tensor.index in op.inputs]
                    of = f" of operator {readers[0].index} ({readers[0].name})" if readers else ""
                    return f"tensor '{tensor.name}'{of}, byte {offset - tensor.offset}"
        return f"byte {offset} of the file, outside any tensor's data"


_TYPE_BY_NAME = {t.name: t for t in schema.TENSOR_TYPES.values()}
