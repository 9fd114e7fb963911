"""python -m tests.runtimes.compiled.fuzz FIRST LAST [OPERATOR]: random models by seed, held against TFLM."""

from __future__ import annotations

import sys
import tempfile
from collections import Counter
from pathlib import Path

from . import check, random_models

BATCH = 50


def _model(name: str | None, seed: int) -> bytes:
    """OPERATOR, OPERATOR:int16, int16 or none."""
    kind, _, wide = (name or "").partition(":")
    if kind == "int16":
        return random_models.wide_model(seed)
    if kind:
        return (random_models.one_wide if wide else random_models.one_operator)(seed, kind)
    return random_models.model(seed)


def _shrunk(seed: int) -> str:
    """The fewest first operators of a model that differ already."""
    for most in range(1, 7):
        with tempfile.TemporaryDirectory() as folder:
            (outcome,) = check.check(Path(folder), [random_models.model(seed, most)], seed=seed)
        if outcome.difference:
            return f" (with its first {most}: {outcome.difference})"
    return ""


def main() -> None:
    first, last = int(sys.argv[1]), int(sys.argv[2])
    name = sys.argv[3] if len(sys.argv) > 3 else None
    refused: Counter[str] = Counter()
    bad = equal = 0
    for start in range(first, last, BATCH):
        seeds = range(start, min(start + BATCH, last))
        models = [_model(name, seed) for seed in seeds]
        with tempfile.TemporaryDirectory() as folder:
            try:
                outcomes = check.check(Path(folder), models, seed=start)
            except AssertionError as error:
                print(f"seeds {start} on: {str(error)[:3000]}")
                bad += 1
                continue
        for seed, outcome in zip(seeds, outcomes, strict=True):
            if outcome.difference:
                print(f"seed {seed}: {outcome.difference}{'' if name else _shrunk(seed)}", flush=True)
                bad += 1
            elif outcome.refused:
                refused[outcome.refused.split("'")[-1][:90]] += 1
            else:
                equal += 1
        print(f"{seeds[-1] + 1 - first} of {last - first}: {equal} equal, {bad} differ", flush=True)
    print(f"{equal} equal, {bad} differ")
    for text, n in refused.most_common(12):
        print(f"  {n} refused: {text}")
    sys.exit(bool(bad))


if __name__ == "__main__":
    main()
