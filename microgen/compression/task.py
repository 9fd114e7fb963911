"""What a compressed model is trained for and measured on: data, loss and metric."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from .. import defaults
from ..datasets import (
    TARGET_NAMES,
    Array,
    InputSpec,
    check_numbers,
    class_numbers,
    load_arrays,
    representative,
    request,
    resolve,
    shape_hint,
)
from ..deployment.labels import elements_of
from ..errors import InputError
from ..support.metrics import ACCURACY, MEAN_ABSOLUTE_ERROR, Metric

if TYPE_CHECKING:
    from ..recipes import Recipe

# The path of an .npz or of a folder of .npy files, or arrays by name: x and y, and x_test and y_test where the
# held-out samples are chosen already. Or a CSV, or a folder of images or of WAV files, with classes.
DataSource: TypeAlias = "str | Path | Mapping[str, Array]"

_NAMES = ("x", "y", "x_test", "y_test")
_HELD_OUT = 0.2
_LEAST = 10
_HINT = "save it with numpy.savez('train.npz', x=samples, y=targets), samples first"


@dataclass(frozen=True)
class Task:
    """Data, loss and metric of a training, as a method gets them.

    Attributes:
        train_x, train_y: to train on; inputs (samples, *input shape) float32, and what the loss takes.
        test_x, test_y: held out; what the metric takes.
        loss: the name of a Keras loss.
        from_logits: whether the model's outputs are logits, not probabilities.
        metric: what is reported.
        batch_size: of the training.
        seed: of everything random.
        epochs: what the user wants instead of each method's own number.
        on_epoch: called whenever an epoch is done.
    """

    train_x: Array
    train_y: Array
    test_x: Array
    test_y: Array
    loss: str
    metric: Metric
    from_logits: bool = False
    batch_size: int = defaults.BATCH_SIZE
    seed: int = 0
    epochs: int | None = None
    on_epoch: Callable[[], None] = lambda: None

    @property
    def is_classification(self) -> bool:
        """Whether the targets are class numbers."""
        return self.loss == "sparse_categorical_crossentropy"

    @property
    def representative(self) -> Array:
        """Samples of the training data by which ranges of tensors are set."""
        return self.train_x[representative(len(self.train_x), self.seed)]

    def updates(self, epochs: int) -> int:
        """Return the number of weight updates of a training that lasts so many epochs unless the user chose another."""
        return (self.epochs or epochs) * -(-len(self.train_x) // self.batch_size)


@dataclass(frozen=True)
class Reading:
    """How data is read that is no arrays.

    Attributes:
        value_range: what black and white of an image become.
        sample_rate: of WAV files, in Hz.
        labels: the names of the output's elements; without them, classes with names are in alphabetical order.
    """

    value_range: tuple[float, float] = defaults.VALUE_RANGE
    sample_rate: int = defaults.SAMPLE_RATE
    labels: tuple[str, ...] = ()


AS_USUAL = Reading()


def read_data(
    source: DataSource,
    seed: int,
    reading: Reading = AS_USUAL,
    input_of: Callable[[], InputSpec] | None = None,
    *,
    trains: bool = True,
) -> dict[str, Array]:
    """Read data to train on, and hold a fifth of it out where nothing is held out already.

    Args:
        source: the data.
        seed: of the choice of what is held out.
        reading: of images and WAV files.
        input_of: returns the model's input, for data that must be brought into its shape.
        trains: whether a model is trained on it; if not, all of it is held out where nothing is chosen already.

    Returns:
        Arrays "x", "y", "x_test", "y_test"; class numbers are int64, everything else float32.

    Raises:
        InputError: it is missing, has no targets, or the numbers of samples differ.
    """
    arrays, where = _read(source, reading, input_of)
    if "x" not in arrays:
        raise InputError(f"{where}: holds no array 'x' (it has {', '.join(arrays) or 'none'})", _HINT)
    if "y" not in arrays:
        raise InputError(
            f"{where}: holds no targets 'y'", f"{_HINT}; targets are class numbers, or values for a regression"
        )
    if ("x_test" in arrays) != ("y_test" in arrays):
        raise InputError(f"{where}: has only one of 'x_test' and 'y_test'", "store both or neither")
    data = {name: arrays[name] for name in _NAMES if name in arrays}
    for name, values in data.items():
        check_numbers(values, f"{where}: '{name}'", _HINT)
    for x, y in (("x", "y"), ("x_test", "y_test")):
        if x in data and len(data[x]) != len(data[y]):
            raise InputError(f"{where}: {len(data[x])} samples in '{x}', {len(data[y])} in '{y}'", _HINT)
    if trains and len(data["x"]) < _LEAST:
        raise InputError(f"{where}: {len(data['x'])} samples", f"give at least {_LEAST}, better thousands")
    if not trains and "x_test" not in data:
        data |= {"x_test": data["x"], "y_test": data["y"]}
    if "x_test" not in data:
        order = np.random.default_rng(seed).permutation(len(data["x"]))
        held, kept = np.split(order, [max(1, round(_HELD_OUT * len(order)))])
        data = {"x": data["x"][kept], "y": data["y"][kept], "x_test": data["x"][held], "y_test": data["y"][held]}
    shapes = [list(data[name].shape[1:]) for name in ("y", "y_test")]
    if shapes[0] != shapes[1]:
        raise InputError(f"{where}: targets of shape {shapes[0]} in 'y', {shapes[1]} in 'y_test'", _HINT)
    with np.errstate(over="ignore"):  # what does not fit becomes infinite, and is refused
        typed = {name: _targets(v) if name.startswith("y") else v.astype(np.float32) for name, v in data.items()}
    for name, values in typed.items():
        if values.dtype.kind == "f" and not np.isfinite(values).all():
            raise InputError(f"{where}: '{name}' has values outside the range of float32", "scale the data first")
    return typed


def task_from_data(data: Mapping[str, Array], model: Any, **options: Any) -> Task:  # noqa: ANN401 - Keras has no types
    """Return the task of training a model on data; loss and metric follow from the targets and the outputs.

    Class numbers: cross-entropy and accuracy. Anything else: mean squared error and mean absolute error.

    Args:
        data: what `read_data` returned.
        model: a tf_keras model.
        options: `batch_size`, `seed`, `epochs`, `on_epoch` of the task.

    Raises:
        InputError: the data does not fit the model.
    """
    x, y = data["x"], data["y"]
    for name in ("x", "x_test"):
        if data[name].shape[1:] != model.input_shape[1:]:
            raise InputError(
                f"input '{model.input_names[0]}' takes samples of shape {list(model.input_shape[1:])}, "
                f"'{name}' of the data has {list(data[name].shape[1:])}",
                shape_hint(model.input_shape[1:], data[name].shape[1:]),
            )
    outputs = model.output_shape[1:]
    arrays = (x, y, data["x_test"], data["y_test"])
    classes = max(int(y.max()), int(data["y_test"].max())) + 1
    elements = int(np.prod(outputs))
    if y.dtype == np.int64 and elements > 1:
        if len(outputs) != 1 or classes > elements or y.min() < 0 or data["y_test"].min() < 0:
            raise InputError(
                f"the data has classes {int(y.min())} to {classes - 1}, "
                f"output '{model.output_names[0]}' has the shape {list(outputs)}",
                "number the classes from 0, one per element of the output; use floats as targets of a regression",
            )
        return Task(
            *arrays, "sparse_categorical_crossentropy", ACCURACY, from_logits=_ending(model) != "softmax", **options
        )
    if y.dtype == np.int64 and _ending(model) == "sigmoid":
        if classes > 2 or y.min() < 0:
            raise InputError(
                f"the data has classes {int(y.min())} to {classes - 1}, "
                f"output '{model.output_names[0]}' is one sigmoid",
                "number the two classes 0 and 1",
            )
        return Task(*arrays, "binary_crossentropy", ACCURACY, **options)
    if y.shape[1:] != outputs and int(np.prod(y.shape[1:])) != elements:
        raise InputError(
            f"output '{model.output_names[0]}' has the shape {list(outputs)}, the targets 'y' have {list(y.shape[1:])}",
            "give class numbers (integers), or targets of the output's shape (floats)",
        )
    x, y, test_x, test_y = arrays
    shaped = (a.reshape(len(a), *outputs).astype(np.float32) for a in (y, test_y))
    return Task(x, next(shaped), test_x, next(shaped), "mse", MEAN_ABSOLUTE_ERROR, **options)


def task_from_recipe(recipe: Recipe, model: Any, **options: Any) -> Task:  # noqa: ANN401
    """Return the task of a recipe, with its own data, loss and metric.

    Args:
        recipe: which one.
        model: the tf_keras model to train.
        options: as in `task_from_data`; the batch size is the recipe's.

    Raises:
        InputError: the recipe's data does not fit the model.
    """
    data = recipe.data(int(options["seed"]))
    if data.train_x.shape[1:] != model.input_shape[1:]:
        raise InputError(
            f"input '{model.input_names[0]}' takes samples of shape {list(model.input_shape[1:])}, "
            f"the recipe '{recipe.name}' has {list(data.train_x.shape[1:])}",
            "use the recipe that the model was trained with",
        )
    options["batch_size"] = recipe.batch_size
    return Task(
        data.train_x, data.train_y, data.test_x, data.test_y, str(recipe.model().loss), recipe.metric, **options
    )


def _ending(model: Any) -> str:  # noqa: ANN401
    """Return the activation that a model's output comes out of, "" where it has none."""
    layer = model.get_layer(model.output_names[0])
    while hasattr(layer, "output_names"):
        layer = layer.get_layer(layer.output_names[0])
    if type(layer).__name__ == "Softmax":
        return "softmax"
    return str(getattr(getattr(layer, "activation", None), "__name__", ""))


def _read(
    source: DataSource, reading: Reading, input_of: Callable[[], InputSpec] | None
) -> tuple[dict[str, Array], str]:
    if isinstance(source, Mapping):
        return _named({str(k): np.asarray(v) for k, v in source.items()}), "the data"
    path = Path(source)
    if input_of is not None and (path.suffix.lower() == ".csv" or (path.is_dir() and not list(path.glob("*.npy")))):
        return _read_samples(path, reading, input_of), str(path)
    stored = load_arrays(path, _HINT)
    return _named({name or "x": values for name, values in stored.items()}), str(path)


def _read_samples(path: Path, reading: Reading, input_of: Callable[[], InputSpec]) -> dict[str, Array]:
    """Read a CSV, or a folder of images or of WAV files, to a model's input, as a build reads it to calibrate."""
    wanted = request(path, reading.value_range, reading.sample_rate)
    data = resolve(wanted, [input_of()], every=True)
    if data.targets is None:
        hint = (
            "give an .npz with x and y for a regression" if data.has_values else "name the column of the labels 'label'"
        )
        missing = "its labels are values, not classes" if data.has_values else "it has no labels"
        raise InputError(f"{path}: {missing}", hint if path.is_file() else "put the files into one folder per class")
    if not data.classes or not reading.labels:
        return {"x": data.arrays[0], "y": data.targets}
    if unknown := sorted(set(data.classes) - set(reading.labels)):
        raise InputError(
            f"{path}: the class '{unknown[0]}' is none of the labels {', '.join(reading.labels)}",
            "name the classes as the labels, one per element of the model's output",
            option="labels",
        )
    return {"x": data.arrays[0], "y": elements_of(data.targets, data.classes, reading.labels)}


def _named(arrays: dict[str, Array]) -> dict[str, Array]:
    """Take the names that data sets have elsewhere: x_train and y_train, labels, an input's own name for x."""
    by_name: dict[str, Array] = {}
    for name, values in arrays.items():
        plain = name.lower().removesuffix("_train")
        by_name.setdefault("y" if plain in TARGET_NAMES else plain, values)
    samples = [name for name in by_name if name not in _NAMES]
    if "x" not in by_name and len(samples) == 1:
        by_name["x"] = by_name.pop(samples[0])
    return by_name


def _targets(y: Array) -> Array:
    """Return class numbers as int64 of shape (samples,), also from one-hot rows; other targets as float32."""
    may_be_classes = y.dtype.kind in "iub" or (y.ndim == 2 and y.shape[1] > 1)
    numbers = class_numbers(y) if may_be_classes else None
    return y.astype(np.float32) if numbers is None else numbers
