"""microgen: from a neural network to a flashable, verified TensorFlow Lite Micro firmware project.

import microgen
result = microgen.build("kws.tflite", "esp32", out="kws-esp32")
print(result.verdict.summary())
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .errors import EngineError, InputError, MicrogenError, SetupError

__version__ = "0.1.0"

if TYPE_CHECKING:
    from .benchmark import Bench, bench, selftest
    from .boards import Board, list_boards, load_board
    from .fit import Fit, memory_fit
    from .fleet import BoardResult, build_all
    from .pipeline import BuildResult, build, inspect, verify
    from .platformio import compile_project, flash, monitor
    from .tflite import TfliteModel, load
    from .tuning import Tuned, tune
    from .verification import Verdict

# Imported when first used, so that `import microgen` and `microgen --help` stay cheap.
_LAZY = {
    "Bench": "benchmark",
    "bench": "benchmark",
    "selftest": "benchmark",
    "Board": "boards",
    "list_boards": "boards",
    "load_board": "boards",
    "BoardResult": "fleet",
    "build_all": "fleet",
    "compile_project": "platformio",
    "flash": "platformio",
    "monitor": "platformio",
    "Fit": "fit",
    "memory_fit": "fit",
    "BuildResult": "pipeline",
    "build": "pipeline",
    "inspect": "pipeline",
    "verify": "pipeline",
    "TfliteModel": "tflite",
    "load": "tflite",
    "Tuned": "tuning",
    "tune": "tuning",
    "Verdict": "verification",
}

__all__ = [
    "Bench",
    "Board",
    "BoardResult",
    "BuildResult",
    "EngineError",
    "Fit",
    "InputError",
    "MicrogenError",
    "SetupError",
    "TfliteModel",
    "Tuned",
    "Verdict",
    "__version__",
    "bench",
    "build",
    "build_all",
    "compile_project",
    "flash",
    "inspect",
    "list_boards",
    "load",
    "load_board",
    "memory_fit",
    "monitor",
    "selftest",
    "tune",
    "verify",
]


def __getattr__(name: str) -> Any:  # noqa: ANN401
    if name in _LAZY:
        import importlib

        return getattr(importlib.import_module(f".{_LAZY[name]}", __name__), name)
    raise AttributeError(f"module 'microgen' has no attribute '{name}'")
