"""What trains a recipe: one trainer a framework, each of which trains and converts in a worker."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy.typing as npt

from ..frontends.converted import Converted
from ..recipes import Own, OwnData, Recordings


@dataclass(frozen=True)
class TrainRequest:
    """A recipe to train.

    Attributes:
        recipe: its name.
        per_channel_dense: as for `frontends.frontend.ConvertOptions`.
        seed, epochs: of the training.
        phrase, quick: as for `load_recipe`.
        own: data of the user's own; None: the recipe's.
    """

    recipe: str
    per_channel_dense: bool
    seed: int
    epochs: int
    phrase: str | None = None
    quick: bool = False
    own: OwnData | None = None


@dataclass(frozen=True)
class ReadOfData:
    """What only reading a user's own data shows: see `recipes.Own`."""

    labels: tuple[str, ...]
    input: str
    held_out: str
    prepared: Mapping[str, Any]
    applications: Mapping[str, Mapping[str, str]]

    @classmethod
    def of(cls, own: Own) -> ReadOfData:
        """Return it without the data and the model."""
        return cls(own.labels, own.input, own.held_out, own.record, own.applications)


@dataclass(frozen=True)
class TrainReply:
    """A trained model, and the data that it is measured on.

    Attributes:
        converted: the model after its conversion.
        saved: the float model, as the bytes of a file.
        test_x, test_y: the held-out data; inputs as the converted model takes them, as for `valid_x`.
        test_float: what the float model answers to it.
        valid_x, valid_y: the data to choose by; None where the recipe has none.
        recordings: what a listening model is measured on; None for any other.
        checked: what its cutoff is chosen by.
        own: of the user's own data; None for the recipe's.
    """

    converted: Converted
    saved: bytes
    test_x: npt.NDArray[Any]
    test_y: npt.NDArray[Any]
    test_float: npt.NDArray[Any]
    valid_x: npt.NDArray[Any] | None
    valid_y: npt.NDArray[Any] | None
    recordings: Recordings | None = None
    checked: Recordings | None = None
    own: ReadOfData | None = None


class Trainer(Protocol):
    """One framework in which recipes are written."""

    @property
    def name(self) -> str:
        """The name that recipes have for it, which is that of the frontend that takes its files."""

    @property
    def suffix(self) -> str:
        """Of the file that a float model is saved as."""

    def train(
        self,
        request: TrainRequest,
        packages: tuple[str, ...],
        on_step: Callable[[str], None],
        on_epoch: Callable[[int, int], None] | None,
    ) -> TrainReply:
        """Train a recipe and convert it.

        Args:
            request: the recipe.
            packages: what its data needs.
            on_step: called with what is done next.
            on_epoch: called with how many epochs of how many are done.

        Raises:
            SetupError: a package is missing.
            EngineError: the converter refused the model.
        """
