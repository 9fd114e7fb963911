"""What a compressed model costs and brings: sizes, work and the metric, in float and in int8 on TFLM."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ..boards import Board
from ..deployment import DeviceCost, device_cost
from ..quantization import Quantized, finish
from ..runtimes import DEFAULT_RUNTIME, RUNTIMES
from ..support.files import gzip_bytes
from ..support.metrics import Metric
from ..tflite.macs import model_macs
from ..verification import EngineRun, quantize_samples, real_values
from .job import ConvertedModel


@dataclass(frozen=True)
class Price:
    """The figures of one model.

    Attributes:
        parameters, nonzero: of the Keras model, batch norm's statistics included.
        float_score: the metric of the float model on held-out data.
        litert_score, tflm_score: of the int8 model, in LiteRT's reference kernels and in TFLM.
        tflite_bytes: size of the int8 .tflite.
        gzip_bytes: of the same compressed with gzip, as it travels over the air.
        macs: multiply-accumulates of one inference.
        arena_bytes: the smallest tensor arena that TFLM runs it with on this machine.
        device: what it costs on a board where the model becomes code; None where no runtime that can tell takes it.
    """

    parameters: int
    nonzero: int
    float_score: float
    litert_score: float
    tflm_score: float
    tflite_bytes: int
    gzip_bytes: int
    macs: int
    arena_bytes: int
    device: DeviceCost | None = None

    def to_json(self) -> dict[str, Any]:
        """Return it as plain data."""
        return {**asdict(self), "device": self.device.to_json() if self.device else None}

    @classmethod
    def from_json(cls, plain: Mapping[str, Any]) -> Price:
        """Return the price that `to_json` made plain."""
        device = plain.get("device")
        fields = {k: v for k, v in (device or {}).items() if k != "flash_bytes"}
        cost = DeviceCost(**{**fields, "stored": tuple(fields["stored"])}) if device else None
        return cls(**{**plain, "device": cost})


def measure_price(
    model: ConvertedModel, test_x: npt.NDArray[Any], test_y: npt.NDArray[Any], name: str, metric: Metric, board: Board
) -> tuple[Price, Quantized, npt.NDArray[Any] | None]:
    """Run a model of a compression in LiteRT and TFLM, and return its price.

    Args:
        model: of the reply of `job.compress_job`.
        test_x, test_y: the held-out data.
        name: the model's name.
        metric: what to compute.
        board: what `Price.device` is for.

    Returns:
        The price, the int8 model, and what each held-out sample scores in TFLM, where the metric is a mean of that.

    Raises:
        InputError: an operator does not run in TFLM; names its layer.
        EngineError: an engine refused the model.
    """
    limits = RUNTIMES.get(DEFAULT_RUNTIME).quantization_limits(None)
    quantized = finish(model.converted, name, "keras", "int8", limits)
    with EngineRun(quantized.model, quantize_samples(quantized.model, [test_x])) as running:
        arena = running.arena_min_bytes
        engines = running.result()
    litert, tflm = (
        real_values(quantized.model.outputs[0], answers.outputs[0]) for answers in (engines.litert, engines.reference)
    )
    data = quantized.model.data
    price = Price(
        model.parameters,
        model.nonzero,
        metric.score(model.test_float, test_x, test_y),
        metric.score(litert, test_x, test_y),
        metric.score(tflm, test_x, test_y),
        len(data),
        gzip_bytes(data),
        model_macs(quantized.model),
        arena,
        device_cost(quantized.model, board),
    )
    return price, quantized, metric.each(tflm, test_x, test_y) if metric.each else None


def standard_error(after: npt.NDArray[Any] | None, before: npt.NDArray[Any] | None) -> float | None:
    """Return the standard error of the mean difference of two models' scores on the same samples, shape (samples,).

    Returns:
        None where one is not known, or there is a single sample.
    """
    if after is None or before is None or len(after) < 2:
        return None
    differences = after.astype(np.float64) - before.astype(np.float64)
    return float(differences.std(ddof=1) / np.sqrt(len(differences)))
