"""The public function: try compressions of a model, measure each, and say which are worth it on a board."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from .. import sources
from ..boards import Board, load_board
from ..compression.price import Price
from ..compression.run import DEFAULT_BATCH_SIZE
from ..compression.task import DataSource, read_data
from ..deployment import check, deploy
from ..deployment.fit import Fit, memory_fit
from ..errors import InputError, MicrogenError, SetupError
from ..metrics import METRICS, Metric
from ..recipes import load_recipe
from ..sources import slug
from ..tflite import parse
from ..training import train
from . import evaluation
from .candidates import ORIGINAL, Candidate, key, read_candidates, versions
from .evaluation import Data, Result, Work
from .scheduling import Dask, Local, Scheduler
from .store import Store

# What a candidate may be the best in, beside the metric: what is drawn, and what people call it.
AXES = {
    "tflite_bytes": ".tflite, bytes",
    "gzip_bytes": ".tflite under gzip (OTA), bytes",
    "arena_bytes": "tensor arena, bytes",
    "macs": "multiply-accumulates",
}
PICTURES = ("svg", "png")


@dataclass(frozen=True)
class Row:
    """What became of a candidate on the board.

    Attributes:
        name: the candidate's.
        price: what it costs and brings; None where it could not be made.
        arena_bytes: what a firmware for the board reserves as tensor arena.
        fit: what it takes of the board's memories.
        best_for: the axes in which no other candidate that fits is as small and as good.
        error: why it could not be made, or does not run on the board, and a hint; empty otherwise.
        folder: where its models are, relative to the sweep's folder; "" where there are none.
    """

    name: str
    price: Price | None = None
    arena_bytes: int = 0
    fit: Fit | None = None
    best_for: tuple[str, ...] = ()
    error: tuple[str, str] = ("", "")
    folder: str = ""

    @property
    def fits(self) -> bool:
        """Whether it can be had on the board."""
        return self.fit is not None and self.fit.fits

    def value(self, axis: str) -> int:
        """Return its place on an axis: of the board, or of its price."""
        return self.arena_bytes if axis == "arena_bytes" else int(getattr(self.price, axis))

    def to_json(self) -> dict[str, Any]:
        """Return it as plain data."""
        return {
            "candidate": self.name,
            "price": {**asdict(self.price), "arena_bytes": self.arena_bytes} if self.price else None,
            "fits": self.fit.outcome if self.fit else None,
            "best_for": list(self.best_for),
            "error": {"message": self.error[0], "hint": self.error[1]} if self.error[0] else None,
            "folder": self.folder,
        }


@dataclass(frozen=True)
class Sweep:
    """A sweep.

    Attributes:
        name: of the model or recipe.
        board: what the arena and the fit are for.
        metric: what the scores are.
        rows: one a candidate, in the order in which they were named; the model as it is first.
        resumed: how many of them were there already.
        out: the folder with the models, the table as sweep.json, and the picture.
        picture: the path of the picture; None where none was wanted.
    """

    name: str
    board: Board
    metric: Metric
    rows: tuple[Row, ...]
    resumed: int
    out: Path
    picture: Path | None

    def merit(self, row: Row) -> float:
        """Return the score of a row, so that more is better."""
        assert row.price is not None
        return row.price.tflm_score if self.metric.higher_is_better else -row.price.tflm_score

    def to_json(self) -> dict[str, Any]:
        """Return it as plain data; the same sweep gives the same, resumed or not."""
        return {
            "name": self.name,
            "board": self.board.name,
            "metric": self.metric.name,
            "higher_is_better": self.metric.higher_is_better,
            "axes": AXES,
            "candidates": [row.to_json() for row in self.rows],
        }


def sweep(
    model: Any = None,  # noqa: ANN401 - a path, or a Keras object, which has no types
    data: DataSource | None = None,
    *,
    recipe: str | None = None,
    board: str | Path = "esp32",
    candidates: str | Sequence[str] | None = None,
    out: str | Path | None = None,
    epochs: int | None = None,
    batch_size: int = DEFAULT_BATCH_SIZE,
    seed: int = 0,
    jobs: int | None = None,
    scheduler: str | None = None,
    picture: str | None = "svg",
    on_step: Callable[[str], None] = lambda step: None,
    on_done: Callable[[int, int], None] = lambda done, total: None,
) -> Sweep:
    """Try compressions of a model and measure each.

    Finished candidates are kept in `out`, so that a sweep that was killed, or that gets more candidates or another
    board, goes on from there. A candidate that fails is a row with its reason.

    Args:
        model: a .keras or .h5 file, or a Keras object; None trains `recipe`.
        data: as in `microgen.compress`.
        recipe: takes data, loss and metric of a recipe instead of `data`.
        board: what the arena and the fit are for.
        candidates: chains such as "prune:0.8+qat"; in one text they are parted by commas. None: the default grid.
        out: the sweep's folder; NAME-sweep in the current folder otherwise.
        epochs, batch_size, seed: as in `microgen.compress`.
        jobs: how many candidates run at a time on this machine; half its cores otherwise.
        scheduler: the address of a Dask scheduler, on whose workers candidates run instead.
        picture: "svg", "png", or None for no picture.
        on_step: is told what is done next.
        on_done: is told how many candidates of how many are done.

    Raises:
        InputError: the model, the data or an option cannot be used.
        EngineError: the model as it is cannot be converted or run.
        SetupError: a package is missing, or there is no scheduler at that address.
    """
    target = load_board(str(board))
    tried = read_candidates(candidates)
    if jobs is not None and jobs < 1:
        raise InputError(f"--jobs {jobs}: at least one", "leave it out for half of the cores")
    if picture not in (None, *PICTURES):
        raise InputError(f"no picture as '{picture}'", f"pictures: {', '.join(PICTURES)}")
    if picture:
        from . import picture as pictures

        pictures.check()
    if (data is None) == (recipe is None):
        raise InputError(
            "no data to train on" if data is None else "--data and --recipe together",
            "give --data TRAIN.npz (arrays x and y), or --recipe NAME",
        )
    if model is None and recipe is None:
        raise InputError("no model", "give a .keras or .h5 file, or --recipe NAME to train one")
    if recipe is not None:
        load_recipe(recipe)
    name = slug(recipe or "") if model is None else slug(model.name if sources.is_object(model) else Path(model).stem)
    arrays = read_data(data, seed) if data is not None else None
    store = Store(Path(out) if out is not None else Path(f"{name}-sweep"))
    placed: Scheduler = Dask(scheduler) if scheduler else Local(jobs or max(1, (os.cpu_count() or 2) // 2))
    with contextlib.closing(placed):
        content, suffix = _model(model, recipe, seed, store, on_step)
        work = Work((), content, suffix, recipe, epochs, batch_size, seed, None, versions())
        runner = _Runner(store, placed, work, _digest(recipe, arrays), arrays, on_step, on_done)
        results = runner.run(tried)
    metric = METRICS[results[0].metric]
    rows = _with_fronts(
        [_row(c, r, target, store, runner.keys[c.name]) for c, r in zip(tried, results, strict=True)], metric
    )
    found = Sweep(name, target, metric, rows, runner.resumed, store.out, None)
    store.file("sweep.json", (json.dumps(found.to_json(), indent=2, ensure_ascii=False) + "\n").encode())
    if picture:
        found = replace(found, picture=store.file(f"sweep.{picture}", pictures.draw(found, picture)))
    return found


class _Runner:
    """Takes candidates from the store, runs the others, and puts them there."""

    def __init__(
        self,
        store: Store,
        scheduler: Scheduler,
        work: Work,
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
            InputError: the model as it is cannot be measured.
            SetupError: the machine lacks something for it.
        """
        self._store.clear()
        settings = {k: getattr(self._work, k) for k in ("epochs", "batch_size", "seed")}
        found: dict[str, Result] = {}
        for candidate in candidates:
            self.keys[candidate.name] = key(candidate, self._work.model, self._data, settings)
            stored = self._store.read(candidate.name, self.keys[candidate.name])
            if stored is not None:
                found[candidate.name] = stored
                self.resumed += 1
        total = len(candidates)
        self._on_step("measuring the model as it is")
        self._run([c for c in candidates[:1] if c.name not in found], found, total)
        original = found[ORIGINAL]
        if original.price is None:
            raise (SetupError if original.lacks_something else InputError)(*original.error)
        self._work = replace(self._work, before=original.price)
        self._run([c for c in candidates if c.name not in found], found, total)
        return [found[c.name] for c in candidates]

    def _run(self, candidates: Sequence[Candidate], found: dict[str, Result], total: int) -> None:
        items = [replace(self._work, steps=c.steps) for c in candidates]
        self._on_done(len(found), total)
        for index, result in self._scheduler.run(evaluation.evaluate, items, self._arrays) if items else ():
            name = candidates[index].name
            found[name] = result if isinstance(result, Result) else evaluation.failure(result)
            if name != ORIGINAL or found[name].price is not None:  # without the original there is no sweep
                self._store.write(name, self.keys[name], found[name])
            self._on_step(f"{name} done")
            self._on_done(len(found), total)


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
            found = train(recipe, seed=seed, on_step=on_step)
            store.file(path.name, found.keras)
        return path.read_bytes(), path.suffix
    with tempfile.TemporaryDirectory(prefix="microgen-model-") as folder:
        source = sources.save(model, Path(folder)) if sources.is_object(model) else sources.find(model)
        if source.kind not in (sources.KERAS, sources.H5):
            raise InputError(
                f"{source.path}: compression trains a Keras model, and this is none",
                "give the .keras or .h5 file that it was made from",
            )
        return source.path.read_bytes(), f".{source.kind}"


def _digest(recipe: str | None, arrays: Data | None) -> dict[str, Any]:
    if arrays is None:
        return {"recipe": recipe}
    return {
        k: [str(v.dtype), list(v.shape), hashlib.sha256(np.ascontiguousarray(v).tobytes()).hexdigest()]
        for k, v in sorted(arrays.items())
    }


def _row(candidate: Candidate, result: Result, board: Board, store: Store, key: str) -> Row:
    """Put a candidate onto the board."""
    if result.price is None:
        return Row(candidate.name, error=result.error)
    folder = store.place(candidate.name, key).as_posix()
    model = parse(result.tflite, slug(candidate.name), candidate.name)
    try:
        check(model, board)
        deployment = deploy(model.name, model, board)
    except MicrogenError as error:
        return Row(candidate.name, result.price, error=(error.message, error.hint), folder=folder)
    return Row(candidate.name, result.price, deployment.arena.bytes, memory_fit(deployment), folder=folder)


def _with_fronts(rows: Sequence[Row], metric: Metric) -> tuple[Row, ...]:
    return tuple(
        replace(row, best_for=tuple(axis for axis in AXES if row in front(rows, axis, metric))) for row in rows
    )


def front(rows: Sequence[Row], axis: str, metric: Metric) -> list[Row]:
    """Return the Pareto front, by size: of what fits, what nothing beats in both the metric and on the axis.

    Where two are the same in both, the first one named is on it.
    """
    sign = -1 if metric.higher_is_better else 1
    fitting = [row for row in rows if row.fits]
    best: list[Row] = []
    for row in sorted(fitting, key=lambda r: (r.value(axis), sign * _score(r))):
        if not best or sign * _score(row) < sign * _score(best[-1]):
            best.append(row)
    return best


def _score(row: Row) -> float:
    assert row.price is not None
    return row.price.tflm_score
