"""Merging float models over the same input into one network. Runs in a worker.

The networks are walked from the input on; a layer that does what one of an earlier network does, on the same input and
with the same weights, is there once. "The same" may be meant loosely: then near-equal trunks become one, with the mean
of their weights.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import InputError
from ..frontends.keras.archive import keras_bytes
from ..frontends.keras.carry import as_tf_keras
from ..frontends.keras.converter import make_deterministic
from ..frontends.keras.loading import load_keras
from .graph import Call, Layer, Model, Weights, calls, copy_of, new_inputs

OUTPUTS, AVERAGE, ADD = "outputs", "average", "add"
# Of a layer's settings those that do not change what it computes.
_IDLE = frozenset({"name", "trainable", "batch_input_shape"})


@dataclass
class _Placed:
    """A layer of the merged network, called once.

    Attributes:
        members: the weights of the layers that it stands for.
    """

    layer: Layer
    outputs: Any
    members: list[Weights] = field(default_factory=list)


@dataclass(frozen=True)
class Merged:
    """A merged tf_keras model, and how many calls of layers it has once instead of several times."""

    model: Model
    shared: int


def merge(models: Sequence[Model], join: str, share: float = 0.0) -> Merged:
    """Merge tf_keras models that take the same inputs.

    Args:
        models: at least two; they are left alone.
        join: "outputs" keeps all outputs side by side; "average" and "add" make one of them.
        share: layers on the same input become one where no weight differs by more than this share of the largest
            weight of its kind there; 0: where all are equal.

    Raises:
        InputError: inputs or outputs do not match, or there is no such join.
    """
    import tf_keras

    if join not in (OUTPUTS, AVERAGE, ADD):
        raise InputError(f"no join '{join}'", f"joins: {OUTPUTS}, {AVERAGE}, {ADD}")
    first = models[0]
    for other in models[1:]:
        _check_pair(first, other, join)
    inputs = new_inputs(first)
    merger = _Merger(share)
    parts = [merger.add(model, inputs) for model in models]
    outputs = [t for of_one in parts for t in of_one]
    if join != OUTPUTS:
        kind = {AVERAGE: tf_keras.layers.Average, ADD: tf_keras.layers.Add}[join]
        outputs = [kind(name=merger.free_name(join))(list(same)) for same in zip(*parts, strict=True)]
    merged = tf_keras.Model(inputs, outputs if len(outputs) > 1 else outputs[0], name=first.name)
    merger.set_weights()
    return Merged(merged, merger.shared)


@dataclass(frozen=True)
class MergeRequest:
    """Files of models to merge.

    Attributes:
        models: the path of each.
        join, share: as for `merge`.
        seed: of everything random.
    """

    models: tuple[Path, ...]
    join: str
    share: float
    seed: int


@dataclass(frozen=True)
class MergeReply:
    """The merged model as the bytes of a .keras file, and how many calls of layers it has once."""

    keras: bytes
    shared: int


def merge_files(request: MergeRequest) -> MergeReply:
    """Merge the models of some files. Runs in a worker."""
    make_deterministic(request.seed)
    models = [load(path) for path in request.models]
    merged = merge(models, request.join, request.share)
    return MergeReply(keras_bytes(merged.model), merged.shared)


def load(path: Path) -> Model:
    """Load a Keras 3 or tf_keras model as a tf_keras one."""
    return as_tf_keras(load_keras(path))


class _Merger:
    """Puts one network after the other beside those that are there."""

    def __init__(self, share: float) -> None:
        self._share = share
        self._placed: dict[Any, list[_Placed]] = {}
        self._names: set[str] = set()
        self.shared = 0

    def add(self, model: Model, inputs: Sequence[Any]) -> list[Any]:
        """Add a network, and return its outputs."""
        import tensorflow as tf

        known = {id(old): new for old, new in zip(model.inputs, inputs, strict=True)}
        made: dict[int, Layer] = {}
        earlier = {key: list(placed) for key, placed in self._placed.items()}
        for call in calls(model):
            args, kwargs = tf.nest.map_structure(lambda leaf: known.get(id(leaf), leaf), (call.args, call.kwargs))
            key = (_settings(call), tuple(id(known[id(t)]) for t in call.inputs))
            weights = call.layer.get_weights()
            match = next((p for p in earlier.get(key, ()) if self._is_same(p.members[0], weights)), None)
            if match is not None and made.get(id(call.layer), match.layer) is match.layer:
                match.members.append(weights)
                self.shared += 1
            else:
                layer = made.get(id(call.layer)) or copy_of(call.layer, name=self.free_name(call.layer.name))
                match = _Placed(layer, layer(*args, **kwargs), [weights])
                self._placed.setdefault(key, []).append(match)
            made[id(call.layer)] = match.layer
            for old, new in zip(call.outputs, tf.nest.flatten(match.outputs), strict=True):
                known[id(old)] = new
        return [known[id(t)] for t in model.outputs]

    def set_weights(self) -> None:
        """Give each layer the mean of what it stands for."""
        for placed in (p for same in self._placed.values() for p in same):
            alike = zip(*placed.members, strict=True)
            placed.layer.set_weights([w[0] if len(w) == 1 else np.mean(w, axis=0, dtype=w[0].dtype) for w in alike])

    def free_name(self, name: str) -> str:
        """Return a name that no layer has yet, and keep it."""
        free, count = name, 2
        while free in self._names:
            free, count = f"{name}_{count}", count + 1
        self._names.add(free)
        return free

    def _is_same(self, ours: Weights, theirs: Weights) -> bool:
        return len(ours) == len(theirs) and all(
            a.shape == b.shape and (not a.size or np.abs(a - b).max() <= self._share * np.abs(a).max())
            for a, b in zip(ours, theirs, strict=True)
        )


def _settings(call: Call) -> str:
    """Return all that a call does beside its weights and inputs, as text."""
    config = {k: v for k, v in call.layer.get_config().items() if k not in _IDLE}
    constants = {k: v for k, v in call.kwargs.items() if v is None or isinstance(v, (bool, int, float, str))}
    return f"{type(call.layer).__name__} {sorted(config.items())} {sorted(constants.items())}"


def _check_pair(first: Model, other: Model, join: str) -> None:
    what = [("input", first.inputs, other.inputs)]
    if join != OUTPUTS:
        what.append(("output", first.outputs, other.outputs))
    for kind, ours, theirs in what:
        shapes = [[(list(t.shape[1:]), t.dtype.name) for t in tensors] for tensors in (ours, theirs)]
        if shapes[0] != shapes[1]:
            described = [", ".join(f"{shape} {dtype}" for shape, dtype in one) for one in shapes]
            raise InputError(
                f"the {kind}s of '{first.name}' are {described[0]}, those of '{other.name}' {described[1]}",
                f"only models with the same {kind}s can be merged" + (" so" if kind == "output" else ""),
            )
