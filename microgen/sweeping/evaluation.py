"""What happens to one candidate: compress, measure. It runs where it is called, here or on a machine of a cluster."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy.typing as npt

from ..compression.base import Step
from ..compression.price import Price
from ..compression.run import compress, price
from ..errors import InputError, MicrogenError, SetupError
from .candidates import Candidate, result_key, versions

Data = Mapping[str, npt.NDArray[Any]]


@dataclass(frozen=True)
class Work:
    """A candidate, and all that decides its result but the data.

    Attributes:
        steps: its methods; none measures the model as it is.
        model, suffix: the bytes of the model's file, and ".keras" or ".h5".
        recipe: whose data, loss and metric are taken; None: the data that goes along.
        epochs, batch_size, seed: as in `microgen.compress`.
        before: the price of the model as it is, where it is known.
        versions: what must be installed where it runs, so that the same candidate gives the same bytes.
    """

    steps: tuple[Step, ...]
    model: bytes
    suffix: str
    recipe: str | None
    epochs: int | None
    batch_size: int
    seed: int
    before: Price | None
    versions: Mapping[str, str]

    # Every candidate is trained from the model as it is, and compared with it.
    needs_original = True

    @property
    def function(self) -> Callable[[Work, Data | None], Result]:
        """What evaluates it."""
        return evaluate

    def of(self, candidate: Candidate, before: Price | None) -> Work:
        """Return the work of a candidate, given the price of the model as it is."""
        return replace(self, steps=candidate.steps, before=before)

    def key(self, candidate: Candidate, data: dict[str, Any]) -> str:
        """Return the key of a candidate's result; see `result_key`."""
        settings = {k: getattr(self, k) for k in ("epochs", "batch_size", "seed")}
        return result_key(candidate, self.model, data, settings)


@dataclass(frozen=True)
class Result:
    """What became of a candidate: a price and two models, or the reason why not.

    Attributes:
        price, metric: of the candidate, and what its scores are.
        keras, tflite: the bytes of both models; no Keras model where nothing was trained.
        error: why there is none, with a hint.
        is_final: whether trying again would end the same: a refusal does, a crash may not.
        lacks_something: whether it failed because the machine lacks something, a package say.
    """

    price: Price | None = None
    metric: str = ""
    keras: bytes = b""
    tflite: bytes = b""
    error: tuple[str, str] = ("", "")
    is_final: bool = True
    lacks_something: bool = False


def evaluate(work: Work, data: Data | None) -> Result:
    """Compress a model as a candidate wants it, and measure it; a failure is a result too.

    Args:
        work: the candidate.
        data: as `microgen.compress` takes it; None with a recipe.
    """
    try:
        _check_versions(work.versions)
        with tempfile.TemporaryDirectory(prefix="microgen-sweep-") as folder:
            path = Path(folder) / f"model{work.suffix}"
            path.write_bytes(work.model)
            common: dict[str, Any] = {"recipe": work.recipe, "batch_size": work.batch_size, "seed": work.seed}
            if work.steps:
                compressed = compress(path, work.steps, data, epochs=work.epochs, before=work.before, **common)
            else:
                compressed = price(path, data, **common)
    except MicrogenError as error:
        return failure(error)
    return Result(compressed.after, compressed.metric.name, compressed.keras, compressed.quantized.model.data)


def failure(error: Exception) -> Result:
    """Return an error as a result."""
    if isinstance(error, MicrogenError):
        lacking = isinstance(error, SetupError)
        return Result(
            error=(error.message, error.hint), is_final=isinstance(error, InputError), lacks_something=lacking
        )
    reason = " ".join(str(error).split())[:300]
    return Result(error=(f"{type(error).__name__}: {reason}", "run the sweep again to try it again"), is_final=False)


def _check_versions(wanted: Mapping[str, str]) -> None:
    here = versions()
    other = [f"{name} {here[name] or 'none'}, not {wanted[name]}" for name in here if here[name] != wanted[name]]
    if other:
        raise SetupError(f"a machine of the cluster has {', '.join(other)}", "install the same versions everywhere")
