"""Measures a quantized model against its float twin, layer by layer, on the calibration data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import workers
from ..tflite import Tensor, TfliteModel, parse
from ..workers import LITERT, litert

_DEADLINE_S = 300.0
_SAMPLES = 50
_SEQUENCES = 16
# Without noise the ratio is infinite; larger ratios than this are not distinguished.
_MOST_DB = 120.0
_WORST = 3
_ORDINARY_DB = 40.0  # of an int8 layer


@dataclass(frozen=True)
class LayerQuality:
    """One operator's first output, quantized against float.

    Attributes:
        index, op, tensor: the operator's index, name and first output.
        layer: the Keras layer that it comes from, "" if that is not known.
        sqnr_db: signal-to-quantization-noise ratio, 10 log10(sum x^2 / sum (x - x')^2) over the samples, in dB,
            where x is the float value and x' the dequantized one; at most 120.
        saturated: the share of values, 0 to 1, that lie beyond what the tensor's scale and zero point can
            represent, by more than a step: a softmax reaches 1, its int8 255/256.
        input_db: the lowest ratio among its inputs, which limits its own; 120 if none was measured.
        is_output: whether the model returns it.
    """

    index: int
    op: str
    tensor: str
    layer: str
    sqnr_db: float
    saturated: float
    input_db: float = _MOST_DB
    is_output: bool = False

    @property
    def title(self) -> str:
        """Title for messages: "CONV_2D 'layer'"."""
        return f"{self.op} '{self.layer or self.tensor.partition(';')[0]}'"


@dataclass(frozen=True)
class Quality:
    """The loss by quantization.

    Attributes:
        samples: number of samples of the calibration data used.
        layers: the operators that both the float and the quantized model have, in their order.
        accuracy: share of correctly classified samples, in float and quantized, if the classes are known.
    """

    samples: int
    layers: tuple[LayerQuality, ...]
    accuracy: tuple[float, float] | None = None

    @property
    def worst(self) -> tuple[LayerQuality, ...]:
        """The operators with the lowest ratios, the lowest first."""
        return tuple(sorted(self.layers, key=lambda x: x.sqnr_db)[:_WORST])

    @property
    def output_sqnr_db(self) -> float | None:
        """The lowest ratio at the outputs, or that of the last operator if no output was measured."""
        outputs = [x for x in self.layers if x.is_output] or list(self.layers[-1:])
        return min((x.sqnr_db for x in outputs), default=None)

    @property
    def breaking(self) -> LayerQuality | None:
        """The operator with the largest loss relative to its inputs, or to the usual ratio if they are better."""
        return max(self.layers, key=lambda x: min(x.input_db, _ORDINARY_DB) - x.sqnr_db, default=None)

    def to_json(self) -> dict[str, Any]:
        """Return it as plain data."""
        return {
            "samples": self.samples,
            "output_sqnr_db": self.output_sqnr_db,
            "accuracy": {"float": self.accuracy[0], "quantized": self.accuracy[1]} if self.accuracy else None,
            "worst": [x.layer or x.tensor for x in self.worst],
            "layers": [asdict(x) for x in self.layers],
        }


def measure(
    model: TfliteModel,
    twin: bytes,
    data: Sequence[npt.NDArray[Any]],
    quantized: Sequence[npt.NDArray[Any]],
    targets: npt.NDArray[np.int64] | None,
    layer_of: Any = lambda tensor: "",  # noqa: ANN401
    steps: int = 1,
) -> Quality:
    """Run the float and the quantized model on the same samples and compare their tensors by name.

    Args:
        model: the quantized model.
        twin: the float .tflite that the model was made from, or together with.
        data, quantized: the calibration data, as floats and quantized for the model's inputs.
        targets: the class of each sample, None if it is not known.
        layer_of: returns the Keras layer of a tensor, given the tensor's name.
        steps: how many samples are one sequence, which begins with a fresh state; `targets` has one class for each.

    Raises:
        EngineError: LiteRT rejected one of the models.
    """
    original = parse(twin, model.name, "the float model")
    by_name = {t.name: t for t in original.main.tensors}
    pairs = []
    for op in model.main.operators:
        tensor = model.main.tensors[op.outputs[0]] if op.outputs else None
        other = by_name.get(tensor.name) if tensor is not None else None
        if tensor is None or other is None or not tensor.quantization or tensor.quantization.per_channel:
            continue
        if other.dtype == "float32" and other.shape == tensor.shape:
            pairs.append((op, tensor, other))
    count = min(len(data[0]), _SAMPLES if steps == 1 else _SEQUENCES * steps)
    take = count if targets is None else len(data[0])
    request = litert.NoiseRequest(
        model.data,
        twin,
        tuple(a[:take] for a in quantized),
        tuple(a[:take] for a in data),
        tuple(_pair(tensor, other) for _, tensor, other in pairs),
        count,
        targets is not None,
        steps,
    )
    noise = workers.run(LITERT, litert.measure_noise, request, _DEADLINE_S)
    decibels = [round(_decibel(float(s), float(n)), 2) for s, n in zip(noise.signal, noise.noise, strict=True)]
    arriving = _arriving(model, {op.index: d for (op, _, _), d in zip(pairs, decibels, strict=True)})
    layers = tuple(
        LayerQuality(
            op.index,
            op.name,
            tensor.name,
            layer_of(tensor.name),
            decibels[k],
            round(float(noise.outside[k] / max(noise.seen[k], 1)), 6),
            arriving[op.index],
            tensor.index in model.main.outputs,
        )
        for k, (op, tensor, _) in enumerate(pairs)
    )
    if targets is None:
        return Quality(count, layers)
    float_right, right = (float((c == targets[: len(c)]).mean()) for c in (noise.float_classes, noise.classes))
    return Quality(count, layers, (float_right, right))


def _arriving(model: TfliteModel, measured: Mapping[int, float]) -> dict[int, float]:
    """Return the lowest ratio among the inputs of each operator; unmeasured operators pass it on."""
    level: dict[int, float] = {}
    arriving = {}
    for op in model.main.operators:
        arriving[op.index] = min((level[i] for i in op.inputs if i in level), default=_MOST_DB)
        level |= dict.fromkeys(op.outputs, measured.get(op.index, arriving[op.index]))
    return arriving


def _pair(tensor: Tensor, twin: Tensor) -> litert.TensorPair:
    limits = np.iinfo(np.dtype(tensor.dtype))
    return litert.TensorPair(
        tensor.index, twin.index, tensor.scale, tensor.zero_point, int(limits.min), int(limits.max)
    )


def _decibel(signal: float, noise: float) -> float:
    if noise <= 0:
        return _MOST_DB
    if signal <= 0:
        return -_MOST_DB
    return float(np.clip(10 * np.log10(signal / noise), -_MOST_DB, _MOST_DB))
