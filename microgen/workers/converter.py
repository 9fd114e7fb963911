"""Runs jobs that need TensorFlow, or another large package: the converter takes its process down on some models."""

from __future__ import annotations

import importlib.util
import os
import tempfile
from collections.abc import Callable

from ..errors import EngineError, SetupError
from . import job
from .engine import CONVERTER, Engine
from .job import OnProgress, ReplyT, RequestT


def run(
    target: Callable[[RequestT], ReplyT],
    request: RequestT,
    *,
    packages: tuple[str, ...] = ("tensorflow", "keras"),
    extra: str = "train",
    engine: Engine = CONVERTER,
    on_progress: OnProgress | None = None,
) -> ReplyT:
    """Run a job in a worker.

    Args:
        target, request: as for `job.start`.
        packages: the packages that the job imports; they are looked for first.
        extra: the extra of microgen that brings them.
        engine: TRAINING where it trains.
        on_progress: as for `Job.result`.

    Raises:
        SetupError: a package is missing.
        EngineError: the converter refused or crashed; its whole output is in a file that the message names.
    """
    for package in packages:
        if importlib.util.find_spec(package) is None:
            raise SetupError(
                f"this needs {package}, which is not installed",
                f"pip install 'microgen[{extra}]' (an int8 .tflite does not need it)",
            )
    try:
        return job.run(engine, target, request, on_progress=on_progress)
    except EngineError as error:
        hint = error.template[1]
        if error.reason.startswith("crashed"):
            hint = "most often a loop, such as an RNN in layers of your own: use standard layers with fixed shapes"
        log = f"; its whole output: {_keep(error.log)}" if error.log else ""
        raise EngineError(engine.name, _first(error.reason) + log, hint, **error.data) from None


def _first(reason: str) -> str:
    """Return the reason without the output that `failures` appends: MLIR dumps go into the file."""
    return reason.partition(" (")[0] if len(reason) > 400 else reason


def _keep(log: str) -> str:
    handle, path = tempfile.mkstemp(prefix="microgen-converter-", suffix=".log")
    with os.fdopen(handle, "w", encoding="utf-8") as stream:
        stream.write(log)
    return path
