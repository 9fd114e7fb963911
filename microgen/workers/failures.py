"""How a worker process failed, as an error for people."""

from __future__ import annotations

import re
import signal
from dataclasses import dataclass, field
from typing import Any, cast

from .. import errors
from ..errors import EngineError, ErrorData, MicrogenError, last_words
from ..support.system import missing_package
from .engine import Engine
from .log import FLOOD

_NO_MODULE = re.compile(r"ModuleNotFoundError: No module named '(\w+)")
_MEMORY_WORDS = re.compile(r"std::bad_alloc|Cannot allocate memory|Unable to allocate|MemoryError")


@dataclass(frozen=True)
class Failure:
    """An exception that a job raised, on its way to the parent.

    Attributes:
        kind: the class of a `MicrogenError`, by name; "" for another exception.
        message, hint: of it; of a `MicrogenError` as they were written, see `MicrogenError.template`.
        data: the other attributes of a `MicrogenError`, plain JSON.
    """

    kind: str
    message: str
    hint: str = ""
    data: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, error: Exception) -> Failure:
        """Take an exception apart."""
        if isinstance(error, MicrogenError):
            data = {k: v for k, v in vars(error).items() if k not in ("template", "message", "hint")}
            return cls(type(error).__name__, *error.template, data)
        return cls("", f"{type(error).__name__}: {error}")


def overdue(engine: Engine, seconds: float, progress: str) -> EngineError:
    """Return the error of a worker that did not answer in time.

    Args:
        engine: its kind.
        seconds: the deadline.
        progress: how far the job was, as it last reported it: "3 10"; "" where it did not.
    """
    reason = f"no answer after {seconds:.0f} s"
    if progress:
        reason = f"no progress for {seconds:.0f} s, after {progress.replace(' ', ' of ')} epochs"
    return EngineError(engine.name, reason, engine.hang_hint)


def flooded(engine: Engine, log: str) -> EngineError:
    """Return the error of a worker that was killed because of its output."""
    return EngineError(
        engine.name,
        f"printed more than {FLOOD // 2**20} MiB, last: {last_words(log)}",
        "the model makes this engine print without end; simplify the model",
        log,
    )


def crashed(engine: Engine, code: int, log: str) -> EngineError:
    """Return the error of a worker that ended without a reply.

    Args:
        engine: its kind.
        code: its exit code; negative: the signal that ended it.
        log: what it printed.
    """
    if _MEMORY_WORDS.search(log):
        return _out_of_memory(engine, log)
    how = f"crashed with {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
    printed = last_words(log)
    return EngineError(
        engine.name,
        how + (f" after printing: {printed}" if printed else ""),
        "this engine cannot run the model",
        log,
    )


def raised(engine: Engine, failure: Failure, log: str) -> MicrogenError:
    """Return the error of a worker whose job raised an exception: a `MicrogenError` as it was."""
    if failure.message.startswith("MemoryError") or _MEMORY_WORDS.search(failure.message):
        return _out_of_memory(engine, log)
    kind = getattr(errors, failure.kind, None) if failure.kind else None
    if kind is not None and not issubclass(kind, EngineError):
        error: MicrogenError = kind(failure.message, failure.hint)
        vars(error).update(failure.data)
        return error
    if missing := _NO_MODULE.match(failure.message):
        return missing_package(missing[1])
    # TFLM prints its reason and raises a bare status; the printed line is the better message. An `EngineError` of the
    # job itself has its reason.
    reason = failure.message.removeprefix(f"{engine.name}: ")
    printed = last_words(log[: log.rfind("Traceback")] if "Traceback" in log else log)
    if printed and printed not in reason and kind is None:
        reason = f"{reason} ({printed})"
    data = cast("ErrorData", {k: v for k, v in failure.data.items() if k in ErrorData.__annotations__})
    return EngineError(engine.name, reason, failure.hint or "this engine cannot run the model", log, **data)


def _out_of_memory(engine: Engine, log: str) -> EngineError:
    return EngineError(
        engine.name,
        f"requested more than {engine.memory_bytes / 2**30:g} GiB of memory",
        "the model is too large for a microcontroller, or damaged",
        log,
    )
