"""What runs jobs in processes of their own, and what such a process may take."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace


@dataclass(frozen=True)
class Engine:
    """A kind of worker process.

    Attributes:
        name: what messages call it.
        memory_bytes: what it may allocate; more of it is an error of the engine.
        deadline_s: seconds without an answer or progress after which it is stopped, where the caller gives none.
        environment: variables that are set for it, on top of this process's.
        hang_hint: what to do about a worker that was stopped.
        preload: modules that are loaded once, in a server from which its workers are forked; engines with the same
            modules share one. The environment is then the server's. None: each worker starts by itself.
    """

    name: str
    memory_bytes: int = 4 * 2**30
    deadline_s: float = 120.0
    environment: Mapping[str, str] = field(default_factory=dict)
    hang_hint: str = "the model makes this engine hang; simplify it"
    preload: tuple[str, ...] = ()


# Elsewhere a process that has loaded such libraries may not be able to fork.
_INTERPRETERS = (
    (
        "ai_edge_litert.interpreter",
        "tflite_micro.python.tflite_micro.runtime",
        "microgen.workers.layer_jobs",
        "microgen.workers.shrink",
    )
    if sys.platform == "linux"
    else ()
)
TFLM = Engine("TFLM", preload=_INTERPRETERS)
LITERT = Engine("LiteRT", preload=_INTERPRETERS)
# TensorFlow, which trains and converts, takes more than an interpreter does. One order of threads and no reordering
# by oneDNN: the same seed gives the same bytes.
CONVERTER = Engine(
    "converter",
    memory_bytes=16 * 2**30,
    deadline_s=1800.0,
    environment={"TF_ENABLE_ONEDNN_OPTS": "0", "KERAS_BACKEND": "tensorflow", "CUDA_VISIBLE_DEVICES": "-1"},
)
# On a user's data a training may take hours. The deadline is that of one epoch, of what comes before the first and of
# what comes after the last.
TRAINING = replace(
    CONVERTER,
    deadline_s=6 * 3600.0,
    hang_hint="use fewer samples or a smaller model, or train in Keras and use the trained model",
)
