"""Trains a recipe, brings it to int8, and measures it in float, in LiteRT and in TFLM."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import defaults
from ..boards import Board, load_board
from ..errors import InputError, nearest_path, option
from ..quantization import Quantized, finish
from ..recipes import OwnData, Recipe, load_recipe, recipe_names
from ..runtimes import DEFAULT_RUNTIME, RUNTIMES
from ..support.files import check_out_folder
from ..support.json import json_text, load_json
from ..verification import EngineRun, Engines, quantize_samples, real_values
from . import TRAINERS
from .listening import stream
from .trainer import TrainReply, TrainRequest

RECORD, LABELS = "training.json", "labels.txt"


@dataclass(frozen=True)
class Trained:
    """A trained recipe.

    Attributes:
        recipe: which one.
        quantized: its int8 model with its calibration data.
        saved: the float model, as the bytes of a file of its framework: a .keras, or a .pt2.
        float_score, litert_score, tflm_score: the recipe's metric on held-out data, of the float model and of the
            int8 model in LiteRT's reference kernels and in TFLM.
        validation_score: the same of the int8 model in TFLM on the data that the recipe was chosen by; None where it
            has none.
        parameters: what the firmware needs besides the model, such as a threshold, from the int8 model in TFLM.
        seed, epochs: of the training.
        tested: number of held-out samples.
        data: the name of the user's own file or folder that it was trained on; "" for the recipe's own data.
        held_out: of own data: what was tested on, for people.
        prepared: of own data: how samples are made of it, and scaled.
    """

    recipe: Recipe
    quantized: Quantized
    saved: bytes
    float_score: float
    litert_score: float
    tflm_score: float
    validation_score: float | None
    parameters: dict[str, float]
    seed: int
    epochs: int
    tested: int
    data: str = ""
    held_out: str = ""
    prepared: Mapping[str, Any] = field(default_factory=dict)

    @property
    def compression(self) -> float:
        """Size of the float .tflite over that of the int8 one."""
        return self.quantized.float_bytes / len(self.quantized.model.data)

    def to_json(self) -> dict[str, Any]:
        """Return it as plain data, without the bytes."""
        return {
            **self.recipe.named,
            "seed": self.seed,
            "epochs": self.epochs,
            "metric": self.recipe.metric.name,
            "tested": self.tested,
            "scores": {"float": self.float_score, "litert": self.litert_score, "tflm": self.tflm_score},
            "validation": self.validation_score,
            "bound": None if self.data else self.recipe.bound,
            **({"data": self.data, "held_out": self.held_out, "prepared": dict(self.prepared)} if self.data else {}),
            "labels": list(self.recipe.labels),
            "applications": _plain(self.recipe),
            "parameters": self.parameters,
            "float_bytes": self.quantized.float_bytes,
            "bytes": len(self.quantized.model.data),
            "compression": round(self.compression, 3),
            "model": self.quantized.to_json(),
        }


def train(
    recipe: str,
    data: str | Path | None = None,
    *,
    out: str | Path | None = None,
    board: str | Path | Board | None = None,
    runtime: str = DEFAULT_RUNTIME,
    epochs: int | None = None,
    seed: int = 0,
    phrase: str | None = None,
    quick: bool = False,
    window: int | None = None,
    stride: int | None = None,
    rate_hz: int | None = None,
    label: str | None = None,
    units: str | None = None,
    value_range: tuple[float, float] = defaults.VALUE_RANGE,
    sample_rate: int = defaults.SAMPLE_RATE,
    on_step: Callable[[str], None] = lambda step: None,
    on_epoch: Callable[[int, int], None] | None = None,
) -> Trained:
    """Train a recipe and quantize it to int8.

    Args:
        recipe: its name; `microgen.recipe_names()` has all.
        data: your own file or folder to train on, instead of the recipe's data; `Recipe.takes` describes it.
        out: a folder for model, labels, calibration data and the record of the training; None writes nothing.
        board: the board that must run it; without one, what every board runs is chosen.
        runtime: what must run it there.
        epochs: instead of the recipe's own number.
        seed: seed of data, weights and training; the same seed gives the same bytes.
        phrase: what the recipe "wakeword" is to listen for; None: its own.
        quick: let that recipe learn from a small part of its data, to see that all works.
        window, stride, rate_hz: of time series: time steps of a sample, between two samples that are tested on, and in
            a second.
        label: of CSV files: the name of the column with the labels.
        units: of a motion sensor's acceleration and rotation: "g,deg/s", "m/s2,rad/s".
        value_range, sample_rate: of images and of WAV files, as in `build`.
        on_step: called with what is done next.
        on_epoch: called with how many epochs of how many are done.

    Raises:
        InputError: there is no such recipe, `out` holds something else, or the data cannot be used.
        SetupError: a package or program that the recipe needs is missing.
        EngineError: the converter or TFLM refused the model.
    """
    chosen = load_recipe(recipe, phrase, quick)
    if epochs is not None and epochs < 1:
        raise InputError("at least one epoch is needed", f"omit it for {chosen.epochs}", option="epochs", value=epochs)
    check_seed(seed)
    wanted = OwnData(Path(), window, stride, rate_hz, label, units, value_range, sample_rate)
    own = _own_data(chosen, data, wanted)
    if out is not None:
        check_out_folder(Path(out), RECORD, "training")
        _check_same(Path(out), recipe)
    target = board if isinstance(board, Board) or board is None else load_board(str(board))
    limits = RUNTIMES.get(runtime).quantization_limits(target)
    request = TrainRequest(
        recipe, "int8" in limits.per_channel_dense, seed, epochs or chosen.epochs, phrase, quick, own
    )
    on_step(f"training {recipe}")
    trainer = TRAINERS.get(chosen.framework)
    reply = trainer.train(request, () if own else chosen.packages, on_step, on_epoch)
    on_step("running LiteRT and TFLM on the held-out data")
    if reply.own is not None:
        read = reply.own
        chosen = replace(chosen, labels=read.labels, input=read.input, applications=read.applications)
    quantized = finish(reply.converted, recipe, "recipe", "int8", limits)
    float_score, litert_score, tflm_score = _scores(quantized, chosen, reply)
    validation, parameters = _validated(quantized, chosen, reply)
    if chosen.streaming is not None and reply.recordings is not None and reply.checked is not None:
        on_step("running TFLM on recordings")
        quantized, heard = stream(quantized, chosen.streaming, reply.checked, reply.recordings)
        parameters |= heard
    trained = Trained(
        replace(chosen, applications=_with_parameters(chosen, parameters)),
        quantized,
        reply.saved,
        float_score,
        litert_score,
        tflm_score,
        validation,
        parameters,
        seed,
        epochs or chosen.epochs,
        len(reply.test_x),
        own.path.name if own else "",
        reply.own.held_out if reply.own else "",
        reply.own.prepared if reply.own else {},
    )
    trained = _with_record(trained)
    if out is not None:
        _write(Path(out), trained)
    return trained


def _scores(quantized: Quantized, recipe: Recipe, reply: TrainReply) -> tuple[float, float, float]:
    """Return the recipe's metric on held-out data: of the float model, and of the int8 model in LiteRT and in TFLM."""
    engines = _run(quantized, reply.test_x)
    answers = (engines.litert.outputs[0], engines.reference.outputs[0])
    litert, tflm = (real_values(quantized.model.outputs[0], values) for values in answers)
    score, test_x, test_y = recipe.metric.score, reply.test_x, reply.test_y
    return score(reply.test_float, test_x, test_y), score(litert, test_x, test_y), score(tflm, test_x, test_y)


def _validated(quantized: Quantized, recipe: Recipe, reply: TrainReply) -> tuple[float | None, dict[str, float]]:
    """Return the recipe's metric and its parameters on the data to choose by; None and none where it has no such data.

    What the firmware compares with must come from the model that it runs: the int8 model in TFLM.
    """
    valid_x, valid_y = reply.valid_x, reply.valid_y
    if valid_x is None or valid_y is None:
        return None, {}
    answers = real_values(quantized.model.outputs[0], _run(quantized, valid_x).reference.outputs[0])
    parameters = recipe.parameters(answers, valid_x, valid_y) if recipe.parameters is not None else {}
    return recipe.metric.score(answers, valid_x, valid_y), parameters


def _run(quantized: Quantized, inputs: npt.NDArray[Any]) -> Engines:
    with EngineRun(quantized.model, quantize_samples(quantized.model, [inputs])) as running:
        return running.result()


def _own_data(recipe: Recipe, data: str | Path | None, wanted: OwnData) -> OwnData | None:
    """Return what a recipe is to be trained on instead of its own data.

    Raises:
        InputError: it takes none, there is none, or options of it are given without it.
    """
    if data is None:
        if wanted != OwnData(Path()):
            given = next(f.name for f in fields(OwnData) if getattr(wanted, f.name) != getattr(OwnData(Path()), f.name))
            raise InputError(
                "only applies to your own data",
                f"give the data with {option('data', 'PATH')}",
                option=given,
                value=getattr(wanted, given),
            )
        return None
    if recipe.own is None:
        able = ", ".join(name for name in recipe_names() if load_recipe(name).own is not None)
        raise InputError(
            f"the recipe '{recipe.name}' does not support your own data", f"these recipes do: {able}", option="data"
        )
    path = Path(data)
    if not path.exists():
        raise InputError(
            f"{path}: no such file or folder", nearest_path(path, f"give {recipe.takes}"), option="data", path=path
        )
    return replace(wanted, path=path.absolute())


def check_seed(seed: int) -> None:
    """Refuse a seed that not every random generator takes.

    Raises:
        InputError: it is negative, or has more than 32 bits.
    """
    if not 0 <= seed < 2**32:
        raise InputError(f"must be 0 to {2**32 - 1}", "omit it for 0", option="seed", value=seed)


def check_held_out(model: Path, recipe: str, seed: int) -> None:
    """Refuse a model that was trained on what this seed holds out, where the record beside it says so.

    Args:
        model: a file of a Keras model; it has a record where `train` wrote it.
        recipe, seed: what is going to hold samples out.

    Raises:
        InputError: it was trained with another seed.
    """
    record = training_record(model)
    trained_with, data = record.get("seed"), record.get("data")
    if record.get("recipe") == recipe and data:
        raise InputError(
            f"{model}: was trained on {data}, not on the recipe's own data",
            f"give that data with {option('data')}",
            option="recipe",
            path=model,
        )
    if record.get("recipe") == recipe and trained_with not in (None, seed):
        raise InputError(
            f"{model}: was trained with {option('seed', trained_with)}, on samples that {option('seed', seed)} uses as "
            "test data",
            f"give {option('seed', trained_with)}, whose test data it has not seen",
            option="seed",
            path=model,
        )


def _with_parameters(recipe: Recipe, parameters: Mapping[str, float]) -> dict[str, dict[str, str]]:
    """Return a recipe's options of applications, with those that the training found."""
    found = {name: f"{value:.6g}" for name, value in parameters.items()}
    return {
        name: {option: found.get(option, value) for option, value in options.items()}
        for name, options in recipe.applications.items()
    }


def _plain(recipe: Recipe) -> dict[str, dict[str, str]]:
    return {name: dict(options) for name, options in recipe.applications.items()}


def training_record(model: Path) -> dict[str, Any]:
    """Return the record that `train` wrote beside a model; nothing where there is none."""
    try:
        record = load_json(model.parent / RECORD)
    except (OSError, ValueError):
        return {}
    return record if isinstance(record, dict) and record.get("recipe") == model.stem else {}


def _with_record(trained: Trained) -> Trained:
    scores = {"float": trained.float_score, "int8 LiteRT": trained.litert_score, "int8 TFLM": trained.tflm_score}
    name = trained.recipe.metric.name
    record = {
        **trained.quantized.record,
        **trained.recipe.named,
        "seed": trained.seed,
        "epochs": trained.epochs,
        "parameters": trained.parameters,
        **({"data": trained.data, "prepared": dict(trained.prepared)} if trained.data else {}),
        **({"applications": _plain(trained.recipe)} if trained.data or trained.recipe.streaming else {}),
    }
    metrics = {f"{name}, {k}": v for k, v in scores.items()}
    return replace(
        trained,
        quantized=replace(
            trained.quantized,
            labels=trained.recipe.labels,
            metrics=metrics,
            record=record,
            frontend=trained.recipe.framework,
        ),
    )


def _check_same(out: Path, recipe: str) -> None:
    """Refuse the folder of another recipe, whose calibration data and labels would be mixed up."""
    saved = {trainer.suffix for trainer in TRAINERS}
    models = sorted(path.stem for path in out.iterdir() if path.suffix in saved) if out.is_dir() else []
    if models and recipe not in models:
        raise InputError(
            f"{out}: has the recipe '{models[0]}'",
            f"choose a different folder with {option('out')}",
            option="out",
            path=out,
        )


def _write(out: Path, trained: Trained) -> None:
    """Write a training's files beside their place, and move them there: all are there, or none."""
    name = trained.recipe.name
    files = {
        f"{name}{TRAINERS.get(trained.recipe.framework).suffix}": trained.saved,
        f"{name}.tflite": trained.quantized.model.data,
        RECORD: json_text(trained.to_json()).encode(),
    }
    if trained.recipe.labels:
        files[LABELS] = "".join(f"{label}\n" for label in trained.recipe.labels).encode()
    stage = out.absolute().with_name(f".{out.name}.microgen-{os.getpid()}")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(stage, ignore_errors=True)
        stage.mkdir()
        for file, data in files.items():
            (stage / file).write_bytes(data)
        np.save(stage / "calibration.npy", trained.quantized.calibration[0])
        if out.exists():
            for path in sorted(stage.iterdir(), key=lambda p: p.name == RECORD):
                path.replace(out / path.name)
        else:
            stage.rename(out)
    except OSError as error:
        raise InputError(
            f"{out}: cannot be written ({error.strerror})",
            f"choose a different folder with {option('out')}",
            option="out",
            path=out,
        ) from None
    finally:
        shutil.rmtree(stage, ignore_errors=True)
