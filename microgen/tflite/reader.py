"""Reads a .tflite, and rejects malformed files.

TFLM itself accepts a wrong file identifier, a wrong schema version and weights that are too short, so these
are checked here. Field numbers are those of TensorFlow Lite's `schema.fbs`.
"""

from __future__ import annotations

import errno
import math
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ..errors import InputError
from ..support.files import read_file
from . import schema
from .flatbuffer import Malformed, Table
from .foreign import check_origin
from .model import Operator, Quantization, Subgraph, Tensor, TfliteModel
from .options import Options, read

# TFLM indexes bytes and elements with 32-bit integers.
MAX_ELEMENTS = 2**31 - 1
MAX_FILE_BYTES = 256 * 2**20
MAX_NESTING = 64
OFFLINE_PLAN = "OfflineMemoryAllocation"
# The operator of models that TFLM's own tools compressed.
DECODE = "TFLM_DECODE"


class NotTflite(InputError):
    """The bytes are not a .tflite at all; a damaged .tflite is a plain InputError."""


def load(path: str | Path, name: str | None = None) -> TfliteModel:
    """Read a .tflite file.

    Args:
        path: the file.
        name: a name for it; by default, the file's stem.

    Raises:
        InputError: the file is missing, unreadable or not a valid .tflite; the message says which and where.
    """
    path = Path(path)
    try:
        data = read_file(path, MAX_FILE_BYTES)
    except FileNotFoundError:
        raise InputError(f"{path}: no such file", "give the path of a .tflite") from None
    except OSError as error:
        if error.errno == errno.EFBIG:
            raise InputError(
                f"{path}: larger than any microcontroller's flash", "check that this is the right file"
            ) from None
        raise InputError(f"{path}: cannot be read ({error.strerror})", "check the path and its permissions") from None
    return parse(data, name or path.stem, str(path))


def parse(data: bytes, name: str = "model", source: str = "model") -> TfliteModel:
    """Read the bytes of a .tflite.

    Args:
        data: the whole file.
        name: a name for the model.
        source: its name in messages.

    Raises:
        NotTflite: not a .tflite.
        InputError: not a sound one.
    """
    hint = "check that the file is complete; convert or download it again"
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
        # Files from before 2020 have only the byte-sized code; newer files have both.
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
        encoded = self._encoded(table)
        tensors = tuple(self._tensor(i, t, where, i in encoded) for i, t in enumerate(table.tables(0)))
        inputs, outputs = table.integers(1), table.integers(2)
        for i in (*inputs, *outputs):
            if not 0 <= i < len(tensors):
                raise Malformed(f"{where} names tensor {i}, it has {len(tensors)}")
        operators = tuple(self._operator(i, t, len(tensors), where) for i, t in enumerate(table.tables(3)))
        graph = Subgraph(index, tensors, inputs, outputs, operators)
        _check_order(graph, where)
        return graph

    def _encoded(self, table: Table) -> frozenset[int]:
        """Return the tensors of a subgraph that TFLM decodes: their scales are those of what they stand for."""
        decoding = {k for k, (name, is_custom, _) in enumerate(self._codes) if is_custom and name == DECODE}
        operators = table.tables(3) if decoding else ()
        return frozenset(i for op in operators if op.integer(0, "<I") in decoding for i in op.integers(1))

    def _tensor(self, index: int, table: Table, where: str, is_encoded: bool) -> Tensor:
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
            quantization=None if is_encoded else _quantization(table.table(4), shape, what),
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
            custom_options=table.array(5, "u1").tobytes() if is_custom else b"",
        )  # fmt: skip
        # -1 marks an omitted input; outputs are never omitted.
        if any(not -1 <= i < tensors for i in (*operator.inputs, *operator.intermediates)) or any(
            not 0 <= i < tensors for i in operator.outputs
        ):
            raise Malformed(f"{where} operator {index} ({name}) names a tensor that does not exist")
        return operator


def _options(name: str, table: Table, what: str) -> dict[str, Any]:
    """Read the options of an operator that this package uses."""
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
        # Missing in the file, a stride is 0 and a dilation is 1.
        steps = [1 if n is None else options.integer(n, "<i", int(k > 1)) for k, n in enumerate(fields)]
        if min(steps) < 1:
            raise Malformed(f"{what} has a stride or a dilation below 1")
        return {"strides": tuple(steps[:2]), "dilations": tuple(steps[2:])}
    return {}


def _check_calls(graphs: tuple[Subgraph, ...]) -> None:
    """Check that control flow runs existing subgraphs, without recursion."""
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


def _check_order(graph: Subgraph, where: str) -> None:
    """Check that each operator reads only tensors that already have values; this also excludes cycles."""
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


def is_benign_dimension(dimension: int, shape: tuple[int, ...]) -> bool:
    """Return whether a bias names a dimension of its weights as its channels, as old converters wrote."""
    return len(shape) == 1 and 0 < dimension < 4
