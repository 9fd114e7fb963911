"""What a sweep tries: chains of methods, or quantizations, and the key under which a result is found again."""

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
from ..errors import InputError, nearest, option
from ..frontends.frontend import FLOAT32
from ..support import toml

_EXAMPLE = "'prune:0.5,prune:0.8+qat'"
# The model as it is, which every sweep measures first.
ORIGINAL = "original"
# What a model can be quantized to, by name: a scheme, and the weights of it.
QUANTIZATIONS = {
    FLOAT32: (FLOAT32, "int8"),
    "int8": ("int8", "int8"),
    "int16x8": ("int16x8", "int8"),
    "int4": ("int8", "int4"),
    "int4-packed": ("int8", "int4-packed"),
}
_DEFAULT = (FLOAT32, "int8", "int16x8", "int4")
# What decides the bytes of a result, beside microgen itself.
_PACKAGES = ("tensorflow", "tf-keras", "tensorflow-model-optimization", "numpy", "ai-edge-litert", "tflite-micro")
# What converts and quantizes models that are not trained here.
CONVERTERS = ("torch", "litert-torch", "ai-edge-quantizer", "onnx", "onnxruntime", "keras")


@dataclass(frozen=True)
class Candidate:
    """One thing to try.

    Attributes:
        name: as it was written, in the spelling of microgen; "original" for the model as it is.
        steps: its methods; none for the model as it is, and for a quantization, whose name says all.
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


def read_quantizations(source: str | Sequence[str] | None) -> tuple[Candidate, ...]:
    """Read which quantizations to try; float32 comes first, and what is named twice comes once.

    Args:
        source: names of `QUANTIZATIONS`, or such a list in one text, parted by commas; None: all but int4-packed.

    Raises:
        InputError: there is no such quantization, or only float32, with which nothing is compared.
    """
    texts = _DEFAULT if source is None else source.split(",") if isinstance(source, str) else source
    names = [FLOAT32, *filter(None, (text.strip() for text in texts))]
    for name in names:
        if name not in QUANTIZATIONS:
            known = f"quantizations: {', '.join(QUANTIZATIONS)}; compression methods are tried without calibration data"
            raise InputError(f"no quantization '{name}'", nearest(name, QUANTIZATIONS, known), option="candidates")
    if len(set(names)) == 1:
        raise InputError(
            "nothing to try", f"give quantizations: {option('candidates', 'int8,int16x8')}", option="candidates"
        )
    return tuple(Candidate(name) for name in dict.fromkeys(names))


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


def result_key(
    candidate: Candidate,
    model: bytes,
    data: dict[str, Any],
    settings: dict[str, Any],
    packages: Sequence[str] = (),
) -> str:
    """Return the key of a candidate's result: equal only where everything that decides it is.

    Args:
        candidate: what was tried.
        model: the bytes of the model's file.
        data: the recipe's name, or digests of the arrays.
        settings: epochs, seed and so on.
        packages: what computes it, beside what `versions` always names.
    """
    decides = {
        "model": hashlib.sha256(model).hexdigest(),
        "data": data,
        "steps": [step.to_json() for step in candidate.steps],
        "settings": settings,
        "versions": versions(packages),
    }
    return hashlib.sha256(json.dumps(decides, sort_keys=True).encode()).hexdigest()


def versions(more: Sequence[str] = ()) -> dict[str, str]:
    """Return the versions of what computes a result, without importing it; "" where it is not installed."""
    installed = {"microgen": __version__}
    for package in (*_PACKAGES, *more):
        try:
            installed[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            installed[package] = ""
    return installed
