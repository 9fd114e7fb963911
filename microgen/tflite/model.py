"""Reads a .tflite into frozen objects: tensors, operators, subgraphs; refuses what is not well-formed.

TFLM itself accepts a wrong file identifier, a wrong schema version and weights that are too short, so these
are checked here. Field numbers are those of TensorFlow Lite's `schema.fbs`.
"""

from __future__ import annotations

import errno
import hashlib
import math
import struct
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import InputError
from ..support.files import read_file
from . import schema
from .flatbuffer import Malformed, Table
from .foreign import check_origin
from .options import Options, read

# TFLM indexes bytes and elements with 32-bit integers.
MAX_ELEMENTS = 2**31 - 1
MAX_FILE_BYTES = 256 * 2**20
MAX_NESTING = 64
OFFLINE_PLAN = "OfflineMemoryAllocation"


@dataclass(frozen=True)
class Quantization:
    """Affine quantization, real = scale * (q - zero_point); one scale a tensor, or one a channel."""

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
        offset, size: where its constant bytes lie in the file; size 0 when it has none.
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
        """Scale of the whole tensor, 0.0 when it is not quantized."""
        return self.quantization.scales[0] if self.quantization else 0.0

    @property
    def zero_point(self) -> int:
        """Zero point of the whole tensor, 0 when it is not quantized."""
        return self.quantization.zero_points[0] if self.quantization else 0

    @property
    def affine(self) -> str:
        """How its numbers are meant, "real = 0.5 * (q + 3)"; "" when it is not quantized."""
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
                f"tensor '{self.name}' has type {self.dtype}, which cannot be fed or read",
                "convert the model with int8 inputs and outputs",
            )
        return np.dtype(name)


@dataclass(frozen=True)
class Operator:
    """One operator.

    Attributes:
        name: "CONV_2D" and so on, or a custom operator's own code.
        inputs, outputs, intermediates: tensors by index; -1 is an input left out.
        strides, dilations: (vertical, horizontal); strides are None for operators that have none.
        subgraphs: the subgraphs that control flow runs, in the order of its options.
        adjoint: for BATCH_MATMUL, whether the first and the second factor are stored transposed.
        activation: the activation fused into a FULLY_CONNECTED, MUL or LSTM, "" for none.
        time_major: for an LSTM, whether the steps are the first dimension, not the second.
        cell_clip: for an LSTM, where its cell state is cut; 0 for nowhere.
        options: the rest of what its options say.
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
    """A .tflite file and what it says.

    Attributes:
        name: a name for people and for the firmware.
        data: the bytes of the file; a firmware may have fewer of them, see `microgen.tflite.flashed`.
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
        """Return the values of a constant tensor, in its shape and dtype."""
        flat = np.frombuffer(self.data, tensor.numpy_dtype, tensor.elements, tensor.offset)
        return flat.reshape(tensor.shape)

    def describe_byte(self, offset: int) -> str:
        """Say which tensor, and which operator reading it, a byte of the file belongs to."""
        for graph in self.subgraphs:
            for tensor in graph.tensors:
                if tensor.offset <= offset < tensor.offset + tensor.size:
                    readers = [op for op in graph.operators if tensor.index in op.inputs]
                    of = f" of operator {readers[0].index} ({readers[0].name})" if readers else ""
                    return f"tensor '{tensor.name}'{of}, byte {offset - tensor.offset}"
        return f"byte {offset} of the file, outside any tensor's data"


_TYPE_BY_NAME = {t.name: t for t in schema.TENSOR_TYPES.values()}


class NotTflite(InputError):
    """The bytes are no .tflite at all, rather than a damaged one."""


def load(path: str | Path, name: str | None = None) -> TfliteModel:
    """Read a .tflite file.

    Args:
        path: the file.
        name: a name for it; the file's stem otherwise.

    Raises:
        InputError: the file is missing, unreadable or not a sound .tflite; the message says what and where.
    """
    path = Path(path)
    try:
        data = read_file(path, MAX_FILE_BYTES)
    except FileNotFoundError:
        raise InputError(f"{path}: no such file", "give the path of a .tflite") from None
    except OSError as error:
        if error.errno == errno.EFBIG:
            raise InputError(f"{path}: larger than any microcontroller's flash", "is this the right file?") from None
        raise InputError(f"{path}: cannot be read ({error.strerror})", "check the path and its permissions") from None
    return parse(data, name or path.stem, str(path))


def parse(data: bytes, name: str = "model", source: str = "model") -> TfliteModel:
    """Read the bytes of a .tflite.

    Args:
        data: the whole file.
        name: a name for the model.
        source: what to call it in messages.

    Raises:
        NotTflite: not a .tflite.
        InputError: not a sound one.
    """
    hint = "is it a whole .tflite file? Convert or download it again"
    if not data:
        raise InputError(f"{source}: the file is empty", hint)
    if len(data) < 8 or data[4:8] != schema.FILE_IDENTIFIER:
        raise NotTflite(
            f"{source}: not a .tflite file (bytes 4 to 8 are {data[4:8]!r}, not {schema.FILE_IDENTIFIER!r})",
            "give a .tflite file",
        )
    try:
        return _Reader(data, name, source).model()
    except Malformed as error:
        raise InputError(f"{source}: damaged or truncated .tflite: {error}", hint) from None


class _Reader:
    """One pass over the file."""

    def __init__(self, data: bytes, name: str, source: str) -> None:
        self._data = data
        self._name = name
        self._source = source
        self._root = Table.root(data)

    def model(self) -> TfliteModel:
        version = self._root.integer(0, "<I")
        if version != schema.SCHEMA_VERSION:
            raise Malformed(f"schema version {version}, TFLM reads version {schema.SCHEMA_VERSION}")
        self._codes = [self._operator_code(t) for t in self._root.tables(1)]
        check_origin(self._source, (name for name, is_custom, _ in self._codes if is_custom))
        # Buffer 0 is empty, and stands for itself in a file that has none.
        self._buffers = [self._buffer(i, t) for i, t in enumerate(self._root.tables(4))] or [(0, 0)]
        self._planned = self._offline_plan()
        graphs = tuple(self._subgraph(i, t) for i, t in enumerate(self._root.tables(2)))
        if self._planned is not None and next(self._planned, None) is not None:
            raise Malformed(f"its {OFFLINE_PLAN} is for more tensors than it has")
        if not graphs:
            raise Malformed("it has no subgraph")
        if not graphs[0].operators:
            raise Malformed("it has no operators")
        if not graphs[0].inputs or not graphs[0].outputs:
            raise Malformed("it has no inputs or no outputs")
        _check_calls(graphs)
        signatures = tuple(t.string(2) for t in self._root.tables(7))
        return TfliteModel(self._name, self._data, self._root.string(3), graphs, signatures)

    def _offline_plan(self) -> Iterator[int] | None:
        """Return the places in the arena, tensor by tensor, of a model that was planned by a tool; None for others.

        Source: TFLM's memory_management.md: version, subgraph, number of tensors, then an offset each, -1 for none.
        """
        for entry in self._root.tables(6):
            if entry.string(0) != OFFLINE_PLAN:
                continue
            number = entry.integer(1, "<I")
            start, size = self._buffers[number] if number < len(self._buffers) else (0, 0)
            words = struct.unpack_from(f"<{size // 4}i", self._data, start)
            if len(words) < 3 or len(words) - 3 < words[2] or any(w < -1 for w in words[3:]):
                raise Malformed(f"its {OFFLINE_PLAN} is cut off, or names places that are none")
            return iter(words[3 : 3 + words[2]])
        return None

    def _operator_code(self, table: Table) -> tuple[str, bool, int]:
        # Files from before 2020 have only the byte-sized code; both are written since.
        code = max(table.integer(0, "<b"), table.integer(3, "<i"))
        name = schema.BUILTIN_OPERATORS.get(code)
        if name is None:
            raise Malformed(f"unknown operator code {code}")
        if name == schema.CUSTOM:
            return table.string(1) or schema.CUSTOM, True, table.integer(2, "<i", 1)
        return name, False, table.integer(2, "<i", 1)

    def _buffer(self, index: int, table: Table) -> tuple[int, int]:
        if table.integer(1, "<Q") > 1 or table.integer(2, "<Q") > 1:
            raise Malformed(
                f"buffer {index} lies outside the flatbuffer, where TFLM cannot read it "
                "(ai-edge-quantizer and large converters write such files; repack it into one flatbuffer)"
            )
        return table.span(0)

    def _subgraph(self, index: int, table: Table) -> Subgraph:
        where = f"subgraph {index}"
        tensors = tuple(self._tensor(i, t, where) for i, t in enumerate(table.tables(0)))
        inputs, outputs = table.integers(1), table.integers(2)
        for i in (*inputs, *outputs):
            if not 0 <= i < len(tensors):
                raise Malformed(f"{where} names tensor {i}, it has {len(tensors)}")
        operators = tuple(self._operator(i, t, len(tensors), where) for i, t in enumerate(table.tables(3)))
        graph = Subgraph(index, tensors, inputs, outputs, operators)
        _check_order(graph, where)
        return graph

    def _tensor(self, index: int, table: Table, where: str) -> Tensor:
        name = table.string(3)
        what = f"{where} tensor {index} '{name}'"
        number = table.integer(1, "<b")
        kind = schema.TENSOR_TYPES.get(number)
        if kind is None:
            raise Malformed(f"{what}: unknown element type {number}")
        shape = table.integers(0)
        if any(d < 0 for d in shape) or math.prod(shape) > MAX_ELEMENTS:
            raise Malformed(f"{what}: impossible shape {list(shape)}")
        signature = table.integers(7) or shape
        if len(signature) != len(shape):
            raise Malformed(f"{what}: shape {list(shape)} and shape signature {list(signature)} differ in rank")
        buffer = table.integer(2, "<I")
        if buffer >= len(self._buffers):
            raise Malformed(f"{what}: buffer {buffer} of {len(self._buffers)}")
        offset, size = self._buffers[buffer]
        expected = (math.prod(shape) * kind.bits + 7) // 8
        if size and kind.bits and not table.has(6) and size != expected:
            raise Malformed(f"{what}: {kind.name} {list(shape)} needs {expected} bytes, its buffer has {size}")
        return Tensor(
            index=index,
            name=name,
            shape=shape,
            signature=signature,
            dtype=kind.name,
            quantization=_quantization(table.table(4), shape, what),
            is_variable=bool(table.integer(5, "<B")),
            is_sparse=table.has(6),
            buffer=buffer,
            offset=offset,
            size=size,
            offline_offset=self._place(what),
        )

    def _place(self, what: str) -> int:
        if self._planned is None:
            return -1
        place = next(self._planned, None)
        if place is None:
            raise Malformed(f"{what}: its {OFFLINE_PLAN} is for fewer tensors than it has")
        return place

    def _operator(self, index: int, table: Table, tensors: int, where: str) -> Operator:
        code = table.integer(0, "<I")
        if code >= len(self._codes):
            raise Malformed(f"{where} operator {index}: operator code {code} of {len(self._codes)}")
        name, is_custom, version = self._codes[code]
        operator = Operator(
            index, name, is_custom, version, table.integers(1), table.integers(2), table.integers(8),
            **_options(name, table, f"{where} operator {index} ({name})"),
            options=Options() if is_custom else read(name, table.table(4)),
        )  # fmt: skip
        # -1 marks an input that is left out; an output is never left out.
        if any(not -1 <= i < tensors for i in (*operator.inputs, *operator.intermediates)) or any(
            not 0 <= i < tensors for i in operator.outputs
        ):
            raise Malformed(f"{where} operator {index} ({name}) names a tensor that does not exist")
        return operator


def _options(name: str, table: Table, what: str) -> dict[str, Any]:
    """Read what this package uses of an operator's options."""
    options = table.table(4)
    if control := schema.SUBGRAPH_FIELDS.get(name):
        kind, numbers = control
        if options is None or table.integer(3, "<B") != kind:
            raise Malformed(f"{what} does not say which subgraphs it runs")
        return {"subgraphs": tuple(options.integer(n, "<i") for n in numbers)}
    if options is None:
        return {}
    if name == "BATCH_MATMUL":
        return {"adjoint": (bool(options.integer(0, "<B")), bool(options.integer(1, "<B")))}
    if name in ("FULLY_CONNECTED", "MUL"):
        return {"activation": schema.ACTIVATIONS.get(options.integer(0, "<b"), "")}
    if name == "UNIDIRECTIONAL_SEQUENCE_LSTM":
        return {
            "activation": schema.ACTIVATIONS.get(options.integer(0, "<b"), ""),
            "cell_clip": options.real(1),
            "time_major": bool(options.integer(3, "<B")),
        }
    if fields := schema.STRIDE_FIELDS.get(name):
        # What is not in the file is 0 for a stride and 1 for a dilation.
        steps = [1 if n is None else options.integer(n, "<i", int(k > 1)) for k, n in enumerate(fields)]
        if min(steps) < 1:
            raise Malformed(f"{what} has a stride or a dilation below 1")
        return {"strides": tuple(steps[:2]), "dilations": tuple(steps[2:])}
    return {}


def _check_calls(graphs: tuple[Subgraph, ...]) -> None:
    """Check that control flow runs subgraphs that exist, and none that leads back to itself."""
    calls = {g.index: [s for op in g.operators for s in op.subgraphs] for g in graphs}
    open_, done = set[int](), set[int]()

    def visit(index: int) -> None:
        if not 0 <= index < len(graphs):
            raise Malformed(f"control flow runs subgraph {index} of {len(graphs)}")
        if index in open_ or len(open_) > MAX_NESTING:
            raise Malformed(f"subgraph {index} runs itself, or control flow is nested too deeply")
        if index not in done:
            open_.add(index)
            for called in calls[index]:
                visit(called)
            open_.remove(index)
            done.add(index)

    for graph in graphs:
        visit(graph.index)


def _quantization(table: Table | None, shape: tuple[int, ...], what: str) -> Quantization | None:
    if table is None:
        return None
    scales = tuple(float(s) for s in table.array(2, "<f4").tolist())
    zeros = tuple(int(z) for z in table.array(3, "<i8").tolist())
    if not scales:
        return None
    if not all(math.isfinite(s) and s >= 0 for s in scales):
        raise Malformed(f"{what}: a quantization scale is not a finite positive number")
    zeros = zeros or (0,) * len(scales)
    if len(zeros) == 1:
        zeros = zeros * len(scales)
    if len(zeros) != len(scales) or any(not -(2**31) <= z < 2**31 for z in zeros):
        raise Malformed(f"{what}: {len(scales)} quantization scales with {len(zeros)} zero points")
    dimension = table.integer(6, "<i")
    axis = 0 if is_benign_dimension(dimension, shape) else dimension
    if len(scales) > 1 and (not 0 <= axis < len(shape) or len(scales) != shape[axis]):
        raise Malformed(f"{what}: {len(scales)} quantization scales do not fit shape {list(shape)}")
    return Quantization(scales, zeros, dimension)


def is_benign_dimension(dimension: int, shape: tuple[int, ...]) -> bool:
    """Tell whether the channels of a bias are said to lie along a dimension of its weights, as old converters wrote."""
    return len(shape) == 1 and 0 < dimension < 4


def _check_order(graph: Subgraph, where: str) -> None:
    """Check that each operator reads only what is there when it runs: this excludes cycles too."""
    ready = {t.index for t in graph.tensors if t.is_constant or t.is_variable} | set(graph.inputs)
    for op in graph.operators:
        for i in op.inputs:
            # A tensor without elements (an axis list that is empty, say) is a constant without a buffer.
            if i >= 0 and i not in ready and graph.tensors[i].elements:
                raise Malformed(f"{where} operator {op.index} ({op.name}) reads tensor {i} before it is written")
        for i in op.outputs:
            if graph.tensors[i].is_constant:
                raise Malformed(f"{where} operator {op.index} ({op.name}) writes constant tensor {i}")
        ready.update(op.outputs)
    for i in graph.outputs:
        if i not in ready:
            raise Malformed(f"{where} returns tensor {i}, which nothing writes")
