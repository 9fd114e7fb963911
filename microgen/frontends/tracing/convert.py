"""A graph of torch operators through litert-torch to a float .tflite, compared with PyTorch. Runs in a worker."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ...datasets import Calibration, ChannelsFirst, InputSpec, Request, Sequences
from ...errors import EngineError, InputError, option
from ..converted import Scales
from ..rewriting.graph import Graph
from .layout import channels_first
from .listing import operators_listed_once
from .movement import without_moves
from .naming import named

if TYPE_CHECKING:
    import torch

    from .stepping import OneStep

Array = npt.NDArray[Any]
# Largest difference from PyTorch's values, as a part of the largest of them.
TOLERANCE = 1e-4
# The number of samples on which the converted model is compared with PyTorch.
COMPARED = 16
# The number of inferences on which the ranges of a model of one step are measured.
_STEPS = 1024


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
        states: how many states it keeps from one step of a sequence to the next: its last inputs and outputs.
        sequences: what it makes of sequences; the data is then the steps and the states before each.
    """

    tflite: bytes
    calibration: Calibration
    channels_first: ChannelsFirst
    layers: tuple[str, ...]
    difference: float
    scales: Scales = field(default_factory=Scales)
    warnings: tuple[str, ...] = ()
    states: int = 0
    sequences: Sequences = field(default_factory=Sequences)


def convert_graph(
    file: str,
    graph: Traced,
    request: Request | None,
    seed: int,
    *,
    must_vary: bool,
    unroll: bool = False,
    check: Callable[[Sequence[Array]], None] = lambda data: None,
) -> FloatModel:
    """Convert a graph, and compare the result with PyTorch on the calibration data.

    Args:
        file: the model's name in messages.
        graph: the graph to convert.
        request: the calibration data; None: random values.
        seed: of what is random.
        must_vary: see `microgen.datasets.resolve`.
        unroll: convert recurrent layers other than plain LSTMs with all their steps, instead of to a model of one step.
        check: called with the data, in its owner's order, before anything is converted.

    Raises:
        InputError: the data does not fit, the converted model gives different results, or a recurrent layer cannot run
            step by step.
        EngineError: litert-torch rejected it.
    """
    import torch

    from .module import tensors
    from .ranges import found, without_rounding

    torch.manual_seed(seed)
    # On single samples, more threads wait for each other most of the time; and they add in other orders.
    torch.set_num_threads(1)
    module = without_rounding(graph.module(None, None)).eval()
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        results = tensors(module(*_examples(graph, ChannelsFirst())))
        ranks = dict(zip(graph.inputs, map(len, graph.shapes), strict=True))
        ranks.update(zip(graph.outputs, (r.ndim for r in results), strict=True))
        first = ChannelsFirst(*channels_first(graph.steps, graph.inputs, graph.outputs, ranks))
        calibration = _read(graph, first, request, seed, must_vary=must_vary)
        data = calibration.arrays if request is not None else _read(
            graph, first, Request({"kind": "random", "origin": "random"}), seed, must_vary=False
        ).arrays  # fmt: skip
        own = first.owned_inputs(data)
        check(own)
        looped = _loops(graph, module, unroll)
        steps = None if unroll or not looped else _one_step(file, graph, module, first, looped)
        samples = _samples(data[0]) if steps is None else _sequences(data[0], bool(calibration.arrays))
        # Before the conversion: a quantization of the file then knows whether it cuts off values of the data.
        wanted = _answers(module, own, samples[:COMPARED])
        examples = _examples(graph, first)
        if steps is not None:
            step = [(1, *(graph.shapes[0][2:] or (1,))), *steps.shapes]
            examples = [_example(s, d) for s, d in zip(step, (*graph.dtypes, *["float32"] * len(step)), strict=False)]
        try:
            plain = {} if steps else _plain_lstms(module, graph)
            outer = steps or _channels_last(module, first)
            tflite = without_moves(_convert(outer, examples, module, plain.values()))
        except Exception as error:
            print(error)
            raise EngineError("litert-torch", _reason(error), _refusal_hint(graph, error)) from None
        states: list[str] = []
        sequences = Sequences()
        if steps is not None:
            sequences = Sequences(graph.shapes[0][1], tuple(k for k, each in enumerate(steps.each) if each))
            calibration, off = _stepped(steps, tflite, calibration, data[0], samples, wanted)
            if off > TOLERANCE:
                raise _no_steps(file, looped, "uses the steps together")
            states = [f"state_{k}" for k in range(len(steps.shapes))]
        else:
            off = _difference(tflite, first, data, wanted)
        if off > TOLERANCE:
            raise _differing(file, graph, own, off)
    paths = [step.path for step in graph.steps]
    makers = {name: step.path for step in graph.steps for name in step.writes}
    outputs = [*(makers.get(name, "") or name for name in graph.outputs), *(f"{name}_next" for name in states)]
    brought = [part.scale for part in found(module)]
    tflite, layers, scaled = named(tflite, [*graph.inputs, *states], outputs, paths, brought)
    scales = Scales(scaled, graph.weights)
    notes = tuple(_notes(looped, sequences, len(Graph(tflite).operators)))
    return FloatModel(tflite, calibration, first, layers, off, scales, notes, len(states), sequences)


def _notes(looped: Sequence[_Loop], sequences: Sequences, operators: int) -> Iterator[str]:
    """Say what recurrent layers become that are no fused operators."""
    names = ", ".join(loop.title for loop in looped)
    if sequences:
        yield (
            f"{names}: the model runs one step of a sequence per inference, and keeps its state until a reset; all "
            f"{sequences.steps} steps at once would take about {sum(loop.operators for loop in looped):,} operators"
        )
    elif looped:
        yield (
            f"{names}: unrolled, which gives the model {operators:,} operators; an LSTM in one direction, whose cell "
            "state nobody reads, is one operator"
        )


@dataclass(frozen=True)
class _Loop:
    """A recurrent layer that is no fused operator.

    Attributes:
        title: for people.
        operators: about how many all of its steps are.
        steps: of its sequence; 0 for a layer that has no step of its own.
        obstacle: why it has none.
    """

    title: str
    operators: int
    steps: int
    obstacle: str


def _loops(graph: Traced, module: torch.nn.Module, unroll: bool) -> list[_Loop]:
    """Return the recurrent layers of a module, which has run once, if one of them is no fused operator.

    Those that are fused are among them unless it is unrolled: they have no steps either.
    """
    from .recurrent import Lstm, is_fused
    from .stepping import Recurrent

    plain = _plain_lstms(module, graph)
    found = []
    fused = []
    for k, step in enumerate(graph.steps):
        for part in getattr(module, f"n{k}").modules() if hasattr(module, f"n{k}") else ():
            if isinstance(part, Recurrent):
                found.append(_Loop(step.title, part.operators, part.steps, part.obstacle))
            elif isinstance(part, Lstm) and part.operators:
                why = "is an LSTM, which runs over a whole sequence"
                if k in plain and is_fused(plain[k]):
                    fused += [] if unroll else [_Loop(step.title, 1, 0, why)]
                else:
                    found.append(_Loop(step.title, part.operators, 0, why))
    return [*found, *fused] if found else []


def _one_step(
    file: str, graph: Traced, module: torch.nn.Module, first: ChannelsFirst, looped: Sequence[_Loop]
) -> OneStep:
    """Return a graph as a model of one step.

    Raises:
        InputError: it cannot be one; names the layer, and the operators of all steps.
    """
    import torch

    from .stepping import NoSteps, OneStep

    for loop in looped:
        if loop.obstacle:
            raise _no_steps(file, [loop, *looped], loop.obstacle)
        if len(graph.shapes) != 1 or first or graph.shapes[0][1:2] != (loop.steps,):
            raise _no_steps(file, looped, "does not run over the dimension 1 of the model's only input")
    (dtype,), (shape,) = graph.dtypes, graph.shapes
    sequence = torch.rand(shape) if dtype == "float32" else _example(shape, dtype)
    try:
        return OneStep(module, sequence)
    except NoSteps as error:
        raise _no_steps(file, looped, f"is in a model that {error}") from None


def _no_steps(file: str, looped: Sequence[_Loop], why: str) -> InputError:
    count = sum(loop.operators for loop in dict.fromkeys(looped))
    return InputError(
        f"{file}: {looped[0].title} {why}, so it cannot run one step per inference; all steps at once take about "
        f"{count:,} operators",
        f"{option('recurrent', 'unroll')} accepts that; an LSTM in one direction is one operator",
        option="recurrent",
        layer=looped[0].title,
    )


def _samples(data: Array) -> npt.NDArray[np.int64]:
    """Return the numbers of the samples that are compared."""
    return np.arange(min(len(data), COMPARED))


def _sequences(data: Array, is_calibration: bool) -> npt.NDArray[np.int64]:
    """Return the numbers of the sequences that run step by step; the first are compared."""
    most = min(len(data), max(COMPARED, _STEPS // data.shape[1] if is_calibration else 0))
    return np.linspace(0, len(data) - 1, most).astype(np.int64)


def _answers(module: torch.nn.Module, own: Sequence[Array], samples: npt.NDArray[np.int64]) -> list[list[Array]]:
    """Return PyTorch's outputs of samples, in the order of their owner."""
    import torch

    from .module import tensors

    inputs = [[torch.from_numpy(np.array(a[k : k + 1])) for a in own] for k in samples]
    return [[t.detach().numpy() for t in tensors(module(*each))] for each in inputs]


def _stepped(
    steps: OneStep,
    tflite: bytes,
    calibration: Calibration,
    data: Array,
    taken: npt.NDArray[np.int64],
    wanted: Sequence[Sequence[Array]],
) -> tuple[Calibration, float]:
    """Run sequences step by step; return the data of each inference, and the difference from whole sequences."""
    from .stepping import run

    inputs, answers = run(tflite, steps, data[taken])
    pairs = zip(zip(*wanted, strict=True), zip(*answers[: len(wanted)], strict=True), strict=True)
    off = max(_apart(mine, theirs) for mine, theirs in pairs)
    if not calibration.arrays:
        return calibration, off
    targets = None if calibration.targets is None else calibration.targets[taken]
    return replace(calibration, arrays=tuple(inputs), targets=targets), off


def _plain_lstms(module: torch.nn.Module, graph: Traced) -> dict[int, torch.nn.Module]:
    """Return the calls that may become fused operators, by the number of their step: nobody reads their cell state."""
    read = {*graph.outputs, *(name for step in graph.steps for name in step.reads)}
    return {
        k: getattr(module, f"n{k}")
        for k, step in enumerate(graph.steps)
        if step.operator in ("lstm", "LSTM") and hasattr(module, f"n{k}") and not read.intersection(step.writes[2:])
    }


def _read(graph: Traced, first: ChannelsFirst, request: Request | None, seed: int, *, must_vary: bool) -> Calibration:
    """Read data as its owner has it, and return it as the model takes it."""
    if request is None:
        return Calibration(())
    specs = [
        InputSpec(name, shape[1:], "int32" if dtype == "int64" else dtype)
        for name, shape, dtype in zip(graph.inputs, graph.shapes, graph.dtypes, strict=True)
    ]
    return first.resolve(request, specs, seed=seed, must_vary=must_vary)


def _channels_last(module: torch.nn.Module, first: ChannelsFirst) -> torch.nn.Module:
    """Return a module with channels last at the ends that are named."""
    import torch

    from .module import tensors

    class ChannelsLast(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = module

        def forward(self, *inputs: Any) -> Any:  # noqa: ANN401
            own = [x.movedim(-1, 1) if k in first.inputs else x for k, x in enumerate(inputs)]
            results = tensors(self.inner(*own))
            last = tuple(y.movedim(1, -1) if k in first.outputs else y for k, y in enumerate(results))
            return last[0] if len(last) == 1 else last

    return ChannelsLast()


def _convert(
    outer: torch.nn.Module, examples: Sequence[torch.Tensor], module: torch.nn.Module, plain: Iterable[torch.nn.Module]
) -> bytes:
    """Return the .tflite of a module.

    Args:
        outer: the module, around `module`.
        examples: its inputs.
        module: the graph.
        plain: the calls of LSTMs in it that may become fused operators.
    """
    import torch

    from .ranges import found, marked, tagged
    from .recurrent import fused, with_operators

    logging.disable(logging.WARNING)
    import litert_torch

    outer = outer.eval()
    random = [torch.rand(e.shape) if e.is_floating_point() else e for e in examples]
    with torch.no_grad():
        outer(*random)  # LSTMs look at what they are given
    with fused(plain) as layers, marked(found(module)), operators_listed_once():
        converted = litert_torch.convert(outer, tuple(examples))
    return tagged(with_operators(bytes(converted.model_content()), layers))


def _difference(tflite: bytes, first: ChannelsFirst, data: Sequence[Array], wanted: Sequence[Sequence[Array]]) -> float:
    """Return the largest difference of an output from PyTorch's, as a part of that output's largest value."""
    from ...workers.litert import Interpreter

    interpreter = Interpreter(tflite)
    answers: list[list[Array]] = []
    for sample in range(len(wanted)):
        outputs = interpreter.infer([np.ascontiguousarray(a[sample : sample + 1]) for a in data])
        answers.append(first.owned_outputs([np.array(a) for a in outputs]))
    return max(
        _apart(mine, theirs) for mine, theirs in zip(zip(*wanted, strict=True), zip(*answers, strict=True), strict=True)
    )


def _apart(mine: Sequence[Array], theirs: Sequence[Array]) -> float:
    """Return the largest difference of an output of several samples, as a part of its largest value."""
    a, b = np.stack(mine).astype(np.float64), np.stack(theirs).astype(np.float64)
    if a.size != b.size:
        return float("inf")
    b = b.reshape(a.shape)
    same = (a == b) | (np.isnan(a) & np.isnan(b))
    off = np.where(same, 0.0, np.abs(a - b))
    scale = float(np.abs(a[np.isfinite(a)]).max(initial=0.0))
    return float(np.nan_to_num(off, nan=np.inf).max(initial=0.0)) / max(scale, 1e-30)


def _differing(file: str, graph: Traced, own: Sequence[Array], off: float) -> InputError:
    """Return the error for a wrong conversion, with the first operator that differs."""
    from .ranges import without_rounding

    def differs(count: int) -> bool:
        step = graph.steps[count - 1]
        names = [name for name in step.writes if name]
        try:
            part = without_rounding(graph.module(count, names)).eval()
            none = ChannelsFirst()
            plain = _plain_lstms(part, graph)
            wanted = _answers(part, own, _samples(own[0]))
            tflite = _convert(_channels_last(part, none), _examples(graph, none), part, plain.values())
            return _difference(tflite, none, own, wanted) > TOLERANCE
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


def _examples(graph: Traced, first: ChannelsFirst) -> list[torch.Tensor]:
    """Return inputs of zeros, with channels last where they are in the model."""
    made = [_example(s, d) for s, d in zip(graph.shapes, graph.dtypes, strict=True)]
    return [x.movedim(1, -1).contiguous() if k in first.inputs else x for k, x in enumerate(made)]


def _example(shape: Sequence[int], dtype: str) -> Any:  # noqa: ANN401 - a tensor
    import torch

    kind = torch.float32 if dtype == "float32" else getattr(torch, "int32" if dtype == "int64" else dtype)
    return torch.zeros(tuple(shape), dtype=kind)


def _reason(error: Exception) -> str:
    """Return the line of an error that says most."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    line = next((line for line in lines if "error" in line.lower() or "not" in line.lower()), lines[0] if lines else "")
    return f"{line[:300] or type(error).__name__}"


def _refusal_hint(graph: Traced, error: Exception) -> str:
    text = str(error)
    for step in graph.steps:
        if f"aten.{step.operator}." in text:
            return f"use a different operator instead of {step.title}"
    return "use layers that TFLM has: docs/quantization.md has a table"
