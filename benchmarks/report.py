"""RESULTS.md and RESULTS.json."""

from __future__ import annotations

import dataclasses
import json
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .instructions import Count
from .limits import Limit
from .measure import Row
from .protocol import RUNS as INFERENCES
from .protocol import Cost

FOLDER = Path(__file__).parent
_ROW = [f.name for f in dataclasses.fields(Row)]


def write(
    folder: Path,
    document: dict[str, Any],
    rows: Sequence[Row],
    costs: Sequence[Cost],
    counts: Sequence[Count] = (),
    bounds: Sequence[Limit] = (),
    *,
    kept: dict[str, Any] | None = None,
) -> str:
    """Write both files and return the Markdown.

    Args:
        kept: the document of an earlier run, whose topics stay where this run has nothing of them.
    """
    earlier = kept or {}
    topics = {r.topic for r in rows}
    old_rows = [Row(**{k: r[k] for k in _ROW}) for r in earlier.get("rows", ()) if r["topic"] not in topics]
    rows = [*old_rows, *rows]
    costs = costs or [Cost(**c) for c in earlier.get("protocol", ())]
    counts = counts or [Count(**c) for c in earlier.get("instructions", ())]
    bounds = bounds or [Limit(**b) for b in earlier.get("limits", ())]
    document = {**document, "outcomes": document["outcomes"] or earlier.get("outcomes", [])}
    document["versions"] = {**earlier.get("versions", {}), **document["versions"]}
    text = "\n".join([*_lines(document, rows, costs), *_counted(counts), *_limited(bounds), *_missing(document)]) + "\n"
    (folder / "RESULTS.md").write_text(text)
    whole = {**document, "rows": [r.to_json() for r in rows], "protocol": [vars(c) for c in costs]}
    whole["instructions"] = [vars(c) for c in counts]
    whole["limits"] = [vars(b) for b in bounds]
    (folder / "RESULTS.json").write_text(json.dumps(whole, indent=2, ensure_ascii=False) + "\n")
    return text


def read(folder: Path) -> dict[str, Any]:
    """Return the document of an earlier run; empty where there is none."""
    file = folder / "RESULTS.json"
    return dict(json.loads(file.read_text("utf-8"))) if file.is_file() else {}


def _lines(document: dict[str, Any], rows: Sequence[Row], costs: Sequence[Cost]) -> list[str]:
    lines = [
        "# Benchmarks",
        "",
        "Written by `python -m benchmarks` (`make benchmark`); figures of one machine. `python -m benchmarks TOPIC`",
        "measures a topic again and keeps the others.",
    ]
    lines += [
        f"Medians of {document['runs']} runs after a warm-up, the tools taking turns; times are of whole processes."
    ]
    for heading, pairs in (("Machine", document["machine"]), ("Versions", document["versions"])):
        lines += ["", f"## {heading}", "", *table(["", ""], [list(p) for p in pairs.items()])]
    for topic in dict.fromkeys(r.topic for r in rows):
        heads = ["what", "tool", "median s", "min to max", "peak MB", ""]
        lines += ["", f"## Time: {topic}", "", *table(heads, [_row(r) for r in rows if r.topic == topic])]
    if document["outcomes"]:
        heads = ["model", "tool", "makes", "compiles", "runs", "operators", "arena", "outputs compared by it"]
        body = [list(o.values()) for o in document["outcomes"]]
        lines += ["", "## Outcome", "", *_OUTCOME, "", *table(heads, body)]
    if costs:
        heads = [
            "model",
            "bytes in, out",
            "TFLM from Python",
            "TFLM in the firmware",
            "through the protocol",
            "overhead",
        ]
        body = [
            [c.model, f"{c.bytes_in}, {c.bytes_out}"]
            + [f"{v:.0f}" for v in (c.python_us, c.firmware_us, c.protocol_us, c.overhead_us)]
            for c in costs
        ]
        lines += [
            "",
            "## Serial protocol",
            "",
            f"{INFERENCES} inferences on the host program, medians in microseconds.",
        ]
        lines += ["", *table(heads, body)]
    return lines


def _counted(counts: Sequence[Count]) -> list[str]:
    if not counts:
        return []
    heads = ["model", "CPU", "optimised for", "instructions", "code", "weights", "RAM", "stack"]
    body = [[f"{v:,}" if isinstance(v, int) else str(v) for v in vars(c).values()] for c in counts]
    return ["", "## Instructions", "", *_INSTRUCTIONS, "", *table(heads, body)]


def _limited(bounds: Sequence[Limit]) -> list[str]:
    if not bounds:
        return []
    heads = ["what", "before", "wanted", "seconds", "peak MB", "its last words"]
    body = [[b.what, b.before, b.wanted, f"{b.seconds:.3g}", f"{b.peak_mb:.0f}", b.remark] for b in bounds]
    return ["", "## Limits", "", *_LIMITS, "", *table(heads, body)]


def _missing(document: dict[str, Any]) -> list[str]:
    problems = document["problems"]
    return ["", "## Not measured", "", *(f"- {_cell(p)}" for p in problems)] if problems else []


_INSTRUCTIONS = [
    "An inference of the compiled runtime in QEMU, `-O2` (`-Os` for size): instructions, which are the same in every",
    "run, and bytes as linked; code without weights. All outputs were compared with TFLM's.",
]

_LIMITS = [
    "Large models, and boards that send what no firmware sends, each once and nothing cached. Memory is that of the",
    "command and all its processes together; a page that several share counts once.",
]

_OUTCOME = [
    "Each tool did each model once, and what it made was looked at by the same means for all: compiled with g++ or gcc",
    "against the declarations of TFLM that microgen has, its model run once in TFLM, its operators and arena compared",
    "with the model's. What a tool refuses stands there in its own words.",
]


def _row(row: Row) -> list[str]:
    if not row.seconds:
        return [row.what, row.tool, "-", "-", "-", row.remark]
    spread = f"{min(row.seconds):.3g} to {max(row.seconds):.3g}"
    memory = f"{row.peak_mb:.0f}" if row.peak_mb else ""
    return [row.what, row.tool, f"{statistics.median(row.seconds):.3g}", spread, memory, row.remark]


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Return the lines of a Markdown table."""
    lines = [f"| {' | '.join(heads)} |", f"|{'---|' * len(heads)}"]
    return [*lines, *(f"| {' | '.join(map(_cell, row))} |" for row in rows)]


def _cell(text: str) -> str:
    """Return text that stays in its cell."""
    return " ".join(str(text).split()).replace("|", "\\|").replace("<", "&lt;")
