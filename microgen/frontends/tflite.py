"""The frontend for quantized .tflite files, which are used unchanged."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import InputError
from .frontend import FLOAT32, ConvertOptions, Frontend, Source

if TYPE_CHECKING:
    from ..datasets import Array, InputSpec, Request
    from ..tflite import TfliteModel
    from .converted import AlreadyQuantized

SUFFIXES = (".tflite",)
TRUST = "a Python reader checks every offset and number before use; the engines run in separate processes"


def is_float(model: TfliteModel) -> bool:
    """Return whether a model computes in float32 and can be quantized: nothing in it is quantized yet."""
    tensors = [t for graph in model.subgraphs for t in graph.tensors]
    return not any(t.quantization for t in tensors) and any(
        model.main.tensors[i].dtype == "float32" for op in model.main.operators for i in op.outputs
    )


def readable(source: Source) -> TfliteModel | None:
    """Return a source read as a .tflite; None if it is none, or damaged."""
    try:
        return source.tflite
    except InputError:
        return None


def input_specs(model: TfliteModel) -> list[InputSpec]:
    """Return the shape and dtype of one sample of each input, without the batch.

    Raises:
        InputError: an input has a type that NumPy lacks.
    """
    from ..datasets import InputSpec

    return [
        InputSpec(t.name, t.shape[1:] if t.shape and t.shape[0] == 1 else t.shape, t.numpy_dtype.name)
        for t in model.inputs
    ]


def other_signatures(names: Sequence[str]) -> tuple[str, ...]:
    """Return a warning for a model with several signatures: one line, or none."""
    if len(names) < 2:
        return ()
    return (f"the model has the signatures {', '.join(names)}; microgen builds the first one only",)


def take(model: TfliteModel, path: Path, calibration: Request | None, options: ConvertOptions) -> AlreadyQuantized:
    """Take a quantized model, with the samples of its inputs, where some are given.

    It is taken as it is, but for what TFLM cannot run and another form of computes the same.

    Raises:
        InputError: it is not of the scheme that was requested, or the data does not fit.
    """
    from ..datasets import InputSpec, resolve
    from .converted import AlreadyQuantized
    from .rewriting import rewrite_warnings, rewritten

    other = {"int16x8": "int16", FLOAT32: FLOAT32}.get(options.scheme)
    if other == FLOAT32 or (other and not any(t.dtype == other for t in model.inputs)):
        raise InputError(
            f"{path}: is already quantized, and not to {other}",
            "use the float model that it was converted from",
            option="scheme",
        )
    data: tuple[Array, ...] = ()
    if calibration is not None:
        inputs = input_specs(model)
        if calibration.has_arrays:
            # Values already quantized to the input's dtype are taken too.
            data = tuple(calibration.read_arrays([i.name for i in inputs])[0])
        else:
            # Real values of what is quantized, and integers as they are.
            kinds = ["float32" if t.quantization else i.dtype for i, t in zip(inputs, model.inputs, strict=True)]
            real = [InputSpec(i.name, i.shape, kind) for i, kind in zip(inputs, kinds, strict=True)]
            data = resolve(calibration, real, seed=options.seed, must_vary=False).arrays
    others = other_signatures(model.signatures)
    model, changes = rewritten(model, data, options.seed)  # which may drop the graphs of others
    return AlreadyQuantized(model, data, (*rewrite_warnings(changes), *others))


class _Tflite(Frontend):
    """See `Frontend`."""

    name = "tflite"
    title = "a quantized .tflite"
    suffixes = SUFFIXES
    trust = TRUST
    packages = ()
    extra = ""

    def matches(self, source: Source) -> bool:
        model = readable(source)
        return model is not None and not is_float(model)

    def kind(self, source: Source) -> str:
        return "tflite"

    def needs_calibration(self, source: Source) -> bool:
        return False

    def convert(self, source: Source, calibration: Request | None, options: ConvertOptions) -> AlreadyQuantized:
        return take(source.tflite, source.path, calibration, options)

    def read(self, source: Source) -> TfliteModel:
        return source.tflite


FRONTEND = _Tflite()
