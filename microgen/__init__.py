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
    from .calibration.audio import FrontEnd
    from .compression.run import Compressed, compress
    from .deployment.fit import Fit, memory_fit
    from .fleet import BoardResult, build_all
    from .inspection import inspect
    from .merging import Merged, merge
    from .pipeline import BuildResult, build
    from .platformio import compile_project, flash, monitor
    from .prediction import Prediction, predict
    from .project.drift import Drift
    from .proof import verify
    from .quantization import Quantized, quantize
    from .recipes import load_recipe, recipe_names
    from .sweeping.run import sweep
    from .sweeping.table import Sweep
    from .tflite import TfliteModel, load
    from .training import Trained, train
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
    "Compressed": "compression.run",
    "compress": "compression.run",
    "flash": "platformio",
    "monitor": "platformio",
    "Drift": "project.drift",
    "Fit": "deployment.fit",
    "memory_fit": "deployment.fit",
    "Merged": "merging",
    "merge": "merging",
    "BuildResult": "pipeline",
    "build": "pipeline",
    "FrontEnd": "calibration.audio",
    "Prediction": "prediction",
    "predict": "prediction",
    "Quantized": "quantization",
    "quantize": "quantization",
    "load_recipe": "recipes",
    "recipe_names": "recipes",
    "inspect": "inspection",
    "verify": "proof",
    "Sweep": "sweeping.table",
    "sweep": "sweeping.run",
    "TfliteModel": "tflite",
    "Trained": "training",
    "train": "training",
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
    "Compressed",
    "Drift",
    "EngineError",
    "Fit",
    "FrontEnd",
    "InputError",
    "Merged",
    "MicrogenError",
    "Prediction",
    "Quantized",
    "SetupError",
    "Sweep",
    "TfliteModel",
    "Trained",
    "Tuned",
    "Verdict",
    "__version__",
    "bench",
    "build",
    "build_all",
    "compile_project",
    "compress",
    "flash",
    "inspect",
    "list_boards",
    "load",
    "load_board",
    "load_recipe",
    "memory_fit",
    "merge",
    "monitor",
    "predict",
    "quantize",
    "recipe_names",
    "selftest",
    "sweep",
    "train",
    "tune",
    "verify",
]


def __getattr__(name: str) -> Any:  # noqa: ANN401
    if name in _LAZY:
        import importlib

        return getattr(importlib.import_module(f".{_LAZY[name]}", __name__), name)
    raise AttributeError(f"module 'microgen' has no attribute '{name}'")
