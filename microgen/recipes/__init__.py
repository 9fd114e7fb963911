"""Ready-made uses: each file here is one recipe, with its data, its model and how good it must be.

Adding a recipe is adding a file that defines `RECIPE`. Recipes import TensorFlow inside their functions, so that
listing them is cheap.
"""

from __future__ import annotations

import difflib
import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import InputError


@dataclass(frozen=True)
class Data:
    """Data to train on and data held out, samples first, float32 inputs."""

    train_x: npt.NDArray[np.float32]
    train_y: npt.NDArray[Any]
    test_x: npt.NDArray[np.float32]
    test_y: npt.NDArray[Any]


@dataclass(frozen=True)
class Recipe:
    """A use: a task, its data and a small Keras model.

    Attributes:
        name, title, task: for people.
        data: makes the data from a seed.
        model: makes the untrained, compiled Keras 3 model.
        epochs, batch_size: of the training.
        labels: what the outputs stand for; empty for a regression.
    """

    name: str
    title: str
    task: str
    data: Callable[[int], Data]
    model: Callable[[], Any]
    epochs: int
    batch_size: int = 32
    labels: tuple[str, ...] = ()


def recipe_names() -> list[str]:
    """Return the names of all recipes, sorted."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__))


def load_recipe(name: str) -> Recipe:
    """Return a recipe by name.

    Raises:
        InputError: there is none of this name; the hint suggests the nearest.
    """
    if name not in recipe_names():
        near = difflib.get_close_matches(name, recipe_names(), 1)
        raise InputError(
            f"no recipe '{name}'",
            f"did you mean {near[0]}?" if near else f"recipes: {', '.join(recipe_names())}",
        )
    recipe = importlib.import_module(f"{__name__}.{name}").RECIPE
    assert isinstance(recipe, Recipe)
    return recipe
