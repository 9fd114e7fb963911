"""Channel pruning: whole filters and neurons leave, so that multiply-accumulates, arena and bytes really fall.

Filters are chosen by their magnitude (Li et al., "Pruning Filters for Efficient ConvNets", 2017), times what the batch
normalization behind them multiplies it by. Each set of layers that hang together loses the same share of its
channels: what is left is a narrower network of the same shape.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import InputError
from .coupling import KINDS, Axes, Coupling, Kind, Mask, couple
from .graph import Call, Layer, Made, Model, copy_of, rebuild


def channel_prune(model: Model, amount: float, tune: Callable[[Model, int, int], None], steps: int) -> Model:
    """Prune channels step by step, and tune what is left after each.

    Args:
        model: a tf_keras Sequential or Functional model; it is left alone.
        amount: share of the multiply-accumulates to remove, 0 to 1; by less than a channel it is exceeded.
        tune: trains a model on, in place; takes it, the number of the step from 1, and how many there are.
        steps: in how many steps, each with the same share of what is left.

    Raises:
        InputError: no channel can leave, or not as many; names the layers that hold them.
    """
    choose(model, couple(model), amount)  # refuses before anything is trained
    total = macs(couple(model))
    for step in range(1, steps + 1):
        coupling = couple(model)
        # Not above 0 where an earlier step took more than its part: then nothing leaves.
        share = 1 - total * (1 - amount) ** (step / steps) / macs(coupling)
        model = without(model, coupling, choose(model, coupling, share))
        tune(model, step, steps)
    return model


def choose(model: Model, coupling: Coupling, amount: float) -> frozenset[int]:
    """Choose the least important channels, the same share in each set of layers that hang together.

    Args:
        model: the model.
        coupling: its labels.
        amount: share of the multiply-accumulates to remove, at least.

    Returns:
        The labels, as roots, that leave.

    Raises:
        InputError: nothing can leave, or not as much.
    """
    score = check_removable_channels(model, coupling)
    order = _order(_makers(coupling), score)
    total = macs(coupling)

    def is_enough(count: int) -> bool:
        return macs(coupling, frozenset(order[:count])) <= (1 - amount) * total

    low, high = 0, len(order)
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if is_enough(middle) else (middle + 1, high)
    if not is_enough(low):
        most = 100 * (1 - macs(coupling, frozenset(order)) / total)
        raise InputError(
            f"model '{model.name}': at most {most:.0f} % of its multiply-accumulates can be removed, "
            f"{100 * amount:g} % "
            f"were requested ({_held(coupling)})",
            "use a smaller amount",
        )
    return frozenset(order[:low])


def check_removable_channels(model: Model, coupling: Coupling) -> dict[int, float]:
    """Return what `importance` does, if there is anything.

    Raises:
        InputError: no channel can leave; names the layers that hold them.
    """
    score = importance(coupling)
    if not score:
        raise InputError(
            f"model '{model.name}': no channel can be removed ({_held(coupling)})",
            "only channels between Dense and Conv layers can be removed, never those of the outputs",
        )
    return score


def importance(coupling: Coupling) -> dict[int, float]:
    """Return what may leave, by root, and the mean magnitude of its filters.

    A filter's magnitude is its L2 norm, times |gamma| / sqrt(variance + epsilon) of a batch normalization right behind
    it, over the mean of its layer.
    """
    scale = {}
    for call in coupling.calls:
        if type(call.layer).__name__ == "BatchNormalization":
            gamma = call.layer.gamma.numpy() if call.layer.scale else 1.0
            deviation = np.sqrt(call.layer.moving_variance.numpy() + call.layer.epsilon)
            scale[id(call.inputs[0])] = np.abs(gamma) / deviation
    by_layer: dict[int, list[float]] = {}
    for call in {id(c.layer): c for c in coupling.calls}.values():
        kind, use = KINDS.get(type(call.layer).__name__), coupling.uses.get(id(call.layer))
        if kind is None or use is None or not kind.magnitude:
            continue
        norms = _norms(call.layer, kind) * scale.get(id(call.outputs[0]), 1.0)
        for label, norm in zip(coupling.roots(use.gives).tolist(), norms / max(norms.mean(), 1e-12), strict=True):
            by_layer.setdefault(label, []).append(float(norm))
    return {label: float(np.mean(x)) for label, x in sorted(by_layer.items()) if label not in coupling.blocked}


def macs(coupling: Coupling, removed: frozenset[int] = frozenset()) -> int:
    """Return the multiply-accumulates of one inference without some channels."""
    total = 0
    for call in coupling.calls:
        if use := coupling.uses.get(id(call.layer)):
            taken, given = (int(coupling.kept(x, removed).sum()) for x in (use.takes, use.gives))
            total += _macs(call, KINDS[type(call.layer).__name__], taken, given)
    return total


def without(model: Model, coupling: Coupling, removed: frozenset[int]) -> Model:
    """Return the model without some channels; it computes what it did when these were 0."""
    shapes = {
        id(c.layer): (*c.outputs[0].shape[1:-1], int(coupling.kept(coupling.of(c.outputs[0]), removed).sum()))
        for c in coupling.calls
        if type(c.layer).__name__ == "Reshape"
    }

    def make(layer: Layer) -> list[Made]:
        kind, use = KINDS.get(type(layer).__name__), coupling.uses.get(id(layer))
        if kind is None or use is None:
            changes = {"target_shape": shapes[id(layer)]} if id(layer) in shapes else {}
            return [(copy_of(layer, **changes), layer.get_weights())]
        takes, gives = (coupling.kept(x, removed) for x in (use.takes, use.gives))
        smaller = {kind.filters: int(gives.sum())} if kind.filters else {}
        return [(copy_of(layer, **smaller), _cut(layer, kind, takes, gives))]

    return rebuild(model, make)


def _held(coupling: Coupling) -> str:
    more = len(coupling.refusals) - 5
    return "; ".join(coupling.refusals[:5]) + (f"; and {more} more" if more > 0 else "")


def _makers(coupling: Coupling) -> list[frozenset[int]]:
    """Return the roots of what each layer makes."""
    layers = {id(c.layer): c.layer for c in coupling.calls}.values()
    return [
        frozenset(coupling.roots(coupling.uses[id(layer)].gives).tolist())
        for layer in layers
        if id(layer) in coupling.uses and KINDS[type(layer).__name__].filters
    ]


def _order(makers: Sequence[frozenset[int]], score: Mapping[int, float]) -> list[int]:
    """Return what may leave, in the order in which it leaves: all layers lose the same share at any time.

    Layers that share channels count as one. The last channel that a layer makes never leaves.
    """
    home: dict[int, frozenset[int]] = {}
    for labels in makers:
        merged = labels.union(*(home.get(label, frozenset()) for label in labels))
        home |= dict.fromkeys(merged, merged)
    places = []
    for members in dict.fromkeys(home.values()):
        ranked = sorted(members & score.keys(), key=lambda x: (score[x], x))
        places += [((k + 1) / len(ranked), score[label], label) for k, label in enumerate(ranked)]
    left = [len(labels) for labels in makers]
    made_by: dict[int, list[int]] = {}
    for k, labels in enumerate(makers):
        for label in labels:
            made_by.setdefault(label, []).append(k)
    order = []
    for *_, label in sorted(places):
        if all(left[k] > 1 for k in made_by[label]):
            order.append(label)
            for k in made_by[label]:
                left[k] -= 1
    return order


def _variable(layer: Layer, name: str) -> Any:  # noqa: ANN401
    for part in name.split("."):
        layer = getattr(layer, part, None)
    return layer


def _cut(layer: Layer, kind: Kind, takes: Mask, gives: Mask) -> list[npt.NDArray[Any]]:
    """Return a layer's weights without the channels that leave."""
    axes = {id(variable): x for x in kind.axes if (variable := _variable(layer, x.weight)) is not None}
    cuts = []
    for variable in layer.weights:
        values, known = variable.numpy(), axes.get(id(variable), Axes(""))
        for axis, mask in ((known.takes, takes), (known.gives, gives)):
            # A weight that all channels share has one element there; the pointwise part of a separable convolution
            # has `depth_multiplier` for each channel that the layer takes.
            if axis is not None and values.shape[axis] >= len(mask):
                values = np.compress(np.repeat(mask, values.shape[axis] // len(mask)), values, axis)
        cuts.append(values)
    return cuts


def _norms(layer: Layer, kind: Kind) -> npt.NDArray[np.float64]:
    """Return the L2 norm of each filter of a layer."""
    values = _variable(layer, kind.magnitude).numpy().astype(np.float64)
    gives = next(x.gives for x in kind.axes if x.weight == kind.magnitude)
    if gives is None:  # depthwise: (..., channels, multiplier)
        squares = (values**2).reshape(-1, values.shape[-2] * values.shape[-1])
    else:
        squares = np.moveaxis(values**2, gives, -1).reshape(-1, values.shape[gives])
    return np.asarray(np.sqrt(squares.sum(axis=0)), np.float64)


def _macs(call: Call, kind: Kind, takes: int, gives: int) -> int:
    """Return the multiply-accumulates of one call of a layer with so many channels."""
    if not kind.magnitude and not kind.is_recurrent:
        return 0
    before, after = (math.prod(int(d or 1) for d in t.shape[1:-1]) for t in (call.inputs[0], call.outputs[0]))
    kernel, name = math.prod(getattr(call.layer, "kernel_size", ())), type(call.layer).__name__
    if kind.is_recurrent:
        return int(before * call.layer.cell.kernel.shape[-1] * (takes + call.layer.units))
    if not kind.filters:
        return after * kernel * gives
    if name.startswith("Separable"):
        return int(after * takes * call.layer.depth_multiplier * (kernel + gives))
    return (before if name.endswith("Transpose") else after) * kernel * takes * gives
