"""What runs jobs in processes of their own, and what such a process may take."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Engine:
    """A kind of worker process.

    Attributes:
        name: what messages call it.
        memory_bytes: what it may allocate; more of it is an error of the engine.
        deadline_s: seconds without an answer or progress after which it counts as hung, where the caller gives none.
        environment: variables that are set for it, on top of this process's.
    """

    name: str
    memory_bytes: int = 4 * 2**30
    deadline_s: float = 120.0
    environment: Mapping[str, str] = field(default_factory=dict)


TFLM = Engine("TFLM")
LITERT = Engine("LiteRT")
# TensorFlow, which trains and converts, takes more than an interpreter does. One order of threads and no reordering
# by oneDNN: the same seed gives the same bytes.
CONVERTER = Engine(
    "converter",
    memory_bytes=16 * 2**30,
    deadline_s=1800.0,
    environment={"TF_ENABLE_ONEDNN_OPTS": "0", "KERAS_BACKEND": "tensorflow", "CUDA_VISIBLE_DEVICES": "-1"},
)
