"""The public function `inspect`: what a model is, and whether and how it fits a board."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from .. import defaults
from ..boards import Board, list_boards, load_board
from ..deployment import (
    AUTO,
    Candidate,
    Deployment,
    candidates,
    check_model,
    choose,
    choose_runtime,
    deploy,
    deploy_together,
)
from ..deployment.fit import Fit, memory_fit
from ..errors import InputError
from ..frontends.source import load
from ..projects import Project, open_project
from ..projects.manifest import (
    model_json,
    project_application,
    project_board,
    project_code,
    project_kind,
    project_model,
    project_runtime,
)
from ..runtimes.memory import MemoryLayout
from ..runtimes.runtime import DEFAULT_CODE, CodeOptions
from ..support.background import in_background
from ..tflite import Operator, Subgraph, TfliteModel, flashed_bytes, float_cost
from ..tflite.macs import model_macs, operator_macs
from ..verification.layer_proof.faults import model_faults
from .count import (
    ApplicationCounts,
    Counts,
    ModelMemory,
    count_application,
    count_inference,
    count_inferences,
    model_memory,
    uncounted,
)


@dataclass(frozen=True)
class InspectedLayer:
    """One operator of a model.

    Attributes:
        index, subgraph: its place.
        op, version: its name and version in the schema.
        name: of its first output.
        input_shapes: of the inputs that are not constant.
        output_shape, output_dtype: of its first output.
        weight_bytes: of its constant inputs.
        macs: multiply-accumulates of one inference.
        inputs, outputs: numbers of the tensors, constants left out.
        arena_bytes: how far the arena is used while it runs; None without a board.
        scratch_bytes: what its kernel asks for while it runs, among that; None without a board.
    """

    index: int
    subgraph: int
    op: str
    version: int
    name: str
    input_shapes: tuple[tuple[int, ...], ...]
    output_shape: tuple[int, ...]
    output_dtype: str
    weight_bytes: int
    macs: int
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    arena_bytes: int | None = None
    scratch_bytes: int | None = None

    def to_json(self) -> dict[str, Any]:
        """Return it as plain data."""
        return {key: _lists(value) for key, value in vars(self).items() if value is not None}


@dataclass(frozen=True)
class RuntimeFigures:
    """What a model takes on one runtime.

    Attributes:
        runtime: its name.
        title: of the library that computes the model; "" where the runtime does not take it.
        refusal: why the runtime does not take the model; "" where it does.
        fit: what it takes of the board's memories; None where it does not take the model, as `memory`.
        memory: what of that is the model with the code that computes it.
        counts: what an inference takes; None where it was not counted.
        uncounted: why it was not; "" where it was.
        notes: what the kernels are known to get wrong in the model, what else is unknown, and which weights are stored
            in another form than in the model.
    """

    runtime: str
    title: str = ""
    refusal: str = ""
    fit: Fit | None = None
    memory: ModelMemory | None = None
    counts: Counts | None = None
    uncounted: str = ""
    notes: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return it as plain data."""
        parts = {name: getattr(self, name) for name in ("fit", "memory", "counts")}
        return {
            "runtime": self.runtime,
            "title": self.title,
            "refusal": self.refusal,
            **{name: part.to_json() if part else None for name, part in parts.items()},
            "uncounted": self.uncounted,
            "notes": list(self.notes),
        }


@dataclass(frozen=True)
class Inspection:
    """What a model is, and how it lies on a board.

    Attributes:
        model: the model.
        layers: its operators, in their order.
        macs: multiply-accumulates of one inference.
        weight_bytes: of all constants, each buffer once.
        faults: what reference kernels are known to get wrong in it.
        deployment: how it goes onto the board; None without one, as `fit`.
        fit: the use of the board's memories.
        counts: what an inference takes on the board's CPU, emulated; None without a board, or where its firmware cannot
            be compiled for that CPU or run here.
        advice: what to change so that it fits; empty where it does.
        runtime_reason: why the runtime was taken where the choice was left open; "" otherwise.
        runtimes: what the model takes on each runtime; empty where one was named, or without a board.
        labels, golden: of a project: names of the first output's elements, and its golden vectors as the manifest
            records them.
        project_kind: of a project: its kind; "" without one.
        application: what the application of a project takes while it listens; None where it has no sensor.
        whole: the firmware of several models that it is one of, to which `fit` and what was linked belong; None: it is
            alone.
    """

    model: TfliteModel
    layers: tuple[InspectedLayer, ...]
    macs: int
    weight_bytes: int
    faults: tuple[str, ...]
    deployment: Deployment | None = None
    fit: Fit | None = None
    counts: Counts | None = None
    advice: tuple[str, ...] = ()
    runtime_reason: str = ""
    runtimes: tuple[RuntimeFigures, ...] = ()
    labels: tuple[str, ...] = ()
    golden: Mapping[str, Any] | None = None
    project_kind: str = ""
    whole: Deployment | None = None
    application: ApplicationCounts | None = None

    @property
    def uncounted(self) -> str:
        """Why no inference was counted where there is a board; "" where one was, or where the model does not fit."""
        return "" if self.deployment is None or self.counts else uncounted(self.whole or self.deployment)

    @property
    def memory(self) -> dict[str, Any] | None:
        """The arena as plain data: its figures, its peak, and where each buffer lies; None without a board."""
        if self.deployment is None:
            return None
        layout = self.deployment.plan.layout
        return {
            **self.deployment.plan.totals(),
            **({"shared": self.whole.firmware.record()["arena"]} if self.whole else {}),
            **model_memory(self.whole or self.deployment, self.counts).to_json(),
            "peak": _peak(self.model, layout),
            "buffers": [
                {
                    "name": b.name,
                    "kind": b.kind,
                    "subgraph": b.subgraph,
                    "bytes": b.bytes,
                    "offset": b.offset,
                    "first": b.first,
                    "last": b.last,
                }
                for b in layout.buffers
            ],
            "steps": [list(s) if s is not None else None for s in layout.scopes],
        }

    def to_json(self) -> dict[str, Any]:
        """Return it as plain data; with a board, "memory" has the arena, and "fit" flash and RAM with their parts."""
        model = self.model
        described: dict[str, Any] = {
            **model_json(model.name, model),
            "flash_bytes": len(flashed_bytes(model)),
            "description": model.description,
            "stateful": model.is_stateful,
            "subgraphs": len(model.subgraphs),
            "tensors": sum(len(g.tensors) for g in model.subgraphs),
            "weight_bytes": self.weight_bytes,
            "float_edges_bytes": _float_edges_bytes(model),
            "float_cost": float_cost(model),
            "macs": self.macs,
            "layers": [layer.to_json() for layer in self.layers],
            "faults": list(self.faults),
        }
        if self.deployment is None or self.fit is None:
            return described
        return {
            **described,
            **({"models": [d.name for d in self.whole.models]} if self.whole else {}),
            "board": self.deployment.board.name,
            "runtime": self.deployment.plan.runtime,
            "runtime_reason": self.runtime_reason,
            "project": self.project_kind or None,
            "runtimes": [figures.to_json() for figures in self.runtimes],
            "memory": self.memory,
            "fit": self.fit.to_json(),
            "counts": self.counts.to_json() if self.counts else None,
            **({"application": self.application.to_json()} if self.application else {}),
            "advice": list(self.advice),
            "warnings": list(self.deployment.warnings),
        }


def inspect(
    model: str | Path,
    board: str | Path | None = None,
    runtime: str | None = None,
    *,
    name: str | None = None,
    optimize: str | None = None,
    flash_budget: int | None = None,
) -> Inspection:
    """Describe a model: inputs, outputs, operators, MACs, sizes, and its memory on a board.

    Args:
        model: a .tflite or a C array of one; or a project's folder, whose board is taken where none is given.
        board: a board; then the result has the arena with its layout, and flash and RAM with their parts.
        runtime: what runs the model on the board, as in `build`; None: the project's runtime, or the usual one for a
            .tflite, and what the model takes on the others.
        name: the name of one of a project's models; None: the first.
        optimize, flash_budget: of generated code, as in `build`.

    Raises:
        InputError: it is not a sound .tflite or project, or the board cannot run it.
    """
    code = CodeOptions(optimize, flash_budget)
    if Path(model).is_dir():
        return _inspect_project(open_project(model).of(name), board, runtime, code)
    if name is not None:
        raise InputError(f"{model}: is a single model, not a project", "omit it", option="model", value=name)
    loaded = load(model)
    if board is None:
        return _describe(loaded)
    target = load_board(str(board))
    if runtime not in (None, AUTO):
        check_model(loaded, target, allow_float=True, runtime=runtime)
        return _describe(loaded, deploy(loaded.name, loaded, target, runtime=runtime, code=code))
    able = candidates(loaded, target, allow_float=True, code=code)
    choice = choose(able) if runtime == AUTO else None
    taken = next(c for c in able if c.runtime == (choice.runtime if choice else defaults.RUNTIME))
    if taken.error is not None:
        raise taken.error
    assert taken.placed is not None
    counting = {c.runtime: in_background(_counts(c)) for c in able if c is not taken}
    described = _describe(loaded, taken.placed[0])
    figures = tuple(_figures(c, counting[c.runtime].result() if c is not taken else described.counts) for c in able)
    return replace(described, runtimes=figures, runtime_reason=choice.reason if choice else "")


def _counts(candidate: Candidate) -> Callable[[], Counts | None]:
    """Return what counts an inference on a runtime, where the model fits."""
    placed = candidate.placed
    return lambda: count_inference(placed[0]) if placed is not None and placed[1].fits else None


def _figures(candidate: Candidate, counts: Counts | None) -> RuntimeFigures:
    """Return what a model takes on a runtime."""
    if candidate.placed is None:
        return RuntimeFigures(candidate.runtime, refusal=candidate.refusal)
    deployment, fit = candidate.placed
    return RuntimeFigures(
        candidate.runtime,
        deployment.plan.library.title,
        "",
        fit,
        model_memory(deployment, counts),
        counts,
        "" if counts else uncounted(deployment) or "it does not fit",
        (*deployment.plan.warnings, *deployment.plan.stored()),
    )


def _inspect_project(opened: Project, board: str | Path | None, runtime: str | None, code: CodeOptions) -> Inspection:
    models, chosen = [project_model(one) for one in opened.models], runtime or project_runtime(opened).name
    target = project_board(opened) if board is None else load_board(str(board))
    reason = ""
    if chosen == AUTO:
        choice = choose_runtime(models, target, allow_float=True, code=code)
        chosen, reason = choice.runtime, choice.reason
    elif runtime is None and code == DEFAULT_CODE:
        code = project_code(opened)
    alone, application = [], project_application(opened)
    for one, model in zip(opened.models, models, strict=True):
        labels = tuple(str(label) for label in one.manifest.get("labels", []))
        measured = int(one.manifest.get("arena", {}).get("host_min_bytes", 0))
        alone.append(deploy(model.name, model, target, measured, labels, application, runtime=chosen, code=code))
    deployment = alone[opened.number]
    whole = deploy_together(alone) if len(alone) > 1 else None
    described = _describe(deployment.model, deployment, deployment.labels, opened.manifest.get("golden"), whole)
    listening = count_application(whole or deployment, described.counts) if application.sensor else None
    return replace(described, runtime_reason=reason, project_kind=project_kind(opened), application=listening)


def _describe(
    model: TfliteModel,
    deployment: Deployment | None = None,
    labels: tuple[str, ...] = (),
    golden: Mapping[str, Any] | None = None,
    whole: Deployment | None = None,
) -> Inspection:
    layout = deployment.plan.layout if deployment else None
    firmware = whole or deployment
    fit = memory_fit(firmware) if firmware else None
    number = [d.name for d in whole.models].index(model.name) if whole else 0
    return Inspection(
        model,
        tuple(_layer(graph, op, layout) for graph in model.subgraphs for op in graph.operators),
        model_macs(model),
        sum({t.buffer: t.size for g in model.subgraphs for t in g.tensors}.values()),
        model_faults(model),
        deployment,
        fit,
        count_inferences(firmware)[number] if firmware and fit and fit.fits else None,
        tuple(_advice(model, deployment, fit)) if deployment and fit else (),
        labels=labels,
        golden=golden,
        whole=whole,
    )


def _layer(graph: Subgraph, op: Operator, layout: MemoryLayout | None) -> InspectedLayer:
    output = graph.tensors[op.outputs[0]] if op.outputs else None
    inputs = [graph.tensors[i] for i in op.inputs if i >= 0]
    return InspectedLayer(
        index=op.index,
        subgraph=graph.index,
        op=op.name,
        version=op.version,
        name=output.name if output else "",
        input_shapes=tuple(t.shape for t in inputs if not t.is_constant),
        output_shape=output.shape if output else (),
        output_dtype=output.dtype if output else "",
        weight_bytes=sum(t.size for t in inputs),
        macs=operator_macs(graph, op),
        inputs=tuple(t.index for t in inputs if not t.is_constant),
        outputs=tuple(op.outputs),
        arena_bytes=layout.top(graph.index, op.index) if layout else None,
        scratch_bytes=layout.scratch(graph.index, op.index) if layout else None,
    )


def _lists(value: Any) -> Any:  # noqa: ANN401 - any field
    return [_lists(entry) for entry in value] if isinstance(value, tuple) else value


def _float_edges_bytes(model: TfliteModel) -> int:
    """Return what float32 inputs and outputs take in RAM beyond the integers that they are converted to and from."""
    edges, graph, more = {*model.main.inputs, *model.main.outputs}, model.main, 0
    for op in graph.operators:
        if op.name in ("QUANTIZE", "DEQUANTIZE") and op.inputs and op.outputs:
            real, integer = (op.inputs[0], op.outputs[0]) if op.name == "QUANTIZE" else (op.outputs[0], op.inputs[0])
            if real in edges and graph.tensors[real].dtype == "float32":
                more += graph.tensors[real].bytes - graph.tensors[integer].bytes
    return more


def _peak(model: TfliteModel, layout: MemoryLayout) -> dict[str, Any]:
    subgraph, operator = layout.peak
    op = model.subgraphs[subgraph].operators[operator]
    return {
        "subgraph": subgraph,
        "operator": operator,
        "op": op.name,
        "bytes": layout.top(subgraph, operator),
        "live": [{"name": b.name, "bytes": b.size} for b in layout.live(subgraph, operator)],
    }


def _advice(model: TfliteModel, deployment: Deployment, fit: Fit) -> list[str]:
    """Say what to change so that the model fits; nothing where it fits."""
    if fit.outcome == "fits":
        return []
    lines = []
    if fit.flash.outcome != "fits":
        lines.append(
            f"flash: the model takes {len(model.data):,} bytes: use fewer or narrower layers, or prune its channels"
        )
    if any(m.outcome != "fits" for m in fit.memories[1:]):
        peak = _peak(model, deployment.plan.layout)
        largest = sorted(peak["live"], key=lambda b: -b["bytes"])[:2]
        names = " and ".join(f"'{b['name']}' ({b['bytes']:,} bytes)" for b in largest)
        lines.append(
            f"RAM: operator {peak['operator']} ({peak['op']}) makes the peak, where {names} live at once: "
            "reduce its resolution or channels, or stride earlier"
        )
    runtime = deployment.plan.runtime
    better = [b.title for b in list_boards() if b.name != deployment.board.name and _fits(model, b, runtime)]
    lines.append(f"boards that it fits: {', '.join(better)}" if better else "it fits none of the boards")
    return lines


def _fits(model: TfliteModel, board: Board, runtime: str) -> bool:
    try:
        check_model(model, board, runtime=runtime)
    except InputError:
        return False
    return memory_fit(deploy(model.name, model, board, runtime=runtime)).outcome == "fits"
