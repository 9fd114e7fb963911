"""Data of models whose owner has channels before height and width, and that are deployed with channels last."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..errors import InputError
from .arrays import Array, InputSpec
from .dataset import Calibration, Request, resolve


@dataclass(frozen=True)
class ChannelsFirst:
    """Which tensors their owner has with channels first: (batch, channels, height, width), or (batch, channels, time).

    Attributes:
        inputs, outputs: their numbers.
    """

    inputs: tuple[int, ...] = ()
    outputs: tuple[int, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.inputs or self.outputs)

    @classmethod
    def of(cls, record: Mapping[str, Any]) -> ChannelsFirst:
        """Return what a project's manifest records in its "source"."""
        recorded = record.get("channels_first", {})
        return cls(tuple(recorded.get("inputs", ())), tuple(recorded.get("outputs", ())))

    def to_json(self) -> dict[str, Any]:
        """Return it as plain data."""
        return {"inputs": list(self.inputs), "outputs": list(self.outputs)}

    def deployed_inputs(self, arrays: Sequence[Array]) -> list[Array]:
        """Return the owner's arrays, one per input and samples first, as the deployed model takes them."""
        return [
            np.ascontiguousarray(np.moveaxis(a, 1, -1)) if k in self.inputs and a.ndim > 2 else a
            for k, a in enumerate(arrays)
        ]

    def owned_inputs(self, arrays: Sequence[Array]) -> list[Array]:
        """Return arrays of the deployed model, samples first, as their owner has them."""
        return _owned(arrays, self.inputs)

    def owned_outputs(self, arrays: Sequence[Array]) -> list[Array]:
        """Return what the deployed model answered, one array per output with the batch, as the owner has it."""
        return _owned(arrays, self.outputs)

    def resolve(
        self, wanted: Request, owned: Sequence[InputSpec], *, seed: int = 0, must_vary: bool = True
    ) -> Calibration:
        """Read data to the inputs as their owner has them, and return it as the deployed model takes it.

        Images and sound are no array of anyone's: they are read as the deployed model takes them. So are arrays that
        have its shapes, and not the owner's.
        """
        deployed = [
            replace(spec, shape=(*spec.shape[1:], spec.shape[0])) if k in self.inputs else spec
            for k, spec in enumerate(owned)
        ]
        if not is_owned(wanted):
            return resolve(wanted, deployed, seed=seed, must_vary=must_vary)
        try:
            read = resolve(wanted, owned, seed=seed, must_vary=must_vary)
        except InputError:
            if not self.inputs or not wanted.has_arrays:
                raise
            with suppress(InputError):
                return resolve(wanted, deployed, seed=seed, must_vary=must_vary)
            raise
        return replace(read, arrays=tuple(self.deployed_inputs(read.arrays)))

    def owned_specs(self, deployed: Sequence[InputSpec]) -> list[InputSpec]:
        """Return the deployed model's inputs as their owner has them."""
        return [
            replace(spec, shape=(spec.shape[-1], *spec.shape[:-1])) if k in self.inputs else spec
            for k, spec in enumerate(deployed)
        ]


@dataclass(frozen=True)
class Sequences:
    """What a deployed model that runs one step per inference makes of its owner's sequences.

    Attributes:
        steps: of a sequence of the calibration data; 0 for a model that runs whole samples.
        outputs: the numbers of the outputs that the owner has of each step, not of the last alone.
    """

    steps: int = 0
    outputs: tuple[int, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.steps)

    @classmethod
    def of(cls, record: Mapping[str, Any]) -> Sequences:
        """Return what a project's manifest records in its "source"."""
        recorded = record.get("sequences", {})
        return cls(next(iter(recorded.get("steps", ())), 0), tuple(recorded.get("outputs", ())))

    def to_json(self) -> dict[str, Any]:
        """Return it as plain data."""
        return {"steps": [self.steps], "outputs": list(self.outputs)}

    def deployed(self, values: Array, shape: Sequence[int]) -> tuple[Array, int]:
        """Return the steps of sequences, one after the other, and how many each sequence has.

        Args:
            values: (sequences, steps, ...).
            shape: of the deployed model's input.

        Raises:
            InputError: it has another number of dimensions.
        """
        rest = list(values.shape[2:] or (1,))
        if values.ndim < 2 or rest != list(shape[1:]):
            wanted = ", ".join(["steps", *map(str, shape[1:])])
            raise InputError(
                f"the model takes sequences of shape ({wanted}), the data has samples of {list(values.shape[1:])}",
                "give whole sequences, as in training: the model runs their steps one after the other",
            )
        return values.reshape(-1, *rest), values.shape[1]

    def owned(self, outputs: Sequence[Array], steps: int) -> list[Array]:
        """Return the answers to the steps of sequences, samples first, as the owner has them, sequences first."""
        whole = [a.reshape(-1, steps, *a.shape[1:]) for a in outputs]
        return [a if k in self.outputs else a[:, -1] for k, a in enumerate(whole)]


def is_owned(wanted: Request) -> bool:
    """Return whether data is numbers in their owner's order, not images or sound that are read as is asked."""
    return wanted.has_arrays or wanted.values["kind"] == "csv"


def _owned(arrays: Sequence[Array], numbers: Sequence[int]) -> list[Array]:
    return [np.ascontiguousarray(np.moveaxis(a, -1, 1)) if k in numbers else a for k, a in enumerate(arrays)]
