"""What compressed weights take on a board against dense int8: flash, RAM, instructions, accuracy, over several seeds.

    python -m benchmarks.compression_flash [--recipe digits] [--seeds 11,12,13] [--folder FOLDER]
    python -m benchmarks.compression_flash --models DENSE.tflite COMPRESSED.tflite...

Each seed holds its own samples out and trains its own network on the others. Every model is compiled for a Cortex-M4F
and run in QEMU on the same inputs as in TFLM: outputs must be equal, bit by bit. Instructions are exact. What is in
FOLDER already is not made again.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, get_args

import numpy as np

import microgen
from microgen.compression.run import price
from microgen.quantization.int4 import with_int4_weights
from microgen.runtimes.compiled.compiler import Options
from microgen.runtimes.runtime import Optimize
from microgen.support.metrics import METRICS
from microgen.tflite import TfliteModel, load
from microgen.verification import quantize_samples, real_values

from . import instructions
from .compression import with_error
from .report import table
from .semihosting import CPUS

# None of these was looked at while methods, amounts and kernels were made.
SEEDS = (41, 42)
METHODS = ("cluster:16", "prune:0.8", "block-prune:0.6")
DENSE, INT4 = "int8, dense", "int4"
_CPU = "m4f"
_SAMPLES = 6
_LEVELS: Mapping[Optimize, str] = {"speed": "-O2", "balanced": "-O2", "size": "-Os"}


@dataclass(frozen=True)
class Taken:
    """What a model takes on the emulated CPU; see `benchmarks.instructions.Figures`."""

    weights_bytes: int
    code_bytes: int
    ram_bytes: int
    stack_bytes: int
    instructions: int


def taken(model: TfliteModel, optimize: Optimize) -> Taken:
    """Return what a model takes.

    Raises:
        RuntimeError: an output is not TFLM's.
    """
    inputs = instructions.samples(model, _SAMPLES)
    expected = instructions.tflm(model, inputs)
    with tempfile.TemporaryDirectory() as folder:
        f = instructions.measure(
            model, CPUS[_CPU], Options(optimize), inputs, expected, Path(folder) / "m", _LEVELS[optimize]
        )
    if f.equal != f.samples:
        raise RuntimeError(f"{f.samples - f.equal} of {f.samples} outputs are not TFLM's")
    return Taken(f.weights_bytes, f.code_bytes, f.ram_bytes, f.stack_bytes, f.instructions)


def seed_figures(recipe: str, seed: int, folder: Path) -> dict[str, dict[str, Any]]:
    """Train a seed's network, compress it, and return score and sizes of each method, by its name."""
    place, kept = folder / f"{recipe}-{seed}", folder / f"{recipe}-{seed}-flash.json"
    found: dict[str, dict[str, Any]] = json.loads(kept.read_text()) if kept.exists() else {}
    network = place / f"{recipe}.keras"
    if not network.exists():
        _say(f"{recipe}, seed {seed}: training")
        microgen.train(recipe, out=place, seed=seed)
    for method in (DENSE, *METHODS, INT4):
        if method in found:
            continue
        _say(f"{recipe}, seed {seed}: {method}")
        if method in METHODS:
            compressed = microgen.compress(network, method, recipe=recipe, seed=seed)
            model, score = compressed.quantized.model, compressed.after.tflm_score
        else:
            compressed = price(network, recipe=recipe, seed=seed)
            model, score = compressed.quantized.model, compressed.after.tflm_score
            if method == INT4:
                quantized = with_int4_weights(compressed.quantized)
                model, score = quantized.model, _score(quantized.model, recipe, seed)
        found[method] = {"score": score, **{o: asdict(taken(model, o)) for o in get_args(Optimize)}}
        kept.write_text(json.dumps(found, indent=2) + "\n")
    return found


def _score(model: TfliteModel, recipe: str, seed: int) -> float:
    """Return the metric on the seed's held-out samples in TFLM."""
    from microgen.recipes import load_recipe

    chosen = load_recipe(recipe)
    data = chosen.data(seed)
    (answers,) = instructions.tflm(model, quantize_samples(model, [np.asarray(data.test_x)]))
    metric = METRICS[chosen.metric.name]
    return metric.score(real_values(model.outputs[0], answers), data.test_x, data.test_y)


def rows(figures: Sequence[Mapping[str, Any]], optimize: Optimize) -> list[list[str]]:
    """Return a row a method: its score against dense, and its sizes as shares of those of dense weights."""
    lines = []
    for method in figures[0]:
        scores = [f[method]["score"] for f in figures]
        change = with_error([f[method]["score"] - f[DENSE]["score"] for f in figures]) if method != DENSE else ""
        shares = [
            statistics.mean(f[method][optimize][k] / f[DENSE][optimize][k] for f in figures)
            for k in ("weights_bytes", "instructions")
        ]
        ram = max(f[method][optimize]["ram_bytes"] - f[DENSE][optimize]["ram_bytes"] for f in figures)
        label = method if method in (DENSE, INT4) else f"`{method}`"
        lines.append([label, f"{statistics.mean(scores):.4f}", change, *(f"{x:.2f}" for x in shares), f"{ram:+d}"])
    return lines


def report(figures: Sequence[Mapping[str, Any]], metric: str) -> list[str]:
    """Return the Markdown of what was measured, a table for each way to compile."""
    heads = ["", metric, "against dense", "weights in flash", "instructions", "RAM, bytes"]
    lines: list[str] = []
    for optimize in get_args(Optimize):
        lines += [f"`--optimize {optimize}`:", "", *table(heads, rows(figures, optimize)), ""]
    return lines


def _models(paths: Sequence[Path]) -> list[str]:
    """Return a table of single models against the first."""
    found = {p.stem: {o: asdict(taken(load(p), o)) for o in get_args(Optimize)} for p in paths}
    first = found[paths[0].stem]
    lines: list[str] = []
    for optimize in get_args(Optimize):
        dense = first[optimize]
        cells = []
        for name, figures in found.items():
            own = figures[optimize]
            shares = [f"{own[k]:,} ({own[k] / dense[k]:.2f})" for k in ("weights_bytes", "instructions")]
            cells.append([name, *shares, f"{own['ram_bytes'] - dense['ram_bytes']:+d}"])
        lines += [f"`--optimize {optimize}`:", "", *table(["", "weights", "instructions", "RAM"], cells), ""]
    return lines


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def main() -> None:
    """Parse the command line, measure, and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.compression_flash", description=__doc__)
    parser.add_argument("--recipe", default="digits")
    parser.add_argument("--seeds", default=",".join(map(str, SEEDS)), help="at least two, with commas between")
    parser.add_argument("--folder", type=Path, help="where networks and figures are kept")
    parser.add_argument("--models", nargs="+", type=Path, help="single .tflite files instead, against the first")
    asked = parser.parse_args()
    if CPUS[_CPU].obstacle:
        parser.error(CPUS[_CPU].obstacle)
    if asked.models:
        print("\n".join(_models(asked.models)))
        return
    seeds = [int(seed) for seed in asked.seeds.split(",")]
    if len(seeds) < 2:
        parser.error("--seeds needs at least two: one says nothing of the spread")
    with tempfile.TemporaryDirectory() as temporary:
        folder = asked.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        figures = [seed_figures(asked.recipe, seed, folder) for seed in seeds]
    from microgen.recipes import load_recipe

    print(
        "\n".join([f"Seeds {', '.join(map(str, seeds))}.", "", *report(figures, load_recipe(asked.recipe).metric.name)])
    )


if __name__ == "__main__":
    main()
