"""microgen: from a neural network to a flashable, verified TensorFlow Lite Micro firmware project.

import microgen
result = microgen.build("kws.tflite", "esp32", out="kws-esp32")
print(result.verdict.summary())
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ._version import __version__
from .errors import EngineError, InputError, MicrogenError, SetupError

if TYPE_CHECKING:
    from .boards import Board, list_boards, load_board
    from .compression.run import Compressed, compress
    from .deployment.fit import Fit, memory_fit
    from .frontends.source import load
    from .preprocessing.image import Image, to_rgb565
    from .preprocessing.log_mel import LogMel, to_int16
    from .preprocessing.mfcc import Mfcc
    from .preprocessing.spectrogram import Spectrogram
    from .preprocessing.window import Window
    from .projects.drift import Drift
    from .quantization import Quantized, quantize
    from .recipes import load_recipe, recipe_names
    from .report.html import write_report
    from .report.simulation import write_simulation
    from .sweeping.run import sweep
    from .sweeping.table import Sweep
    from .tflite import TfliteModel
    from .training.train import Trained, train
    from .verification import Verdict
    from .workflows.bench import Bench, bench, selftest
    from .workflows.build import build
    from .workflows.build_all import BoardResult, build_all
    from .workflows.build_result import BuildResult
    from .workflows.flash import compile_project, flash, monitor
    from .workflows.inspect import Inspection, inspect
    from .workflows.merge import Merged, merge
    from .workflows.predict import Prediction, predict
    from .workflows.simulate_input import Simulation, simulate_input
    from .workflows.tune import Tuned, tune
    from .workflows.verify import verify, verify_models

# Imported when first used, so that `import microgen` and `microgen --help` stay cheap.
_LAZY = {
    "Bench": "workflows.bench",
    "bench": "workflows.bench",
    "selftest": "workflows.bench",
    "Board": "boards",
    "list_boards": "boards",
    "load_board": "boards",
    "BoardResult": "workflows.build_all",
    "build_all": "workflows.build_all",
    "compile_project": "workflows.flash",
    "Compressed": "compression.run",
    "compress": "compression.run",
    "flash": "workflows.flash",
    "monitor": "workflows.flash",
    "Drift": "projects.drift",
    "Fit": "deployment.fit",
    "memory_fit": "deployment.fit",
    "Merged": "workflows.merge",
    "merge": "workflows.merge",
    "BuildResult": "workflows.build_result",
    "build": "workflows.build",
    "Image": "preprocessing.image",
    "to_rgb565": "preprocessing.image",
    "LogMel": "preprocessing.log_mel",
    "Mfcc": "preprocessing.mfcc",
    "Spectrogram": "preprocessing.spectrogram",
    "to_int16": "preprocessing.log_mel",
    "Window": "preprocessing.window",
    "Prediction": "workflows.predict",
    "predict": "workflows.predict",
    "Quantized": "quantization",
    "quantize": "quantization",
    "load_recipe": "recipes",
    "recipe_names": "recipes",
    "Inspection": "workflows.inspect",
    "inspect": "workflows.inspect",
    "write_report": "report.html",
    "write_simulation": "report.simulation",
    "Simulation": "workflows.simulate_input",
    "simulate_input": "workflows.simulate_input",
    "verify": "workflows.verify",
    "verify_models": "workflows.verify",
    "Sweep": "sweeping.table",
    "sweep": "sweeping.run",
    "TfliteModel": "tflite",
    "Trained": "training.train",
    "train": "training.train",
    "load": "frontends.source",
    "Tuned": "workflows.tune",
    "tune": "workflows.tune",
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
    "Image",
    "InputError",
    "Inspection",
    "LogMel",
    "Merged",
    "Mfcc",
    "MicrogenError",
    "Prediction",
    "Quantized",
    "SetupError",
    "Simulation",
    "Spectrogram",
    "Sweep",
    "TfliteModel",
    "Trained",
    "Tuned",
    "Verdict",
    "Window",
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
    "simulate_input",
    "sweep",
    "to_int16",
    "to_rgb565",
    "train",
    "tune",
    "verify",
    "verify_models",
    "write_report",
    "write_simulation",
]


def __getattr__(name: str) -> Any:  # noqa: ANN401
    if name in _LAZY:
        import importlib

        from .support.system import check_system

        check_system()
        return getattr(importlib.import_module(f".{_LAZY[name]}", __name__), name)
    raise AttributeError(f"module 'microgen' has no attribute '{name}'")
