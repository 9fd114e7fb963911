"""Low-rank factorization: a layer becomes two thinner ones, its weights the closest product of that rank (SVD).

A Dense layer of n inputs and m outputs becomes n to r and r to m. A convolution becomes the better of two pairs:
- by channels (Zhang et al., "Accelerating Very Deep Convolutional Networks", 2015): the same kernel to r channels,
  then 1x1 to all;
- by space (Jaderberg et al., 2014, in the closed form of Tai et al., "Convolutional neural networks with low-rank
  regularization", 2016): a vertical kernel to r channels, then a horizontal one to all.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import InputError
from .graph import Layer, Made, Model, calls, copy_of, parameters, rebuild

Array = npt.NDArray[Any]

# About what one more operator takes in a .tflite, its tensors and scales included: a split must save more.
OPERATOR_BYTES = 512


@dataclass(frozen=True)
class Split:
    """One way to make two layers out of one.

    Attributes:
        layer: the layer.
        kernel: its weights as a matrix, whose rank is cut; the two layers have its rows and columns as weights, each
            times the rank.
        values: its singular values, falling.
        make: gives the two layers and their kernels from the two factors.
    """

    layer: Layer
    kernel: Array
    values: Array
    make: Callable[[Array, Array], list[Made]]

    def rank(self, energy: float) -> int:
        """Return the smallest rank that keeps a share of the energy, the sum of the squared singular values."""
        kept = np.cumsum(self.values**2)
        return int(np.searchsorted(kept, energy * kept[-1] * (1 - 1e-12)) + 1)

    def saved(self, rank: int) -> int:
        """Return how many weights fewer there are at a rank; negative where the two layers have more."""
        return int(self.kernel.size - rank * sum(self.kernel.shape))

    def is_worth_it(self, rank: int) -> bool:
        """Tell whether the .tflite becomes smaller; a weight is a byte there."""
        return self.saved(rank) > OPERATOR_BYTES

    def layers(self, rank: int) -> list[Made]:
        """Return the two layers at a rank."""
        left, values, right = np.linalg.svd(self.kernel, full_matrices=False)
        root = np.sqrt(values[:rank])
        return self.make(left[:, :rank] * root, root[:, None] * right[:rank])


def splits(layer: Layer) -> list[Split]:
    """Return the ways to split a tf_keras layer; none for a layer of another kind, or a grouped convolution."""
    kind = type(layer).__name__
    if kind == "Dense":
        return [_split(layer, layer.kernel.numpy(), lambda a, b: _dense(layer, a, b))]
    if kind not in ("Conv1D", "Conv2D") or layer.groups != 1 or layer.data_format != "channels_last":
        return []
    kernel = layer.kernel.numpy()
    *size, taken, given = kernel.shape
    candidates = [_split(layer, kernel.reshape(-1, given), lambda a, b: _by_channels(layer, a, b))]
    if kind == "Conv2D" and min(size) > 1:
        height, width = size
        flat = kernel.transpose(0, 2, 1, 3).reshape(height * taken, width * given)
        candidates.append(_split(layer, flat, lambda a, b: _by_space(layer, a, b)))
    return candidates


def choose(model: Model, energy: float) -> dict[int, tuple[Split, int]]:
    """Choose the layers to split, how, and to which rank: the same energy is kept in each, where that saves bytes.

    Args:
        model: a tf_keras model.
        energy: the share of each layer's energy that stays, 0 to 1.

    Returns:
        The split and its rank by the layer's id.
    """
    return _choose(_all_splits(model), energy)


def energy_for(model: Model, amount: float) -> float:
    """Return the largest share of energy at which a share of the model's parameters leaves.

    Raises:
        InputError: no layer can be split, or not so much can leave.
    """
    layer_splits = check_splits(model)
    wanted = amount * parameters(model)
    steps = sorted({float(e) for options in layer_splits.values() for s in options for e in _energies(s)})
    enough = [_saved(_choose(layer_splits, e)) >= wanted for e in steps]
    if not enough[0]:
        most = _saved(_choose(layer_splits, steps[0])) / parameters(model)
        raise InputError(
            f"model '{model.name}': at most {100 * most:.0f} % of its parameters can be removed (rank 1), "
            f"{100 * amount:g} % were requested",
            "use a smaller amount",
        )
    return steps[max(k for k, x in enumerate(enough) if x)]


def check_splits(model: Model) -> dict[int, list[Split]]:
    """Return the ways to split each layer.

    Raises:
        InputError: no layer can be split so that bytes are saved; names the layers.
    """
    layer_splits = _all_splits(model)
    if not any(split.is_worth_it(1) for options in layer_splits.values() for split in options):
        named = ", ".join(f"'{c.layer.name}' ({type(c.layer).__name__})" for c in calls(model) if c.layer.weights)
        raise InputError(
            f"model '{model.name}': no layer is large enough to split into two thinner ones: {named or 'none'}",
            "low-rank supports Dense, Conv1D and Conv2D layers",
        )
    return layer_splits


def factorize(model: Model, energy: float) -> Model:
    """Return a model with its layers split; with an energy of 1 it computes the same.

    Args:
        model: a tf_keras Sequential or Functional model; it is left alone.
        energy: the share of each layer's energy that stays, 0 to 1.
    """
    chosen = choose(model, energy)

    def make(layer: Layer) -> list[Made]:
        if id(layer) in chosen:
            split, rank = chosen[id(layer)]
            return split.layers(rank)
        return [(copy_of(layer), layer.get_weights())]

    return rebuild(model, make)


def _all_splits(model: Model) -> dict[int, list[Split]]:
    return {id(c.layer): candidates for c in calls(model) if (candidates := splits(c.layer))}


def _choose(layer_splits: dict[int, list[Split]], energy: float) -> dict[int, tuple[Split, int]]:
    best = {}
    for layer, options in layer_splits.items():
        split = max(options, key=lambda s: s.saved(s.rank(energy)))
        if split.is_worth_it(split.rank(energy)):
            best[layer] = (split, split.rank(energy))
    return best


def _saved(chosen: dict[int, tuple[Split, int]]) -> int:
    return sum(split.saved(rank) for split, rank in chosen.values())


def _energies(split: Split) -> Array:
    """Return the energy that each rank keeps."""
    kept = np.cumsum(split.values**2)
    return np.asarray(kept / max(kept[-1], 1e-30))


def _split(layer: Layer, kernel: Array, make: Callable[[Array, Array], list[Made]]) -> Split:
    matrix = kernel.astype(np.float64)
    return Split(layer, matrix, np.linalg.svd(matrix, compute_uv=False), make)


def _bias(layer: Layer) -> list[Array]:
    return [layer.bias.numpy()] if layer.use_bias else []


def _first(layer: Layer, **changes: Any) -> Layer:  # noqa: ANN401
    return copy_of(layer, name=f"{layer.name}_a", use_bias=False, activation="linear", **changes)


def _dense(layer: Layer, a: Array, b: Array) -> list[Made]:
    return [(_first(layer, units=len(b)), [a]), (copy_of(layer), [b, *_bias(layer)])]


def _by_channels(layer: Layer, a: Array, b: Array) -> list[Made]:
    ones = (1,) * len(layer.kernel_size)
    second = copy_of(layer, kernel_size=ones, strides=ones, dilation_rate=ones, padding="valid")
    return [
        (_first(layer, filters=len(b)), [a.reshape(*layer.kernel_size, -1, len(b))]),
        (second, [b.reshape(*ones, *b.shape), *_bias(layer)]),
    ]


def _by_space(layer: Layer, a: Array, b: Array) -> list[Made]:
    (height, width), (down, right), (far_down, far_right) = layer.kernel_size, layer.strides, layer.dilation_rate
    vertical = {"kernel_size": (height, 1), "strides": (down, 1), "dilation_rate": (far_down, 1)}
    horizontal = {"kernel_size": (1, width), "strides": (1, right), "dilation_rate": (1, far_right)}
    return [
        (_first(layer, filters=len(b), **vertical), [a.reshape(height, 1, -1, len(b))]),
        (copy_of(layer, **horizontal), [b.reshape(1, len(b), width, -1).transpose(0, 2, 1, 3), *_bias(layer)]),
    ]
