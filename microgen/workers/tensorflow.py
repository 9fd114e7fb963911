"""Runs a job that needs TensorFlow in a worker process: the converter takes its process down on some models."""

from __future__ import annotations

import importlib.util
import os
import tempfile
from collections.abc import Callable

from ..errors import EngineError, SetupError
from . import process as worker
from .process import Arrays, Values

_DEADLINE_S = 1800.0
# Of a training: for one epoch, and for what comes before the first and after the last of them.
TRAINING_DEADLINE_S = 6 * 3600.0
_TRAINING_HINT = "give fewer samples or a smaller model, or train in Keras and give the trained model"
# One thread order and no oneDNN reordering: the same seed gives the same bytes.
_ENVIRONMENT = {"TF_ENABLE_ONEDNN_OPTS": "0", "KERAS_BACKEND": "tensorflow", "CUDA_VISIBLE_DEVICES": "-1"}


def run(
    job: str,
    values: Values,
    arrays: Arrays,
    *,
    packages: tuple[str, ...] = ("tensorflow", "keras"),
    extra: str = "train",
    trains: bool = False,
    on_progress: Callable[[int, int], None] | None = None,
) -> worker.Reply:
    """Run a job of this room in a worker.

    Args:
        job: "module:function" within microgen.
        values, arrays: its arguments.
        packages: what it imports; they are looked for first.
        extra: the extra of microgen that brings them.
        trains: whether it trains: on a user's data that may take hours.
        on_progress: is told how far the job is.

    Raises:
        SetupError: a package is missing.
        EngineError: the converter refused or crashed; its whole output is in a file that the message names.
    """
    for package in packages:
        if importlib.util.find_spec(package) is None:
            raise SetupError(
                f"this needs {package}, which is not installed",
                f"pip install 'microgen[{extra}]' (an int8 .tflite needs no such package)",
            )
    try:
        with worker.start(
            "converter", f"microgen.{job}", values, arrays, _ENVIRONMENT, worker.TRAINING_MEMORY
        ) as running:
            if trains:
                return running.result(TRAINING_DEADLINE_S, on_progress, _TRAINING_HINT)
            return running.result(_DEADLINE_S, on_progress)
    except EngineError as error:
        hint = error.hint
        if error.reason.startswith("crashed"):
            hint = "most often a loop, such as an RNN in layers of your own: use standard layers of fixed shapes"
        said = f"; all it said: {_keep(error.log)}" if error.log else ""
        raise EngineError("converter", _first(error.reason) + said, hint) from None


def _first(reason: str) -> str:
    """Return the reason without the output that `worker` appends: MLIR dumps go into the file."""
    return reason.partition(" (")[0] if len(reason) > 400 else reason


def _keep(log: str) -> str:
    handle, path = tempfile.mkstemp(prefix="microgen-converter-", suffix=".log")
    with os.fdopen(handle, "w", encoding="utf-8") as stream:
        stream.write(log)
    return path
