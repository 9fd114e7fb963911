"""Ready-made uses: each file here is one recipe, with its data, its model and how good it must be.

Adding a recipe is adding a file that defines `RECIPE`. Recipes import TensorFlow or PyTorch inside their functions, so
that listing them is cheap.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import InputError, nearest
from ..support.metrics import Metric
from ._own import Own, OwnData

__all__ = ["Data", "Own", "OwnData", "Recipe", "load_recipe", "recipe_names"]


@dataclass(frozen=True)
class Data:
    """Data to train on, data to choose by and data held out, samples first, float32 inputs.

    `valid_y` and `test_y` are what the metric takes; for an autoencoder that is not what the model is trained towards.
    Whatever is chosen by looking at results (layers, epochs, a threshold) is chosen on the validation part; recipes
    where nothing was chosen so have none. The held-out part is for the final figure alone.
    """

    train_x: npt.NDArray[np.float32]
    train_y: npt.NDArray[Any]
    test_x: npt.NDArray[np.float32]
    test_y: npt.NDArray[Any]
    valid_x: npt.NDArray[np.float32] | None = None
    valid_y: npt.NDArray[Any] | None = None


@dataclass(frozen=True)
class Recordings:
    """Long recordings that a listening model is measured on, one after the other.

    Attributes:
        frames: shape (frames, ...), as the model takes them.
        words: where what is to be heard begins and ends, in frames.
        near: where something begins and ends that sounds like it.
        step_ms: milliseconds between two frames.
    """

    frames: npt.NDArray[np.float32]
    words: tuple[tuple[int, int], ...]
    near: tuple[tuple[int, int], ...]
    step_ms: int


@dataclass(frozen=True)
class Streaming:
    """How a model that was trained on windows of frames runs on frames as they come, and what it is measured on then.

    Attributes:
        step: frames of one inference.
        recordings: makes the recordings from a seed.
        checked: the same of other voices, by which the cutoff is chosen.
        average, cutoffs, refractory: label 0 is heard when its mean score of `average` inferences is above one of
            `cutoffs`; not again for `refractory` inferences.
    """

    step: int
    recordings: Callable[[int], Recordings]
    checked: Callable[[int], Recordings]
    average: int
    cutoffs: tuple[float, ...]
    refractory: int


@dataclass(frozen=True)
class Recipe:
    """A use: a task, its data and a small model.

    Attributes:
        name, title, task: for people.
        source: where the data comes from.
        input: what one sample is, for whoever writes the firmware.
        data: makes the data from a seed.
        model: makes the untrained model: a compiled Keras 3 model, or a torch.nn.Module.
        metric, bound: what it is measured by on held-out data, and what it reaches.
        epochs, batch_size: of the training.
        labels: what the outputs stand for; empty for a regression.
        packages: what its data comes from, by import name.
        parameters: from outputs, inputs and targets of the validation data, figures that the firmware needs besides
            the model, such as a threshold.
        applications: options by the name of an application that its model goes with. An option that is called as one
            of the parameters gets its value once the model is trained.
        framework: what trains it (`microgen.training`).
        streaming: how its model takes frames as they come; None: it takes whole samples.
        variant: makes the recipe for a phrase, None for its own, from all data or a small part of them; None: it learns
            no phrase.
        own: takes data of a user's own with a seed in place of `data`; None: it has none but its own.
        takes: what that data is, for people.
    """

    name: str
    title: str
    task: str
    source: str
    input: str
    data: Callable[[int], Data]
    model: Callable[[], Any]
    metric: Metric
    bound: float
    epochs: int
    batch_size: int = 32
    labels: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()
    parameters: Callable[[npt.NDArray[Any], npt.NDArray[Any], npt.NDArray[Any]], dict[str, float]] | None = None
    applications: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    framework: str = "keras"
    streaming: Streaming | None = None
    variant: Callable[[str | None, bool], Recipe] | None = None
    own: Callable[[OwnData, int], Own] | None = None
    takes: str = ""

    @property
    def named(self) -> dict[str, str]:
        """What records call it: its name, and its phrase where it learns one."""
        return {"recipe": self.name, **({"phrase": self.labels[0]} if self.variant else {})}

    def to_json(self) -> dict[str, Any]:
        """Return what it is as plain data."""
        return {
            "name": self.name,
            "title": self.title,
            "task": self.task,
            "source": self.source,
            "input": self.input,
            "metric": self.metric.name,
            "bound": self.bound,
            "epochs": self.epochs,
            "labels": list(self.labels),
            "takes": self.takes,
        }


def recipe_names() -> list[str]:
    """Return the names of all recipes, sorted."""
    return sorted(
        module.name.replace("_", "-") for module in pkgutil.iter_modules(__path__) if not module.name.startswith("_")
    )


def load_recipe(name: str, phrase: str | None = None, quick: bool = False) -> Recipe:
    """Return a recipe by name.

    Args:
        name: of the recipe.
        phrase: what it is to listen for, where it learns a phrase; None: its own.
        quick: whether such a recipe uses a small part of its data.

    Raises:
        InputError: there is none of this name; the hint suggests the nearest. Or it cannot learn this phrase.
    """
    if name not in recipe_names():
        names = recipe_names()
        raise InputError(f"no recipe '{name}'", nearest(name, names, f"recipes: {', '.join(names)}"))
    recipe = importlib.import_module(f"{__name__}.{name.replace('-', '_')}").RECIPE
    assert isinstance(recipe, Recipe)
    if phrase is None and not quick:
        return recipe
    if recipe.variant is None:
        given: tuple[str, object] = ("phrase", phrase) if phrase is not None else ("quick", quick)
        raise InputError(f"the recipe '{name}' has no phrase", "omit it", option=given[0], value=given[1])
    return recipe.variant(phrase, quick)
