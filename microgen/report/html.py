"""The report for people who look: one HTML page without scripts, fonts or images from elsewhere.

The page is rendered from the same plain data as the JSON output, with every value escaped. Pictures are inline SVG,
whose geometry is computed here.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .._version import __version__
from ..support.files import write_file
from ..support.render import render
from .accuracy import changed_line
from .text import short_name

if TYPE_CHECKING:
    from ..verification import Verdict
    from ..workflows.inspect import Inspection

# One row of the network's picture, and one step of the arena's, in SVG units.
_ROW, _BOX, _LANE = 30, 230, 9
_STEP, _HEIGHT = 26, 260
_LONGEST_PICTURE = 400
_DARKEST = 0.5  # how much of a cell's colour covers the page


def write_report(
    path: str | Path,
    inspection: Inspection,
    verdict: Verdict | None = None,
    further: Sequence[tuple[Inspection, Verdict | None]] = (),
) -> None:
    """Write what `microgen.inspect` and `microgen.verify` found as one HTML page, as a whole or not at all.

    Args:
        path: the file.
        inspection: of the model, or of the project.
        verdict: of its verification; with `layers`, the page has the layer proof of each operator.
        further: both for each further model of a project.

    Raises:
        InputError: it cannot be written there.
    """
    write_file(Path(path), render_report(inspection, verdict, further), "choose another path for the report")


def render_report(
    inspection: Inspection, verdict: Verdict | None = None, further: Sequence[tuple[Inspection, Verdict | None]] = ()
) -> bytes:
    """Return the page; see `write_report`."""
    pages = [_page(*found) for found in ((inspection, verdict), *further)]
    return render("report.html.j2", version=__version__, pages=pages)


def _page(inspection: Inspection, verdict: Verdict | None) -> dict[str, Any]:
    """Return what the page says of one model."""
    document = inspection.to_json()
    if verdict is not None:
        document |= {"verdict": verdict.to_json(), "summary": verdict.summary(), "accuracy": verdict.accuracy}
        document |= {"golden": inspection.golden, "labels": list(inspection.labels)}
    memory = document.get("memory")
    return {
        "d": document,
        "verdict": document.get("verdict"),
        "layers": _rows(document),
        "network": _network(document["layers"][:_LONGEST_PICTURE]),
        "more_layers": max(0, len(document["layers"]) - _LONGEST_PICTURE),
        "memory": memory,
        "arena": _arena(memory, document["layers"]) if memory else None,
        "fit": _fit(document.get("fit")),
        "accuracy": _confusion(document),
    }


def _rows(document: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the layers, each with what the layer proof found for it."""
    verdict = document.get("verdict") or {}
    proof = {(p["subgraph"], p["index"]): p for p in verdict.get("layers", ())}
    peak = (document.get("memory") or {}).get("peak") or {}
    return [
        {
            **layer,
            "short_name": short_name(layer["name"]),
            "proof": proof.get((layer["subgraph"], layer["index"])),
            "is_peak": (layer["subgraph"], layer["index"]) == (peak.get("subgraph"), peak.get("operator")),
        }
        for layer in document["layers"]
    ]


def _network(layers: list[dict[str, Any]]) -> dict[str, Any]:
    """Return boxes from top to bottom in the order of execution, and the edges that skip one as arcs beside them."""
    made: dict[tuple[int, int], int] = {}
    boxes, edges = [], []
    lanes: defaultdict[int, list[int]] = defaultdict(list)
    for row, layer in enumerate(layers):
        for tensor in layer["inputs"]:
            source = made.get((layer["subgraph"], tensor))
            if source is None:
                continue
            if source == row - 1:
                edges.append({"path": f"M{_BOX / 2} {source * _ROW + 24} V{row * _ROW + 2}"})
                continue
            lane = next(n for n in range(len(layers)) if all(end <= source for end in lanes[n]))
            lanes[lane].append(row)
            x = _BOX + 12 + lane * _LANE
            edges.append({"path": f"M{_BOX} {source * _ROW + 13} H{x} V{row * _ROW + 13} H{_BOX}"})
        for tensor in layer["outputs"]:
            made[layer["subgraph"], tensor] = row
        boxes.append({"y": row * _ROW + 2, "text": f"{layer['index']} {layer['op']}", "shape": layer["output_shape"]})
    width = _BOX + 24 + _LANE * (1 + max(lanes, default=0))
    return {"boxes": boxes, "edges": edges, "width": width, "height": len(layers) * _ROW + 4, "box": _BOX}


def _arena(memory: dict[str, Any], layers: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the arena over the operators: one rectangle a buffer, from its first to its last operator."""
    steps = [tuple(s) if s is not None else None for s in memory["steps"]]
    top = max(memory["head_bytes"], 1)
    names = {(x["subgraph"], x["index"]): x["op"] for x in layers}
    peak = (memory["peak"]["subgraph"], memory["peak"]["operator"])
    rectangles = [
        {
            "x": b["first"] * _STEP,
            "y": round(_HEIGHT * (1 - (b["offset"] + b["bytes"]) / top), 2),
            "width": (b["last"] - b["first"] + 1) * _STEP - 1,
            "height": max(round(_HEIGHT * b["bytes"] / top, 2), 0.5),
            "kind": b["kind"],
            "title": f"{b['name']}: {b['bytes']:,} bytes at {b['offset']:,}",
        }
        for b in memory["buffers"]
        if b["first"] >= 0
    ]
    ticks = [
        {"x": i * _STEP, "text": f"{s[1]}" if s else "", "is_peak": s == peak, "title": names.get(s, "") if s else ""}
        for i, s in enumerate(steps)
    ]
    return {
        "rectangles": rectangles,
        "ticks": ticks,
        "width": len(steps) * _STEP,
        "height": _HEIGHT,
        "step": _STEP,
    }


def _fit(fit: dict[str, Any] | None) -> list[dict[str, Any]]:
    """Return each memory with its parts as percent of what there is."""
    if fit is None:
        return []
    return [
        {
            **m,
            "parts": [
                {**p, "percent": round(100 * p["bytes"] / max(m["limit_bytes"], m["bytes"], 1), 3)} for p in m["parts"]
            ],
            "percent": round(100 * m["bytes"] / m["limit_bytes"], 1),
        }
        for m in fit["memories"]
    ]


def _confusion(document: dict[str, Any]) -> dict[str, Any] | None:
    accuracy = document.get("accuracy")
    if accuracy is None:
        return None
    classes = len(accuracy["confusion"])
    names = document.get("labels") or []
    if len(names) != classes:  # a single output, which may have one label, tells two classes apart
        names = [str(k) for k in range(classes)]
    twin = accuracy.get("float")
    matrices = [("" if twin is None else ", int8 in TFLM", _shaded(names, accuracy["confusion"]))]
    if twin is None:
        return {**accuracy, "names": names, "matrices": matrices}
    matrices.insert(0, (", float", _shaded(names, twin["confusion"])))
    return {**accuracy, "names": names, "matrices": matrices, "changed": changed_line(twin)}


def _shaded(names: Sequence[str], confusion: Sequence[Sequence[int]]) -> list[dict[str, Any]]:
    """Return the rows of a matrix; the shade of a cell is its part of the row, light enough for its digits."""
    return [
        {"name": name, "cells": [{"count": c, "shade": round(_DARKEST * c / max(sum(row), 1), 3)} for c in row]}
        for name, row in zip(names, confusion, strict=True)
    ]
