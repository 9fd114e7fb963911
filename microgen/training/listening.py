"""A model that was trained on windows becomes one that listens, and is measured on long recordings.

False accepts are counted as a user hears them: by the rule that the firmware smooths scores with, over ordinary speech.
None in a short time does not mean none: the bound says what that time lets one claim.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from .. import workers
from ..frontends.rewriting.streaming import stream as streamed
from ..quantization import Quantized
from ..recipes import Recordings, Streaming
from ..runtimes import reference
from ..tflite import TfliteModel, parse
from ..verification import quantize_samples, real_values
from ..workers import TFLM, tflm

_DEADLINE_S = 600.0
# A word may be heard so long after its end.
_LATE_MS = 1000


def stream(
    quantized: Quantized, how: Streaming, checked: Recordings, recordings: Recordings
) -> tuple[Quantized, dict[str, float]]:
    """Return the model that takes frames as they come, the cutoff, and what it hears in recordings.

    Args:
        quantized: the model that takes windows.
        how: it runs on frames.
        checked: what the cutoff is chosen by.
        recordings: what the model with this cutoff is measured on.

    Raises:
        InputError: the model is not made of convolutions over time.
        EngineError: TFLM refused it.
    """
    model = replace(parse(streamed(quantized.model.data, how.step)), name=quantized.model.name)
    shape = model.inputs[0].shape
    calibration = quantized.calibration[0]
    steps = calibration[:, : calibration.shape[1] // how.step * how.step].reshape(-1, *shape[1:])

    def hear(recorded: Recordings, scores: npt.NDArray[np.float64], cutoff: float) -> dict[str, float]:
        places = [(k + 1) * how.step for k in detections(scores, how.average, cutoff, how.refractory)]
        return heard(places, recorded)

    known = _scores(model, checked, how.step)
    cutoff = best_cutoff({cutoff: hear(checked, known, cutoff) for cutoff in how.cutoffs})
    found = hear(recordings, _scores(model, recordings, how.step), cutoff)
    listener = replace(quantized, model=model, calibration=(steps[:: max(1, len(steps) // 500)][:500],))
    return listener, {"cutoff": cutoff, **found}


def best_cutoff(found: Mapping[float, Mapping[str, float]]) -> float:
    """Return the cutoff with the fewest errors: a false accept counts as ten, the highest of equals is taken.

    Args:
        found: what was heard with each.
    """

    def errors(cutoff: float) -> float:
        return found[cutoff]["missed"] + found[cutoff]["taken for it"] + 10 * found[cutoff]["false accepts"]

    return min(found, key=lambda cutoff: (errors(cutoff), -cutoff))


def _scores(model: TfliteModel, recordings: Recordings, step: int) -> npt.NDArray[np.float64]:
    """Return the score of label 0 at each inference, in TFLM."""
    shape = model.inputs[0].shape
    frames = recordings.frames[: len(recordings.frames) // step * step].reshape(-1, *shape[1:])
    inputs = quantize_samples(model, [frames])
    arena = 2 * reference.host_arena_bytes(model)
    answers = workers.run(TFLM, tflm.run, tflm.RunRequest(model.data, inputs, arena, steps=len(frames)), _DEADLINE_S)
    return real_values(model.outputs[0], answers.outputs[0]).reshape(len(frames), -1)[:, 0].astype(np.float64)


def detections(scores: npt.NDArray[np.float64], average: int, cutoff: float, refractory: int) -> list[int]:
    """Return at which inferences something is detected, as firmware/applications/sensing/detector.h does."""
    means = np.convolve(scores, np.full(average, 1 / average))[: len(scores)]
    found, quiet = [], 0
    for k, mean in enumerate(means):
        if quiet > 0:
            quiet -= 1
        elif k >= average - 1 and mean > cutoff:
            found.append(k)
            quiet = refractory
    return found


def heard(places: list[int], recordings: Recordings) -> dict[str, float]:
    """Return how often words were missed, phrases like them taken for them, and anything else, in an hour."""
    late = _LATE_MS // recordings.step_ms
    words, near = recordings.words, recordings.near

    def within(place: int, spans: tuple[tuple[int, int], ...]) -> int | None:
        return next((k for k, (begin, end) in enumerate(spans) if begin <= place <= end + late), None)

    caught = {k for place in places if (k := within(place, words)) is not None}
    mistaken = {k for place in places if within(place, words) is None and (k := within(place, near)) is not None}
    false = sum(within(place, words) is None and within(place, near) is None for place in places)
    hours = (len(recordings.frames) - sum(end - begin + late for begin, end in (*words, *near))) / (
        3_600_000 / recordings.step_ms
    )
    return {
        "words": float(len(words)),
        "missed": float(len(words) - len(caught)),
        "near phrases": float(len(near)),
        "taken for it": float(len(mistaken)),
        "minutes of other speech": round(60 * hours, 1),
        "false accepts": float(false),
        "false accepts per hour": round(false / hours, 2),
        "at most, 95 % sure": round(_poisson_bound(false) / hours, 2),
    }


def _poisson_bound(count: int) -> float:
    """Return the mean above which so few events, or fewer, have a chance of 5 %."""
    low, high = 0.0, 10.0 + 3 * count
    for _ in range(60):
        middle = (low + high) / 2
        chance = math.exp(-middle) * sum(middle**k / math.factorial(k) for k in range(count + 1))
        low, high = (middle, high) if chance > 0.05 else (low, middle)
    return high
