"""Which channels of a network hang together.

Each tensor has one label for each of its channels (its last axis). Layers that only pass channels on pass the labels
on; a residual add makes its inputs' labels one; a concatenation strings them together; a flatten repeats them. What
has one label in the end leaves together or stays together.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from .graph import Call, Layer, Model, calls, width

Labels = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

_ELEMENTWISE = frozenset({
    "elu", "exponential", "gelu", "hard_sigmoid", "leaky_relu", "linear", "mish", "relu", "relu6", "selu", "sigmoid",
    "silu", "softplus", "softsign", "swish", "tanh",
})  # fmt: skip
_PASS = frozenset({
    "Activation", "ActivityRegularization", "AlphaDropout", "AveragePooling1D", "AveragePooling2D", "Cropping1D",
    "Cropping2D", "Dropout", "ELU", "GaussianDropout", "GaussianNoise", "GlobalAveragePooling1D",
    "GlobalAveragePooling2D", "GlobalMaxPooling1D", "GlobalMaxPooling2D", "LeakyReLU", "MaxPooling1D", "MaxPooling2D",
    "ReLU", "RepeatVector", "SpatialDropout1D", "SpatialDropout2D", "ThresholdedReLU", "UpSampling1D", "UpSampling2D",
    "ZeroPadding1D", "ZeroPadding2D",
})  # fmt: skip
_JOIN = frozenset({"Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum"})


@dataclass(frozen=True)
class Axes:
    """Along which axis of a weight a layer's input channels lie, and along which its output channels."""

    weight: str
    takes: int | None = None
    gives: int | None = None


@dataclass(frozen=True)
class Kind:
    """What is known of a kind of layer that has weights.

    Attributes:
        axes: its weights.
        filters: the setting that says how many channels it makes; "" where it passes channels on.
        magnitude: the weight whose size says how important its channels are; "" where none does.
        is_recurrent: whether it keeps its own channels, for they feed back.
    """

    axes: tuple[Axes, ...]
    filters: str = ""
    magnitude: str = ""
    is_recurrent: bool = False


_BIAS = Axes("bias", gives=0)
_CONV = Kind((Axes("kernel", -2, -1), _BIAS), "filters", "kernel")
_TRANSPOSED = Kind((Axes("kernel", -1, -2), _BIAS), "filters", "kernel")
_DEPTHWISE = Kind((Axes("depthwise_kernel", takes=-2), _BIAS), magnitude="depthwise_kernel")
_SEPARABLE = Kind(
    (Axes("depthwise_kernel", takes=-2), Axes("pointwise_kernel", -2, -1), _BIAS), "filters", "pointwise_kernel"
)
_RECURRENT = Kind((Axes("cell.kernel", takes=0),), "units", is_recurrent=True)
KINDS = {
    "Dense": Kind((Axes("kernel", 0, 1), _BIAS), "units", "kernel"),
    "Conv1D": _CONV,
    "Conv2D": _CONV,
    "Conv1DTranspose": _TRANSPOSED,
    "Conv2DTranspose": _TRANSPOSED,
    "DepthwiseConv1D": _DEPTHWISE,
    "DepthwiseConv2D": _DEPTHWISE,
    "SeparableConv1D": _SEPARABLE,
    "SeparableConv2D": _SEPARABLE,
    "BatchNormalization": Kind(tuple(Axes(w, gives=0) for w in ("gamma", "beta", "moving_mean", "moving_variance"))),
    "PReLU": Kind((Axes("alpha", gives=-1),)),
    "LSTM": _RECURRENT,
    "GRU": _RECURRENT,
    "SimpleRNN": _RECURRENT,
}


@dataclass(frozen=True)
class Use:
    """The labels of the channels that a layer with weights takes and gives."""

    takes: Labels
    gives: Labels


@dataclass
class Coupling:
    """The labels of a model's channels.

    Attributes:
        calls: the model's layers in their order.
        uses: what each layer of a known kind takes and gives, by the layer's id.
        blocked: the labels that must stay, as roots.
        refusals: the layers that hold channels, and why, one text each.
    """

    calls: Sequence[Call]
    uses: dict[int, Use] = field(default_factory=dict)
    blocked: set[int] = field(default_factory=set)
    refusals: list[str] = field(default_factory=list)
    # A forest: each label has its parent, and the root stands for all below it.
    _parent: list[int] = field(default_factory=list)
    _labels: dict[int, Labels] = field(default_factory=dict)

    def of(self, tensor: Any) -> Labels:  # noqa: ANN401
        """Return the labels of a tensor's channels."""
        if id(tensor) not in self._labels:
            self._labels[id(tensor)] = self._fresh(width(tensor))
        return self._labels[id(tensor)]

    def roots(self, labels: Labels) -> Labels:
        """Return what stands for each label and all that are coupled with it."""
        return np.array([self._root(int(x)) for x in labels], np.int64)

    def kept(self, labels: Labels, removed: frozenset[int]) -> Mask:
        """Tell which channels stay when some roots are removed."""
        return ~np.isin(self.roots(labels), list(removed))

    def block(self, tensor: Any, why: str = "") -> None:  # noqa: ANN401
        """Let a tensor's channels stay; `why` names the layer that wants them."""
        self._block(self.of(tensor), why)

    def visit(self, call: Call) -> None:
        """Label what a call gives. A layer that is not known holds all channels that it touches."""
        kind = type(call.layer).__name__
        handlers: dict[str, Callable[[Call], bool]] = {
            **dict.fromkeys(_PASS, self._pass),
            **dict.fromkeys(_JOIN, self._join),
            **dict.fromkeys(KINDS, self._weighted),
            "Concatenate": self._concatenate,
            "Flatten": self._reshape,
            "Reshape": self._reshape,
        }
        whole = all(width(t) for t in (*call.inputs, *call.outputs))
        channels_last = getattr(call.layer, "data_format", None) != "channels_first"
        handler = handlers.get(kind)
        if not (handler and whole and channels_last and handler(call)):
            for tensor in (*call.inputs, *call.outputs):
                self.block(tensor, f"'{call.layer.name}' ({kind}) may mix its channels")

    def _root(self, label: int) -> int:
        while self._parent[label] != label:
            self._parent[label] = self._parent[self._parent[label]]
            label = self._parent[label]
        return label

    def _fresh(self, count: int) -> Labels:
        first = len(self._parent)
        self._parent.extend(range(first, first + count))
        return np.arange(first, first + count)

    def _couple(self, one: Labels, other: Labels) -> None:
        for a, b in zip(self.roots(one).tolist(), self.roots(other).tolist(), strict=True):
            first, second = sorted((self._root(a), self._root(b)))
            if first != second:
                self._parent[second] = first
                if second in self.blocked:
                    self.blocked.add(first)

    def _block(self, labels: Labels, why: str) -> None:
        if why and why not in self.refusals:
            self.refusals.append(why)
        self.blocked.update(self.roots(labels).tolist())

    def _pass(self, call: Call) -> bool:
        if width(call.inputs[0]) != width(call.outputs[0]) or not _is_elementwise(call.layer):
            return False
        self._labels[id(call.outputs[0])] = self.of(call.inputs[0])
        return True

    def _join(self, call: Call) -> bool:
        widest = width(call.outputs[0])
        full = [t for t in call.inputs if width(t) == widest]
        for tensor in call.inputs:
            if width(tensor) != widest:
                self.block(tensor, f"'{call.layer.name}' copies one channel to many")
        for tensor in full[1:]:
            self._couple(self.of(full[0]), self.of(tensor))
        self._labels[id(call.outputs[0])] = self.of(full[0])
        return True

    def _concatenate(self, call: Call) -> bool:
        given = [self.of(t) for t in call.inputs]
        if call.layer.axis in (-1, len(call.outputs[0].shape) - 1):
            self._labels[id(call.outputs[0])] = np.concatenate(given)
            return True
        for other in given[1:]:
            self._couple(given[0], other)
        self._labels[id(call.outputs[0])] = given[0]
        return True

    def _reshape(self, call: Call) -> bool:
        """Follow each element; where elements of several channels come to one, their channels are coupled."""
        before, after = (tuple(t.shape[1:]) for t in (call.inputs[0], call.outputs[0]))
        if None in (*before, *after):
            return False
        elements = np.broadcast_to(self.of(call.inputs[0]), before).reshape(-1, after[-1])
        for row in np.unique(elements, axis=0):
            self._couple(elements[0], row)
        self._labels[id(call.outputs[0])] = elements[0].copy()
        return True

    def _weighted(self, call: Call) -> bool:
        layer, kind = call.layer, KINDS[type(call.layer).__name__]
        axis = getattr(layer, "axis", None)
        last = axis is None or list(np.ravel(axis)) in ([-1], [len(call.inputs[0].shape) - 1])
        if getattr(layer, "groups", 1) != 1 or len(call.inputs) != 1 or not last:
            return False
        taken, known = self.of(call.inputs[0]), self.uses.get(id(layer))
        if known is not None:  # the same weights again
            self._couple(known.takes, taken)
        if not kind.filters:
            gives = np.repeat(taken, width(call.outputs[0]) // len(taken))
        else:
            gives = known.gives if known is not None else self._fresh(width(call.outputs[0]))
        if kind.is_recurrent or not _is_elementwise(layer):
            self._block(gives, f"'{layer.name}' ({type(layer).__name__}) needs all its channels")
        self.uses[id(layer)] = Use(taken, gives)
        for tensor in call.outputs:
            self._labels[id(tensor)] = gives
        return True


def couple(model: Model) -> Coupling:
    """Find out which channels of a tf_keras model hang together, and which must stay."""
    coupling = Coupling(calls(model))
    for tensor in model.inputs:
        coupling.block(tensor)
    for call in coupling.calls:
        coupling.visit(call)
    for tensor, name in zip(model.outputs, model.output_names, strict=True):
        coupling.block(tensor, f"'{name}' is the model's output")
    return coupling


def _is_elementwise(layer: Layer) -> bool:
    """Tell whether a layer's activation looks at each channel alone, as softmax does not."""
    activation = getattr(layer, "activation", None)
    return activation is None or getattr(activation, "__name__", "") in _ELEMENTWISE
