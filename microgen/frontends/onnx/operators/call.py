"""A node of an ONNX graph as a module of torch, and the table of the functions that compute nodes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from ....errors import InputError
from ...tracing.ranges import Quantize
from ...tracing.recurrent import Lstm
from ...tracing.stepping import Recurrent

Array = npt.NDArray[Any]
Operator = Callable[..., Any]
OPERATORS: dict[str, Operator] = {}
# They read their scales and zero points when they are made.
QUANTIZED = frozenset({"QuantizeLinear", "DequantizeLinear"})
# What QuantizeLinear stores.
_STORED = {2: "uint8", 3: "int8", 4: "uint16", 5: "int16"}


class Unreadable(InputError):
    """A node that is not computed here."""


class Call(torch.nn.Module):
    """A node.

    Attributes:
        operator, opset: its type, and the version of the operators.
        attributes: of the node.
        inputs: the names of what it reads, "" for one that is left out.
    """

    def __init__(
        self,
        file: str,
        operator: str,
        name: str,
        opset: int,
        attributes: Mapping[str, Any],
        inputs: Sequence[str],
        constants: Mapping[str, Array],
        outputs: int,
    ) -> None:
        super().__init__()
        self.operator, self.opset, self.attributes, self.inputs = operator, opset, dict(attributes), tuple(inputs)
        self._title = f"{file}: {operator} '{name}'"
        self._constants = {k: constants[n] for k, n in enumerate(inputs) if n in constants}
        self.outputs = outputs
        self.layer: Any = None
        if operator in ACTIVATIONS:
            self.layer = Lstm() if operator == "LSTM" else Recurrent(self._kind())
        self.exact = True
        self.quantize = self._quantization() if operator == "QuantizeLinear" else None
        if operator not in OPERATORS:
            raise Unreadable(
                f"{self._title} is not among the {len(OPERATORS)} operators that are read",
                REMEDIES.get(operator, _OTHER),
                operator=operator,
            )

    def _kind(self) -> str:
        activations = self.get("activations", ["Tanh"])
        return "gru" if self.operator == "GRU" else "rnn_relu" if activations[0] == "Relu" else "rnn_tanh"

    def values(self, number: int) -> Array | None:
        """Return an input that is a constant; None for others."""
        return self._constants.get(number)

    def _quantization(self) -> Quantize:
        scale, zero = self.values(1), self.values(2)
        if scale is None or (zero is None and len(self.inputs) > 2 and self.inputs[2]):
            self.refuse("has a scale that is computed from the data", "quantize it statically, or export it in float32")
        kind = _STORED.get(self.get("output_dtype", 0), "uint8")
        zero = np.zeros((), kind) if zero is None else zero
        if str(zero.dtype) not in _STORED.values():
            self.refuse(f"stores {zero.dtype}", "quantize to int8 or uint8")
        return Quantize(self._title, np.asarray(scale), zero, self.get("axis", 1))

    def get(self, name: str, default: Any = None) -> Any:  # noqa: ANN401
        """Return an attribute."""
        return self.attributes.get(name, default)

    def constant(self, number: int) -> Any:  # noqa: ANN401 - a number or nested lists
        """Return the values of an input that is a constant, as plain numbers; None for one that is left out."""
        if number >= len(self.inputs) or not self.inputs[number]:
            return None
        if number not in self._constants:
            self.refuse(f"has an input {number} that is computed from the data", "export it with fixed shapes")
        return self._constants[number].tolist()

    def has_constant(self, number: int) -> bool:
        """Return whether an input is a constant."""
        return number in self._constants

    def axes(self, number: int = 1) -> list[int] | None:
        """Return the axes of a reduction or a squeeze: an attribute once, an input since."""
        axes = self.get("axes")
        if axes is None:
            axes = self.constant(number)
        return None if axes is None else [int(a) for a in np.atleast_1d(axes)]

    def refuse(self, why: str, remedy: str) -> None:
        """Raise the refusal of this node."""
        raise Unreadable(f"{self._title} {why}", remedy, operator=self.operator)

    def forward(self, known: dict[str, Any]) -> Any:  # noqa: ANN401
        """Compute the node."""
        names = self.inputs[:1] if self.operator in QUANTIZED else self.inputs
        return OPERATORS[self.operator](self, *(known[name] if name else None for name in names))


_OTHER = "export it with different layers"
_FOREST = "a forest has no weights; emlearn converts it to C"
REMEDIES = {
    **dict.fromkeys(("TreeEnsembleClassifier", "TreeEnsembleRegressor", "TreeEnsemble"), _FOREST),
    **dict.fromkeys(("SVMClassifier", "SVMRegressor"), "train a small neural network on the same data"),
    **dict.fromkeys(("Loop", "Scan", "If"), "export it without loops and branches over data"),
    **dict.fromkeys(("NonZero", "NonMaxSuppression", "Unique", "TopK"), "do this after the model, in your own code"),
    **dict.fromkeys(("RandomNormal", "RandomUniform", "RandomNormalLike", "RandomUniformLike", "Multinomial"),
                    "give random numbers to the model as an input"),
}  # fmt: skip


def op(*names: str) -> Callable[[Operator], Operator]:
    """Add the function below it to `OPERATORS`, as these types of nodes."""

    def add(function: Operator) -> Operator:
        for name in names:
            OPERATORS[name] = function
        return function

    return add


def plain(names: Mapping[str, Callable[..., Any]]) -> None:
    """Add operators that are one call of torch, without attributes."""

    def of(function: Callable[..., Any]) -> Operator:
        return lambda call, *inputs: function(*inputs)

    OPERATORS.update({name: of(function) for name, function in names.items()})


# The activations that recurrent layers of torch have; each is listed once, or once per direction.
ACTIVATIONS = {"LSTM": [["Sigmoid", "Tanh", "Tanh"]], "GRU": [["Sigmoid", "Tanh"]], "RNN": [["Tanh"], ["Relu"]]}
