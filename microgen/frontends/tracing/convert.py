"""A graph of torch operators through litert-torch to a float .tflite, compared with PyTorch. Runs in a worker."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ...datasets import Calibration, ChannelsFirst, InputSpec, Request
from ...errors import EngineError, InputError
from ..converted import Scales
from ..rewriting.graph import Graph
from .layout import channels_first
from .movement import without_moves
from .naming import named

if TYPE_CHECKING:
    import torch

Array = npt.NDArray[Any]
# Largest difference from PyTorch's values, as a part of the largest of them.
TOLERANCE = 1e-4
# The number of samples on which the converted model is compared with PyTorch.
COMPARED = 16


@dataclass(frozen=True)
class Step:
    """A node of a graph.

    Attributes:
        kind: see `layout.Step`.
        reads, writes: names of values.
        path: the module that it belongs to, "" if that is not known.
        operator: its name, for people.
    """

    kind: str
    reads: tuple[str, ...]
    writes: tuple[str, ...]
    path: str
    operator: str

    @property
    def title(self) -> str:
        """The name in messages."""
        return f"{self.operator} of module '{self.path}'" if self.path else self.operator


@dataclass(frozen=True)
class Traced:
    """A graph whose operators PyTorch can run.

    Attributes:
        inputs: names.
        shapes, dtypes: of the inputs, with the batch of 1, as its owner has them.
        outputs: names.
        steps: its nodes; the module has a submodule "n3" for the one with the number 3.
        module: makes a torch module of the first nodes, all for None, that returns these values; the outputs for None.
        weights: the scales of weights that are quantized already, see `Scales`.
    """

    inputs: tuple[str, ...]
    shapes: tuple[tuple[int, ...], ...]
    dtypes: tuple[str, ...]
    outputs: tuple[str, ...]
    steps: tuple[Step, ...]
    module: Callable[[int | None, Sequence[str] | None], torch.nn.Module]
    weights: tuple[tuple[float, ...], ...] = ()


@dataclass(frozen=True)
class FloatModel:
    """A converted model in float32, and the data that came with it.

    Attributes:
        tflite: the model.
        calibration: the data, as the model takes it.
        channels_first: which inputs and outputs have channels first where they come from, and last in the model.
        layers: the modules that tensors are named after.
        difference: from the original on the data, as a part of its largest value.
        scales: what the file says, if it is quantized already.
        warnings: what its user should know.
    """

    tflite: bytes
    calibration: Calibration
    channels_first: ChannelsFirst
    layers: tuple[str, ...]
    difference: float
    scales: Scales = field(default_factory=Scales)
    warnings: tuple[str, ...] = ()


def convert_graph(
    file: str,
    graph: Traced,
    request: Request | None,
    seed: int,
    *,
    must_vary: bool,
    check: Callable[[Sequence[Array]], None] = lambda data: None,
) -> FloatModel:
    """Convert a graph, and compare the result with PyTorch on the calibration data.

    Args:
        file: the model's name in messages.
        graph: the graph to convert.
        request: the calibration data; None: random values.
        seed: of what is random.
        must_vary: see `microgen.datasets.resolve`.
        check: called with the data, in its owner's order, before anything is converted.

    Raises:
        InputError: the data does not fit, or the converted model gives different results.
        EngineError: litert-torch rejected it.
    """
    import torch

    from .ranges import found, without_rounding

    torch.manual_seed(seed)
    module = without_rounding(graph.module(None, None)).eval()
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        results = _tensors(module(*(_example(s, d) for s, d in zip(graph.shapes, graph.dtypes, strict=True))))
        ranks = dict(zip(graph.inputs, map(len, graph.shapes), strict=True))
        ranks.update(zip(graph.outputs, (r.ndim for r in results), strict=True))
        first = ChannelsFirst(*channels_first(graph.steps, graph.inputs, graph.outputs, ranks))
        calibration = _read(graph, first, request, seed, must_vary=must_vary)
        data = calibration.arrays if request is not None else _read(
            graph, first, Request({"kind": "random", "origin": "random"}), seed, must_vary=False
        ).arrays  # fmt: skip
        check(first.owned_inputs(data))
        try:
            tflite = without_moves(_convert(module, graph, first))
        except Exception as error:
            print(error)
            raise EngineError("litert-torch", _reason(error), _refusal_hint(graph, error)) from None
        off = _difference(module, tflite, first, data)
        if off > TOLERANCE:
            raise _differing(file, graph, data, first, off)
    paths = [step.path for step in graph.steps]
    makers = {name: step.path for step in graph.steps for name in step.writes}
    tflite, layers, numbered = named(
        tflite, graph.inputs, [makers.get(name, "") or name for name in graph.outputs], paths
    )
    parts = found(module)
    scales = Scales({name: s for name, k in numbered.items() if (s := parts[k].scale) is not None}, graph.weights)
    return FloatModel(tflite, calibration, first, layers, off, scales, tuple(_unrolled(graph, module, tflite)))


_RECURRENT = frozenset({"lstm", "gru", "rnn_tanh", "rnn_relu", "LSTM", "GRU", "RNN"})


def _plain_lstms(module: torch.nn.Module, graph: Traced) -> dict[int, torch.nn.Module]:
    """Return the calls that may become fused operators, by the number of their step: nobody reads their cell state."""
    read = {*graph.outputs, *(name for step in graph.steps for name in step.reads)}
    return {
        k: getattr(module, f"n{k}")
        for k, step in enumerate(graph.steps)
        if step.operator in ("lstm", "LSTM") and hasattr(module, f"n{k}") and not read.intersection(step.writes[2:])
    }


def _unrolled(graph: Traced, module: torch.nn.Module, tflite: bytes) -> Iterator[str]:
    """Say what recurrent layers take that are no fused operator: litert-torch writes the operators of each step."""
    from .recurrent import is_fused

    plain = _plain_lstms(module, graph)
    layers = [
        step.title
        for k, step in enumerate(graph.steps)
        if step.operator in _RECURRENT and not (k in plain and is_fused(plain[k]))
    ]
    if layers:
        yield (
            f"{', '.join(layers)}: unrolled, which gives the model {len(Graph(tflite).operators)} operators; an LSTM "
            "in one direction, whose cell state nobody reads, is one operator"
        )


def _read(graph: Traced, first: ChannelsFirst, request: Request | None, seed: int, *, must_vary: bool) -> Calibration:
    """Read data as its owner has it, and return it as the model takes it."""
    if request is None:
        return Calibration(())
    specs = [
        InputSpec(name, shape[1:], "int32" if dtype == "int64" else dtype)
        for name, shape, dtype in zip(graph.inputs, graph.shapes, graph.dtypes, strict=True)
    ]
    return first.resolve(request, specs, seed=seed, must_vary=must_vary)


def _convert(module: torch.nn.Module, graph: Traced, first: ChannelsFirst) -> bytes:
    """Return the .tflite of a module, channels last at the ends that are named."""
    import torch

    from .ranges import found, marked, tagged
    from .recurrent import fused, with_operators

    logging.disable(logging.WARNING)
    import litert_torch

    class ChannelsLast(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = module

        def forward(self, *inputs: Any) -> Any:  # noqa: ANN401
            own = [x.movedim(-1, 1) if k in first.inputs else x for k, x in enumerate(inputs)]
            results = _tensors(self.inner(*own))
            last = tuple(y.movedim(1, -1) if k in first.outputs else y for k, y in enumerate(results))
            return last[0] if len(last) == 1 else last

    examples = []
    for k, (shape, dtype) in enumerate(zip(graph.shapes, graph.dtypes, strict=True)):
        example = _example(shape, dtype)
        examples.append(example.movedim(1, -1).contiguous() if k in first.inputs else example)
    outer = ChannelsLast().eval()
    random = [torch.rand(e.shape) if e.is_floating_point() else e for e in examples]
    with torch.no_grad():
        outer(*random)  # LSTMs look at what they are given
    with fused(_plain_lstms(module, graph).values()) as layers, marked(found(module)):
        converted = litert_torch.convert(outer, tuple(examples))
    return tagged(with_operators(bytes(converted.model_content()), layers))


def _difference(module: torch.nn.Module, tflite: bytes, first: ChannelsFirst, data: Sequence[Array]) -> float:
    """Return the largest difference of an output from PyTorch's, as a part of that output's largest value."""
    import torch

    from ...workers.litert import Interpreter

    interpreter = Interpreter(tflite)
    wanted: list[list[Array]] = []
    answers: list[list[Array]] = []
    own = first.owned_inputs(data)
    for sample in range(min(len(data[0]), COMPARED)):
        inputs = [torch.from_numpy(np.array(a[sample : sample + 1])) for a in own]
        wanted.append([t.detach().numpy() for t in _tensors(module(*inputs))])
        outputs = interpreter.infer([np.ascontiguousarray(a[sample : sample + 1]) for a in data])
        answers.append(first.owned_outputs([np.array(a) for a in outputs]))
    largest = 0.0
    for mine, theirs in zip(zip(*wanted, strict=True), zip(*answers, strict=True), strict=True):
        a, b = np.stack(mine).astype(np.float64), np.stack(theirs).astype(np.float64)
        if a.size != b.size:
            return float("inf")
        b = b.reshape(a.shape)
        same = (a == b) | (np.isnan(a) & np.isnan(b))
        off = np.where(same, 0.0, np.abs(a - b))
        scale = float(np.abs(a[np.isfinite(a)]).max(initial=0.0))
        largest = max(largest, float(np.nan_to_num(off, nan=np.inf).max(initial=0.0)) / max(scale, 1e-30))
    return largest


def _differing(file: str, graph: Traced, data: Sequence[Array], first: ChannelsFirst, off: float) -> InputError:
    """Return the error for a wrong conversion, with the first operator that differs."""
    from .ranges import without_rounding

    own = first.owned_inputs(data)

    def differs(count: int) -> bool:
        step = graph.steps[count - 1]
        names = [name for name in step.writes if name]
        try:
            part = without_rounding(graph.module(count, names)).eval()
            tflite = _convert(part, graph, ChannelsFirst())
            return _difference(part, tflite, ChannelsFirst(), own) > TOLERANCE
        except Exception as error:  # what is constant, or no tensor, has no model of its own
            print(error)
            return False

    low, high = 0, len(graph.steps)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if differs(middle) else (middle, high)
    step = graph.steps[high - 1]
    return InputError(
        f"{file}: litert-torch converts {step.title} incorrectly: its values are off by {off:.2g} of the largest",
        _REMEDIES.get(step.operator, "use a different operator there, or report it to litert-torch"),
        operator=step.operator,
        layer=step.path or None,
    )


_NEAREST = "resize to a whole multiple of the size, or with mode='bilinear'"
_REMEDIES = {name: _NEAREST for name in ("upsample_nearest1d", "upsample_nearest2d", "Resize", "Upsample")}


def _example(shape: Sequence[int], dtype: str) -> Any:  # noqa: ANN401 - a tensor
    import torch

    kind = torch.float32 if dtype == "float32" else getattr(torch, "int32" if dtype == "int64" else dtype)
    return torch.zeros(tuple(shape), dtype=kind)


def _tensors(result: Any) -> list[torch.Tensor]:  # noqa: ANN401
    return list(result) if isinstance(result, (list, tuple)) else [result]


def _reason(error: Exception) -> str:
    """Return the line of an error that says most."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    told = next((line for line in lines if "error" in line.lower() or "not" in line.lower()), lines[0] if lines else "")
    return f"{told[:300] or type(error).__name__}"


def _refusal_hint(graph: Traced, error: Exception) -> str:
    text = str(error)
    for step in graph.steps:
        if f"aten.{step.operator}." in text:
            return f"use a different operator instead of {step.title}"
    return "use layers that TFLM has: docs/quantization.md has a table"
