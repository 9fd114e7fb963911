"""What the compression methods cost and bring on a recipe, over several seeds, in int8 on TFLM.

    python -m benchmarks.compression [--recipe digits] [--seeds 11,12,13] [--folder FOLDER] [METHODS...]

Each seed holds its own images out, and trains its own network on the others; what each method makes of that network is
compared with the same network quantized after training (PTQ). METHODS are chains, such as prune:0.8+qat; all that the
compression guide has otherwise. What is in FOLDER already is not measured again.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import microgen
from microgen.compression.price import Price
from microgen.compression.run import price
from microgen.recipes import load_recipe

from .report import table

# None of these was looked at while networks, amounts and learning rates were chosen.
SEEDS = (11, 12, 13, 14, 15, 16)
PTQ = "PTQ"
SIZES = {
    "`.tflite`": "tflite_bytes",
    "gzip": "gzip_bytes",
    "not zero": "nonzero",
    "parameters": "parameters",
    "MACs": "macs",
    "arena": "arena_bytes",
}
Figures = Mapping[str, Mapping[str, Any]]  # a seed's: the fields of a microgen.compression.price.Price by case


@dataclass(frozen=True)
class Case:
    """A chain of methods, as `microgen.compress` takes it.

    Attributes:
        options: its keyword arguments.
        remark: what is special about it.
    """

    chain: str
    options: Mapping[str, Any] = field(default_factory=dict)
    remark: str = ""

    def __str__(self) -> str:
        return self.chain + (f", {self.remark}" if self.remark else "")


# A student that learns from the data alone starts from the same weights as one that is taught.
_SHORT = {"epochs": 3}
PAIRS = tuple(
    (Case(chain, {**options, "alpha": 1.0}, f"alone{said}"), Case(chain, options, f"taught{said}"))
    for chain, options, said in (("distill:0.25", _SHORT, ", 3 epochs"), ("distill:0.5", {}, ""))
)
CASES = (
    *(Case(chain) for chain in ("qat", "prune:0.8", "prune:0.8+qat", "cluster:16", "cluster:16+qat")),
    *(Case(chain) for chain in ("channel-prune:0.5", "channel-prune:0.85", "low-rank:0.4")),
    *(case for pair in PAIRS for case in pair),
)


def measure(recipe: str, seed: int, cases: Sequence[Case], folder: Path) -> dict[str, dict[str, Any]]:
    """Train a seed's network, compress it, and return the price of each case and of PTQ.

    Args:
        folder: where the network and the figures are kept.
    """
    network, kept = folder / f"{recipe}-{seed}" / f"{recipe}.keras", folder / f"{recipe}-{seed}.json"
    found: dict[str, dict[str, Any]] = json.loads(kept.read_text()) if kept.exists() else {}
    if not network.exists():
        _say(f"{recipe}, seed {seed}: training")
        microgen.train(recipe, out=network.parent, seed=seed)
    for case in [None, *cases]:
        name = str(case or PTQ)
        if name in found:
            continue
        _say(f"{recipe}, seed {seed}: {name}")
        if case is None:
            after = price(network, recipe=recipe, seed=seed).after
        else:
            given = {"recipe": recipe, "seed": seed, "before": Price.from_json(found[PTQ]), **case.options}
            after = microgen.compress(network, case.chain.split("+"), **given).after
        found[name] = after.to_json()
        kept.write_text(json.dumps(found, indent=2) + "\n")
    return found


def rows(figures: Sequence[Figures], cases: Sequence[Case]) -> list[list[str]]:
    """Return a row a case: its score, the difference to PTQ of the same seed, and sizes as shares of PTQ's."""
    lines = []
    for case in (None, *cases):
        name = str(case or PTQ)
        scores = [f[name]["tflm_score"] for f in figures]
        change = with_error([f[name]["tflm_score"] - f[PTQ]["tflm_score"] for f in figures]) if case else ""
        shares = [statistics.mean(f[name][size] / f[PTQ][size] for f in figures) for size in SIZES.values()]
        label = name.replace(case.chain, f"`{case.chain}`") if case else PTQ
        lines.append([label, spread(scores), change, *(f"{x:.2f}" for x in shares)])
    return lines


def spread(values: Sequence[float]) -> str:
    """Return mean and standard deviation."""
    return f"{statistics.mean(values):.4f} +- {statistics.stdev(values):.4f}"


def with_error(differences: Sequence[float]) -> str:
    """Return the mean of paired differences and its standard error."""
    return f"{statistics.mean(differences):+.4f} +- {statistics.stdev(differences) / math.sqrt(len(differences)):.4f}"


def report(metric: str, seeds: Sequence[int], figures: Sequence[Figures], cases: Sequence[Case]) -> list[str]:
    """Return the Markdown of what was measured."""
    heads = ["", metric, "against PTQ", *SIZES]
    lines = [f"Seeds {', '.join(map(str, seeds))}.", "", *table(heads, rows(figures, cases)), ""]
    for alone, taught in PAIRS:
        if alone in cases and taught in cases:
            gain = [f[str(taught)]["tflm_score"] - f[str(alone)]["tflm_score"] for f in figures]
            lines.append(f"- {taught} against alone: {with_error(gain)}")
    return lines


def main() -> None:
    """Parse the command line, measure, and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.compression", description=__doc__)
    parser.add_argument("methods", nargs="*", metavar="METHODS", help="chains: prune:0.8+qat")
    parser.add_argument("--recipe", default="digits")
    parser.add_argument("--seeds", default=",".join(map(str, SEEDS)), help="at least two, with commas between")
    parser.add_argument("--folder", type=Path, help="where networks and figures are kept")
    asked = parser.parse_args()
    seeds = [int(seed) for seed in asked.seeds.split(",")]
    if len(seeds) < 2:
        parser.error("--seeds needs at least two: one says nothing of the spread")
    cases = tuple(map(Case, asked.methods)) or CASES
    with tempfile.TemporaryDirectory() as scratch:
        folder = asked.folder or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        figures = [measure(asked.recipe, seed, cases, folder) for seed in seeds]
    print("\n".join(report(load_recipe(asked.recipe).metric.name, seeds, figures, cases)))


def _say(what: str) -> None:
    print(what, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
