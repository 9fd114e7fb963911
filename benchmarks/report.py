"""RESULTS.md and RESULTS.json."""

from __future__ import annotations

import dataclasses
import json
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .instructions import Count
from .limits import Limit
from .measure import Row
from .protocol import RUNS as INFERENCES
from .protocol import Cost
from .share import HEADS, Share

FOLDER = Path(__file__).parent
_KINDS = {"rows": Row, "protocol": Cost, "instructions": Count, "limits": Limit, "compression": Share}


@dataclass
class Results:
    """What was measured, and on what; empty where a topic was not.

    Attributes:
        outcomes: of the topic of this name, a dictionary for each line of its table.
        problems: by topic, what could not be measured.
    """

    machine: dict[str, str] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    rows: list[Row] = field(default_factory=list)
    outcomes: list[dict[str, Any]] = field(default_factory=list)
    protocol: list[Cost] = field(default_factory=list)
    instructions: list[Count] = field(default_factory=list)
    limits: list[Limit] = field(default_factory=list)
    compression: list[Share] = field(default_factory=list)
    problems: dict[str, list[str]] = field(default_factory=dict)

    def over(self, earlier: Results) -> Results:
        """Return these results, with those of an earlier run where this one measured nothing."""
        again = {(row.topic, row.what) for row in self.rows}
        kept = [row for row in earlier.rows if (row.topic, row.what) not in again]
        topics = list(dict.fromkeys(row.topic for row in (*earlier.rows, *self.rows)))
        return Results(
            self.machine,
            {**earlier.versions, **self.versions},
            sorted([*kept, *self.rows], key=lambda row: topics.index(row.topic)),
            self.outcomes or earlier.outcomes,
            self.protocol or earlier.protocol,
            self.instructions or earlier.instructions,
            self.limits or earlier.limits,
            self.compression or earlier.compression,
            {**earlier.problems, **self.problems},
        )


def write(folder: Path, results: Results) -> str:
    """Write both files and return the Markdown."""
    text = "\n".join(_lines(results)) + "\n"
    (folder / "RESULTS.md").write_text(text)
    document = {**dataclasses.asdict(results), "rows": [row.to_json() for row in results.rows]}
    (folder / "RESULTS.json").write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n")
    return text


def read(folder: Path) -> Results:
    """Return the results of an earlier run; none where there are no files."""
    file = folder / "RESULTS.json"
    document = json.loads(file.read_text("utf-8")) if file.is_file() else {}
    for name, kind in _KINDS.items():
        fields = [f.name for f in dataclasses.fields(kind)]
        document[name] = [kind(**{f: entry[f] for f in fields if f in entry}) for entry in document.get(name, ())]
    return Results(**document)


def _lines(results: Results) -> list[str]:
    lines = ["# Benchmarks", "", *_ABOUT]
    for heading, pairs in (("Machine", results.machine), ("Versions", results.versions)):
        lines += ["", f"## {heading}", "", *table(["", ""], [list(p) for p in pairs.items()])]
    for topic in dict.fromkeys(r.topic for r in results.rows):
        heads = ["what", "tool", "runs", "median s", "min to max", "peak MB", ""]
        lines += ["", f"## Time: {topic}", "", *table(heads, [_row(r) for r in results.rows if r.topic == topic])]
    heads = ["model", "tool", "output", "compiles", "runs", "operators", "arena", "the tool's own comparison"]
    lines += _section("Outcome", _OUTCOME, heads, [list(o.values()) for o in results.outcomes])
    heads = ["model", "bytes in, out", "TFLM from Python", "TFLM in the firmware", "through the protocol", "overhead"]
    lines += _section("Serial protocol", _PROTOCOL, heads, [_cost(c) for c in results.protocol])
    heads = ["model", "CPU", "optimised for", "instructions", "code", "weights", "RAM", "stack"]
    counts = [[f"{v:,}" if isinstance(v, int) else str(v) for v in vars(c).values()] for c in results.instructions]
    lines += _section("Instructions", _INSTRUCTIONS, heads, counts)
    lines += _section(
        "Compression", _COMPRESSION, ["network (seeds)", *HEADS], [share.cells() for share in results.compression]
    )
    heads = ["case", "limit s", "s", "limit MB", "peak MB", "within limits", "last line of output"]
    lines += _section("Limits", _LIMITS, heads, [_limit(b) for b in results.limits])
    problems = [f"- {_cell(topic)}: {_cell('; '.join(said))}" for topic, said in results.problems.items() if said]
    return [*lines, *(["", "## Not measured", "", *problems] if problems else [])]


def _section(heading: str, about: Sequence[str], heads: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    return ["", f"## {heading}", "", *about, "", *table(heads, rows)] if rows else []


_ABOUT = [
    "`python -m benchmarks` (`make benchmark`) writes this page. All figures come from one machine.",
    "`python -m benchmarks TOPIC` measures one topic again and keeps the others.",
    "Times are medians over whole processes after a warm-up. The tools take turns.",
]

_OUTCOME = [
    "Each tool processed each model of a format that it reads once. The same checks examined every output: g++ or gcc",
    "compiled it against the TFLM declarations that microgen uses, TFLM ran its model once, and its operators and",
    "arena were compared with the model's. Code from ONNX models was compared with onnxruntime on 100 samples. If a",
    "tool rejects a model, the table quotes its message.",
]

_PROTOCOL = [f"Medians of {INFERENCES} inferences of the host program, in microseconds."]

_INSTRUCTIONS = [
    "One inference of the compiled runtime in QEMU, compiled with `-O2` (`-Os` for size). Instruction counts are the",
    "same in every run. Sizes are bytes as linked; code is without weights. All outputs were compared with TFLM's.",
]

_COMPRESSION = [
    "The compiled runtime on a Cortex-M4F in QEMU, outputs compared with TFLM's. Weights in flash and instructions are",
    "shares of those of dense int8 weights, compiled alike; RAM and code are what is needed more, at most. Accuracy is",
    "that in TFLM on held-out images that chose nothing, the mean over seeds; each seed trains its own. Behind a",
    "difference stands its standard error. Digits is the recipe, with 1,000 held-out images for each seed. ResNet-8 is",
    "MLPerf Tiny's, trained on for 4 epochs with scikit-learn's digits (each pixel enlarged to 4x4), 400 held out.",
    "The rounding of int4 is an exception: it was chosen with the held-out images of one seed of each network in view.",
]

_LIMITS = [
    "Large models, and boards that send output that no firmware sends. Each case ran once, without a cache. Memory is",
    "the sum over the command and all its processes; a shared page counts once.",
]


def _row(row: Row) -> list[str]:
    if not row.seconds:
        return [row.what, row.tool, "-", "-", "-", "-", row.remark]
    spread = f"{min(row.seconds):.3g} to {max(row.seconds):.3g}"
    memory = f"{row.peak_mb:.0f}" if row.peak_mb else ""
    median = f"{statistics.median(row.seconds):.3g}"
    return [row.what, row.tool, str(len(row.seconds)), median, spread, memory, row.remark]


def _cost(cost: Cost) -> list[str]:
    times = (cost.python_us, cost.firmware_us, cost.protocol_us, cost.overhead_us)
    return [cost.model, f"{cost.bytes_in}, {cost.bytes_out}", *(f"{t:.0f}" for t in times)]


def _limit(limit: Limit) -> list[str]:
    figures = [f"{limit.max_seconds:g}", f"{limit.seconds:.3g}", f"{limit.max_mb:g}", f"{limit.peak_mb:.0f}"]
    return [limit.what, *figures, "yes" if limit.holds else "no", limit.remark]


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Return the lines of a Markdown table."""
    lines = [f"| {' | '.join(heads)} |", f"|{'---|' * len(heads)}"]
    return [*lines, *(f"| {' | '.join(map(_cell, row))} |" for row in rows)]


def _cell(text: str) -> str:
    """Return text that stays in its cell."""
    return " ".join(str(text).split()).replace("|", "\\|").replace("<", "&lt;")
