"""The layer proof: runs each operator alone in both interpreters, on the inputs that it has in TFLM."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ... import workers
from ...support import toml
from ...tflite import Operator, Subgraph, TfliteModel, variables
from ...tflite.check import computes_in_float
from ...tflite.cut import Cutter
from ...tflite.normalise import normalise
from ...tflite.unwritten import counting_output
from ...workers import LITERT, TFLM, layer_jobs, tflm
from ...workers.difference import differing_elements, largest, sample_differs
from ...workers.layer_jobs import OperatorAlone, OperatorAnswers, Stepwise
from ...workers.litert import REFERENCE
from ..deadline import deadline
from ..float32 import Enclosure, Unproven
from ..samples import Samples
from ..verdict import Layer
from . import exact
from .faults import faults_of, reference_kernels
from .recurrent import Steps, steps_of

# The layer proof looks at every sample whose outputs differ, up to this many, and fills up with others.
_SAMPLES = 16
_MOST_BYTES = 32 * 2**20
# Into so many parts the samples of a model without state are cut, which run at the same time; each part's interpreters
# copy the model, so a file that is larger than this is not worth it.
_PARTS = 2
_MOST_MODEL_BYTES = 4 * 2**20
COMPUTED = "computed"  # in bounds.toml, where the bound depends on the data


@dataclass(frozen=True)
class Proof:
    """The result of the layer proof.

    Attributes:
        layers: every operator that was compared, in its order.
        objection: why this does not prove that all differences are allowed, "" if it does.
        culprit: the first operator that exceeds its bound, None if none does.
        inputs: for the culprit, its inputs on the samples looked at, samples first.
        cut: the culprit as a model of its own.
        samples: number of samples used.
        rounded: the samples on which an operator rounds differently from its reference.
    """

    layers: tuple[Layer, ...]
    objection: str
    culprit: Layer | None = None
    inputs: Samples = ()
    cut: bytes = b""
    samples: int = 0
    rounded: tuple[bool, ...] = ()


@dataclass(frozen=True)
class _Place:
    """An operator of the model, and the same as a model of its own."""

    graph: Subgraph
    op: Operator
    alone: OperatorAlone

    @property
    def title(self) -> str:
        return f"operator {self.op.index} ({self.op.name})"


@dataclass(frozen=True)
class _Comparison:
    """An operator, its inputs in the whole model, and the answers of both interpreters to them."""

    place: _Place
    inputs: Samples
    tflm: OperatorAnswers
    litert: OperatorAnswers

    @property
    def outputs(self) -> list[tuple[npt.NDArray[Any], npt.NDArray[Any]]]:
        """Each output, of TFLM and of LiteRT."""
        return list(zip(self.tflm.outputs, self.litert.outputs, strict=True))


def prove_layers(
    model: TfliteModel,
    inputs: Samples,
    differs: npt.NDArray[np.bool_],
    arena_min_bytes: int,
    drift: npt.NDArray[np.bool_] | None = None,
) -> Proof:
    """Run each operator alone, in both engines, on the inputs that it has in TFLM.

    The samples of a model that keeps state are run as one sequence, in the whole model and in each operator.

    Args:
        model: the model.
        inputs: one array per input, samples first.
        differs: on which samples the outputs of the engines differ, each from a fresh state.
        arena_min_bytes: the smallest arena of the model.
        drift: on which of the first samples they differ when those are run as one sequence.
    """
    if not keeps_all(model):
        return Proof((), f"outputs differ, and TFLM does not keep the tensors of a model of more than {tflm.MOST_KEPT}")
    order, differs = _choose_samples(differs, drift, _most_samples(model))
    places = _take_apart(model)
    comparisons = _run(model, places, tuple(a[order] for a in inputs), arena_min_bytes)
    accepted = [c for c in comparisons if not c.litert.refusal]
    layers = tuple(_layer(model, c) for c in accepted)
    culprit = next((pair for pair in zip(layers, accepted, strict=True) if not pair[0].is_within), None)
    if culprit is not None:
        layer, comparison = culprit
        return Proof(layers, layer.complaint(), layer, comparison.inputs, comparison.place.alone.model, len(order))
    rounded = _rounded(model, comparisons, len(order))
    # Where the reference itself is wrong, it is so on any sample.
    is_faulty = any(c.place.alone.kernels != REFERENCE for c in comparisons)
    unexplained = differs & ~rounded if not is_faulty else np.zeros(len(order), np.bool_)
    objection = _objection(comparisons, unexplained)
    return Proof(layers, objection, samples=len(order), rounded=tuple(rounded.tolist()))


def _most_samples(model: TfliteModel) -> int:
    """Return on how many samples the operators are looked at: all their inputs and outputs are kept."""
    size = sum(
        graph.tensors[i].bytes
        for graph in model.subgraphs
        for op in graph.operators
        for i in (*op.inputs, *op.outputs)
        if i >= 0 and not graph.tensors[i].is_constant
    )
    return max(min(_SAMPLES, _MOST_BYTES // max(size, 1)), 1)


def _choose_samples(
    differs: npt.NDArray[np.bool_], drift: npt.NDArray[np.bool_] | None, most: int = _SAMPLES
) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.bool_]]:
    """Return the numbers of the samples to look at, and on which of them outputs differ."""
    if drift is not None and drift.any() and not differs.any():
        # What differs in a sequence only does so after the samples before it.
        return np.arange(len(drift)), drift
    order = np.argsort(~differs, kind="stable")[:most]
    return order, differs[order]


def _take_apart(model: TfliteModel) -> list[_Place]:
    """Return each operator that computes something itself, and each variable, as a model of its own."""
    # LiteRT gets the copy that it takes, TFLM the same: what differs in it TFLM never looks at.
    cutter = Cutter(dataclasses.replace(model, data=normalise(model).data))

    def alone(graph: Subgraph, op: Operator) -> OperatorAlone:
        stepwise = None
        if steps := steps_of(graph, op):
            one_step = cutter.cut(op.index, graph.index, _step_shapes(graph, op, steps))
            state = cutter.number(steps.state, op.index, graph.index)
            stepwise = Stepwise(one_step, steps.axis, steps.count, state)
        return OperatorAlone(
            cutter.cut(op.index, graph.index),
            graph.index,
            tuple(cutter.activations(op.index, graph.index)),
            tuple(op.outputs),
            reference_kernels(graph, op),
            stepwise,
            counting_output(graph, op),
        )

    places = [
        _Place(graph, op, alone(graph, op))
        for graph in model.subgraphs
        for op in graph.operators
        if op.outputs and not op.subgraphs and op.name not in (variables.HANDLE, variables.READ)
    ]
    return sorted(places + _variables(model, cutter), key=lambda place: (place.graph.index, place.op.index))


def _variables(model: TfliteModel, cutter: Cutter) -> list[_Place]:
    """Return the variables that the main graph reads, each at the place where it is first read.

    Reading and assigning are one thing over a sequence: what is read is what the step before has assigned.
    """
    starts = [model.subgraphs[s] for op in model.main.operators if op.name == "CALL_ONCE" for s in op.subgraphs]
    if any(op.subgraphs for graph in starts for op in graph.operators):
        return []  # control flow decides what they start with
    places = []
    for name in variables.names(model):
        taken, read = cutter.variable(name)
        if read:
            op = next(op for op in model.main.operators if read[0] in op.outputs)
            places.append(_Place(model.main, op, OperatorAlone(cutter.cut_variable(name), 0, taken, read, REFERENCE)))
    return places


def _step_shapes(graph: Subgraph, op: Operator, steps: Steps) -> dict[int, list[int]]:
    """Return the shapes of an operator's input and output in one step, by tensor."""
    return {
        i: [1 if axis == steps.axis else d for axis, d in enumerate(graph.tensors[i].shape)]
        for i in (op.inputs[0], op.outputs[0])
    }


def _run(model: TfliteModel, places: Sequence[_Place], inputs: Samples, arena_min_bytes: int) -> list[_Comparison]:
    """Run the operators in TFLM, within the whole model and alone, and then in LiteRT on the same inputs."""
    operators = tuple(place.alone for place in places)
    run = functools.partial(_run_part, model, operators, arena_of_all(model, arena_min_bytes))
    whole = model.is_stateful or len(model.data) > _MOST_MODEL_BYTES
    count = 1 if whole else max(min(_PARTS, len(inputs[0])), 1)
    with ThreadPoolExecutor(count) as pool:
        parts = list(pool.map(run, zip(*(np.array_split(a, count) for a in inputs), strict=True)))
    fed, tflm, litert = (list(zip(*of_all, strict=True)) for of_all in zip(*parts, strict=True))  # operators first
    return [
        _Comparison(place, _joined(fed[i]), _joined_answers(tflm[i]), _joined_answers(litert[i]))
        for i, place in enumerate(places)
    ]


def _run_part(
    model: TfliteModel, operators: tuple[OperatorAlone, ...], arena_bytes: int, inputs: Samples
) -> tuple[Sequence[Samples], Sequence[OperatorAnswers], Sequence[OperatorAnswers]]:
    """Return per operator its inputs on some samples, the answers of TFLM, and those of LiteRT."""
    limit = deadline(model, 2 * _SAMPLES)
    request = layer_jobs.TflmRequest(model.data, inputs, arena_bytes, model.is_stateful, operators)
    tflm = workers.run(TFLM, layer_jobs.run_tflm, request, limit)
    follow = layer_jobs.LitertRequest(operators, tflm.inputs, len(inputs[0]), model.is_stateful)
    litert = workers.run(LITERT, layer_jobs.run_litert, follow, limit)
    return tflm.inputs, tflm.answers, litert.answers


def _joined(parts: Sequence[Samples]) -> Samples:
    """Join what each part has of the samples."""
    return tuple(np.concatenate(arrays) for arrays in zip(*parts, strict=True))


def _joined_answers(parts: Sequence[OperatorAnswers]) -> OperatorAnswers:
    """Join the answers for one operator: refused as a whole where a part was."""
    refusal = next((part.refusal for part in parts if part.refusal), "")
    if refusal:
        return OperatorAnswers(refusal=refusal)
    states = [part.states for part in parts if part.states is not None]
    return OperatorAnswers(
        _joined([part.outputs for part in parts]),
        np.concatenate(states) if states else None,
        sum(part.unfaithful for part in parts),
    )


def arena_of_all(model: TfliteModel, arena_min_bytes: int) -> int:
    """Return an arena in which all tensors are kept, so that none shares its place with another, in bytes."""
    return arena_min_bytes * 2 + sum(t.bytes + 256 for g in model.subgraphs for t in g.tensors) + 65536


def keeps_all(model: TfliteModel) -> bool:
    """Return whether TFLM can keep the values of all tensors after an inference."""
    return sum(not t.is_constant for g in model.subgraphs for t in g.tensors) <= tflm.MOST_KEPT


@functools.cache
def bounds() -> dict[str, dict[str, Any]]:
    """Return bounds.toml: {op: {dtype of its output: LSB, "why": derivation, "exact": rule}}."""
    return toml.load(Path(__file__).with_name("bounds.toml"))


def _layer(model: TfliteModel, comparison: _Comparison) -> Layer:
    graph, op = comparison.place.graph, comparison.place.op
    pairs = comparison.outputs
    tensor = graph.tensors[op.outputs[0]]
    bound = bounds().get(op.name, {})
    is_float = computes_in_float(graph, op)
    held = None
    if is_float:
        held = _hold_in_intervals(model, comparison)
    elif "exact" in bound and tensor.dtype in bound:
        held = _hold_against_exact(model, comparison)
    allowed: Any = COMPUTED if is_float else bound.get(tensor.dtype, 0)
    if held is None and ("exact" in bound or is_float):
        allowed = 0  # what cannot be compared with the exact result is not proven
    elif held is not None and allowed == COMPUTED:
        allowed = held.bound_lsb or 0.0
    return Layer(
        index=op.index,
        op=op.name,
        tensor=tensor.name,
        shape=tensor.shape,
        max_abs_diff_lsb=max(largest(a, b) for a, b in pairs),
        bound_lsb=allowed,
        subgraph=graph.index,
        dtype=tensor.dtype,
        scale=tensor.scale,
        zero_point=tensor.zero_point,
        differing_elements=sum(differing_elements(a, b) for a, b in pairs),
        elements=sum(a.size for a, _ in pairs),
        saturated=_saturated(pairs[0][0]),
        exact_error_lsb=max(held.tflm, held.litert) if held else None,
        exact_allowed_lsb=held.allowed if held else None,
        exact_within=held.is_within if held else True,
        faults=tuple(f.text for f in faults_of(graph, op)),
    )


def _hold_against_exact(model: TfliteModel, comparison: _Comparison) -> exact.Exact | None:
    place, tflm, litert = comparison.place, comparison.tflm, comparison.litert
    inputs = dict(zip(place.alone.inputs, comparison.inputs, strict=True))
    states = (tflm.states, litert.states) if tflm.states is not None and litert.states is not None else None
    rule = bounds()[place.op.name]
    case = exact.Case(model, place.graph, place.op, rule, inputs, *comparison.outputs[0], states)
    return exact.compare(case)


def _hold_in_intervals(model: TfliteModel, comparison: _Comparison) -> exact.Exact | None:
    """Compare an operator in float32 with the interval of its exact result; None without a rule."""
    place = comparison.place
    enclosure, sides = Enclosure(model), (comparison.tflm.outputs, comparison.litert.outputs)
    inside, distances, radius = True, [0.0, 0.0], 0.0
    for sample in range(len(sides[0][0])):
        if not model.is_stateful:
            enclosure.reset()
        fed = {i: a[sample] for i, a in zip(place.alone.inputs, comparison.inputs, strict=True)}
        try:
            intervals = enclosure.operator(place.graph, place.op, fed)
        except Unproven:
            return None
        for number, interval in enumerate(intervals):
            radius = max(radius, float(interval.radius.max(initial=0)))
            for side, outputs in enumerate(sides):
                answer = outputs[number][sample].reshape(interval.shape)
                inside &= bool(interval.contains(answer).all())
                distances[side] = max(distances[side], float(np.abs(answer - interval.centre).max(initial=0)))
    return exact.Exact(distances[0], distances[1], radius, inside, 2 * radius)


def _saturated(values: npt.NDArray[Any]) -> float:
    """Return the share of the values at the limits of their type."""
    if values.dtype.kind != "i" or not values.size:
        return 0.0
    limits = np.iinfo(values.dtype)
    return float(((values == limits.min) | (values == limits.max)).mean())


def _rounded(model: TfliteModel, comparisons: Sequence[_Comparison], samples: int) -> npt.NDArray[np.bool_]:
    """Return for each sample whether the difference of some operator explains that outputs differ."""
    explained = np.zeros(samples, np.bool_)
    for ours, theirs in (pair for c in comparisons if not c.litert.refusal for pair in c.outputs):
        differs = sample_differs(ours, theirs)
        # A difference in an earlier step of a sequence explains one in a later step.
        explained |= np.logical_or.accumulate(differs) if model.is_stateful else differs
    return explained


def _objection(comparisons: Sequence[_Comparison], unexplained: npt.NDArray[np.bool_]) -> str:
    """Return what stands against a proof in which every operator is within its bound; "" if nothing does."""
    # A branch that control flow does not take on some sample keeps its old values, which prove nothing there.
    unfaithful = [
        c for c in comparisons if c.tflm.unfaithful >= (len(c.tflm.outputs[0]) if c.place.graph.index else 1)
    ] + [c for c in comparisons if c.litert.unfaithful]
    if unfaithful:
        return (
            f"{unfaithful[0].place.title} computes different values alone from those in the model, so the proof fails"
        )
    for comparison in comparisons:
        if comparison.litert.refusal:
            return f"{comparison.place.title} does not run alone in LiteRT: {comparison.litert.refusal}"
    return "outputs differ, but on some sample no single operator does" if unexplained.any() else ""
