"""The public function: compress a trained model, and measure what it cost and brought."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from .. import defaults
from ..boards import load_board
from ..datasets import InputSpec
from ..deployment.labels import read_labels
from ..errors import InputError, command, option
from ..frontends import source as sources
from ..frontends.keras.engine import TRAINING
from ..frontends.keras.frontend import FRONTEND as KERAS
from ..frontends.source import slug
from ..quantization import Quantized
from ..quantization.damage import LOST_ACCURACY, guesses
from ..recipes import Recipe, load_recipe
from ..runtimes import DEFAULT_RUNTIME, RUNTIMES
from ..support.files import check_out, write_file
from ..support.metrics import ACCURACY, METRICS, Metric, class_count
from ..training.train import check_held_out, check_seed, train
from ..workers import converter
from .base import Step
from .job import CompressRequest, InputRequest, compress_job, input_job
from .methods import load_method
from .price import Price, measure_price, standard_error
from .steps import StepSource, read_steps
from .task import AS_USUAL, DataSource, Reading, read_data


@dataclass(frozen=True)
class Compressed:
    """A compressed model and its price.

    Attributes:
        steps: the chain of methods.
        keras: the compressed model, as the bytes of a tf_keras .keras file.
        quantized: the compressed model in int8, as it was measured; `microgen.build` takes it.
        before, after: the prices of the model as it came and as it is now.
        metric: what the scores are.
        tested: number of held-out samples.
        seed: of everything random.
        change_error: the standard error of the change of `tflm_score`, from the answers of both models to each held-out
            sample; None where the model as it came was not measured, or the metric is no mean over samples.
    """

    steps: tuple[Step, ...]
    keras: bytes
    quantized: Quantized
    before: Price
    after: Price
    metric: Metric
    tested: int
    seed: int
    change_error: float | None = None

    @property
    def pruning_ratio(self) -> float:
        """The share of the original's parameters that are zero now, or gone."""
        return 1 - self.after.nonzero / self.before.parameters

    @property
    def compression_ratio(self) -> float:
        """Compressed size over original size, of the int8 .tflite under gzip."""
        return self.after.gzip_bytes / self.before.gzip_bytes

    @property
    def warnings(self) -> tuple[str, ...]:
        """What a user should know before the model is used: of its quantization, its data and a lost accuracy."""
        found = list(self.quantized.warnings)
        if self.metric is not ACCURACY:
            return tuple(found)
        before = self.before
        classes = class_count(self.quantized.model.outputs[0].elements)
        found += guesses(before.float_score, classes)
        if before.tflm_score - self.after.tflm_score > LOST_ACCURACY:
            scores = f"from {before.tflm_score:.4f} to {self.after.tflm_score:.4f}"
            found.append(f"the accuracy in TFLM falls {scores}: use a smaller amount or more epochs")
        return tuple(found)

    def to_json(self) -> dict[str, Any]:
        """Return it as plain data, without the bytes."""
        return {
            "steps": [step.to_json() for step in self.steps],
            "metric": self.metric.name,
            "tested": self.tested,
            "seed": self.seed,
            "change_error": self.change_error,
            "before": self.before.to_json(),
            "after": self.after.to_json(),
            "pruning_ratio": round(self.pruning_ratio, 6),
            "compression_ratio": round(self.compression_ratio, 6),
            "warnings": list(self.warnings),
            "model": self.quantized.to_json(),
        }


def compress(
    model: Any = None,  # noqa: ANN401 - a path, or a Keras object, which has no types
    methods: StepSource | Sequence[StepSource] = (),
    data: DataSource | None = None,
    *,
    recipe: str | None = None,
    out: str | Path | None = None,
    epochs: int | None = None,
    batch_size: int = defaults.BATCH_SIZE,
    seed: int = 0,
    force: bool = False,
    value_range: tuple[float, float] = defaults.VALUE_RANGE,
    sample_rate: int = defaults.SAMPLE_RATE,
    labels: str | Path | Sequence[str] | None = None,
    before: Price | None = None,
    board: str | Path = defaults.BOARD,
    on_step: Callable[[str], None] = lambda step: None,
    on_epoch: Callable[[int, int], None] | None = None,
    **options: Any,  # noqa: ANN401
) -> Compressed:
    """Compress a trained model with one method or a chain of them, fine-tune it, and measure it in TFLM.

    Args:
        model: a .keras or .h5 file, or a Keras 3 or tf_keras model object; None trains `recipe` first.
        methods: "prune:0.8", or several in their order: ["prune:0.8", "qat"].
        data: what to train and measure on: the path of an .npz with arrays "x" and "y" (class numbers, or values),
            a folder of x.npy and y.npy, or the arrays by name; or a .csv with a column "label", or a folder with a
            folder of images or WAV files per class. A fifth is held out, unless there are "x_test" and "y_test".
        recipe: use data, loss, metric and batch size of this recipe instead of `data`.
        out: the .keras file to write; the measured int8 model goes next to it, as .tflite.
        epochs: of each method, instead of its own number.
        batch_size: of the training on `data`.
        seed: seed of everything random; the same seed gives the same bytes.
        force: overwrite `out`.
        value_range, sample_rate: of images and of WAV files, as in `build`.
        labels: names of the output's elements, or a text file with one per line: the order of the model's classes,
            where those of `data` have names. Without labels, it is the alphabetical order.
        before: the price of the model as it came, where it is known already; it is not measured again then.
        board: the board whose flash, RAM and instructions are reported.
        on_step: called with what is done next.
        on_epoch: called with how many epochs of how many are done.
        options: of the methods, such as temperature, alpha and student of distill.

    Raises:
        InputError: a method, the model or the data cannot be used; nothing was written.
        EngineError: the converter or an engine refused the model.
        SetupError: a package is missing.
    """
    steps = read_steps([methods] if isinstance(methods, (str, Step)) else methods, options)
    return _run(
        steps, model, data, recipe=recipe, out=out, epochs=epochs, batch_size=batch_size, seed=seed, force=force,
        reading=Reading(value_range, sample_rate, read_labels(labels)), before=before, board=board, on_step=on_step,
        on_epoch=on_epoch,
    )  # fmt: skip


def price(
    model: Any,  # noqa: ANN401
    data: DataSource | None = None,
    *,
    recipe: str | None = None,
    batch_size: int = defaults.BATCH_SIZE,
    seed: int = 0,
    board: str | Path = defaults.BOARD,
) -> Compressed:
    """Measure a model as it is, as `compress` would measure it; arguments and errors as there."""
    return _run((), model, data, recipe=recipe, batch_size=batch_size, seed=seed, board=board)


def _run(
    steps: tuple[Step, ...],
    model: Any,  # noqa: ANN401
    data: DataSource | None,
    *,
    recipe: str | None,
    batch_size: int,
    seed: int,
    out: str | Path | None = None,
    epochs: int | None = None,
    force: bool = False,
    reading: Reading = AS_USUAL,
    before: Price | None = None,
    board: str | Path = defaults.BOARD,
    on_step: Callable[[str], None] = lambda step: None,
    on_epoch: Callable[[int, int], None] | None = None,
) -> Compressed:
    target_board = load_board(str(board))
    _check_numbers(epochs, batch_size, seed)
    target = _check_target(out, force)
    chosen = load_recipe(recipe) if recipe is not None else None
    check_origin(model, data, recipe, reading.labels)
    taught_by = (step.options[name] for step in steps for name in load_method(step.method).models)
    check_seen((model, *taught_by), recipe, seed)
    with tempfile.TemporaryDirectory(prefix="microgen-model-") as folder:
        runnable = [_with_files(step, Path(folder)) for step in steps]
        file, name = _source(model, chosen, Path(folder), seed, on_step, on_epoch)
        arrays = read_data(data, seed, reading, lambda: input_of(file)) if data is not None else None
        name = target[0].stem if target else name
        request = CompressRequest(
            file.absolute(),
            tuple(runnable),
            arrays,
            recipe,
            epochs,
            batch_size,
            seed,
            "int8" in RUNTIMES.get(DEFAULT_RUNTIME).quantization_limits(None).per_channel_dense,
            with_before=bool(steps) and before is None,
        )
        on_step(" + ".join(map(str, steps)) or "converting the model")
        packages = ("tensorflow", "tf_keras", "tensorflow_model_optimization", *(chosen.packages if chosen else ()))
        reply = converter.run(compress_job, request, packages=packages, engine=TRAINING, on_progress=on_epoch)
    metric = METRICS[reply.metric]
    on_step("running LiteRT and TFLM on the held-out data")
    after, quantized, scores = measure_price(reply.after, reply.test_x, reply.test_y, slug(name), metric, target_board)
    earlier = None
    if reply.before is not None:
        before, _, earlier = measure_price(reply.before, reply.test_x, reply.test_y, slug(name), metric, target_board)
    tested, error = len(reply.test_x), standard_error(scores, earlier)
    compressed = _with_record(
        Compressed(steps, reply.keras, quantized, before or after, after, metric, tested, seed, error),
        chosen,
        reading.labels,
    )
    if target is not None:
        for path, content in zip(target, (compressed.keras, compressed.quantized.model.data), strict=True):
            write_file(path, content)
    return compressed


def input_of(file: Path) -> InputSpec:
    """Return the input of a Keras model, to whose shape samples are brought; starts TensorFlow in a worker.

    Raises:
        InputError: it cannot be loaded, or has several inputs.
    """
    packages = ("tensorflow", "tf_keras")
    return converter.run(input_job, InputRequest(file.absolute()), packages=packages, engine=TRAINING)


def default_out(model: str | Path | None, recipe: str | None, steps: Sequence[Step]) -> Path:
    """Return the name of the file to write where none is given: MODEL_METHOD.keras in the current folder."""
    stem = Path(model).stem if model is not None else recipe or "model"
    return Path("_".join([slug(stem), *(step.method for step in steps)]) + ".keras")


def check_origin(
    model: Any,  # noqa: ANN401
    data: DataSource | None,
    recipe: str | None,
    labels: Sequence[str],
) -> None:
    """Refuse arguments of `compress` that name no model or no data, or data or labels twice.

    Raises:
        InputError: says which.
    """
    if (data is None) == (recipe is None):
        raise InputError(
            "no data to train on" if data is None else f"{option('data')} and {option('recipe')} exclude each other",
            f"give {option('data', 'TRAIN.npz')} (arrays x and y), or {option('recipe', 'NAME')}",
            option="data",
        )
    if recipe is not None and labels:
        raise InputError("a recipe has its own labels", f"omit {option('labels')}", option="labels")
    if model is None and recipe is None:
        raise InputError(
            "no model",
            f"give a {sources.suffixes(KERAS)} file, or {option('recipe', 'NAME')} to train one",
            option="model",
        )
    if model is None and recipe is not None and load_recipe(recipe).framework != KERAS.name:
        raise InputError(
            f"the recipe '{recipe}' is not a Keras model, and compression trains only Keras models",
            f"use a Keras recipe: {option('recipe', 'digits')}",
            option="recipe",
            value=recipe,
        )


def check_seen(models: Iterable[Any], recipe: str | None, seed: int) -> None:
    """Refuse models that have seen what a recipe holds out to measure on; see `training.train.check_held_out`."""
    for model in models:
        if recipe is not None and isinstance(model, (str, Path)):
            check_held_out(Path(model), recipe, seed)


def model_file(model: Any, folder: Path) -> Path:  # noqa: ANN401
    """Return the file of a Keras model; an object is saved into `folder`.

    Raises:
        InputError: it is missing, or no Keras model.
    """
    is_object = sources.is_object(model)
    if is_object and (other := sources.frontend_of(model)) is not KERAS and other is not None:
        raise InputError(
            f"model '{sources.name_of(model)}': compression trains Keras models, but this is {other.title}",
            f"{command('quantize', 'model', 'data')} quantizes it without training, and "
            f"{command('sweep', 'model', option('calibration', 'DATA'))} compares its quantizations",
        )
    frontend, source = sources.save(model, folder) if is_object else sources.find(model)
    if frontend is KERAS:
        return source.path
    if is_object:
        name = sources.name_of(model)
        raise InputError(
            f"model '{name}': compression does not support custom layers or functions", "use those of Keras"
        )
    if frontend.extra == "torch":
        raise InputError(
            f"{source.path}: compression trains Keras models, but this is {frontend.title}",
            f"{command('quantize', str(source.path))} quantizes it without training, and "
            f"{command('sweep', str(source.path), option('calibration', 'DATA'))} compares its quantizations; prune or "
            "distill it where it was trained",
        )
    raise InputError(
        f"{source.path}: compression trains Keras models, but this is not one",
        f"give the {sources.suffixes(KERAS)} file that it was converted from",
    )


def _check_numbers(epochs: int | None, batch_size: int, seed: int) -> None:
    if epochs is not None and epochs < 1:
        raise InputError(
            "at least one epoch is needed", "omit it for each method's own number", option="epochs", value=epochs
        )
    if batch_size < 1:
        raise InputError(
            "at least one sample is needed", f"omit it for {defaults.BATCH_SIZE}", option="batch_size", value=batch_size
        )
    check_seed(seed)


def _check_target(out: str | Path | None, force: bool) -> tuple[Path, Path] | None:
    if out is None:
        return None
    path = Path(out)
    if path.suffix != ".keras":
        raise InputError(
            f"{path}: not the name of a .keras file",
            f"give {option('out', 'NAME.keras')}; NAME.tflite is written next to it",
            option="out",
            path=path,
        )
    target = (path, path.with_suffix(".tflite"))
    for file in target:
        check_out(file, force=force)
    return target


def _source(
    model: Any,  # noqa: ANN401
    recipe: Recipe | None,
    folder: Path,
    seed: int,
    on_step: Callable[[str], None],
    on_epoch: Callable[[int, int], None] | None,
) -> tuple[Path, str]:
    """Return the model as a file, and its name."""
    if model is None:
        assert recipe is not None
        trained = train(recipe.name, seed=seed, on_step=on_step, on_epoch=on_epoch)
        path = folder / f"{recipe.name}.keras"
        path.write_bytes(trained.saved)
        return path, recipe.name
    return model_file(model, folder), sources.name_of(model)


def _with_files(step: Step, folder: Path) -> Step:
    """Return a step whose models are files that the worker can load.

    Raises:
        InputError: one is not there, or no Keras model.
    """
    options = dict(step.options)
    for name in load_method(step.method).models:
        model = step.options[name]
        if model is not None:
            place = folder / f"{step.method}-{name}"
            place.mkdir(exist_ok=True)
            options[name] = str(model_file(model, place).absolute())
    return replace(step, options=options)


def _with_record(compressed: Compressed, recipe: Recipe | None, labels: Sequence[str]) -> Compressed:
    name = compressed.metric.name
    metrics = {
        f"{name}, float": compressed.after.float_score,
        f"{name}, int8 LiteRT": compressed.after.litert_score,
        f"{name}, int8 TFLM": compressed.after.tflm_score,
    }
    record: Mapping[str, Any] = {
        **compressed.quantized.record,
        "compression": [step.to_json() for step in compressed.steps],
        "seed": compressed.seed,
        **({"recipe": recipe.name} if recipe else {}),
    }
    named = recipe.labels if recipe else tuple(labels)
    return replace(
        compressed,
        quantized=replace(
            compressed.quantized, labels=named, metrics=metrics, record=dict(record), frontend=KERAS.name
        ),
    )
