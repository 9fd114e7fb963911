"""The layer proof: each operator alone, on the inputs that it has in TFLM, in both interpreters."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ...support import toml
from ...tflite import Operator, Subgraph, TfliteModel
from ...tflite.macs import model_macs
from ...tflite.normalise import normalise
from ...workers import process as worker
from ...workers.difference import differing_elements, largest, sample_differs
from ..samples import Samples
from ..verdict import Layer
from . import exact
from .faults import REFERENCE, faults_of, reference_kernels
from .recurrent import Steps, steps_of

# An engine that takes longer is hung: so long to start, and so many multiply-accumulates a second, a hundredth of what
# reference kernels do on a PC.
_START_S, _MACS_PER_S = 8.0, 2e6
JOBS = "microgen.workers.jobs"
# The layer proof looks at every sample whose outputs differ, up to this many, and fills up with others.
_SAMPLES = 16
COMPUTED = "computed"  # in bounds.toml, where the bound depends on the data


def deadline(model: TfliteModel, samples: int) -> float:
    """Return after how many seconds an engine that runs a model on so many samples is hung."""
    # Operators without multiplications take time by their bytes.
    work = model_macs(model) + sum(t.bytes for g in model.subgraphs for t in g.tensors)
    return _START_S + samples * work / _MACS_PER_S


@dataclass(frozen=True)
class Proof:
    """What the layer proof found.

    Attributes:
        layers: every operator that was compared, in its order.
        objection: why this is no proof that all differences are allowed, "" when it is one.
        culprit: the first operator beyond its bound, None when there is none.
        inputs: for the culprit, its inputs on the samples looked at, samples first.
        cut: the culprit as a model of its own.
    """

    layers: tuple[Layer, ...]
    objection: str
    culprit: Layer | None = None
    inputs: Samples = ()
    cut: bytes = b""


@dataclass(frozen=True)
class _Place:
    """An operator and how its one-operator model is fed."""

    graph: Subgraph
    op: Operator
    activations: tuple[int, ...]

    @property
    def key(self) -> str:
        return f"{self.graph.index}_{self.op.index}"

    @property
    def steps(self) -> Steps | None:
        """How it is taken apart into steps; None where it is run at once only."""
        return steps_of(self.graph, self.op)

    def step_shapes(self, steps: Steps) -> dict[int, list[int]]:
        """Return the shapes of its input and output in one step."""
        return {
            i: [1 if axis == steps.axis else d for axis, d in enumerate(self.graph.tensors[i].shape)]
            for i in (self.op.inputs[0], self.op.outputs[0])
        }


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
        inputs: one array an input, samples first.
        differs: on which samples the outputs of the engines differ, each from a fresh state.
        arena_min_bytes: the smallest arena of the model.
        drift: on which of the first samples they differ when those are run as one sequence.
    """
    from ...tflite.cut import Cutter

    limit = deadline(model, 2 * _SAMPLES)
    if drift is not None and drift.any() and not differs.any():
        # What differs in a sequence only does so after the samples before it.
        differs, order = drift, np.arange(len(drift))
    else:
        order = np.argsort(~differs, kind="stable")[:_SAMPLES]
    # LiteRT gets the copy that it takes, TFLM the same: what differs in it TFLM never looks at.
    cutter = Cutter(dataclasses.replace(model, data=normalise(model).data))
    places = [
        _Place(graph, op, cutter.activations(op.index, graph.index))
        for graph in model.subgraphs
        for op in graph.operators
        if op.outputs and not op.subgraphs
    ]
    cuts = {f"cut{p.key}": np.frombuffer(cutter.cut(p.op.index, p.graph.index), np.uint8) for p in places}
    jobs: dict[str, dict[str, Any]] = {}
    for p in places:
        jobs[p.key] = {
            "key": p.key,
            "subgraph": p.graph.index,
            "inputs": list(p.activations),
            "outputs": list(p.op.outputs),
            "kernels": reference_kernels(p.graph, p.op),
        }
        if steps := p.steps:
            state = cutter.number(steps.state, p.op.index, p.graph.index)
            jobs[p.key] |= {"axis": steps.axis, "count": steps.count, "state": state}
            one = cutter.cut(p.op.index, p.graph.index, p.step_shapes(steps))
            cuts[f"step{p.key}"] = np.frombuffer(one, np.uint8)
    tensors = sum(t.bytes + 256 for g in model.subgraphs for t in g.tensors)
    tflm = worker.call(
        "TFLM",
        f"{JOBS}:tflm_layers",
        {
            "arena_bytes": arena_min_bytes * 2 + tensors + 65536,
            "keep_state": model.is_stateful,
            "operators": list(jobs.values()),
        },
        {
            "model": np.frombuffer(model.data, np.uint8),
            **{f"in{k}": a[order] for k, a in enumerate(inputs)},
            **cuts,
        },
        limit,
    )
    litert = worker.call(
        "LiteRT",
        f"{JOBS}:litert_layers",
        {"operators": list(jobs.values()), "keep_state": model.is_stateful, "samples": len(order)},
        {**cuts, **{k: v for k, v in tflm.arrays.items() if "_in" in k}},
        limit,
    )
    refused: Mapping[str, str] = litert.values["refused"]
    layers = [_layer(model, p, tflm, litert) for p in places if p.key not in refused]
    explained = ~differs[order]
    if any(job["kernels"] != REFERENCE for job in jobs.values()):
        explained[:] = True  # the reference itself is wrong in this model, on any sample
    for p in (p for p in places if p.key not in refused):
        for k in range(len(p.op.outputs)):
            name = f"op{p.key}_out{k}"
            found = sample_differs(tflm.arrays[name], litert.arrays[name])
            # A difference in an earlier step of a sequence explains one in a later step.
            explained = explained | (np.logical_or.accumulate(found) if model.is_stateful else found)
    culprit = next((layer for layer in layers if not layer.is_within), None)
    objection = _objection(places, culprit, explained, tflm.values["unfaithful"] + litert.values["unfaithful"], refused)
    if culprit is None:
        return Proof(tuple(layers), objection)
    place = next(p for p in places if p.key == f"{culprit.subgraph}_{culprit.index}")
    fed = tuple(tflm.arrays[f"op{place.key}_in{k}"] for k in range(len(place.activations)))
    return Proof(tuple(layers), objection, culprit, fed, cuts[f"cut{place.key}"].tobytes())


@functools.cache
def bounds() -> dict[str, dict[str, Any]]:
    """Return bounds.toml: {op: {dtype of its output: LSB, "why": derivation, "exact": rule}}."""
    return toml.load(Path(__file__).with_name("bounds.toml"))


def _layer(model: TfliteModel, place: _Place, tflm: worker.Reply, litert: worker.Reply) -> Layer:
    graph, op = place.graph, place.op
    names = [f"op{place.key}_out{k}" for k in range(len(op.outputs))]
    pairs = [(tflm.arrays[n], litert.arrays[n]) for n in names]
    tensor = graph.tensors[op.outputs[0]]
    bound = bounds().get(op.name, {})
    found: exact.Exact | None = None
    if "exact" in bound and tensor.dtype in bound:
        inputs = {i: tflm.arrays[f"op{place.key}_in{k}"] for k, i in enumerate(place.activations)}
        state = f"op{place.key}_state"
        states = (tflm.arrays[state], litert.arrays[state]) if place.steps else None
        found = exact.compare(exact.Case(model, graph, op, bound, inputs, *pairs[0], states))
    allowed = bound.get(tensor.dtype, 0)
    if "exact" in bound and found is None:
        allowed = 0  # what cannot be held against the exact result is not proven
    elif found is not None and allowed == COMPUTED:
        allowed = found.bound_lsb or 0
    first = pairs[0][0]
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
        saturated=_saturated(first),
        exact_error_lsb=max(found.tflm, found.litert) if found else None,
        exact_allowed_lsb=found.allowed if found else None,
        exact_within=found.is_within if found else True,
        faults=tuple(f.text for f in faults_of(graph, op)),
    )


def _saturated(values: npt.NDArray[Any]) -> float:
    """Return the part of the values that lie at the edge of their type."""
    if values.dtype.kind != "i" or not values.size:
        return 0.0
    limits = np.iinfo(values.dtype)
    return float(((values == limits.min) | (values == limits.max)).mean())


def _objection(
    places: list[_Place],
    culprit: Layer | None,
    explained: npt.NDArray[np.bool_],
    unfaithful: list[str],
    refused: Mapping[str, str],
) -> str:
    """Say what stands against the proof; "" when nothing does."""
    if culprit is not None:
        return culprit.complaint()
    named = {p.key: f"operator {p.op.index} ({p.op.name})" for p in places}
    if unfaithful:
        return f"{named[unfaithful[0]]} computes something else alone than in the model, so nothing is proven"
    if refused:
        key, why = next(iter(refused.items()))
        return f"{named[key]} does not run alone in LiteRT: {why}"
    if not explained.all():
        return "outputs differ, but on some sample no single operator does"
    return ""
