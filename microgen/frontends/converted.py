"""The result of a frontend."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from ..datasets import Array, Calibration, ChannelsFirst, Sequences
from ..tflite import TfliteModel


@dataclass(frozen=True)
class LayerNames:
    """The layers of a model, and how its tensors' names lead to them.

    Attributes:
        names: in their order.
        numbered: Keras 3 enters each layer's scope twice, so that "dense" computes in "dense_1"; tf_keras does not.
        outputs: the layers that compute the outputs, in their order: the converter calls these "Identity" or
            "StatefulPartitionedCall" with a number.
        fused: the layers that become one operator, in their order: the converter names these after the operator.
        activations: the activation of each layer in `names`, "" where it has none or one of the user's own.
    """

    names: tuple[str, ...] = ()
    numbered: bool = False
    outputs: tuple[str, ...] = ()
    fused: tuple[str, ...] = ()
    activations: tuple[str, ...] = ()

    def activation_of(self, tensor: str) -> str:
        """Return the activation of the layer that a tensor comes from; "" if it has none."""
        layer = self.of(tensor)
        return self.activations[self.names.index(layer)] if self.activations and layer in self.names else ""

    def of(self, tensor: str) -> str:
        """Return the layer that a tensor comes from, "" if its name does not say.

        The converter names tensors after the scopes that they are computed in: "model/relu/Relu;model/conv/Conv2D".
        """
        for part in tensor.split(";"):
            for scope in reversed(part.split("/")):
                stripped = re.sub(r"_\d+$", "", scope)
                for name in (stripped, scope) if self.numbered else (scope, stripped):
                    if name in self.names:
                        return name
        if operator := re.match(r"tfl\.unidirectional_sequence_lstm(\d*)", tensor):
            index = int(operator[1] or 0)
            return self.fused[index] if index < len(self.fused) else ""
        result = re.match(r"(?:Identity|(?:Stateful)?PartitionedCall)(?:[_:](\d+))?", tensor)
        index = int(result[1] or 0) if result else -1
        return self.outputs[index] if 0 <= index < len(self.outputs) else ""


@dataclass(frozen=True)
class Scale:
    """The quantization of an int8 tensor, as the model's file has it."""

    scale: float
    zero_point: int


@dataclass(frozen=True)
class Scales:
    """What a file that is quantized already says of its numbers.

    Attributes:
        tensors: of what it computes, by the tensors' names in the float .tflite.
        weights: the scales of its weights: one number, or one per channel, for each.
    """

    tensors: Mapping[str, Scale] = field(default_factory=dict)
    weights: tuple[tuple[float, ...], ...] = ()

    def __bool__(self) -> bool:
        """Return whether it says anything."""
        return bool(self.tensors or self.weights)


@dataclass(frozen=True)
class Converted:
    """A model after its conversion, before it was checked and run.

    Attributes:
        tflite: the quantized model.
        float_tflite: its float twin, whose tensors have the same names.
        calibration: the data that its ranges come from; without arrays where the model brings its ranges.
        layers: the names of the layers, from which tensors get their names.
        warnings: warnings for the user.
        channels_first: which inputs and outputs have channels first where the model comes from, and last in it.
        sequences: what it makes of sequences, if it runs one step per inference; the calibration data is then steps.
    """

    tflite: bytes
    float_tflite: bytes
    calibration: Calibration
    layers: LayerNames = LayerNames()
    warnings: tuple[str, ...] = ()
    channels_first: ChannelsFirst = field(default_factory=ChannelsFirst)
    sequences: Sequences = field(default_factory=Sequences)


@dataclass(frozen=True)
class AlreadyQuantized:
    """A model that was already quantized, and is used unchanged.

    Attributes:
        model: the .tflite.
        data: samples of its inputs, one array per input, samples first, as real values or quantized already; empty
            where none were given.
        warnings: warnings for the user.
    """

    model: TfliteModel
    data: tuple[Array, ...] = ()
    warnings: tuple[str, ...] = ()
