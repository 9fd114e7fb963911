"""Reports what quantization has destroyed, at which operator, and what may help."""

from __future__ import annotations

from ..tflite import TfliteModel
from .quality import LayerQuality, Quality

# Thresholds for the signal-to-noise ratio at the output; a usual int8 model has 30 dB and more.
WARN_DB, DESTROYED_DB = 20.0, 10.0
# A larger loss of accuracy gives a warning.
LOST_ACCURACY = 0.05


def is_destroyed(quality: Quality | None) -> bool:
    """Return whether the output is little more than noise: below 10 dB."""
    level = quality.output_sqnr_db if quality is not None else None
    return level is not None and level < DESTROYED_DB


def damage(quality: Quality, model: TfliteModel, scheme: str) -> list[str]:
    """Return warnings: what was lost, where, and what to try; empty for a usual model.

    Args:
        quality: the measured quality.
        model: the quantized model.
        scheme: of its quantization.
    """
    level, worst = quality.output_sqnr_db, quality.breaking
    lost = []
    if level is not None and level < WARN_DB:
        lost.append(f"{level:g} dB SQNR at the output, less than the usable {WARN_DB:g}")
    if quality.accuracy is not None and quality.accuracy[0] - quality.accuracy[1] > LOST_ACCURACY:
        lost.append("the accuracy falls from {:.4f} to {:.4f}".format(*quality.accuracy))
    if not lost:
        return []
    how = "destroys this model" if is_destroyed(quality) else "damages this model"
    if worst is None:
        return [f"quantization {how}: {', and '.join(lost)}"]
    place = f"{worst.title} ({worst.sqnr_db:g} dB, its input {worst.input_db:g})"
    return [f"quantization {how}: {', and '.join(lost)}; it breaks at {place}; try {_remedies(worst, model, scheme)}"]


def guesses(accuracy: float, classes: int) -> list[str]:
    """Return a warning if a float model is no better than guessing, as it is on classes in another order.

    Args:
        accuracy: of the float model on the data.
        classes: their number.
    """
    if accuracy > 1 / classes:
        return []
    return [
        f"the accuracy of the float model is {accuracy:.4f}, no better than guessing: number the data's classes in the "
        "order of the model's outputs (names: in alphabetical order if the outputs have no labels)"
    ]


def _remedies(worst: LayerQuality, model: TfliteModel, scheme: str) -> str:
    op = model.main.operators[worst.index]
    weights = [model.main.tensors[i] for i in op.inputs[1:2] if i >= 0 and model.main.tensors[i].is_constant]
    remedies = []
    if any(t.quantization and not t.quantization.per_channel and len(t.shape) > 1 and t.shape[0] > 1 for t in weights):
        remedies.append("a board that supports a scale per channel")
    if scheme == "int8":
        remedies.append("the scheme int16x8")
    remedies.append("quantization-aware training (the method qat of compress)")
    return ", ".join(remedies) + ", or clipping the outliers that set the scale before it (ReLU6, unused channels)"
