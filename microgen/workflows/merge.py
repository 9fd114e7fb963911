"""Several models over the same input become one, with one arena: their outputs side by side."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..compression.merge import OUTPUTS, MergeRequest, merge_files
from ..errors import EngineError, InputError, command, option
from ..frontends import source as sources
from ..frontends.keras.frontend import FRONTEND as KERAS
from ..frontends.source import slug
from ..runtimes import reference
from ..support.files import check_out, gzip_bytes, write_file
from ..tflite import TfliteModel
from ..tflite.check import check_runnable, float_operators
from ..tflite.join import join
from ..tflite.macs import model_macs
from ..verification import EngineRun, make_samples, sample_count
from ..workers import converter

_SAMPLES = 20


@dataclass(frozen=True)
class Cost:
    """What a quantized model takes.

    Attributes:
        bytes, gzip_bytes: its size, and that of the same under gzip.
        arena_bytes: the smallest tensor arena on a 32-bit board with reference kernels, computed.
        macs: multiply-accumulates of one inference.
    """

    bytes: int
    gzip_bytes: int
    arena_bytes: int
    macs: int


@dataclass(frozen=True)
class Merged:
    """A merged model.

    Attributes:
        names: of the models, in the order of their outputs.
        shared: number of operators or layers that are stored once instead of several times.
        data: the merged model: a .tflite, or a .keras file.
        parts, whole: costs of each model, and of the merged model; none for Keras models.
        samples: on how many samples each output was compared, byte for byte, with the model alone in TFLM.
        in_float: whether the merged model has operators that compute in float32.
    """

    names: tuple[str, ...]
    shared: int
    data: bytes
    parts: tuple[Cost, ...] = ()
    whole: Cost | None = None
    samples: int = 0
    in_float: bool = False

    def to_json(self) -> dict[str, Any]:
        """Return it as plain data, without the bytes."""
        return {
            "models": list(self.names),
            "shared": self.shared,
            "parts": [vars(p) for p in self.parts],
            "merged": vars(self.whole) if self.whole else None,
            "compared_samples": self.samples,
            "in_float": self.in_float,
        }


def merge(
    models: Sequence[str | Path],
    out: str | Path | None = None,
    *,
    share: float = 0.0,
    seed: int = 0,
    force: bool = False,
    on_step: Callable[[str], None] = lambda step: None,
) -> Merged:
    """Merge models over the same input into one whose outputs are theirs, side by side.

    Quantized models are joined as they are: each output keeps its bytes, which is checked in TFLM. What they have in
    common from the input on is stored once. Keras models may share more: layers that are nearly equal.

    Args:
        models: two or more .tflite files, quantized with the same calibration data; or two or more .keras or .h5.
        out: the file to write, a .tflite or a .keras; None writes nothing.
        share: for Keras models, by which share of the largest weight the weights of a layer may differ for it to
            become one, with the mean of the weights.
        seed: of the samples that outputs are compared on.
        force: overwrite `out`.
        on_step: called with what is done next.

    Raises:
        InputError: the models have different inputs or formats, or `out` already exists.
        EngineError: TFLM refuses a model.
        SetupError: a package is missing.
    """
    if len(models) < 2:
        raise InputError("a single model cannot be merged", "give at least two")
    given = [sources.find(path) for path in models]
    paths = [source.path for _, source in given]
    are_keras = all(frontend is KERAS for frontend, _ in given)
    tflites = [model for model in (frontend.read(source) for frontend, source in given) if model is not None]
    quantized = len(tflites) == len(given)
    if not quantized and not are_keras:
        raise InputError(
            "only .tflite files can be merged, or only Keras models",
            f"convert the others to .tflite: {command('quantize', 'MODEL', option('calibration', 'DATA'))}",
        )
    if not 0 <= share <= 1:
        raise InputError(
            "must be 0 to 1",
            "0 shares equal layers, 0.01 those that differ by one hundredth",
            option="share",
            value=f"{share:g}",
        )
    if out is not None:
        check_out(Path(out), force=force)
        if Path(out).suffix != (".tflite" if quantized else ".keras"):
            raise InputError(f"{out}: the merged model is a {'.tflite' if quantized else '.keras'}", "use that suffix")
    if quantized:
        if share:
            raise InputError(
                f"{option('share')} with quantized models",
                "it takes Keras models: give the .keras files",
                option="share",
            )
        named = [replace(model, name=name) for model, name in zip(tflites, _names(paths), strict=True)]
        merged = _join(named, out, seed, on_step)
    else:
        on_step("merging")
        request = MergeRequest(tuple(path.absolute() for path in paths), OUTPUTS, share, seed)
        reply = converter.run(merge_files, request, packages=("tensorflow", "tf_keras"))
        merged = Merged(tuple(_names(paths)), reply.shared, reply.keras)
    if out is not None:
        write_file(Path(out), merged.data)
    return merged


def _names(paths: Sequence[Path]) -> list[str]:
    """Return a name for each model, from its file; where two are called the same, the folders tell them apart."""
    names = [slug(path.stem) for path in paths]
    if len(set(names)) < len(names):
        names = [slug(f"{path.absolute().parent.name}-{path.stem}") for path in paths]
    if len(set(names)) < len(names):
        names = [f"{name}-{k}" for k, name in enumerate(names, 1)]
    return names


def _join(models: list[TfliteModel], out: str | Path | None, seed: int, on_step: Callable[[str], None]) -> Merged:
    for model in models:
        check_runnable(model, allow_float=True)
    joined = join(models, slug(Path(out).stem) if out is not None else "merged")
    count = sample_count(joined.model, _SAMPLES)
    on_step(f"comparing with the models alone on {count} samples")
    inputs = make_samples(joined.model, count, seed, None)
    answers = []
    for model in (*models, joined.model):
        with EngineRun(model, inputs) as running:
            answers.append(running.result().reference.outputs)
    for ours, alone in zip(answers[-1], [a for answer in answers[:-1] for a in answer], strict=True):
        if ours.tobytes() != alone.tobytes():
            raise EngineError(
                "TFLM", "the merged model computes different outputs from its parts", "report these models to microgen"
            )
    costs = [_cost(model) for model in (*models, joined.model)]
    names = tuple(m.name for m in models)
    in_float = bool(float_operators(joined.model))
    return Merged(names, joined.shared, joined.model.data, tuple(costs[:-1]), costs[-1], count, in_float)


def _cost(model: TfliteModel) -> Cost:
    return Cost(len(model.data), gzip_bytes(model.data), reference.device_arena_bytes(model), model_macs(model))
