"""The public function: try compressions or quantizations of a model, and say which are worth it on a board."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from .. import defaults
from ..boards import Board, load_board
from ..compression.price import Price
from ..compression.run import check_origin, check_seen, input_of, model_file
from ..compression.task import DataSource, Reading, read_data
from ..datasets import Source, request
from ..deployment import check_model, deploy, device_cost
from ..deployment.fit import memory_fit
from ..deployment.labels import read_labels
from ..errors import InputError, MicrogenError, SetupError, option
from ..frontends import source as sources
from ..frontends.frontend import FLOAT32
from ..frontends.keras.frontend import FRONTEND as KERAS
from ..frontends.source import slug
from ..quantization.run import example_of
from ..recipes import load_recipe
from ..runtimes import DEFAULT_RUNTIME, RUNTIMES
from ..support.json import json_text
from ..support.metrics import METRICS, Metric
from ..tflite import parse
from ..training.train import train
from . import evaluation
from . import picture as pictures
from .candidates import ORIGINAL, Candidate, between, read_candidates, read_quantizations, versions
from .evaluation import Data, Result, Work
from .limits import Limits, read_limits
from .quantizing import QuantizeWork, source_digest
from .scheduling import Dask, Local, Scheduler
from .store import Store
from .table import AXES, Row, Sweep, pareto_front

PICTURES = ("svg", "png")
# With limits, candidates are made between those that there are so many times.
_ROUNDS = 3


def sweep(
    model: Any = None,  # noqa: ANN401 - a path, or a Keras object, which has no types
    data: DataSource | None = None,
    *,
    recipe: str | None = None,
    calibration: Source | None = None,
    board: str | Path = defaults.BOARD,
    runtime: str = DEFAULT_RUNTIME,
    candidates: str | Sequence[str] | None = None,
    out: str | Path | None = None,
    epochs: int | None = None,
    batch_size: int = defaults.BATCH_SIZE,
    seed: int = 0,
    jobs: int | None = None,
    scheduler: str | None = None,
    picture: str | None = "svg",
    fit: str | None = None,
    value_range: tuple[float, float] = defaults.VALUE_RANGE,
    sample_rate: int = defaults.SAMPLE_RATE,
    labels: str | Path | Sequence[str] | None = None,
    on_step: Callable[[str], None] = lambda step: None,
    on_done: Callable[[int, int], None] = lambda done, total: None,
) -> Sweep:
    """Try compressions of a model, or with calibration data its quantizations, and measure each.

    Finished candidates are kept in `out`, so that a sweep that was killed, or that gets more candidates or another
    board, goes on from there. A candidate that fails is a row with its reason.

    Args:
        model: a .keras or .h5 file, or a Keras object; None trains `recipe`. With `calibration`, any float model that
            `microgen.quantize` takes.
        data: as in `microgen.compress`. With `calibration`: labelled samples to measure on, "x_test" and "y_test" or
            all of "x" and "y"; without them, the score is the signal-to-quantization-noise ratio at the output, against
            the float model, over the calibration data.
        recipe: use data, loss and metric of this recipe instead of `data`.
        calibration: the representative dataset, as in `microgen.quantize`: quantizations are tried, and nothing is
            trained.
        board: what the arena and the fit are for; with `calibration`, also what each model is quantized for.
        runtime: of the arena and the fit; with `calibration`, also of the quantization.
        candidates: chains such as "prune:0.8+qat"; in one text they are parted by commas. None: the default grid. With
            `calibration`: "float32", "int8", "int16x8", "int4", "int4-packed"; None: all but the last.
        out: the sweep's folder; NAME-sweep in the current folder otherwise.
        epochs, batch_size, seed: as in `microgen.compress`.
        jobs: how many candidates run at a time on this machine; half its cores otherwise.
        scheduler: the address of a Dask scheduler, on whose workers candidates run instead.
        picture: "svg", "png", or None for no picture.
        fit: limits of a candidate, "board=pico,flash=64K,ram=16K,ms=20"; a board in it takes the place of
            `board`. After the candidates, amounts between those that keep to it and those that do not are tried.
        value_range, sample_rate: of images and of WAV files, as in `build`.
        labels: the order of the model's classes, as in `microgen.compress`.
        on_step: called with what is done next.
        on_done: called with how many candidates of how many are done.

    Raises:
        InputError: the model, the data or an option cannot be used.
        EngineError: the model as it is cannot be converted or run.
        SetupError: a package is missing, or there is no scheduler at that address.
    """
    named, limits = read_limits(fit) if fit is not None else (None, None)
    target = load_board(str(named or board))
    RUNTIMES.get(runtime)
    tried = read_candidates(candidates) if calibration is None else read_quantizations(candidates)
    if jobs is not None and jobs < 1:
        raise InputError("at least one job is needed", "omit it for half of the cores", option="jobs", value=jobs)
    if picture not in (None, *PICTURES):
        raise InputError(f"no picture format '{picture}'", f"formats: {', '.join(PICTURES)}", option="picture")
    if picture:
        pictures.check_matplotlib()
    reading = Reading(value_range, sample_rate, read_labels(labels))
    if calibration is None:
        _check_trained(model)
        check_origin(model, data, recipe, reading.labels)
        check_seen([model], recipe, seed)
        if recipe is not None:
            load_recipe(recipe)
    else:
        _check_untrained(model, recipe, epochs, scheduler)
    name = slug(recipe or "" if model is None else sources.name_of(model))
    store = Store(Path(out) if out is not None else Path(f"{name}-sweep"))
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="microgen-model-")))
        arrays: Data | None = None
        work: Work | QuantizeWork
        if calibration is not None:
            work, digest = _quantizations(model, calibration, data, reading, target, runtime, seed, folder)
        elif data is not None:
            arrays = read_data(data, seed, reading, lambda: input_of(model_file(model, folder)))
        placed: Scheduler = Dask(scheduler) if scheduler else Local(jobs or max(1, (os.cpu_count() or 2) // 2))
        stack.enter_context(contextlib.closing(placed))
        if calibration is None:
            content, suffix = _model(model, recipe, seed, store, on_step)
            work = Work((), content, suffix, recipe, epochs, batch_size, seed, None, versions())
            digest = _digest(recipe, arrays)
        runner = _Runner(store, placed, work, digest, arrays, on_step, on_done)
        rows: list[Row] = []
        found: dict[str, Result] = {}
        for _ in range(_ROUNDS if limits else 1):
            found |= dict(zip((c.name for c in tried), runner.run(tried), strict=True))
            rows += [
                _row(c, found[c.name], target, runtime, store, runner.keys[c.name], limits) for c in tried[len(rows) :]
            ]
            more = between(tried, [row.fits for row in rows]) if limits else ()
            if not more:
                break
            tried = (*tried, *more)
    metric = METRICS[next(result.metric for result in found.values() if result.metric)]
    rows = list(_with_fronts(rows, metric))
    quantizes = calibration is not None
    result = Sweep(name, target, metric, tuple(rows), runner.resumed, store.out, None, limits, quantizes)
    store.file("sweep.json", json_text(result.to_json()).encode())
    if picture:
        result = replace(result, picture=store.file(f"sweep.{picture}", pictures.draw(result, picture)))
    return result


def _check_trained(model: Any) -> None:  # noqa: ANN401
    """Refuse a float model that is not trained here, whose quantizations can be compared.

    Raises:
        InputError: it is one.
    """
    is_path = isinstance(model, (str, Path))
    if model is None or (is_path and not Path(model).exists()):
        return
    frontend = sources.find(model)[0] if is_path else sources.frontend_of(model)
    if frontend is not None and frontend is not KERAS and frontend.extra:
        raise InputError(
            f"{model if is_path else sources.name_of(model)}: compression trains Keras models, but this is "
            f"{frontend.title}",
            f"give {option('calibration', 'DATA')} to compare its quantizations",
            option="model",
        )


def _check_untrained(model: Any, recipe: str | None, epochs: int | None, scheduler: str | None) -> None:  # noqa: ANN401
    """Refuse options that make no sense where quantizations are tried.

    Raises:
        InputError: says which.
    """
    if model is None:
        raise InputError("no model", f"give {sources.accepted()}", option="model")
    for name, value in (("recipe", recipe), ("epochs", epochs), ("scheduler", scheduler)):
        if value is not None:
            raise InputError(
                "with calibration data, quantizations are compared on this machine, and nothing is trained",
                f"omit it, or omit {option('calibration')} to try compressions",
                option=name,
                value=value,
            )


def _quantizations(
    model: Any,  # noqa: ANN401
    calibration: Source,
    data: DataSource | None,
    reading: Reading,
    board: Board,
    runtime: str,
    seed: int,
    folder: Path,
) -> tuple[QuantizeWork, dict[str, Any]]:
    """Return the work of all quantizations but their names, and the digests of the data.

    Args:
        folder: where an object is saved.

    Raises:
        InputError: the model is quantized already or rejected, or the calibration data is missing.
    """
    if sources.is_object(model):
        frontend, source = sources.save(model, folder, example_of(None, calibration))
    else:
        frontend, source = sources.find(model)
    if not frontend.needs_calibration(source):
        frontend.read(source)  # or it is no model at all
        raise InputError(
            f"{source.path}: is quantized already", "give the float model that it was made of", path=source.path
        )
    wanted = request(calibration, reading.value_range, reading.sample_rate)
    if wanted.values["kind"] == "arrays":
        calibration = wanted.arrays  # an iterable is read once
    model_digest = source_digest(source.path).encode()
    work = QuantizeWork("", source.path.absolute(), calibration, data, reading, board, runtime, seed, model_digest)
    return work, {"calibration": source_digest(calibration), "labelled": source_digest(data)}


class _Runner:
    """Takes candidates from the store, runs the others, and puts them there."""

    def __init__(
        self,
        store: Store,
        scheduler: Scheduler,
        work: Work | QuantizeWork,
        data: dict[str, Any],
        arrays: Data | None,
        on_step: Callable[[str], None],
        on_done: Callable[[int, int], None],
    ) -> None:
        self._store, self._scheduler, self._work = store, scheduler, work
        self._data, self._arrays, self._on_step, self._on_done = data, arrays, on_step, on_done
        self.keys: dict[str, str] = {}
        self.resumed = 0

    def run(self, candidates: Sequence[Candidate]) -> list[Result]:
        """Return the results of candidates, the first of which is the model as it is.

        Raises:
            InputError: the model as it is cannot be measured, or nothing can.
            SetupError: the machine lacks something for it.
        """
        self._store.clear()
        results: dict[str, Result] = {}
        for candidate in candidates:
            is_new = candidate.name not in self.keys  # not of an earlier round of this sweep
            self.keys[candidate.name] = self._work.key(candidate, self._data)
            stored = self._store.read(candidate.name, self.keys[candidate.name])
            if stored is not None:
                results[candidate.name] = stored
                self.resumed += is_new
        total = len(candidates)
        before = None
        if self._work.needs_original:
            self._on_step("measuring the model as it is")
            self._run([c for c in candidates[:1] if c.name not in results], results, total, None)
            before = results[candidates[0].name].price
        lacks_original = self._work.needs_original and before is None
        if not lacks_original:
            self._run([c for c in candidates if c.name not in results], results, total, before)
        if lacks_original or all(result.price is None for result in results.values()):
            failed = results[candidates[0].name]
            raise (SetupError if failed.lacks_something else InputError)(*failed.error)
        return [results[c.name] for c in candidates]

    def _run(
        self, candidates: Sequence[Candidate], results: dict[str, Result], total: int, before: Price | None
    ) -> None:
        items = [self._work.of(c, before) for c in candidates]
        self._on_done(len(results), total)
        for index, result in self._scheduler.run(self._work.function, items, self._arrays) if items else ():
            name = candidates[index].name
            results[name] = result if isinstance(result, Result) else evaluation.failure(result)
            # Without the original there is no sweep.
            if name != ORIGINAL or results[name].price is not None:
                self._store.write(name, self.keys[name], results[name])
            self._on_step(f"{name} done")
            self._on_done(len(results), total)


def _model(
    model: Any,  # noqa: ANN401
    recipe: str | None,
    seed: int,
    store: Store,
    on_step: Callable[[str], None],
) -> tuple[bytes, str]:
    """Return the bytes of the model's file, and its suffix. A trained recipe is kept, for when the sweep goes on."""
    if model is None:
        assert recipe is not None
        trained = "-".join([recipe, str(seed), hashlib.sha256(json.dumps(versions()).encode()).hexdigest()[:12]])
        path = store.out / f"{trained}.keras"
        if not path.is_file():
            training = train(recipe, seed=seed, on_step=on_step)
            store.file(path.name, training.saved)
        return path.read_bytes(), path.suffix
    with tempfile.TemporaryDirectory(prefix="microgen-model-") as folder:
        path = model_file(model, Path(folder))
        return path.read_bytes(), path.suffix


def _digest(recipe: str | None, arrays: Data | None) -> dict[str, Any]:
    if arrays is None:
        return {"recipe": recipe}
    return {
        k: [str(v.dtype), list(v.shape), hashlib.sha256(np.ascontiguousarray(v).tobytes()).hexdigest()]
        for k, v in sorted(arrays.items())
    }


def _row(
    candidate: Candidate, result: Result, board: Board, runtime: str, store: Store, key: str, limits: Limits | None
) -> Row:
    """Put a candidate onto the board."""
    if result.price is None:
        return Row(candidate.name, error=result.error)
    folder = store.place(candidate.name, key).as_posix()
    model = parse(result.tflite, slug(candidate.name), candidate.name)
    cost = device_cost(model, board)
    breaks = limits.broken(cost) if limits else ""
    try:
        is_float = candidate.name == FLOAT32
        check_model(model, board, allow_float=is_float, runtime=runtime)
        deployment = deploy(model.name, model, board, runtime=runtime)
    except MicrogenError as error:
        return Row(candidate.name, result.price, error=(error.message, error.hint), folder=folder)
    fits = memory_fit(deployment)
    return Row(candidate.name, result.price, deployment.arena.bytes, fits, cost, breaks, folder=folder)


def _with_fronts(rows: Sequence[Row], metric: Metric) -> tuple[Row, ...]:
    return tuple(
        replace(row, best_for=tuple(axis for axis in AXES if row in pareto_front(rows, axis, metric))) for row in rows
    )
