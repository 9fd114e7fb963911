"""LiteRT, the Python interpreter that firmware is compared with. Its jobs run in a worker."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from .samples import Answers, Array, Samples, run_samples, sample_of

REFERENCE = "BUILTIN_REF"  # the reference kernels: "what Python computes"
OPTIMIZED = "BUILTIN_WITHOUT_DEFAULT_DELEGATES"


class Interpreter:
    """A model in LiteRT."""

    def __init__(self, model: bytes, kernels: str = REFERENCE, keep_all: bool = False) -> None:
        """Load a model.

        Args:
            model: the .tflite.
            kernels: the OpResolverType.
            keep_all: keep the values of all tensors after an inference.
        """
        self._model, self._kernels, self._keep_all = model, kernels, keep_all
        self._interpreter = self._load()
        # LiteRT resets tensors that are variables, but not those beside the graph.
        self._is_rebuilt = any(op["op_name"] == "VAR_HANDLE" for op in self._interpreter._get_ops_details())

    def _load(self) -> Any:  # noqa: ANN401 - the package has no types
        from ai_edge_litert.interpreter import Interpreter as Library
        from ai_edge_litert.interpreter import OpResolverType

        interpreter = Library(
            model_content=self._model,
            experimental_op_resolver_type=OpResolverType[self._kernels],
            experimental_preserve_all_tensors=self._keep_all,
            num_threads=1,
        )
        interpreter.allocate_tensors()
        return interpreter

    def infer(self, inputs: Sequence[Array], fresh: bool = True) -> list[Array]:
        """Run one sample and return its outputs.

        Args:
            inputs: one array per input, without a number of samples.
            fresh: reset the model's state first.
        """
        if fresh and self._is_rebuilt:
            self._interpreter = self._load()
        elif fresh:
            self._interpreter.reset_all_variables()
        for detail, value in zip(self._interpreter.get_input_details(), inputs, strict=True):
            self._interpreter.set_tensor(detail["index"], value.reshape(detail["shape"]))
        self._interpreter.invoke()
        return [self._interpreter.get_tensor(d["index"]) for d in self._interpreter.get_output_details()]

    def tensor(self, index: int) -> Array:
        """Return a copy of the value of a tensor of the main subgraph."""
        return np.array(self._interpreter.get_tensor(index))


@dataclass(frozen=True)
class RunRequest:
    """Samples for a model.

    Attributes:
        model: the .tflite.
        inputs: one array per input, samples first; without inputs the model is only loaded.
        sequence: how many samples to run once more, one after the other without a reset.
        steps: after how many samples the state is fresh again.
    """

    model: bytes
    inputs: Samples
    sequence: int = 0
    steps: int = 1


def run(request: RunRequest) -> Answers:
    """Run samples through LiteRT's reference kernels."""
    return run_samples(Interpreter(request.model), request.inputs, request.sequence, request.steps)


@dataclass(frozen=True)
class TensorPair:
    """A tensor of a quantized model and the same tensor of the float model.

    Attributes:
        quantized, real: its number in each.
        scale, zero_point: of the quantized one.
        low, high: the smallest and largest value of its type.
    """

    quantized: int
    real: int
    scale: float
    zero_point: int
    low: int
    high: int


@dataclass(frozen=True)
class NoiseRequest:
    """Two forms of a model to compare tensor by tensor.

    Attributes:
        model, float_model: the quantized .tflite and its float twin.
        inputs, float_inputs: the same samples for each: one array per input, samples first.
        tensors: what to compare.
        samples: on how many samples the tensors are compared.
        classify: whether to name the class of every sample, or of the last of a sequence.
        steps: how many samples are one sequence; it begins with a fresh state.
    """

    model: bytes
    float_model: bytes
    inputs: Samples
    float_inputs: Samples
    tensors: tuple[TensorPair, ...]
    samples: int
    classify: bool
    steps: int = 1


@dataclass(frozen=True)
class NoiseReply:
    """What quantization did to tensors.

    Attributes:
        signal, noise: sums of squares in real units, one element per pair.
        outside: how many values the quantized tensor cannot represent, one element per pair.
        seen: of how many.
        classes, float_classes: the index of the largest output, one element per sample; empty where not asked for.
    """

    signal: npt.NDArray[np.float64]
    noise: npt.NDArray[np.float64]
    outside: npt.NDArray[np.float64]
    seen: npt.NDArray[np.float64]
    classes: npt.NDArray[np.int64]
    float_classes: npt.NDArray[np.int64]


def measure_noise(request: NoiseRequest) -> NoiseReply:
    """Compare tensors of a quantized model with those of its float twin, in LiteRT on the same samples."""
    real, quantized = (Interpreter(m, OPTIMIZED, keep_all=True) for m in (request.float_model, request.model))
    sums = np.zeros((4, len(request.tensors)))
    classes, float_classes = [], []
    for sample in range(len(request.inputs[0])):
        fresh = sample % request.steps == 0
        float_outputs = real.infer(sample_of(request.float_inputs, sample), fresh)
        outputs = quantized.infer(sample_of(request.inputs, sample), fresh)
        if request.classify and (sample + 1) % request.steps == 0:
            float_classes.append(int(float_outputs[0].argmax()))
            classes.append(int(outputs[0].argmax()))
        if sample >= request.samples:
            continue
        for k, pair in enumerate(request.tensors):
            wanted = real.tensor(pair.real).astype(np.float64)
            stored = (quantized.tensor(pair.quantized).astype(np.float64) - pair.zero_point) * pair.scale
            low, high = ((edge - pair.zero_point) * pair.scale for edge in (pair.low - 1, pair.high + 1))
            outside = (wanted < low) | (wanted > high)
            sums[:, k] += (wanted**2).sum(), ((wanted - stored) ** 2).sum(), outside.sum(), wanted.size
    names = np.array(classes, np.int64), np.array(float_classes, np.int64)
    return NoiseReply(sums[0], sums[1], sums[2], sums[3], *names)
