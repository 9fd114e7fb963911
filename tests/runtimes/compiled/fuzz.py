"""python -m tests.runtimes.compiled.fuzz FIRST LAST [OPERATOR] [--cpu CPU] [--storage STORAGE]

Random models, held against TFLM.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections import Counter
from pathlib import Path

from benchmarks.semihosting import CPUS, Cpu
from microgen.runtimes.compiled.compiler import Options

from . import check, random_models

BATCH = 50


def _model(name: str | None, seed: int) -> bytes:
    """OPERATOR, OPERATOR:int16, int16, thinned or none."""
    kind, _, wide = (name or "").partition(":")
    if kind in ("int16", "thinned"):
        return (random_models.wide_model if kind == "int16" else random_models.thinned)(seed)
    if kind:
        return (random_models.one_wide if wide else random_models.one_operator)(seed, kind)
    return random_models.model(seed)


def _shrunk(seed: int, cpu: Cpu | None, options: Options) -> str:
    """The fewest first operators of a model that differ already."""
    for most in range(1, 7):
        with tempfile.TemporaryDirectory() as folder:
            (outcome,) = check.check(
                Path(folder), [random_models.model(seed, most)], seed=seed, cpu=cpu, options=options
            )
        if outcome.difference:
            return f" (with its first {most}: {outcome.difference})"
    return ""


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.runtimes.compiled.fuzz")
    parser.add_argument("first", type=int)
    parser.add_argument("last", type=int, help="the seed behind the last")
    parser.add_argument(
        "operator",
        nargs="?",
        help="OPERATOR, OPERATOR:int16, int16, or thinned (channels are left out); all together otherwise",
    )
    parser.add_argument("--storage", choices=("best", "dense", "coded"), default="best", help="of weights")
    parser.add_argument("--cpu", choices=CPUS, help="an emulated CPU; this machine with sanitizers otherwise")
    args = parser.parse_args()
    kinds = ["int16", "thinned", *random_models.OPERATORS, *(f"{kind}:int16" for kind in random_models.WIDE)]
    if args.operator not in (None, *kinds):
        parser.error(f"no operator '{args.operator}'; there are {', '.join(kinds)}")
    first, last, name, cpu = args.first, args.last, args.operator, CPUS.get(args.cpu)
    options = Options(storage=args.storage)
    refused: Counter[str] = Counter()
    bad = equal = 0
    for start in range(first, last, BATCH):
        seeds = range(start, min(start + BATCH, last))
        models = [_model(name, seed) for seed in seeds]
        with tempfile.TemporaryDirectory() as folder:
            try:
                outcomes = check.check(Path(folder), models, seed=start, cpu=cpu, options=options)
            except (AssertionError, RuntimeError) as error:
                print(f"seeds {start} on: {str(error)[:3000]}")
                bad += 1
                continue
        for seed, outcome in zip(seeds, outcomes, strict=True):
            if outcome.difference:
                print(f"seed {seed}: {outcome.difference}{'' if name else _shrunk(seed, cpu, options)}", flush=True)
                bad += 1
            elif outcome.refused:
                refused[outcome.refused.partition("): ")[2][:90] or outcome.refused[:90]] += 1
            else:
                equal += 1
        print(f"{seeds[-1] + 1 - first} of {last - first}: {equal} equal, {bad} differ", flush=True)
    print(f"{equal} equal, {bad} differ")
    for text, n in refused.most_common(12):
        print(f"  {n} refused: {text}")
    sys.exit(bool(bad))


if __name__ == "__main__":
    main()
