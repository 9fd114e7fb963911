"""What a sweep tries: chains of methods, and the key under which a result is found again."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .._version import __version__
from ..compression.base import Step
from ..compression.methods import load_method
from ..compression.steps import read_steps
from ..errors import InputError, option
from ..support import toml

_EXAMPLE = "'prune:0.5,prune:0.8+qat'"
# The model as it is, which every sweep measures first.
ORIGINAL = "original"
# What decides the bytes of a result, beside microgen itself.
_PACKAGES = ("tensorflow", "tf-keras", "tensorflow-model-optimization", "numpy", "ai-edge-litert", "tflite-micro")


@dataclass(frozen=True)
class Candidate:
    """One thing to try.

    Attributes:
        name: as it was written, in the spelling of microgen; "original" for the model as it is.
        steps: its methods; none for the model as it is.
    """

    name: str
    steps: tuple[Step, ...] = ()


def read_candidates(source: str | Sequence[str] | None) -> tuple[Candidate, ...]:
    """Read what to try; the model as it is comes first, and what is named twice comes once.

    Args:
        source: chains such as "prune:0.8+qat", or such a list in one text, parted by commas; None: the default grid.

    Raises:
        InputError: there is nothing to try, or a chain cannot be.
    """
    if source is None:
        source = list(toml.load(Path(__file__).with_name("grid.toml"))["try"])
    texts = [t for t in source.split(",") if t.strip()] if isinstance(source, str) else list(source)
    candidates = {ORIGINAL: Candidate(ORIGINAL)}
    for text in texts:
        steps = read_steps([part.strip() for part in text.split("+")])
        name = "+".join(map(str, steps))
        candidates.setdefault(name, Candidate(name, steps))
    if len(candidates) == 1:
        raise InputError(
            "nothing to try",
            f"give methods: {option('candidates', _EXAMPLE)}",
            option="candidates",
        )
    return tuple(candidates.values())


def between(candidates: Sequence[Candidate], fits: Sequence[bool]) -> tuple[Candidate, ...]:
    """Return candidates between the mildest that keeps to the limits and the next milder one that does not.

    Those are chains of one method with an amount that others of the candidates have, too. A larger amount takes more
    away, but for numbers of values (cluster), where a smaller one does.
    """
    families: dict[str, list[tuple[float, bool]]] = {}
    for candidate, fitting in zip(candidates, fits, strict=True):
        if len(candidate.steps) == 1 and candidate.steps[0].amount is not None:
            families.setdefault(candidate.steps[0].method, []).append((candidate.steps[0].amount, fitting))
    known = {c.name for c in candidates}
    made = []
    for method, tried in sorted(families.items()):
        amount = load_method(method).amount
        assert amount is not None
        sign = -1 if amount.is_whole else 1
        yes = [a for a, fitting in tried if fitting]
        if not yes:
            mildest, milder = (
                amount.high if sign > 0 else amount.low,
                max((a for a, _ in tried), key=lambda a: sign * a),
            )
        else:
            mildest = min(yes, key=lambda a: sign * a)
            below = [a for a, fitting in tried if not fitting and sign * a < sign * mildest]
            if not below:
                continue
            milder = max(below, key=lambda a: sign * a)
        middle = (mildest + milder) / 2
        middle = float(round(middle)) if amount.is_whole else round(middle, 3)
        (candidate,) = read_candidates([f"{method}:{middle:g}"])[1:]
        if candidate.name not in known:
            made.append(candidate)
    return tuple(made)


def result_key(candidate: Candidate, model: bytes, data: dict[str, Any], settings: dict[str, Any]) -> str:
    """Return the key of a candidate's result: equal only where everything that decides it is.

    Args:
        candidate: what was tried.
        model: the bytes of the model's file.
        data: the recipe's name, or digests of the arrays.
        settings: epochs, seed and so on.
    """
    decides = {
        "model": hashlib.sha256(model).hexdigest(),
        "data": data,
        "steps": [step.to_json() for step in candidate.steps],
        "settings": settings,
        "versions": versions(),
    }
    return hashlib.sha256(json.dumps(decides, sort_keys=True).encode()).hexdigest()


def versions() -> dict[str, str]:
    """Return the versions of what computes a result, without importing it; "" where it is not installed."""
    installed = {"microgen": __version__}
    for package in _PACKAGES:
        try:
            installed[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            installed[package] = ""
    return installed
