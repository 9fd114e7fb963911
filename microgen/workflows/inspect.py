"""The public function `inspect`: what a model is, and whether and how it fits a board."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..boards import Board, list_boards, load_board
from ..deployment import Deployment, check, deploy
from ..deployment.fit import memory_fit
from ..errors import InputError
from ..projects.manifest import model_json
from ..runtimes.tflm.planner import MemoryPlan
from ..tflite import Operator, Subgraph, TfliteModel, load
from ..tflite.macs import model_macs, operator_macs
from ..verification.layer_proof.faults import model_faults


def inspect(model: str | Path, board: str | Path | None = None, report: str | Path | None = None) -> dict[str, Any]:
    """Describe a .tflite as plain data: inputs, outputs, operators, MACs, sizes, and its memory on a board.

    Args:
        model: the file.
        board: a board; then "memory" has the arena and its layout, and "fit" flash and RAM with their parts.
        report: where to write the same as an HTML page.

    Raises:
        InputError: it is not a sound .tflite, or the board cannot run it.
    """
    loaded = load(model)
    target = load_board(str(board)) if board is not None else None
    found = describe(loaded, target)
    if report is not None:
        from ..report.html import write_report

        write_report(Path(report), found)
    return found


def describe(model: TfliteModel, board: Board | None, deployment: Deployment | None = None) -> dict[str, Any]:
    """Return what `inspect` returns, for a model that was read already.

    Args:
        model: the model.
        board: the board, None for a description without one.
        deployment: how the model goes onto that board, where it was decided already.
    """
    found: dict[str, Any] = {
        **model_json(model.name, model),
        "description": model.description,
        "stateful": model.is_stateful,
        "subgraphs": len(model.subgraphs),
        "tensors": sum(len(g.tensors) for g in model.subgraphs),
        "weight_bytes": sum({t.buffer: t.size for g in model.subgraphs for t in g.tensors}.values()),
        "macs": model_macs(model),
        "layers": [_layer(graph, op) for graph in model.subgraphs for op in graph.operators],
        "faults": list(model_faults(model)),
    }
    if board is None:
        return found
    if deployment is None:
        check(model, board)
        deployment = deploy(model.name, model, board)
    fit = memory_fit(deployment)
    for layer in found["layers"]:
        live = deployment.plan.live(layer["subgraph"], layer["index"])
        layer["arena_bytes"] = deployment.plan.top(layer["subgraph"], layer["index"])
        layer["scratch_bytes"] = sum(b.size for b in live if b.kind == "scratch")
    return {
        **found,
        "board": board.name,
        "memory": _memory(model, deployment),
        "fit": fit.to_json(),
        "advice": _advice(model, deployment),
        "warnings": list(deployment.warnings),
    }


def _layer(graph: Subgraph, op: Operator) -> dict[str, Any]:
    output = graph.tensors[op.outputs[0]] if op.outputs else None
    inputs = [graph.tensors[i] for i in op.inputs if i >= 0]
    return {
        "index": op.index,
        "subgraph": graph.index,
        "op": op.name,
        "version": op.version,
        "name": output.name if output else "",
        "input_shapes": [list(t.shape) for t in inputs if not t.is_constant],
        "output_shape": list(output.shape) if output else [],
        "output_dtype": output.dtype if output else "",
        "weight_bytes": sum(t.size for t in inputs),
        "macs": operator_macs(graph, op),
        "inputs": [t.index for t in inputs if not t.is_constant],
        "outputs": list(op.outputs),
    }


def _memory(model: TfliteModel, deployment: Deployment) -> dict[str, Any]:
    layout, arena = deployment.plan, deployment.arena
    return {
        "arena_min_bytes": layout.arena_min_bytes,
        "arena_bytes": arena.bytes,
        "margin_bytes": arena.bytes - layout.arena_min_bytes,
        "reference_kernels_min_bytes": arena.min_bytes,
        "kernel_bytes": layout.arena_min_bytes - arena.min_bytes,
        "head_bytes": layout.head_bytes,
        "persistent_bytes": layout.persistent_bytes,
        "planning_bytes": layout.planning_bytes,
        "host_predicted_bytes": arena.host_predicted_bytes,
        "host_min_bytes": arena.host_min_bytes,
        "peak": _peak(model, layout),
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


def _peak(model: TfliteModel, layout: MemoryPlan) -> dict[str, Any]:
    subgraph, operator = layout.peak
    op = model.subgraphs[subgraph].operators[operator]
    return {
        "subgraph": subgraph,
        "operator": operator,
        "op": op.name,
        "bytes": layout.top(subgraph, operator),
        "live": [{"name": b.name, "bytes": b.size} for b in layout.live(subgraph, operator)],
    }


def _advice(model: TfliteModel, deployment: Deployment) -> list[str]:
    """Say what to change so that the model fits; nothing where it fits."""
    fit = memory_fit(deployment)
    if fit.outcome == "fits":
        return []
    lines = []
    if fit.flash.outcome != "fits":
        lines.append(
            f"flash: the model takes {len(model.data):,} bytes: use fewer or narrower layers, or prune its channels"
        )
    if any(m.outcome != "fits" for m in fit.memories[1:]):
        peak = _peak(model, deployment.plan)
        largest = sorted(peak["live"], key=lambda b: -b["bytes"])[:2]
        names = " and ".join(f"'{b['name']}' ({b['bytes']:,} bytes)" for b in largest)
        lines.append(
            f"RAM: operator {peak['operator']} ({peak['op']}) makes the peak, where {names} live at once: "
            "reduce its resolution or channels, or stride earlier"
        )
    better = [b.title for b in list_boards() if b.name != deployment.board.name and _fits(model, b)]
    lines.append(f"boards that it fits: {', '.join(better)}" if better else "it fits none of the boards")
    return lines


def _fits(model: TfliteModel, board: Board) -> bool:
    try:
        check(model, board)
    except InputError:
        return False
    return memory_fit(deploy(model.name, model, board)).outcome == "fits"
